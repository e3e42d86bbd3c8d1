"""Store in the ledger which paper exchange it uses: the identity of the exchange's file, and a count of the account's changes.

The exchange commits first and counts each change. The ledger stores the newest count of this process in its next write, so the
mark needs no commit of its own. The count of the exchange is therefore never behind the count of the ledger, wherever a process
dies. If the ledger is behind, a process crashed or the ledger was restored. If the exchange is behind, its file was replaced.
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
        """Return the mark as stored text. Of two marks of one file, the later mark is the greater text."""
        return f"{self.identity} {self.changes:012d}"

    @classmethod
    def of(cls, text: str) -> Mark:
        """Return the mark that `text` converted to text."""
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
        """Return the newest mark that any process has stored; None if this ledger has no exchange yet."""
        with self._database.read() as connection:
            text = connection.scalar(select(database_info.c.value).where(database_info.c.key == self._key))
        self._stored = Mark.of(text) if text else None
        return self._stored

    def orders_placed(self) -> int:
        """Return how many orders of this ledger have a broker order id."""
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
        """Store the newest mark if no write has stored it yet. Call this at the end of a process."""
        if self._newest is not None and self._newest != self._stored and not self._database.read_only:
            with self._database.note():
                pass

    def accept(self, mark: Mark) -> None:
        """Store this mark, even if it is smaller than the stored mark."""
        with self._database.note() as connection:
            _put(connection, self._key, mark.text(), only_later=False)
        self._stored = self._newest = mark

    def _store_at_commit(self, connection: Connection) -> Callable[[], None] | None:
        """Store the newest mark in a transaction before its commit; return the function to call after the commit, or None."""
        newest = self._newest
        if newest is None or newest == self._stored:
            return None
        _put(connection, self._key, newest.text(), only_later=True)

        def committed() -> None:
            self._stored = newest

        return committed


def _put(connection: Connection, key: str, text: str, *, only_later: bool) -> None:
    """Insert or replace a stored mark. With `only_later`, keep a greater text, which another process may have stored."""
    _statement(connection.dialect.name, only_later).execute(connection, {"key": key, "value": text})


@cache
def _statement(dialect: str, only_later: bool) -> CompiledStatement:
    row = insert_into(database_info, dialect)
    where = database_info.c.value < row.excluded.value if only_later else None
    return CompiledStatement(
        row.on_conflict_do_update(index_elements=["key"], set_={"value": row.excluded.value}, where=where).inline()
    )
