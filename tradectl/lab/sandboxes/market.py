"""Provide market data in memory, a small implementation of `ports.MarketData`, for sandboxes and conformance cards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

import numpy as np
from msgspec.structs import replace

from tradectl.errors import UsageError
from tradectl.model.history import History, Ints
from tradectl.model.market import ActionKind, Bar, CorporateAction, Instrument
from tradectl.model.panel import Panel, stacked
from tradectl.model.renames import Rename, Renames
from tradectl.model.surveillance import Spells, Surveillance
from tradectl.strategy.trusted_prices import undecided_from

Minute = tuple[int, int, int, int, int, int]
"""Minute of the session (0 is 09:15), open, high, low, close (paise), volume."""


@dataclass
class MarketListing:
    """One instrument: its bars (oldest first), corporate actions, minute bars, and names (each with its first session)."""

    instrument: Instrument
    bars: list[Bar] = field(default_factory=list)
    actions: list[CorporateAction] = field(default_factory=list)
    minutes: dict[date, list[Minute]] = field(default_factory=dict)
    names: list[tuple[date, str]] = field(default_factory=list)

    def name_on(self, session: date) -> str:
        """Return the symbol of the instrument in a session."""
        return next((name for since, name in reversed(self.names) if since <= session), self.instrument.symbol)


class MemoryMarket:
    """The market data of the given listings."""

    def __init__(self, *listings: MarketListing) -> None:
        self._listings = {listing.instrument.instrument_id: listing for listing in listings}

    def renames(self) -> Renames:
        """Return the changes of names of the listings whose id is their last name, as that of every instrument of a folder."""
        named = [item.names for name, item in self._listings.items() if item.names and item.names[-1][1] == name]
        return Renames(Rename(before, after, since) for names in named for (_, before), (since, after) in pairwise(names))

    def universe(self, name: str) -> tuple[str, ...]:
        if name != "all":
            raise UsageError(f"no list {name}")
        return tuple(sorted(self._listings))

    def find(self, symbol: str, session: date) -> str:
        for instrument_id, listing in self._listings.items():
            if symbol in {listing.name_on(session), instrument_id}:
                return instrument_id
        owner = self.renames().owner(symbol, session)
        if owner in self._listings:
            return owner
        raise UsageError(f"{symbol} is unknown")

    def instrument(self, instrument_id: str, session: date) -> Instrument:
        listing = self._listings[instrument_id]
        return replace(listing.instrument, symbol=listing.name_on(session))

    def history(self, instrument_id: str) -> History | None:
        bars = self._listings[instrument_id].bars
        if not bars:
            return None

        def column(name: str) -> Ints:
            return np.array([getattr(bar, name) for bar in bars], dtype=np.int64)

        return History(
            instrument_id=instrument_id,
            sessions=np.array([bar.session.toordinal() for bar in bars], dtype=np.int64),
            open=column("open"),
            high=column("high"),
            low=column("low"),
            close=column("close"),
            volume=column("volume"),
            series=np.array([bar.series for bar in bars]),
            multiplier=np.array([self.multiplier(instrument_id, bar.session, bar.open) for bar in bars]),
        )

    def verify(self) -> str:
        return ""

    def panel(self) -> Panel:
        return stacked(history for name in self._listings if (history := self.history(name)) is not None)

    def edition(self) -> str:
        return "made in memory"

    def names(self, instrument_ids: Sequence[str], session: date) -> list[tuple[str, str | None]]:
        found = (self.instrument(instrument_id, session) for instrument_id in instrument_ids)
        return [(instrument.symbol, instrument.isin) for instrument in found]

    def actions(self, instrument_id: str, after: date, through: date) -> tuple[CorporateAction, ...]:
        return tuple(action for action in self._listings[instrument_id].actions if after < action.ex_date <= through)

    def surveillance(self, session: date) -> Surveillance:
        return Surveillance(session)

    def excluded(self, instrument_id: str) -> Spells:  # noqa: ARG002 - no list is in memory
        return ()

    def undecided(self) -> dict[str, date]:
        found = {name: undecided_from(listing.actions) for name, listing in self._listings.items()}
        return {name: day for name, day in found.items() if day is not None}

    def multiplier(self, instrument_id: str, session: date, open_price: int | None) -> float | None:
        product = 1.0
        for action in self.actions(instrument_id, date.min, session):
            if action.kind is ActionKind.DEMERGER:
                before = [bar for bar in self._listings[instrument_id].bars if bar.session < action.ex_date][-1]
                opened = next(
                    (bar.open for bar in self._listings[instrument_id].bars if bar.session == action.ex_date), open_price
                )
                if opened is None or (action.ex_date == session and open_price is None):
                    return None
                product *= before.close / opened
            product *= float(action.ratio)
        return product

    def minute_sessions(self, instrument_id: str) -> frozenset[date]:
        return frozenset(self._listings[instrument_id].minutes)

    def minutes(self, instrument_id: str, session: date) -> Sequence[Minute]:
        return self._listings[instrument_id].minutes.get(session, ())


def flat_bars(sessions: Sequence[date], price: int, volume: int = 375_000) -> list[Bar]:
    """Return one bar for each session, with one constant price in paise."""
    return [Bar(session, price, price, price, price, volume) for session in sessions]
