"""What a person decides about orders: to take one back, or what became of one of which nobody knows.

The broker is asked first, always: what its book says needs no decision. A decision is written as one, so that an order which
turns up against it is known for what it is; and nothing is decided while a process may still be sending the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from enum import StrEnum

from tradectl.errors import Blocked, BrokerUnavailable, UsageError
from tradectl.execution.contradicted_refusals import APART
from tradectl.execution.orders import Answer, Sent
from tradectl.execution.trading_session import TradingSession
from tradectl.execution.unresolved_orders import DECIDED, may_be_sending
from tradectl.ledger.book import BY_HAND, Book
from tradectl.ledger.intents import Overtaken
from tradectl.ledger.process_identity import is_elsewhere
from tradectl.ledger.rows import NewTrade, Order, OrderChange
from tradectl.model.moment import at_ist, ist_date
from tradectl.model.money import show_rupees
from tradectl.model.order import TERMINAL, OrderReport, OrderStatus, Purpose, Side, TradeReport

NOBODY = ""
"""The owner that a person asks as: no process."""
TOLD = "a person told"
"""How the reason of an order begins whose fills a person has told. Unlike `DECIDED` it is not given up for another story: the
fills stand."""
_CLOSE = time(15, 30)


class Ended(StrEnum):
    """What became of a cancel."""

    CANCELLED = "cancelled"
    FILLED = "filled"  # meanwhile
    REJECTED = "rejected"  # meanwhile
    ALIVE = "alive"  # the broker refused the cancel
    NOT_SENT = "not_sent"  # the broker could not be reached
    UNCONFIRMED = "unconfirmed"  # asked for, and the broker's book does not show it yet
    UNKNOWN = "unknown"  # nobody knows whether the order is there; it cannot be cancelled, only resolved


@dataclass(frozen=True, slots=True)
class Cancelled:
    """An order after its cancel, read back."""

    order: Order
    ended: Ended
    reason: str = ""


def find(book: Book, name: str) -> Order:
    """The order with this id, tag or broker order id. Raises UsageError where there is none, or more than one."""
    found = {order.id: order for order in [*book.tagged([name]).values(), *book.finished([name]).values()]}
    if name.isdecimal() and len(name) < 16:
        found |= {order.id: order for order in book.orders(ids=[int(name)])}
    if not found:
        raise UsageError(f"there is no order {name}; see `tradectl orders list`")
    if len(found) > 1:
        tags = " and ".join(order.tag for order in found.values())
        raise UsageError(f"{name} is the id of one order and the broker's of another: say which by its tag, {tags}")
    return next(iter(found.values()))


# -- taking orders back --------------------------------------------------------------------------------------------------


def cancel(trading: TradingSession, orders: Sequence[Order]) -> list[Cancelled]:
    """Ask for the end of orders, all of them before one look at the broker's book; what became of each.

    An order without the broker's id is looked for first. Raises LoginNeeded, and BrokerUnavailable where that look fails.
    """
    if any(order.sending_at is not None and order.broker_order_id is None for order in orders):
        trading.reconcile()
        orders = trading.book.orders(ids=[order.id for order in orders])
    answers = [(order.id, _ask(trading, order)) for order in orders if order.status not in TERMINAL]
    unread = ""
    try:
        trading.follow()
    except BrokerUnavailable as error:
        unread = f"the broker's book could not be read: {error}"
    asked = dict(answers)
    return [_after(trading.book.order(order.id), asked.get(order.id), unread) for order in orders]


def _ask(trading: TradingSession, order: Order) -> Answer:
    """Return the broker's answer to a cancel."""
    try:
        return trading.path.cancel(order)
    except Overtaken:  # it was about to be sent, or has just been
        return trading.path.cancel(trading.book.order(order.id))


def _after(order: Order, answer: Answer | None, unread: str) -> Cancelled:
    ends = {
        OrderStatus.CANCELLED: Ended.CANCELLED,
        OrderStatus.EXECUTED: Ended.FILLED,
        OrderStatus.REJECTED: Ended.REJECTED,
        OrderStatus.UNKNOWN: Ended.UNKNOWN,
    }
    if order.status in ends:
        return Cancelled(order, ends[order.status], order.reason)
    if answer is None or answer.sent is Sent.NOT_SENT:
        return Cancelled(order, Ended.NOT_SENT, "the broker could not be reached")
    if answer.sent is Sent.REFUSED:
        return Cancelled(order, Ended.ALIVE, answer.reason)
    return Cancelled(order, Ended.UNCONFIRMED, unread or answer.reason or "the broker's book does not show its end yet")


