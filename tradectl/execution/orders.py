"""The order path: record the intent, send it, record the outcome.

An intent is committed before it is sent, under a tag that a restarted process computes again. A refusal is a value. An order
whose outcome is not known becomes UNKNOWN, and stays so until the broker's book shows the outcome. The transaction that marks
an order as being sent also checks the claim of this execution. From its commit on, the order counts as possibly placed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from functools import partial

from msgspec import Struct

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
from tradectl.execution.trade_messages import TradeMessages
from tradectl.execution.unexplained_shares import declaration_advice, unexplained_shares
from tradectl.execution.unresolved_orders import may_repeat
from tradectl.ledger.book import Book
from tradectl.ledger.executions import Claim
from tradectl.ledger.intents import Overtaken
from tradectl.ledger.rows import Intent, Order, OrderTerms
from tradectl.ledger.snapshot import Snapshot
from tradectl.model.broker_view import ORDERS
from tradectl.model.money import to_rupees
from tradectl.model.odd_rows import OddRow
from tradectl.model.order import TERMINAL, TO_BE_CANCELLED, OrderRequest, OrderStatus, ReasonCode, Side
from tradectl.model.refusal import Refusal, RefusalCode
from tradectl.model.trading_state import Forbidden, TradingState, stricter
from tradectl.ports import Broker, Clock, HaltMarker

NOT_CARRIED_OUT = (BrokerUnavailable, LoginNeeded, ConfigurationError, Blocked)
"""The errors of a command that provably was not carried out (`ports.Broker`). An interrupt by a signal does not prove that."""
_SYMBOL_ERRORS = (DataError, UsageError)
"""The errors of one symbol: the broker's list lacks it, has an unreadable row of it, or has another series or ISIN.

The other symbols of the step go on."""


class CommandStatus(StrEnum):
    """The outcome of a command."""

    PLACED = "placed"
    EXISTS = "exists"  # the same intent was recorded before; nothing was sent
    WAITING = "waiting"  # recorded, to be sent in the morning
    REFUSED = "refused"
    RETRY = "retry"  # refused for a reason that may pass
    UNKNOWN = "unknown"
    HELD = "held"  # the broker holds unexplained shares of the symbol (`unexplained_shares`); nothing was sent
    BLOCKED = "blocked"  # the account's trading state forbids it
    NOT_SENT = "not_sent"  # a cancel that could not reach the broker
    DRY = "dry"  # a dry run sends nothing


class CommandResult(Struct, frozen=True):
    """The outcome of one command, with the broker's own text as the reason."""

    status: CommandStatus
    order: Order | None = None
    reason: str = ""

    @property
    def ok(self) -> bool:
        """Return whether the command was placed, existed before, or was a dry run."""
        return self.status in {CommandStatus.PLACED, CommandStatus.EXISTS, CommandStatus.DRY}

    @property
    def verdict(self) -> str:
        """Return the key under which a task counts a buy: placed, skipped (it waits on), unknown or failed."""
        waits = {CommandStatus.RETRY: "skipped", CommandStatus.BLOCKED: "skipped", CommandStatus.UNKNOWN: "unknown"}
        return "placed" if self.ok else waits.get(self.status, "failed")


