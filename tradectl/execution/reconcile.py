"""Reconcile: make the book follow the broker's report, and say what changed and why.

Start-up and recovery are the same path: every task that trades comes through here first. Only what was read successfully
changes anything; a failed read raises and nothing happens. Reports may come twice, late and in any order: a fill counts once,
an order ends once, and what the broker says of shares is believed only together with its trades.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, time
from functools import partial

from tradectl.execution import contradictory_reports, unreadable_rows
from tradectl.execution.adoption import LevelOf, adopt, instrument_of, no_level
from tradectl.execution.contradicted_refusals import doubt_refused
from tradectl.execution.step_view import StepView
from tradectl.execution.unresolved_orders import DECIDED
from tradectl.ledger.book import BY_HAND, Book
from tradectl.ledger.intents import REAPPEARED, RETURNED, UNFOUNDED, WITHDRAWN
from tradectl.ledger.rows import NewTrade, Order, OrderChange
from tradectl.ledger.snapshot import Snapshot
from tradectl.model.moment import ist_date, to_ist
from tradectl.model.order import ALIVE, TERMINAL, OrderReport, OrderStatus, Purpose, Side, TradeReport
from tradectl.ports import Broker, Clock, MarketData

_LISTS = (
    "executed", "rejected", "postponed", "cancelled", "adopted", "external", "adjusted", "renamed", "counted", "unexplained",
    "reopened", "doubted",
)  # fmt: skip


@dataclass(slots=True)
class Changes:
    """What a reconciliation changed. `postponed`: buys that the broker rejected for a reason that may pass. `counted`: orders of
    ours that the ledger had lost, or had as refused, and that count from now on. `unexplained`: orders under a tag of our shape
    that no intent explains. `reopened`: orders that had been given up and are there after all. `doubted`: orders that had been
    given up, and that an unexplained order of a book without tags may be. `unread`: orders of ours whose status
    word at the broker is not known, with the word; their last proved status stays. `quiet`: neither the broker's lists nor the
    book differ from what was compared last."""

    executed: list[Order] = field(default_factory=list)
    rejected: list[Order] = field(default_factory=list)
    postponed: list[Order] = field(default_factory=list)
    cancelled: list[Order] = field(default_factory=list)
    adopted: list[Order] = field(default_factory=list)
    external: list[NewTrade] = field(default_factory=list)
    trades: int = 0
    sold: set[str] = field(default_factory=set)
    adjusted: list[str] = field(default_factory=list)
    renamed: list[str] = field(default_factory=list)
    counted: list[Order] = field(default_factory=list)
    unexplained: list[Order] = field(default_factory=list)
    reopened: list[Order] = field(default_factory=list)
    doubted: list[Order] = field(default_factory=list)
    unread: list[tuple[Order, str]] = field(default_factory=list)
    quiet: bool = False

    @property
    def ended(self) -> int:
        """Orders that the broker has done with, one way or the other."""
        return sum(map(len, (self.executed, self.rejected, self.postponed, self.cancelled)))

    def take(self, more: Changes) -> None:
        """Add what another reconciliation changed."""
        for name in _LISTS:
            getattr(self, name).extend(getattr(more, name))
        self.trades += more.trades
        self.sold |= more.sold
        self.unread = more.unread

    def __bool__(self) -> bool:
        return not self.quiet and bool(self.trades or any(getattr(self, name) for name in _LISTS))


Adopting = Callable[[Book, OrderReport, datetime], Order]
"""Records an order that only the broker's book has (`adoption.adopt`)."""
LastTry = Callable[[], time | None]
"""When in a day, in India, somebody tries for the last time what could not be placed; None where nobody does."""


def nobody_tries() -> None:
    """A `LastTry`."""


def look(book: Book, broker: Broker, clock: Clock) -> StepView:
    """Read the broker's orders and trades, then the book; note the broker's rows that cannot be read."""
    reports, trades = broker.orders(), broker.trades()
    before = book.broker.revision
    view = book.broker = book.broker.read_again(reports, trades)
    if view.revision != before:
        unreadable_rows.note(book, unreadable_rows.ORDERS, reports)
        unreadable_rows.note(book, unreadable_rows.TRADES, trades)
    return StepView.of(clock.now(), book.snapshot(), view)


