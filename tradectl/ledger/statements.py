"""Define the statements that run every minute, each compiled once, and convert their rows to values."""

from __future__ import annotations

from typing import Any

from sqlalchemy import String, bindparam, func, literal_column, or_, select, update

from tradectl.ledger import schema
from tradectl.ledger.compiled import CompiledStatement
from tradectl.ledger.rows import Order, Position
from tradectl.ledger.types import Moment
from tradectl.model.market import ActionKind
from tradectl.model.order import ALIVE, OrderStatus, Purpose, ReasonCode, Side, Variety

ORDERS, FILLS, POSITIONS, ADJUSTMENTS = schema.orders, schema.fills, schema.positions, schema.adjustments
OPEN_ORDERS = ALIVE | {OrderStatus.RETRY_PENDING}


def order_of(row: Any) -> Order:
    """Convert a row of `orders` to an Order."""
    return Order(
        id=row.id,
        tag=row.tag,
        instrument_id=row.instrument_id,
        symbol=row.symbol,
        side=Side(row.side),
        purpose=Purpose(row.purpose),
        quantity=row.quantity,
        price=row.price,
        variety=Variety(row.variety),
        status=OrderStatus(row.status),
        reason=row.reason,
        reason_code=ReasonCode(row.reason_code) if row.reason_code is not None else None,
        session=row.session_date,
        decided=row.decided,
        leg=row.leg,
        generation=row.generation,
        position_id=row.position_id,
        signal_id=row.signal_id,
        execution_id=row.execution_id,
        level=row.level,
        broker_order_id=row.broker_order_id,
        filled_quantity=row.filled_quantity,
        modifications=row.modifications,
        created_at=row.created_at,
        sending_at=row.sending_at,
        sent_at=row.sent_at,
        updated_at=row.updated_at,
        sender=row.sender,
        absent_since=row.absent_since,
        strategy=row.strategy,
        strategy_hash=row.strategy_hash,
    )


def position_of(row: Any) -> Position:
    """Convert a row of `positions` to a Position."""
    return Position(*(getattr(row, name) for name in Position.__struct_fields__))


