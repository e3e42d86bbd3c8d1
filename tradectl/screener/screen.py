"""Return a verdict on every instrument of a universe at a close: apply the rules to all, and score those that pass.

The rules read one row of features. For a candidate, the screen also reads the ex-dates up to the next session and the candidate's
earlier trades under the rules. It reads the history of an instrument only if its prices show a jump or a bar is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tradectl.backtest.context import BacktestContext
from tradectl.exchange.sessions import SessionTable
from tradectl.model.history import History, Ints
from tradectl.model.market import Bar, bars_entry
from tradectl.model.panel import GAP
from tradectl.ports import MarketData, Tell, silence
from tradectl.screener.coverage import MissingQuotes, MissingSessions, missing_quotes, missing_sessions
from tradectl.screener.current_features import current_features, current_readings
from tradectl.screener.readings import Readings
from tradectl.screener.state import FeatureState, PanelColumns
from tradectl.strategy import entry, score
from tradectl.strategy.features import Reading
from tradectl.strategy.parameters import Parameters
from tradectl.strategy.trusted_prices import (
    MEMORY,
    MISSING_BARS,
    UNKNOWN_ACTION,
    WINDOW,
    rule_against,
    why_missing,
    why_undecided,
)


@dataclass(frozen=True, slots=True)
class InstrumentVerdict:
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


@dataclass(frozen=True, slots=True)
class ScreenRequest:
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


@dataclass(frozen=True, slots=True)
class ScreenResult:
    """Hold the verdicts in the order of the universe.

    `stale`: computed from the last stored bars, because the session has none. `missing`: what a `whole`
    request lacks; then there are no verdicts.
    """

    verdicts: tuple[InstrumentVerdict, ...]
    stale: bool
    missing: MissingSessions | MissingQuotes | None = None


def screen(market: MarketData, sessions: SessionTable, known: Readings, request: ScreenRequest, tell: Tell) -> ScreenResult:
    """Return a verdict on every instrument. If a `whole` request lacks sessions, return only `missing`.

    If the session has no bar at all, every instrument is excluded, unless the setting `allow_stale` is on.
    """
    if request.whole:
        allowed, final = request.parameters.allow_stale, request.bars is None
        missing = missing_sessions(market.panel(), sessions, request.universe, request.session, final=final, stale=allowed)
        quoteless = missing_quotes(market.panel(), request.universe, request.session, request.bars) if request.bars else None
        if missing is not None or quoteless is not None:
            return ScreenResult((), stale=False, missing=missing or quoteless)
    state = _state_at(known, request, tell)
    column = {instrument_id: number for number, instrument_id in enumerate(state.instruments)}
    chosen = np.array([column.get(name, -1) for name in request.universe], dtype=np.intp)
    seen = _has_bar(state, chosen, request.session)
    stale = not seen.any() and request.parameters.allow_stale
    if stale:
        state = known.states.through(request.session, tell)
        seen = (chosen >= 0) & (state.arrays["bars"][chosen] > 0) if len(state.instruments) else seen
    screener = _Screener(market, sessions, known, request)
    found = screener.row(state, chosen[seen], [name for name, there in zip(request.universe, seen, strict=True) if there])
    symbols = market.names(request.universe, request.session)
    verdicts = (
        found.get(name) or InstrumentVerdict(name, symbol, None, "EXCLUDED", "no_bar", f"no bar of {request.session}")
        for name, (symbol, _) in zip(request.universe, symbols, strict=True)
    )
    return ScreenResult(tuple(verdicts), stale and bool(found))


def screen_alone(market: MarketData, sessions: SessionTable, request: ScreenRequest) -> ScreenResult:
    """Run `screen` with new `Readings`, for a separate process."""
    return screen(market, sessions, Readings(market, request.parameters), request, silence)


def _state_at(known: Readings, request: ScreenRequest, tell: Tell) -> FeatureState:
    if request.bars is None:
        return known.states.through(request.session, tell)
    return known.states.ahead(request.session, request.bars, tell)


def _has_bar(state: FeatureState, chosen: PanelColumns, session: date) -> NDArray[np.bool_]:
    """Return which of the chosen instruments have a bar of a session."""
    if not len(state.instruments):
        return np.zeros(len(chosen), dtype=np.bool_)
    seen: NDArray[np.bool_] = (chosen >= 0) & (state.arrays["day"][chosen] == session.toordinal())
    return seen


class _Screener:
    """Apply the rules to a row of instruments, and score those that pass."""

    def __init__(self, market: MarketData, sessions: SessionTable, known: Readings, request: ScreenRequest) -> None:
        self.market, self.sessions, self.known, self.request = market, sessions, known, request
        self.surveillance = market.surveillance(request.session)
        self.watched = self.surveillance.excluded()

    def row(self, state: FeatureState, chosen: PanelColumns, names: Sequence[str]) -> dict[str, InstrumentVerdict]:
        """Return the verdicts on instruments with a bar, by instrument id. `chosen`: their columns in the state."""
        parameters = self.request.parameters
        table = current_features(state, chosen, parameters)
        rows = current_readings(state, chosen, table)
        named = self.market.names(names, self.request.session)
        shares = np.array([entry.is_share(isin) for _, isin in named], dtype=np.bool_)
        series = np.array([reading.series for reading in rows], dtype=np.str_)
        free = np.array([name not in self.watched for name in names], dtype=np.bool_)
        excluded = entry.exclusions(series, shares, state.arrays["close"][chosen], table, parameters, free=free).tolist()
        refused = entry.refusals(table, parameters).tolist()
        found = {}
        for i, (name, (symbol, _), reading, out, no) in enumerate(zip(names, named, rows, excluded, refused, strict=True)):
            rule, why = self._distrusted(state, int(chosen[i]), name, reading)
            if out and rule in {"", MISSING_BARS}:  # a fund that also lacks bars is excluded as a fund
                detail = f"{out}, {self.surveillance.excluding(name)}" if out == "surveillance" else out
                rule, why = out, f"not in the universe: {detail}"
            if rule:
                found[name] = InstrumentVerdict(name, symbol, reading, "EXCLUDED", rule, why)
            elif no or (no := self._ex_date(name)):
                reason = f"RSI {reading.rsi:.1f}, close {reading.close / 100:.2f}: fails {no}"
                found[name] = InstrumentVerdict(name, symbol, reading, "AVOID", no, reason)
            else:
                found[name] = self._scored(symbol, reading, self._context(name, reading))
        for name in found.keys() & self.surveillance.named():
            found[name] = replace(found[name], surveillance=self.surveillance.stages(name))
        return found

    def _distrusted(self, state: FeatureState, column: int, name: str, reading: Reading) -> tuple[str, str]:
        """Return the rule of `trusted_prices` that excludes an instrument, and the reason; both are empty if none does.

        The whole history is read only if the state shows a jump.
        """
        undecided = self._undecided.get(name)
        if undecided is not None and undecided <= self.request.following:
            return UNKNOWN_ACTION, why_undecided(undecided)
        jump, bars = int(state.arrays["jump"][column]), int(state.arrays["bars"][column])
        if not (jump and bars - jump < MEMORY):
            lacking = self._lacking.get(name)
            return ("", "") if lacking is None else (MISSING_BARS, why_missing(lacking))
        actions = self.market.actions(name, date.min, self.request.following)
        history = self._history(name, reading).through(self.request.session)
        return rule_against(history, actions, self.market.panel().sessions, self.request.following)

    @cached_property
    def _undecided(self) -> Mapping[str, date]:
        return self.market.undecided()

    @cached_property
    def _lacking(self) -> Mapping[str, Ints]:
        """Return the instruments with missing bars, each with the sessions (ordinals) that lack one, oldest first.

        The WINDOW sessions up to the last bar of an instrument are searched. A bar that is not final counts as the last one."""
        panel, session, found = self.market.panel(), self.request.session, {}
        end = panel.last_index(session) + 1
        begin = max(0, end - WINDOW)
        state = np.asarray(panel.state[begin:end])
        today = end > 0 and panel.sessions[end - 1] == session.toordinal()
        for column in np.flatnonzero((state == GAP).any(axis=0)).tolist():
            name, there = panel.instruments[column], state[:, column]
            live = self.request.bars is not None and name in self.request.bars
            if live:
                last = len(state) - 1 if today else len(state)
            else:
                bars = np.flatnonzero(there > 0)
                last = int(bars[-1]) if len(bars) else -1
            gaps = np.flatnonzero(there[:last] == GAP) if last > 0 else np.empty(0, dtype=np.int64)
            gaps = gaps[gaps > last - WINDOW]
            if len(gaps):
                found[name] = panel.sessions[begin + gaps]
        return found

    def _ex_date(self, instrument_id: str) -> str:
        """Return the rule `ex_date` if an ex-date up to the next session forbids an entry, else empty text."""
        actions = self.market.actions(instrument_id, self.request.session, self.request.following)
        return "ex_date" if any(bars_entry(action) for action in actions) else ""

    def _scored(self, symbol: str, reading: Reading, context: BacktestContext) -> InstrumentVerdict:
        parameters, instrument_id = self.request.parameters, context.history.instrument_id
        strength = score.strength(reading, parameters)
        trades = self.known.trades(context)
        backtest, count, win, net = score.backtest_score(trades, self.request.session, parameters)
        combined = score.combined(strength, backtest, parameters)
        past = f"{count} trades, {win:.0f} % won, net {net:.2f} %"
        reason = f"score {combined:.1f}: strength {strength:.1f}, backtest {backtest:.1f} ({past})"
        verdict = score.verdict(combined, count, parameters)
        return InstrumentVerdict(
            instrument_id=instrument_id,
            symbol=symbol,
            reading=reading,
            verdict=verdict,
            rule="score",
            reason=reason,
            strength=strength,
            backtest=backtest,
            combined=combined,
            trades=count,
        )

    def _context(self, instrument_id: str, reading: Reading) -> BacktestContext:
        """Return the backtest context of an instrument, from its first bar on."""
        history, parameters = self._history(instrument_id, reading), self.request.parameters
        columns = self.known.features_of(history)
        return BacktestContext.gather(self.market, self.sessions, parameters, instrument_id, history=history, columns=columns)

    def _not_final(self, instrument_id: str, reading: Reading) -> Bar | None:
        """Return the bar of the reading if it is not final; None if it is stored."""
        bar = self.request.bars.get(instrument_id) if self.request.bars is not None else None
        return bar if bar is not None and reading.session == bar.session else None

    def _history(self, instrument_id: str, reading: Reading) -> History:
        """Return the history of a reading: the stored bars, or the earlier ones and the bar that is not final."""
        bar = self._not_final(instrument_id, reading)
        if bar is not None:
            found = self.known.reading_with(instrument_id, bar, reading.multiplier)
            history = found[0] if found is not None else None
        else:
            history = self.market.history(instrument_id)
        if history is None:
            raise ValueError(f"{instrument_id} was scanned and has no bars")
        return history
