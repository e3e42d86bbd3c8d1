"""Record intents before they are sent, and change their status only as the table of moves allows.

`sender` is the process that may be sending an order now. It is set when the order is marked as being sent. It is removed when
the sending has certainly ended: after a reply, after an error of the call, or when the broker's book shows the order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, bindparam, insert, or_, update

from tradectl.errors import DatabaseError
from tradectl.ledger.compiled import CompiledStatement
from tradectl.ledger.engine import Database
from tradectl.ledger.executions import Claim, assert_holds
from tradectl.ledger.rows import Intent, Order
from tradectl.ledger.statements import CHAIN, CHANGE, ONE_ORDER, ORDERS, STATE_HELD, TAGGED, order_of
from tradectl.model.order import MOVES, OrderReport, OrderStatus, OrderType, Purpose, ReasonCode, Side, Variety
from tradectl.model.trading_state import TradingState


class Overtaken(DatabaseError):
    """Another process has changed the order since it was read."""


def change_order(connection: Connection, order: Order, status: OrderStatus, values: Mapping[str, Any]) -> None:
    """Change an order by one conditional UPDATE. A new reason without a reason code sets the code to NULL.

    Raises:
        Overtaken: Another process has changed the row since it was read.
        DatabaseError: The table of moves does not allow the new status.
    """
    if status is not order.status and status not in MOVES[order.status]:
        raise DatabaseError(f"order {order.id} cannot change its status from {order.status} to {status}")
    if "reason" in values:
        values = {"reason_code": None, **values}
    known = {
        "of_id": order.id,
        "of_status": order.status,
        "of_sending": order.sending_at,
        "of_broker_order": order.broker_order_id,
    }
    if CHANGE.execute(connection, {**known, "status": status, "previous": order.status, **values}) != 1:
        raise Overtaken(f"another process changed order {order.id}, which was {order.status}: nothing was written, try again")


class Intents:
    """The intents of one user. Every write is one short transaction."""

    def __init__(self, database: Database, user: str) -> None:
        self._database = database
        self._user = user

    def chain(self, intent: Intent) -> list[Order]:
        """Return the orders of the same user, session, purpose, instrument and leg, oldest generation first."""
        key = {
            "of_user": self._user,
            "of_session": intent.session,
            "of_purpose": intent.purpose,
            "of_instrument": intent.instrument_id,
            "of_leg": intent.leg,
        }
        with self._database.read() as connection:
            return [order_of(row) for row in CHAIN.all(connection, key)]

    def later_generations(self, order: Order) -> list[Order]:
        """Return the orders of the same chain with a later generation."""
        key = {
            "of_user": self._user,
            "of_session": order.session,
            "of_purpose": order.purpose,
            "of_instrument": order.instrument_id,
            "of_leg": order.leg,
        }
        with self._database.read() as connection:
            chain = [order_of(row) for row in CHAIN.all(connection, key)]
        return [item for item in chain if item.generation > order.generation]

    def assert_may(self, claim: Claim, side: Side, machine_now: datetime) -> None:
        """Renew the lease. Raises Fenced if another process has the execution, Forbidden if the trading state forbids `side`."""
        with self._database.note() as connection:
            self._assert_may(connection, claim, side, machine_now)

    def assert_claim(self, claim: Claim, machine_now: datetime) -> None:
        """Renew the lease. Raises Fenced if another process has the execution."""
        with self._database.note() as connection:
            assert_holds(connection, claim, machine_now)

    def record(
        self,
        claim: Claim,
        intent: Intent,
        tag: str,
        generation: int,
        *,
        now: datetime,
        machine_now: datetime,
        status: OrderStatus,
        reason: str = "",
        sending: bool,
        instead_of: Order | None = None,
    ) -> Order:
        """Write an intent durably, before it is sent. Raises Fenced, Forbidden, and IntegrityError for a repeated tag.

        Args:
            sending: Mark the order as being sent, in the same transaction.
            instead_of: The refused order that this order replaces. It becomes CANCELLED in the same transaction.
        """
        values = {
            **_row(self._user, intent, tag, generation, now),
            "status": status,
            "reason": reason,
            "execution_id": claim.execution_id,
            "sending_at": now if sending else None,
            "sender": claim.owner if sending else None,
        }
        with self._database.write() as connection:
            self._assert_may(connection, claim, intent.side, machine_now)
            if instead_of is not None:
                change_order(connection, instead_of, OrderStatus.CANCELLED, {"reason": "tried again", "updated_at": now})
            created = _RECORD.scalar(connection, values)
        return self._read(created)

    def mark_sending(
        self,
        claim: Claim,
        order: Order,
        *,
        quantity: int,
        price: int,
        variety: Variety,
        now: datetime,
        machine_now: datetime,
    ) -> Order:
        """Mark an intent that was never sent as being sent. Row and tag stay; quantity, price (paise) and variety may change.

        Raises Fenced, Forbidden and Overtaken.
        """
        values = {
            "quantity": quantity,
            "price": price,
            "variety": variety,
            "sending_at": now,
            "sender": claim.owner,
            "absent_since": None,
            "reason": "",
            "execution_id": claim.execution_id,
            "updated_at": now,
        }
        if order.broker_order_id is not None:
            raise Overtaken(f"order {order.id} is already at the broker as {order.broker_order_id}: it is not sent again")
        with self._database.write() as connection:
            self._assert_may(connection, claim, order.side, machine_now)
            change_order(connection, order, OrderStatus.PENDING, values)
        return self._read(order.id)

    def adopt(
        self, intent: Intent, tag: str, report: OrderReport, now: datetime, *, generation: int = 0, code: ReasonCode | None = None
    ) -> Order:
        """Record an order of the broker's book that this ledger lacks, as UNKNOWN.

        Returns:
            The new row; or the existing row with this tag, if another process has recorded it first.
        """
        values = {
            **_row(self._user, intent, tag, generation, now),
            "status": OrderStatus.UNKNOWN,
            "reason": code.text() if code is not None else "",
            "reason_code": code,
            "execution_id": None,
            "broker_order_id": report.broker_order_id,
            "sending_at": report.placed_at,
            "sent_at": report.placed_at,
        }
        with self._database.write() as connection:
            known = TAGGED.first(connection, {"of_user": self._user, "of_tag": tag})
            created = known.id if known is not None else connection.scalar(insert(ORDERS).values(values).returning(ORDERS.c.id))
        return self._read(created)

    def record_outcome(
        self,
        order: Order,
        status: OrderStatus,
        now: datetime,
        *,
        broker_order_id: str | None = None,
        reason: str = "",
        code: ReasonCode | None = None,
        also: Callable[[], None] = lambda: None,
    ) -> Order:
        """Write the outcome of sending an order; return the new row. Only the process that sent the order calls this.

        A late reply changes nothing if the ledger already has an outcome from the broker's book or from a person.
        `also`: called in the same transaction if the outcome is written.
        """
        values: dict[str, Any] = {"status": status, "reason": reason, "reason_code": code, "sender": None, "updated_at": now}
        if broker_order_id is not None:
            values |= {"broker_order_id": broker_order_id, "sent_at": now}
        return self._end_sending(order, values, also)

    def record_not_sent(self, order: Order, now: datetime, *, waits: str = "") -> Order:
        """Write that an order was not sent, so that it may be sent later under the same tag; return the new row.

        Only the process that marked it as being sent calls this. `waits`: why the order must wait; empty if it need not wait.
        """
        status = OrderStatus.RETRY_PENDING if waits else OrderStatus.PENDING
        values = {"status": status, "reason": waits, "reason_code": None, "sender": None, "sending_at": None, "updated_at": now}
        return self._end_sending(order, values)

    def _end_sending(self, order: Order, values: Mapping[str, Any], also: Callable[[], None] = lambda: None) -> Order:
        ours = {"of_id": order.id, "of_sender": order.sender, "of_sending": order.sending_at}
        with self._database.write() as connection:
            if _END_SENDING.execute(connection, {**ours, **values}):
                also()
        return self._read(order.id)

    def mark_never_sent(self, order: Order, now: datetime) -> None:
        """Write that the broker certainly never accepted an order, so that it may be sent again. Raises Overtaken."""
        values = {"sending_at": None, "sender": None, "absent_since": None, "reason": "", "updated_at": now}
        self._write(order, OrderStatus.PENDING, values)

    def mark_unknown(
        self, order: Order, reason: str, now: datetime, *, code: ReasonCode | None = None, absent_since: datetime | None
    ) -> None:
        """Set an order to UNKNOWN, because its outcome is not known. Raises Overtaken."""
        values = {"reason": reason, "reason_code": code, "absent_since": absent_since, "updated_at": now}
        self._write(order, OrderStatus.UNKNOWN, values)

    def note_absent(self, order: Order, since: datetime | None) -> None:
        """Write since when successful reads of the broker's book have not shown an order; None: they show it. The status stays.

        Nothing is written if another process has changed the order.
        """
        with suppress(Overtaken):
            self._write(order, order.status, {"absent_since": since})

    def move(self, order: Order, status: OrderStatus, reason: str, now: datetime, *, code: ReasonCode | None = None) -> None:
        """Change an order's status by an allowed move. Raises Overtaken."""
        self._write(order, status, {"reason": reason, "reason_code": code, "updated_at": now})

    def reopen(self, order: Order, now: datetime, code: ReasonCode = ReasonCode.REAPPEARED) -> Order:
        """Set an ended order to UNKNOWN, because the broker's book still shows it; return the new row. Raises Overtaken."""
        self._write(order, OrderStatus.UNKNOWN, {"reason": code.text(), "reason_code": code, "updated_at": now})
        return self._read(order.id)

    def reopen_as_unknown(self, order: Order, reason: str, now: datetime, *, sending_at: datetime) -> Order:
        """Set a refused, ended or waiting order to UNKNOWN; return the new row. Raises Overtaken.

        RETRY_PENDING goes through PENDING, as the table of moves requires.
        """
        values = {"reason": reason, "absent_since": None, "sending_at": sending_at, "updated_at": now}
        with self._database.write() as connection:
            if order.status is OrderStatus.RETRY_PENDING:
                change_order(connection, order, OrderStatus.PENDING, {"updated_at": now})
                order = replace(order, status=OrderStatus.PENDING)
            change_order(connection, order, OrderStatus.UNKNOWN, values)
        return self._read(order.id)

    def set_aside(self, order: Order, code: ReasonCode, now: datetime) -> Order:
        """Make an order UNIDENTIFIED and UNKNOWN, until a person decides; return the new row. Raises Overtaken."""
        values = {"purpose": Purpose.UNIDENTIFIED, "reason": code.text(), "reason_code": code, "updated_at": now}
        self._write(order, OrderStatus.UNKNOWN, values)
        return self._read(order.id)

    def _write(self, order: Order, status: OrderStatus, values: Mapping[str, Any]) -> None:
        with self._database.write() as connection:
            change_order(connection, order, status, values)

    def _assert_may(self, connection: Connection, claim: Claim, side: Side, machine_now: datetime) -> None:
        """Check the claim and the trading state inside the transaction. Neither can change before its commit."""
        assert_holds(connection, claim, machine_now)
        state, reason, until = STATE_HELD.one(connection, {"of_user": self._user})
        TradingState(state, reason, by_limit=until is not None).assert_allows(side)

    def _read(self, order_id: int) -> Order:
        with self._database.read() as connection:
            return order_of(ONE_ORDER.one(connection, {"of_user": self._user, "of_id": order_id}))


