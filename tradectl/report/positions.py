"""List positions, each with the last decision of position-monitor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from tradectl.ledger import schema
from tradectl.ledger.engine import Database
from tradectl.model.money import to_rupees
from tradectl.report.values import rows, value

if TYPE_CHECKING:
    from tradectl.execution.unprotected_positions import Unprotected

POSITIONS, DECISIONS = schema.positions, schema.decisions


def listing(
    database: Database, user: str, *, closed: bool = False, limit: int = 200, unprotected: Iterable[Unprotected] = ()
) -> list[dict[str, Any]]:
    """Return open positions by symbol, or closed positions newest first.

    Each row has, in rupees: `average`, the entry price without charges; `bought` and `sold`, the value of all buys and sells;
    `net`, the realised result after charges. `monitor` is the last decision of position-monitor on an open position, or None.
    `unprotected` is the finding about a position without a live sell order, or None.
    """
    exposed = {item.position_id: item for item in unprotected}
    query = select(POSITIONS).where(POSITIONS.c.user == user, POSITIONS.c.status == ("closed" if closed else "open"))
    order = (POSITIONS.c.closed_at.desc(), POSITIONS.c.id.desc()) if closed else (POSITIONS.c.symbol,)
    with database.read() as connection:
        found = rows(connection, POSITIONS, query.order_by(*order).limit(limit))
        sums = {row.id: row for row in connection.execute(query.order_by(*order).limit(limit))}
        for item in found:
            row = sums[item["id"]]
            item["average"] = to_rupees(round(row.cost / row.quantity)) if row.quantity else None
            item["net"] = to_rupees(row.realised - row.charges)
            item["bought"], item["sold"] = to_rupees(row.bought), to_rupees(row.sold)
            finding = exposed.get(item["id"])
            item["unprotected"] = finding.shown | {"text": finding.text} if finding is not None else None
            item["monitor"] = None if closed else _last_decision(connection, user, row.instrument_id, row.opened_session)
    return found


def _last_decision(connection: Connection, user: str, instrument_id: str, since: object) -> dict[str, Any] | None:
    query = (
        select(DECISIONS.c.at, DECISIONS.c.slot, DECISIONS.c.verdict, DECISIONS.c.reason, DECISIONS.c.inputs)
        .where(
            DECISIONS.c.user == user,
            DECISIONS.c.instrument_id == instrument_id,
            DECISIONS.c.task == "position-monitor",
            DECISIONS.c.session_date >= since,
        )
        .order_by(DECISIONS.c.at.desc(), DECISIONS.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).mappings().first()
    return None if row is None else {name: value(item) for name, item in row.items()}
