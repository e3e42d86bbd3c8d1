"""Resolve orders whose outcome is not known (UNKNOWN).

The absence of an order from the broker's book proves nothing by itself. It proves that the order was never accepted under two
conditions. The broker declares how long an accepted order may stay invisible. And the sending process has ended: a stopped
process may still send. Where the broker refuses a repeated tag, no proof is needed: the order may be sent again on
that day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date, datetime, timedelta
from itertools import accumulate

from msgspec import Struct

from tradectl.execution import unreadable_rows
from tradectl.execution.step_view import StepView
from tradectl.ledger.book import Book
from tradectl.ledger.executions import Claim
from tradectl.ledger.intents import Overtaken
from tradectl.ledger.process_identity import is_alive
from tradectl.ledger.rows import Order
from tradectl.model.moment import ist_date
from tradectl.model.odd_rows import OddRow
from tradectl.model.order import ENDED_UNSEEN, TERMINAL, OrderReport, OrderStatus, ReasonCode, Side
from tradectl.ports import Capabilities, Clock

WAITS = (5, 15, 30, 60, 120)
"""Seconds between two checks of an UNKNOWN order; the first counts from its sending."""
UNLISTED = "the broker's book no longer shows it"
"""The reason of an accepted order that successful reads of the broker's book no longer find."""
ABSENCE_LIMIT = timedelta(minutes=2)
"""How long an accepted order, or the trades of an ended order, may be absent from successful reads."""


class Doubt(Struct, frozen=True):
    """Why the outcome of an order is not known, and since when the broker's book could show it."""

    reason: str
    since: datetime | None = None
    code: ReasonCode | None = None


LOST = Doubt("its session is over, and the broker's book no longer shows how it ended")
"""The doubt about an order that the broker had."""


def resolve(
    book: Book,
    seen: StepView,
    capabilities: Capabilities,
    *,
    clock: Clock,
    claim: Claim,
) -> tuple[list[Order], bool]:
    """Resolve unfinished orders whose sending was interrupted, and those that the broker's book no longer shows.

    Call it after `reconcile.follow`, with a view whose snapshot was taken since. An order that another execution is sending now
    is left to it. An order that provably was never accepted may be sent again under its own tag.

    Returns:
        The orders that stay or become UNKNOWN; and whether a later call with the same book, view and day would decide nothing.
    """
    now, today, view = seen.now, seen.today, seen.broker
    doubts: list[Order] = []
    found: Doubt | None
    listed = {report.broker_order_id: report for report in view.reports}
    settled = True
    for order in seen.snapshot.orders:
        if order.sending_at is None or order.status is OrderStatus.RETRY_PENDING:
            continue
        odd = unreadable_rows.row_of_order(book, order)
        settled = settled and odd is None and _is_plain(order, listed)
        if order.broker_order_id is not None:
            found = LOST
            if order.session >= today:
                found = _vanished(book, order, listed, capabilities, now=now, today=today, odd=odd)
            elif order.broker_order_id in listed or odd is not None:
                continue
            if found is None:
                continue
        elif order.execution_id != claim.execution_id and book.being_sent(order, clock.machine_now()):
            continue
        else:
            found = _absent(order, capabilities, claim, now) if odd is None else Doubt(f"{odd.text}, and it may be this order")
        try:
            if found is None:
                book.intents.mark_never_sent(order, now)
            else:
                doubts.append(_mark_unknown(book, order, found, now))
        except Overtaken:
            continue
    return doubts, settled


def _is_plain(order: Order, listed: Mapping[str, OrderReport]) -> bool:
    """Return whether only a change of the order or of the broker's book, and no passing of time, can change the order."""
    return order.broker_order_id in listed and order.absent_since is None and order.status is not OrderStatus.UNKNOWN


def _vanished(
    book: Book,
    order: Order,
    listed: Mapping[str, OrderReport],
    capabilities: Capabilities,
    *,
    now: datetime,
    today: date,
    odd: OddRow | None,
) -> Doubt | None:
    """Return why an accepted order may no longer be live, and since when; None while nothing shows that.

    Absence proves neither that the order ended nor that it is live. The first read without the order is recorded, and a read
    with it clears the record. An after-market order of an earlier day is not checked until it has been live: the broker may list
    it again when the market opens. `odd`: an unreadable row that may be the order; it counts as absence.
    """
    if order.session != today or order.status is OrderStatus.UNKNOWN or not _has_been_live(order, today):
        return None
    why = odd.text if odd is not None else _not_shown(order, listed.get(order.broker_order_id or ""))
    since = order.absent_since if order.absent_since is not None and order.absent_since <= now else None
    if not why:
        if order.absent_since is not None:
            book.intents.note_absent(order, None)
        return None
    if since is None:
        book.intents.note_absent(order, now)
        return None
    limit = max(ABSENCE_LIMIT, capabilities.visibility_lag or ABSENCE_LIMIT)
    return Doubt(why, since) if now - since >= limit else None


def _has_been_live(order: Order, today: date) -> bool:
    return order.status is OrderStatus.ONGOING or (order.sending_at is not None and ist_date(order.sending_at) == today)


