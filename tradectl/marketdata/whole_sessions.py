"""Find the stored sessions that are complete: from NSE's file of the whole market, or from a file in which no symbol is missing.

A source of single symbols brings a session for a few of them. Such a session is not complete, and NSE's file of it is still
fetched.
"""

from __future__ import annotations

import contextlib
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tradectl.marketdata.archive import database_errors
from tradectl.marketdata.reading import read_archive
from tradectl.marketdata.schema import ARCHIVE
from tradectl.marketdata.sources.nse import addresses
from tradectl.model.panel import GAP

if TYPE_CHECKING:
    from tradectl.marketdata.store import Store
    from tradectl.model.panel import Panel

WHOLE_MARKET = "bhavcopy"
"""The first word of the kind of a file that contains every symbol which traded."""
LIVES_ON = 20
"""Number of sessions after its last bar in which a symbol is expected to trade. Later it counts as delisted or renamed."""


def whole_sessions(folder: Path, store: Store) -> set[date]:
    """Return the sessions whose final bars are complete; empty without an archive. Raises DatabaseError."""
    if not (folder / ARCHIVE).exists():
        return set()
    query = "SELECT session, file, count(*) FROM bars WHERE NOT provisional GROUP BY session, file"
    with database_errors(folder / ARCHIVE), contextlib.closing(read_archive(folder)) as archive:
        market_files = dict(archive.execute("SELECT id, name FROM files WHERE kind LIKE ?", [f"{WHOLE_MARKET}%"]))
        counts = archive.execute(query).fetchall()
    of_market = {session for session, file, _ in counts if file in market_files}
    equal = {market_files[file] for file in market_files.keys() - {file for _, file, _ in counts}}
    of_market |= {session for session, _, _ in counts if _names(date.fromisoformat(session)) & equal}
    of_many = {session for session, _, bars in counts if bars > 1}
    holed = {day.isoformat() for day in _holed(store.panel())}
    return {date.fromisoformat(session) for session in of_market | (of_many - holed)}


def _names(session: date) -> set[str]:
    """Return the names of NSE's files of a session. A file whose rows were all stored before is known by its name alone."""
    return {address.rpartition("/")[2] for address in addresses(session)}


def _holed(panel: Panel) -> list[date]:
    """Return the sessions on which at least one symbol that trades has no bar."""
    if not len(panel):
        return []
    state = np.asarray(panel.state)
    last = len(panel) - 1 - np.argmax(state[::-1] > 0, axis=0)
    lacking = (state == GAP) & (np.arange(len(panel))[:, np.newaxis] <= last + LIVES_ON)
    return [date.fromordinal(int(day)) for day in panel.sessions[lacking.any(axis=1)]]
