"""Place after-market buys for the next run session: re-entries first, then the signals by rank, within every limit.

If a session that we do not run (Muhurat, a drill) lies before the next run session, brokers would release the orders into it;
so nothing is sent then and the intents wait for 08:00 of the run session. At a broker without after-market orders nothing can be
sent in the evening: that is said, or, where the user wants it so (`preopen_orders`), the intents wait for 09:05, when the
exchange takes regular orders.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from tradectl.execution.buying import DayResult, Purse, day_result, denied, forbidden, quantity_for
from tradectl.execution.orders import Answer, Sent
from tradectl.execution.surveillance import tell_of_held
from tradectl.execution.trading_session import TradingSession
from tradectl.ledger.rows import Decision, Intent
from tradectl.model.order import OrderStatus, Purpose, Side, Variety
from tradectl.strategy.sizing import Sizing
from tradectl.task import Context, Outcome
from tradectl.tasks.buy.proposed_buys import Want, wants

FOR_THE_MORNING = "for 08:00: a session that is not run lies between"
FOR_THE_OPEN = "for 09:05: the broker takes no after-market orders"
NO_AMO = (
    "{} takes no after-market orders, so nothing can be placed in the evening; "
    "with the setting preopen_orders buys are sent at 09:05 instead"
)
RESULT_KEYS = ("placed", "skipped_duplicate", "skipped_limit", "skipped_data", "skipped_quantity", "skipped_funds")


@dataclass(frozen=True, slots=True)
class Evening:
    """What one pass shares: the session it buys for, the funds left, what was traded today, with which variety orders are
    sent, until when they wait for it (empty: they do not), and what the broker refused in an earlier step of this run (reasons
    by instrument)."""

    context: Context
    trading: TradingSession
    following: date
    purse: Purse
    traded: frozenset[str]
    day: DayResult
    variety: Variety
    wait: str
    refused: Mapping[str, str]

    def size(self, want: Want, purse: Purse | None) -> Sizing:
        """How many shares; without a purse as if funds were no bound."""
        return quantity_for(
            want.limit_price,
            session=self.following,
            parameters=self.context.world.parameters,
            average_turnover=want.average_turnover,
            purse=purse,
            reentry=want.purpose is Purpose.REENTRY,
        )

    def denied(self, want: Want, quantity: int) -> str:
        """Empty, or the limit that forbids it."""
        return denied(
            self.trading,
            self.context.world.parameters,
            self.day,
            instrument_id=want.instrument_id,
            session=self.following,
            price=want.limit_price,
            quantity=quantity,
            last_close=want.last_close,
            reentry=want.purpose is Purpose.REENTRY,
        )


def run(context: Context) -> Outcome:
    """One pass over everything wanted for the next run session; orders that an interrupted run placed count as placed."""
    world, trading = context.world, context.trading()
    trading.reconcile()
    counts: Counter[str] = Counter(dict.fromkeys(RESULT_KEYS, 0))
    session = world.sessions.next_run_session(context.session)
    if state := forbidden(trading):
        return Outcome(dict(counts), blocked=state)
    if context.now >= session.phases(closing_auction=False)[0].start:
        return Outcome(dict(counts), blocked=f"{session.date}, for which it would buy, has begun")
    amo = world.broker.capabilities.amo
    if not amo and not world.parameters.preopen_orders:
        return Outcome(dict(counts), blocked=NO_AMO.format(world.broker.name))
    between = world.sessions.next_session(context.session).date != session.date
    evening = Evening(
        context,
        trading,
        session.date,
        Purse(world.broker.funds().available, world.parameters.tariff),
        frozenset(trading.book.traded(context.session)),
        day_result(world.ledger.statistics, trading, context.session),
        variety=Variety.AMO if amo else Variety.REGULAR,
        wait=FOR_THE_OPEN if not amo else FOR_THE_MORNING if between else "",
        refused=_refused(context, trading),
    )
    tell_of_held(trading, trading.snapshot.positions, context.session)
    decisions: list[Decision] = []
    for want in wants(context, trading, trading.snapshot.positions, session.date):
        verdict, reason = _buy_one(evening, want)
        counts[verdict] += 1
        decisions.append(Decision(want.instrument_id, want.symbol, verdict, str(want.purpose), reason, want.inputs))
    context.decide(decisions)
    trading.follow()
    result = dict(counts) | {"for_session": session.date.isoformat()}
    unknown, again_after = trading.doubts()
    return Outcome(result, again_after, refused=counts["refused"] if again_after is None else 0, unknown=unknown)


def _refused(context: Context, trading: TradingSession) -> Mapping[str, str]:
    """What need not be asked again only because another order's fate is looked for."""
    orders = trading.book.orders(execution_id=context.claim.execution_id) if context.steps else []
    return {order.instrument_id: order.reason for order in orders if order.status is OrderStatus.REJECTED}


