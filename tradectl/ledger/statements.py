"""Statements that are asked every minute, built once (building one costs more than running it), and rows as values."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, bindparam, case, func, or_, select, update

from tradectl.ledger import schema
from tradectl.ledger.rows import Order, Position
from tradectl.ledger.types import Moment
from tradectl.model.order import ALIVE, OrderStatus, Purpose, Side, Variety

ORDERS, FILLS, POSITIONS, ADJUSTMENTS = schema.orders, schema.fills, schema.positions, schema.adjustments
OPEN_ORDERS = ALIVE | {OrderStatus.RETRY_PENDING}


def order_of(row: Row[Any]) -> Order:
    values = row._mapping
    return Order(
        id=values["id"],
        tag=values["tag"],
        instrument_id=values["instrument_id"],
        symbol=values["symbol"],
        side=Side(values["side"]),
        purpose=Purpose(values["purpose"]),
        quantity=values["quantity"],
        price=values["price"],
        variety=Variety(values["variety"]),
        status=OrderStatus(values["status"]),
        reason=values["reason"],
        session=values["session_date"],
        decided=values["decided"],
        leg=values["leg"],
        generation=values["generation"],
        position_id=values["position_id"],
        signal_id=values["signal_id"],
        execution_id=values["execution_id"],
        level=values["level"],
        broker_order_id=values["broker_order_id"],
        filled_quantity=values["filled_quantity"],
        modifications=values["modifications"],
        created_at=values["created_at"],
        sending_at=values["sending_at"],
        sent_at=values["sent_at"],
        updated_at=values["updated_at"],
        sender=values["sender"],
        absent_since=values["absent_since"],
    )


def position_of(row: Row[Any]) -> Position:
    values = row._mapping
    return Position(**{name: values[name] for name in Position.__slots__})


def _is(status: OrderStatus) -> Any:
    return func.sum(case((ORDERS.c.status == status, 1), else_=0))


_MINE, _MY_POSITIONS = ORDERS.c.user == bindparam("of_user"), POSITIONS.c.user == bindparam("of_user")
OPEN_POSITIONS = select(POSITIONS).where(_MY_POSITIONS, POSITIONS.c.status == "open").order_by(POSITIONS.c.id)
_IS_UNFINISHED = or_(*(ORDERS.c.status == status for status in sorted(OPEN_ORDERS)))
"""Not `in_`, whose list SQLAlchemy writes into the text of the statement anew each time it runs."""
UNFINISHED = select(ORDERS).where(_MINE, _IS_UNFINISHED).order_by(ORDERS.c.id)
STATE = select(schema.users.c.trading_state, schema.users.c.state_reason, schema.users.c.state_until).where(
    schema.users.c.user == bindparam("of_user")
)
ONE_ORDER = select(ORDERS).where(_MINE, ORDERS.c.id == bindparam("of_id"))
CHAIN = (
    select(ORDERS)
    .where(
        _MINE,
        ORDERS.c.session_date == bindparam("of_session"),
        ORDERS.c.purpose == bindparam("of_purpose"),
        ORDERS.c.instrument_id == bindparam("of_instrument"),
        ORDERS.c.leg == bindparam("of_leg"),
    )
    .order_by(ORDERS.c.generation)
)
_CLOSED_THEN = POSITIONS.c.closed_session == bindparam("of_session")
_CHECKED = select(func.count()).where(_MY_POSITIONS, or_(POSITIONS.c.status == "open", _CLOSED_THEN))
_CLOSED = select(func.count()).where(_MY_POSITIONS, _CLOSED_THEN)
SELL_TOTALS = select(
    func.count(ORDERS.c.sent_at).label("placed"),
    func.sum(ORDERS.c.modifications).label("updated"),
    _is(OrderStatus.EXECUTED).label("executed"),
    _is(OrderStatus.REJECTED).label("rejected"),
    _is(OrderStatus.CANCELLED).label("cancelled"),
    _is(OrderStatus.UNKNOWN).label("unknown"),
    _CHECKED.scalar_subquery().label("checked"),
    _CLOSED.scalar_subquery().label("closed"),
).where(_MINE, ORDERS.c.session_date == bindparam("of_session"), ORDERS.c.side == Side.SELL)
RESTED = (ORDERS.c.purpose == Purpose.TARGET, ORDERS.c.sent_at.is_not(None))
CHANGE = update(ORDERS).where(
    ORDERS.c.id == bindparam("of_id"),
    ORDERS.c.status == bindparam("of_status"),
    ORDERS.c.sending_at.is_not_distinct_from(bindparam("of_sending", type_=Moment)),
    ORDERS.c.broker_order_id.is_not_distinct_from(bindparam("of_broker_order")),
)
"""Only a row that is as it was read: the same status, the same sending, the same order of the broker's."""
