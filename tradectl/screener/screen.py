"""Return a verdict on every instrument of a universe at a close: apply the rules to all, and score those that pass.

The rules read one row of features. For a candidate, the screen also reads the ex-dates up to the next session and the candidate's
earlier trades under the rules. `own_screen` does the same for an own strategy.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from tradectl.backtest.context import BacktestContext
from tradectl.exchange.sessions import SessionTable
from tradectl.ports import MarketData, Tell, silence
from tradectl.screener.admission import Admission, UniverseClose, universe_close
from tradectl.screener.readings import Readings
from tradectl.screener.verdicts import InstrumentVerdict, ScreenRequest, ScreenResult, verdicts_in_order
from tradectl.strategy import entry, score
from tradectl.strategy.features import Reading
from tradectl.strategy.rule_set import SHARES


def screen(market: MarketData, sessions: SessionTable, known: Readings, request: ScreenRequest, tell: Tell) -> ScreenResult:
    """Return a verdict on every instrument. If a `whole` request lacks sessions, return only `missing`.

    If the session has no bar at all, every instrument is excluded, unless the setting `allow_stale` is on.
    """
    close = universe_close(market, sessions, known, request, tell)
    if not isinstance(close, UniverseClose):
        return ScreenResult((), stale=False, missing=close)
    found = _Screener(market, sessions, known, request).row(close)
    symbols = market.names(request.universe, request.session)
    return ScreenResult(verdicts_in_order(request, symbols, found), close.stale and bool(found))


def screen_alone(market: MarketData, sessions: SessionTable, request: ScreenRequest) -> ScreenResult:
    """Run `screen` with new `Readings`, for a separate process."""
    return screen(market, sessions, Readings(market, request.parameters), request, silence)


class _Screener:
    """Apply the rules to a row of instruments, and score those that pass."""

    def __init__(self, market: MarketData, sessions: SessionTable, known: Readings, request: ScreenRequest) -> None:
        self.market, self.sessions, self.known, self.request = market, sessions, known, request
        self.admission = Admission(market, known, request)

    def row(self, close: UniverseClose) -> Mapping[str, InstrumentVerdict]:
        """Return the verdicts on the instruments with a bar, by instrument id."""
        admission, found = self.admission, dict[str, InstrumentVerdict]()
        row, table = admission.row(close, SHARES)
        refused = entry.refusals(table, self.request.parameters).tolist()
        for item, no in zip(row, refused, strict=True):
            name, reading = item.instrument_id, item.reading
            if item.rule:
                found[name] = InstrumentVerdict(name, item.symbol, reading, "EXCLUDED", item.rule, item.reason)
            elif no or (no := admission.ex_date(name)):
                reason = f"RSI {reading.rsi:.1f}, close {reading.close / 100:.2f}: fails {no}"
                found[name] = InstrumentVerdict(name, item.symbol, reading, "AVOID", no, reason)
            else:
                found[name] = self._scored(item.symbol, reading, self._context(name, reading))
        for name in found.keys() & admission.surveillance.named():
            found[name] = replace(found[name], surveillance=admission.surveillance.stages(name))
        return found

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
        history, parameters = self.admission.history_of(instrument_id, reading), self.request.parameters
        columns = self.known.features_of(history)
        return BacktestContext.gather(self.market, self.sessions, parameters, instrument_id, history=history, columns=columns)
