"""The log of a user: one line for each unit of work, in the database, for `logs` and `status`."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from sqlalchemy import bindparam, delete, func, insert, select

from tradectl.control_characters import lines, one_line
from tradectl.ledger.compiled import CompiledStatement
from tradectl.ledger.engine import Database
from tradectl.ledger.schema import user_logs as rows
from tradectl.redaction import scrubbed

_INSERT = CompiledStatement(insert(rows).inline())
_PRUNE = CompiledStatement(delete(rows).where(rows.c.user == bindparam("of_user"), rows.c.at < bindparam("before")))
LEVELS = ("debug", "info", "warning", "error")


class LogLine(Struct, frozen=True):
    """A line of the log. `action` names what was done, such as task_completed or order_placed."""

    id: int
    user: str
    at: datetime
    level: str
    action: str
    task: str
    symbol: str
    message: str


class Logs:
    """The log lines of one user."""

    def __init__(self, database: Database, user: str) -> None:
        self.database = database
        self.user = user

    def append(self, at: datetime, level: str, action: str, message: str, *, task: str = "", symbol: str = "") -> None:
        """Add a line. Secrets and control characters are removed from the message."""
        values = {
            "at": at,
            "level": level,
            "action": action,
            "message": lines(scrubbed(message)),
            "task": task,
            "symbol": one_line(symbol),
        }
        with self.database.note() as connection:
            _INSERT.execute(connection, {"user": self.user, **values})

    def list(
        self,
        *,
        level: str | None = None,
        task: str | None = None,
        action: str | None = None,
        symbol: str | None = None,
        since: datetime | None = None,
        after_id: int = 0,
        limit: int = 100,
    ) -> tuple[LogLine, ...]:
        """Return the last lines, oldest first.

        Args:
            level: The lowest level that is returned; None: all levels.
            after_id: Return only lines after this id, so that a caller can follow the log.
        """
        wanted = {rows.c.task: task, rows.c.action: action, rows.c.symbol: symbol}
        where = [column == value for column, value in wanted.items() if value is not None]
        if level is not None:
            where.append(rows.c.level.in_(LEVELS[LEVELS.index(level) :]))
        if since is not None:
            where.append(rows.c.at >= since)
        statement = select(*rows.c).where(rows.c.user == self.user, rows.c.id > after_id, *where)
        with self.database.read() as connection:
            found = connection.execute(statement.order_by(rows.c.id.desc()).limit(limit)).all()
        return tuple(LogLine(*row) for row in reversed(found))

    def last_id(self) -> int:
        """Return the id of the newest line; 0 without a line."""
        statement = select(func.max(rows.c.id)).where(rows.c.user == self.user)
        with self.database.read() as connection:
            return int(connection.execute(statement).scalar() or 0)

    def prune(self, before: datetime) -> int:
        """Delete lines older than a moment; return how many."""
        with self.database.note() as connection:
            return _PRUNE.execute(connection, {"of_user": self.user, "before": before})
