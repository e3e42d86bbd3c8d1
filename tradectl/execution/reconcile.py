"""Reconcile the book with the broker's orders and trades, and return what changed.

Start-up and recovery use the same code: every task that trades reconciles first. A failed read raises and changes nothing.
Reports may arrive twice, late and in any order: a fill counts once and an order ends once. An executed quantity counts only
together with its trades.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, time
from functools import partial

from msgspec.structs import replace

from tradectl.execution import contradictory_reports
from tradectl.execution.adoption import OriginOf, adopt, instrument_of, no_origin
from tradectl.execution.changes import Changes
from tradectl.execution.contradicted_refusals import doubt_refused
from tradectl.execution.step_view import StepView
from tradectl.execution.trade_messages import TradeMessages
from tradectl.ledger.book import Book
from tradectl.ledger.rows import BY_HAND, NewTrade, Order, OrderChange
from tradectl.ledger.snapshot import Snapshot
from tradectl.model.broker_view import CONTRADICTIONS
from tradectl.model.moment import ist_date, to_ist
from tradectl.model.order import (
    ALIVE,
    TERMINAL,
    TO_BE_CANCELLED,
    OrderReport,
    OrderStatus,
    Purpose,
    ReasonCode,
    Side,
    TradeReport,
)
from tradectl.ports import Broker, MarketData

AdoptOrder = Callable[[Book, OrderReport, datetime], Order]
"""Records an order that only the broker's book has (`adoption.adopt`)."""
LastRetry = Callable[[], time | None]
"""Returns the time of day (IST) of the last retry of buys that could not be placed; None where no retry is scheduled."""


def no_last_retry() -> None:
    """Return None: no retry is scheduled."""


def _no_message() -> None:
    """Queue no message."""


def follow(
    book: Book,
    broker: Broker,
    market: MarketData,
    seen: StepView,
    *,
    before: datetime | None = None,
    last_retry: LastRetry = no_last_retry,
    origin_of: OriginOf = no_origin,
    messages: TradeMessages | None = None,
) -> Changes:
    """Apply what is new in the broker's orders and trades to the book, and return what changed.

    A view that was applied before is not compared again (`Changes.quiet`).

    Args:
        before: Apply only trades earlier than this moment; the rest wait for the next call.
        last_retry: Called for a buy that was rejected for a temporary reason.
        origin_of: Called for a buy that the ledger had lost.
        messages: Queues messages about what has filled; None: there are none.
    """
    view, now = seen.broker, seen.now
    reports, trades = view.reports, view.trades
    if before is not None:
        trades = [trade for trade in trades if trade.at < before]
    elif book.broker.revision == view.revision and book.broker.applied == seen.snapshot.revision:
        return Changes(quiet=True, book=seen.snapshot)
    changes = Changes()
    ours, untrue = contradictory_reports.split_contradictions(book, _match(seen.snapshot, reports, market), trades)
    book.broker = book.broker.with_odd(CONTRADICTIONS, untrue)
    contradicted = {row.broker_order_id for row in untrue}
    trades = [trade for trade in trades if trade.broker_order_id not in contradicted] if contradicted else trades
    matched = contradicted | {report.broker_order_id for report, _ in ours}
    ours += _unmatched(book, reports, matched, partial(adopt, market=market, origin_of=origin_of), now=now, changes=changes)
    unseen = [] if book.broker.trades_applied == view.trades_revision else _unseen(book, trades)
    unseen = sorted([*unseen, *_misattributed(book, ours, trades)], key=_trade_time)
    by_report = {report.broker_order_id: order for report, order in ours}
    reported = {(report.broker_order_id, report.symbol, report.side) for report, _ in ours}
    late = {trade.broker_order_id for trade in unseen} - set(by_report)
    others = {number: order for number, order in book.by_broker_ids(late).items() if not order.disowned} if late else {}
    by_report |= others
    overfilled = contradictory_reports.overfilled(book, others, trades) if others else ()
    if overfilled:
        book.broker = book.broker.with_odd(CONTRADICTIONS, untrue + overfilled)
        unseen = [trade for trade in unseen if trade.broker_order_id not in {row.broker_order_id for row in overfilled}]
    fresh: list[NewTrade] = []
    for trade in unseen:
        order = by_report.get(trade.broker_order_id)
        as_reported = (trade.broker_order_id, trade.symbol, trade.side) in reported
        if order is not None and not as_reported and not _same_security(market, order, trade):
            order = None
        session = ist_date(trade.at)
        instrument_id = order.instrument_id if order else instrument_of(market, trade.symbol, session)
        fresh.append(NewTrade(trade, instrument_id, session, order))
    filled: Counter[int] = Counter({order.id: order.filled_quantity for _, order in ours})
    for item in fresh:
        if item.order is not None:
            filled[item.order.id] += item.report.quantity
    changed = (
        _order_change(order, report, filled[order.id], tried_again=report.passing and _is_before(order, last_retry(), now))
        for report, order in ours
    )
    moved = [change for change in changed if change is not None]
    changes.unread = [(order, report.unknown_word) for report, order in ours if report.unknown_word]
    unread = {order.id: report for report, order in ours if report.unknown_word}
    if unread != book.broker.unread:
        book.broker = replace(book.broker, unread=unread)
    also = partial(messages.followed, moved, fresh, now) if messages is not None else _no_message
    complete = book.follow(moved, fresh, now, also) if moved or fresh else True
    _describe(changes, moved, fresh)
    _set_aside_unfounded(book, changes, now)
    if not broker.capabilities.tag_length:
        changes.doubted = doubt_refused(book, reports, now)
    changes.book = book.snapshot()
    whole = complete and before is None
    all_trades = whole and not untrue and not overfilled  # trades that were set aside are compared again at the next read
    book.broker = replace(
        book.broker,
        applied=changes.book.revision if whole else None,
        trades_applied=view.trades_revision if all_trades else None,
    )
    return changes


