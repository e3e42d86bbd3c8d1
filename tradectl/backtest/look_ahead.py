"""Check for look-ahead: run an engine again on bars that end earlier, and compare its decisions.

The comparison is made per evening: everything done so far, and the orders for the next session. Evenings are drawn where
look-ahead would show: evenings with an order or a signal, and evenings with an oversold symbol and no order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from msgspec import Struct
from msgspec.structs import astuple

from tradectl.backtest.candidates import Candidate
from tradectl.backtest.context import BacktestContext
from tradectl.backtest.portfolio import Portfolio
from tradectl.backtest.symbol_run import Backtest
from tradectl.ports import Tell, silence

SEEN, SCORE, HELD, ORDERED, TRADED = "features", "score", "position", "orders", "trades"
MISSING = "a bar was read that did not exist yet"
Evening = Mapping[str, Mapping[str, object]]
"""The state of each instrument with a bar of the session, by part such as SEEN or ORDERED. Values are compared exactly."""
M = TypeVar("M")


class CheckDays(NamedTuple):
    """Hold the sessions (ordinals) from which evenings are drawn.

    `there`: an instrument has a bar. `wanted`: there is an order or a signal. `oversold`: a symbol is oversold."""

    there: set[int]
    wanted: set[int]
    oversold: set[int]


class Engine(Protocol[M]):
    """Run a backtest up to an evening. After it returned an `Evening`, it has run through the end of that session."""

    @property
    def caption(self) -> str:
        """Return the name of the engine for the report."""

    def days(self) -> CheckDays:
        """Return the days from which evenings are drawn."""

    def whole(self, session: date) -> Evening:
        """Return an evening of the run over all bars. Call it in ascending order of sessions."""

    def cut(self, session: date) -> M:
        """Return the market with only the bars up to a session."""

    def again(self, market: M, session: date) -> Evening:
        """Return an evening of a new run on a market that `cut` returned. Instruments without bars are left out."""


class LookAheadReport(Struct, frozen=True):
    """Hold the outcome of a check.

    Attributes:
        compared: Number of comparisons: symbols times evenings.
        sessions: Number of evenings.
        differences: One line per difference.
        engine: Name of the engine.
        parts: Names of the compared parts.
    """

    compared: int
    sessions: int
    differences: tuple[str, ...]
    engine: str = ""
    parts: tuple[str, ...] = ()


def look_ahead(engine: Engine[M], sessions: Sequence[date], tell: Tell = silence) -> LookAheadReport:
    """Compare the evenings of `sessions` and return the report. Reading a bar that does not exist yet also counts."""
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


def account_evening(portfolio: Portfolio, session: date) -> Evening:
    """Return the evening of an account. `portfolio` must have run exactly through the end of the session."""
    orders = {buy.column: (number, buy.order, buy.sent) for number, buy in enumerate(portfolio.buys)}
    found = {}
    for column, (item, run) in enumerate(zip(portfolio.candidates, portfolio.runs, strict=True)):
        history = item.context.history
        j = history.index(session)
        if j is not None:
            found[history.instrument_id] = {
                SEEN: _seen(item.context, j),
                SCORE: item.signals.get(j),
                HELD: (run.holding, run.held),
                ORDERED: orders.get(column),
                TRADED: tuple(run.fills),
            }
    return found


def symbols_evening(runs: Iterable[tuple[BacktestContext, Backtest]], session: date) -> Evening:
    """Return the orders and fills up to an evening of symbols that were each run alone. A run may include later sessions."""
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


def account_days(candidates: Sequence[Candidate]) -> CheckDays:
    """Return the days of the symbols of an account."""
    found = CheckDays(set(), set(), set())
    for item in candidates:
        days = item.context.history.sessions
        found.there.update(days.tolist())
        found.wanted.update(days[list(item.signals)].tolist())
        found.oversold.update(_oversold(item.context))
    return found


def symbols_days(runs: Iterable[tuple[BacktestContext, Backtest]]) -> CheckDays:
    """Return the days of symbols that were each run alone."""
    found = CheckDays(set(), set(), set())
    for context, done in runs:
        days = context.history.sessions
        found.there.update(days.tolist())
        found.wanted.update(days[[order.decided for order in done.orders]].tolist())
        found.oversold.update(_oversold(context))
    return found


def evenings(days: CheckDays, sessions: Sequence[date], count: int, seed: int) -> list[date]:
    """Return up to `count` of the sessions with bars, oldest first. `seed`: of the random choice.

    Sessions with a signal or an order and sessions with only an oversold symbol are chosen in turn, then other sessions.
    """
    known = [session for session in sessions if session.toordinal() in days.there]
    generator = np.random.default_rng(seed)
    drawn = [known[i] for i in generator.permutation(len(known)).tolist()]
    wanted = [day for day in drawn if day.toordinal() in days.wanted]
    low = [day for day in drawn if day.toordinal() in days.oversold - days.wanted]
    pairs = [day for pair in zip(wanted, low, strict=False) for day in pair]
    return sorted(list(dict.fromkeys([*pairs, *wanted, *low, *drawn]))[:count])


def _seen(context: BacktestContext, j: int) -> str:
    """Return the features of a bar and the values of the rule as text, because NaN does not equal itself."""
    return repr((*astuple(context.features.reading(context.history, j)), *context.rules.seen(j)))


def _oversold(context: BacktestContext) -> list[int]:
    """Return the sessions (ordinals) with an RSI below the entry level."""
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
