"""Before the market opens: cancel buys that are no longer valid, then retry buys that failed for a temporary reason.

By now the final bars of the last session are published. Every pending buy is checked again on these bars by its rule.
The evening's bar was provisional, and a small change of the close can move the RSI across its level. Money from yesterday's sales
has arrived, so buys that were short of funds are sized again and placed. Buys for a broker without after-market orders still
wait: `amo-adjust` sends them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import time

from msgspec import Struct

from tradectl.context import Context
from tradectl.execution.approved_quantity import approved_quantity
from tradectl.execution.buy_revalidation import BuyRevalidation, priority
from tradectl.execution.buying import BuyingPower, DayResult, day_result, pending_buys, quantity_for, stopped_buys
from tradectl.execution.orders import CommandResult
from tradectl.execution.surveillance_findings import known_by_morning, report_watched_positions
from tradectl.execution.trading_session import TradingSession
from tradectl.ledger.rows import Decision, Intent, Order
from tradectl.model.money import to_rupees
from tradectl.model.order import OrderStatus, Purpose, Side, Variety
from tradectl.model.refusal import RefusalCode
from tradectl.task import Outcome

RESULT_KEYS = ("retried", "placed", "failed", "skipped", "cancelled")


class RetryPass(Struct, frozen=True):
    """The state of one pass: the revalidation on the final closes, the funds left and the day's result so far."""

    context: Context
    trading: TradingSession
    revalidation: BuyRevalidation
    buying_power: BuyingPower
    day: DayResult


def run(context: Context) -> Outcome:
    """Cancel invalid buys, then retry re-entries first and entries by rank."""
    trading, too_late = context.trading(), _too_late(context)
    (trading if too_late else replace(trading, last_retry=_end_of_day)).reconcile()
    counts: Counter[str] = Counter(dict.fromkeys(RESULT_KEYS, 0))
    _rename(context, trading)
    report_watched_positions(trading, trading.snapshot.positions, known_by_morning(context.session, context.world.clock))
    made, judged = context.decided(), set()
    stopped = stopped_buys(trading)
    waits = [] if stopped is not None or too_late else [order for order in trading.snapshot.orders if _waits(order, context)]
    waiting = [order for order in waits if order.waiting or trading.may_repeat(order)]
    world, pending = context.world, pending_buys(trading, context.session)
    revalidation = BuyRevalidation.of(trading, world, context.session, [*pending, *waiting])
    for order in pending:
        invalid = revalidation.refusal_on_final_bars(order)
        if invalid is not None:
            judged.add(order.instrument_id)
            _store_decision(context, order, "cancelled", str(invalid))
            confirmed = trading.cancel_confirmed(order)
            counts["cancelled" if confirmed else "failed"] += 1
            if not confirmed:
                _store_decision(context, order, "failed", str(invalid))
    if stopped is not None:  # cancels are allowed while buys are stopped; nothing else is
        return Outcome(dict(counts), blocked=str(stopped))
    buying_power = BuyingPower(world.broker.funds().available, world.parameters.tariff)
    retry_pass = RetryPass(
        context, trading, revalidation, buying_power, day_result(world.ledger.statistics, trading, context.session)
    )
    for order in sorted(waiting, key=priority):
        verdict, reason = _retry(retry_pass, order)
        counts["retried"] += verdict != "cancelled"
        counts[verdict] += 1
        judged.add(order.instrument_id)
        _store_decision(context, order, verdict, reason)
    before = [_current_verdict(trading, instrument_id, made[instrument_id]) for instrument_id in made.keys() - judged]
    counts.update(before)
    counts["retried"] += sum(verdict != "cancelled" for verdict in before)
    trading.follow()
    del counts["unknown"]
    unknown, again_after = trading.unresolved()
    return Outcome(dict(counts), again_after, refused=counts["failed"] if again_after is None else 0, unknown=unknown)


def _end_of_day() -> time:
    """Return the end of the day as the time of the last retry, so that buys rejected until now wait for this pass."""
    return time.max


