"""The unknown: orders of which nobody can say what became of them, and what proves more.

That an order is absent from the broker's book proves nothing by itself. It proves something together with a promise of the
broker (how long an accepted order may stay invisible) and with the death of the process that was sending, for a stopped one
may still send. Where a repeated tag is refused nothing need be proved: asking again is harmless on that day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from itertools import accumulate

from tradectl.execution import unreadable_rows
from tradectl.execution.step_view import StepView
from tradectl.ledger.book import Book
from tradectl.ledger.executions import Claim
from tradectl.ledger.intents import Overtaken
from tradectl.ledger.process_identity import is_alive
from tradectl.ledger.rows import Order
from tradectl.model.moment import ist_date
from tradectl.model.odd_rows import OddRow
from tradectl.model.order import TERMINAL, OrderReport, OrderStatus, Side
from tradectl.ports import Capabilities, Clock

UNSENT, WAITED, NEVER_APPEARED = "its session ended before it was sent", "its session ended", "never_appeared"
"""Why an order that the broker never had came to its end."""
DECIDED = "a person decided"
"""How the reason of an order begins that a person has resolved."""
EXISTS = "the broker has it"
"""How the reason of an order begins whose repetition was refused, because the broker knows its tag."""
WAITS = (5, 15, 30, 60, 120)
"""Seconds from one look for an order of unknown fate to the next; the first counts from its sending."""


LOST = ("its session is over, and the broker's book no longer shows how it ended", None)
"""What is known of an order that the broker had."""
UNLISTED = "the broker's book no longer shows it"
"""The reason of an order that the broker took and that successful reads of its book no longer find."""
PATIENCE = timedelta(minutes=2)
"""How long an order that the broker took, or the trades of one that has ended, may be absent from successful reads."""


def resolve(
    book: Book,
    seen: StepView,
    capabilities: Capabilities,
    *,
    clock: Clock,
    claim: Claim,
) -> list[Order]:
    """Decide about unfinished orders whose sending was interrupted, and about those that the broker's book has lost; call it
    after `reconcile.follow`, which adopts what is in the book, with a view whose snapshot was taken since.

    An order that another execution is sending at this moment is left to it. An order proved never accepted may be sent again
    under its own tag; about every other nothing is known, and it stays UNKNOWN: these are answered.
    """
    now, today, view = seen.now, seen.today, seen.broker
    doubts: list[Order] = []
    found: tuple[str, datetime | None] | None
    checked = seen.snapshot.revision, view.revision, today
    if book.undoubted == checked:
        return []
    listed = {report.broker_order_id: report for report in view.reports}
    settled = True
    for order in seen.snapshot.orders:
        if order.sending_at is None or order.status is OrderStatus.RETRY_PENDING:
            continue
        odd = unreadable_rows.row_of(book, order)
        settled = settled and odd is None and _is_plain(order, listed)
        if order.broker_order_id is not None:
            found = LOST
            if order.session >= today:
                found = _vanished(book, order, listed, capabilities, now=now, odd=odd)
            elif order.broker_order_id in listed or odd is not None:
                continue
            if found is None:
                continue
        elif order.execution_id != claim.execution_id and book.being_sent(order, clock.machine_now()):
            continue
        else:
            found = _absent(order, capabilities, claim, now) if odd is None else (f"{odd.text}, and it may be this order", None)
        try:
            if found is None:
                book.intents.mark_never_sent(order, now)
            else:
                doubts.append(_doubt(book, order, *found, now=now))
        except Overtaken:
            continue
    if settled:
        book.undoubted = checked
    return doubts


def _is_plain(order: Order, listed: Mapping[str, OrderReport]) -> bool:
    """Return whether an order stays as it is while neither it nor the broker's book changes, however much time passes."""
    return order.broker_order_id in listed and order.absent_since is None and order.status is not OrderStatus.UNKNOWN


def _vanished(
    book: Book,
    order: Order,
    listed: Mapping[str, OrderReport],
    capabilities: Capabilities,
    *,
    now: datetime,
    odd: OddRow | None,
) -> tuple[str, datetime | None] | None:
    """Return why an order that the broker took may not be live any more, and since when; None where nothing says so yet. `odd`: a
    row that cannot be read and may be it: the last proved state stands for as long as an absent order's does.

    Absence is no proof that it is gone, and none that it is live. The first read that misses it is noted, and the next one
    that finds it takes the note away. An after-market order of an earlier day is left alone until it has been live: the
    broker may list it again when the market opens.
    """
    if order.session != ist_date(now) or order.status is OrderStatus.UNKNOWN or not _has_been_live(order, now):
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
    patience = max(PATIENCE, capabilities.visibility_lag or PATIENCE)
    return (why, since) if now - since >= patience else None


def _has_been_live(order: Order, now: datetime) -> bool:
    sent_today = order.sending_at is not None and ist_date(order.sending_at) == ist_date(now)
    return sent_today or order.status is OrderStatus.ONGOING


