"""Name the stored data that the paper exchange needs of sessions in which nothing ran."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING

from tradectl.exchange.data_age import sessions_since
from tradectl.model.freshness import ACTIONS, BARS

if TYPE_CHECKING:
    from tradectl.exchange.sessions import SessionTable
    from tradectl.model.freshness import Freshness


def lacking_data(
    freshness: Callable[[], Mapping[str, Freshness]], sessions: SessionTable, actions_max_age: float, through: date, bars: bool
) -> str:
    """Return which data of the sessions up to `through` are not stored, as text; empty where none lacks.

    The list of corporate actions may be `actions_max_age` sessions old, as for `analyze`: it also has those to come.
    `bars`: whether bars are needed.
    """
    known = freshness()
    wanted = [(ACTIONS, "their corporate actions", actions_max_age)]
    for kind, name, most in [(BARS, "their bars", 0), *wanted] if bars else wanted:
        record = known.get(kind)
        if record is None or sessions_since(sessions, record.as_of, through) > most:
            newest = f"the newest are of {record.as_of}" if record is not None else "there are none"
            return f"{name} are not stored ({newest})"
    return ""
