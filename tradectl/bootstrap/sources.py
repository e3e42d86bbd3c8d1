"""What a home reads: sessions, market data, live prices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradectl.errors import ConfigurationError
from tradectl.lazy import lazy

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from tradectl.brokers.account.read_only_account import ReadOnlyAccount
    from tradectl.clock import SystemClock, VirtualClock
    from tradectl.exchange.sessions import SessionTable
    from tradectl.marketdata.store import Store
    from tradectl.ports import PriceSource
    from tradectl.settings import Settings


def open_sessions(settings: Settings) -> SessionTable:
    """The exchange's sessions with the operator's own overrides."""
    from tradectl.exchange.sessions import SessionTable

    return SessionTable.load(settings.sessions)


def open_store(settings: Settings, *, through: date | None = None) -> Store:
    """The market data beside the ledger; `through` a session it has no bar after it."""
    from tradectl.marketdata.store import Store

    return Store(settings.market, open_sessions(settings), through=through)


def open_prices(
    settings: Settings, mode: str, clock: SystemClock | VirtualClock, look: Callable[[], ReadOnlyAccount]
) -> PriceSource | None:
    """The source of live prices that the settings choose, None for the stored bars; at a broker by who `look`s there.
    ConfigurationError for an unknown one, and for anything but paper: real money goes by the prices of where it trades."""
    if not settings.quotes:
        return None
    if mode != "paper":
        raise ConfigurationError(f"quotes from {settings.quotes} are for paper, not for mode {mode}")
    if settings.quotes != "yahoo":
        from tradectl.brokers.adapter import is_known, names

        if not is_known(settings.quotes):
            known = "'yahoo', from a broker (" + ", ".join(names()) + ")"
            raise ConfigurationError(f"quotes come from {known} or, left out, from the stored bars; not from {settings.quotes!r}")
        return lazy(lambda: look().quotes())
    from tradectl.marketdata.sources.delayed import YahooQuotes

    return YahooQuotes(settings.yahoo, settings.home / "yahoo", clock)
