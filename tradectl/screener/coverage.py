"""Check that no session is missing from the stored bars. If one is missing, `analyze` does not run.

A missing session changes every RSI and average, and so the list of buys. A session is missing if no instrument has a bar of it.
It is also missing if most instruments of the universe that trade have none; then a file was lost, or only a few symbols were
fetched. The rule `missing_bars` excludes a single symbol without a bar, and the other symbols are analysed.

The sessions that the indicators need are checked, as for a single symbol: the last `WINDOW` run sessions up to today. An older
missing session changes only the past trades in the score. `older_gaps` returns it, and `analyze` continues. A Muhurat session
or a drill is checked only if a few stocks have a bar of it, because many sources have no bars of such sessions.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from tradectl.model.panel import GAP
from tradectl.strategy.trusted_prices import WINDOW

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from tradectl.exchange.sessions import SessionTable
    from tradectl.model.panel import Panel

FEW = 3
"""Minimum number of instruments without a bar from which a session can be missing for a universe."""
SHARE = 0.1
"""The share of instruments that may lack a quote of today; each of them is excluded alone. Quotes that do not come are asked for
again, and at 19:00 the file has all."""
NAMED = 5


class MissingSessions(Struct, frozen=True):
    """List the run sessions without bars, oldest first. `stored`: whether some of them have bars of a few instruments."""

    sessions: tuple[date, ...]
    stored: bool

    @property
    def text(self) -> str:
        """Return the message to the operator: the sessions, the consequence, and the commands that help."""
        first, last, count = self.sessions[0], self.sessions[-1], len(self.sessions)
        which = f"{count} sessions have" if count > 1 else "a session has"
        fetch = f"`tradectl data fetch --since {first} --to {last}{' --replace' if self.stored else ''}`"
        return (
            f"{which} no bars, or bars of few stocks ({name_days(self.sessions)}): RSI and averages would be wrong, so nothing "
            f"is analysed. {fetch}, or `tradectl data import`, fills them; `tradectl data sessions fetch` shows by NSE's list "
            "whether the exchange was closed"
        )


def name_days(days: Sequence[date]) -> str:
    """Return the first days as text, and the number of the others."""
    more = f" and {len(days) - NAMED} more" if len(days) > NAMED else ""
    return ", ".join(map(str, days[:NAMED])) + more


def missing_sessions(
    panel: Panel, sessions: SessionTable, universe: Sequence[str], session: date, *, final: bool, stale: bool
) -> MissingSessions | None:
    """Return the sessions up to `session`, from the first stored one on, without bars or with few; None if there are none.

    `final`: the stored bars of `session` are used. Otherwise `missing_quotes` checks that session.
    `stale`: the last stored bars are used instead of today's, so only sessions before them are checked. A `session` without any
    bar is not returned.
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


class MissingQuotes(Struct, frozen=True):
    """Say how many instruments lack a close in today's quotes, of those that traded in the session before."""

    session: date
    lacking: int
    traded: int

    @property
    def text(self) -> str:
        """Return the message to the operator."""
        return (
            f"{self.lacking} of {self.traded} instruments have no close of {self.session} in the day's quotes: a scan would "
            "leave them out, so nothing is analysed. `analyze` is tried again; `tradectl prices` brings the exchange's file "
            "after 19:00"
        )


def missing_quotes(panel: Panel, universe: Sequence[str], session: date, quoted: Container[str]) -> MissingQuotes | None:
    """Return what is missing if more than `SHARE` of the instruments, and not only a few, lack a quote; else None."""
    end = panel.last_index(session - timedelta(days=1))
    if end < 0:
        return None
    before = panel.state[end]
    traded = [name for name in universe if name in panel.columns and before[panel.columns[name]] > 0]
    lacking = sum(name not in quoted for name in traded)
    return MissingQuotes(session, lacking, len(traded)) if lacking >= FEW and lacking > SHARE * len(traded) else None


def older_gaps(panel: Panel, sessions: SessionTable, session: date, years: int) -> tuple[date, ...]:
    """Return the run sessions of the last `years` without any bar that are older than those of `missing_sessions`, oldest first.

    They change the past trades that are part of the score. Their effect on the indicators is negligible."""
    first = max(date.fromordinal(int(panel.sessions[0])), sessions.first) if len(panel) else session
    first = max(first, session - timedelta(days=round(365.25 * years)))
    if first >= session:
        return ()
    stored = set(panel.sessions[int(np.searchsorted(panel.sessions, first.toordinal())) :].tolist())
    known = sessions.run_between(first, session - timedelta(days=1))[:-WINDOW]
    return tuple(item.date for item in known if item.date.toordinal() not in stored)


def _thin(panel: Panel, universe: Sequence[str], session: date, end: int, *, final: bool) -> list[date]:
    """Return the sessions up to `session` on which most instruments of the universe that trade have no bar, and a few have one.

    `end`: the panel's row after the last session before `session`."""
    begin, columns = max(0, end - WINDOW), [panel.columns[name] for name in universe if name in panel.columns]
    state, row = np.asarray(panel.state[begin : panel.last_index(session) + 1])[:, columns], end - begin
    if not final or not (state[row:] > 0).any():
        state = state[:row]
    trading = state[:, (state > 0).any(axis=0)]
    lacking, there = (trading == GAP).sum(axis=1), (trading > 0).sum(axis=1)
    thin = (lacking >= FEW) & (lacking > there)
    return [date.fromordinal(int(panel.sessions[begin + i])) for i in np.flatnonzero(thin).tolist()]
