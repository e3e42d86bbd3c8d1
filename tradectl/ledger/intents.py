"""Intents: written before they are sent, sent under their own tag, and moved only as the table of statuses allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from tradectl.errors import DatabaseError
from tradectl.ledger.engine import Database
from tradectl.ledger.executions import Claim, assert_holds
from tradectl.ledger.rows import Intent, Order
from tradectl.ledger.statements import CHAIN, CHANGE, ONE_ORDER, ORDERS, order_of
from tradectl.model.order import MOVES, OrderStatus, OrderType


def change_order(connection: Connection, order: Order, status: OrderStatus, values: Mapping[str, Any]) -> None:
    """One conditional UPDATE; another status than the one we knew, or a move that is not allowed, is refused."""
    if status is not order.status and status not in MOVES[order.status]:
        raise DatabaseError(f"order {order.id} cannot go from {order.status} to {status}")
    changed = connection.execute(CHANGE, {"of_id": order.id, "of_status": order.status, "status": status, **values})
    if changed.rowcount != 1:
        raise DatabaseError(f"order {order.id} is no longer {order.status}: another process changed it")


class Intents:
    """The intents of one user, from the first record to the last move. Every write is one short transaction."""

    def __init__(self, database: Database, user: str) -> None:
        self._database = database
        self._user = user

    def chain(self, intent: Intent) -> list[Order]:
        """Earlier intents of the same user, session, purpose, instrument and leg, oldest generation first."""
        key = {
            "of_user": self._user,
            "of_session": intent.session,
            "of_purpose": intent.purpose,
            "of_instrument": intent.instrument_id,
            "of_leg": intent.leg,
        }
        with self._database.read() as connection:
            return [order_of(row) for row in connection.execute(CHAIN, key)]

    def assert_claim(self, claim: Claim) -> None:
        """Raise Fenced where another process has taken the execution over."""
        with self._database.read() as connection:
            assert_holds(connection, claim)

    def record(
        self,
        claim: Claim,
        intent: Intent,
        tag: str,
        generation: int,
        now: datetime,
        *,
        status: OrderStatus,
        reason: str = "",
        sending: bool,
        instead_of: Order | None = None,
    ) -> Order:
        """Write an intent, durably, before anything is sent. A claim that was lost raises; a repeated tag is refused by the
        database. In the same transaction `sending` marks it as about to be sent, and the refused order that it is tried again
        for ends."""
        values = {
            "user": self._user,
            "tag": tag,
            "instrument_id": intent.instrument_id,
            "symbol": intent.symbol,
            "side": intent.side,
            "purpose": intent.purpose,
            "quantity": intent.quantity,
            "price": intent.price,
            "order_type": OrderType.LIMIT,
            "variety": intent.variety,
            "status": status,
            "reason": reason,
            "session_date": intent.session,
            "decided": intent.decided,
            "leg": intent.leg,
            "generation": generation,
            "position_id": intent.position_id,
            "signal_id": intent.signal_id,
            "execution_id": claim.execution_id,
            "level": intent.level,
            "created_at": now,
            "sending_at": now if sending else None,
            "updated_at": now,
        }
        with self._database.write() as connection:
            assert_holds(connection, claim)
            if instead_of is not None:
                change_order(connection, instead_of, OrderStatus.CANCELLED, {"reason": "tried again", "updated_at": now})
            created = connection.execute(insert(ORDERS).values(values)).inserted_primary_key
        assert created is not None
        return self._read(int(created[0]))

    def mark_sending(self, claim: Claim, order: Order, quantity: int, price: int, now: datetime) -> Order:
        """An intent that was never sent is about to be: same row, same tag, perhaps another quantity."""
        with self._database.write() as connection:
            assert_holds(connection, claim)
            change_order(
                connection,
                order,
                OrderStatus.PENDING,
                {
                    "quantity": quantity,
                    "price": price,
                    "sending_at": now,
                    "reason": "",
                    "execution_id": claim.execution_id,
                    "updated_at": now,
                },
            )
        return self._read(order.id)

    def mark_sent(self, order: Order, broker_order_id: str, now: datetime) -> None:
        with self._database.write() as connection:
            change_order(
                connection,
                order,
                OrderStatus.PENDING if order.status is OrderStatus.UNKNOWN else order.status,
                {"broker_order_id": broker_order_id, "sent_at": now, "updated_at": now},
            )

    def mark_never_sent(self, order: Order, now: datetime) -> None:
        """It is proved that the broker never took it: the same intent, with the same tag, may be sent again."""
        with self._database.write() as connection:
            change_order(connection, order, OrderStatus.PENDING, {"sending_at": None, "reason": "", "updated_at": now})

    def move(self, order: Order, status: OrderStatus, reason: str, now: datetime) -> None:
        """Change an order's status by an allowed move."""
        with self._database.write() as connection:
            change_order(connection, order, status, {"reason": reason, "updated_at": now})

    def note_modified(self, order: Order, quantity: int, price: int, now: datetime) -> Order:
        """The broker has taken a change; the order as it is now."""
        changes: dict[str, Any] = {
            "quantity": quantity,
            "price": price,
            "modifications": order.modifications + 1,
            "updated_at": now,
        }
        with self._database.write() as connection:
            change_order(connection, order, order.status, changes)
        return replace(order, **changes)

    def _read(self, order_id: int) -> Order:
        with self._database.read() as connection:
            return order_of(connection.execute(ONE_ORDER, {"of_user": self._user, "of_id": order_id}).one())
