"""Define the phases of a session and what the exchange accepts in each. `timetables` has their times by date and stock."""

from __future__ import annotations

from datetime import datetime, time
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct


class PhaseKind(StrEnum):
    """Name the phases of a session, in their order of time."""

    PRE_OPEN = "pre_open"
    """Limit and market orders can be entered, changed and cancelled."""
    PRE_OPEN_LIMIT = "pre_open_limit"
    """Limit orders only; market orders can neither be added nor changed (since 2026-09-07)."""
    PRE_OPEN_MATCHING = "pre_open_matching"
    BUFFER = "buffer"
    """The time between matching and continuous trading: no order can be entered, changed or cancelled."""
    CONTINUOUS = "continuous"
    CLOSING_REFERENCE = "closing_reference"
    """The exchange computes the closing auction's reference price and accepts no orders (since 2026-08-03)."""
    CLOSING_AUCTION = "closing_auction"
    CLOSING_AUCTION_LIMIT = "closing_auction_limit"
    CLOSING_MATCHING = "closing_matching"
    POST_CLOSE = "post_close"
    """Trades happen at the closing price; resting limit orders do not take part."""


TAKES_NOTHING = {
    PhaseKind.PRE_OPEN_MATCHING: "orders are being matched",
    PhaseKind.BUFFER: "the market is about to open",
    PhaseKind.CLOSING_REFERENCE: "the closing auction's reference price is being computed",
    PhaseKind.CLOSING_MATCHING: "the closing auction is being matched",
}
"""The phases in which no order can be entered, changed or cancelled, with the reason."""


PRE_OPEN_ENTRY = frozenset({PhaseKind.PRE_OPEN, PhaseKind.PRE_OPEN_LIMIT})
"""The phases before the opening auction in which orders can be entered."""
CLOSING_ENTRY = frozenset({PhaseKind.CLOSING_AUCTION, PhaseKind.CLOSING_AUCTION_LIMIT})
"""The phases before the closing auction in which orders can be entered."""
LIMIT_ONLY = frozenset({PhaseKind.PRE_OPEN_LIMIT, PhaseKind.CLOSING_AUCTION_LIMIT})
"""The phases in which market orders can neither be added nor changed."""


class Phase(Struct, frozen=True):
    """Hold one phase: `start` inclusive, `end` exclusive, both aware (UTC).

    Where the exchange ends order entry at a random moment, `may_end_from` is the earliest and `end` the latest. Send orders
    before `may_end_from`. It is None where the end is fixed.
    """

    kind: PhaseKind
    start: datetime
    end: datetime
    may_end_from: datetime | None = None


class Entry(NamedTuple):
    """Hold one phase of a timetable, with times in IST; `may_end_from` as in `Phase`."""

    kind: PhaseKind
    start: time
    end: time
    may_end_from: time | None = None


Timetable = tuple[Entry, ...]
"""Phases of a day, in order."""
