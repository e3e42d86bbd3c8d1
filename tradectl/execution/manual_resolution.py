"""Cancel orders for a person, and record a person's decision about an order whose outcome is not known.

The broker's book is read first: what it shows needs no decision. A decision has a reason code of its own, so that an order that
later contradicts it is recognised. No decision is accepted while a process may still be sending the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from tradectl.errors import Blocked, BrokerUnavailable, UsageError
from tradectl.execution.contradicted_refusals import CLOCK_TOLERANCE
from tradectl.execution.orders import CommandResult, CommandStatus
from tradectl.execution.trading_session import TradingSession
from tradectl.execution.unresolved_orders import may_be_sending
from tradectl.ledger.book import Book
from tradectl.ledger.intents import Overtaken
from tradectl.ledger.process_identity import is_elsewhere
from tradectl.ledger.rows import BY_HAND, NewTrade, Order, OrderChange, OrderOrigin
from tradectl.model.moment import at_ist, ist_date
from tradectl.model.money import show_rupees
from tradectl.model.order import TERMINAL, OrderReport, OrderStatus, Purpose, ReasonCode, Side, TradeReport

NO_PROCESS = ""
"""The claim owner of a person's command: it equals no process."""
_CLOSE = time(15, 30)


class CancelOutcome(StrEnum):
    """The outcome of a cancel."""

    CANCELLED = "cancelled"
    FILLED = "filled"  # meanwhile
    REJECTED = "rejected"  # meanwhile
    ALIVE = "alive"  # the broker refused the cancel
    NOT_SENT = "not_sent"  # the broker could not be reached
    UNCONFIRMED = "unconfirmed"  # requested, and the broker's book does not show it yet
    UNKNOWN = "unknown"  # whether the order is at the exchange is not known: it can only be resolved


class CancelledOrder(Struct, frozen=True):
    """An order after its cancel, read back."""

    order: Order
    outcome: CancelOutcome
    reason: str = ""


def find_order(book: Book, name: str) -> Order:
    """Return the order with this id, tag or broker order id. Raises UsageError if no order or several orders match."""
    found = {order.id: order for order in [*book.tagged([name]).values(), *book.by_broker_ids([name]).values()]}
    if name.isdecimal() and len(name) < 16:
        found |= {order.id: order for order in book.orders(ids=[int(name)])}
    if not found:
        raise UsageError(f"there is no order {name}; see `tradectl orders list`")
    if len(found) > 1:
        tags = " and ".join(order.tag for order in found.values())
        raise UsageError(f"{name} is the id of one order and the broker's id of another: name the order by its tag, {tags}")
    return next(iter(found.values()))


# -- cancels -------------------------------------------------------------------------------------------------------------


def cancel(trading: TradingSession, orders: Sequence[Order]) -> list[CancelledOrder]:
    """Send the cancels of all orders, then read the broker's book once; return the outcome of each.

    An order without a broker order id is looked for first. Raises LoginNeeded, and BrokerUnavailable where that read fails.
    """
    if any(order.sending_at is not None and order.broker_order_id is None for order in orders):
        trading.reconcile()
        orders = trading.book.orders(ids=[order.id for order in orders])
    sent = [(order.id, _send_cancel(trading, order)) for order in orders if order.status not in TERMINAL]
    unread = ""
    try:
        trading.follow()
    except BrokerUnavailable as error:
        unread = f"the broker's book could not be read: {error}"
    results = dict(sent)
    return [_cancelled(trading.book.order(order.id), results.get(order.id), unread) for order in orders]


def _send_cancel(trading: TradingSession, order: Order) -> CommandResult:
    """Cancel an order; read its row again where another process has changed it."""
    try:
        return trading.path.cancel(order)
    except Overtaken:  # the order was being sent, or has just been sent
        return trading.path.cancel(trading.book.order(order.id))


