"""The verdicts of a close instrument by instrument, as the first version of `analyze` computed them: the slow reference of the
screen.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from tradectl.backtest.context import BacktestContext
from tradectl.backtest.engine import reference
from tradectl.marketdata.store import Store
from tradectl.model.market import Bar, bars_entry
from tradectl.screener.readings import Readings
from tradectl.screener.verdicts import InstrumentVerdict, ScreenRequest
from tradectl.strategy import entry, score
from tradectl.strategy.features import Reading
from tradectl.strategy.trusted_prices import MISSING_BARS, rule_against


class ByInstrument:
    """Each instrument with its own history, columns, and backtest from its first bar."""

    def __init__(self, market: Store, readings: Readings) -> None:
        self.market, self.readings = market, readings

    def verdicts(self, asked: ScreenRequest) -> list[InstrumentVerdict]:
        return [self._verdict(name, asked) for name in asked.universe]

    def _verdict(self, name: str, asked: ScreenRequest) -> InstrumentVerdict:
        instrument, parameters = self.market.instrument(name, asked.session), asked.parameters
        reading = self._reading(name, asked.session, asked.bars)
        if reading is None:
            return InstrumentVerdict(name, instrument.symbol, None, "EXCLUDED", "no_bar", f"no bar of {asked.session}")
        rule = entry.exclusion(reading, instrument, parameters)
        distrusted, why = self._distrusted(name, reading, asked)
        if distrusted and not (rule and distrusted == MISSING_BARS):
            return InstrumentVerdict(name, instrument.symbol, reading, "EXCLUDED", distrusted, why)
        if rule:
            return InstrumentVerdict(
                name, instrument.symbol, reading, "EXCLUDED", rule.code.value, f"not in the universe: {rule}"
            )
        barred = any(bars_entry(action) for action in self.market.actions(name, asked.session, asked.following))
        rule = entry.refusal(reading, parameters, next_session_bars_entry=barred)
        if rule:
            reason = f"RSI {reading.rsi:.1f}, close {reading.close / 100:.2f}: fails {rule}"
            return InstrumentVerdict(name, instrument.symbol, reading, "AVOID", rule.code.value, reason)
        return self._scored(name, instrument.symbol, reading, asked)

    def _distrusted(self, name: str, reading: Reading, asked: ScreenRequest) -> tuple[str, str]:
        history = self.market.history(name)
        assert history is not None
        history = history.through(reading.session)
        bar = asked.bars.get(name) if asked.bars is not None else None
        if bar is not None:
            history = history.through(date.fromordinal(bar.session.toordinal() - 1)).with_bar(bar, reading.multiplier)
        actions = self.market.actions(name, date.min, asked.following)
        return rule_against(history, actions, self.market.panel().sessions, asked.following)

    def _reading(self, name: str, session: date, bars: Mapping[str, Bar] | None) -> Reading | None:
        if bars is None:
            found = self.readings.reading(name, session)
            return found if found is not None and found.session == session else None
        bar = bars.get(name)
        if bar is None:
            return None
        multiplier = self.market.multiplier(name, session, bar.open)
        made = self.readings.reading_with(name, bar, 1.0 if multiplier is None else multiplier)
        return made[1] if made is not None else None

    def _scored(self, name: str, symbol: str, reading: Reading, asked: ScreenRequest) -> InstrumentVerdict:
        parameters, history = asked.parameters, self.market.history(name)
        bar = asked.bars.get(name) if asked.bars is not None else None
        if bar is not None:
            made = self.readings.reading_with(name, bar, reading.multiplier)
            history = made[0] if made is not None else None
        assert history is not None
        columns = self.readings.features_of(history)
        context = BacktestContext.gather(self.market, self.market.sessions, parameters, name, history=history, columns=columns)
        strength = score.strength(reading, parameters)
        backtest, count, win, net = score.backtest_score(reference(context), asked.session, parameters)
        combined = score.combined(strength, backtest, parameters)
        past = f"{count} trades, {win:.0f} % won, net {net:.2f} %"
        reason = f"score {combined:.1f}: strength {strength:.1f}, backtest {backtest:.1f} ({past})"
        verdict = score.verdict(combined, count, parameters)
        return InstrumentVerdict(name, symbol, reading, verdict, "score", reason, strength, backtest, combined, count)
