"""List the decisions about a symbol, each with its rule and inputs."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

from sqlalchemy import or_, select

from tradectl.ledger import schema
from tradectl.ledger.engine import Database
from tradectl.model.symbols import spelled
from tradectl.report.values import rows

DECISIONS, FILLS = schema.decisions, schema.fills


def decisions(
    database: Database,
    users: Collection[str],
    symbol: str,
    *,
    instrument_id: str = "",
    sessions: Collection[date] = (),
    limit: int = 50,
) -> list[dict[str, Any]]:
    """Return the decisions about a symbol, also under its earlier names, newest first.

    Args:
        users: The user, and the user whose signals this user follows.
        instrument_id: The instrument of the symbol; empty if it is not known.
        sessions: Empty means all sessions.
    """
    names = select(DECISIONS.c.instrument_id).where(DECISIONS.c.symbol == spelled(symbol))
    traded = select(FILLS.c.instrument_id).where(FILLS.c.symbol == spelled(symbol), FILLS.c.user.in_(users))
    ids = DECISIONS.c.instrument_id
    about = or_(ids.in_(names), ids.in_(traded), ids == instrument_id)
    query = select(DECISIONS).where(DECISIONS.c.user.in_(users), about)
    if sessions:
        query = query.where(DECISIONS.c.session_date.in_(sessions))
    with database.read() as connection:
        return rows(
            connection, DECISIONS, query.order_by(DECISIONS.c.at.desc(), DECISIONS.c.id.desc()).limit(limit), leave_out=()
        )
