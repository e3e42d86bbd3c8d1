"""What a home reads: sessions, market data, live prices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradectl.errors import ConfigurationError

if TYPE_CHECKING:
    from datetime import date

    from tradectl.clock import SystemClock, VirtualClock
    from tradectl.exchange.sessions import SessionTable
    from tradectl.marketdata.store import Store
    from tradectl.ports import PriceSource
    from tradectl.settings import Settings


def open_sessions(settings: Settings) -> SessionTable:
    """The exchange's sessions with the operator's own overrides."""
    from tradectl.exchange.sessions import SessionTable

    return SessionTable.load(settings.sessions if settings.sessions.exists() else None)


def open_store(settings: Settings, *, through: date | None = None) -> Store:
    """The market data beside the ledger; `through` a session it has no bar after it."""
    from tradectl.marketdata.store import Store

    return Store(settings.market, open_sessions(settings), through=through)


def open_prices(settings: Settings, mode: str, clock: SystemClock | VirtualClock) -> PriceSource | None:
    """The source of live prices that the settings choose, None for the stored bars. ConfigurationError for an unknown one, and
    for anything but paper: delayed prices are not for real money."""
    if not settings.quotes:
        return None
    if settings.quotes != "yahoo":
        raise ConfigurationError(f"quotes come from 'yahoo' or, left out, from the stored bars; not from {settings.quotes!r}")
    if mode != "paper":
        raise ConfigurationError(f"quotes from Yahoo are delayed: they are for paper, not for mode {mode}")
    from tradectl.marketdata.sources.delayed import YahooQuotes

    return YahooQuotes(settings.yahoo, settings.home / "yahoo", clock)
