"""The order path: intent, send, outcome.

The intent is on disk before the broker hears of it, under a tag that a restarted process would make again. What the broker
refuses is a value; what nobody knows becomes UNKNOWN and stays so until the broker's book says otherwise.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from enum import StrEnum

from tradectl.errors import Ambiguous, BrokerUnavailable, LoginNeeded, OrderRefused
from tradectl.ledger.book import Book
from tradectl.ledger.executions import Claim
from tradectl.ledger.rows import Intent, Order
from tradectl.model.order import TERMINAL, OrderRequest, OrderStatus, Side
from tradectl.ports import Broker, Clock


class Sent(StrEnum):
    """What became of a command."""

    PLACED = "placed"
    EXISTS = "exists"  # the same intent was recorded before; nothing was sent
    WAITING = "waiting"  # recorded, not sent: it waits for the morning
    REFUSED = "refused"
    RETRY = "retry"  # refused for a reason that may pass
    UNKNOWN = "unknown"
    BLOCKED = "blocked"  # the account's trading state forbids it
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


def client_tag(user: str, intent: Intent, generation: int) -> str:
    """15 base32 characters of SHA-256 over what makes this intent itself; a restarted process makes the same."""
    parts = (user, intent.session.isoformat(), intent.purpose, intent.instrument_id, intent.leg, str(generation))
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return base64.b32encode(digest).decode()[:15]


class OrderPath:
    """Places, modifies and cancels for one execution of one user."""

    def __init__(self, broker: Broker, book: Book, clock: Clock, user: str, claim: Claim, *, dry_run: bool = False) -> None:
        self._broker = broker
        self._book = book
        self._clock = clock
        self._user = user
        self._claim = claim
        self._dry_run = dry_run

    @property
    def execution_id(self) -> int:
        """Whose orders these are."""
        return self._claim.execution_id

    def place(self, intent: Intent, *, send: bool = True) -> Answer:
        """Record the intent and send it. With `send=False` it is only recorded, as RETRY_PENDING, for the morning.

        An intent whose newest generation is still alive is not sent again (EXISTS); one that was recorded but never sent is
        sent under its own tag; one that ended begins a new generation.
        """
        if self._dry_run:
            return Answer(Sent.DRY)
        forbidden = self._forbidden(intent.side)
        if forbidden:
            return Answer(Sent.BLOCKED, reason=forbidden)
        chain = self._book.intents.chain(intent)
        newest = chain[-1] if chain else None
        if newest is not None and newest.status not in TERMINAL:
            if newest.sending_at is not None and newest.status is not OrderStatus.RETRY_PENDING:
                return Answer(Sent.EXISTS, newest)
            if newest.sending_at is None:
                return self._send_recorded(newest, intent, send=send)
        generation = len(chain)
        tag = client_tag(self._user, intent, generation)
        order = self._book.intents.record(
            self._claim,
            intent,
            tag,
            generation,
            self._clock.now(),
            sending=send,
            status=OrderStatus.PENDING if send else OrderStatus.RETRY_PENDING,
            reason="" if send else "waits for the morning",
            instead_of=newest if newest is not None and newest.status is OrderStatus.RETRY_PENDING else None,
        )
        return self._send(order) if send else Answer(Sent.WAITING, order)

    def _send_recorded(self, order: Order, intent: Intent, *, send: bool) -> Answer:
        if not send:
            return Answer(Sent.WAITING, order)
        return self._send(self._book.intents.mark_sending(self._claim, order, intent.quantity, intent.price, self._clock.now()))

    def _forbidden(self, side: Side) -> str:
        snapshot = self._book.snapshot()
        if snapshot.trading_state == "HALTED":
            return f"the account is halted: {snapshot.state_reason}"
        if snapshot.trading_state == "REDUCING" and side is Side.BUY:
            return f"the account only reduces: {snapshot.state_reason}"
        return ""

    def _send(self, order: Order) -> Answer:
        request = OrderRequest(order.tag, order.symbol, order.side, order.quantity, order.price, variety=order.variety)
        try:
            broker_order_id = self._broker.place(request)
        except OrderRefused as refusal:
            status = OrderStatus.RETRY_PENDING if refusal.passing and order.side is Side.BUY else OrderStatus.REJECTED
            self._book.intents.move(order, status, refusal.reason, self._clock.now())
            sent = Sent.RETRY if status is OrderStatus.RETRY_PENDING else Sent.REFUSED
            return Answer(sent, self._book.order(order.id), refusal.reason)
        except Ambiguous as doubt:
            self._book.intents.move(order, OrderStatus.UNKNOWN, str(doubt), self._clock.now())
            return Answer(Sent.UNKNOWN, self._book.order(order.id), str(doubt))
        except (BrokerUnavailable, LoginNeeded):
            self._book.intents.mark_never_sent(order, self._clock.now())
            raise
        self._book.intents.mark_sent(order, broker_order_id, self._clock.now())
        return Answer(Sent.PLACED, self._book.order(order.id))

    def modify(self, order: Order, *, quantity: int, price: int) -> Answer:
        """Change a live order; whoever calls reads the row back through `reconcile.follow` before believing it. A claim that
        was lost raises."""
        if self._dry_run:
            return Answer(Sent.DRY, order)
        if order.broker_order_id is None:
            return Answer(Sent.REFUSED, order, "its fate is not known yet")
        forbidden = self._forbidden(Side.BUY if order.side is Side.BUY else Side.SELL)
        if forbidden:
            return Answer(Sent.BLOCKED, order, forbidden)
        self._book.intents.assert_claim(self._claim)
        try:
            self._broker.modify(order.broker_order_id, quantity=quantity, price=price)
        except OrderRefused as refusal:
            return Answer(Sent.REFUSED, order, refusal.reason)
        except Ambiguous as doubt:
            return Answer(Sent.UNKNOWN, order, str(doubt))
        return Answer(Sent.PLACED, self._book.note_modified(order, quantity, price, self._clock.now()))

    def cancel(self, order: Order) -> Answer:
        """Ask for the end of an order. Cancels always pass, whatever the trading state; only a read-back confirms them.

        An intent that the broker never heard of is cancelled in the book alone.
        """
        if self._dry_run:
            return Answer(Sent.DRY, order)
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
        return Answer(Sent.PLACED, order)
