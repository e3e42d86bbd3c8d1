"""Write fills and their charges, and compute positions from them. Every method runs inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date
from fractions import Fraction
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, case, delete, func, insert, select, update

from tradectl.exchange.charges import day_charges
from tradectl.exchange.rates import ZERODHA, Tariff
from tradectl.ledger.rows import BY_HAND, NewTrade, Order
from tradectl.ledger.statements import (
    ADJUSTMENTS_OF_POSITION,
    FILLS,
    FILLS_OF_DAY,
    FILLS_OF_POSITION,
    ORDERS,
    POSITIONS,
)
from tradectl.model.market import ActionKind
from tradectl.model.order import Fill, Purpose, Side, TradeReport
from tradectl.model.position import Adjustment, Folded, fold


class Positions:
    """The fills and positions of one user."""

    def __init__(self, user: str, tariff: Callable[[], Tariff] = lambda: ZERODHA) -> None:
        """Store the user; `tariff` returns the user's charge rates."""
        self._user, self._tariff = user, tariff

    def add_fill(self, connection: Connection, item: NewTrade) -> int | None:
        """Insert a fill and recompute its position; return the position's id, or None if the fill changes no position."""
        report, order = item.report, item.order
        position_id = connection.scalar(
            select(POSITIONS.c.id).where(
                POSITIONS.c.user == self._user, POSITIONS.c.instrument_id == item.instrument_id, POSITIONS.c.status == "open"
            )
        )
        booked, explained = report.quantity, order is not None and order.purpose is not Purpose.UNIDENTIFIED
        if report.side is Side.BUY:
            if order is None or not explained:
                position_id, booked = None, 0
            elif position_id is None:
                position_id = self._open_position(connection, item, order)
        elif position_id is None:
            booked = 0
        else:
            held = connection.scalar(select(POSITIONS.c.quantity).where(POSITIONS.c.id == position_id)) or 0
            outside = 0 if explained else self._outside(connection, item.instrument_id)
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
            self.recompute(connection, position_id)
        return position_id

    def _outside(self, connection: Connection, instrument_id: str) -> int:
        """Return the unsold shares that the user bought outside tradectl. A sale outside tradectl takes these before ours."""
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
                strategy=order.strategy,
                strategy_hash=order.strategy_hash,
                realised=0,
                charges=0,
                opened_session=item.session,
                opened_at=item.report.at,
            )
        ).inserted_primary_key
        assert created is not None
        return int(created[0])

    def recompute_charges(self, connection: Connection, instrument_id: str, session: date) -> list[int]:
        """Compute the charges of one instrument and session from all of its fills, and divide them among the fills.

        Returns:
            The ids of the positions that these fills belong to.
        """
        key = {"of_user": self._user, "of_instrument": instrument_id, "of_session": session}
        rows = FILLS_OF_DAY.all(connection, key)
        shares = day_charges(session, [whole_fill(row) for row in rows], self._tariff()).by_fill
        for row in rows:
            if shares[str(row.id)] != row.charges:
                connection.execute(update(FILLS).where(FILLS.c.id == row.id).values(charges=shares[str(row.id)]))
        return sorted({row.position_id for row in rows if row.position_id is not None})

    def compute(self, connection: Connection, position_id: int) -> Folded:
        """Return the state of a position, computed from its fills and its corporate actions."""
        fills = FILLS_OF_POSITION.all(connection, {"of_position": position_id})
        adjustments = ADJUSTMENTS_OF_POSITION.all(connection, {"of_position": position_id})
        return folded(fills, adjustments)

    def recompute(self, connection: Connection, position_id: int) -> None:
        """Compute a position from its fills and corporate actions, and update its row."""
        state = self.compute(connection, position_id)
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

    def booked(self, connection: Connection, trades: Sequence[NewTrade]) -> set[str]:
        """Return the ids of these trades that are in the book. Trades of our orders that were booked as external are removed."""
        if not trades:
            return set()
        mine = and_(FILLS.c.user == self._user, FILLS.c.trade_id.in_([item.report.trade_id for item in trades]))
        found = {row.trade_id: row.order_id for row in connection.execute(select(FILLS.c.trade_id, FILLS.c.order_id).where(mine))}
        ours = {item.report.trade_id for item in trades if item.order is not None}
        mistaken = {trade_id for trade_id, order_id in found.items() if order_id is None and trade_id in ours}
        self.remove_external(connection, mistaken)
        return found.keys() - mistaken

    def manual_fills(self, connection: Connection, trades: Sequence[NewTrade]) -> list[Row[Any]]:
        """Return the fills of the trades' sessions that a person entered."""
        named = FILLS.c.trade_id.startswith(BY_HAND)
        if connection.dialect.name == "sqlite":  # SQLite compares bytes, so this is a range of the unique key and not a scan
            named = and_(FILLS.c.trade_id >= BY_HAND, FILLS.c.trade_id < BY_HAND[:-1] + chr(ord(BY_HAND[-1]) + 1))
        of_day = FILLS.c.session_date.in_({item.session for item in trades})
        return list(connection.execute(select(FILLS).where(FILLS.c.user == self._user, named, of_day)))

    def book_again(self, connection: Connection, order: Order, owner: Order | None) -> None:
        """Remove the fills of an order, and book them for its `owner`; as external trades if that is None."""
        rows = connection.execute(select(FILLS).where(FILLS.c.order_id == order.id).order_by(FILLS.c.at, FILLS.c.id)).all()
        connection.execute(delete(FILLS).where(FILLS.c.order_id == order.id))
        touched = {row.position_id for row in rows if row.position_id is not None}
        for row in rows:
            trade = TradeReport(
                row.trade_id, order.broker_order_id or "", row.symbol, Side(row.side), row.quantity, row.price, row.at
            )
            item = NewTrade(trade, row.instrument_id, row.session_date, owner)
            touched |= {self.add_fill(connection, item)} - {None}
        for instrument_id, session in sorted({(row.instrument_id, row.session_date) for row in rows}):
            touched |= set(self.recompute_charges(connection, instrument_id, session))
        for position_id in sorted(touched):
            self.recompute(connection, position_id)
        self.count_filled(connection, {order.id})

    def remove_external(self, connection: Connection, trade_ids: Collection[str]) -> None:
        """Remove external trades from the book."""
        fills = connection.execute(select(FILLS).where(self._external(trade_ids))).all() if trade_ids else []
        if not fills:
            return
        connection.execute(delete(FILLS).where(self._external(trade_ids)))
        touched = {row.position_id for row in fills if row.position_id is not None}
        for instrument_id, session in sorted({(row.instrument_id, row.session_date) for row in fills}):
            touched |= set(self.recompute_charges(connection, instrument_id, session))
        for position_id in sorted(touched):
            self.recompute(connection, position_id)

    def count_filled(self, connection: Connection, order_ids: Iterable[int]) -> None:
        """Write the filled quantity of orders as the sum of their fills."""
        for order_id in sorted(order_ids):
            filled = connection.scalar(select(func.sum(FILLS.c.quantity)).where(FILLS.c.order_id == order_id)) or 0
            most = case((ORDERS.c.quantity < filled, filled), else_=ORDERS.c.quantity)
            statement = update(ORDERS).where(ORDERS.c.id == order_id, ORDERS.c.filled_quantity != filled)
            connection.execute(statement.values(filled_quantity=filled, quantity=most))

    def _external(self, trade_ids: Collection[str]) -> ColumnElement[bool]:
        """Return the condition for fills of these trades that belong to no order of ours."""
        return and_(FILLS.c.user == self._user, FILLS.c.trade_id.in_(list(trade_ids)), FILLS.c.order_id.is_(None))