def _cancelled(order: Order, result: CommandResult | None, unread: str) -> CancelledOrder:
    ends = {
        OrderStatus.CANCELLED: CancelOutcome.CANCELLED,
        OrderStatus.EXECUTED: CancelOutcome.FILLED,
        OrderStatus.REJECTED: CancelOutcome.REJECTED,
        OrderStatus.UNKNOWN: CancelOutcome.UNKNOWN,
    }
    if order.status in ends:
        return CancelledOrder(order, ends[order.status], order.reason)
    if result is None or result.status is CommandStatus.NOT_SENT:
        return CancelledOrder(order, CancelOutcome.NOT_SENT, "the broker could not be reached")
    if result.status is CommandStatus.REFUSED:
        return CancelledOrder(order, CancelOutcome.ALIVE, result.reason)
    return CancelledOrder(
        order, CancelOutcome.UNCONFIRMED, unread or result.reason or "the broker does not confirm the cancel yet"
    )


# -- decisions about an unknown outcome------------------------------------------------------------------------------------


class UnresolvedOrder(Struct, frozen=True):
    """An UNKNOWN order after the broker's book was read once more.

    Attributes:
        may_be_sending: Its process is not proved dead.
        elsewhere: This machine cannot check that process, for example after a restart; only a person can.
        promise: What the absence of an order from this broker's book proves.
        candidates: Unexplained orders of the same symbol and side in the broker's book; one of them may be this order.
    """

    order: Order
    may_be_sending: bool
    elsewhere: bool
    promise: str
    candidates: tuple[OrderReport, ...] = ()

    def sender_ended(self) -> UnresolvedOrder:
        """Return this order with its process confirmed dead by a person. Raises UsageError if that process exists here."""
        if self.may_be_sending and not self.elsewhere:
            raise UsageError(f"the process {self.order.sender} still exists on this machine: end it first")
        return replace(self, may_be_sending=False)


def check_unresolved(trading: TradingSession, name: str) -> UnresolvedOrder | Order:
    """Reconcile; return an UnresolvedOrder if the order is still UNKNOWN, else the Order.

    Raises UsageError for an order that was not UNKNOWN, BrokerUnavailable and LoginNeeded where the broker cannot be read.
    """
    before = find_order(trading.book, name)
    if before.purpose is Purpose.UNIDENTIFIED and before.status not in TERMINAL:
        adopt = f"Use `tradectl orders adopt {before.id}`; add --not-ours if it is not tradectl's"
        raise UsageError(f"order {before.id} is unidentified, not UNKNOWN: {before.reason}. {adopt}")
    in_doubt = before.status is OrderStatus.UNKNOWN or (
        before.alive and before.sending_at is not None and before.broker_order_id is None
    )
    if not in_doubt:
        raise UsageError(f"order {before.id} is {before.status}: only an UNKNOWN order can be resolved")
    trading.reconcile()
    order = trading.book.order(before.id)
    if order.status is not OrderStatus.UNKNOWN:
        return order
    elsewhere = order.sender is not None and is_elsewhere(order.sender)
    return UnresolvedOrder(
        order, may_be_sending(order, NO_PROCESS), elsewhere, _visibility_promise(trading), _candidates(trading, order)
    )


def _candidates(trading: TradingSession, order: Order) -> tuple[OrderReport, ...]:
    """Return unexplained orders that may be this order.

    There are none if the order has a broker order id, or if the broker always shows tags."""
    declared = trading.broker.capabilities
    if order.broker_order_id is not None or (declared.tag_length and declared.tag_survives_modify):
        return ()
    alike = [report for report in trading.book.broker.reports if not report.tag and not _difference(order, report)]
    known = trading.book.by_broker_ids(report.broker_order_id for report in alike)
    return tuple(report for report in alike if report.broker_order_id not in known)


def _difference(order: Order, report: OrderReport) -> str:
    """Return why an order of the broker's book cannot be this order; empty if it can."""
    if (report.symbol, report.side) != (order.symbol, order.side):
        return f"not {order.side} {order.symbol}"
    if order.sending_at is not None and report.placed_at < order.sending_at - CLOCK_TOLERANCE:
        return f"and was placed before order {order.id} was sent"
    return ""


