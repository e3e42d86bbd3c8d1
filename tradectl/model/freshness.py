"""How current one kind of market data is."""

from __future__ import annotations

from datetime import date, datetime

from msgspec import Struct

BARS = "bars"
ACTIONS = "corporate_actions"
RENAMES = "symbol_changes"
SECURITIES = "securities"
MEMBERS = "index:"
"""Begins the kind of an index's members: `index:nifty200`."""
SURVEILLANCE = "surveillance"
DERIVATIVES = "derivatives"
INSTRUMENTS = "instruments:"
"""Begins the kind of a broker's list of instruments: `instruments:kite`."""
HOLIDAYS = "holidays"
EXPECTED = (BARS, ACTIONS, RENAMES, SECURITIES, SURVEILLANCE, DERIVATIVES, HOLIDAYS)
"""The kinds that every home needs."""


class Freshness(Struct, frozen=True):
    """The record of the newest data of one kind.

    Attributes:
        kind: One of the kinds above.
        as_of: The date up to which the data are known to be complete.
        fetched_at: When they were stored, aware, UTC.
        source: The site they came from, or the name of an imported file.
    """

    kind: str
    as_of: date
    fetched_at: datetime
    source: str
