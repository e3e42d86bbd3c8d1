"""Before the market opens: cancel buys that no longer hold, then try again what failed for a reason that may pass.

By now the final bars of the last session are published. Every pending buy is judged again on them by the rule that made it;
the evening's bar was provisional, and a change of a fraction of a percent in the close moves the RSI across its level. Money
from yesterday's sales has arrived too, so orders that were short of funds are sized anew and placed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from tradectl.execution.buying import DayResult, Purse, day_result, denied, forbidden, pending_buys, quantity_for
from tradectl.execution.closing import Close, closes
from tradectl.execution.desk import Desk
from tradectl.execution.orders import Answer, Sent
from tradectl.execution.reentries import level_now
from tradectl.ledger.rows import Decision, Intent, Order
from tradectl.model.market import bars_entry
from tradectl.model.money import to_rupees
from tradectl.model.order import OrderStatus, Purpose, Side
from tradectl.strategy import entry
from tradectl.task import Context, Outcome

RESULT_KEYS = ("retried", "placed", "failed", "skipped", "cancelled")


@dataclass(frozen=True, slots=True)
class Morning:
    """What one pass shares: the final closes by instrument and deciding session, the funds left, and what the day did so far."""

    context: Context
    desk: Desk
    seen: Mapping[tuple[str, date], Close]
    purse: Purse
    day: DayResult

    def close_of(self, order: Order) -> Close:
        return self.seen[order.instrument_id, order.decided]


def run(context: Context) -> Outcome:
    """One pass: cancel, then retry re-entries first and entries by rank."""
    desk = context.desk()
    desk.reconcile()
    counts: Counter[str] = Counter(dict.fromkeys(RESULT_KEYS, 0))
    _rename(context, desk)
    made, judged = context.decided(), set()
    state = forbidden(desk)
    waits = [] if state or _too_late(context) else [order for order in desk.snapshot.orders if _waits(order, context)]
    waiting = [order for order in waits if order.waiting or desk.may_repeat(order)]
    seen = _closes(context, [*pending_buys(desk, context.session), *waiting])
    for order in pending_buys(desk, context.session):
        reason = _no_longer(context, desk, order, seen[order.instrument_id, order.decided])
        if reason:
            judged.add(order.instrument_id)
            _keep(context, order, "cancelled", reason)
            confirmed = desk.cancel_confirmed(order)
            counts["cancelled" if confirmed else "failed"] += 1
            if not confirmed:
                _keep(context, order, "failed", reason)
    if state:  # cancels have passed; nothing else may
        return Outcome(dict(counts), blocked=state)
    purse = Purse(context.world.broker.funds().available)
    morning = Morning(context, desk, seen, purse, day_result(context.world.ledger.statistics, desk, context.session))
    for order in sorted(waiting, key=_turn):
        verdict, reason = _retry(morning, order)
        counts["retried"] += verdict != "cancelled"
        counts[verdict] += 1
        judged.add(order.instrument_id)
        _keep(context, order, verdict, reason)
    before = [_became(desk, instrument_id, made[instrument_id]) for instrument_id in made.keys() - judged]
    counts.update(before)
    counts["retried"] += sum(verdict != "cancelled" for verdict in before)
    desk.follow()
    del counts["unknown"]
    unknown, again_after = desk.doubts()
    return Outcome(dict(counts), again_after, refused=counts["failed"] if again_after is None else 0, unknown=unknown)


def _became(desk: Desk, instrument_id: str, verdict: str) -> str:
    """What was decided in an earlier step or by a process that died; an order whose fate is known by now was placed."""
    doubtful = any(order.instrument_id == instrument_id for order in desk.snapshot.unknown)
    return "placed" if verdict == "unknown" and not doubtful else verdict


def _rename(context: Context, desk: Desk) -> None:
    """Buys of the session take the names that their instruments have today."""
    for order in desk.snapshot.orders:
        if order.session == context.session and order.side is Side.BUY:
            named = context.world.market.instrument(order.instrument_id, context.session)
            if named.symbol != order.symbol:
                desk.book.rename(order.instrument_id, named.symbol)


def _waits(order: Order, context: Context) -> bool:
    """A buy of this session that is not with the broker, or of which nobody knows."""
    doubtful = order.status is OrderStatus.UNKNOWN
    return (order.waiting or doubtful) and order.session == context.session and order.side is Side.BUY


def _too_late(context: Context) -> bool:
    """Once the session has begun an after-market order would go into the next one; what waits is ended by `eod`."""
    session = context.world.sessions.session(context.session)
    return session is None or context.now >= session.phases(closing_auction=True)[0].start


def _turn(order: Order) -> tuple[int, int]:
    """Re-entries first; entries were recorded by rank."""
    return (0 if order.purpose is Purpose.REENTRY else 1, order.id)


def _closes(context: Context, orders: list[Order]) -> dict[tuple[str, date], Close]:
    world = context.world
    found: dict[tuple[str, date], Close] = {}
    for decided in sorted({order.decided for order in orders}):
        of_day = [order.instrument_id for order in orders if order.decided == decided]
        seen = closes(of_day, decided, broker=world.broker, market=world.market, readings=world.readings, clock=world.clock)
        found |= {(instrument_id, decided): close for instrument_id, close in seen.items()}
    return found


def _no_longer(context: Context, desk: Desk, order: Order, close: Close) -> str:
    """Why a buy should not stand any more; empty where it should, or where there is no final bar to say otherwise."""
    world, parameters = context.world, context.world.parameters
    actions = world.market.actions(order.instrument_id, order.decided, context.session)
    if any(bars_entry(action) for action in actions):
        return f"ex-date: {actions[0].subject or actions[0].kind}"
    if close.reading is None or close.history is None:
        return ""
    if order.purpose is Purpose.REENTRY:
        position = desk.snapshot.position_of(order.instrument_id)
        if position is None:
            return "the position is closed"
        level = level_now(position, close.reading, close.history, world.readings, parameters)
        return "" if level else f"final bar: RSI {close.reading.rsi:.2f} is no longer below its level"
    rule = entry.refusal(close.reading, parameters, next_session_bars_entry=False)
    rule = rule or entry.exclusion(close.reading, close.instrument, parameters)
    return f"final bar: fails {rule}" if rule else ""


def _retry(morning: Morning, order: Order) -> tuple[str, str]:
    """What became of one waiting order: placed, failed, skipped (it waits on), cancelled (no longer valid); and why."""
    context, desk, close = morning.context, morning.desk, morning.close_of(order)
    reason = _invalid(morning, order)
    if reason and not order.waiting:
        return "unknown", f"{reason}; nobody knows what became of the order"
    if reason or close.reading is None:
        return _drop(morning, order, reason or "no bar of its session")
    parameters, reentry = context.world.parameters, order.purpose is Purpose.REENTRY
    sizing = quantity_for(
        order.price,
        session=context.session,
        parameters=parameters,
        average_turnover=close.reading.average_turnover,
        purse=morning.purse,
        reentry=reentry,
    )
    if sizing.quantity == 0:
        return "skipped", sizing.reason
    last = context.world.readings.reading(order.instrument_id, context.session - timedelta(days=1))
    last_close = last.close if last is not None else close.reading.close
    limit = denied(
        desk,
        parameters,
        morning.day,
        instrument_id=order.instrument_id,
        session=context.session,
        price=order.price,
        quantity=sizing.quantity,
        last_close=last_close,
        reentry=reentry,
    )
    if limit:
        return _drop(morning, order, limit)
    _keep(context, order, "placed", f"BUY {sizing.quantity} {order.symbol} at {order.price / 100:.2f}")
    return _told(morning, order, desk.path.place(_again(order, sizing.quantity)), sizing.quantity)


def _drop(morning: Morning, order: Order, reason: str) -> tuple[str, str]:
    _keep(morning.context, order, "cancelled", reason)
    morning.desk.path.cancel(order)
    return "cancelled", reason


def _invalid(morning: Morning, order: Order) -> str:
    """Why a waiting order is not wanted any more; empty where it still is."""
    snapshot = morning.desk.snapshot
    reason = _no_longer(morning.context, morning.desk, order, morning.close_of(order))
    if not reason and order.purpose is not Purpose.REENTRY and snapshot.position_of(order.instrument_id) is not None:
        reason = "held"
    if not reason and any(other.id != order.id for other in snapshot.alive(order.instrument_id, Side.BUY)):
        reason = "another order for it is alive"
    return reason


def _told(morning: Morning, order: Order, answer: Answer, quantity: int) -> tuple[str, str]:
    """The result key of a command's answer, and why."""
    done = f"BUY {quantity} {order.symbol} at {order.price / 100:.2f}"
    match answer.sent:
        case Sent.PLACED | Sent.EXISTS | Sent.DRY:
            morning.purse.take(morning.context.session, quantity, order.price)
            morning.context.log("order_placed", f"{done}, tried again", order.symbol)
            return "placed", done
        case Sent.RETRY:
            return "skipped", answer.reason
        case Sent.UNKNOWN:
            return "unknown", answer.reason
        case _:
            return "failed", answer.reason


def _again(order: Order, quantity: int) -> Intent:
    return Intent(
        order.instrument_id,
        order.symbol,
        order.side,
        order.purpose,
        quantity,
        order.price,
        order.session,
        order.decided,
        order.leg,
        order.variety,
        order.level,
        order.position_id,
        order.signal_id,
    )


def _keep(context: Context, order: Order, verdict: str, reason: str) -> None:
    """Keep what was decided, and before it is done too, so that a process that takes over can count it."""
    inputs = {"order": order.id, "limit_price": to_rupees(order.price)}
    context.decide([Decision(order.instrument_id, order.symbol, verdict, str(order.purpose), reason, inputs)])
