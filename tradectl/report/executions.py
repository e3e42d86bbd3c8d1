"""List the executions of tasks: time, trigger and result of each."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import select

from tradectl.ledger import schema
from tradectl.ledger.engine import Database
from tradectl.report.values import rows

EXECUTIONS = schema.task_executions


def listing(
    database: Database, user: str, *, session: date | None = None, task: str = "", status: str = "", limit: int = 50
) -> list[dict[str, Any]]:
    """Return a user's executions as rows, newest first. Empty filters and a `session` of None match all."""
    query = select(EXECUTIONS).where(EXECUTIONS.c.user == user)
    if session is not None:
        query = query.where(EXECUTIONS.c.session_date == session)
    if task:
        query = query.where(EXECUTIONS.c.task == task)
    if status:
        query = query.where(EXECUTIONS.c.status == status)
    with database.read() as connection:
        return rows(connection, EXECUTIONS, query.order_by(EXECUTIONS.c.id.desc()).limit(limit))
