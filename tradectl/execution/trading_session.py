"""The trading session of one run: broker, book and order path under one claim, fresh quotes and sellable quantities."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from tradectl.execution import corporate_actions, reconcile, unreadable_rows, unresolved_orders
from tradectl.execution.adoption import OriginOf, no_origin
from tradectl.execution.change_reports import ChangeReports
from tradectl.execution.changes import NOTHING_NEW, Changes
from tradectl.execution.corporate_actions import OpenOf
from tradectl.execution.order_rules import BrokerOrderRules
from tradectl.execution.orders import CommandResult, CommandStatus, OrderPath
from tradectl.execution.probable_renames import IMPORT_RENAMES, ProbableRename, probable_renames
from tradectl.execution.reconcile import LastRetry, no_last_retry
from tradectl.execution.step_view import StepView
from tradectl.execution.trade_messages import TradeMessages
from tradectl.execution.unexplained_shares import UnexplainedShares, declaration_advice, unexplained_shares
from tradectl.ledger.book import Book
from tradectl.ledger.rows import Intent, Order, Position
from tradectl.ledger.snapshot import Snapshot
from tradectl.model.broker_view import HOLDINGS, QUOTES
from tradectl.model.market import Quote
from tradectl.model.message_kind import MessageKind
from tradectl.model.moment import ist_date
from tradectl.model.odd_rows import odd_of
from tradectl.model.order import Holding, OrderStatus, ReasonCode, Side
from tradectl.ports import Broker, Clock, MarketData

Log = Callable[..., None]
Notify = Callable[[str, str, str, MessageKind], bool]


def read_broker(book: Book, broker: Broker, clock: Clock) -> StepView:
    """Read the broker's orders and trades, then the book; return the view of the step."""
    book.broker = view = book.broker.read_again(broker.orders(), broker.trades())
    now = clock.now()
    return StepView(now, ist_date(now), book.snapshot(), view, {})


