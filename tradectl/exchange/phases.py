"""The parts of a session: what may be done from when to when, by date and kind of stock (phases.csv)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from functools import cache

from tradectl.exchange.tables import in_force, rows


class PhaseKind(StrEnum):
    PRE_OPEN = "pre_open"
    """Limit and market orders are taken, changed and cancelled."""
    PRE_OPEN_LIMIT = "pre_open_limit"
    """Limit orders only; market orders can neither be added nor changed (since 2026-09-07)."""
    PRE_OPEN_MATCHING = "pre_open_matching"
    BUFFER = "buffer"
    """Between matching and the continuous market: nothing is taken."""
    CONTINUOUS = "continuous"
    CLOSING_REFERENCE = "closing_reference"
    """The reference price of the closing auction is computed; nothing is taken (since 2026-08-03)."""
    CLOSING_AUCTION = "closing_auction"
    CLOSING_AUCTION_LIMIT = "closing_auction_limit"
    CLOSING_MATCHING = "closing_matching"
    POST_CLOSE = "post_close"
    """Trades at the closing price; resting limit orders do not take part."""


TAKES_NOTHING = {
    PhaseKind.PRE_OPEN_MATCHING: "orders are being matched",
    PhaseKind.BUFFER: "the market is about to open",
    PhaseKind.CLOSING_REFERENCE: "the closing auction's reference price is being computed",
    PhaseKind.CLOSING_MATCHING: "the closing auction is being matched",
}
"""The phases in which no order is taken, changed or cancelled, and why."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase: `start` inclusive, `end` exclusive, both aware (UTC). Where the exchange closes order entry at random,
    `end` is the latest moment (the earliest is in phases.csv, `may_end_from`): be done before."""

    kind: PhaseKind
    start: datetime
    end: datetime


Timetable = tuple[tuple[PhaseKind, time, time], ...]
"""Phases of a day in IST times, in order."""


@cache
def _timetables() -> tuple[list[date], list[dict[bool, Timetable]]]:
    """Start dates, and for each the timetables of closing-auction stocks (True) and of the others (False)."""
    by_start: dict[date, dict[bool, Timetable]] = {}
    for row in rows("phases.csv"):
        tables = by_start.setdefault(date.fromisoformat(row["since"]), {True: (), False: ()})
        entry = (PhaseKind(row["phase"]), time.fromisoformat(row["start"]), time.fromisoformat(row["end"]))
        for closing_auction, excluded in ((True, "others"), (False, "closing_auction")):
            if row["stocks"] != excluded:
                tables[closing_auction] += (entry,)
    starts = sorted(by_start)
    return starts, [by_start[start] for start in starts]


def timetable(day: date, closing_auction: bool) -> Timetable:
    """The phases of an ordinary session of that date. UncoveredDate before the first table."""
    starts, tables = _timetables()
    return tables[in_force(starts, day, "timetable")][closing_auction]
