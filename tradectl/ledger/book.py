"""The book: what we believe about our orders, fills and positions.

Fills are the truth. A position row is the fold of its fills and of what corporate actions did to it, written in the same
transaction as the fill, so that order, fill and position can never disagree. Reads go through one snapshot that is kept
until the database changes, because a monitor looks at it every minute.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, case, func, insert, or_, select, update

from tradectl.errors import DatabaseError
from tradectl.exchange.charges import day_charges
from tradectl.ledger import schema
from tradectl.ledger.engine import Database
from tradectl.ledger.executions import Claim, assert_holds, at_work
from tradectl.ledger.rows import Intent, Order, Position
from tradectl.model.market import ActionKind
from tradectl.model.order import ALIVE, MOVES, TERMINAL, Fill, OrderStatus, OrderType, Purpose, Side, TradeReport, Variety
from tradectl.model.position import Adjustment, Folded, fold

ORDERS, FILLS, POSITIONS, ADJUSTMENTS = schema.orders, schema.fills, schema.positions, schema.adjustments
OPEN_ORDERS = ALIVE | {OrderStatus.RETRY_PENDING}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Open positions and unfinished orders at one moment."""

    positions: tuple[Position, ...]
    orders: tuple[Order, ...]
    trading_state: str
    state_reason: str

    def position_of(self, instrument_id: str) -> Position | None:
        return next((item for item in self.positions if item.instrument_id == instrument_id), None)

    def alive(self, instrument_id: str, side: Side | None = None) -> list[Order]:
        return [
            item
            for item in self.orders
            if item.instrument_id == instrument_id and item.alive and (side is None or item.side is side)
        ]


def _order(row: Row[Any]) -> Order:
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
    )


def _position(row: Row[Any]) -> Position:
    values = row._mapping
    return Position(**{name: values[name] for name in Position.__slots__})


def _is(*statuses: OrderStatus) -> Any:
    return func.sum(case((ORDERS.c.status.in_(statuses), 1), else_=0))


