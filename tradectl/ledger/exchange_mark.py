"""The ledger's mark of its paper exchange: the identity of the exchange's file, and a count of the changes of the account.

The exchange commits first and counts each change. The ledger stores the newest count that this process has seen in its next
write, so the mark costs no commit of its own. The count of the exchange is therefore never behind that of the ledger, wherever
a process dies. A ledger behind its exchange is an ordinary crash, or a restored ledger. An exchange behind the ledger was
replaced.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select

from tradectl.ledger.compiled import CompiledStatement
from tradectl.ledger.schema import database_info, orders
from tradectl.ledger.upserts import insert_into
from tradectl.model.order import TERMINAL

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection

    from tradectl.ledger.engine import Database


class Mark(NamedTuple):
    """The identity of an exchange's file, and how many changes of the account it holds."""

    identity: str
    changes: int

    def text(self) -> str:
        """Return the mark as it is stored: of two marks of one file, the later one is the greater text."""
        return f"{self.identity} {self.changes:012d}"

    @classmethod
    def of(cls, text: str) -> Mark:
        """Read what `text` returned."""
        identity, _, changes = text.rpartition(" ")
        return cls(identity, int(changes))


class ExchangeMark:
    """The mark of one user's account in a ledger. `record` writes nothing; the next write of the ledger stores the mark."""

    def __init__(self, database: Database, user: str) -> None:
        self._database = database
        self._user = user
        self._key = f"exchange:{user}"[:64]
        self._stored: Mark | None = None
        self._newest: Mark | None = None
        database.commit_hooks[self._key] = self._store_at_commit

    def last(self) -> Mark | None:
        """Return the newest mark that any process has stored; None where this ledger has no exchange yet."""
        with self._database.read() as connection:
            text = connection.scalar(select(database_info.c.value).where(database_info.c.key == self._key))
        self._stored = Mark.of(text) if text else None
        return self._stored

    def orders_placed(self) -> int:
        """Return how many orders of this ledger have an id of the exchange."""
        at_exchange = (orders.c.user == self._user, orders.c.broker_order_id.is_not(None))
        with self._database.read() as connection:
            return int(connection.scalar(select(func.count()).select_from(orders).where(*at_exchange)) or 0)

    def unfinished(self) -> frozenset[str]:
        """Return the tags of the orders that have not ended in the ledger."""
        open_orders = (orders.c.user == self._user, orders.c.status.not_in(sorted(TERMINAL)))
        with self._database.read() as connection:
            return frozenset(connection.scalars(select(orders.c.tag).where(*open_orders)))

    def record(self, mark: Mark) -> None:
        """Remember the newest mark of the exchange."""
        self._newest = mark

    def store(self) -> None:
        """Store a mark that no write has stored yet. Call it at the end of a process."""
        if self._newest is not None and self._newest != self._stored and not self._database.read_only:
            with self._database.note():
                pass

    def accept(self, mark: Mark) -> None:
        """Replace the stored mark by this one, even by a smaller one."""
        with self._database.note() as connection:
            _put(connection, self._key, mark.text(), only_later=False)
        self._stored = self._newest = mark

    def _store_at_commit(self, connection: Connection) -> Callable[[], None] | None:
        """Store the newest mark in a transaction that is about to commit; return what to call after the commit."""
        newest = self._newest
        if newest is None or newest == self._stored:
            return None
        _put(connection, self._key, newest.text(), only_later=True)

        def committed() -> None:
            self._stored = newest

        return committed


def _put(connection: Connection, key: str, text: str, *, only_later: bool) -> None:
    """Insert or replace a fact; with `only_later` never by a smaller text: another process may have stored a newer mark."""
    _statement(connection.dialect.name, only_later).execute(connection, {"key": key, "value": text})


@cache
def _statement(dialect: str, only_later: bool) -> CompiledStatement:
    row = insert_into(database_info, dialect)
    where = database_info.c.value < row.excluded.value if only_later else None
    return CompiledStatement(
        row.on_conflict_do_update(index_elements=["key"], set_={"value": row.excluded.value}, where=where).inline()
    )
