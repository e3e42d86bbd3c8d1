"""The trading of one run: the broker, the book and the order path behind one claim, with fresh prices and proven quantities."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from math import lcm

from tradectl.errors import BrokerUnavailable, UsageError
from tradectl.execution import corporate_actions, reconcile, unreadable_rows, unresolved_orders
from tradectl.execution.adoption import LevelOf, no_level
from tradectl.execution.corporate_actions import OpenOf
from tradectl.execution.orders import Answer, OrderPath, Sent
from tradectl.execution.reconcile import Changes, LastTry, nobody_tries
from tradectl.execution.step_view import StepView
from tradectl.execution.unexplained_shares import Beyond, beyond_book, declaration
from tradectl.ledger.book import Book
from tradectl.ledger.intents import REAPPEARED
from tradectl.ledger.rows import Intent, Order, Position
from tradectl.ledger.snapshot import Snapshot
from tradectl.model.market import Quote
from tradectl.model.moment import ist_date
from tradectl.model.order import Holding, OrderStatus, Side
from tradectl.ports import Broker, Clock, ListsOrderRules, MarketData, OrderRules

Log = Callable[..., None]


@dataclass(frozen=True, slots=True)
class TradingSession:
    """What a task trades through. `log(action, message, symbol=…)` writes to the user's log; `tell(title, body, key)` also
    sends a message, one for each key. `last_try`, `level_of`: see `reconcile.follow`. `rules`: the broker, where it has a list of
    instruments; None: the exchange's rules count."""

    broker: Broker
    book: Book
    market: MarketData
    clock: Clock
    path: OrderPath
    log: Log
    tell: Callable[[str, str, str], bool]
    dry_run: bool = False
    last_try: LastTry = nobody_tries
    level_of: LevelOf = no_level
    rules: ListsOrderRules | None = None
    free_of_actions: set[tuple[str, date, date]] = field(default_factory=set, repr=False, compare=False)
    """Instrument, opening session and session of positions for which `corporate_action_blocks` found no corporate action."""
    unread_rules: set[str] = field(default_factory=set, repr=False, compare=False)
    """Symbols whose row in the broker's list could not be read, and that were named for it."""

    @property
    def snapshot(self) -> Snapshot:
        return self.book.snapshot()

    def reconcile(self, open_of: OpenOf = lambda _: None) -> Changes:
        """Make the book follow the broker, decide about interrupted sends, apply corporate actions; log what changed. A demerger
        of today is applied where `open_of` returns the day's open."""
        return self.begin_step(open_of)[0]

    def begin_step(self, open_of: OpenOf = lambda _: None) -> tuple[Changes, StepView]:
        """Do what `reconcile` does; return what changed, and what the step sees now. A dry run reads the book alone."""
        if self.dry_run:
            return Changes(), StepView.of(self.clock.now(), self.snapshot, self.book.broker)
        seen = self._look()
        if self._lift(seen):
            seen = seen.with_snapshot(self.snapshot)
        earlier = self._before_actions(seen, open_of)
        if earlier is not None:
            seen = seen.with_snapshot(self.snapshot)
        changes = self._followed(seen)
        if earlier is not None:
            earlier.take(changes)
            changes = earlier
        if not changes.quiet:
            seen = seen.with_snapshot(self.snapshot)
        capabilities, claim = self.broker.capabilities, self.path.claim
        for order in unresolved_orders.resolve(self.book, seen, capabilities, clock=self.clock, claim=claim):
            self._tell_unknown(order)
        self._report(changes)
        self._withdraw([*changes.reopened, *self._left_over(changes, seen.snapshot)])
        self._apply_actions(changes, seen, open_of)
        settled = changes.quiet and self.book.undoubted is not None and self.book.undoubted[0] == seen.snapshot.revision
        return changes, seen if settled else seen.with_snapshot(self.snapshot)

    def _look(self) -> StepView:
        return reconcile.look(self.book, self.broker, self.clock)

    def _followed(self, seen: StepView, before: datetime | None = None) -> Changes:
        return reconcile.follow(
            self.book, self.broker, self.market, seen, before=before, last_try=self.last_try, level_of=self.level_of
        )

    def _lift(self, seen: StepView) -> bool:
        """End the trading state that a limit set, with its day; return whether it was ended. What a person decided stays."""
        until = seen.snapshot.state_until
        if until is None or until >= seen.today or not self.book.end_reducing(seen.today):
            return False
        text = f"buys are allowed again: {seen.snapshot.state_reason}, which held until {until}"
        self.log("resumed", text, level="warning")
        return True

    def open_of(self, position: Position) -> int | None:
        """The day's open of a position (paise); None while it has not traded today, whatever yesterday's quote says."""
        quote = self.broker.quotes([position.symbol]).get(position.symbol)
        if quote is None or quote.last_trade_at is None or ist_date(quote.last_trade_at) != ist_date(self.clock.now()):
            return None
        return quote.open

    def _before_actions(self, seen: StepView, open_of: OpenOf) -> Changes | None:
        """Take in the trades from before a corporate action, and apply it: later trades meet the changed shares. Return what
        changed; None where no action waits."""
        if corporate_actions.undisturbed(self.book, seen, self.market):
            return None
        ex_date = corporate_actions.first_action(self.book, seen, self.market)
        if ex_date is None:
            return None
        changes = self._followed(seen, before=ex_date)
        self._apply_actions(changes, seen.with_snapshot(self.snapshot), open_of)
        return changes

    def _apply_actions(self, changes: Changes, seen: StepView, open_of: OpenOf) -> None:
        if corporate_actions.undisturbed(self.book, seen, self.market):
            return
        for line in corporate_actions.apply_actions(self.book, seen, self.market, open_of):
            changes.adjusted.append(line)
            changes.quiet = False
            self.log("corporate_action", line)

    def follow(self) -> Changes:
        """One polling pass over the broker's report, as after a set of commands."""
        if self.dry_run:
            return Changes()
        changes = self._followed(self._look())
        self._report(changes)
        self._read_back()
        self._withdraw(changes.reopened)
        return changes

    def doubts(self, seen: StepView | None = None) -> tuple[int, float | None]:
        """Return how many orders are of unknown outcome, and in how many seconds to look for them again (None: that is of no
        use). `seen`: what the step sees, if it was just read."""
        orders = (seen.snapshot if seen is not None else self.snapshot).unknown
        return len(orders), unresolved_orders.again_after(orders, self.clock.now()) if orders else None

    def may_repeat(self, order: Order) -> bool:
        """Whether an order of unknown fate may be sent again, because the broker refuses what it has already."""
        return unresolved_orders.may_repeat(order, self.broker.capabilities, self.path.claim.owner, self.clock.now())

    def _tell_unknown(self, order: Order) -> None:
        """Once for each order, however often it is looked for; nothing of one that is about to be asked for again."""
        if self.may_repeat(order):
            return
        text = f"{order.side} {order.quantity} {order.symbol}, order {order.id}: nobody knows what became of it ({order.reason})"
        if self.tell(f"{order.symbol}: an order of unknown fate", text, f"unknown:{order.id}:{order.tag}"):
            self.log("order_unknown", text, order.symbol, level="error")

    def _left_over(self, changes: Changes, snapshot: Snapshot) -> list[Order]:
        """Orders whose withdrawal was interrupted by a death, or refused."""
        found = {order.id for order in changes.reopened}
        return [order for order in snapshot.orders if order.reason == REAPPEARED and order.id not in found]

    def _withdraw(self, reopened: Sequence[Order]) -> None:
        """Orders that had been given up and are at the exchange after all: nobody wants them any more."""
        for order in reopened:
            text = f"{order.side} {order.quantity} {order.symbol}, order {order.id}, had been given up and is at the exchange"
            if self.tell(f"{order.symbol}: an order came back", text, f"reopened:{order.id}:{order.tag}"):
                self.log("order_reappeared", text, order.symbol, level="error")
            now = self.book.order(order.id)
            if now.alive and not self.cancel_confirmed(now):
                self.log("order_not_cancelled", f"order {order.id} could not be withdrawn", order.symbol, level="error")

    def _read_back(self) -> None:
        """Say where the broker answered that it had changed an order, and its book shows it unchanged."""
        alive = {order.id: order for order in self.snapshot.orders if order.alive} if self.path.asked else {}
        for order_id, (quantity, price) in self.path.asked.items():
            order = alive.get(order_id)
            if order is not None and (order.quantity, order.price) != (quantity, price):
                asked, has = f"{quantity} at {price / 100:.2f}", f"{order.quantity} at {order.price / 100:.2f}"
                text = f"{order.side} {order.symbol}, order {order.id}: asked for {asked}, the broker has {has}"
                self.log("order_not_changed", text, order.symbol, level="warning")
        self.path.asked.clear()

    def _report(self, changes: Changes) -> None:
        if changes.quiet:
            return
        for order in changes.executed:
            self.log("order_executed", f"{order.side} {order.quantity} {order.symbol} executed", order.symbol)
        for order in (*changes.rejected, *changes.postponed):
            now = self.book.order(order.id)
            again = ", to be tried again before the open" if now.status is OrderStatus.RETRY_PENDING else ""
            text = f"{order.side} {order.quantity} {order.symbol} rejected{again}: {now.reason}"
            self.log("order_rejected", text, order.symbol, level="warning")
            self.tell(f"{order.symbol}: an order was rejected", text, f"rejected:{order.id}:{order.tag}")
        for order, word in changes.unread:
            text = f"{order.side} {order.quantity} {order.symbol}, order {order.id}: the broker's status {word!r} is not known. "
            text += f"The order stays {self.book.order(order.id).status} until the broker says a known word: look at it there"
            if self.tell(f"{order.symbol}: a status word that is not known", text, f"word:{order.id}:{order.tag}:{word}"):
                self.log("order_word_unknown", text, order.symbol, level="warning")
        for order in changes.cancelled:
            self.log("order_cancelled", f"{order.side} {order.quantity} {order.symbol} cancelled", order.symbol)
        for item in changes.external:
            trade = item.report
            text = f"{trade.side} {trade.quantity} {trade.symbol} at {trade.price / 100:.2f} was traded outside tradectl"
            self.log("external_trade", text, trade.symbol, level="warning")
            self.tell(f"{trade.symbol} was traded by hand", text, f"external:{trade.trade_id}")
        for order in map(self.book.order, [item.id for item in changes.counted]):
            text = f"{order.side} {order.quantity} {order.symbol}, broker order {order.broker_order_id}: the ledger had lost it, "
            text += f"or had it as refused; it counts as order {order.id} from now on"
            if self.tell(f"{order.symbol}: a lost order of ours is found", text, f"counted:{order.id}:{order.tag}"):
                self.log("order_counted", text, order.symbol, level="warning")
        for order in changes.doubted:
            self._tell_unknown(order)
        for order in changes.unexplained:
            text = f"{order.side} {order.quantity} {order.symbol}, broker order {order.broker_order_id}: {order.reason}. "
            text += f"Nothing is sent for {order.symbol} until you decide: `tradectl orders adopt {order.id}`"
            if self.tell(f"{order.symbol}: an order that the ledger cannot explain", text, f"unexplained:{order.id}:{order.tag}"):
                self.log("order_unexplained", text, order.symbol, level="error")

    def buy(self, intent: Intent, *, send: bool = True) -> Answer:
        """Place a buy (`OrderPath.place`); report once where the broker holds shares of its symbol that nothing explains."""
        answer = self.path.place(intent, send=send)
        if answer.sent is Sent.HELD:
            self.beyond_book(only=intent.symbol)
        return answer

    def beyond_book(self, *, only: str = "") -> list[Beyond]:
        """Return the symbols of which the broker holds shares that neither the ledger nor `own_shares` explains (or `only` this
        one); report each once for each number of shares."""
        found = beyond_book(self.holdings(), self.snapshot.positions, self.path.own_shares)
        found = [item for item in found if item.symbol == (only or item.symbol)]
        for item in found if not self.dry_run else []:
            text = f"{item.text}. {declaration([item], self.path.own_shares)}"
            key = f"beyond:{item.symbol}:{item.broker}:{item.book}:{item.own}"
            if self.tell(f"{item.symbol}: shares that the ledger does not count", text, key):
                self.log("shares_beyond_book", text, item.symbol, level="warning")
        return found

    def fresh_quotes(self, symbols: Iterable[str], max_age: timedelta, now: datetime | None = None) -> dict[str, Quote]:
        """Return last prices young enough to act on; a stale one is left out, and so nothing is changed for it. `now`: the moment
        of the step, where it was read."""
        wanted = list(symbols)
        if not wanted:
            return {}
        limit = (now or self.clock.now()) - max_age - self.broker.capabilities.quote_delay
        found = self.broker.quotes(wanted)
        unreadable_rows.note(self.book, unreadable_rows.QUOTES, found)
        return {symbol: quote for symbol, quote in found.items() if quote.at >= limit}

    def tick_size(self, instrument_id: str, session: date) -> int:
        """Return the tick (paise) of an order for a session: that of the broker's list where the list is of that session.

        An older list says what the broker takes today, and the exchange's rule what the exchange takes in that session: the
        result then fits both. Without a row in the list the exchange's rule counts."""
        instrument = self.market.instrument(instrument_id, session)
        listed = self._listed(instrument.symbol)
        if listed is None:
            return instrument.tick_size
        return listed.tick_size if listed.listed_on == session else lcm(listed.tick_size, instrument.tick_size)

    def most_shares(self, symbol: str) -> int | None:
        """Return the largest quantity of one order (the freeze quantity) by the broker's list; None where it tells none."""
        listed = self._listed(symbol)
        return listed.most_shares if listed is not None else None

    def is_unlisted(self, symbol: str) -> bool:
        """Return whether the broker's list of instruments does not have a symbol; False where the broker has no list."""
        if self.rules is None:
            return False
        try:
            self.rules.order_rules(symbol)
        except UsageError:
            return True
        except BrokerUnavailable:
            return False
        return False

    def _listed(self, symbol: str) -> OrderRules | None:
        """Return a symbol's rules by the broker's list; None where there is none, or it does not have the symbol."""
        try:
            return self.rules.order_rules(symbol) if self.rules is not None else None
        except UsageError:
            return None
        except BrokerUnavailable as error:
            if symbol not in self.unread_rules:
                self.unread_rules.add(symbol)
                text = f"{symbol}: the broker's list cannot be read; the exchange's tick counts, no freeze quantity: {error}"
                self.log("order_rules_unread", text, symbol, level="warning")
            return None

    def holdings(self) -> Sequence[Holding]:
        """Read the holdings; note their rows that cannot be read."""
        found = self.broker.holdings()
        unreadable_rows.note(self.book, unreadable_rows.HOLDINGS, found)
        return found

    def note_unproved(self) -> None:
        """Note the symbols whose rows of the holdings cannot be read as stopped: they keep the equity of the account unknown."""
        symbols = {unreadable_rows.symbol_of(self.book, row) for row in self.book.odd.get(unreadable_rows.HOLDINGS, ())}
        self.path.stopped_symbols |= symbols - {""}  # a row without a symbol stops buys by itself

    def sellable(self, position: Position, *, bought_today: int) -> int | None:
        """Shares of a position that may be sold now: never more than the book has, nor than the broker lets us sell.
        `bought_today` are shares that a trade-for-trade series keeps from being sold on the day they were bought. None where a
        row that cannot be read hides it."""
        held = self.holdings()
        if unreadable_rows.unreadable_holding(held, position.symbol) is not None:
            return None
        shown = sum(item.sellable for item in held if item.symbol == position.symbol)
        return max(0, min(position.quantity - bought_today, shown))

    def cancel_confirmed(self, order: Order) -> bool:
        """Cancel and read back, whatever was answered; True only when the broker's own book shows it ended. That the broker could
        not be asked is reported once for each order."""
        answer = self.path.cancel(order)
        if answer.sent is Sent.DRY:
            return False
        self.follow()
        ended = not self.book.order(order.id).alive
        if answer.sent is Sent.NOT_SENT and not ended:
            what = f"{order.side} {order.quantity} {order.symbol}, order {order.id},"
            text = f"{what} is not cancelled and may trade: {answer.reason}"
            if self.tell(f"{order.symbol}: an order is not cancelled", text, f"not_cancelled:{order.id}:{order.tag}"):
                self.log("order_not_cancelled", text, order.symbol, level="error")
        return ended

    def bought_on(self, instrument_id: str, session: date) -> int:
        """Shares of an instrument bought by us in a session."""
        return sum(
            row.quantity
            for row in self.book.fills(session=session, ours=True)
            if row.instrument_id == instrument_id and row.side == Side.BUY
        )

    def live(self, side: Side, session: date) -> list[Order]:
        """Unfinished orders of one side for a session that the broker knows or may know."""
        return [
            order
            for order in self.snapshot.orders
            if order.side is side and order.session == session and order.status is not OrderStatus.RETRY_PENDING
        ]
