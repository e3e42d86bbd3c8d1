"""Provide the market of the conformance cards: three symbols, a virtual clock, and a paper exchange for the tested adapter.

ACME always trades at Rs 100.00. RISE opens at Rs 100.00 and rises to Rs 110.00 by the close. THIN has the prices of RISE and a
volume of 100 shares a minute, of which one order takes a tenth. All have bars from Thursday 2023-07-13 to Friday 2023-07-21.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path

from tradectl.brokers.paper import PaperBroker
from tradectl.clock import VirtualClock
from tradectl.exchange.sessions import SessionTable
from tradectl.lab.sandboxes.market import MarketListing, MemoryMarket, Minute, flat_bars
from tradectl.model.market import Bar, Instrument
from tradectl.model.moment import at_ist

SESSIONS = tuple(date(2023, 7, day) for day in (13, 14, 17, 18, 19, 20, 21))
THURSDAY, FRIDAY, MONDAY, TUESDAY, *_ = SESSIONS
CASH = 10_00_000_00
"""Rs 10,00,000 in paise."""
OPEN, HIGH = 100_00, 110_00
PART = 0.1
"""The fraction of a minute's volume that one order takes."""


def market() -> MemoryMarket:
    """Return a market with the three listings."""
    steady = MarketListing(_instrument("ACME", 1), flat_bars(SESSIONS, OPEN, volume=37_500_000))
    return MemoryMarket(steady, _rising("RISE", 2, volume=100_000), _rising("THIN", 3, volume=100))


def _instrument(symbol: str, number: int) -> Instrument:
    return Instrument(symbol, symbol, "EQ", f"INE{number:03}A01011", 5)


def _rising(symbol: str, number: int, *, volume: int) -> MarketListing:
    """Return a listing whose price rises from OPEN to HIGH in equal steps, each minute. `volume`: shares a minute."""
    bars = [Bar(day, OPEN, HIGH, OPEN, HIGH, 375 * volume) for day in SESSIONS]
    path = [_minute(minute, volume) for minute in range(375)]
    return MarketListing(_instrument(symbol, number), bars, minutes={day: list(path) for day in SESSIONS})


def _minute(minute: int, volume: int) -> Minute:
    low, high = (OPEN + (HIGH - OPEN) * step // 375 // 5 * 5 for step in (minute, minute + 1))
    return minute, low, high, low, high, volume


class Fixture:
    """A market, a clock and the file of a paper exchange. `exchange` opens the account in the calling thread."""

    def __init__(self, folder: Path, at: datetime) -> None:
        self.folder, self.clock = folder, VirtualClock(at)
        self.market, self.sessions = market(), SessionTable.load()

    def exchange(self) -> PaperBroker:
        """Open the paper exchange with the account `kit`."""
        return PaperBroker(
            self.folder / "paper.db",
            "kit",
            self.clock,
            self.market,
            self.sessions,
            participation=PART,
            durable=False,
            opening_cash=CASH,
        )


def ist(day: date, text: str) -> datetime:
    """Return the moment in UTC of a date and an IST time such as 09:15 or 09:15:30."""
    return at_ist(day, time.fromisoformat(text)).astimezone(UTC)
