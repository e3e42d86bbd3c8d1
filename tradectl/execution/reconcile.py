"""Reconcile: make the book follow the broker's report, and say what changed and why.

Start-up and recovery are the same path: every task that trades comes through here first. Only what was read successfully
changes anything; a failed read raises and nothing happens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from fractions import Fraction

from tradectl.errors import UsageError
from tradectl.ledger.book import Book, Snapshot
from tradectl.ledger.rows import NewTrade, Order, OrderChange, Position
from tradectl.model.market import ActionKind, CorporateAction
from tradectl.model.moment import at_ist, ist_date
from tradectl.model.order import TERMINAL, OrderReport, OrderStatus, Side
from tradectl.model.position import Adjustment, fraction_cash, shares_after
from tradectl.ports import Broker, Clock, MarketData

UNSENT, WAITED, NEVER_APPEARED = "its session ended before it was sent", "its session ended", "never_appeared"
"""Why an order that the broker never had came to its end."""
BEFORE_THE_DAY = time(8, 0)
"""When a corporate action counts as done on its ex-date: before any trade of that day."""

OpenOf = Callable[[Position], int | None]
"""The day's open (paise) of a position's instrument; None while it has not traded today."""


@dataclass(slots=True)
class Changes:
    """What a reconciliation changed."""

    executed: list[Order] = field(default_factory=list)
    rejected: list[Order] = field(default_factory=list)
    cancelled: list[Order] = field(default_factory=list)
    adopted: list[Order] = field(default_factory=list)
    external: list[NewTrade] = field(default_factory=list)
    trades: int = 0
    sold: set[str] = field(default_factory=set)
    adjusted: list[str] = field(default_factory=list)
    renamed: list[str] = field(default_factory=list)

    def take(self, more: Changes) -> None:
        """Add what another reconciliation changed."""
        for name in ("executed", "rejected", "cancelled", "adopted", "external", "adjusted", "renamed"):
            getattr(self, name).extend(getattr(more, name))
        self.trades += more.trades
        self.sold |= more.sold

    def __bool__(self) -> bool:
        return bool(
            self.executed or self.rejected or self.cancelled or self.adopted or self.trades or self.adjusted or self.renamed
        )


def follow(book: Book, broker: Broker, market: MarketData, clock: Clock, *, before: datetime | None = None) -> Changes:
    """Read the broker's orders and trades and fold what is new into the book. Costs nothing where nothing is new.

    With `before` only trades earlier than that moment are taken; the rest wait for the next call."""
    reports, trades = broker.orders(), broker.trades()
    snapshot = book.snapshot()
    if before is not None:
        trades = [trade for trade in trades if trade.at < before]
    elif len(book.followed) == 3 and all(a is b for a, b in zip(book.followed, (reports, trades, snapshot), strict=True)):
        return Changes()
    changes = Changes()
    now = clock.now()
    ours = _match(book, reports)
    known = book.known_trades()
    unseen = [trade for trade in trades if trade.trade_id not in known]
    by_report = {report.broker_order_id: order for report, order in ours}
    late = {trade.broker_order_id for trade in unseen} - set(by_report)
    by_report |= book.finished(late) if late else {}
    fresh: list[NewTrade] = []
    for trade in unseen:
        order = by_report.get(trade.broker_order_id)
        session = ist_date(trade.at)
        instrument_id = order.instrument_id if order else _found(market, trade.symbol, session)
        fresh.append(NewTrade(trade, instrument_id, session, order))
    filled_now: dict[int, int] = {}
    for item in fresh:
        if item.order is not None:
            filled_now[item.order.id] = filled_now.get(item.order.id, 0) + item.report.quantity
    moved = [
        change
        for report, order in ours
        if (change := _change(order, report, order.filled_quantity + filled_now.get(order.id, 0))) is not None
    ]
    complete = book.follow(moved, fresh, now) if moved or fresh else True
    _describe(changes, moved, fresh)
    book.followed = (reports, trades, book.snapshot()) if complete and before is None else ()
    return changes


def _found(market: MarketData, symbol: str, session: date) -> str:
    """The instrument behind a trade by hand; its own symbol where our market data does not know it, which is the user's right."""
    try:
        return market.find(symbol, session)
    except UsageError:
        return symbol


