"""Check that no session is missing from the stored bars. If one is missing, `analyze` does not run.

A missing session changes every RSI and average, and so the list of buys. A session is missing if no instrument has a bar of it.
It is also missing if most instruments of the universe with bars before and after have none; then a file was lost. A single symbol
without a bar was halted or suspended. The rule `missing_bars` excludes such a symbol, and the other symbols are analysed.

The last 60 run sessions before today are checked, as for a single symbol. No rule has a longer window. Prices from before that
span have a weight of 0.2 % in RSI10, and one missing bar changes an EMA200 by less than 1 % of that day's price change. Older
gaps and special sessions are reported by `data check` and `doctor`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from tradectl.model.panel import GAP
from tradectl.strategy.trusted_prices import WINDOW as SPAN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradectl.exchange.sessions import SessionTable
    from tradectl.model.panel import Panel

FEW = 3
"""Minimum number of instruments without a bar from which a session can be missing for a universe."""
NAMED = 5


@dataclass(frozen=True, slots=True)
class MissingSessions:
    """List the run sessions without bars, oldest first. `stored`: whether some of them have bars of a few instruments."""

    sessions: tuple[date, ...]
    stored: bool

    @property
    def text(self) -> str:
        """Return the message to the operator: the sessions, the consequence, and the commands that help."""
        first, last, count = self.sessions[0], self.sessions[-1], len(self.sessions)
        named = ", ".join(map(str, self.sessions[:NAMED])) + (f" and {count - NAMED} more" if count > NAMED else "")
        which = f"{count} sessions have" if count > 1 else "a session has"
        fetch = f"`tradectl data fetch --since {first} --to {last}{' --replace' if self.stored else ''}`"
        return (
            f"{which} no bars, or bars of few stocks ({named}): RSI and averages would be wrong, so nothing is analysed. "
            f"{fetch}, or `tradectl data import`, fills them; "
            "`tradectl data sessions add DATE --kind closed` marks a date on which the exchange was closed"
        )


def missing_sessions(
    panel: Panel, sessions: SessionTable, universe: Sequence[str], session: date, *, stale: bool
) -> MissingSessions | None:
    """Return the missing run sessions before `session`, from the first stored session on; None if none is missing.

    `stale`: the last stored bars are used instead of today's, so only sessions before them are checked.
    """
    end = panel.last_index(session - timedelta(days=1)) + 1
    if not end:
        return None
    first = max(date.fromordinal(int(panel.sessions[0])), sessions.first)
    known = sessions.run_between(first, session - timedelta(days=1))[-SPAN:]
    stored = set(panel.sessions[max(0, end - 2 * SPAN) : end].tolist())
    found = [item.date for item in known if item.date.toordinal() not in stored]
    run = {item.date.toordinal() for item in known}
    thin = [day for day in _thin(panel, universe, end) if day.toordinal() in run]
    if stale:
        found = [day for day in found if day.toordinal() < int(panel.sessions[end - 1])]
    return MissingSessions(tuple(sorted({*found, *thin})), bool(thin)) if found or thin else None


def _thin(panel: Panel, universe: Sequence[str], end: int) -> list[date]:
    """Return the stored sessions on which most instruments of the universe that have bars before and after have none."""
    begin = max(0, end - SPAN)
    columns = [panel.columns[name] for name in universe if name in panel.columns]
    state = np.asarray(panel.state[begin:end])[:, columns]
    there = state > 0
    later = np.flip(np.logical_or.accumulate(np.flip(there, axis=0), axis=0), axis=0)
    lacking = ((state == GAP) & later).sum(axis=1)
    expected = there.sum(axis=1) + lacking
    thin = (lacking >= FEW) & (2 * lacking > expected)
    return [date.fromordinal(int(panel.sessions[begin + i])) for i in np.flatnonzero(thin).tolist()]
