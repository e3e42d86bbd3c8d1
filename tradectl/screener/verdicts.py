"""Hold the input and the result of a screen: the request, and a verdict on each instrument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from msgspec import Struct

from tradectl.model.market import Bar
from tradectl.screener.coverage import MissingQuotes, MissingSessions
from tradectl.strategy.features import Reading
from tradectl.strategy.parameters import Parameters


class InstrumentVerdict(Struct, frozen=True):
    """Hold the verdict on one instrument and its reason.

    `rule`: the rule that decided; `score` for a candidate. `strength`, `backtest` and `combined`: scores from 0 to 100.
    `trades`: the number of earlier trades in the backtest score."""

    instrument_id: str
    symbol: str
    reading: Reading | None
    verdict: str
    rule: str
    reason: str
    strength: float = 0.0
    backtest: float = 0.0
    combined: float = 0.0
    trades: int = 0
    surveillance: str = ""
    """The surveillance measures on the symbol, including short-term ASM, which does not exclude it."""


class ScreenRequest(Struct, frozen=True):
    """Hold the input of a screen.

    Attributes:
        universe: Instrument ids.
        session: The session whose close decides.
        following: The session of the buys.
        bars: Bars of `session` that are not final; None if stored bars are used.
        whole: Whether missing earlier sessions stop the screen.
    """

    universe: tuple[str, ...]
    session: date
    following: date
    bars: Mapping[str, Bar] | None
    parameters: Parameters
    whole: bool = False


class ScreenResult(Struct, frozen=True):
    """Hold the verdicts in the order of the universe.

    `stale`: computed from the last stored bars, because the session has none. `missing`: what a `whole`
    request lacks; then there are no verdicts.
    """

    verdicts: tuple[InstrumentVerdict, ...]
    stale: bool
    missing: MissingSessions | MissingQuotes | None = None


def verdicts_in_order(
    request: ScreenRequest, symbols: Sequence[tuple[str, str | None]], found: Mapping[str, InstrumentVerdict]
) -> tuple[InstrumentVerdict, ...]:
    """Return the verdicts in the order of the universe; an instrument without a verdict has no bar. `symbols`: of all."""
    return tuple(
        found.get(name) or InstrumentVerdict(name, symbol, None, "EXCLUDED", "no_bar", f"no bar of {request.session}")
        for name, (symbol, _) in zip(request.universe, symbols, strict=True)
    )
