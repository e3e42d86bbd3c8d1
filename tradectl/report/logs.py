"""List a user's log, oldest line first."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Any

from sqlalchemy import or_, select

from tradectl.errors import UsageError
from tradectl.ledger import schema
from tradectl.ledger.engine import Database
from tradectl.model.moment import at_ist
from tradectl.model.symbols import spelled
from tradectl.report.values import rows

LOGS = schema.user_logs
LEVELS = ("debug", "info", "warning", "error")


def listing(
    database: Database,
    user: str,
    *,
    day: date | None = None,
    level: str = "",
    task: str = "",
    symbol: str = "",
    action: str = "",
    search: str = "",
    after_id: int = 0,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Return the newest `limit` lines, sorted with the oldest first. Empty filters match all.

    Args:
        level: That level and more severe ones.
        day: A date in India.
        search: Words; a line matches if its message, action, task or symbol contains each of them, in any case.
        after_id: Only lines after this id, so that a caller can follow the log.

    Raises UsageError for an unknown level.
    """
    query = select(LOGS).where(LOGS.c.user == user, LOGS.c.id > after_id)
    for word in search.split():
        columns = (LOGS.c.message, LOGS.c.action, LOGS.c.task, LOGS.c.symbol)
        query = query.where(or_(*(column.icontains(word, autoescape=True) for column in columns)))
    if level:
        if level.lower() not in LEVELS:
            raise UsageError(f"no level is called {level!r}; there are {', '.join(LEVELS)}")
        query = query.where(LOGS.c.level.in_(LEVELS[LEVELS.index(level.lower()) :]))
    if day is not None:
        start = at_ist(day, time())
        query = query.where(LOGS.c.at >= start, LOGS.c.at < start + timedelta(days=1))
    for column, wanted in ((LOGS.c.task, task), (LOGS.c.symbol, spelled(symbol)), (LOGS.c.action, action)):
        if wanted:
            query = query.where(column == wanted)
    with database.read() as connection:
        return rows(connection, LOGS, query.order_by(LOGS.c.id.desc()).limit(limit))[::-1]
