"""Name the stored data that the paper exchange needs of sessions in which nothing ran."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from tradectl.exchange.data_age import sessions_since
from tradectl.model.freshness import ACTIONS, BARS

if TYPE_CHECKING:
    from tradectl.exchange.sessions import SessionTable
    from tradectl.model.freshness import Freshness
    from tradectl.ports import MarketData


def lacking_data(
    freshness: Callable[[], Mapping[str, Freshness]],
    market: MarketData,
    sessions: SessionTable,
    actions_max_age: float,
    missed: Sequence[date],
    *,
    today: date,
    bars: bool,
) -> str:
    """Return which data of the missed sessions (oldest first) are not stored, as text; empty where none lacks.

    The list of corporate actions must cover the missed sessions before `today`: an action that comes later is never applied to
    a settled session. For a session of today it may be `actions_max_age` sessions old, as for `analyze`: it also has those to
    come, and today's list is published in the evening.
    `bars`: whether bars are needed. The newest may be there while those of a session before them are not.
    """
    known, past = freshness(), [day for day in missed if day < today]
    wanted = [(ACTIONS, "their corporate actions", missed[-1], actions_max_age)]
    wanted += [(ACTIONS, "their corporate actions", past[-1], 0)] if past else []
    for kind, name, through, most in [(BARS, "their bars", missed[-1], 0), *wanted] if bars else wanted:
        record = known.get(kind)
        if record is None or sessions_since(sessions, record.as_of, through) > most:
            newest = f"the newest are of {record.as_of}" if record is not None else "there are none"
            return f"{name} are not stored ({newest})"
    stored = set(market.panel().sessions.tolist()) if bars else set()
    hole = next((day for day in missed if day.toordinal() not in stored), None) if bars else None
    return f"the bars of {hole} are not stored" if hole is not None else ""