@dataclass(slots=True, eq=False)
class TradingSession:
    """What a task needs to trade.

    Attributes:
        log: `log(action, message, symbol=…)` writes a line to the user's log.
        notify: `notify(title, body, key, kind)` queues a message, one for each key; it returns whether the message is new.
        last_retry, origin_of: See `reconcile.follow`.
        messages: Queues messages about trades; None in a simulation.
        rules: Tick sizes and freeze quantities of orders.
        settled: The revisions of the broker's lists and of the book, and the day, of the last complete step. While they are the
            same, there is nothing to book, resolve, cancel or adjust.
        undisturbed: The revision of the positions and the day for which no corporate action and no new name was found.
    """

    broker: Broker
    book: Book
    market: MarketData
    clock: Clock
    path: OrderPath
    log: Log
    notify: Notify
    rules: BrokerOrderRules
    dry_run: bool = False
    last_retry: LastRetry = no_last_retry
    origin_of: OriginOf = no_origin
    messages: TradeMessages | None = None
    settled: tuple[int, int, date] | None = field(default=None, init=False, repr=False)
    undisturbed: tuple[int, date] | None = field(default=None, init=False, repr=False)
    reports: ChangeReports = field(init=False, repr=False)
    free_of_actions: set[tuple[str, date, date]] = field(default_factory=set, repr=False)
    """Instrument, opening session and session of positions for which `corporate_action_blocks` found no corporate action."""

    def __post_init__(self) -> None:
        self.reports = ChangeReports(self.book, self.log, self.notify)

    @property
    def snapshot(self) -> Snapshot:
        return self.book.snapshot()

    def reconcile(self, open_of: OpenOf = lambda _: None) -> Changes:
        """Update the book from the broker, resolve interrupted sends, apply corporate actions; return and log what changed.

        A demerger of today is applied once `open_of` returns the day's open."""
        return self.begin_step(open_of)[0]

    def begin_step(self, open_of: OpenOf = lambda _: None) -> tuple[Changes, StepView]:
        """Reconcile as `reconcile` does; return what changed and the view of the step. A dry run reads only the book."""
        if self.dry_run:
            return Changes(), StepView.of(self.clock.now(), self.snapshot, self.book.broker)
        seen = self._read_broker()
        read = seen.broker.revision, seen.snapshot.revision, seen.today
        if read == self.settled:
            return NOTHING_NEW, seen
        if self._end_expired_state(seen):
            seen = seen._replace(snapshot=self.snapshot)
        earlier = self._before_actions(seen, open_of)
        if earlier is not None:
            seen = seen._replace(snapshot=self.snapshot)
        changes = self._apply_reports(seen)
        seen = seen._replace(snapshot=changes.book or self.snapshot)
        if earlier is not None:
            earlier.merge(changes)
            changes = earlier
        capabilities, claim = self.broker.capabilities, self.path.claim
        doubts, decided = unresolved_orders.resolve(self.book, seen, capabilities, clock=self.clock, claim=claim)
        for order in doubts:
            if not self.may_repeat(order):
                self.reports.unknown(order)
        if not changes.quiet:
            self.reports.changes(changes, self.may_repeat)
        reopened = [*changes.reopened, *self._pending_withdrawals(changes, seen.snapshot)]
        self._cancel_reopened(reopened)
        self._apply_actions(changes, seen, open_of)
        if changes.quiet and decided and not reopened:
            self.settled = read if self._none_pending(seen) and seen.snapshot.revision == read[1] else None
            return changes, seen
        return changes, seen._replace(snapshot=self.snapshot)

    def _read_broker(self) -> StepView:
        return read_broker(self.book, self.broker, self.clock)

    def _apply_reports(self, seen: StepView, before: datetime | None = None) -> Changes:
        return reconcile.follow(
            self.book,
            self.broker,
            self.market,
            seen,
            before=before,
            last_retry=self.last_retry,
            origin_of=self.origin_of,
            messages=self.messages,
        )

    def _end_expired_state(self, seen: StepView) -> bool:
        """End a trading state that a limit set, once its day is over; return whether it was ended. A person's state stays."""
        until = seen.snapshot.state_until
        if until is None or until >= seen.today or not self.book.end_reducing(seen.today):
            return False
        text = f"buys are allowed again: the limit of {until} is over ({seen.snapshot.state_reason})"
        self.log("resumed", text, level="warning")
        if self.messages is not None:
            self.notify("buys are allowed again", text, f"resumed:{until}:{seen.today}", MessageKind.HALTED)
        return True

    def open_of(self, position: Position) -> int | None:
        """Return the day's open of a position (paise); None while its stock has not traded today."""
        quote = self.broker.quotes([position.symbol]).get(position.symbol)
        if quote is None or quote.last_trade_at is None or ist_date(quote.last_trade_at) != ist_date(self.clock.now()):
            return None
        return quote.open

    def _before_actions(self, seen: StepView, open_of: OpenOf) -> Changes | None:
        """Book the trades from before a corporate action, then apply the action; later trades then change the adjusted shares.

        Return what changed; None where no action is pending."""
        if self._none_pending(seen):
            return None
        ex_date = corporate_actions.first_action(self.book, seen, self.market)
        if ex_date is None:
            return None
        changes = self._apply_reports(seen, before=ex_date)
        self._apply_actions(changes, seen._replace(snapshot=self.snapshot), open_of)
        return changes

    def _none_pending(self, seen: StepView) -> bool:
        """Return `corporate_actions.none_pending`, computed once for the same positions and day."""
        positions = seen.snapshot.positions_revision, seen.today
        if self.undisturbed != positions and corporate_actions.none_pending(seen, self.market):
            self.undisturbed = positions
        return self.undisturbed == positions

    def _apply_actions(self, changes: Changes, seen: StepView, open_of: OpenOf) -> None:
        if self._none_pending(seen):
            return
        for line in corporate_actions.apply_actions(self.book, seen, self.market, open_of):
            changes.adjusted.append(line)
            changes.quiet = False
            self.log("corporate_action", line)

    def follow(self) -> Snapshot:
        """Read the broker's orders and trades, update the book, cancel reopened orders; return the new snapshot."""
        if self.dry_run:
            return self.snapshot
        changes = self._apply_reports(self._read_broker())
        after = changes.book or self.snapshot
        if not changes.quiet:
            self.reports.changes(changes, self.may_repeat)
        if self.path.requested:
            self.reports.not_changed(after, self.path.requested)
        self._cancel_reopened(changes.reopened)
        return self.snapshot if changes.reopened else after

    def unresolved(self, seen: StepView | None = None) -> tuple[int, float | None]:
        """Return the number of UNKNOWN orders, and the seconds until the next check (None: an early check is of no use).

        `seen`: the view of the step, if the caller has just read it."""
        orders = (seen.snapshot if seen is not None else self.snapshot).unknown
        return len(orders), unresolved_orders.next_check_in(orders, self.clock.now()) if orders else None

    def may_repeat(self, order: Order) -> bool:
        """Return whether an UNKNOWN order may be sent again, because the broker refuses a repeated tag."""
        return unresolved_orders.may_repeat(order, self.broker.capabilities, self.path.claim.owner, self.clock.now())

    def _pending_withdrawals(self, changes: Changes, snapshot: Snapshot) -> list[Order]:
        """Return reopened orders whose cancel was refused, or interrupted because a process ended."""
        found = {order.id for order in changes.reopened}
        return [order for order in snapshot.orders if order.reason_code is ReasonCode.REAPPEARED and order.id not in found]

    def _cancel_reopened(self, reopened: Sequence[Order]) -> None:
        """Cancel orders that counted as ended and are at the exchange after all."""
        for order in reopened:
            self.reports.reopened(order)
            now = self.book.order(order.id)
            if now.alive and not self.cancel_confirmed(now):
                self.log(
                    "order_not_cancelled",
                    f"order {order.id} is not cancelled and may trade; the next step tries again",
                    order.symbol,
                    level="error",
                )

    def buy(self, intent: Intent, *, send: bool = True) -> CommandResult:
        """Place a buy (`OrderPath.place`) and return the result; if HELD, report the unexplained shares once."""
        result = self.path.place(intent, send=send)
        if result.status is CommandStatus.HELD:
            self.unexplained_shares(only=intent.symbol)
        return result

    def unexplained_shares(self, *, only: str = "") -> list[UnexplainedShares]:
        """Return the symbols of which the broker holds shares that neither the ledger nor `own_shares` explains.

        Each symbol is reported once for each number of shares. `only`: this symbol alone."""
        found = unexplained_shares(self.holdings(), self.snapshot.positions, self.path.own_shares)
        found = [item for item in found if item.symbol == (only or item.symbol)]
        renamed = {item.new_symbol: item for item in self.probable_renames().values()} if found else {}
        for item in found if not self.dry_run else []:
            text = f"{item.text}. {declaration_advice([item], self.path.own_shares)}"
            if item.symbol in renamed:
                text = f"{renamed[item.symbol].text}. No buy of {item.symbol} is sent. {IMPORT_RENAMES}"
            key = f"beyond:{item.symbol}:{item.broker}:{item.book}:{item.own}"
            if self.notify(f"{item.symbol}: the broker holds unexplained shares", text, key, MessageKind.ORDER_PROBLEM):
                self.log("shares_beyond_book", text, item.symbol, level="warning")
        return found

    def probable_renames(self) -> dict[str, ProbableRename]:
        """Return, by symbol of the position, the renames that the broker's holdings show and our list does not have."""
        return probable_renames(self.holdings(), self.snapshot.positions, self.market, ist_date(self.clock.now()))

    def fresh_quotes(
        self,
        symbols: Iterable[str],
        max_age: timedelta,
        now: datetime | None = None,
        traded: tuple[datetime, datetime] | None = None,
    ) -> dict[str, Quote]:
        """Return the quotes that are at most `max_age` plus the broker's quote delay old. Other symbols are left out.

        Args:
            now: The moment of the step; None: now.
            traded: Leave out quotes whose last trade was not in this span; its end is excluded.
        """
        wanted = list(symbols)
        if not wanted:
            return {}
        limit = (now or self.clock.now()) - max_age - self.broker.capabilities.quote_delay
        found = self.broker.quotes(wanted)
        self.book.broker = self.book.broker.with_odd(QUOTES, odd_of(found))
        if traded is None:
            return {symbol: quote for symbol, quote in found.items() if quote.at >= limit}
        begin, end = traded
        return {
            symbol: quote
            for symbol, quote in found.items()
            if quote.at >= limit and quote.last_trade_at is not None and begin <= quote.last_trade_at < end
        }

    def holdings(self) -> Sequence[Holding]:
        """Return the broker's holdings; record the rows that cannot be read in the book's view of the broker."""
        found = self.broker.holdings()
        self.book.broker = self.book.broker.with_odd(HOLDINGS, odd_of(found))
        return found

    def note_unreadable_holdings(self) -> None:
        """Count the symbols of unreadable holdings as blocked: because of them the equity of the account is unknown."""
        symbols = {unreadable_rows.symbol_of(self.book, row) for row in self.book.broker.odd.get(HOLDINGS, ())}
        self.path.stopped_symbols |= symbols - {""}  # a row without a symbol blocks buys by itself

    def sellable(self, position: Position, *, bought_today: int) -> int | None:
        """Return the shares of a position that may be sold now: those of the book, at most those sellable at the broker.

        `bought_today`: shares of a trade-for-trade series, which cannot be sold on the day they were bought. None where an
        unreadable row may hide the shares."""
        held = self.holdings()
        odd = self.book.broker.odd.get(HOLDINGS)
        if odd and unreadable_rows.unreadable_holding(held, position.symbol) is not None:
            return None
        shown = sum(item.sellable for item in held if item.symbol == position.symbol)
        return max(0, min(position.quantity - bought_today, shown))

    def cancel_confirmed(self, order: Order) -> bool:
        """Cancel an order and read it back; return True only if the broker's book shows that it ended.

        A cancel that could not be sent is reported once for each order."""
        result = self.path.cancel(order)
        if result.status is CommandStatus.DRY:
            return False
        self.follow()
        ended = not self.book.order(order.id).alive
        if result.status is CommandStatus.NOT_SENT and not ended:
            self.reports.not_cancelled(order, result.reason)
        return ended

    def bought_on(self, instrument_id: str, session: date) -> int:
        """Return the shares of an instrument that tradectl bought in a session."""
        return sum(
            row.quantity
            for row in self.book.fills(session=session, ours=True)
            if row.instrument_id == instrument_id and row.side == Side.BUY
        )

    def live(self, side: Side, session: date) -> list[Order]:
        """Return unfinished orders of one side for a session that the broker has or may have."""
        return [
            order
            for order in self.snapshot.orders
            if order.side is side and order.session == session and order.status is not OrderStatus.RETRY_PENDING
        ]
