"""The order path: intent, send, outcome.

The intent is on disk before the broker hears of it, under a tag that a restarted process would make again. What the broker
refuses is a value; what nobody knows becomes UNKNOWN and stays so until the broker's book says otherwise. Whether this
execution may still send is asked in the transaction that marks the sending; from its commit on the order counts as possibly made.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from tradectl.errors import (
    Ambiguous,
    Blocked,
    BrokerUnavailable,
    ConfigurationError,
    DatabaseError,
    DataError,
    LoginNeeded,
    OrderRefused,
    UsageError,
)
from tradectl.execution import unreadable_rows
from tradectl.execution.tags import client_tag
from tradectl.execution.unexplained_shares import beyond_book, declaration
from tradectl.execution.unresolved_orders import EXISTS, may_repeat
from tradectl.ledger.book import Book
from tradectl.ledger.executions import Claim
from tradectl.ledger.intents import REAPPEARED, WITHDRAWN, Forbidden, Overtaken, why_forbidden
from tradectl.ledger.rows import Intent, Order
from tradectl.model.odd_rows import OddRow
from tradectl.model.order import TERMINAL, OrderRequest, OrderStatus, Side
from tradectl.model.trading_state import TradingState, stricter
from tradectl.ports import Broker, Clock, HaltMarker

NOT_CARRIED_OUT = (BrokerUnavailable, LoginNeeded, ConfigurationError, Blocked)
"""What a broker raises for a command that provably was not carried out (`ports.Broker`). A signal is none of them."""
_OF_THE_SYMBOL = (DataError, UsageError)
"""What it raises where that is about one symbol alone: its list lacks the symbol, has a row of it that cannot be read, or has
another series or ISIN. The other symbols of the step go on."""


class Sent(StrEnum):
    """What became of a command."""

    PLACED = "placed"
    EXISTS = "exists"  # the same intent was recorded before; nothing was sent
    WAITING = "waiting"  # recorded, not sent: it waits for the morning
    REFUSED = "refused"
    RETRY = "retry"  # refused for a reason that may pass
    UNKNOWN = "unknown"
    HELD = "held"  # the broker holds shares of the symbol that nothing explains (`unexplained_shares`); nothing was sent
    BLOCKED = "blocked"  # the account's trading state forbids it
    NOT_SENT = "not_sent"  # a cancel that the broker could not be asked for
    DRY = "dry"  # a dry run sends nothing


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of one command, with the broker's reason in its own words."""

    sent: Sent
    order: Order | None = None
    reason: str = ""

    @property
    def ok(self) -> bool:
        return self.sent in {Sent.PLACED, Sent.EXISTS, Sent.DRY}

    @property
    def verdict(self) -> str:
        """The word under which a task counts a buy that it sent: placed, skipped (it waits on), unknown or failed."""
        waits = {Sent.RETRY: "skipped", Sent.BLOCKED: "skipped", Sent.UNKNOWN: "unknown"}
        return "placed" if self.ok else waits.get(self.sent, "failed")