def _unseen(book: Book, trades: Sequence[TradeReport]) -> list[TradeReport]:
    """Return the trades that are not in the book."""
    known = book.known_trades()
    return list({item.trade_id: item for item in trades if item.trade_id not in known}.values())


def _misattributed(book: Book, ours: Sequence[tuple[OrderReport, Order]], trades: Sequence[TradeReport]) -> list[TradeReport]:
    """Return trades of our orders that this process counts as booked, but that are no fills of these orders in the book.

    Without tags a process may read a trade before the sending process records the broker order id. It then books a trade by
    hand. `orders resolve` in another process removes such a trade from the book."""
    filled = {report.broker_order_id: order.filled_quantity for report, order in ours}
    mine = (item for item in trades if item.broker_order_id in filled)
    booked = {item.trade_id: item for item in mine if item.trade_id in book.known_trades()}
    for trade in booked.values():
        filled[trade.broker_order_id] -= trade.quantity
    if all(left >= 0 for left in filled.values()):
        return []
    return [booked[name] for name in book.without_order(booked)]


def _trade_time(trade: TradeReport) -> tuple[datetime, str]:
    """Return the sort key of a trade: trades are booked in the order in which they happened."""
    return trade.at, trade.trade_id


def _same_security(market: MarketData, order: Order, report: OrderReport | TradeReport) -> bool:
    """Return whether a report or a trade is of the side and the instrument of an order, also under a new name."""
    if order.side is not report.side:
        return False
    if order.symbol == report.symbol or (isinstance(report, OrderReport) and report.tag == order.tag):
        return True  # a tag proves the order also under a symbol that the list of renames does not have yet
    day = ist_date(report.at if isinstance(report, TradeReport) else report.updated_at)
    return instrument_of(market, report.symbol, day) == order.instrument_id


def _match(snapshot: Snapshot, reports: Sequence[OrderReport], market: MarketData) -> list[tuple[OrderReport, Order]]:
    """Return the reports of our unfinished orders, matched by broker order id, else by tag; the last report of each order.

    An order with a broker order id is never matched by its tag: a second report under that tag is another order."""
    by_id, by_tag = snapshot.by_broker_id, snapshot.by_tag
    pairs: dict[int, tuple[OrderReport, Order]] = {}
    named = [report for report in reports if report.broker_order_id in by_id or report.tag in by_tag]
    for report in named:
        order = by_id.get(report.broker_order_id)
        if order is not None and not _same_security(market, order, report):
            continue  # another order under a number that was used again
        if order is None and report.tag and (tagged := by_tag.get(report.tag)) is not None and tagged.broker_order_id is None:
            order = tagged
        if order is not None and order.purpose is not Purpose.UNIDENTIFIED:
            pairs[order.id] = (report, order)
    return list(pairs.values())


