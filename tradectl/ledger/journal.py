"""Chain the changes of the ledger into the journal, in the transaction that makes them.

The triggers of `journal_triggers.py` report each change to `journal_pending`. At the commit, these reports become entries of
`journal`: each with its number, the clock's moment, who changed it, and a SHA-256 over the hash before it and the entry's text.
Writers never overlap (`engine.py`), so the chain has no branch. A report that was there before a write began comes from another
program than tradectl, and its entry says so.

A database that a power cut may destroy (`durable=False`), as that of a simulation, has no journal.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, LargeBinary, bindparam, cast, delete, insert, literal, select, text, update

from tradectl.actor import actor
from tradectl.clock import SystemClock
from tradectl.ledger.compiled import CompiledStatement
from tradectl.ledger.schema import journal, journal_head, journal_pending

OUTSIDE = "outside tradectl"
"""The actor of a change that another program made, such as `sqlite3` or `psql`."""
FIRST_HASH = "0" * 64
"""The hash before the first entry."""
SHOWN = 32
"""How many hexadecimal digits of a hash a message shows: 128 bits."""

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


class Entry(Struct, frozen=True):
    """One entry of the journal.

    Attributes:
        seq: Its number, from 1 on without a gap.
        at: The clock's moment as ISO text, in UTC.
        actor: The operating system's user and the command; OUTSIDE for another program.
        user: The user of the row; empty for a fact of the whole database.
        record: The name of the table.
        row_key: What identifies the row in the table.
        change: insert, update, delete or found.
        content: The row's columns after the change (before a delete), as canonical JSON.
        hash: Hexadecimal SHA-256 of the hash before and this entry's text.
    """

    seq: int
    at: str
    actor: str
    user: str
    record: str
    row_key: str
    change: str
    content: str
    hash: str = ""

    def text(self) -> str:
        """Return the entry without its hash, as one line of canonical JSON. The content is last and is not parsed."""
        head = {"actor": self.actor, "at": self.at, "change": self.change, "key": self.row_key, "record": self.record}
        return f'{_encode({**head, "seq": self.seq, "user": self.user})[:-1]},"row":{self.content}}}'

    def line(self) -> str:
        """Return the entry with its hash, as one line of JSON."""
        return f'{self.text()[:-1]},"hash":"{self.hash}"}}'

    def hash_after(self, before: str) -> str:
        """Return the hash of this entry after the hash `before`."""
        from hashlib import sha256

        return sha256(f"{before}\n{self.text()}".encode("utf-8", "surrogateescape")).hexdigest()


class Head(Struct, frozen=True):
    """Number and hash of the last entry. A copy of them proves that no earlier entry was changed since."""

    seq: int
    hash: str

    def short(self) -> str:
        """Return the head as a message shows it, such as `1204:9f86d081884c7d659a2feaa0c55ad015`."""
        return f"{self.seq}:{self.hash[:SHOWN]}"


def canonical(content: str | Mapping[str, Any]) -> str:
    """Return JSON text with sorted keys and with rounded floats.

    Text that is not a JSON object comes from another program. It is kept under the key `unreadable`: an entry that no write can
    pass would stop every order."""
    try:
        values = dict(json.loads(content) if isinstance(content, str) else content)
    except (ValueError, TypeError):
        values = {"unreadable": str(content)}
    return _encode({key: rounded(value) if isinstance(value, float) else value for key, value in values.items()})


def rounded(value: float) -> float:
    """Return a float with 12 digits. Databases of different versions print 15 or 17, so it is first rounded to 15."""
    return float(f"{float(f'{value:.15g}'):.12g}")


class JournalWriter:
    """Moves the reports of a transaction into the journal of one database.

    Attributes:
        now: Returns the time of the home's clock; the machine's time until the home is open.
    """

    def __init__(self) -> None:
        self.now: Callable[[], datetime] = SystemClock().now
        self._exists = False

    def begin(self, connection: Connection) -> None:
        """Chain what another program changed before this write."""
        self._chain(connection, OUTSIDE)

    def commit(self, connection: Connection) -> None:
        """Chain the changes of this write, just before its commit."""
        self._chain(connection, actor())

    def _chain(self, connection: Connection, who: str) -> None:
        if not self._exists and not self._look(connection):
            return
        take = _TAKE_BYTES if connection.dialect.name == "sqlite" else _TAKE
        pending = sorted(take.all(connection), key=lambda row: row.id)
        if not pending:
            return
        head = _HEAD.first(connection) or _LAST.first(connection)
        seq, last = (head.seq, head.hash) if head is not None else (0, FIRST_HASH)
        at = self.now().astimezone(UTC).isoformat(timespec="microseconds")
        rows = []
        for seq, row in enumerate(pending, seq + 1):  # noqa: B020 - it goes on from the head's number
            user, record, row_key, change = (_text(value) for value in (row.user, row.record, row.row_key, row.change))
            entry = Entry(seq, at, who[:128], user, record, row_key, change, canonical(_text(row.content)))
            last = entry.hash_after(last)
            rows.append({name: getattr(entry, name) for name in _COLUMNS} | {"hash": last})
        _APPEND.execute_many(connection, rows)
        if not _MOVE.execute(connection, {"of_id": 1, "seq": seq, "hash": last}):
            _FIRST.execute(connection, {"id": 1, "seq": seq, "hash": last})

    def _look(self, connection: Connection) -> bool:
        """Return whether the database has the journal's tables. A new database gets them inside a write."""
        sqlite = connection.dialect.name == "sqlite"
        known = "SELECT 1 FROM sqlite_master WHERE name = 'journal_head'" if sqlite else "SELECT to_regclass('journal_head')"
        self._exists = connection.scalar(text(known)) is not None
        return self._exists


def head_of(connection: Connection) -> Head | None:
    """Return the head of a database's journal; None if it has no entry."""
    row = _HEAD.first(connection)
    return Head(row.seq, row.hash) if row is not None else None


def _text(value: str | bytes) -> str:
    """Return a column's text. Another program may have stored bytes that are not UTF-8; each becomes U+FFFD."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


_COLUMNS = tuple(column.name for column in journal.columns if column.name != "hash")
_TAKE = CompiledStatement(delete(journal_pending).returning(*journal_pending.c))
"""One statement takes the rows and removes them, so that no report that is committed meanwhile is lost."""
_TEXTS = (
    journal_pending.c.user,
    journal_pending.c.record,
    journal_pending.c.row_key,
    journal_pending.c.change,
    journal_pending.c.content,
)
_TAKE_BYTES = CompiledStatement(
    delete(journal_pending).returning(journal_pending.c.id, *(cast(column, LargeBinary).label(column.name) for column in _TEXTS))
)
"""The same on SQLite, whose text may be no UTF-8."""
_LAST = CompiledStatement(select(journal.c.seq, journal.c.hash).order_by(journal.c.seq.desc()).limit(literal(1)))
"""The last entry, from which the chain goes on if another program removed the head."""
_HEAD = CompiledStatement(select(journal_head.c.seq, journal_head.c.hash).where(journal_head.c.id == literal(1)))
_APPEND = CompiledStatement(insert(journal))
_MOVE = CompiledStatement(update(journal_head).where(journal_head.c.id == bindparam("of_id")))
_FIRST = CompiledStatement(insert(journal_head))
