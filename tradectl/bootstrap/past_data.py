"""Name the stored data that the paper exchange needs of sessions in which nothing ran."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from tradectl.exchange.data_age import sessions_since
from tradectl.model.freshness import ACTIONS, BARS

if TYPE_CHECKING:
    from tradectl.exchange.sessions import SessionTable
    from tradectl.model.freshness import Freshness
    from tradectl.model.panel import Panel
    from tradectl.ports import MarketData


def lacking_data(
    freshness: Callable[[], Mapping[str, Freshness]],
    market: MarketData,
    sessions: SessionTable,
    actions_max_age: float,
    missed: Sequence[date],
    *,
    today: date,
    waiting: Collection[str],
) -> str:
    """Return which data of the missed sessions (oldest first) are not stored, as text; empty where none lacks.

    The list of corporate actions must cover the missed sessions before `today`: an action that comes later is never applied to
    a settled session. For a session of today it may be `actions_max_age` sessions old, as for `analyze`: it also has those to
    come, and today's list is published in the evening.
    Bars are needed if orders of `waiting` instruments may have traded. The newest may be there while those of a session before
    them are not. Where most shares have no bar of a session, a share without one did perhaps trade: a few were fetched alone.
    """
    known, past = freshness(), [day for day in missed if day < today]
    wanted = [(ACTIONS, "their corporate actions", missed[-1], actions_max_age)]
    wanted += [(ACTIONS, "their corporate actions", past[-1], 0)] if past else []
    for kind, name, through, most in [(BARS, "their bars", missed[-1], 0), *wanted] if waiting else wanted:
        record = known.get(kind)
        if record is None or sessions_since(sessions, record.as_of, through) > most:
            newest = f"the newest are of {record.as_of}" if record is not None else "there are none"
            return f"{name} are not stored ({newest})"
    return _lacking_bars(market.panel(), missed, waiting) if waiting else ""


def _lacking_bars(panel: Panel, missed: Sequence[date], waiting: Collection[str]) -> str:
    """Return the first missed session whose bars are not stored, as text; empty if every one has them."""
    from tradectl.screener.coverage import FEW
    from tradectl.strategy.trusted_prices import WINDOW

    columns = [panel.columns[item] for item in waiting if item in panel.columns]
    for day in missed:
        row = panel.last_index(day)
        if row < 0 or panel.sessions[row] != day.toordinal():
            return f"the bars of {day} are not stored"
        if len(columns) < len(waiting) or (panel.state[row, columns] <= 0).any():
            state = panel.state[max(0, row - WINDOW) : row + 1]
            there = int((state[-1] > 0).sum())
            absent = int((state > 0).any(axis=0).sum()) - there
            if absent >= FEW and absent > there:
                return f"the bars of {absent} shares of {day} are not stored"
    return ""