def _not_shown(order: Order, report: OrderReport | None) -> str:
    """Return what the broker's book does not show: the order, or the trades of its end; empty if nothing is missing."""
    if report is None:
        return UNLISTED
    if report.status in TERMINAL and report.filled_quantity > order.filled_quantity:
        filled = f"{report.filled_quantity} shares filled"
        return f"the broker reports {report.status}, {filled}, and lists trades of {order.filled_quantity}"
    return ""


def _absent(order: Order, capabilities: Capabilities, claim: Claim, now: datetime) -> Doubt | None:
    """Return why the outcome of an absent order is not known; a reason and code that it has already stay.

    None where its absence proves that the broker never accepted it."""
    if may_be_sending(order, claim.owner):
        return Doubt("the process that was sending it may still do so")
    lag = capabilities.visibility_lag if capabilities.tag_length else None  # a book without tags never shows which order a row is
    since = order.absent_since or now
    shown_if_there = ist_date(now) <= order.session  # a later day's book may lack ended orders
    if lag is not None and shown_if_there and order.absent_since is not None and now - since >= lag:
        return None
    return Doubt(order.reason or "sent, and not in the broker's book", since, order.reason_code)


def _mark_unknown(book: Book, order: Order, doubt: Doubt, now: datetime) -> Order:
    if order.status is OrderStatus.UNKNOWN and order.absent_since == doubt.since:
        return order
    book.intents.mark_unknown(order, doubt.reason, now, code=doubt.code, absent_since=doubt.since)
    return book.order(order.id)


def may_be_sending(order: Order, owner: str) -> bool:
    """Return whether a process other than `owner` may still send this order.

    Such a process marked the order as being sent, recorded no outcome, and is not proved dead."""
    return order.sender is not None and order.sender != owner and is_alive(order.sender)


def may_repeat(order: Order, capabilities: Capabilities, owner: str, now: datetime) -> bool:
    """Return whether an UNKNOWN order may be sent again unchanged, because the broker refuses its tag if it has the order.

    True only on the day of its sending, while no other process can be sending it, and before the broker has refused its tag."""
    return (
        capabilities.refuses_repeated_tag
        and order.status is OrderStatus.UNKNOWN
        and order.broker_order_id is None
        and order.sending_at is not None
        and ist_date(order.sending_at) == ist_date(now)
        and order.reason_code is not ReasonCode.REPEATED_TAG
        and not may_be_sending(order, owner)
    )


def next_check_in(orders: Iterable[Order], now: datetime) -> float | None:
    """Return the seconds until UNKNOWN orders should be checked again; None where an early check is of no use."""
    marks = [timedelta(seconds=seconds) for seconds in accumulate(WAITS)]
    ages = [now - order.sending_at for order in orders if order.status is OrderStatus.UNKNOWN and order.sending_at is not None]
    left = [(mark - age).total_seconds() for age in ages for mark in marks if mark > age]
    return min(left, default=None)


def end_expired(book: Book, claim: Claim, today: date, now: datetime, *, over: bool, keeps_tags: bool) -> list[Order]:
    """End orders whose DAY validity is over: those of `today`, if its trading is `over`, and of earlier sessions.

    An order that was never sent ends. An order that was sent ends if the broker's book, read after the end of its session on the
    same day, does not list it. A book of a later day proves nothing: the order stays UNKNOWN until a person decides. Without tags
    (`keeps_tags` is false) it also stays UNKNOWN if an unexplained order of its symbol and side may be this order.

    Returns:
        The orders of today that ended this way, by this call or an earlier one.
    """
    unexplained = frozenset() if keeps_tags else _unexplained_orders(book)
    for order in book.snapshot().orders:
        ended = order.session < today or (order.session == today and over)
        code = _end_code(order, claim, today, now) if ended else None
        may_be_there = (order.symbol, order.side) in unexplained or unreadable_rows.row_of_order(book, order) is not None
        if code is None or (code is ReasonCode.NEVER_APPEARED and may_be_there):
            continue
        with suppress(Overtaken):
            book.intents.move(order, OrderStatus.CANCELLED, code.text(), now, code=code)
    return [order for order in book.orders(session=today) if order.reason_code in ENDED_UNSEEN]


def _unexplained_orders(book: Book) -> frozenset[tuple[str, Side]]:
    """Return symbol and side of the broker's orders that match no order of the ledger."""
    known = book.by_broker_ids(report.broker_order_id for report in book.broker.reports)
    return frozenset((report.symbol, report.side) for report in book.broker.reports if report.broker_order_id not in known)


def _end_code(order: Order, claim: Claim, today: date, now: datetime) -> ReasonCode | None:
    """Return why an order whose session is over ends unseen; None if it may be at the broker."""
    if order.sending_at is None:
        return ReasonCode.UNSENT
    if order.status is OrderStatus.RETRY_PENDING:
        return ReasonCode.RETRY_EXPIRED
    looked_in_time = order.session == today == ist_date(now)
    if order.broker_order_id is None and looked_in_time and not may_be_sending(order, claim.owner):
        return ReasonCode.NEVER_APPEARED
    return None