def _match(book: Book, reports: Sequence[OrderReport]) -> list[tuple[OrderReport, Order]]:
    """Reports of orders that are ours and unfinished or lately finished, joined by the broker's id, else by our tag."""
    by_id, by_tag = book.index()
    pairs = []
    for report in reports:
        order = by_id.get(report.broker_order_id) or (by_tag.get(report.tag) if report.tag else None)
        if order is not None:
            pairs.append((report, order))
    return pairs


def _change(order: Order, report: OrderReport, filled: int) -> OrderChange | None:
    """The move that a report asks for, or None. EXECUTED waits until its trades were seen: fills are the truth."""
    status = report.status
    if order.status in TERMINAL:
        return None
    if status is OrderStatus.EXECUTED and filled < report.quantity:
        status = OrderStatus.ONGOING
    if status is OrderStatus.CANCELLED and filled < report.filled_quantity:
        status = OrderStatus.ONGOING
    if status is OrderStatus.PENDING and order.status is OrderStatus.ONGOING:
        status = OrderStatus.ONGOING
    change = OrderChange(order, status, report.reason, report.broker_order_id, filled, report.quantity, report.price)
    same = (
        order.status is status
        and order.filled_quantity == filled
        and order.quantity == report.quantity
        and order.price == report.price
        and order.broker_order_id == report.broker_order_id
    )
    return None if same else change


def _describe(changes: Changes, moved: Sequence[OrderChange], fresh: Sequence[NewTrade]) -> None:
    changes.trades = len(fresh)
    changes.external = [item for item in fresh if item.order is None]
    changes.sold = {item.instrument_id for item in fresh if item.report.side is Side.SELL}
    lists = {
        OrderStatus.EXECUTED: changes.executed,
        OrderStatus.REJECTED: changes.rejected,
        OrderStatus.CANCELLED: changes.cancelled,
    }
    for change in moved:
        if change.order.broker_order_id is None:
            changes.adopted.append(change.order)
        if change.status in lists:
            lists[change.status].append(change.order)


def resolve(book: Book, snapshot: Snapshot, broker: Broker, clock: Clock, *, execution_id: int) -> list[Order]:
    """Decide about orders that were being sent when somebody stopped; call after `follow`, which adopts those in the book.

    An order that another execution (not `execution_id`, our own) is sending at this moment is left to it. Absence proves nothing
    by itself. Only a broker that refuses a repeated tag lets us send the same intent again, and only on the day it was sent;
    otherwise the order is UNKNOWN. Returns the orders that are UNKNOWN now.
    """
    now = clock.now()
    unknown = []
    for order in snapshot.orders:
        if order.sending_at is None or order.broker_order_id is not None or order.status is OrderStatus.RETRY_PENDING:
            continue
        if order.execution_id != execution_id and book.being_sent(order, clock.machine_now()):
            continue
        same_day = ist_date(order.sending_at) == ist_date(now)
        if broker.capabilities.refuses_repeated_tag and same_day:
            book.intents.mark_never_sent(order, now)
        else:
            if order.status is not OrderStatus.UNKNOWN:
                book.intents.move(order, OrderStatus.UNKNOWN, "sent, and not in the broker's book", now)
            unknown.append(order)
    return unknown


def first_action(book: Book, snapshot: Snapshot, market: MarketData, clock: Clock) -> datetime | None:
    """When the first corporate action counts that has not been applied to an open position; None where all have been."""
    today = ist_date(clock.now())
    waiting = []
    for position in snapshot.positions:
        actions = market.actions(position.instrument_id, position.opened_session, today)
        done = {ex_date for _, ex_date in book.applied(position.id)} if actions else set()
        waiting += [action.ex_date for action in actions if action.ex_date not in done and _touches(action)]
    return at_ist(min(waiting), BEFORE_THE_DAY) if waiting else None


def _touches(action: CorporateAction) -> bool:
    """Whether an action does anything to shares that are held."""
    return action.ratio != 1 or action.dividend > 0 or action.kind is ActionKind.DEMERGER