def _buy_one(evening: Evening, want: Want) -> tuple[str, str]:
    """What became of one want: the result key it counts under, and why."""
    if want.last_close == 0:
        return "skipped_data", f"no bar of {evening.context.session}"
    if want.distrusted:
        return "skipped_data", want.distrusted
    already = _already(evening, want)
    if already is not None:
        return already
    watched = evening.context.world.market.surveillance(evening.context.session).excluding(want.instrument_id)
    if watched:
        return "skipped_surveillance", f"under surveillance: {watched}"
    sizing = evening.size(want, evening.purse)
    short = sizing.quantity == 0 and sizing.reason == "funds"
    if short:
        sizing = evening.size(want, None)
    if sizing.quantity == 0:
        return "skipped_quantity", sizing.reason
    limit = evening.denied(want, sizing.quantity)
    if limit:
        return "skipped_limit", limit
    answer = evening.trading.buy(_intent(evening, want, sizing.quantity), send=not (evening.wait or short))
    if answer.sent is Sent.WAITING:
        return ("skipped_funds", "short of funds") if short else ("waiting", evening.wait)
    return _told(evening, want, answer, sizing.quantity)


def _already(evening: Evening, want: Want) -> tuple[str, str] | None:
    """Whether this run placed it before it was interrupted, or whether it is held, on its way, or was traded today. An order of
    unknown fate blocks its symbol, whichever its side; our own may be asked for again where that is harmless."""
    snapshot, claim = evening.trading.snapshot, evening.context.claim
    if want.instrument_id in evening.refused:
        return "refused", evening.refused[want.instrument_id]
    doubtful = [order for order in snapshot.unknown if order.instrument_id == want.instrument_id]
    for order in doubtful:
        ours = order.execution_id == claim.execution_id and order.purpose is want.purpose
        if not (ours and evening.trading.may_repeat(order)):
            return "unknown" if ours else "skipped_duplicate", f"order {order.id} is UNKNOWN: {order.reason}"
    if doubtful:
        return None
    mine = [order for order in snapshot.orders if order.instrument_id == want.instrument_id and order.side is Side.BUY]
    for order in mine:
        ours = order.execution_id == claim.execution_id and order.purpose is want.purpose
        if ours and order.sending_at is not None:
            return ("placed" if order.alive else "skipped_funds"), f"order {order.id} of this run is {order.status}"
    with_broker = next((order for order in mine if order.alive and not order.waiting), None)
    if with_broker is not None:
        return "skipped_duplicate", f"order {with_broker.id} is {with_broker.status}"
    if want.purpose is Purpose.ENTRY and snapshot.position_of(want.instrument_id) is not None:
        return "skipped_duplicate", "held"
    if want.purpose is Purpose.ENTRY and want.instrument_id in evening.traded:
        return "skipped_duplicate", "traded in this session"
    return None


def _intent(evening: Evening, want: Want, quantity: int) -> Intent:
    named = evening.context.world.market.instrument(want.instrument_id, evening.following)
    return Intent(
        want.instrument_id,
        named.symbol,
        Side.BUY,
        want.purpose,
        quantity,
        want.limit_price,
        evening.following,
        evening.context.session,
        want.leg,
        evening.variety,
        want.level,
        want.position_id,
        want.signal_id,
    )


def _told(evening: Evening, want: Want, answer: Answer, quantity: int) -> tuple[str, str]:
    """The result key of a command's answer, and why; placed and refused orders go to the log."""
    done = f"BUY {quantity} {want.symbol} at {want.limit_price / 100:.2f}"
    match answer.sent:
        case Sent.PLACED | Sent.EXISTS | Sent.DRY:
            evening.purse.take(evening.following, quantity, want.limit_price)
            evening.context.log("order_placed", f"{done} for {evening.following}", want.symbol)
            return "placed", done
        case Sent.RETRY:
            return "skipped_funds", answer.reason
        case Sent.BLOCKED:
            return "skipped_limit", answer.reason
        case Sent.UNKNOWN:
            return "unknown", answer.reason
        case _:
            evening.context.log("order_refused", f"{done}: {answer.reason}", want.symbol, level="warning")
            return "refused", answer.reason