def _unmatched(
    book: Book,
    reports: Sequence[OrderReport],
    matched: AbstractSet[str],
    adopting: AdoptOrder,
    *,
    now: datetime,
    changes: Changes,
) -> list[tuple[OrderReport, Order]]:
    """Handle reports under our tags that match no unfinished order; return those that count from now on.

    An order that counted as ended or refused is reopened. An order that has ended stays as it is. An order that the ledger does
    not have is adopted, or blocks its symbol as UNIDENTIFIED."""
    unknown = {
        report.broker_order_id: report
        for report in reports
        if report.tag and report.broker_order_id not in matched and report.broker_order_id not in book.broker.ended
    }
    if not unknown:
        return []
    tagged = book.tagged(report.tag for report in unknown.values() if report.tag)
    numbered = book.by_broker_ids(unknown)
    found = []
    for broker_order_id, report in unknown.items():
        order = numbered.get(broker_order_id) or tagged.get(report.tag or "")
        if order is None or not _may_have_id(order, broker_order_id):
            order = _adopted(book, report, adopting, now=now, changes=changes)
        elif order.purpose is Purpose.UNIDENTIFIED:
            _follow_unidentified(book, order, report, now)
            continue
        elif _was_given_up(order, report):
            order = book.intents.reopen(order, now)
            changes.reopened.append(order)
        elif order.status is OrderStatus.REJECTED and report.counts:
            order = _reopen_refused(book, order, now, changes)
        else:
            if order.status in TERMINAL and order.reason_code is not ReasonCode.DECIDED:
                book.broker.ended.add(broker_order_id)
            continue  # an unfinished order was recorded after the snapshot was taken: the next read matches it
        if order is not None:
            found.append((report, order))
    return found


def _may_have_id(order: Order, broker_order_id: str) -> bool:
    """Return whether an order may have this broker order id: it has this id or none, or a person reported its fills."""
    return order.broker_order_id in {None, broker_order_id} or (order.broker_order_id or "").startswith(BY_HAND)


def _adopted(book: Book, report: OrderReport, adopting: AdoptOrder, *, now: datetime, changes: Changes) -> Order | None:
    """Record an order that the ledger does not have; return it if an intent explains it, so that the report applies to it."""
    if not report.under_our_tag:
        book.broker.ended.add(report.broker_order_id)  # a tag of the broker or of a person
        return None
    order = adopting(book, report, now)
    if order.purpose is not Purpose.UNIDENTIFIED:
        changes.counted.append(order)
        return order
    if report.counts:
        changes.unexplained.append(order)
    else:
        _follow_unidentified(book, order, report, now)
    return None


def _follow_unidentified(book: Book, order: Order, report: OrderReport, now: datetime) -> None:
    """End an UNIDENTIFIED order that ended at the broker without a trade; otherwise a person must decide."""
    if order.status in TERMINAL:
        book.broker.ended.add(report.broker_order_id)
    elif not report.counts and not order.filled_quantity:
        book.intents.move(order, report.status, report.reason, now)


def _set_aside_unfounded(book: Book, changes: Changes, now: datetime) -> None:
    """Leave a live sell that the ledger had lost to a person's decision, if this ledger never had its position.

    To cancel the sell would leave shares without a sell. To follow it would sell shares that are not in the book."""
    for order in map(book.order, [item.id for item in changes.counted if item.side is Side.SELL]):
        if order.alive and not book.ever_held(order.instrument_id):
            changes.unexplained.append(book.intents.set_aside(order, ReasonCode.UNFOUNDED, now))
    aside = {order.id for order in changes.unexplained}
    changes.counted = [order for order in changes.counted if order.id not in aside]


def _reopen_refused(book: Book, order: Order, now: datetime, changes: Changes) -> Order:
    """Reopen an order that was recorded as refused and is at the broker. If a retry replaced it, the caller cancels it."""
    later = [item for item in book.intents.later_generations(order) if item.alive or item.filled_quantity]
    order = book.intents.reopen(order, now, ReasonCode.REAPPEARED if later else ReasonCode.RETURNED)
    (changes.reopened if later else changes.counted).append(order)
    return order


def _was_given_up(order: Order, report: OrderReport) -> bool:
    """Return whether an order was given up without a report of its end, and the broker now shows it live or filled."""
    if order.status is not OrderStatus.CANCELLED or order.sending_at is None:
        return False
    given_up = order.broker_order_id is None or order.reason_code is ReasonCode.DECIDED
    return given_up and (report.status in ALIVE or report.filled_quantity > order.filled_quantity)