def follow(
    book: Book,
    broker: Broker,
    market: MarketData,
    seen: StepView,
    *,
    before: datetime | None = None,
    last_try: LastTry = nobody_tries,
    level_of: LevelOf = no_level,
) -> Changes:
    """Fold what is new in the broker's orders and trades into the book, and return what changed. Where the view shows what was
    followed before, nothing is compared again (`Changes.quiet`).

    With `before` only trades earlier than that moment are taken; the rest wait for the next call. `last_try` is called where a
    buy was rejected for a reason that may pass, `level_of` where a buy of ours was lost."""
    view, now = seen.broker, seen.now
    reports, trades = view.reports, view.trades
    if before is not None:
        trades = [trade for trade in trades if trade.at < before]
    elif book.followed == (view.revision, view.trades_revision, seen.snapshot.revision):
        return Changes(quiet=True)
    changes = Changes()
    ours, untrue = contradictory_reports.believable(book, _match(seen.snapshot, reports, market), trades)
    book.odd[unreadable_rows.CONTRADICTIONS] = untrue
    disbelieved = {row.broker_order_id for row in untrue}
    trades = [trade for trade in trades if trade.broker_order_id not in disbelieved] if disbelieved else trades
    matched = disbelieved | {report.broker_order_id for report, _ in ours}
    ours += _unmatched(book, reports, matched, partial(adopt, market=market, level_of=level_of), now=now, changes=changes)
    followed = book.followed is not None and book.followed[1] == view.trades_revision
    unseen = [] if followed else _unseen(book, trades)
    unseen = sorted([*unseen, *_mistaken(book, ours, trades)], key=_when)
    by_report = {report.broker_order_id: order for report, order in ours}
    late = {trade.broker_order_id for trade in unseen} - set(by_report)
    others = {number: order for number, order in book.finished(late).items() if not order.disowned} if late else {}
    by_report |= others
    overfilled = contradictory_reports.overfilled(book, others, trades) if others else ()
    if overfilled:
        book.odd[unreadable_rows.CONTRADICTIONS] += overfilled
        unseen = [trade for trade in unseen if trade.broker_order_id not in {row.broker_order_id for row in overfilled}]
    fresh: list[NewTrade] = []
    for trade in unseen:
        order = by_report.get(trade.broker_order_id)
        if order is not None and not _same_security(market, order, trade):
            order = None
        session = ist_date(trade.at)
        instrument_id = order.instrument_id if order else instrument_of(market, trade.symbol, session)
        fresh.append(NewTrade(trade, instrument_id, session, order))
    filled: Counter[int] = Counter({order.id: order.filled_quantity for _, order in ours})
    for item in fresh:
        if item.order is not None:
            filled[item.order.id] += item.report.quantity
    changed = (
        _change(order, report, filled[order.id], tried_again=report.passing and _before(order, last_try(), now))
        for report, order in ours
    )
    moved = [change for change in changed if change is not None]
    changes.unread = [(order, report.unknown_word) for report, order in ours if report.unknown_word]
    book.unread = {order.id: report for report, order in ours if report.unknown_word}
    complete = book.follow(moved, fresh, now) if moved or fresh else True
    _describe(changes, moved, fresh)
    _set_aside_unfounded(book, changes, now)
    if not broker.capabilities.tag_length:
        changes.doubted = doubt_refused(book, reports, now)
    book.followed = None
    if complete and before is None:
        book.followed = (view.revision, view.trades_revision, book.snapshot().revision)
    return changes


def _unseen(book: Book, trades: Sequence[TradeReport]) -> list[TradeReport]:
    """Trades that are not in the book."""
    known = book.known_trades()
    return list({item.trade_id: item for item in trades if item.trade_id not in known}.values())


def _mistaken(book: Book, ours: Sequence[tuple[OrderReport, Order]], trades: Sequence[TradeReport]) -> list[TradeReport]:
    """Trades of our orders that are in the book as trades by hand: without a tag, nobody could know better who read them before
    the process that sent the order had written down the broker's id of it."""
    filled = {report.broker_order_id: order.filled_quantity for report, order in ours}
    mine = (item for item in trades if item.broker_order_id in filled)
    booked = {item.trade_id: item for item in mine if item.trade_id in book.known_trades()}
    for trade in booked.values():
        filled[trade.broker_order_id] -= trade.quantity
    if all(left >= 0 for left in filled.values()):
        return []
    return [booked[name] for name in book.external_trades(booked)]