# -- deciding what became of one ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Doubt:
    """An order of unknown fate after the broker was asked once more, and what is known of its absence.

    `may_be_sending`: its process is not proved dead; `elsewhere`: nothing on this machine can prove that, as after a restart
    of the machine, so that only a person can know it. `candidates`: orders of its symbol and side in the broker's book that are
    nobody's, one of which it may be.
    """

    order: Order
    may_be_sending: bool
    elsewhere: bool
    promise: str
    candidates: tuple[OrderReport, ...] = ()

    def sender_ended(self) -> Doubt:
        """The same after a person has said that the process is no more. Raises UsageError where this machine can tell itself."""
        if self.may_be_sending and not self.elsewhere:
            raise UsageError(f"the process {self.order.sender} is of this machine, and runs or is stopped: end it")
        return replace(self, may_be_sending=False)


def look(trading: TradingSession, name: str) -> Doubt | Order:
    """Ask the broker; the doubt that is left, or the order where there is none any more.

    Raises UsageError for an order whose fate was known before, BrokerUnavailable and LoginNeeded where it cannot be asked.
    """
    before = find(trading.book, name)
    if before.purpose is Purpose.UNIDENTIFIED and before.status not in TERMINAL:
        adopt = f"`tradectl orders adopt {before.id}`, or with --not-ours, decides it"
        raise UsageError(f"order {before.id} is of another kind: {before.reason}. {adopt}")
    in_doubt = before.status is OrderStatus.UNKNOWN or (
        before.alive and before.sending_at is not None and before.broker_order_id is None
    )
    if not in_doubt:
        raise UsageError(f"order {before.id} is {before.status}: only an UNKNOWN order is resolved")
    trading.reconcile()
    order = trading.book.order(before.id)
    if order.status is not OrderStatus.UNKNOWN:
        return order
    elsewhere = order.sender is not None and is_elsewhere(order.sender)
    return Doubt(order, may_be_sending(order, NOBODY), elsewhere, _promise(trading), _candidates(trading, order))


def _candidates(trading: TradingSession, order: Order) -> tuple[OrderReport, ...]:
    """None where it has the broker's id, or the broker always shows our tags: then an order without one is somebody's own."""
    declared = trading.broker.capabilities
    if order.broker_order_id is not None or (declared.tag_length and declared.tag_survives_modify):
        return ()
    alike = [report for report in trading.book.broker.reports if not report.tag and not _why_not(order, report)]
    known = trading.book.finished(report.broker_order_id for report in alike)
    return tuple(report for report in alike if report.broker_order_id not in known)


def _why_not(order: Order, report: OrderReport) -> str:
    """Why an order of the broker's book cannot be this one; empty where it can."""
    if (report.symbol, report.side) != (order.symbol, order.side):
        return f"not {order.side} {order.symbol}"
    if order.sending_at is not None and report.placed_at < order.sending_at - APART:
        return f"and was placed before order {order.id} was sent"
    return ""


def _promise(trading: TradingSession) -> str:
    """What the absence of an order from this broker's book says."""
    lag = trading.broker.capabilities.visibility_lag
    shows = "promises no time within which an order that it took is in its book, so that absence proves nothing"
    if lag is not None:
        shows = f"shows an order that it took within {lag.total_seconds():g} s, as long as its book is of that day"
    again = "; it refuses a repeated tag on the same day" if trading.broker.capabilities.refuses_repeated_tag else ""
    return f"{trading.broker.name} {shows}{again}"


# -- an order that the ledger cannot explain ------------------------------------------------------------------------------


def unidentified(trading: TradingSession, name: str) -> Order:
    """Read the broker's book, then return the UNIDENTIFIED order with this name. Raises UsageError where it is none."""
    trading.reconcile()
    order = find(trading.book, name)
    if order.purpose is not Purpose.UNIDENTIFIED or order.status in TERMINAL:
        raise UsageError(f"order {order.id} is {order.status}, {order.purpose}: only an UNKNOWN unidentified order is adopted")
    return order


def adopt(trading: TradingSession, order: Order) -> Order:
    """Make an UNIDENTIFIED order ours: its fills open or lower a position, and it is followed as an entry or a target."""
    buys = order.side is Side.BUY
    purpose = Purpose.ENTRY if buys else Purpose.TARGET
    level = trading.level_of(purpose, order.instrument_id, order.decided) if buys else 0
    adopted = trading.book.claim_order(order, purpose, level, f"{DECIDED}: it is ours", trading.clock.now())
    _noted(trading, adopted, "it is ours")
    trading.follow()
    return trading.book.order(order.id)