def apply_actions(book: Book, snapshot: Snapshot, market: MarketData, clock: Clock, open_of: OpenOf) -> list[str]:
    """Bring open positions through their corporate actions and renames up to today.

    `open_of` is asked where a demerger waits for the day's open. Answers lines to log.
    """
    told = []
    today = ist_date(clock.now())
    for position in snapshot.positions:
        named = market.instrument(position.instrument_id, today)
        if named.symbol != position.symbol:
            book.rename(position.instrument_id, named.symbol)
            told.append(f"{position.symbol} is called {named.symbol} now")
        actions = market.actions(position.instrument_id, position.opened_session, today)
        if not actions:
            continue
        done = book.applied(position.id)
        for adjustment in _adjustments(position, market, today, open_of, done):
            before = book.folded(position.id).quantity
            book.adjust(position, adjustment, before, shares_after(before, adjustment.ratio))
            told.append(f"{position.symbol}: {adjustment.kind} of {adjustment.ex_date}")
    return told


def _adjustments(
    position: Position, market: MarketData, today: date, open_of: OpenOf, done: AbstractSet[tuple[str, date]]
) -> list[Adjustment]:
    """What corporate actions do to this position and have not done yet: dividends first, on the quantity before the day's
    change of shares; splits and bonuses of one day one after the other; a demerger once the open is known."""
    actions = market.actions(position.instrument_id, position.opened_session, today)
    found: list[Adjustment] = []
    quantity = position.quantity
    for ex_date in sorted({action.ex_date for action in actions}):
        of_day = [action for action in actions if action.ex_date == ex_date]
        at = at_ist(ex_date, BEFORE_THE_DAY)
        dividend = sum(action.dividend for action in of_day)
        if dividend and ("dividend", ex_date) not in done:
            found.append(Adjustment(ActionKind.DIVIDEND, ex_date, at, Fraction(1), Fraction(1), dividend * quantity))
        history = market.history(position.instrument_id)
        index = history.last_index(ex_date - timedelta(days=1)) if history else -1
        close = Fraction(int(history.close[index])) if history is not None and index >= 0 else Fraction(0)
        for action in of_day:
            if action.ratio != 1 and (str(action.kind), ex_date) not in done:
                cash = fraction_cash(quantity, action.ratio, close)
                found.append(Adjustment(action.kind, ex_date, at + timedelta(seconds=1), action.ratio, Fraction(1), cash))
                quantity = shares_after(quantity, action.ratio)
            close /= action.ratio
        if any(action.kind is ActionKind.DEMERGER for action in of_day) and ("demerger", ex_date) not in done:
            opened = open_of(position) if ex_date == today else _stored_open(market, position.instrument_id, ex_date)
            if opened is not None and close:
                kept = min(Fraction(1), opened / close)
                found.append(Adjustment(ActionKind.DEMERGER, ex_date, at + timedelta(seconds=2), Fraction(1), kept, 0))
    return found


def _stored_open(market: MarketData, instrument_id: str, session: date) -> int | None:
    history = market.history(instrument_id)
    index = history.index(session) if history is not None else None
    return int(history.open[index]) if history is not None and index is not None else None


def close_ended(book: Book, today: date, now: datetime) -> list[Order]:
    """DAY orders of sessions before `today` (or of today, called after its end) that the broker's book no longer knows as
    live and that were never sent: their validity is over. Orders with the broker are closed by `follow` alone. Answers those
    of today that ended so, by this call or an earlier one."""
    for order in book.snapshot().orders:
        if order.session <= today and order.sending_at is None:
            book.intents.move(order, OrderStatus.CANCELLED, UNSENT, now)
        elif order.session <= today and order.status is OrderStatus.RETRY_PENDING:
            book.intents.move(order, OrderStatus.CANCELLED, WAITED, now)
        elif order.session < today and order.broker_order_id is None:
            book.intents.move(order, OrderStatus.CANCELLED, NEVER_APPEARED, now)
    return [order for order in book.orders(session=today) if order.reason in {UNSENT, WAITED, NEVER_APPEARED}]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A difference between the broker's holdings and the book, in shares."""

    symbol: str
    book: int
    broker: int


def compare_holdings(book: Book, broker: Broker) -> list[Mismatch]:
    """Positions for which the broker has fewer shares than the book (more is somebody's own business)."""
    held = {item.symbol: item.quantity + item.t1_quantity for item in broker.holdings()}
    return [
        Mismatch(position.symbol, position.quantity, held.get(position.symbol, 0))
        for position in book.snapshot().positions
        if held.get(position.symbol, 0) < position.quantity
    ]
