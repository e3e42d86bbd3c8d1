"""List orders, and show one order with its fills."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import or_, select

from tradectl.errors import UsageError
from tradectl.ledger import schema
from tradectl.ledger.engine import Database
from tradectl.model.order import ALIVE, OrderStatus
from tradectl.model.symbols import spelled
from tradectl.report.values import rows

ORDERS, FILLS = schema.orders, schema.fills
OPEN = (*sorted(ALIVE), OrderStatus.RETRY_PENDING)


def listing(
    database: Database,
    user: str,
    *,
    session: date | None = None,
    status: str = "",
    symbol: str = "",
    open_only: bool = False,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """Return the user's orders as rows, newest first. Empty filters and a `session` of None match all.

    `session`: the session for which an order was decided. `open_only`: only orders that may still trade or be tried again. Raises
    UsageError for an unknown status.
    """
    query = select(ORDERS).where(ORDERS.c.user == user)
    if session is not None:
        query = query.where(ORDERS.c.session_date == session)
    if status:
        if status.upper() not in set(OrderStatus):
            raise UsageError(f"no order status is called {status!r}; there are {', '.join(OrderStatus)}")
        query = query.where(ORDERS.c.status == status.upper())
    if symbol:
        query = query.where(ORDERS.c.symbol == spelled(symbol))
    if open_only:
        query = query.where(ORDERS.c.status.in_(OPEN))
    with database.read() as connection:
        return rows(connection, ORDERS, query.order_by(ORDERS.c.id.desc()).limit(limit))


def one(database: Database, user: str, name: str) -> dict[str, Any]:
    """Return an order with its `fills`, by its id, tag or broker order id. Raises UsageError if there is none."""
    same = [ORDERS.c.tag == name, ORDERS.c.broker_order_id == name]
    if name.isdecimal() and len(name) < 16:
        same.append(ORDERS.c.id == int(name))
    with database.read() as connection:
        found = rows(connection, ORDERS, select(ORDERS).where(ORDERS.c.user == user, or_(*same)))
        if not found:
            raise UsageError(f"{user} has no order {name}; see `tradectl orders list`")
        query = select(FILLS).where(FILLS.c.user == user, FILLS.c.order_id == found[0]["id"]).order_by(FILLS.c.id)
        return found[0] | {"fills": rows(connection, FILLS, query)}