def _when(trade: TradeReport) -> tuple[datetime, str]:
    """Trades count in the order in which they happened, not in that in which they are told."""
    return trade.at, trade.trade_id


def _same_security(market: MarketData, order: Order, told: OrderReport | TradeReport) -> bool:
    """Whether a report or a trade is of the side and the instrument of an order, under whatever name it has by now."""
    if order.side is not told.side:
        return False
    day = ist_date(told.at if isinstance(told, TradeReport) else told.updated_at)
    return order.symbol == told.symbol or instrument_of(market, told.symbol, day) == order.instrument_id


def _match(snapshot: Snapshot, reports: Sequence[OrderReport], market: MarketData) -> list[tuple[OrderReport, Order]]:
    """Reports of our unfinished orders, joined by the broker's id, else by our tag; one for each, the last if there are more.

    An order that has its id is never joined by its tag: a second one under the same tag is another order."""
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
    adopting: Adopting,
    *,
    now: datetime,
    changes: Changes,
) -> list[tuple[OrderReport, Order]]:
    """Look at reports under a tag of ours that belong to no unfinished order, and return those that count from now on.

    An order whose end was presumed, or that was called refused, is opened again. One that has ended is left alone. One that the
    ledger does not have is adopted, or blocks its symbol as UNIDENTIFIED."""
    unknown = {
        report.broker_order_id: report
        for report in reports
        if report.tag and report.broker_order_id not in matched and report.broker_order_id not in book.settled
    }
    if not unknown:
        return []
    tagged = book.tagged(report.tag for report in unknown.values() if report.tag)
    numbered = book.finished(unknown)
    found = []
    for broker_order_id, report in unknown.items():
        order = numbered.get(broker_order_id) or tagged.get(report.tag or "")
        if order is None or not _may_be(order, broker_order_id):
            order = _adopted(book, report, adopting, now=now, changes=changes)
        elif order.purpose is Purpose.UNIDENTIFIED:
            _follow_unidentified(book, order, report, now)
            continue
        elif _presumed(order, report):
            order = book.intents.reopen(order, now)
            changes.reopened.append(order)
        elif order.status is OrderStatus.REJECTED and report.counts:
            order = _returned(book, order, now, changes)
        else:
            if order.status in TERMINAL and not order.reason.startswith(DECIDED):
                book.settled.add(broker_order_id)
            continue  # an unfinished one was recorded after the snapshot was taken: the next look joins it
        if order is not None:
            found.append((report, order))
    return found


def _may_be(order: Order, broker_order_id: str) -> bool:
    """Whether an order may have this id at the broker: it has it, has none, or is known by what a person told alone."""
    return order.broker_order_id in {None, broker_order_id} or (order.broker_order_id or "").startswith(BY_HAND)


def _adopted(book: Book, report: OrderReport, adopting: Adopting, *, now: datetime, changes: Changes) -> Order | None:
    """Record an order that the ledger does not have; return it where it is ours beyond doubt, and so follows the report."""
    if not report.under_our_tag:
        book.settled.add(report.broker_order_id)  # the broker's own tag, or a person's
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
    """End an UNIDENTIFIED order that has ended at the broker without a trade: no money is in it. Else a person decides."""
    if order.status in TERMINAL:
        book.settled.add(report.broker_order_id)
    elif not report.counts and not order.filled_quantity:
        book.intents.move(order, report.status, report.reason, now)


def _set_aside_unfounded(book: Book, changes: Changes, now: datetime) -> None:
    """Let a person decide about a lost sell of ours that lives, where this ledger never had the position: to withdraw it would
    leave shares without a sell, and to follow it would sell shares that are not in the book."""
    for order in map(book.order, [item.id for item in changes.counted if item.side is Side.SELL]):
        if order.alive and not book.ever_held(order.instrument_id):
            changes.unexplained.append(book.intents.set_aside(order, UNFOUNDED, now))
    aside = {order.id for order in changes.unexplained}
    changes.counted = [order for order in changes.counted if order.id not in aside]


def _returned(book: Book, order: Order, now: datetime, changes: Changes) -> Order:
    """Open an order again that was called refused and is at the broker. Where it was tried again since, this one is withdrawn."""
    later = [item for item in book.intents.later_generations(order) if item.alive or item.filled_quantity]
    order = book.intents.reopen(order, now, REAPPEARED if later else RETURNED)
    (changes.reopened if later else changes.counted).append(order)
    return order


