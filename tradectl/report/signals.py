"""Signals: what the strategy wants, and for which session."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import func, select

from tradectl.ledger import schema
from tradectl.ledger.engine import Database
from tradectl.report.values import rows

SIGNALS = schema.signals


def listing(database: Database, user: str, *, session: date | None = None) -> list[dict[str, Any]]:
    """The signals for a run session by rank; without one, for the latest session that has any."""
    newest = select(func.max(SIGNALS.c.for_session)).where(SIGNALS.c.user == user).scalar_subquery()
    query = select(SIGNALS).where(SIGNALS.c.user == user, SIGNALS.c.for_session == (newest if session is None else session))
    with database.read() as connection:
        return rows(connection, SIGNALS, query.order_by(SIGNALS.c.analysed.desc(), SIGNALS.c.rank))