class OrderPath:
    """Places, modifies and cancels for one execution of one user."""

    def __init__(
        self,
        broker: Broker,
        book: Book,
        clock: Clock,
        user: str,
        claim: Claim,
        *,
        marker: HaltMarker,
        dry_run: bool = False,
        own_shares: Mapping[str, int] | None = None,
    ) -> None:
        self._broker = broker
        self._book = book
        self._clock = clock
        self._user = user
        self._claim = claim
        self._marker = marker
        self._dry_run = dry_run
        self.own_shares: Mapping[str, int] = own_shares or {}
        """Shares of the user's own, by symbol, which the ledger does not count."""
        self.stopped = ""
        """Why a person's halt stopped a command since the step began; empty where none was stopped."""
        self.stopped_symbols: set[str] = set()
        """Symbols for which a row that cannot be read kept a command back."""
        self.asked: dict[int, tuple[int, int]] = {}
        """Quantity and price that orders were changed to, by order id, until the broker's book was read back."""
        self.not_cancelled: dict[int, str] = {}
        """Why the broker could not be asked for the cancel of an order, by order id, since the step began."""

    @property
    def claim(self) -> Claim:
        """Whose orders these are."""
        return self._claim

    def place(self, intent: Intent, *, send: bool = True) -> Answer:
        """Record the intent and send it. With `send=False` it is only recorded, as RETRY_PENDING, for the morning.

        An intent whose newest generation is still alive is not sent again (EXISTS, or UNKNOWN where its fate is not known).
        One that was recorded but never sent is sent under its own tag. One that ended begins a new generation. An order of
        unknown fate blocks its symbol. An intent whose tag or broker order id is known is never sent. A buy waits (HELD)
        while the broker holds shares of its symbol that nothing explains. Raises Fenced.
        """
        if self._dry_run:
            held = self._held(intent.side, intent.symbol)
            return Answer(Sent.HELD, reason=held) if held else Answer(Sent.DRY)
        try:
            return self._place(intent, send=send)
        except Forbidden as forbidden:
            return self._blocked(forbidden)

    def _place(self, intent: Intent, *, send: bool) -> Answer:
        self._assert_allowed(intent.side)
        odd = self._odd_row(intent.symbol, intent.side)
        if odd is not None:
            return Answer(Sent.BLOCKED, None, odd.text)
        chain = self._book.intents.chain(intent)
        newest = chain[-1] if chain else None
        blocking = self._blocking(intent, newest)
        if blocking is not None:
            return Answer(Sent.UNKNOWN, blocking, f"order {blocking.id} is UNKNOWN: {blocking.reason}")
        if newest is not None and newest.status not in TERMINAL:
            if newest.status is OrderStatus.UNKNOWN:
                return self._repeat(newest, intent, send=send)
            known = newest.sending_at is not None or newest.broker_order_id is not None
            if known and newest.status is not OrderStatus.RETRY_PENDING:
                return Answer(Sent.EXISTS, newest)
            if not known:
                return self._send_recorded(newest, intent, send=send)
        generation = newest.generation + 1 if newest is not None else 0
        tag = client_tag(self._user, intent, generation)
        held = self._held(intent.side, intent.symbol) if send and not self._is_there(tag) else ""
        sending, waits = send and not held, held or "waits for the morning"
        order = self._book.intents.record(
            self._claim,
            intent,
            tag,
            generation,
            now=self._clock.now(),
            machine_now=self._clock.machine_now(),
            sending=sending,
            status=OrderStatus.PENDING if sending else OrderStatus.RETRY_PENDING,
            reason="" if sending else waits,
            instead_of=newest if newest is not None and newest.status is OrderStatus.RETRY_PENDING else None,
        )
        if held:
            return Answer(Sent.HELD, order, held)
        return self._send(order) if send else Answer(Sent.WAITING, order)

    def _blocking(self, intent: Intent, newest: Order | None) -> Order | None:
        """Return an order of unknown fate that forbids another of its symbol: any for a buy, a sell for a sell. The intent's own
        newest order is no other."""
        others = (
            order for order in self._book.snapshot().unknown if intent.names(order) and (newest is None or order.id != newest.id)
        )
        return next((order for order in others if intent.side is Side.BUY or order.side is Side.SELL), None)

    def _held(self, side: Side, symbol: str) -> str:
        """Return why a buy is not sent: the broker holds shares of its symbol that nothing explains. Empty for other orders."""
        if side is not Side.BUY:
            return ""
        holdings = self._broker.holdings()
        hidden = unreadable_rows.unreadable_holding(holdings, symbol)
        if hidden is not None:
            self.stopped_symbols.add(symbol)
            return f"{hidden.text}, so what is held of {symbol} is not known"
        beyond = beyond_book(holdings, self._book.snapshot().positions, self.own_shares)
        found = next((item for item in beyond if item.symbol == symbol), None)
        return f"{found.text}. {declaration([found], self.own_shares)}" if found is not None else ""

    def _is_there(self, tag: str) -> bool:
        """Return whether the broker's book, as it was last read, has an order under this tag, in any row."""
        odd = self._book.odd.get(unreadable_rows.ORDERS, ())
        return any(report.tag == tag for report in self._book.broker.reports) or any(row.tag == tag for row in odd)

    def _odd_row(self, symbol: str, side: Side) -> OddRow | None:
        """Return the row of the broker that cannot be read and stops a symbol; the symbol is kept as wanted."""
        found = unreadable_rows.stop_of(self._book, symbol, side) or unreadable_rows.holding_stop(self._book, symbol)
        if found is not None:
            self.stopped_symbols.add(symbol)
        return found

    def _send_recorded(self, order: Order, intent: Intent, *, send: bool, doubt: str = "") -> Answer:
        if not send:
            return Answer(Sent.WAITING, order)
        held = self._held(order.side, order.symbol) if not self._is_there(order.tag) else ""
        if held:
            return self._keep_back(order, held, doubt)
        marked = self._book.intents.mark_sending(
            self._claim,
            order,
            quantity=intent.quantity,
            price=intent.price,
            variety=intent.variety if order.sending_at is None else order.variety,
            now=self._clock.now(),
            machine_now=self._clock.machine_now(),
        )
        return self._send(marked, doubt)

    def _repeat(self, order: Order, intent: Intent, *, send: bool) -> Answer:
        """An order of unknown fate is asked for again only where the broker refuses what it has already."""
        if not send or not may_repeat(order, self._broker.capabilities, self._claim.owner, self._clock.now()):
            return Answer(Sent.UNKNOWN, order, order.reason)
        return self._send_recorded(order, intent, send=True, doubt=order.reason or "nobody knows what became of it")

    @property
    def trading_state(self) -> TradingState:
        """The stricter of the ledger's trading state and the halt marker. A marker that cannot be read counts as HALTED."""
        seen = self._book.snapshot()
        in_ledger = TradingState(seen.trading_state, seen.state_reason, by_limit=seen.state_until is not None)
        return stricter(in_ledger, self._marked())

    def _assert_allowed(self, side: Side) -> None:
        _assert_allows(self.trading_state, side)

    def _marked(self) -> TradingState:
        try:
            return self._marker.read()
        except Blocked as unreadable:
            return TradingState("HALTED", str(unreadable))

    def _blocked(self, forbidden: Forbidden, order: Order | None = None) -> Answer:
        """Return the answer to a command that the trading state forbids. What a limit forbids is not a stop: its day goes on."""
        if not forbidden.by_limit:
            self.stopped = str(forbidden)
        return Answer(Sent.BLOCKED, order, str(forbidden))

    def _send(self, order: Order, doubt: str = "") -> Answer:
        """Send an order that is marked as being sent, and write down what is known after. Anything raised but these errors leaves
        it marked: nobody knows then, and `unresolved_orders.resolve` finds out.

        `doubt`: it was sent before, and this is why nobody knows what became of it. Only an order id ends that: whatever becomes
        of this sending proves nothing about the one before.

        An order whose tag the broker's book shows is not sent: its reply was lost, or the ledger has forgotten it."""
        if self._is_there(order.tag):
            reason = f"{EXISTS}: it was read under this tag"
            known = self._book.intents.answered(order, OrderStatus.UNKNOWN, self._clock.now(), reason=reason)
            return Answer(Sent.UNKNOWN, known, reason)
        request = OrderRequest(order.tag, order.symbol, order.side, order.quantity, order.price, variety=order.variety)
        answered = self._book.intents.answered
        try:
            _assert_allows(self._marked(), order.side)
            broker_order_id = self._broker.place(request)
        except (OrderRefused, *_OF_THE_SYMBOL) as error:
            unsent = OrderRefused(f"{error}: it was not sent", code="unknown_symbol")
            refusal = error if isinstance(error, OrderRefused) else unsent
            sent, status, reason = self._refused(order, refusal, doubt)
            return Answer(sent, answered(order, status, self._clock.now(), reason=reason), reason)
        except Ambiguous as unknown:
            reason = str(unknown)
            return Answer(Sent.UNKNOWN, answered(order, OrderStatus.UNKNOWN, self._clock.now(), reason=reason), reason)
        except NOT_CARRIED_OUT as error:
            if isinstance(error, UsageError) and order.side is Side.SELL:  # not listed: the exits of other symbols go on
                sent, status, reason = self._refused(order, OrderRefused(str(error), code="unknown_symbol"), doubt)
                return Answer(sent, answered(order, status, self._clock.now(), reason=reason), reason)
            if doubt:
                answered(order, OrderStatus.UNKNOWN, self._clock.now(), reason=doubt)
            else:
                self._book.intents.never_sent(order, self._clock.now())
            raise
        try:
            known = answered(order, OrderStatus.PENDING, self._clock.now(), broker_order_id=broker_order_id)
        except DatabaseError as error:
            number = f"order {order.id} went out and is {broker_order_id} at the broker, which the ledger could not note"
            raise DatabaseError(f"{number}: {error}") from error
        return Answer(Sent.PLACED, known)

    def _keep_back(self, order: Order, held: str, doubt: str) -> Answer:
        """Let a buy wait that is not sent, because the broker holds shares of its symbol that nothing explains."""
        if doubt:
            return Answer(Sent.UNKNOWN, order, held)
        with suppress(Overtaken):
            self._book.intents.move(order, OrderStatus.RETRY_PENDING, held, self._clock.now())
        return Answer(Sent.HELD, self._book.order(order.id), held)

    def _refused(self, order: Order, refusal: OrderRefused, doubt: str) -> tuple[Sent, OrderStatus, str]:
        """A refused repetition of a tag is no refusal of the order: the broker says that it has it."""
        if refusal.code == "repeated_tag":
            return Sent.UNKNOWN, OrderStatus.UNKNOWN, f"{EXISTS}: {refusal.reason}"
        if doubt:
            return Sent.UNKNOWN, OrderStatus.UNKNOWN, doubt
        if refusal.passing and order.side is Side.BUY:
            return Sent.RETRY, OrderStatus.RETRY_PENDING, refusal.reason
        return Sent.REFUSED, OrderStatus.REJECTED, refusal.reason

    def modify(self, order: Order, *, quantity: int, price: int) -> Answer:
        """Change a live order. The caller reads it back by `TradingSession.follow`, which logs an order that the broker left
        unchanged. Raises Fenced."""
        if self._dry_run:
            return Answer(Sent.DRY, order)
        if order.broker_order_id is None:
            return Answer(Sent.REFUSED, order, "its fate is not known yet")
        if (odd := self._odd_row(order.symbol, order.side)) is not None:
            return Answer(Sent.BLOCKED, order, odd.text)
        try:
            self._book.intents.assert_may(self._claim, order.side, self._clock.machine_now())
            self.asked[order.id] = (quantity, price)
            _assert_allows(self._marked(), order.side)
            self._broker.modify(order.broker_order_id, quantity=quantity, price=price)
        except Forbidden as forbidden:
            self.asked.pop(order.id, None)
            return self._blocked(forbidden, order)
        except OrderRefused as refusal:
            del self.asked[order.id]
            return Answer(Sent.REFUSED, order, refusal.reason)
        except Ambiguous as doubt:
            return Answer(Sent.UNKNOWN, order, str(doubt))
        try:
            return Answer(Sent.PLACED, self._book.note_modified(order, quantity, price, self._clock.now()))
        except Overtaken:  # another process has read the broker's book meanwhile, which knows better
            return Answer(Sent.PLACED, self._book.order(order.id))

    def cancel(self, order: Order) -> Answer:
        """Ask for the end of an order. Cancels always pass, whatever the trading state; only a read-back confirms them. That the
        broker could not be asked is the failure of this order (NOT_SENT, `not_cancelled`): the cancels of others go on.

        An intent that the broker never heard of is cancelled in the book alone. Raises Fenced; the claim of a person, who
        works on no execution, cannot be lost.
        """
        if self._dry_run:
            return Answer(Sent.DRY, order)
        if self._claim.execution_id:
            self._book.intents.assert_claim(self._claim, self._clock.machine_now())
        order = self._marked_withdrawn(order)
        if order.sending_at is None or order.status is OrderStatus.RETRY_PENDING:
            self._book.intents.move(order, OrderStatus.CANCELLED, "no longer wanted", self._clock.now())
            return Answer(Sent.PLACED, self._book.order(order.id))
        if order.broker_order_id is None:
            return Answer(Sent.UNKNOWN, order, "its fate is not known yet")
        try:
            self._broker.cancel(order.broker_order_id)
        except OrderRefused as refusal:
            return Answer(Sent.REFUSED, order, refusal.reason)
        except Ambiguous as doubt:
            return Answer(Sent.UNKNOWN, order, str(doubt))
        except BrokerUnavailable as error:
            self.not_cancelled[order.id] = str(error)
            return Answer(Sent.NOT_SENT, order, str(error))
        return Answer(Sent.PLACED, order)

    def _marked_withdrawn(self, order: Order) -> Order:
        """The order with the mark on disk that its end was asked for here, before the broker hears of it."""
        while _ends_otherwise(order):
            with suppress(Overtaken):
                self._book.intents.move(order, order.status, WITHDRAWN, self._clock.now())
            order = self._book.order(order.id)
        return order


def _assert_allows(state: TradingState, side: Side) -> None:
    """Raise Forbidden where the trading state lets no order of this side out."""
    forbidden = why_forbidden(state.state, state.reason, side)
    if forbidden:
        raise Forbidden(forbidden, by_limit=state.by_limit)


def _ends_otherwise(order: Order) -> bool:
    """Return whether an order needs a mark on disk that its cancel was requested here.

    Without it a waiting buy that is rejected would be retried (`reconcile`), and a sell would count as cancelled by the broker
    (`unprotected_positions`)."""
    waits = order.status is OrderStatus.PENDING or (order.side is Side.SELL and order.status is OrderStatus.ONGOING)
    return waits and order.broker_order_id is not None and order.reason not in {WITHDRAWN, REAPPEARED}
