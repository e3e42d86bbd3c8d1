"""Read the orders, fills and positions of one user, and sums over them. Every method is one read; nothing is cached."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, and_, func, select

from tradectl.errors import DatabaseError
from tradectl.ledger import schema
from tradectl.ledger.engine import Database
from tradectl.ledger.executions import at_work
from tradectl.ledger.process_identity import is_alive
from tradectl.ledger.rows import Order, Position
from tradectl.ledger.statements import (
    ADJUSTMENTS,
    ALL_FILLS,
    ALL_POSITIONS,
    CAPITAL,
    CLOSED_POSITIONS,
    CREDITED,
    DIVIDENDS,
    FILLS,
    FILLS_OF_POSITION,
    FILLS_OF_SESSION,
    FLOWS,
    LAST_TARGET,
    LOWEST_TARGET,
    NUMBERED,
    ONE_ORDER,
    ORDERS,
    ORDERS_OF_SESSION,
    SOLD,
    SPUN_OFF,
    TAGGED,
    TRADED,
    order_of,
    position_of,
)  # fmt: skip
from tradectl.model.market import ActionKind
from tradectl.model.order import OrderStatus, Side


class Records:
    """The reads of one user; `Book` adds the writes."""

    def __init__(self, database: Database, user: str) -> None:
        self._database = database
        self._user = user

    def fitted_quantity(self, order: Order) -> int:
        """Return the largest quantity that `amo-adjust` may have requested for an order.

        The task stores its decision before the request, so a decided quantity may or may not have reached the broker.
        """
        table = schema.decisions
        query = select(table.c.inputs).where(
            table.c.user == self._user,
            table.c.task == "amo-adjust",
            table.c.session_date == order.session,
            table.c.instrument_id == order.instrument_id,
        )
        with self._database.read() as connection:
            requested = [inputs.get("quantity") or 0 for inputs in connection.scalars(query)]
        return max([order.quantity, *requested])

    def by_broker_ids(self, broker_order_ids: Iterable[str]) -> dict[str, Order]:
        """Return our orders of any status by broker order id."""
        with self._database.read() as connection:
            found = (NUMBERED.first(connection, {"of_user": self._user, "of_number": number}) for number in broker_order_ids)
            return {row.broker_order_id: order_of(row) for row in found if row is not None}

    def tagged(self, tags: Iterable[str]) -> dict[str, Order]:
        """Return our orders of any status by tag."""
        with self._database.read() as connection:
            found = (TAGGED.first(connection, {"of_user": self._user, "of_tag": tag}) for tag in tags)
            return {row.tag: order_of(row) for row in found if row is not None}

    def orders(
        self, *, session: date | None = None, execution_id: int | None = None, ids: Iterable[int] | None = None
    ) -> list[Order]:
        """Return orders of any status, oldest first."""
        if session is not None and execution_id is None and ids is None:
            with self._database.read() as connection:
                rows = ORDERS_OF_SESSION.all(connection, {"of_user": self._user, "of_session": session})
            return [order_of(row) for row in rows]
        query = select(ORDERS).where(ORDERS.c.user == self._user)
        if session is not None:
            query = query.where(ORDERS.c.session_date == session)
        if execution_id is not None:
            query = query.where(ORDERS.c.execution_id == execution_id)
        if ids is not None:
            query = query.where(ORDERS.c.id.in_(list(ids)))
        with self._database.read() as connection:
            return [order_of(row) for row in connection.execute(query.order_by(ORDERS.c.id))]

    def order(self, order_id: int) -> Order:
        """Return an order of any status. Raises DatabaseError if there is none."""
        with self._database.read() as connection:
            row = ONE_ORDER.first(connection, {"of_user": self._user, "of_id": order_id})
        if row is None:
            raise DatabaseError(f"there is no order {order_id} of this user; see `tradectl orders list`")
        return order_of(row)

    def last_target(self, position_id: int) -> tuple[int, date] | None:
        """Return limit (paise) and session of a position's newest target sell that the broker accepted; None if there is none."""
        with self._database.read() as connection:
            row = LAST_TARGET.first(connection, {"of_user": self._user, "of_position": position_id})
        return (row.price, row.session_date) if row is not None else None

    def lowest_target(self, instrument_id: str, session: date) -> int | None:
        """Return the lowest limit (paise) of an instrument's target sells that rested in a session; None if there is none."""
        key = {"of_user": self._user, "of_instrument": instrument_id, "of_session": session}
        with self._database.read() as connection:
            lowest: int | None = LOWEST_TARGET.scalar(connection, key)
        return lowest

    def positions(self, *, closed_in: date | None = None) -> list[Position]:
        """Return all positions, or those that were closed in a session."""
        mine = {"of_user": self._user}
        with self._database.read() as connection:
            if closed_in is None:
                rows = ALL_POSITIONS.all(connection, mine)
            else:
                rows = CLOSED_POSITIONS.all(connection, {**mine, "of_session": closed_in})
        return [position_of(row) for row in rows]

    def fills(self, *, session: date | None = None, ours: bool = False) -> list[Row[Any]]:
        """Return rows of `fills`, oldest first; with `ours` only those that changed a position."""
        mine = {"of_user": self._user}
        with self._database.read() as connection:
            if session is None:
                rows = ALL_FILLS.all(connection, mine)
            else:
                rows = FILLS_OF_SESSION.all(connection, {**mine, "of_session": session})
        return [row for row in rows if row.position_id is not None or not ours]

    def fills_of(self, position_id: int) -> list[Row[Any]]:
        """Return the rows of `fills` that changed a position, by time."""
        with self._database.read() as connection:
            return list(FILLS_OF_POSITION.all(connection, {"of_position": position_id}))

    def traded(self, session: date) -> set[str]:
        """Return the ids of the instruments in which an order of ours was filled in a session."""
        with self._database.read() as connection:
            return set(TRADED.scalars(connection, {"of_user": self._user, "of_session": session}))

    def sold(self, session: date) -> set[str]:
        """Return the ids of the instruments that were sold in a session, by our orders or by hand."""
        with self._database.read() as connection:
            return set(SOLD.scalars(connection, {"of_user": self._user, "of_session": session}))

    def being_sent(self, order: Order, machine_now: datetime) -> bool:
        """Return whether the execution that sends an order is running, so that its outcome may come at any moment."""
        with self._database.read() as connection:
            return order.execution_id is not None and at_work(connection, order.execution_id, machine_now)

    def unresolved(self, orders: Iterable[Order], machine_now: datetime) -> tuple[Order, ...]:
        """Return the orders of unknown outcome: those of status UNKNOWN, and unanswered ones that no process is sending now."""

        def in_flight(order: Order) -> bool:
            return order.sender is not None and is_alive(order.sender) and self.being_sent(order, machine_now)

        return tuple(
            order for order in orders if order.status is OrderStatus.UNKNOWN or (order.unanswered and not in_flight(order))
        )

    def dividends(self, ex_date: date) -> int:
        """Return the sum of the dividends of one ex-date, in paise."""
        with self._database.read() as connection:
            return int(DIVIDENDS.scalar(connection, {"of_user": self._user, "of_ex_date": ex_date}) or 0)

    def new_shares(self, position_id: int, since: date) -> int:
        """Return how many shares splits and bonuses have added to a position from an ex-date on."""
        added = func.sum(ADJUSTMENTS.c.quantity_after - ADJUSTMENTS.c.quantity_before)
        mine = and_(ADJUSTMENTS.c.user == self._user, ADJUSTMENTS.c.position_id == position_id, ADJUSTMENTS.c.ex_date >= since)
        kinds = ADJUSTMENTS.c.kind.in_([ActionKind.SPLIT, ActionKind.BONUS])
        with self._database.read() as connection:
            return int(connection.scalar(select(added).where(mine, kinds)) or 0)

    def shares_before(self, position_id: int, ex_date: date) -> int | None:
        """Return how many shares a position had before its adjustments of an ex-date; None without adjustments."""
        mine = and_(ADJUSTMENTS.c.user == self._user, ADJUSTMENTS.c.position_id == position_id, ADJUSTMENTS.c.ex_date == ex_date)
        with self._database.read() as connection:
            first = select(ADJUSTMENTS.c.quantity_before).where(mine).order_by(ADJUSTMENTS.c.id).limit(1)
            found = connection.scalar(first)
        return None if found is None else int(found)

    def spun_off(self) -> int:
        """Return the cost (paise) that demergers moved from positions to shares that tradectl shows but never trades."""
        with self._database.read() as connection:
            return int(SPUN_OFF.scalar(connection, {"of_user": self._user}) or 0)

    def cash(self) -> int:
        """Return the account's expected cash in paise: capital - buys + sells - charges + dividends."""
        mine = {"of_user": self._user}
        with self._database.read() as connection:
            capital = CAPITAL.scalar(connection, mine)
            rows = FLOWS.all(connection, mine)
            credited = CREDITED.scalar(connection, mine)
        flow = sum((value if side == Side.SELL else -value) - charges for side, value, charges in rows)
        return int(capital or 0) + int(flow) + int(credited or 0)

    def without_order(self, trade_ids: Collection[str]) -> set[str]:
        """Return those of the trade ids that the book does not hold as fills of our orders."""
        ours = and_(FILLS.c.user == self._user, FILLS.c.trade_id.in_(list(trade_ids)), FILLS.c.order_id.is_not(None))
        with self._database.read() as connection:
            return set(trade_ids).difference(connection.scalars(select(FILLS.c.trade_id).where(ours)))
