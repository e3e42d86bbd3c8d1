"""List signals: the symbols that the strategy proposes to buy in a session."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select

from tradectl.ledger import schema
from tradectl.ledger.engine import Database
from tradectl.report.values import rows

SIGNALS, DECISIONS = schema.signals, schema.decisions


def listing(
    database: Database, user: str, *, session: date | None = None, analysed: tuple[date, date] | None = None
) -> list[dict[str, Any]]:
    """Return the signals of a user as rows, by rank. Each row has the `reason` of its verdict; None if it is not stored any more.

    Args:
        session: The run session of the signals; None means the latest session with signals.
        analysed: The first and the last session of analyses whose signals are returned, instead of `session`.
    """
    query = select(SIGNALS).where(SIGNALS.c.user == user)
    if analysed is not None:
        query = query.where(SIGNALS.c.analysed.between(*analysed)).order_by(SIGNALS.c.analysed, SIGNALS.c.rank)
    else:
        newest = select(func.max(SIGNALS.c.for_session)).where(SIGNALS.c.user == user).scalar_subquery()
        query = query.where(SIGNALS.c.for_session == (newest if session is None else session))
        query = query.order_by(SIGNALS.c.analysed.desc(), SIGNALS.c.rank)
    with database.read() as connection:
        found = rows(connection, SIGNALS, query)
        reasons = _reasons(connection, user, [date.fromisoformat(item["analysed"]) for item in found])
    return [item | {"reason": reasons.get((item["analysed"], item["instrument_id"]))} for item in found]


def _reasons(connection: Connection, user: str, analysed: Sequence[date]) -> dict[tuple[str, str], str]:
    """Return the reason of each BUY and STRONG_BUY of these analyses, by session (ISO date) and instrument id."""
    columns = (DECISIONS.c.session_date, DECISIONS.c.instrument_id, DECISIONS.c.reason)
    bought = or_(DECISIONS.c.rule == "score", and_(DECISIONS.c.rule.like("%:entry"), DECISIONS.c.verdict == "BUY"))
    query = select(*columns).where(DECISIONS.c.user == user, DECISIONS.c.task == "analyze", bought)
    if not analysed:
        return {}
    query = query.where(DECISIONS.c.session_date.between(min(analysed), max(analysed)))
    return {(session.isoformat(), name): reason for session, name, reason in connection.execute(query.order_by(DECISIONS.c.id))}
