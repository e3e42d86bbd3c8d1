"""The check that the stored bars reach today without a missing session, without which `analyze` refuses to run.

A missing session changes every RSI and average, and so the list of buys. A session is missing where no instrument has a bar of
it. It is missing too where most instruments of the universe that trade have none: a file was lost, or a few symbols were fetched
alone. A single symbol without a bar is excluded by the rule `missing_bars`, and the evening goes on.

The sessions that the indicators need are checked, as for a single symbol: the last `WINDOW` run sessions up to today. A missing
session before them moves the past trades in the score alone: `older_gaps` names it, and the evening goes on. A
Muhurat session or a drill is checked where a few stocks have a bar of it; many sources have none of any.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from tradectl.model.panel import GAP
from tradectl.strategy.trusted_prices import WINDOW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradectl.exchange.sessions import SessionTable
    from tradectl.model.panel import Panel

FEW = 3
"""The least instruments without a bar of a session before the session is missing for a universe."""
NAMED = 5


@dataclass(frozen=True, slots=True)
class MissingSessions:
    """Run sessions without bars, oldest first. `stored`: whether some of them have bars of a few instruments."""

    sessions: tuple[date, ...]
    stored: bool

    @property
    def text(self) -> str:
        """Return the message: which sessions, what it means, and the commands that help."""
        first, last, count = self.sessions[0], self.sessions[-1], len(self.sessions)
        which = f"{count} sessions have" if count > 1 else "a session has"
        fetch = f"`tradectl data fetch --since {first} --to {last}{' --replace' if self.stored else ''}`"
        return (
            f"{which} no bars, or bars of few stocks ({name_days(self.sessions)}): RSI and averages would be wrong, so nothing "
            f"is analysed. {fetch}, or `tradectl data import`, fills them; `tradectl data sessions fetch` shows by NSE's list "
            "whether the exchange was closed"
        )


def name_days(days: Sequence[date]) -> str:
    """Return the first days as text, and how many more there are."""
    more = f" and {len(days) - NAMED} more" if len(days) > NAMED else ""
    return ", ".join(map(str, days[:NAMED])) + more


def missing_sessions(
    panel: Panel, sessions: SessionTable, universe: Sequence[str], session: date, *, final: bool, stale: bool
) -> MissingSessions | None:
    """Return the sessions up to `session`, since the first stored one, without bars or with few; None without any.

    `final`: the stored bars of `session` are used; otherwise it is not checked, as a share without a quote is excluded alone.
    `stale`: the last stored bars are used, so only sessions before them count. A `session` without any bar is not named.
    """
    end = panel.last_index(session - timedelta(days=1)) + 1
    if not end:
        return None
    first = max(date.fromordinal(int(panel.sessions[0])), sessions.first, session - timedelta(days=2 * WINDOW))
    known = sessions.run_between(first, session - timedelta(days=1))[-WINDOW:]
    stored = set(panel.sessions[max(0, end - 2 * WINDOW) : end].tolist())
    found = [item.date for item in known if item.date.toordinal() not in stored]
    if stale:
        found = [day for day in found if day.toordinal() < int(panel.sessions[end - 1])]
    thin = _thin(panel, universe, session, end, final=final)
    if stale and thin and thin[-1] == session:
        thin.pop()
    return MissingSessions(tuple(sorted({*found, *thin})), bool(thin)) if found or thin else None


def older_gaps(panel: Panel, sessions: SessionTable, session: date, years: int) -> tuple[date, ...]:
    """Return the run sessions without any bar before those that `missing_sessions` checks, of the last `years`, oldest first.

    They change the past trades that are part of the score, and hardly an indicator."""
    first = max(date.fromordinal(int(panel.sessions[0])), sessions.first) if len(panel) else session
    first = max(first, session - timedelta(days=round(365.25 * years)))
    if first >= session:
        return ()
    stored = set(panel.sessions[int(np.searchsorted(panel.sessions, first.toordinal())) :].tolist())
    known = sessions.run_between(first, session - timedelta(days=1))[:-WINDOW]
    return tuple(item.date for item in known if item.date.toordinal() not in stored)


def _thin(panel: Panel, universe: Sequence[str], session: date, end: int, *, final: bool) -> list[date]:
    """Return the sessions up to `session` of which a few instruments of the universe have a bar, and most of those that trade
    have none. `end`: the panel's row after the last session before it."""
    begin, columns = max(0, end - WINDOW), [panel.columns[name] for name in universe if name in panel.columns]
    state, row = np.asarray(panel.state[begin : panel.last_index(session) + 1])[:, columns], end - begin
    if not final or not (state[row:] > 0).any():
        state = state[:row]
    trading = state[:, (state > 0).any(axis=0)]
    lacking, there = (trading == GAP).sum(axis=1), (trading > 0).sum(axis=1)
    thin = (lacking >= FEW) & (lacking > there)
    return [date.fromordinal(int(panel.sessions[begin + i])) for i in np.flatnonzero(thin).tolist()]
