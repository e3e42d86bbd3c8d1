"""Before the market opens: cancel buys that no longer hold, then try again what failed for a reason that may pass.

By now the final bars of the last session are published. Every pending buy is judged again on them by the rule that made it;
the evening's bar was provisional, and a change of a fraction of a percent in the close moves the RSI across its level. Money
from yesterday's sales has arrived too, so orders that were short of funds are sized anew and placed. Regular orders of a broker
that takes no others before the open wait on: `amo-adjust` sends them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import time

from tradectl.execution.buy_revalidation import Standing, again, turn
from tradectl.execution.buying import UNPROVED, DayResult, Purse, day_result, forbidden, pending_buys, quantity_for
from tradectl.execution.orders import Answer
from tradectl.execution.surveillance import known_by_morning, tell_of_held
from tradectl.execution.trading_session import TradingSession
from tradectl.ledger.rows import Decision, Order
from tradectl.model.money import to_rupees
from tradectl.model.order import OrderStatus, Purpose, Side, Variety
from tradectl.task import Context, Outcome

RESULT_KEYS = ("retried", "placed", "failed", "skipped", "cancelled")


@dataclass(frozen=True, slots=True)
class Morning:
    """What one pass shares: what still stands by the final closes, the funds left, and what the day did so far."""

    context: Context
    trading: TradingSession
    standing: Standing
    purse: Purse
    day: DayResult


def run(context: Context) -> Outcome:
    """One pass: cancel, then retry re-entries first and entries by rank."""
    trading, too_late = context.trading(), _too_late(context)
    (trading if too_late else replace(trading, last_try=_now)).reconcile()
    counts: Counter[str] = Counter(dict.fromkeys(RESULT_KEYS, 0))
    _rename(context, trading)
    tell_of_held(trading, trading.snapshot.positions, known_by_morning(context.session, context.world.clock))
    made, judged = context.decided(), set()
    state = forbidden(trading)
    waits = [] if state or too_late else [order for order in trading.snapshot.orders if _waits(order, context)]
    waiting = [order for order in waits if order.waiting or trading.may_repeat(order)]
    world, pending = context.world, pending_buys(trading, context.session)
    standing = Standing.of(
        trading, world.readings, world.parameters, context.session, [*pending, *waiting], sessions=world.sessions
    )
    for order in pending:
        reason = standing.no_longer(order)
        if reason:
            judged.add(order.instrument_id)
            _keep(context, order, "cancelled", reason)
            confirmed = trading.cancel_confirmed(order)
            counts["cancelled" if confirmed else "failed"] += 1
            if not confirmed:
                _keep(context, order, "failed", reason)
    if state:  # cancels have passed; nothing else may
        return Outcome(dict(counts), blocked=state)
    purse = Purse(world.broker.funds().available, world.parameters.tariff)
    morning = Morning(context, trading, standing, purse, day_result(world.ledger.statistics, trading, context.session))
    for order in sorted(waiting, key=turn):
        verdict, reason = _retry(morning, order)
        counts["retried"] += verdict != "cancelled"
        counts[verdict] += 1
        judged.add(order.instrument_id)
        _keep(context, order, verdict, reason)
    before = [_became(trading, instrument_id, made[instrument_id]) for instrument_id in made.keys() - judged]
    counts.update(before)
    counts["retried"] += sum(verdict != "cancelled" for verdict in before)
    trading.follow()
    del counts["unknown"]
    unknown, again_after = trading.doubts()
    return Outcome(dict(counts), again_after, refused=counts["failed"] if again_after is None else 0, unknown=unknown)


def _now() -> time:
    """What is found rejected before this pass is tried again by this pass."""
    return time.max


def _became(trading: TradingSession, instrument_id: str, verdict: str) -> str:
    """What was decided in an earlier step or by a process that died; an order whose fate is known by now was placed."""
    doubtful = any(order.instrument_id == instrument_id for order in trading.snapshot.unknown)
    return "placed" if verdict == "unknown" and not doubtful else verdict


def _rename(context: Context, trading: TradingSession) -> None:
    """Buys of the session take the names that their instruments have today."""
    for order in trading.snapshot.orders:
        if order.session == context.session and order.side is Side.BUY:
            named = context.world.market.instrument(order.instrument_id, context.session)
            if named.symbol != order.symbol:
                trading.book.rename(order.instrument_id, named.symbol)


def _waits(order: Order, context: Context) -> bool:
    """A buy of this session that is not with the broker, or of which nobody knows."""
    doubtful = order.status is OrderStatus.UNKNOWN
    return (order.waiting or doubtful) and order.session == context.session and order.side is Side.BUY


def _too_late(context: Context) -> bool:
    """Once the session has begun an after-market order would go into the next one; what waits is ended by `eod`."""
    session = context.world.sessions.session(context.session)
    return session is None or context.now >= session.phases(closing_auction=True)[0].start


def _retry(morning: Morning, order: Order) -> tuple[str, str]:
    """What became of one waiting order: placed, failed, skipped (it waits on), cancelled (no longer valid); and why."""
    context, trading, close = morning.context, morning.trading, morning.standing.close_of(order)
    reason = morning.standing.invalid(order)
    if reason and not order.waiting:
        return "unknown", f"{reason}; nobody knows what became of the order"
    if reason or close.reading is None:
        return _drop(morning, order, reason or "no bar of its session")
    if order.waiting and order.variety is Variety.REGULAR:
        return "skipped", "waits for 09:05, when the exchange takes it"
    sizing = quantity_for(
        order.price,
        session=context.session,
        parameters=context.world.parameters,
        average_turnover=close.reading.average_turnover,
        purse=morning.purse,
        reentry=order.purpose is Purpose.REENTRY,
    )
    if sizing.quantity == 0:
        return "skipped", sizing.reason
    limit = morning.standing.denied(order, sizing.quantity, morning.day)
    if limit.startswith(UNPROVED):
        return "skipped", limit
    if limit:
        return _drop(morning, order, limit)
    _keep(context, order, "placed", f"BUY {sizing.quantity} {order.symbol} at {order.price / 100:.2f}")
    return _told(morning, order, trading.buy(again(order, sizing.quantity)), sizing.quantity)


def _drop(morning: Morning, order: Order, reason: str) -> tuple[str, str]:
    _keep(morning.context, order, "cancelled", reason)
    morning.trading.path.cancel(order)
    return "cancelled", reason


def _told(morning: Morning, order: Order, answer: Answer, quantity: int) -> tuple[str, str]:
    """The result key of a command's answer, and why."""
    done = f"BUY {quantity} {order.symbol} at {order.price / 100:.2f}"
    if not answer.ok:
        return answer.verdict, answer.reason
    morning.purse.take(morning.context.session, quantity, order.price)
    morning.context.log("order_placed", f"{done}, tried again", order.symbol)
    return answer.verdict, done


def _keep(context: Context, order: Order, verdict: str, reason: str) -> None:
    """Keep what was decided, and before it is done too, so that a process that takes over can count it."""
    inputs = {"order": order.id, "limit_price": to_rupees(order.price)}
    context.decide([Decision(order.instrument_id, order.symbol, verdict, str(order.purpose), reason, inputs)])
