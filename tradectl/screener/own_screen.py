"""Return the verdicts of an own strategy on every instrument of a universe at a close, best first.

The rules of the universe, the rules of trusted prices and the ex-dates are those of the shipped rule. The entry condition of the
strategy takes the place of its RSI, and the strategy's score takes the place of its backtest. The decisions are those of
`backtest --portfolio`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from tradectl.backtest.candidates import own_score
from tradectl.exchange.sessions import SessionTable
from tradectl.model.refusal import RefusalCode
from tradectl.ports import MarketData, StrategyText, Tell, silence
from tradectl.screener.admission import Admission, Candidacy, UniverseClose, universe_close
from tradectl.screener.own_rules import KnownBars, own_rules
from tradectl.screener.readings import Readings
from tradectl.screener.verdicts import InstrumentVerdict, ScreenRequest, ScreenResult, verdicts_in_order
from tradectl.strategy.column_rules import SECURITIES, ColumnRules, Rule
from tradectl.strategy.score import Verdict
from tradectl.strategy.strategy_forms import strategy_of

ENTRY = "entry"
"""The rule of a verdict that the strategy's own condition decided."""


class OwnScreen(Struct, frozen=True):
    """Hold the verdicts of an own strategy. `ranked`: the instrument ids of its buys, best first."""

    close: ScreenResult
    ranked: tuple[str, ...]


def own_screen(
    market: MarketData, sessions: SessionTable, known: Readings, request: ScreenRequest, *, rule: Rule, tell: Tell = silence
) -> OwnScreen:
    """Return the verdicts and the buys. The score of a buy is in `combined`; 0 without a score."""
    close = universe_close(market, sessions, known, request, tell)
    if not isinstance(close, UniverseClose):
        return OwnScreen(ScreenResult((), stale=False, missing=close), ())
    found, ranked = _Screener(market, known, request, rule).row(close)
    symbols = market.names(request.universe, request.session)
    return OwnScreen(ScreenResult(verdicts_in_order(request, symbols, found), close.stale and bool(found)), ranked)


def own_screen_alone(market: MarketData, sessions: SessionTable, request: ScreenRequest, text: StrategyText) -> OwnScreen:
    """Run `own_screen` with new `Readings` and a new rule, for a separate process."""
    rule = strategy_of(text.name, text.form, text.text, text.file).rule()
    return own_screen(market, sessions, Readings(market, request.parameters), request, rule=rule)


class _Screener:
    """Apply the rules of the universe and those of the strategy."""

    def __init__(self, market: MarketData, known: Readings, request: ScreenRequest, rule: Rule) -> None:
        self.market, self.request, self.rule = market, request, rule
        self.admission = Admission(market, known, request)
        self.condition = dict(rule.texts).get("entry", "the entry condition")

    def row(self, close: UniverseClose) -> tuple[Mapping[str, InstrumentVerdict], tuple[str, ...]]:
        """Return the verdicts on the instruments with a bar, and the ids of the buys, best first."""
        admission, request = self.admission, self.request
        row, _ = admission.row(close, SECURITIES[self.rule.securities])
        bars = KnownBars(self.market, request.session, None if close.stale else request.bars)
        inside = [item.instrument_id for item in row if not item.rule]
        rules = own_rules(self.rule, bars, inside, request.universe)
        found, ranks = dict[str, InstrumentVerdict](), list[tuple[float, str, str]]()
        for item in row:
            name = item.instrument_id
            if item.rule:
                found[name] = InstrumentVerdict(name, item.symbol, item.reading, "EXCLUDED", item.rule, item.reason)
                continue
            found[name], place = self._decided(item, rules[name])
            if place is not None:
                ranks.append((-place, item.symbol, name))
        for name in found.keys() & admission.surveillance.named():
            found[name] = replace(found[name], surveillance=admission.surveillance.stages(name))
        return found, tuple(name for _, _, name in sorted(ranks))

    def _decided(self, item: Candidacy, rules: ColumnRules) -> tuple[InstrumentVerdict, float | None]:
        """Return the verdict on an instrument of the universe, and its place among the buys; None if it is not bought."""
        name, reading, last = item.instrument_id, item.reading, len(rules.history) - 1
        if not rules.entries[last]:
            reason = f"close {reading.close / 100:.2f}: not true: {self.condition}"
            return InstrumentVerdict(name, item.symbol, reading, Verdict.AVOID, ENTRY, reason), None
        if self.admission.ex_date(name):
            reason = f"close {reading.close / 100:.2f}: true: {self.condition}; an ex-date forbids the buy"
            return InstrumentVerdict(name, item.symbol, reading, Verdict.AVOID, RefusalCode.EX_DATE, reason), None
        score = rules.score(last)
        shown = "" if score is None else f"; score {score:.4g}" if math.isfinite(score) else "; its score is not known"
        verdict = InstrumentVerdict(
            instrument_id=name,
            symbol=item.symbol,
            reading=reading,
            verdict=Verdict.BUY,
            rule=ENTRY,
            reason=f"close {reading.close / 100:.2f}: true: {self.condition}{shown}",
            combined=score if score is not None and math.isfinite(score) else 0.0,
        )
        return verdict, own_score(score, float(reading.average_turnover))
