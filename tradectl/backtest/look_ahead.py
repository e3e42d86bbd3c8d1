"""Whether an engine knew what came after a decision: run again with every later bar taken away, it must have done the same.

Checked are whole evenings: everything the engine had done by then, and what it ordered for the next session. They are drawn
where a peek would show: evenings with an order or a signal, and evenings on which somebody was oversold and nobody was wanted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import date
from typing import NamedTuple, Protocol, TypeVar

import numpy as np

from tradectl.backtest.candidates import Candidate
from tradectl.backtest.context import BacktestContext
from tradectl.backtest.engine import Backtest
from tradectl.backtest.portfolio import Portfolio
from tradectl.ports import Tell, silence

SEEN, SCORE, HELD, ORDERED, TRADED = (
    "what the rules see",
    "how good it is",
    "what is held",
    "what is ordered",
    "what was traded",
)
MISSING = "a bar was asked for that was not there yet"
Evening = Mapping[str, Mapping[str, object]]
"""By instrument with a bar of a session: what had been done by its evening, each part under its words, to the last bit."""
M = TypeVar("M")


class CheckDays(NamedTuple):
    """Sessions (ordinals) on which anybody has a bar; of them those with an order or a signal, and those on which somebody was
    oversold."""

    there: set[int]
    wanted: set[int]
    oversold: set[int]


class Engine(Protocol[M]):
    """What made the trades that are checked. Where it gives an `Evening`, it has gone through the end of that session."""

    @property
    def caption(self) -> str:
        """What it is, for a person."""

    def days(self) -> CheckDays:
        """From which evenings are drawn."""

    def whole(self, session: date) -> Evening:
        """As it was run, with all that came later. Asked for in ascending order."""

    def cut(self, session: date) -> M:
        """The market as it was known on that evening."""

    def again(self, market: M, session: date) -> Evening:
        """On a market that was cut so. What there was not yet is left out."""


@dataclass(frozen=True, slots=True)
class LookAheadReport:
    """`compared` symbols and evenings, of so many `sessions`; `differences` in words, one each. `engine` is what was run again,
    `parts` what was compared."""

    compared: int
    sessions: int
    differences: tuple[str, ...]
    engine: str = ""
    parts: tuple[str, ...] = ()


def look_ahead(engine: Engine[M], sessions: Sequence[date], tell: Tell = silence) -> LookAheadReport:
    """Compare the evenings of `sessions`. A rule that asks for a bar that is not there yet is a difference too."""
    compared = 0
    differences: list[str] = []
    parts: dict[str, None] = {}
    for number, session in enumerate(sorted(sessions), 1):
        known = engine.whole(session)
        compared += len(known)
        parts |= {part: None for decided in known.values() for part in decided}
        market = engine.cut(session)
        try:
            found = engine.again(market, session)
        except IndexError:
            differences.append(f"{session}: {MISSING}")
        else:
            differences += _differences(session, known, found)
        tell(session.isoformat(), number, len(sessions))
    return LookAheadReport(compared, len(sessions), tuple(differences), engine.caption, tuple(parts))


def of_account(portfolio: Portfolio, session: date) -> Evening:
    """Of an account that has gone through the end of that session and no further."""
    orders = {buy.column: (number, buy.order, buy.sent) for number, buy in enumerate(portfolio.buys)}
    found = {}
    for column, (item, run) in enumerate(zip(portfolio.candidates, portfolio.runs, strict=True)):
        history = item.context.history
        j = history.index(session)
        if j is not None:
            found[history.instrument_id] = {
                SEEN: _seen(item.context, j),
                SCORE: item.signals.get(j),
                HELD: (run.holding, run.level, run.buys, run.decided),
                ORDERED: orders.get(column),
                TRADED: tuple(run.fills),
            }
    return found


def of_symbols(runs: Iterable[tuple[BacktestContext, Backtest]], session: date) -> Evening:
    """Return the orders and fills of each symbol alone up to that evening. A run may have gone on since."""
    found = {}
    for context, done in runs:
        history = context.history
        j = history.index(session)
        if j is not None:
            fills = tuple(fill for fill in done.fills if fill.session <= session)
            adjusted = tuple(item for item in done.adjustments if item.ex_date <= session)
            orders = tuple(order for order in done.orders if order.decided <= j)
            found[history.instrument_id] = {SEEN: _seen(context, j), ORDERED: orders, TRADED: (fills, adjusted)}
    return found


def days_of_account(candidates: Sequence[Candidate]) -> CheckDays:
    found = CheckDays(set(), set(), set())
    for item in candidates:
        days = item.context.history.sessions
        found.there.update(days.tolist())
        found.wanted.update(days[list(item.signals)].tolist())
        found.oversold.update(_oversold(item.context))
    return found


def days_of_symbols(runs: Iterable[tuple[BacktestContext, Backtest]]) -> CheckDays:
    """Return the days of symbols that were each run alone."""
    found = CheckDays(set(), set(), set())
    for context, done in runs:
        days = context.history.sessions
        found.there.update(days.tolist())
        found.wanted.update(days[[order.decided for order in done.orders]].tolist())
        found.oversold.update(_oversold(context))
    return found


def evenings(days: CheckDays, sessions: Sequence[date], count: int, seed: int) -> list[date]:
    """So many of the sessions on which anybody has a bar, or all there are: by turns one with a signal or an order and one on
    which somebody was only oversold."""
    known = [session for session in sessions if session.toordinal() in days.there]
    generator = np.random.default_rng(seed)
    drawn = [known[i] for i in generator.permutation(len(known)).tolist()]
    wanted = [day for day in drawn if day.toordinal() in days.wanted]
    low = [day for day in drawn if day.toordinal() in days.oversold - days.wanted]
    pairs = [day for pair in zip(wanted, low, strict=False) for day in pair]
    return sorted(list(dict.fromkeys([*pairs, *wanted, *low, *drawn]))[:count])


def _seen(context: BacktestContext, j: int) -> str:
    """As text: not a number equals itself."""
    return repr(astuple(context.features.reading(context.history, j)))


def _oversold(context: BacktestContext) -> list[int]:
    found: list[int] = context.history.sessions[context.features.rsi < context.parameters.rsi_entry_above].tolist()
    return found


def _differences(session: date, known: Evening, found: Evening) -> list[str]:
    words = []
    for name, decided in known.items():
        again = found.get(name, {})
        unequal = [part for part, value in decided.items() if part not in again or again[part] != value]
        if unequal:
            words.append(f"{name} on {session}: {', '.join(unequal)}")
    return words
