"""List a user's log, oldest line first."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Any

from sqlalchemy import select

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
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Return the newest `limit` lines, sorted with the oldest first. Empty filters match all.

    `level`: that level and more severe ones. `day`: a date in India. Raises UsageError for an unknown level.
    """
    query = select(LOGS).where(LOGS.c.user == user)
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