class OrderPath:
    """Places, modifies and cancels orders for one execution of one user."""

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
        messages: TradeMessages | None = None,
    ) -> None:
        self._broker = broker
        self._book = book
        self._clock = clock
        self._user = user
        self._claim = claim
        self._marker = marker
        self._dry_run = dry_run
        self._messages = messages
        self.own_shares: Mapping[str, int] = own_shares or {}
        """The user's own shares by symbol, which the ledger does not count."""
        self.stopped = ""
        """Why a person's halt blocked a command since the step began; empty where none was blocked."""
        self.stopped_symbols: set[str] = set()
        """Symbols for which an unreadable row blocked a command."""
        self.requested: dict[int, tuple[int, int]] = {}
        """Requested quantity and price of modified orders by order id, until the broker's book is read back."""
        self.not_cancelled: dict[int, str] = {}
        """Why a cancel could not reach the broker, by order id, since the step began."""
        self.would_send: list[dict[str, object]] = []
        """The commands that a dry run did not send, as JSON values."""

    @property
    def claim(self) -> Claim:
        """Return the claim under which orders are sent."""
        return self._claim

    def place(self, intent: Intent, *, send: bool = True) -> CommandResult:
        """Record an intent and send it. With `send=False` it is only recorded, as RETRY_PENDING, for the morning.

        An intent whose newest order is alive is not sent again (EXISTS; UNKNOWN if its outcome is not known). An order that was
        recorded and never sent is sent under its tag. After an order that ended, a new generation begins. An UNKNOWN order blocks
        its symbol. An intent whose tag or broker order id is known is never sent. A buy waits (HELD) while the broker holds
        unexplained shares of its symbol. Raises Fenced if the claim is lost.
        """
        if self._dry_run:
            held = self._reason_to_wait(intent.side, intent.symbol)
            if held is not None:
                return CommandResult(CommandStatus.HELD, reason=str(held))
            self._note_unsent("place" if send else "keep for the morning", intent, intent.quantity, intent.price)
            return CommandResult(CommandStatus.DRY)
        try:
            return self._place(intent, send=send)
        except Forbidden as forbidden:
            return self._blocked(forbidden)

    def _place(self, intent: Intent, *, send: bool) -> CommandResult:
        self._assert_allowed(intent.side)
        odd = self._blocking_row(intent.symbol, intent.side)
        if odd is not None:
            return CommandResult(CommandStatus.BLOCKED, None, odd.text)
        chain = self._book.intents.chain(intent)
        newest = chain[-1] if chain else None
        blocking = self._blocking(intent, newest)
        if blocking is not None:
            return CommandResult(CommandStatus.UNKNOWN, blocking, f"order {blocking.id} is UNKNOWN: {blocking.reason}")
        if newest is not None and newest.status not in TERMINAL:
            if newest.status is OrderStatus.UNKNOWN:
                return self._repeat(newest, intent, send=send)
            known = newest.sending_at is not None or newest.broker_order_id is not None
            if known and newest.status is not OrderStatus.RETRY_PENDING:
                return CommandResult(CommandStatus.EXISTS, newest)
            if not known:
                return self._send_recorded(newest, intent, send=send)
        generation = newest.generation + 1 if newest is not None else 0
        tag = client_tag(self._user, intent, generation)
        held = self._reason_to_wait(intent.side, intent.symbol) if send and not self._has_tag(tag) else None
        sending, waits = send and held is None, str(held or "waits for the morning")
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
        if held is not None:
            return CommandResult(CommandStatus.HELD, order, str(held))
        return self._send(order) if send else CommandResult(CommandStatus.WAITING, order)

    def _blocking(self, intent: Intent, newest: Order | None) -> Order | None:
        """Return an UNKNOWN order that blocks this intent: any of its symbol for a buy, a sell for a sell.

        The intent's own newest order does not block it."""
        others = (
            order
            for order in self._book.snapshot().unknown
            if intent.is_for_same_instrument(order) and (newest is None or order.id != newest.id)
        )
        return next((order for order in others if intent.side is Side.BUY or order.side is Side.SELL), None)

    def _reason_to_wait(self, side: Side, symbol: str) -> Refusal | None:
        """Return why a buy is not sent: the broker holds unexplained shares of its symbol. None for other orders."""
        if side is not Side.BUY:
            return None
        holdings = self._broker.holdings()
        hidden = unreadable_rows.unreadable_holding(holdings, symbol)
        if hidden is not None:
            self.stopped_symbols.add(symbol)
            return Refusal(RefusalCode.UNREADABLE_HOLDING, f"{hidden.text}, so what is held of {symbol} is not known")
        beyond = unexplained_shares(holdings, self._book.snapshot().positions, self.own_shares)
        found = next((item for item in beyond if item.symbol == symbol), None)
        if found is None:
            return None
        return Refusal(RefusalCode.UNEXPLAINED_SHARES, f"{found.text}. {declaration_advice([found], self.own_shares)}")

    def _has_tag(self, tag: str) -> bool:
        """Return whether the broker's book, as it was last read, has an order under this tag, in any row."""
        odd = self._book.broker.odd.get(ORDERS, ())
        return any(report.tag == tag for report in self._book.broker.reports) or any(row.tag == tag for row in odd)

    def _blocking_row(self, symbol: str, side: Side) -> OddRow | None:
        """Return the unreadable row of the broker that blocks a symbol; the symbol is noted as blocked."""
        if not self._book.broker.odd:
            return None
        found = unreadable_rows.blocking_row(self._book, symbol, side) or unreadable_rows.blocking_holding(self._book, symbol)
        if found is not None:
            self.stopped_symbols.add(symbol)
        return found

    def _send_recorded(self, order: Order, intent: Intent, *, send: bool, doubt: Order | None = None) -> CommandResult:
        if not send:
            return CommandResult(CommandStatus.WAITING, order)
        held = self._reason_to_wait(order.side, order.symbol) if not self._has_tag(order.tag) else None
        if held is not None:
            return self._let_wait(order, str(held), doubt)
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

    def _repeat(self, order: Order, intent: Intent, *, send: bool) -> CommandResult:
        """Send an UNKNOWN order again, but only if the broker refuses a repeated tag."""
        if not send or not may_repeat(order, self._broker.capabilities, self._claim.owner, self._clock.now()):
            return CommandResult(CommandStatus.UNKNOWN, order, order.reason)
        return self._send_recorded(order, intent, send=True, doubt=order)

    def trading_state(self, seen: Snapshot) -> TradingState:
        """Return the stricter of the ledger's trading state and the halt marker. An unreadable marker counts as HALTED."""
        in_ledger = TradingState(seen.trading_state, seen.state_reason, by_limit=seen.state_until is not None)
        return stricter(in_ledger, self._marker_state())

    def _assert_allowed(self, side: Side) -> None:
        self.trading_state(self._book.snapshot()).assert_allows(side)

    def _marker_state(self) -> TradingState:
        try:
            return self._marker.read()
        except Blocked as unreadable:
            return TradingState("HALTED", str(unreadable))

    def _blocked(self, forbidden: Forbidden, order: Order | None = None) -> CommandResult:
        """Return the result of a command that the trading state forbids. A state set by a limit does not end the task's run."""
        if not forbidden.by_limit:
            self.stopped = str(forbidden)
        return CommandResult(CommandStatus.BLOCKED, order, str(forbidden))

    def _send(self, order: Order, doubt: Order | None = None) -> CommandResult:
        """Send an order that is marked as being sent, and record the outcome.

        An error that is not caught here leaves the order marked; `unresolved_orders.resolve` decides its outcome later. An order
        whose tag is in the broker's book is not sent: its reply or its row was lost.

        `doubt`: the order as it was, if the outcome of an earlier sending is not known. Only a broker order id ends that doubt: a
        refusal of this sending proves nothing about the earlier one."""
        if self._has_tag(order.tag):
            return self._unknown(order, ReasonCode.REPEATED_TAG.text("the broker's list shows it"), ReasonCode.REPEATED_TAG)
        request = OrderRequest(order.tag, order.symbol, order.side, order.quantity, order.price, variety=order.variety)
        try:
            self._marker_state().assert_allows(order.side)
            broker_order_id = self._broker.place(request)
        except (OrderRefused, *_SYMBOL_ERRORS) as error:
            unsent = OrderRefused(f"{error}: it was not sent", code="unknown_symbol")
            return self._refused(order, error if isinstance(error, OrderRefused) else unsent, doubt)
        except Ambiguous as unknown:
            return self._unknown(order, str(unknown))
        except NOT_CARRIED_OUT as error:
            if isinstance(error, UsageError) and order.side is Side.SELL:  # not listed: the exits of other symbols go on
                return self._refused(order, OrderRefused(str(error), code="unknown_symbol"), doubt)
            if doubt is not None:
                self._still_unknown(order, doubt)
            else:
                self._book.intents.record_not_sent(order, self._clock.now())
            raise
        try:
            now = self._clock.now()
            also = partial(self._messages.placed, order, now) if self._messages is not None else _nothing
            known = self._book.intents.record_outcome(order, OrderStatus.PENDING, now, broker_order_id=broker_order_id, also=also)
        except DatabaseError as error:
            number = f"order {order.id} is {broker_order_id} at the broker, but the ledger could not record it"
            raise DatabaseError(f"{number}: {error}") from error
        return CommandResult(CommandStatus.PLACED, known)

    def _let_wait(self, order: Order, held: str, doubt: Order | None) -> CommandResult:
        """Let a buy wait, because the broker holds unexplained shares of its symbol. An UNKNOWN order stays UNKNOWN."""
        if doubt is not None:
            return CommandResult(CommandStatus.UNKNOWN, order, held)
        with suppress(Overtaken):
            self._book.intents.move(order, OrderStatus.RETRY_PENDING, held, self._clock.now())
        return CommandResult(CommandStatus.HELD, self._book.order(order.id), held)

    def _refused(self, order: Order, refusal: OrderRefused, doubt: Order | None) -> CommandResult:
        """Record a refusal. An order refused for its repeated tag becomes UNKNOWN: the broker already has this tag."""
        if refusal.code == "repeated_tag":
            return self._unknown(order, ReasonCode.REPEATED_TAG.text(refusal.reason), ReasonCode.REPEATED_TAG)
        if doubt is not None:
            return self._still_unknown(order, doubt)
        sent, status = CommandStatus.REFUSED, OrderStatus.REJECTED
        if refusal.passing and order.side is Side.BUY:
            sent, status = CommandStatus.RETRY, OrderStatus.RETRY_PENDING
        known = self._book.intents.record_outcome(order, status, self._clock.now(), reason=refusal.reason)
        return CommandResult(sent, known, refusal.reason)

    def _unknown(self, order: Order, reason: str, code: ReasonCode | None = None) -> CommandResult:
        """Record that the outcome of a sending is not known."""
        known = self._book.intents.record_outcome(order, OrderStatus.UNKNOWN, self._clock.now(), reason=reason, code=code)
        return CommandResult(CommandStatus.UNKNOWN, known, reason)

    def _still_unknown(self, order: Order, doubt: Order) -> CommandResult:
        """Record that the outcome is still not known, with the reason that the order had before it was sent again."""
        return self._unknown(order, doubt.reason or "its outcome is not known", doubt.reason_code)

    def modify(self, order: Order, *, quantity: int, price: int, accepted: Callable[[], None] = lambda: None) -> CommandResult:
        """Change a live order to this total quantity and limit (paise).

        The caller reads it back by `TradingSession.follow`, which logs an order that the broker left unchanged. `accepted` is
        called when the change is recorded. Raises Fenced if the claim is lost."""
        if self._dry_run:
            self._note_unsent("modify", order, quantity, price)
            return CommandResult(CommandStatus.DRY, order)
        if order.broker_order_id is None:
            return CommandResult(CommandStatus.REFUSED, order, "its outcome is not known yet")
        if (odd := self._blocking_row(order.symbol, order.side)) is not None:
            return CommandResult(CommandStatus.BLOCKED, order, odd.text)
        try:
            self._book.intents.assert_may(self._claim, order.side, self._clock.machine_now())
            self.requested[order.id] = (quantity, price)
            self._marker_state().assert_allows(order.side)
            self._broker.modify(order.broker_order_id, quantity=quantity, price=price)
        except Forbidden as forbidden:
            self.requested.pop(order.id, None)
            return self._blocked(forbidden, order)
        except OrderRefused as refusal:
            del self.requested[order.id]
            return CommandResult(CommandStatus.REFUSED, order, refusal.reason)
        except Ambiguous as doubt:
            return CommandResult(CommandStatus.UNKNOWN, order, str(doubt))
        try:
            changed = self._book.note_modified(order, quantity, price, self._clock.now(), accepted)
            return CommandResult(CommandStatus.PLACED, changed)
        except Overtaken:  # another process has read the broker's book meanwhile: its row is newer
            accepted()
            return CommandResult(CommandStatus.PLACED, self._book.order(order.id))

    def cancel(self, order: Order) -> CommandResult:
        """Cancel an order. Cancels are allowed in every trading state; only the next read of the broker's book confirms them.

        A cancel that cannot reach the broker fails alone (NOT_SENT, `not_cancelled`); the cancels of other orders go on. An
        intent that was never sent is cancelled in the book alone. Raises Fenced if the claim is lost. The claim of a person's
        command has no execution and is not checked.
        """
        if self._dry_run:
            self._note_unsent("cancel", order, order.quantity, order.price)
            return CommandResult(CommandStatus.DRY, order)
        if self._claim.execution_id:
            self._book.intents.assert_claim(self._claim, self._clock.machine_now())
        order = self._mark_withdrawn(order)
        if order.sending_at is None or order.status is OrderStatus.RETRY_PENDING:
            self._book.intents.move(order, OrderStatus.CANCELLED, "no longer wanted", self._clock.now())
            return CommandResult(CommandStatus.PLACED, self._book.order(order.id))
        if order.broker_order_id is None:
            return CommandResult(CommandStatus.UNKNOWN, order, "its outcome is not known yet")
        try:
            self._broker.cancel(order.broker_order_id)
        except OrderRefused as refusal:
            return CommandResult(CommandStatus.REFUSED, order, refusal.reason)
        except Ambiguous as doubt:
            return CommandResult(CommandStatus.UNKNOWN, order, str(doubt))
        except BrokerUnavailable as error:
            self.not_cancelled[order.id] = str(error)
            return CommandResult(CommandStatus.NOT_SENT, order, str(error))
        return CommandResult(CommandStatus.PLACED, order)

    def _note_unsent(self, command: str, order: OrderTerms, quantity: int, price: int) -> None:
        """Keep a command of a dry run, with the quantity and the limit (paise) that it would send."""
        terms = {"side": str(order.side), "symbol": order.symbol, "purpose": str(order.purpose)}
        self.would_send.append({"command": command, **terms, "quantity": quantity, "price": to_rupees(price)})

    def _mark_withdrawn(self, order: Order) -> Order:
        """Record that the cancel of an order was requested here, before the cancel is sent; return the order."""
        code = ReasonCode.WITHDRAWN
        while _needs_withdrawn_mark(order):
            with suppress(Overtaken):
                self._book.intents.move(order, order.status, code.text(), self._clock.now(), code=code)
            order = self._book.order(order.id)
        return order


def _nothing() -> None:
    """Do nothing."""


def _needs_withdrawn_mark(order: Order) -> bool:
    """Return whether the ledger must record that the cancel of an order was requested here.

    Without it a waiting buy that is rejected would be retried (`reconcile`), and a sell would count as cancelled by the broker
    (`unprotected_positions`)."""
    waits = order.status is OrderStatus.PENDING or (order.side is Side.SELL and order.status is OrderStatus.ONGOING)
    return waits and order.broker_order_id is not None and order.reason_code not in TO_BE_CANCELLED
