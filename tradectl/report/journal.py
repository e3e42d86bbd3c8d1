"""Return the newest entries of the journal, each with the columns that it changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, select, true

from tradectl.ledger.schema import journal
from tradectl.model.moment import to_ist

if TYPE_CHECKING:
    from tradectl.ledger.engine import Database


def newest(database: Database, *, record: str = "", key: str = "", limit: int = 30) -> list[dict[str, Any]]:
    """Return entries as JSON values, newest first. An update shows only the columns that differ from the row's entry before."""
    wanted = and_(journal.c.record == record if record else true(), journal.c.row_key == key if key else true())
    with database.read() as connection:
        rows = connection.execute(select(journal).where(wanted).order_by(journal.c.seq.desc()).limit(limit)).all()
        return [_values(row, _before(connection, row)) for row in rows]


def _before(connection: Any, row: Any) -> str | None:
    """Return the content of the last entry of the same row before this one; None if this is not an update."""
    if row.change != "update":
        return None
    same = and_(journal.c.record == row.record, journal.c.row_key == row.row_key, journal.c.seq < row.seq)
    found: str | None = connection.scalar(select(journal.c.content).where(same).order_by(journal.c.seq.desc()).limit(1))
    return found


def _values(row: Any, before: str | None) -> dict[str, Any]:
    from datetime import datetime

    content, old = json.loads(row.content), json.loads(before) if before else {}
    shown = {name: value for name, value in content.items() if value != old.get(name)}
    return {
        "entry": row.seq,
        "at": to_ist(datetime.fromisoformat(row.at)).isoformat(),
        "actor": row.actor,
        "user": row.user,
        "record": row.record,
        "key": row.row_key,
        "change": row.change,
        "values": {name: value for name, value in shown.items() if value not in (None, "") or before},
        "hash": row.hash,
    }