def _not_shown(order: Order, report: OrderReport | None) -> str:
    """Return what the broker's book does not show of an order: all of it, or the trades of its end; empty for nothing."""
    if report is None:
        return UNLISTED
    if report.status in TERMINAL and report.filled_quantity > order.filled_quantity:
        filled = f"{report.filled_quantity} shares filled"
        return f"the broker says {report.status}, {filled}, and lists trades of {order.filled_quantity}"
    return ""


def _absent(order: Order, capabilities: Capabilities, claim: Claim, now: datetime) -> tuple[str, datetime | None] | None:
    """Why nobody knows of an order that the book does not show, and since when it could have shown it; None where its absence
    proves that the broker never took it."""
    if may_be_sending(order, claim.owner):
        return "the process that was sending it may still do so", None
    lag = capabilities.visibility_lag if capabilities.tag_length else None  # a book without tags never shows which order it is
    since = order.absent_since or now
    shown_if_there = ist_date(now) <= order.session  # the book of a later day may have been emptied of what had ended
    if lag is not None and shown_if_there and order.absent_since is not None and now - since >= lag:
        return None
    return order.reason or "sent, and not in the broker's book", since


def _doubt(book: Book, order: Order, reason: str, since: datetime | None, *, now: datetime) -> Order:
    if order.status is OrderStatus.UNKNOWN and order.absent_since == since:
        return order
    book.intents.doubt(order, reason, now, absent_since=since)
    return book.order(order.id)


def may_be_sending(order: Order, owner: str) -> bool:
    """Whether a process other than `owner`, which asks, may still bring this order to the broker: it wrote that it was about
    to, never wrote what came of it, and is not proved dead."""
    return order.sender is not None and order.sender != owner and is_alive(order.sender)


def may_repeat(order: Order, capabilities: Capabilities, owner: str, now: datetime) -> bool:
    """Whether an UNKNOWN order may be sent again as it is, because the broker refuses its tag if it has it: on the day of its
    sending, while nobody else can be sending it, and if the broker has not said so already."""
    return (
        capabilities.refuses_repeated_tag
        and order.status is OrderStatus.UNKNOWN
        and order.broker_order_id is None
        and order.sending_at is not None
        and ist_date(order.sending_at) == ist_date(now)
        and not order.reason.startswith(EXISTS)
        and not may_be_sending(order, owner)
    )


def again_after(orders: Iterable[Order], now: datetime) -> float | None:
    """Seconds until somebody should look again for orders of unknown fate; None where looking again soon is of no use."""
    marks = [timedelta(seconds=seconds) for seconds in accumulate(WAITS)]
    ages = [now - order.sending_at for order in orders if order.status is OrderStatus.UNKNOWN and order.sending_at is not None]
    left = [(mark - age).total_seconds() for age in ages for mark in marks if mark > age]
    return min(left, default=None)


def close_ended(book: Book, claim: Claim, today: date, now: datetime, *, over: bool, keeps_tags: bool) -> list[Order]:
    """End what the validity of a DAY order has ended: orders of `today`, if its trading is `over`, and of earlier sessions.

    What was never sent ends; so does what was sent, and was not in the broker's book that has just been read after the end of
    the order's own session. A book of a later day says nothing about it: it stays UNKNOWN until a person decides. Where the book
    has no tags (`keeps_tags`), an order of its symbol and side that is nobody's may be it: it stays UNKNOWN too. Answers the
    orders of today that ended so, by this call or an earlier one.
    """
    nobodys = frozenset() if keeps_tags else _nobodys(book)
    for order in book.snapshot().orders:
        ended = order.session < today or (order.session == today and over)
        reason = _over(order, claim, today, now) if ended else ""
        may_be_there = (order.symbol, order.side) in nobodys or unreadable_rows.row_of(book, order) is not None
        if reason == NEVER_APPEARED and may_be_there:
            continue
        if reason:
            try:
                book.intents.move(order, OrderStatus.CANCELLED, reason, now)
            except Overtaken:
                continue
    return [order for order in book.orders(session=today) if order.reason in {UNSENT, WAITED, NEVER_APPEARED}]


def _nobodys(book: Book) -> frozenset[tuple[str, Side]]:
    """Symbol and side of the broker's orders that no order of ours is known to be."""
    known = book.finished(report.broker_order_id for report in book.broker.reports)
    return frozenset((report.symbol, report.side) for report in book.broker.reports if report.broker_order_id not in known)


def _over(order: Order, claim: Claim, today: date, now: datetime) -> str:
    if order.sending_at is None:
        return UNSENT
    if order.status is OrderStatus.RETRY_PENDING:
        return WAITED
    looked_in_time = order.session == today == ist_date(now)
    if order.broker_order_id is None and looked_in_time and not may_be_sending(order, claim.owner):
        return NEVER_APPEARED
    return ""
