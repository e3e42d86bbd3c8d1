"""Derive the instrument ids of a user's rows again after the list of renames has changed.

Each row has the symbol of its day. That is the fact; the id follows from it and from the list of renames (`model.renames`). Rows
of a position have the id of the position, which follows from its first fill. All rows change in one transaction, so an order, its
fills and its position always name the same instrument. A second call changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from sqlalchemy import (
    Column,
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    Table,
    and_,
    delete,
    func,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.exc import IntegrityError

from tradectl.ledger import schema
from tradectl.ledger.statements import OPEN_ORDERS
from tradectl.ledger.upserts import upsert_rows
from tradectl.model.renames import Renames

if TYPE_CHECKING:
    from tradectl.ledger.store import Ledger

_POSITIONS, _ORDERS, _FILLS, _INFO = schema.positions, schema.orders, schema.fills, schema.database_info


class ChangedId(Struct, frozen=True):
    """An id that changed: the id before, the present one, and how many open positions have it."""

    before: str
    now: str
    open_positions: int

    @property
    def text(self) -> str:
        """Return one line for the log."""
        held = "; an open position goes on under it" if self.open_positions else ""
        return f"the records of {self.before} belong to {self.now} by the list of renames{held}"


def follow_renames(ledger: Ledger, renames: Renames, now: datetime) -> list[ChangedId]:
    """Give the rows of the ledger's user the ids of a list of renames, in one transaction; return the ids that changed.

    Each is logged. If `are_followed`, nothing is written. Raises DatabaseError.
    """
    if are_followed(ledger, renames):
        return []
    with ledger.database.write() as connection:
        changed = _Derivation(connection, ledger.user, renames).run()
        upsert_rows(connection, _INFO, ("key",), [{"key": _key(ledger.user), "value": _digest(renames)}])
        for item in changed:
            ledger.logs.append(now, "info", "renamed", item.text, symbol=item.now)
    return changed


def are_followed(ledger: Ledger, renames: Renames) -> bool:
    """Return whether the rows of the ledger's user follow a list of renames.

    Open rows are checked too: a process that read the market data before a rename may write one under the former id after it."""
    with ledger.database.read() as connection:
        if connection.scalar(select(_INFO.c.value).where(_INFO.c.key == _key(ledger.user))) != _digest(renames):
            return False
        rows = connection.execute(_open_rows(ledger.user)).all()
        apart = connection.scalars(_apart_from_position(ledger.user)).all()
    stale = any(renames.owner_of(row.instrument_id, row.symbol, row.day) != row.instrument_id for row in rows)
    return not stale and not any(map(renames.may_be_former, apart))


def _unfinished(user: str) -> ColumnElement[bool]:
    return and_(_ORDERS.c.user == user, or_(*(_ORDERS.c.status == status for status in sorted(OPEN_ORDERS))))


def _apart_from_position(user: str) -> Select[Any]:
    """Return the query for the ids of unfinished orders that differ from those of their positions."""
    query = select(_ORDERS.c.instrument_id).join(_POSITIONS, _POSITIONS.c.id == _ORDERS.c.position_id)
    return query.where(_unfinished(user), _ORDERS.c.instrument_id != _POSITIONS.c.instrument_id)


def _open_rows(user: str) -> CompoundSelect[Any]:
    """Return the query for id, symbol and day of unfinished orders without a position, and of the first fills of positions."""
    unfinished = select(_ORDERS.c.instrument_id, _ORDERS.c.symbol, _ORDERS.c.decided.label("day")).where(
        _unfinished(user), _ORDERS.c.position_id.is_(None)
    )
    held = (
        select(_POSITIONS.c.instrument_id, _FILLS.c.symbol, _FILLS.c.session_date.label("day"))
        .join(_FILLS, _FILLS.c.position_id == _POSITIONS.c.id)
        .where(_POSITIONS.c.user == user, _POSITIONS.c.status == "open", _FILLS.c.id == _first_fill().scalar_subquery())
    )
    return union_all(unfinished, held)


def _first_fill() -> Select[Any]:
    """Return the query for the first fill of a position of an outer query."""
    fills = _FILLS.alias()
    return select(func.min(fills.c.id)).where(fills.c.position_id == _POSITIONS.c.id).correlate(_POSITIONS)


def _key(user: str) -> str:
    return f"renames:{user}"[:64]


def _digest(renames: Renames) -> str:
    """Return a text that changes with the list."""
    lines = sorted(f"{item.old} {item.new} {item.dated}" for item in renames)
    return sha256("\n".join(lines).encode()).hexdigest()


class _Derivation:
    """One pass over the rows of a user, inside a write."""

    def __init__(self, connection: Connection, user: str, renames: Renames) -> None:
        self.connection, self.user, self.renames = connection, user, renames
        self.changed: dict[tuple[str, str], int] = {}

    def run(self) -> list[ChangedId]:
        """Change the rows of all tables; return the ids that changed."""
        self._positions()
        for table in (_ORDERS, _FILLS):
            self._follow_positions(table)
        for table, day in (
            (_ORDERS, _ORDERS.c.decided),
            (_FILLS, _FILLS.c.session_date),
            (schema.signals, schema.signals.c.analysed),
            (schema.decisions, schema.decisions.c.session_date),
            (schema.instruments, schema.instruments.c.as_of),
        ):
            self._follow_symbols(table, day)
        self._approvals()
        return [ChangedId(before, now, held) for (before, now), held in self.changed.items()]

    def _note(self, before: str, now: str, held: int = 0) -> None:
        self.changed[before, now] = self.changed.get((before, now), 0) + held

    def _positions(self) -> None:
        query = (
            select(_POSITIONS.c.id, _POSITIONS.c.status, _POSITIONS.c.instrument_id, _FILLS.c.symbol, _FILLS.c.session_date)
            .join(_FILLS, _FILLS.c.position_id == _POSITIONS.c.id)
            .where(_POSITIONS.c.user == self.user, _FILLS.c.id == _first_fill().scalar_subquery())
            .order_by(_POSITIONS.c.id)
        )
        for row in self.connection.execute(query).all():
            now = self.renames.owner_of(row.instrument_id, row.symbol, row.session_date)
            if now == row.instrument_id:
                continue
            is_open = row.status == "open"
            other = self._open_position(now) if is_open else None
            if other is not None:
                self._merge(other, into=row.id)
            self.connection.execute(update(_POSITIONS).where(_POSITIONS.c.id == row.id).values(instrument_id=now))
            if other is not None:
                from tradectl.ledger.positions import Positions

                Positions(self.user).recompute(self.connection, row.id)
            self._note(row.instrument_id, now, is_open)

    def _open_position(self, instrument_id: str) -> int | None:
        mine = (_POSITIONS.c.user == self.user, _POSITIONS.c.instrument_id == instrument_id, _POSITIONS.c.status == "open")
        found: int | None = self.connection.scalar(select(_POSITIONS.c.id).where(*mine))
        return found

    def _merge(self, position_id: int, *, into: int) -> None:
        """Move the orders, fills and corporate actions of a position to an older one of the same company, and remove its row."""
        for table in (_ORDERS, _FILLS):
            self.connection.execute(update(table).where(table.c.position_id == position_id).values(position_id=into))
        rows = schema.adjustments
        for row in self.connection.execute(select(rows).where(rows.c.position_id == position_id)).all():
            same = and_(rows.c.position_id == into, rows.c.kind == row.kind, rows.c.ex_date == row.ex_date)
            known = self.connection.scalar(select(rows.c.id).where(same))
            if known is None:
                self.connection.execute(update(rows).where(rows.c.id == row.id).values(position_id=into))
                continue
            self.connection.execute(delete(rows).where(rows.c.id == row.id))
            self.connection.execute(
                update(rows)
                .where(rows.c.id == known)
                .values(
                    cash=rows.c.cash + row.cash,
                    quantity_before=rows.c.quantity_before + row.quantity_before,
                    quantity_after=rows.c.quantity_after + row.quantity_after,
                )
            )
        self.connection.execute(delete(_POSITIONS).where(_POSITIONS.c.id == position_id))

    def _follow_positions(self, table: Table) -> None:
        """Give the rows of positions the ids of their positions."""
        query = (
            select(table.c.instrument_id.label("before"), _POSITIONS.c.instrument_id.label("now"), _POSITIONS.c.id)
            .join(_POSITIONS, _POSITIONS.c.id == table.c.position_id)
            .where(table.c.user == self.user, table.c.instrument_id != _POSITIONS.c.instrument_id)
            .distinct()
        )
        for row in self.connection.execute(query).all():
            if self.renames.may_be_former(row.before):
                self._change(table, and_(table.c.position_id == row.id, table.c.instrument_id == row.before), row.now)

    def _follow_symbols(self, table: Table, day: Column[date]) -> None:
        """Give the rows that belong to no position the ids that their symbols had on their days."""
        mine = [table.c.user == self.user]
        if "position_id" in table.c:
            mine.append(table.c.position_id.is_(None))
        for before in self._former_ids(table):
            of_id = and_(*mine, table.c.instrument_id == before)
            for row in self.connection.execute(select(table.c.symbol, day.label("day")).where(of_id).distinct()).all():
                now = self.renames.owner_of(before, row.symbol, row.day)
                of_day = and_(of_id, table.c.symbol == row.symbol, day == row.day)
                if now != before and self._change(table, of_day, now):
                    self._note(before, now)

    def _former_ids(self, table: Table) -> Iterator[str]:
        ids = self.connection.scalars(select(table.c.instrument_id).where(table.c.user == self.user).distinct()).all()
        return filter(self.renames.may_be_former, ids)

    def _change(self, table: Table, rows: ColumnElement[bool], now: str) -> bool:
        """Give rows an id; return False if a row with this id and the same key exists, for example of a late list.

        They stay as they are then: a conflict of history must not stop the commands."""
        try:
            with self.connection.begin_nested():
                self.connection.execute(update(table).where(rows).values(instrument_id=now))
        except IntegrityError:
            return False
        return True

    def _approvals(self) -> None:
        """Change the ids in the lists of buys. The hash stays: it names the list as a phone showed it."""
        rows = schema.buy_approvals
        mine = rows.c.user == self.user
        for row in self.connection.execute(select(rows.c.session_date, rows.c.lines).where(mine)).all():
            lines = [
                line | {"instrument_id": self.renames.owner_of(line["instrument_id"], line["symbol"], row.session_date)}
                for line in row.lines
            ]
            if lines != row.lines:
                one = and_(mine, rows.c.session_date == row.session_date)
                self.connection.execute(update(rows).where(one).values(lines=lines))