def disown(trading: TradingSession, order: Order) -> Order:
    """End an UNIDENTIFIED order that is not ours: it is left alone at the broker, and its trades count as trades by hand."""
    ended = trading.book.disclaim_order(order, f"{DECIDED}: it is not ours", trading.clock.now())
    return _noted(trading, ended, "it is not ours")


def never_placed(trading: TradingSession, doubt: Doubt) -> Order:
    """A person has seen at the broker's that the order does not exist, or traded nothing and never will."""
    order = _decidable(doubt)
    if order.filled_quantity:
        raise UsageError(f"{order.filled_quantity} of order {order.id} are filled: say with --filled how many there are in all")
    trading.book.intents.move(order, OrderStatus.CANCELLED, f"{DECIDED}: never placed", trading.clock.now())
    return _noted(trading, order, "never placed")


def join(trading: TradingSession, doubt: Doubt, broker_order_id: str) -> Order:
    """A person has seen that it is this order of the broker's book; followed from now on.

    Trades of it that were taken for trades by hand become its own. Raises UsageError where it cannot be that order.
    """
    order = _decidable(doubt)
    if order.broker_order_id is not None:
        raise UsageError(f"order {order.id} is {order.broker_order_id} at the broker already")
    report = next((item for item in trading.broker.orders() if item.broker_order_id == broker_order_id), None)
    if report is None:
        raise UsageError(f"the broker's book has no order {broker_order_id}")
    _assert_same(trading.book, order, report)
    trades = [trade.trade_id for trade in trading.broker.trades() if trade.broker_order_id == broker_order_id]
    reason = f"{DECIDED}: it is {broker_order_id} at the broker"
    joined = trading.book.link_to_broker_order(order, broker_order_id, trades, reason, trading.clock.now())
    _noted(trading, joined, f"it is {broker_order_id} at the broker")
    trading.follow()
    return trading.book.order(order.id)


def _assert_same(book: Book, order: Order, report: OrderReport) -> None:
    what = f"{report.broker_order_id} at the broker is {report.side} {report.symbol}"
    if why := _why_not(order, report):
        raise UsageError(f"{what}, {why}")
    owners = [*book.finished([report.broker_order_id]).values(), *book.tagged([report.tag] if report.tag else []).values()]
    other = next((item for item in owners if item.id != order.id), None)
    if other is not None:
        raise UsageError(f"{what}, and is order {other.id} of this ledger")


def filled(trading: TradingSession, doubt: Doubt, quantity: int, price: int | None) -> Order:
    """A person has seen on the contract note that `quantity` shares of it were filled in all, those that are not in the book
    yet at `price` (paise).

    Only once its session is a day that the broker no longer tells of: its own trades would come later, and they are truth.
    Should they come to light after all, they are not booked beside what was told (`Book.follow`).
    """
    order, now = _decidable(doubt), trading.clock.now()
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
    change = OrderChange(order, status, f"{TOLD}: {what}", known_as, quantity, order.quantity, order.price)
    told = trading.book.record_manual_fill(change, trades, now)
    return _noted(trading, told, what)


def _assert_possible(order: Order, quantity: int, price: int | None, now: datetime) -> None:
    if order.session >= ist_date(now):
        raise UsageError(f"its session, {order.session}, is not over: until then the broker's own book and trades may tell")
    if not max(1, order.filled_quantity) <= quantity <= order.quantity:
        had = f"{order.filled_quantity} are in the book, " if order.filled_quantity else ""
        raise UsageError(f"{quantity} cannot be filled: {had}{order.quantity} were ordered")
    if quantity == order.filled_quantity:
        return
    if price is None:
        raise UsageError("say with --price at how many rupees a share")
    worse = price > order.price if order.side is Side.BUY else price < order.price
    if price <= 0 or worse:
        raise UsageError(f"{show_rupees(price)} is worse than the order's limit of {show_rupees(order.price)}")


def _decidable(doubt: Doubt) -> Order:
    """Raises Blocked while a process may still bring the order to the broker."""
    order = doubt.order
    if doubt.may_be_sending:
        how = "; where it has ended, or its machine was restarted since, say so with --sender-ended" if doubt.elsewhere else ""
        raise Blocked(f"the process {order.sender} may still be sending order {order.id}: end it first{how}")
    return order


def _noted(trading: TradingSession, order: Order, decision: str) -> Order:
    text = f"{order.side} {order.quantity} {order.symbol}, order {order.id}, was UNKNOWN; a person decided: {decision}"
    trading.log("order_resolved", text, order.symbol, level="warning")
    return trading.book.order(order.id)