def folded(fills: Sequence[Row[Any]], adjustments: Iterable[Row[Any]]) -> Folded:
    """Return the state of a position from its rows of `fills`, by time, and of `adjustments`."""
    return fold(
        [_fill(row, row.booked) for row in fills],
        [
            Adjustment(ActionKind(row.kind), row.ex_date, row.at, Fraction(row.ratio), Fraction(row.cost_kept), row.cash)
            for row in sorted(adjustments, key=lambda row: (row.at, row.id))
        ],
        {str(row.id): booked_charges(row) for row in fills},
    )


def is_same_trade(manual: Row[Any], item: NewTrade) -> bool:
    """Return whether a person has already entered this trade. The trade's order may be None, if it was found without our tag."""
    same = (manual.instrument_id, manual.side, manual.session_date) == (item.instrument_id, item.report.side, item.session)
    return same and (item.order is None or item.order.id == manual.order_id)


def booked_charges(row: Row[Any]) -> int:
    """Return the charges (paise) of the shares of a fill that change our position."""
    return int(row.charges * row.booked // row.quantity)


def whole_fill(row: Row[Any]) -> Fill:
    """Return a row of `fills` with all of its shares, also those that are not ours."""
    return _fill(row, row.quantity)


def _fill(row: Row[Any], quantity: int) -> Fill:
    return Fill(str(row.id), row.symbol, Side(row.side), quantity, row.price, row.session_date, row.at, row.order_id or -row.id)