_MINE, _MY_POSITIONS = ORDERS.c.user == bindparam("of_user"), POSITIONS.c.user == bindparam("of_user")
_OPEN = POSITIONS.c.status == literal_column("'open'")
"""A literal: with a parameter, SQLite would plan the statement again at each run to decide about the partial index."""
OPEN_POSITIONS = CompiledStatement(select(POSITIONS).where(_MY_POSITIONS, _OPEN).order_by(POSITIONS.c.id))
_IS_UNFINISHED = or_(*(ORDERS.c.status == status for status in sorted(OPEN_ORDERS)))
"""Used instead of `in_`, for which SQLAlchemy would write the list into the statement's text at each run."""
UNFINISHED = CompiledStatement(select(ORDERS).where(_MINE, _IS_UNFINISHED).order_by(ORDERS.c.id))
_STATE = select(schema.users.c.trading_state, schema.users.c.state_reason, schema.users.c.state_until).where(
    schema.users.c.user == bindparam("of_user")
)
STATE, STATE_HELD = CompiledStatement(_STATE), CompiledStatement(_STATE.with_for_update(read=True))
"""STATE_HELD also locks the state until the transaction ends, on a database with more than one writer."""
ONE_ORDER = CompiledStatement(select(ORDERS).where(_MINE, ORDERS.c.id == bindparam("of_id")))
CHAIN = CompiledStatement(
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
_OF_SESSION = FILLS.c.session_date == bindparam("of_session")
_MY_FILLS, _OF_POSITION = FILLS.c.user == bindparam("of_user"), FILLS.c.position_id == bindparam("of_position")
SOLD = CompiledStatement(select(FILLS.c.instrument_id).where(_MY_FILLS, _OF_SESSION, FILLS.c.side == Side.SELL))
TRADED = CompiledStatement(select(FILLS.c.instrument_id).where(_MY_FILLS, _OF_SESSION, FILLS.c.order_id.is_not(None)))
ALL_FILLS = CompiledStatement(select(FILLS).where(_MY_FILLS).order_by(FILLS.c.at, FILLS.c.id))
FILLS_OF_SESSION = CompiledStatement(select(FILLS).where(_MY_FILLS, _OF_SESSION).order_by(FILLS.c.at, FILLS.c.id))
ALL_POSITIONS = CompiledStatement(select(POSITIONS).where(_MY_POSITIONS).order_by(POSITIONS.c.id))
CLOSED_POSITIONS = CompiledStatement(select(POSITIONS).where(_MY_POSITIONS, _CLOSED_THEN).order_by(POSITIONS.c.id))
FLOWS = CompiledStatement(
    select(FILLS.c.side, func.sum(FILLS.c.quantity * FILLS.c.price).label("value"), func.sum(FILLS.c.charges).label("charges"))
    .where(_MY_FILLS)
    .group_by(FILLS.c.side)
)
CAPITAL = CompiledStatement(select(schema.users.c.capital).where(schema.users.c.user == bindparam("of_user")))
SPUN_OFF = CompiledStatement(select(func.sum(POSITIONS.c.spun_off)).where(_MY_POSITIONS))
_MY_ADJUSTMENTS = ADJUSTMENTS.c.user == bindparam("of_user")
CREDITED = CompiledStatement(select(func.sum(ADJUSTMENTS.c.cash)).where(_MY_ADJUSTMENTS))
DIVIDENDS = CompiledStatement(
    select(func.sum(ADJUSTMENTS.c.cash)).where(
        _MY_ADJUSTMENTS, ADJUSTMENTS.c.ex_date == bindparam("of_ex_date"), ADJUSTMENTS.c.kind == ActionKind.DIVIDEND
    )
)
FILLS_OF_POSITION = CompiledStatement(select(FILLS).where(_OF_POSITION).order_by(FILLS.c.at, FILLS.c.id))
FILLS_OF_ORDER = CompiledStatement(
    select(FILLS).where(_MY_FILLS, FILLS.c.order_id == bindparam("of_order")).order_by(FILLS.c.at, FILLS.c.id)
)
FILLS_OF_DAY = CompiledStatement(select(FILLS).where(_MY_FILLS, FILLS.c.instrument_id == bindparam("of_instrument"), _OF_SESSION))
ADJUSTMENTS_OF_POSITION = CompiledStatement(select(ADJUSTMENTS).where(ADJUSTMENTS.c.position_id == bindparam("of_position")))
ORDERS_OF_SESSION = CompiledStatement(
    select(ORDERS).where(_MINE, ORDERS.c.session_date == bindparam("of_session")).order_by(ORDERS.c.id)
)
NUMBERED = CompiledStatement(select(ORDERS).where(_MINE, ORDERS.c.broker_order_id == bindparam("of_number")))
TAGGED = CompiledStatement(select(ORDERS).where(_MINE, ORDERS.c.tag == bindparam("of_tag")))
RESTED = (ORDERS.c.purpose == Purpose.TARGET, ORDERS.c.sent_at.is_not(None))
LAST_TARGET = CompiledStatement(
    select(ORDERS.c.price, ORDERS.c.session_date)
    .where(_MINE, ORDERS.c.position_id == bindparam("of_position"), *RESTED)
    .order_by(ORDERS.c.id.desc())
    .limit(1)
)
LOWEST_TARGET = CompiledStatement(
    select(func.min(ORDERS.c.price)).where(
        _MINE, ORDERS.c.instrument_id == bindparam("of_instrument"), ORDERS.c.session_date == bindparam("of_session"), *RESTED
    )
)
CHANGE = CompiledStatement(
    update(ORDERS).where(
        ORDERS.c.id == bindparam("of_id"),
        ORDERS.c.status == bindparam("of_status"),
        ORDERS.c.sending_at.is_not_distinct_from(bindparam("of_sending", type_=Moment)),
        ORDERS.c.broker_order_id.is_not_distinct_from(bindparam("of_broker_order", type_=String)),
    )
)
"""Change an order only if its status, `sending_at` and broker order id are still those that were read."""
