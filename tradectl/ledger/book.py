"""The book: the orders, fills and positions of one user.

Positions are computed from fills and corporate actions, in the transaction that writes the fill, so that order, fill and position
cannot disagree. Reads share one snapshot that is cached until the database changes, because a monitor reads it every minute.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from msgspec.structs import asdict, replace
from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, or_, select, update

from tradectl.exchange.rates import ZERODHA, Tariff
from tradectl.ledger import schema
from tradectl.ledger.engine import Database
from tradectl.ledger.intents import Intents, Overtaken, change_order
from tradectl.ledger.positions import Positions, is_same_trade
from tradectl.ledger.records import Records
from tradectl.ledger.rows import NewTrade, Order, OrderChange, OrderOrigin, Position
from tradectl.ledger.snapshot import Snapshot
from tradectl.ledger.statements import (
    ADJUSTMENTS,
    FILLS,
    FILLS_OF_ORDER,
    ONE_ORDER,
    OPEN_POSITIONS,
    ORDERS,
    POSITIONS,
    STATE,
    UNFINISHED,
    order_of,
    position_of,
)
from tradectl.model.broker_view import BrokerView
from tradectl.model.order import TERMINAL, OrderStatus, Purpose, ReasonCode, Side
from tradectl.model.position import Adjustment, Folded


class Book(Records):
    """The book of one user. Every write is one short transaction, never open across a call to the broker."""

    def __init__(self, database: Database, user: str, tariff: Callable[[], Tariff] = lambda: ZERODHA) -> None:
        """Create the book; `tariff` returns the user's charge rates."""
        super().__init__(database, user)
        self._positions = Positions(user, tariff)
        self.intents = Intents(database, user)
        self._snapshot: Snapshot | None = None
        self._token: object = None
        self._of_session: tuple[object, date | None, list[Order]] = (None, None, [])
        self._trades: set[str] | None = None
        self._applied: tuple[object, dict[int, frozenset[tuple[str, date]]]] = (None, {})
        self._closed: tuple[int, date | None, int] = (-1, None, 0)
        self.broker = BrokerView()
        """What the broker's lists showed when they were last read (`execution.reconcile`)."""

    # -- reading ---------------------------------------------------------------------------------------------------------

    @property
    def user(self) -> str:
        """Return the name of the user."""
        return self._user

    def last_position_id(self) -> int:
        """Return the highest position id of this ledger; 0 without any."""
        with self._database.read() as connection:
            return int(connection.scalar(select(func.max(POSITIONS.c.id))) or 0)

    def ever_held(self, instrument_id: str) -> bool:
        """Return whether the user has or had a position in an instrument."""
        mine = and_(POSITIONS.c.user == self._user, POSITIONS.c.instrument_id == instrument_id)
        with self._database.read() as connection:
            return connection.scalar(select(POSITIONS.c.id).where(mine).limit(1)) is not None

    def snapshot(self) -> Snapshot:
        """Return the current open positions and unfinished orders. Without a write since, this is the last snapshot again."""
        token = self._database.version_token()
        if self._snapshot is None or (token is not self._token and token != self._token):
            self._snapshot = self._read_snapshot(self._snapshot)
            self._token = token
        return self._snapshot

    def _read_snapshot(self, before: Snapshot | None) -> Snapshot:
        mine = {"of_user": self._user}
        with self._database.read() as connection:
            positions = OPEN_POSITIONS.all(connection, mine)
            orders = UNFINISHED.all(connection, mine)
            state = STATE.one(connection, mine)
        revision, positions_revision = (before.revision, before.positions_revision) if before is not None else (0, 0)
        return Snapshot(
            tuple(map(position_of, positions)),
            tuple(map(order_of, orders)),
            state.trading_state,
            state.state_reason,
            state.state_until,
            revision + 1,
            positions_revision + 1,
        )

    def orders(
        self, *, session: date | None = None, execution_id: int | None = None, ids: Iterable[int] | None = None
    ) -> list[Order]:
        """Return orders of any status, oldest first.

        The orders of one session are cached until the database changes, because the check for unprotected positions reads them
        several times for each position.
        """
        if session is None or execution_id is not None or ids is not None:
            return super().orders(session=session, execution_id=execution_id, ids=ids)
        token = self._database.version_token()
        if self._of_session[:2] != (token, session):
            self._of_session = (token, session, super().orders(session=session))
        return list(self._of_session[2])

    def note_modified(
        self, order: Order, quantity: int, price: int, now: datetime, also: Callable[[], None] = lambda: None
    ) -> Order:
        """Write an order change that the broker accepted; return the changed order. Raises Overtaken.

        If no other connection has written, the caches are updated. Otherwise a monitor that follows a falling price would read
        all rows again each minute.

        Args:
            price: The new limit in paise.
            also: Called in the same transaction.
        """
        changes: dict[str, Any] = {
            "quantity": quantity,
            "price": price,
            "modifications": order.modifications + 1,
            "updated_at": now,
        }
        with self._database.write() as connection:
            before, after = self._database.write_versions()
            change_order(connection, order, order.status, changes)
            also()
        cached = self._snapshot
        if cached is not None and before == self._token:
            orders = tuple(replace(item, **changes) if item.id == order.id else item for item in cached.orders)
            self._snapshot = Snapshot(
                cached.positions, orders, cached.trading_state, cached.state_reason, cached.state_until, cached.revision + 1,
                cached.positions_revision,
            )  # fmt: skip
            self._token = after
        token, session, of_session = self._of_session
        if before == token:
            kept = [replace(item, **changes) if item.id == order.id else item for item in of_session]
            self._of_session = (after, session, kept)
        return replace(order, **changes)

    def sell_totals(self, session: date, snapshot: Snapshot) -> dict[str, int]:
        """Return counts of the session's sell orders and of the positions, by outcome. `snapshot` must be the newest."""
        sells = [order for order in self.orders(session=session) if order.side is Side.SELL]
        by_status = Counter(order.status for order in sells)
        closed = self._closed_in(session, snapshot.positions_revision)
        return {
            "placed": sum(order.sent_at is not None for order in sells),
            "updated": sum(order.modifications for order in sells),
            "executed": by_status[OrderStatus.EXECUTED],
            "rejected": by_status[OrderStatus.REJECTED],
            "cancelled": by_status[OrderStatus.CANCELLED],
            "unknown": by_status[OrderStatus.UNKNOWN],
            "checked": len(snapshot.positions) + closed,
            "closed": closed,
        }

    def _closed_in(self, session: date, revision: int) -> int:
        """Return how many positions were closed in a session. The count is read again when the open positions have changed."""
        if self._closed[:2] != (revision, session):
            self._closed = (revision, session, len(self.positions(closed_in=session)))
        return self._closed[2]

    def folded(self, position_id: int) -> Folded:
        """Return the state of a position, computed from its fills."""
        with self._database.read() as connection:
            return self._positions.compute(connection, position_id)

    def order_fills(self, order_id: int) -> list[Row[Any]]:
        """Return the rows of `fills` of one order, oldest first."""
        with self._database.read() as connection:
            return FILLS_OF_ORDER.all(connection, {"of_user": self._user, "of_order": order_id})

    # -- following the broker --------------------------------------------------------------------------------------------

    def known_trades(self) -> set[str]:
        """Return the ids of all trades that are in the book."""
        if self._trades is None:
            with self._database.read() as connection:
                self._trades = set(connection.scalars(select(FILLS.c.trade_id).where(FILLS.c.user == self._user)))
        return self._trades

    def follow(
        self, changes: Sequence[OrderChange], trades: Sequence[NewTrade], now: datetime, also: Callable[[], None] = lambda: None
    ) -> bool:
        """Write what the broker reported, in one transaction: fills, then positions, then the orders' rows.

        If a person has already entered a fill, the broker's report of the same trade is not booked again. A trade that was
        booked as external, but belongs to one of our orders, becomes a fill of that order. `also` is called at the end of the
        same transaction.

        Returns:
            False if another process has changed an order since it was compared. The caller then compares again.
        """
        with self._database.write() as connection:
            known = self._positions.booked(connection, trades)
            manual = self._positions.manual_fills(connection, trades) if trades else []
            touched: dict[int, date] = {}
            days: set[tuple[str, date]] = set()
            for item in trades:
                if item.report.trade_id not in known and not any(is_same_trade(row, item) for row in manual):
                    position_id = self._positions.add_fill(connection, item)
                    days.add((item.instrument_id, item.session))
                    if position_id is not None:
                        touched[position_id] = item.session
            for instrument_id, session in sorted(days):
                touched |= dict.fromkeys(self._positions.recompute_charges(connection, instrument_id, session), session)
            for position_id in sorted(touched):
                self._positions.recompute(connection, position_id)
            self._positions.count_filled(connection, {item.order.id for item in trades if item.order is not None})
            written = [self._follow_order(connection, change, now) for change in changes]
            also()
        self.known_trades().update(item.report.trade_id for item in trades)
        return all(written)

    def _follow_order(self, connection: Connection, change: OrderChange, now: datetime) -> bool:
        """Write what the broker reports of one order.

        Returns:
            False if its row or its fills have changed since they were compared.
        """
        order = change.order
        row = ONE_ORDER.one(connection, {"of_user": self._user, "of_id": order.id})
        compared = (order.status, change.filled_quantity, order.sending_at, order.broker_order_id)
        if (row.status, row.filled_quantity, row.sending_at, row.broker_order_id) != compared:
            return False
        values: dict[str, Any] = {"quantity": change.quantity, "price": change.price}
        if (row.quantity, row.price) != (change.quantity, change.price):
            values["modifications"] = row.modifications + 1  # a process changed the order and died before it wrote the change
        sent = {"broker_order_id": change.broker_order_id, "sent_at": order.sent_at or now, "sender": None, "absent_since": None}
        sent |= {"sending_at": order.sending_at or now}  # recorded as never sent, but the broker has it
        why = {"reason": change.reason, "reason_code": change.reason_code}
        change_order(connection, order, change.status, {**values, **sent, **why, "updated_at": now})
        return True

    # -- corporate actions and names -------------------------------------------------------------------------------------

    def adjust(self, position: Position, adjustment: Adjustment, before: int, after: int) -> bool:
        """Apply a corporate action to a position; return False if it was applied before. `before` and `after`: shares."""
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
            self._positions.recompute(connection, position.id)
        return True

    def applied(self, position_id: int) -> frozenset[tuple[str, date]]:
        """Return kind and ex-date of the corporate actions applied to a position; cached until the database changes."""
        token = self._database.version_token()
        if self._applied[0] != token:
            self._applied = (token, {})
        known = self._applied[1]
        if position_id not in known:
            query = select(ADJUSTMENTS.c.kind, ADJUSTMENTS.c.ex_date).where(ADJUSTMENTS.c.position_id == position_id)
            with self._database.read() as connection:
                known[position_id] = frozenset((row.kind, row.ex_date) for row in connection.execute(query))
        return known[position_id]

    # -- the trading state -----------------------------------------------------------------------------------------------

    def set_reducing(self, reason: str, until: date) -> bool:
        """Allow only sells and cancels until the end of a day, because a daily limit was reached.

        Returns:
            False if the account is not ACTIVE. A state that a person set is neither weakened nor limited in time.
        """
        values = {"trading_state": "REDUCING", "state_reason": reason, "state_until": until}
        return self._change_state(schema.users.c.trading_state == "ACTIVE", values)

    def end_reducing(self, today: date) -> bool:
        """End a REDUCING state that a daily limit set for an earlier day; return whether there was one."""
        values = {"trading_state": "ACTIVE", "state_reason": "", "state_until": None}
        return self._change_state(schema.users.c.state_until < today, values)

    def _change_state(self, condition: ColumnElement[bool], values: Mapping[str, Any]) -> bool:
        with self._database.write() as connection:
            changed = connection.execute(
                update(schema.users).where(schema.users.c.user == self._user, condition).values(**values)
            )
        return changed.rowcount == 1

    # -- manual resolution -----------------------------------------------------------------------------------------------

    def claim_order(self, order: Order, purpose: Purpose, origin: OrderOrigin, decision: str, now: datetime) -> Order:
        """Make an UNIDENTIFIED order one of ours, with its fills and their position; return the new row. Raises Overtaken."""
        values = {"purpose": purpose, **asdict(origin), **_decided(decision), "updated_at": now}
        return self._set_ownership(order, OrderStatus.UNKNOWN, values, ours=True)

    def disclaim_order(self, order: Order, decision: str, now: datetime) -> Order:
        """End an UNIDENTIFIED order that is not ours; its fills become external trades. Raises Overtaken."""
        return self._set_ownership(order, OrderStatus.CANCELLED, {**_decided(decision), "updated_at": now}, ours=False)

    def _set_ownership(self, order: Order, status: OrderStatus, values: Mapping[str, Any], *, ours: bool) -> Order:
        with self._database.write() as connection:
            change_order(connection, order, status, values)
            owner = order_of(ONE_ORDER.one(connection, {"of_user": self._user, "of_id": order.id}))
            self._positions.book_again(connection, order, owner if ours else None)
        self._trades, self.broker = None, self.broker.to_apply()
        return self.order(order.id)

    def link_to_broker_order(
        self, order: Order, broker_order_id: str, trade_ids: Collection[str], decision: str, now: datetime
    ) -> Order:
        """Give an UNKNOWN order the id of an order at the broker; return the new row. Raises Overtaken.

        External fills of its trades (`trade_ids`) are removed from the book. The next `follow` books them as fills of the order.
        """
        values = {"broker_order_id": broker_order_id, "sent_at": order.sent_at or now, "sender": None, "absent_since": None}
        with self._database.write() as connection:
            change_order(connection, order, OrderStatus.UNKNOWN, {**values, **_decided(decision), "updated_at": now})
            self._positions.remove_external(connection, trade_ids)
        self._trades, self.broker = None, self.broker.to_apply()
        return self.order(order.id)

    def record_manual_fill(self, change: OrderChange, trades: Sequence[NewTrade], now: datetime) -> Order:
        """Write the fill of an order that a person entered, in one transaction; return the new row. Raises Overtaken."""
        with self._database.write():
            if not self.follow([change], trades, now):
                raise Overtaken(f"another process changed order {change.order.id}: nothing was written, try again")
        return self.order(change.order.id)

    # -- names -----------------------------------------------------------------------------------------------------------

    def rename(self, instrument_id: str, symbol: str) -> None:
        """Write an instrument's new symbol into its open positions, and into orders that were not sent or are in flight."""
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


def _decided(decision: str) -> dict[str, Any]:
    """Return the values of the columns that record a person's decision about an order."""
    return {"reason": ReasonCode.DECIDED.text(decision), "reason_code": ReasonCode.DECIDED}