def _current_verdict(trading: TradingSession, instrument_id: str, verdict: str) -> str:
    """Return the verdict of an earlier step or a dead process; an order whose outcome is known by now was placed."""
    doubtful = any(order.instrument_id == instrument_id for order in trading.snapshot.unknown)
    return "placed" if verdict == "unknown" and not doubtful else verdict


def _rename(context: Context, trading: TradingSession) -> None:
    """Give the session's buys the symbols that their instruments have today."""
    for order in trading.snapshot.orders:
        if order.session == context.session and order.side is Side.BUY:
            named = context.world.market.instrument(order.instrument_id, context.session)
            if named.symbol != order.symbol:
                trading.book.rename(order.instrument_id, named.symbol)


def _waits(order: Order, context: Context) -> bool:
    """Return whether an order is a buy of this session that waits to be sent or is UNKNOWN."""
    doubtful = order.status is OrderStatus.UNKNOWN
    return (order.waiting or doubtful) and order.session == context.session and order.side is Side.BUY


def _too_late(context: Context) -> bool:
    """Return whether the session has begun: an after-market order would then go into the next session.

    `eod` ends the buys that are left."""
    session = context.world.sessions.session(context.session)
    return session is None or context.now >= session.begins_at()


def _retry(retry_pass: RetryPass, order: Order) -> tuple[str, str]:
    """Retry an order; return placed, failed, unknown, skipped (it waits) or cancelled (invalid), and the reason."""
    context, trading, close = retry_pass.context, retry_pass.trading, retry_pass.revalidation.close_of(order)
    invalid = retry_pass.revalidation.refusal_to_send(order)
    if invalid is not None and not order.waiting:
        return "unknown", f"{invalid}; the outcome of the order is not known"
    if invalid is not None or close.reading is None:
        return _cancel_buy(retry_pass, order, str(invalid or "no bar of its session"))
    if order.waiting and order.variety is Variety.REGULAR:
        return "skipped", "waits for 09:05, when the exchange takes it"
    parameters = retry_pass.revalidation.own.parameters(order, context.world.parameters)
    if parameters is None:
        return _cancel_buy(retry_pass, order, retry_pass.revalidation.own.trouble(order))
    sizing = quantity_for(
        order.price,
        session=context.session,
        parameters=parameters,
        average_turnover=close.reading.average_turnover,
        buying_power=retry_pass.buying_power,
        reentry=order.purpose is Purpose.REENTRY,
    )
    if sizing.refusal is not None:
        return "skipped", str(sizing.refusal)
    quantity = approved_quantity(context.world.ledger, context.world.parameters, order, sizing.quantity)
    limit = retry_pass.revalidation.breached_limit(order, quantity, retry_pass.day)
    if limit is not None and limit.code is RefusalCode.EQUITY_UNPROVED:
        return "skipped", str(limit)
    if limit is not None:
        return _cancel_buy(retry_pass, order, str(limit))
    _store_decision(context, order, "placed", f"BUY {quantity} {order.symbol} at {order.price / 100:.2f}")
    return _count_result(retry_pass, order, trading.buy(Intent.again(order, quantity)), quantity)


def _cancel_buy(retry_pass: RetryPass, order: Order, reason: str) -> tuple[str, str]:
    _store_decision(retry_pass.context, order, "cancelled", reason)
    retry_pass.trading.path.cancel(order)
    return "cancelled", reason


def _count_result(retry_pass: RetryPass, order: Order, result: CommandResult, quantity: int) -> tuple[str, str]:
    """Return the result key of a command and the reason."""
    done = f"BUY {quantity} {order.symbol} at {order.price / 100:.2f}"
    if not result.ok:
        return result.verdict, result.reason
    retry_pass.buying_power.spend(retry_pass.context.session, quantity, order.price)
    retry_pass.context.log("order_placed", f"{done}, tried again", order.symbol)
    return result.verdict, done


def _store_decision(context: Context, order: Order, verdict: str, reason: str) -> None:
    """Store a decision, also before its command is sent, so that a process that takes over can count it."""
    inputs = {"order": order.id, "limit_price": to_rupees(order.price)}
    context.decide([Decision(order.instrument_id, order.symbol, verdict, str(order.purpose), reason, inputs)])