def _visibility_promise(trading: TradingSession) -> str:
    """Return what the absence of an order from this broker's book proves."""
    lag = trading.broker.capabilities.visibility_lag
    shows = "does not guarantee when it lists an accepted order, so absence proves nothing"
    if lag is not None:
        shows = f"lists an accepted order within {lag.total_seconds():g} s, on the day of the order"
    again = "; it refuses a repeated tag on the same day" if trading.broker.capabilities.refuses_repeated_tag else ""
    return f"{trading.broker.name} {shows}{again}"


# -- an order that the ledger cannot explain ------------------------------------------------------------------------------


def find_unidentified(trading: TradingSession, name: str) -> Order:
    """Read the broker's book, then return the UNIDENTIFIED order with this name. Raises UsageError for any other order."""
    trading.reconcile()
    order = find_order(trading.book, name)
    if order.purpose is not Purpose.UNIDENTIFIED or order.status in TERMINAL:
        raise UsageError(
            f"order {order.id} is {order.status}, {order.purpose}: only an UNKNOWN unidentified order can be adopted"
        )
    return order


def adopt(trading: TradingSession, order: Order) -> Order:
    """Adopt an UNIDENTIFIED order, with its fills: a buy becomes an entry, a sell a target. Return the new row."""
    buys = order.side is Side.BUY
    purpose = Purpose.ENTRY if buys else Purpose.TARGET
    held = trading.snapshot.position_of(order.instrument_id)
    origin = trading.origin_of(purpose, order.instrument_id, order.decided) if buys else OrderOrigin.of_sell(held)
    if origin is None:
        origin = OrderOrigin()  # a person takes it over: the shipped rule sells it
    adopted = trading.book.claim_order(order, purpose, origin, "it is ours", trading.clock.now())
    _log_decision(trading, adopted, "it is ours")
    trading.follow()
    return trading.book.order(order.id)


def disown(trading: TradingSession, order: Order) -> Order:
    """End an UNIDENTIFIED order that is not tradectl's: it stays at the broker, and its trades count as trades by hand."""
    ended = trading.book.disclaim_order(order, "it is not ours", trading.clock.now())
    return _log_decision(trading, ended, "it is not ours")


def resolve_never_placed(trading: TradingSession, unresolved: UnresolvedOrder) -> Order:
    """Record a person's statement that the order does not exist at the broker, or has not traded and never will."""
    order = _decidable(unresolved)
    if order.filled_quantity:
        raise UsageError(f"{order.filled_quantity} of order {order.id} are filled: give the total number with --filled")
    decision, code = "never placed", ReasonCode.DECIDED
    trading.book.intents.move(order, OrderStatus.CANCELLED, code.text(decision), trading.clock.now(), code=code)
    return _log_decision(trading, order, decision)


def resolve_joined(trading: TradingSession, unresolved: UnresolvedOrder, broker_order_id: str) -> Order:
    """Record a person's statement that the order is `broker_order_id` in the broker's book; apply its reports.

    Trades that were booked as trades by hand become trades of the order. Raises UsageError where it cannot be that order.
    """
    order = _decidable(unresolved)
    if order.broker_order_id is not None:
        raise UsageError(f"order {order.id} is {order.broker_order_id} at the broker already")
    report = next((item for item in trading.broker.orders() if item.broker_order_id == broker_order_id), None)
    if report is None:
        raise UsageError(f"the broker's book has no order {broker_order_id}")
    _assert_same(trading.book, order, report)
    trades = [trade.trade_id for trade in trading.broker.trades() if trade.broker_order_id == broker_order_id]
    decision = f"it is {broker_order_id} at the broker"
    joined = trading.book.link_to_broker_order(order, broker_order_id, trades, decision, trading.clock.now())
    _log_decision(trading, joined, decision)
    trading.follow()
    return trading.book.order(order.id)


