"""Scan the universe on today's close, backtest, score and store BUY and STRONG_BUY signals for the next run session.

Without today's bar nothing is analysed: yesterday is never taken for today in silence. Every verdict is kept with its inputs,
those that say no too, so that `why SYMBOL` can answer.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date

from tradectl.errors import DataError
from tradectl.execution.closing import Close, closes, is_final, last_known
from tradectl.ledger.rows import Decision, Signal
from tradectl.model.market import bars_entry
from tradectl.model.moment import ist_date
from tradectl.strategy import entry, exits, score
from tradectl.strategy.backtest import Facts, reference
from tradectl.strategy.reentry import level_at_entry
from tradectl.task import Context, Outcome


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided about one instrument, with everything that led to it."""

    close: Close
    verdict: str
    rule: str
    reason: str
    strength: float = 0.0
    backtest: float = 0.0
    combined: float = 0.0
    trades: int = 0


def run(context: Context) -> Outcome:
    """One scan. Raises DataError (exit 8) where no instrument of the universe has a bar of today."""
    world, session = context.world, context.session
    universe = world.market.universe(world.parameters.universe)
    seen = closes(universe, session, broker=world.broker, market=world.market, readings=world.readings, clock=world.clock)
    stale = not any(close.reading for close in seen.values())
    if stale and world.parameters.allow_stale:
        seen = last_known(universe, session, market=world.market, readings=world.readings)
    if not any(close.reading for close in seen.values()):
        hint = "" if world.parameters.allow_stale else "; --allow-stale takes the last stored bars instead"
        raise DataError(f"no bar of {session} for any of the {len(universe)} instruments of {world.parameters.universe}{hint}")
    following = world.sessions.next_run_session(session).date
    verdicts = [_judge(context, close, following) for close in seen.values()]
    ranked = sorted((item for item in verdicts if item.verdict in {"STRONG_BUY", "BUY"}), key=_rank)
    state = "final" if stale or is_final(session, context.now) else "provisional"
    if not context.dry_run:
        signals = [_signal(context, item, rank, following, state) for rank, item in enumerate(ranked, 1)]
        world.ledger.signals.replace(session, signals, context.now)
        world.ledger.decisions.replace_run("analyze", session, context.slot, [_decision(item) for item in verdicts], context.now)
    if stale:
        context.log("stale_data", f"analysed the last stored bars: there is none of {session}", level="warning")
    return Outcome(_counts(verdicts) | {"for_session": following.isoformat(), "data": "stale" if stale else state})


def _judge(context: Context, close: Close, following: date) -> Verdict:
    world, parameters = context.world, context.world.parameters
    instrument, history, reading = close.instrument, close.history, close.reading
    if reading is None or history is None:
        return Verdict(close, "EXCLUDED", "no_bar", f"no bar of {context.session}")
    rule = entry.exclusion(reading, instrument, parameters)
    if rule:
        return Verdict(close, "EXCLUDED", rule, f"not in the universe: {rule}")
    barred = any(bars_entry(action) for action in world.market.actions(instrument.instrument_id, context.session, following))
    rule = entry.refusal(reading, parameters, next_session_bars_entry=barred)
    if rule:
        return Verdict(close, "AVOID", rule, f"RSI {reading.rsi:.1f}, close {reading.close / 100:.2f}: fails {rule}")
    strength = score.strength(reading, parameters)
    facts = Facts.gather(
        world.market, world.sessions, parameters, instrument.instrument_id, history=history, readings=world.readings
    )
    trades = world.readings.trades(history, lambda: reference(facts))
    backtest, count, win, net = score.backtest_score(trades, context.session, parameters)
    combined = score.combined(strength, backtest, parameters)
    past = f"{count} trades, {win:.0f} % won, net {net:.2f} %"
    reason = f"score {combined:.1f}: strength {strength:.1f}, backtest {backtest:.1f} ({past})"
    return Verdict(close, score.verdict(combined, count, parameters), "score", reason, strength, backtest, combined, count)


def _rank(item: Verdict) -> tuple[int, float, str]:
    return score.rank(score.Verdict(item.verdict), item.combined, item.close.instrument.symbol)


def _signal(context: Context, item: Verdict, rank: int, following: date, state: str) -> Signal:
    instrument, reading = item.close.instrument, item.close.reading
    assert reading is not None
    parameters = context.world.parameters
    tick = context.world.market.instrument(instrument.instrument_id, following).tick_size
    return Signal(
        instrument_id=instrument.instrument_id,
        symbol=instrument.symbol,
        analysed=context.session,
        for_session=following,
        verdict=item.verdict,
        rank=rank,
        close=reading.close,
        limit_price=exits.entry_limit(reading.close, tick, parameters),
        rsi=reading.rsi,
        ema9=reading.ema_fast,
        level=level_at_entry(reading.rsi, parameters),
        strength=item.strength,
        backtest=item.backtest,
        combined=item.combined,
        trades=item.trades,
        bars=reading.bars,
        average_turnover=reading.average_turnover,
        data_state=state,
        data_date=reading.session,
        status="expired" if ist_date(context.now) > following else "active",
    )


def _decision(item: Verdict) -> Decision:
    instrument, reading = item.close.instrument, item.close.reading
    inputs = {} if reading is None else reading.inputs()
    if item.rule == "score":
        inputs |= {
            "strength": round(item.strength, 4),
            "backtest": round(item.backtest, 4),
            "combined": round(item.combined, 4),
            "trades": item.trades,
        }
    return Decision(instrument.instrument_id, instrument.symbol, item.verdict, item.rule, item.reason, inputs)


def _counts(verdicts: list[Verdict]) -> dict[str, object]:
    count = Counter(item.verdict for item in verdicts)
    rules = {
        kind: dict(sorted(Counter(item.rule for item in verdicts if item.verdict == kind.upper()).items()))
        for kind in ("excluded", "avoid")
    }
    return {
        "scanned": len(verdicts),
        "excluded": count["EXCLUDED"],
        "avoid": count["AVOID"],
        "watch": count["WATCH"],
        "buy": count["BUY"],
        "strong_buy": count["STRONG_BUY"],
        "by_rule": rules,
    }
