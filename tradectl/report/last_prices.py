"""Find the newest price of a held symbol that the home has: one that a monitor saw, or a stored close."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct
from sqlalchemy import select

from tradectl.errors import DatabaseError, DataError
from tradectl.ledger import schema
from tradectl.model.market import bars_entry
from tradectl.model.moment import ist_date
from tradectl.model.money import Paise, to_paise

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from tradectl.world import World

DECISIONS = schema.decisions
MONITORS = ("position-monitor", "sell-monitor")
"""The tasks whose decisions store the price that they saw."""
RECENT = 20
"""How many of the newest decisions on a symbol are searched: one about a sell that was not priced stores no price."""


class LastPrice(Struct, frozen=True):
    """A price (paise) and its time."""

    price: Paise
    at: datetime


def last_price(world: World, position: Mapping[str, Any]) -> LastPrice | None:
    """Return the newest price of an open position (a row of `positions.listing`); None if the home has none.

    A price from before a corporate action does not fit today's shares, so it does not count. Raises DatabaseError for the
    ledger."""
    instrument_id, today = position["instrument_id"], ist_date(world.clock.now())
    found = [seen for seen in (_seen(world, position), _close(world, instrument_id)) if seen is not None]
    newest = max(found, key=lambda item: item.at, default=None)
    if newest is None or _changed(world, instrument_id, ist_date(newest.at), today):
        return None
    return newest


def _seen(world: World, position: Mapping[str, Any]) -> LastPrice | None:
    """Return the newest price that a monitor stored since the position was opened."""
    query = (
        select(DECISIONS.c.at, DECISIONS.c.inputs)
        .where(
            DECISIONS.c.user == world.user,
            DECISIONS.c.instrument_id == position["instrument_id"],
            DECISIONS.c.task.in_(MONITORS),
            DECISIONS.c.session_date >= date.fromisoformat(position["opened_session"]),
        )
        .order_by(DECISIONS.c.at.desc(), DECISIONS.c.id.desc())
        .limit(RECENT)
    )
    with world.ledger.database.read() as connection:
        rows = connection.execute(query).all()
    return next((LastPrice(to_paise(row.inputs["last"]), row.at) for row in rows if "last" in row.inputs), None)


def _close(world: World, instrument_id: str) -> LastPrice | None:
    """Return the newest stored close of a session that has ended; None without readable market data."""
    now = world.clock.now()
    day = ist_date(now)
    try:
        history = world.market.history(instrument_id)
        session = world.sessions.session(day) if day <= world.sessions.last else None
        index = history.last_index(day) if history is not None else -1
        if history is not None and index >= 0 and session is not None and now < session.last_fill_at():
            index = history.last_index(day - timedelta(days=1))  # a virtual clock is behind the stored bars
        if history is None or index < 0:
            return None
        of_bar = world.sessions.session(date.fromordinal(int(history.sessions[index])))
    except (DataError, DatabaseError):
        return None
    return None if of_bar is None else LastPrice(int(history.close[index]), of_bar.last_fill_at())


def _changed(world: World, instrument_id: str, since: date, today: date) -> bool:
    """Return whether a corporate action changed the shares after a day."""
    try:
        return since < today and any(map(bars_entry, world.market.actions(instrument_id, since, today)))
    except (DataError, DatabaseError):
        return False