def _assert_same(book: Book, order: Order, report: OrderReport) -> None:
    """Raise UsageError if a report cannot be of this order, or is of another order."""
    what = f"{report.broker_order_id} at the broker is {report.side} {report.symbol}"
    if why := _difference(order, report):
        raise UsageError(f"{what}, {why}")
    owners = [*book.by_broker_ids([report.broker_order_id]).values(), *book.tagged([report.tag] if report.tag else []).values()]
    other = next((item for item in owners if item.id != order.id), None)
    if other is not None:
        raise UsageError(f"{what}, and is order {other.id} of this ledger")


def resolve_filled(trading: TradingSession, unresolved: UnresolvedOrder, quantity: int, price: int | None) -> Order:
    """Record a person's statement, from the contract note, that `quantity` shares were filled in total.

    Shares that are not in the book yet are booked at `price` (paise). Accepted only after the order's session: until then the
    broker's own trades may arrive. If they arrive later, they are not booked a second time (`Book.follow`).

    Raises UsageError for an impossible quantity or price.
    """
    order, now = _decidable(unresolved), trading.clock.now()
    _assert_possible(order, quantity, price, now)
    known_as = order.broker_order_id or f"{BY_HAND}{order.tag}"
    more = quantity - order.filled_quantity
    trades = []
    if more and price is not None:
        at = at_ist(order.session, _CLOSE)
        trade = TradeReport(f"{BY_HAND}{order.tag}", known_as, order.symbol, order.side, more, price, at)
        trades.append(NewTrade(trade, order.instrument_id, order.session, order))
    status = OrderStatus.EXECUTED if quantity == order.quantity else OrderStatus.CANCELLED
    what = f"{quantity} of {order.quantity} filled" + (f", {more} at {show_rupees(price)}" if trades and price else "")
    code = ReasonCode.FILLS_ENTERED
    change = OrderChange(
        order=order,
        status=status,
        reason=code.text(what),
        reason_code=code,
        broker_order_id=known_as,
        filled_quantity=quantity,
        quantity=order.quantity,
        price=order.price,
    )
    updated = trading.book.record_manual_fill(change, trades, now)
    return _log_decision(trading, updated, what)


def _assert_possible(order: Order, quantity: int, price: int | None, now: datetime) -> None:
    """Raise UsageError if the session is not over, or the quantity or price (paise) is impossible."""
    if order.session >= ist_date(now):
        raise UsageError(
            f"the session of order {order.id}, {order.session}, is not over: the broker's lists may still show its trades"
        )
    if not max(1, order.filled_quantity) <= quantity <= order.quantity:
        had = f"{order.filled_quantity} are filled in the ledger, " if order.filled_quantity else ""
        raise UsageError(f"{quantity} shares cannot be filled: {had}{order.quantity} were ordered")
    if quantity == order.filled_quantity:
        return
    if price is None:
        raise UsageError("give the price of a share in rupees with --price")
    worse = price > order.price if order.side is Side.BUY else price < order.price
    if price <= 0 or worse:
        raise UsageError(f"{show_rupees(price)} is worse than the order's limit of {show_rupees(order.price)}")


def _decidable(unresolved: UnresolvedOrder) -> Order:
    """Return the order. Raises Blocked while a process may still send it."""
    order = unresolved.order
    if unresolved.may_be_sending:
        how = (
            "; if it has ended, or its machine was restarted since, confirm that with --sender-ended"
            if unresolved.elsewhere
            else ""
        )
        raise Blocked(f"the process {order.sender} may still be sending order {order.id}: end it first{how}")
    return order


def _log_decision(trading: TradingSession, order: Order, decision: str) -> Order:
    """Log a person's decision; return the order as it is now."""
    text = f"{order.side} {order.quantity} {order.symbol}, order {order.id}, was UNKNOWN; a person decided: {decision}"
    trading.log("order_resolved", text, order.symbol, level="warning")
    return trading.book.order(order.id)