def _order_change(order: Order, report: OrderReport, filled: int, *, tried_again: bool) -> OrderChange | None:
    """Return the status change that a report requires, or None. EXECUTED waits for the trades of the order.

    `tried_again`: the order was rejected for a temporary reason, and a later retry is scheduled."""
    status = _last_proved_status(order, report, filled) if report.unknown_word else report.status
    if order.status in TERMINAL:
        return None
    if order.status is OrderStatus.RETRY_PENDING:  # the list repeats the known refusal
        if status in {OrderStatus.REJECTED, OrderStatus.CANCELLED}:
            return None
        status = OrderStatus.PENDING
    traded = report.quantity if status is OrderStatus.EXECUTED else report.filled_quantity
    if status in {OrderStatus.EXECUTED, OrderStatus.CANCELLED} and filled < traded:
        status = OrderStatus.UNKNOWN if _waits_for_trades(order, report) else OrderStatus.ONGOING
    if status is OrderStatus.PENDING and order.status is OrderStatus.ONGOING:
        status = OrderStatus.ONGOING
    if tried_again and _may_wait(order, report, filled):
        status = OrderStatus.RETRY_PENDING
    ours = status in ALIVE or status is OrderStatus.CANCELLED
    marked = order.reason_code in TO_BE_CANCELLED and ours  # keep the mark: the process may die before it has cancelled the order
    reason, code = (order.reason, order.reason_code) if marked else (report.reason, None)
    change = OrderChange(
        order=order,
        status=status,
        reason=reason,
        reason_code=code,
        broker_order_id=report.broker_order_id,
        filled_quantity=filled,
        quantity=report.quantity,
        price=report.price,
    )
    same = (
        order.status is status
        and order.filled_quantity == filled
        and order.quantity == report.quantity
        and order.price == report.price
        and order.broker_order_id == report.broker_order_id
        and (not report.unknown_word or (order.reason, order.reason_code) == (reason, code))  # the reason has the broker's text
    )
    return None if same else change


def _last_proved_status(order: Order, report: OrderReport, filled: int) -> OrderStatus:
    """Return the last proved status of an order with an unknown status at the broker.

    Trades prove more: with all shares traded it is EXECUTED, with some ONGOING. An UNKNOWN order stays UNKNOWN."""
    if filled and filled >= report.quantity:
        return OrderStatus.EXECUTED
    return OrderStatus.ONGOING if filled and order.status is OrderStatus.PENDING else order.status


def _waits_for_trades(order: Order, report: OrderReport) -> bool:
    """Return whether an ended order is UNKNOWN already because its trades have been missing for too long."""
    known = order.broker_order_id == report.broker_order_id and order.absent_since is not None
    return known and order.status is OrderStatus.UNKNOWN


def _may_wait(order: Order, report: OrderReport, filled: int) -> bool:
    """Return whether a buy that was rejected for a temporary reason may wait for a retry, as if it had been refused at once.

    An UNKNOWN order may not: another order may exist under its tag. An order that is to be cancelled or has traded may not."""
    placed = order.status is OrderStatus.PENDING and order.broker_order_id == report.broker_order_id
    wanted = order.side is Side.BUY and order.reason_code not in TO_BE_CANCELLED
    return placed and wanted and not filled and not report.filled_quantity and report.status is OrderStatus.REJECTED


def _is_before(order: Order, last_retry: time | None, now: datetime) -> bool:
    """Return whether the last retry for the order's session is still ahead."""
    ist = to_ist(now)
    return last_retry is not None and (ist.date(), ist.time()) < (order.session, last_retry)


def _describe(changes: Changes, moved: Sequence[OrderChange], fresh: Sequence[NewTrade]) -> None:
    changes.trades = len(fresh)
    changes.external = [item for item in fresh if item.order is None]
    changes.sold = {item.instrument_id for item in fresh if item.report.side is Side.SELL}
    lists = {
        OrderStatus.EXECUTED: changes.executed,
        OrderStatus.REJECTED: changes.rejected,
        OrderStatus.RETRY_PENDING: changes.postponed,
        OrderStatus.CANCELLED: changes.cancelled,
    }
    for change in moved:
        if change.order.broker_order_id is None:
            changes.adopted.append(change.order)
        if change.status in lists:
            lists[change.status].append(change.order)