_MINE, _MY_POSITIONS = ORDERS.c.user == bindparam("of_user"), POSITIONS.c.user == bindparam("of_user")
_OPEN_POSITIONS = select(POSITIONS).where(_MY_POSITIONS, POSITIONS.c.status == "open").order_by(POSITIONS.c.id)
_UNFINISHED = select(ORDERS).where(_MINE, ORDERS.c.status.in_(sorted(OPEN_ORDERS))).order_by(ORDERS.c.id)
_STATE = select(schema.users.c.trading_state, schema.users.c.state_reason).where(schema.users.c.user == bindparam("of_user"))
_ORDER = select(ORDERS).where(_MINE, ORDERS.c.id == bindparam("of_id"))
_CHAIN = (
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
_SELL_TOTALS = select(
    func.count(ORDERS.c.sent_at).label("placed"),
    func.sum(ORDERS.c.modifications).label("updated"),
    _is(OrderStatus.EXECUTED).label("executed"),
    _is(OrderStatus.REJECTED).label("rejected"),
    _is(OrderStatus.CANCELLED).label("cancelled"),
    _is(OrderStatus.UNKNOWN).label("unknown"),
).where(_MINE, ORDERS.c.session_date == bindparam("of_session"), ORDERS.c.side == Side.SELL)
_POSITION_TOTALS = select(
    func.count().label("checked"),
    func.sum(case((POSITIONS.c.closed_session == bindparam("of_session"), 1), else_=0)).label("closed"),
).where(_MY_POSITIONS, or_(POSITIONS.c.status == "open", POSITIONS.c.closed_session == bindparam("of_session")))
_RESTED = (ORDERS.c.purpose == Purpose.TARGET, ORDERS.c.sent_at.is_not(None))
_CHANGE = update(ORDERS).where(ORDERS.c.id == bindparam("of_id"), ORDERS.c.status == bindparam("of_status"))
"""Statements that a monitor needs every minute are built once: building one costs more than running it."""


class Book:
    """The book of one user. Every write is one short transaction, never open across a call to the broker."""

    def __init__(self, database: Database, user: str) -> None:
        self._database = database
        self._user = user
        self._snapshot: Snapshot | None = None
        self._token: object = None
        self._trades: set[str] | None = None
        self._applied: tuple[object, dict[int, frozenset[tuple[str, date]]]] = (None, {})
        self._index: tuple[Snapshot, dict[str, Order], dict[str, Order]] | None = None
        self.followed: tuple[object, ...] = ()
        """The broker's reports and the snapshot that were compared last and found equal; kept by whoever follows the broker."""

    # -- reading ---------------------------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        token = self._database.version_token()
        if self._snapshot is None or token != self._token:
            self._snapshot = self._read_snapshot()
            self._token = token
        return self._snapshot

    def _read_snapshot(self) -> Snapshot:
        mine = {"of_user": self._user}
        with self._database.read() as connection:
            positions = connection.execute(_OPEN_POSITIONS, mine).all()
            orders = connection.execute(_UNFINISHED, mine).all()
            state = connection.execute(_STATE, mine).one()
        return Snapshot(tuple(map(_position, positions)), tuple(map(_order, orders)), state[0], state[1])

    def index(self) -> tuple[dict[str, Order], dict[str, Order]]:
        """Unfinished orders by the broker's id, and by our tag."""
        snapshot = self.snapshot()
        if self._index is None or self._index[0] is not snapshot:
            by_id = {order.broker_order_id: order for order in snapshot.orders if order.broker_order_id}
            self._index = (snapshot, by_id, {order.tag: order for order in snapshot.orders})
        return self._index[1], self._index[2]

    def finished(self, broker_order_ids: Iterable[str]) -> dict[str, Order]:
        """Our orders, finished or not, behind these ids of the broker."""
        query = select(ORDERS).where(ORDERS.c.user == self._user, ORDERS.c.broker_order_id.in_(list(broker_order_ids)))
        with self._database.read() as connection:
            return {str(order.broker_order_id): order for order in map(_order, connection.execute(query))}

    def orders(
        self, *, session: date | None = None, execution_id: int | None = None, ids: Iterable[int] | None = None
    ) -> list[Order]:
        """Orders of any status, oldest first."""
        query = select(ORDERS).where(ORDERS.c.user == self._user)
        if session is not None:
            query = query.where(ORDERS.c.session_date == session)
        if execution_id is not None:
            query = query.where(ORDERS.c.execution_id == execution_id)
        if ids is not None:
            query = query.where(ORDERS.c.id.in_(list(ids)))
        with self._database.read() as connection:
            return [_order(row) for row in connection.execute(query.order_by(ORDERS.c.id))]

    def order(self, order_id: int) -> Order:
        """One order of any status."""
        with self._database.read() as connection:
            row = connection.execute(_ORDER, {"of_user": self._user, "of_id": order_id}).first()
        if row is None:
            raise DatabaseError(f"order {order_id} is not in the book")
        return _order(row)

    def sell_totals(self, session: date) -> dict[str, int]:
        """What the sells of a session came to so far: counts of orders and positions by what became of them."""
        key = {"of_user": self._user, "of_session": session}
        with self._database.read() as connection:
            sells = connection.execute(_SELL_TOTALS, key).one()
            held = connection.execute(_POSITION_TOTALS, key).one()
        counts = {name: int(value or 0) for name, value in sells._mapping.items()}
        return counts | {"checked": int(held.checked or 0), "closed": int(held.closed or 0)}

    def last_target(self, position_id: int) -> tuple[int, date] | None:
        """Limit (paise) and session of the newest sell order at target of a position that the broker took; None if there was
        none."""
        query = (
            select(ORDERS.c.price, ORDERS.c.session_date)
            .where(ORDERS.c.user == self._user, ORDERS.c.position_id == position_id, *_RESTED)
            .order_by(ORDERS.c.id.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return (row.price, row.session_date) if row is not None else None

    def lowest_target(self, instrument_id: str, session: date) -> int | None:
        """The lowest limit (paise) at which a sell at target of this instrument rested in a session; None if none did."""
        query = select(func.min(ORDERS.c.price)).where(
            ORDERS.c.user == self._user, ORDERS.c.instrument_id == instrument_id, ORDERS.c.session_date == session, *_RESTED
        )
        with self._database.read() as connection:
            lowest: int | None = connection.scalar(query)
        return lowest

    def positions(self, *, closed_in: date | None = None) -> list[Position]:
        query = select(POSITIONS).where(POSITIONS.c.user == self._user)
        if closed_in is not None:
            query = query.where(POSITIONS.c.closed_session == closed_in)
        with self._database.read() as connection:
            return [_position(row) for row in connection.execute(query.order_by(POSITIONS.c.id))]

    def fills(self, *, session: date | None = None, ours: bool = False) -> list[Row[Any]]:
        """Rows of `fills`, oldest first; `ours`: only those that touch a position."""
        query = select(FILLS).where(FILLS.c.user == self._user)
        if session is not None:
            query = query.where(FILLS.c.session_date == session)
        if ours:
            query = query.where(FILLS.c.position_id.is_not(None))
        with self._database.read() as connection:
            return list(connection.execute(query.order_by(FILLS.c.at, FILLS.c.id)))

    def traded(self, session: date) -> set[str]:
        """Instruments in which one of our own orders was filled in that session."""
        query = select(FILLS.c.instrument_id).where(
            FILLS.c.user == self._user, FILLS.c.session_date == session, FILLS.c.order_id.is_not(None)
        )
        with self._database.read() as connection:
            return set(connection.scalars(query))

    def sold(self, session: date) -> set[str]:
        """Instruments of which anything was sold in that session, by us or by hand."""
        query = select(FILLS.c.instrument_id).where(
            FILLS.c.user == self._user, FILLS.c.session_date == session, FILLS.c.side == Side.SELL
        )
        with self._database.read() as connection:
            return set(connection.scalars(query))

    def being_sent(self, order: Order, machine_now: datetime) -> bool:
        """Whether the execution that sends an order is at work, so that its outcome may come at any moment."""
        with self._database.read() as connection:
            return order.execution_id is not None and at_work(connection, order.execution_id, machine_now)

    def folded(self, position_id: int) -> Folded:
        with self._database.read() as connection:
            return self._fold(connection, position_id)

    def dividends(self, ex_date: date) -> int:
        """Dividends of one ex-date, in paise."""
        query = select(func.sum(ADJUSTMENTS.c.cash)).where(
            ADJUSTMENTS.c.user == self._user, ADJUSTMENTS.c.ex_date == ex_date, ADJUSTMENTS.c.kind == ActionKind.DIVIDEND
        )
        with self._database.read() as connection:
            return int(connection.scalar(query) or 0)

    def spun_off(self) -> int:
        """Cost of what demergers took out of positions into holdings that are shown and never traded, in paise."""
        with self._database.read() as connection:
            return int(connection.scalar(select(func.sum(POSITIONS.c.spun_off)).where(POSITIONS.c.user == self._user)) or 0)

    def cash(self) -> int:
        """What the account's cash must be: capital, less buys, plus sells, less charges, plus dividends (paise)."""
        with self._database.read() as connection:
            capital = connection.scalar(select(schema.users.c.capital).where(schema.users.c.user == self._user))
            rows = connection.execute(
                select(FILLS.c.side, func.sum(FILLS.c.quantity * FILLS.c.price), func.sum(FILLS.c.charges))
                .where(FILLS.c.user == self._user)
                .group_by(FILLS.c.side)
            ).all()
            credited = connection.scalar(select(func.sum(ADJUSTMENTS.c.cash)).where(ADJUSTMENTS.c.user == self._user))
        flow = sum((value if side == Side.SELL else -value) - charges for side, value, charges in rows)
        return int(capital or 0) + int(flow) + int(credited or 0)

    # -- intents ---------------------------------------------------------------------------------------------------------

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
            return [_order(row) for row in connection.execute(_CHAIN, key)]

    def assert_claim(self, claim: Claim) -> None:
        """Raise Fenced where another process has taken the execution over."""
        with self._database.read() as connection:
            assert_holds(connection, claim)

    def record_intent(
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
                self._change(connection, instead_of, OrderStatus.CANCELLED, {"reason": "tried again", "updated_at": now})
            created = connection.execute(insert(ORDERS).values(values)).inserted_primary_key
        assert created is not None
        return self.order(int(created[0]))

    def mark_sending(self, claim: Claim, order: Order, quantity: int, price: int, now: datetime) -> Order:
        """An intent that was never sent is about to be: same row, same tag, perhaps another quantity."""
        with self._database.write() as connection:
            assert_holds(connection, claim)
            self._change(
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
        return self.order(order.id)

    def mark_sent(self, order: Order, broker_order_id: str, now: datetime) -> None:
        with self._database.write() as connection:
            self._change(
                connection,
                order,
                OrderStatus.PENDING if order.status is OrderStatus.UNKNOWN else order.status,
                {"broker_order_id": broker_order_id, "sent_at": now, "updated_at": now},
            )

    def mark_never_sent(self, order: Order, now: datetime) -> None:
        """It is proved that the broker never took it: the same intent, with the same tag, may be sent again."""
        with self._database.write() as connection:
            self._change(connection, order, OrderStatus.PENDING, {"sending_at": None, "reason": "", "updated_at": now})

    def move(self, order: Order, status: OrderStatus, reason: str, now: datetime) -> None:
        """Change an order's status by an allowed move."""
        with self._database.write() as connection:
            self._change(connection, order, status, {"reason": reason, "updated_at": now})

    def note_modified(self, order: Order, quantity: int, price: int, now: datetime) -> None:
        with self._database.write() as connection:
            self._change(
                connection,
                order,
                order.status,
                {"quantity": quantity, "price": price, "modifications": order.modifications + 1, "updated_at": now},
            )

    def _change(self, connection: Connection, order: Order, status: OrderStatus, values: Mapping[str, Any]) -> None:
        """One conditional UPDATE; another status than the one we knew, or a move that is not allowed, is refused."""
        if status is not order.status and status not in MOVES[order.status]:
            raise DatabaseError(f"order {order.id} cannot go from {order.status} to {status}")
        changed = connection.execute(_CHANGE, {"of_id": order.id, "of_status": order.status, "status": status, **values})
        if changed.rowcount != 1:
            raise DatabaseError(f"order {order.id} is no longer {order.status}: another process changed it")

    # -- following the broker --------------------------------------------------------------------------------------------

    def known_trades(self) -> set[str]:
        """Ids of all trades that are in the book already."""
        if self._trades is None:
            with self._database.read() as connection:
                self._trades = set(connection.scalars(select(FILLS.c.trade_id).where(FILLS.c.user == self._user)))
        return self._trades

    def follow(self, changes: Sequence[OrderChange], trades: Sequence[NewTrade], now: datetime) -> bool:
        """Write what the broker reported, all in one transaction: fills first, then positions, then the orders' rows. False
        where another process has changed an order since it was compared: compare again."""
        with self._database.write() as connection:
            known = set(
                connection.scalars(
                    select(FILLS.c.trade_id).where(
                        FILLS.c.user == self._user, FILLS.c.trade_id.in_([item.report.trade_id for item in trades])
                    )
                )
            )
            touched: dict[int, date] = {}
            days: set[tuple[str, date]] = set()
            for item in trades:
                if item.report.trade_id not in known:
                    position_id = self._add_fill(connection, item)
                    days.add((item.instrument_id, item.session))
                    if position_id is not None:
                        touched[position_id] = item.session
            for instrument_id, session in sorted(days):
                touched |= dict.fromkeys(self._recharge(connection, instrument_id, session), session)
            for position_id in sorted(touched):
                self._refold(connection, position_id)
            written = [self._follow_order(connection, change, now) for change in changes]
        self.known_trades().update(item.report.trade_id for item in trades)
        return all(written)

    def _follow_order(self, connection: Connection, change: OrderChange, now: datetime) -> bool:
        """Bring one order's row to what the broker reports; False if its row is no longer the one that was compared."""
        order = change.order
        row = connection.execute(_ORDER, {"of_user": self._user, "of_id": order.id}).one()
        if (row.status, row.filled_quantity) != (order.status, order.filled_quantity):
            return False
        values = {"filled_quantity": change.filled_quantity, "quantity": change.quantity, "price": change.price}
        if (row.quantity, row.price) != (change.quantity, change.price):
            values["modifications"] = row.modifications + 1  # by a process that died before it could note it
        sent = {"broker_order_id": change.broker_order_id, "sent_at": order.sent_at or now}
        self._change(connection, order, change.status, {**values, **sent, "reason": change.reason, "updated_at": now})
        return True

    def _add_fill(self, connection: Connection, item: NewTrade) -> int | None:
        report, order = item.report, item.order
        position_id = connection.scalar(
            select(POSITIONS.c.id).where(
                POSITIONS.c.user == self._user, POSITIONS.c.instrument_id == item.instrument_id, POSITIONS.c.status == "open"
            )
        )
        booked = report.quantity
        if report.side is Side.BUY:
            if order is None:
                position_id, booked = None, 0
            elif position_id is None:
                position_id = self._open_position(connection, item, order)
        elif position_id is None:
            booked = 0
        else:
            held = connection.scalar(select(POSITIONS.c.quantity).where(POSITIONS.c.id == position_id)) or 0
            outside = self._outside(connection, item.instrument_id) if order is None else 0
            booked = min(max(0, report.quantity - outside), held)
        if booked == 0:
            position_id = None
        connection.execute(
            insert(FILLS).values(
                user=self._user,
                trade_id=report.trade_id,
                order_id=order.id if order else None,
                position_id=position_id,
                instrument_id=item.instrument_id,
                symbol=report.symbol,
                side=report.side,
                quantity=report.quantity,
                booked=booked,
                price=report.price,
                charges=0,
                session_date=item.session,
                at=report.at,
                external=order is None,
            )
        )
        if position_id is not None:
            self._refold(connection, position_id)
        return position_id

    def _outside(self, connection: Connection, instrument_id: str) -> int:
        """Shares that the user bought by hand and has not sold: a sale by hand takes these before ours."""
        external = and_(FILLS.c.user == self._user, FILLS.c.instrument_id == instrument_id, FILLS.c.external)
        signed = case((FILLS.c.side == Side.BUY, FILLS.c.quantity), else_=FILLS.c.booked - FILLS.c.quantity)
        return max(0, int(connection.scalar(select(func.sum(signed)).where(external)) or 0))

    def _open_position(self, connection: Connection, item: NewTrade, order: Order) -> int:
        created = connection.execute(
            insert(POSITIONS).values(
                user=self._user,
                instrument_id=item.instrument_id,
                symbol=item.report.symbol,
                status="open",
                quantity=0,
                cost=0,
                bought=0,
                sold=0,
                buys=0,
                level=order.level,
                level_session=order.decided,
                realised=0,
                charges=0,
                opened_session=item.session,
                opened_at=item.report.at,
            )
        ).inserted_primary_key
        assert created is not None
        return int(created[0])

    def _recharge(self, connection: Connection, instrument_id: str, session: date) -> list[int]:
        """Charges of one instrument and day, from all of the day's fills, shared out to them anew; the positions touched."""
        rows = connection.execute(
            select(FILLS).where(
                FILLS.c.user == self._user, FILLS.c.instrument_id == instrument_id, FILLS.c.session_date == session
            )
        ).all()
        shares = day_charges(session, [_whole_fill(row) for row in rows]).by_fill
        for row in rows:
            if shares[str(row.id)] != row.charges:
                connection.execute(update(FILLS).where(FILLS.c.id == row.id).values(charges=shares[str(row.id)]))
        return sorted({row.position_id for row in rows if row.position_id is not None})

    def _fold(self, connection: Connection, position_id: int) -> Folded:
        fills = connection.execute(select(FILLS).where(FILLS.c.position_id == position_id).order_by(FILLS.c.at, FILLS.c.id)).all()
        adjustments = connection.execute(select(ADJUSTMENTS).where(ADJUSTMENTS.c.position_id == position_id)).all()
        return fold(
            [_booked_fill(row) for row in fills],
            [
                Adjustment(ActionKind(row.kind), row.ex_date, row.at, Fraction(row.ratio), Fraction(row.cost_kept), row.cash)
                for row in sorted(adjustments, key=lambda row: (row.at, row.id))
            ],
            {str(row.id): row.charges * row.booked // row.quantity for row in fills},
        )

    def _refold(self, connection: Connection, position_id: int) -> None:
        state = self._fold(connection, position_id)
        last = connection.execute(
            select(ORDERS.c.level, ORDERS.c.decided)
            .join(FILLS, FILLS.c.order_id == ORDERS.c.id)
            .where(FILLS.c.position_id == position_id, ORDERS.c.side == Side.BUY)
            .order_by(ORDERS.c.decided.desc(), ORDERS.c.id.desc())
            .limit(1)
        ).first()
        buys = connection.scalar(
            select(func.count(FILLS.c.order_id.distinct())).where(FILLS.c.position_id == position_id, FILLS.c.side == Side.BUY)
        )
        ended = connection.execute(
            select(FILLS.c.session_date, FILLS.c.at)
            .where(FILLS.c.position_id == position_id)
            .order_by(FILLS.c.at.desc())
            .limit(1)
        ).first()
        closed = state.quantity == 0 and state.bought > 0
        values: dict[str, Any] = {
            "quantity": state.quantity,
            "cost": state.cost,
            "bought": state.bought,
            "sold": state.sold,
            "buys": buys or 0,
            "realised": state.realised + state.cash_in_lieu,
            "charges": state.charges,
            "dividends": state.dividends,
            "spun_off": state.spun_off,
            "status": "closed" if closed else "open",
            "closed_session": ended.session_date if closed and ended else None,
            "closed_at": ended.at if closed and ended else None,
        }
        if last is not None:
            values |= {"level": last.level, "level_session": last.decided}
        connection.execute(update(POSITIONS).where(POSITIONS.c.id == position_id).values(values))

    # -- corporate actions and names -------------------------------------------------------------------------------------

    def adjust(self, position: Position, adjustment: Adjustment, before: int, after: int) -> bool:
        """Apply a corporate action to a position once; False if it was applied before."""
        with self._database.write() as connection:
            key = and_(
                ADJUSTMENTS.c.user == self._user,
                ADJUSTMENTS.c.position_id == position.id,
                ADJUSTMENTS.c.kind == adjustment.kind,
                ADJUSTMENTS.c.ex_date == adjustment.ex_date,
            )
            if connection.scalar(select(ADJUSTMENTS.c.id).where(key)) is not None:
                return False
            connection.execute(
                insert(ADJUSTMENTS).values(
                    user=self._user,
                    position_id=position.id,
                    kind=adjustment.kind,
                    ex_date=adjustment.ex_date,
                    ratio=str(adjustment.ratio),
                    cost_kept=str(adjustment.cost_kept),
                    quantity_before=before,
                    quantity_after=after,
                    cash=adjustment.cash,
                    at=adjustment.at,
                )
            )
            self._refold(connection, position.id)
        return True

    def applied(self, position_id: int) -> frozenset[tuple[str, date]]:
        """Kind and ex-date of the corporate actions that were applied to a position; kept until the database changes."""
        token = self._database.version_token()
        if self._applied[0] != token:
            self._applied = (token, {})
        known = self._applied[1]
        if position_id not in known:
            query = select(ADJUSTMENTS.c.kind, ADJUSTMENTS.c.ex_date).where(ADJUSTMENTS.c.position_id == position_id)
            with self._database.read() as connection:
                known[position_id] = frozenset((row.kind, row.ex_date) for row in connection.execute(query))
        return known[position_id]

    def rename(self, instrument_id: str, symbol: str) -> None:
        """The exchange calls the instrument by another name from today."""
        with self._database.write() as connection:
            connection.execute(
                update(POSITIONS)
                .where(POSITIONS.c.user == self._user, POSITIONS.c.instrument_id == instrument_id, POSITIONS.c.status == "open")
                .values(symbol=symbol)
            )
            connection.execute(
                update(ORDERS)
                .where(
                    ORDERS.c.user == self._user,
                    ORDERS.c.instrument_id == instrument_id,
                    ORDERS.c.status.not_in([*TERMINAL]),
                    or_(ORDERS.c.broker_order_id.is_(None), ORDERS.c.status == OrderStatus.PENDING),
                )
                .values(symbol=symbol)
            )


@dataclass(frozen=True, slots=True)
class OrderChange:
    """What the broker says now of one of our orders."""

    order: Order
    status: OrderStatus
    reason: str
    broker_order_id: str
    filled_quantity: int
    quantity: int
    price: int


@dataclass(frozen=True, slots=True)
class NewTrade:
    """A trade that is not in the book yet; `order` is None where it is not one of ours."""

    report: TradeReport
    instrument_id: str
    session: date
    order: Order | None


def _whole_fill(row: Row[Any]) -> Fill:
    return Fill(
        str(row.id), row.symbol, Side(row.side), row.quantity, row.price, row.session_date, row.at, row.order_id or -row.id
    )


def _booked_fill(row: Row[Any]) -> Fill:
    return Fill(str(row.id), row.symbol, Side(row.side), row.booked, row.price, row.session_date, row.at, row.order_id or -row.id)
