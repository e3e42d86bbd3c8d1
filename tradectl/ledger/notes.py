"""Store what a person wrote about orders and trades. A note is never changed."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from sqlalchemy import insert, select

from tradectl.ledger.engine import Database
from tradectl.ledger.schema import notes as rows


class Note(Struct, frozen=True):
    """A note on an order, or on a trade.

    Attributes:
        order_id: None for a note on a trade.
        trade: The broker's trade ids of the fills that bought and sold it (the second is empty if no fill sold it); None for a
            note on an order. They stay the same when a fill is booked again.
    """

    symbol: str
    text: str
    tags: tuple[str, ...]
    at: datetime
    order_id: int | None = None
    trade: tuple[str, str] | None = None
    id: int = 0


class Notes:
    """The notes of one user."""

    def __init__(self, database: Database, user: str) -> None:
        self._database = database
        self._user = user

    def add(self, note: Note) -> None:
        """Store a note. Raises DatabaseError."""
        entry, leave = note.trade or (None, None)
        with self._database.write() as connection:
            connection.execute(
                insert(rows).values(
                    user=self._user,
                    at=note.at,
                    symbol=note.symbol,
                    order_id=note.order_id,
                    entry_trade_id=entry,
                    exit_trade_id=leave,
                    text=note.text,
                    tags=list(note.tags),
                )
            )

    def all(self) -> list[Note]:
        """Return all notes, the oldest first."""
        with self._database.read() as connection:
            found = connection.execute(select(rows).where(rows.c.user == self._user).order_by(rows.c.id)).all()
        return [
            Note(
                row.symbol, row.text, tuple(row.tags), row.at, row.order_id,
                None if row.order_id is not None else (row.entry_trade_id, row.exit_trade_id), row.id,
            )
            for row in found
        ]  # fmt: skip