def _presumed(order: Order, report: OrderReport) -> bool:
    """Whether the end of an order was never told by the broker, and what it tells now is another story."""
    if order.status is not OrderStatus.CANCELLED or order.sending_at is None:
        return False
    given_up = order.broker_order_id is None or order.reason.startswith(DECIDED)
    return given_up and (report.status in ALIVE or report.filled_quantity > order.filled_quantity)


def _change(order: Order, report: OrderReport, filled: int, *, tried_again: bool) -> OrderChange | None:
    """The move that a report asks for, or None. EXECUTED waits until its trades were seen: fills are the truth. `tried_again`:
    it was rejected for a reason that may pass, and somebody comes and tries again."""
    status = _proved(order, report, filled) if report.unknown_word else report.status
    if order.status in TERMINAL:
        return None
    if order.status is OrderStatus.RETRY_PENDING:  # a refused order that the broker lists too says nothing new
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
    marked = order.reason in {REAPPEARED, WITHDRAWN} and ours  # a process may die before it has cancelled it
    reason = order.reason if marked else report.reason
    change = OrderChange(order, status, reason, report.broker_order_id, filled, report.quantity, report.price)
    same = (
        order.status is status
        and order.filled_quantity == filled
        and order.quantity == report.quantity
        and order.price == report.price
        and order.broker_order_id == report.broker_order_id
        and (not report.unknown_word or order.reason == reason)  # the word is kept as the reason
    )
    return None if same else change


def _proved(order: Order, report: OrderReport, filled: int) -> OrderStatus:
    """Return the last proved status of an order whose status word at the broker is not known. Its trades prove more: all shares
    are EXECUTED, some are ONGOING. An order of unknown outcome stays that."""
    if filled and filled >= report.quantity:
        return OrderStatus.EXECUTED
    return OrderStatus.ONGOING if filled and order.status is OrderStatus.PENDING else order.status


def _waits_for_trades(order: Order, report: OrderReport) -> bool:
    """Return whether the trades of an order's end have been missing for so long that its outcome is UNKNOWN already."""
    known = order.broker_order_id == report.broker_order_id and order.absent_since is not None
    return known and order.status is OrderStatus.UNKNOWN


def _may_wait(order: Order, report: OrderReport, filled: int) -> bool:
    """Whether a buy that was rejected for a reason that may pass may wait to be tried again, as if it had been refused at once.
    One of unknown fate may not: there may be another order under its tag. Nor one that is to be withdrawn, or has traded."""
    placed = order.status is OrderStatus.PENDING and order.broker_order_id == report.broker_order_id
    wanted = order.side is Side.BUY and order.reason not in {REAPPEARED, WITHDRAWN}
    return placed and wanted and not filled and not report.filled_quantity and report.status is OrderStatus.REJECTED


def _before(order: Order, last_try: time | None, now: datetime) -> bool:
    """Whether the last try of the order's session is still to come."""
    ist = to_ist(now)
    return last_try is not None and (ist.date(), ist.time()) < (order.session, last_try)


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


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A difference between the broker's holdings and the book, in shares."""

    symbol: str
    book: int
    broker: int


def compare_holdings(book: Book, broker: Broker) -> list[Mismatch]:
    """Positions for which the broker has fewer shares than the book (more are the user's own). One whose row cannot be
    read is none of them: how many shares it has is not known."""
    holdings = broker.holdings()
    unreadable_rows.note(book, unreadable_rows.HOLDINGS, holdings)
    held = {item.symbol: item.quantity + item.t1_quantity for item in holdings}
    return [
        Mismatch(position.symbol, position.quantity, held.get(position.symbol, 0))
        for position in book.snapshot().positions
        if held.get(position.symbol, 0) < position.quantity
        and unreadable_rows.unreadable_holding(holdings, position.symbol) is None
    ]


def unlisted(book: Book) -> list[Order]:
    """Return our unfinished orders that the broker took and that its book, as it was last read, does not list."""
    listed = {report.broker_order_id for report in book.broker.reports}
    return [
        order
        for order in book.snapshot().orders
        if order.broker_order_id is not None
        and order.broker_order_id not in listed
        and unreadable_rows.row_of(book, order) is None
    ]