def _row(user: str, intent: Intent, tag: str, generation: int, now: datetime) -> dict[str, Any]:
    """Return the columns of a new row that an intent fills."""
    return {
        "user": user,
        "tag": tag,
        "instrument_id": intent.instrument_id,
        "symbol": intent.symbol,
        "side": intent.side,
        "purpose": intent.purpose,
        "quantity": intent.quantity,
        "price": intent.price,
        "order_type": OrderType.LIMIT,
        "variety": intent.variety,
        "session_date": intent.session,
        "decided": intent.decided,
        "leg": intent.leg,
        "generation": generation,
        "position_id": intent.position_id,
        "signal_id": intent.signal_id,
        "level": intent.level,
        "strategy": intent.strategy,
        "strategy_hash": intent.strategy_hash,
        "created_at": now,
        "updated_at": now,
    }


_RECORD = CompiledStatement(insert(ORDERS).returning(ORDERS.c.id))
_END_SENDING = CompiledStatement(
    update(ORDERS)
    .where(
        ORDERS.c.id == bindparam("of_id"),
        ORDERS.c.sender == bindparam("of_sender"),
        ORDERS.c.sending_at == bindparam("of_sending"),
        ORDERS.c.broker_order_id.is_(None),
        or_(ORDERS.c.status == OrderStatus.PENDING, ORDERS.c.status == OrderStatus.UNKNOWN),
    )
    .values(previous=ORDERS.c.status)
)
