"""The parts of a session: what may be done in which. `timetables` says from when to when, by date and kind of stock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from typing import NamedTuple


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


PRE_OPEN_ENTRY = frozenset({PhaseKind.PRE_OPEN, PhaseKind.PRE_OPEN_LIMIT})
"""The phases before the opening auction in which orders are taken."""
CLOSING_ENTRY = frozenset({PhaseKind.CLOSING_AUCTION, PhaseKind.CLOSING_AUCTION_LIMIT})
"""The phases before the closing auction in which orders are taken."""
LIMIT_ONLY = frozenset({PhaseKind.PRE_OPEN_LIMIT, PhaseKind.CLOSING_AUCTION_LIMIT})
"""The phases in which market orders can neither be added nor changed."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase: `start` inclusive, `end` exclusive, both aware (UTC). Where the exchange closes order entry at random,
    `end` is the latest moment and `may_end_from` the earliest: be done before."""

    kind: PhaseKind
    start: datetime
    end: datetime
    may_end_from: datetime | None = None


class Entry(NamedTuple):
    """One phase of a timetable, in IST times."""

    kind: PhaseKind
    start: time
    end: time
    may_end_from: time | None = None


Timetable = tuple[Entry, ...]
"""Phases of a day, in order."""
