"""Open the sources of a home: sessions, market data and live prices."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from tradectl.errors import ConfigurationError, DataError, UncoveredDate
from tradectl.lazy import lazy
from tradectl.model.moment import ist_date, to_ist

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
    """Return the exchange's sessions with the operator's own overrides."""
    from tradectl.exchange.sessions import SessionTable

    return SessionTable.load(settings.sessions)


def open_store(settings: Settings, *, through: date | None = None) -> Store:
    """Return the home's market data. `through`: the last session whose bars are used; None means all."""
    from tradectl.marketdata.store import Store

    return Store(settings.market, open_sessions(settings), through=through)


def open_past(settings: Settings) -> Store:
    """Return the market data for research: with `--at`, without the bars that end after that moment."""
    if settings.at is None:
        return open_store(settings)
    day, session = ist_date(settings.at), None
    with suppress(UncoveredDate):
        session = open_sessions(settings).session(day)
    ended = session is not None and session.last_fill_at() <= settings.at
    return open_store(settings, through=day if ended else day - timedelta(days=1))


def no_bars(settings: Settings) -> DataError:
    """Return the error of research without a bar: none is stored, or none ends by the moment of `--at`."""
    newest = open_store(settings).last_session()
    if newest is None or settings.at is None:
        return DataError("there are no bars; `tradectl data import` imports them")
    return DataError(f"no stored bar ends by {to_ist(settings.at):%Y-%m-%d %H:%M} (--at); the newest one is of {newest}")


def open_prices(
    settings: Settings, mode: str, clock: SystemClock | VirtualClock, open_account: Callable[[], ReadOnlyAccount]
) -> PriceSource | None:
    """Return the source of live prices by the settings; None means the stored bars. `open_account` opens a read-only account.

    Raises ConfigurationError for an unknown source, and in a home that is not paper, because real orders use the prices of their
    broker.
    """
    if not settings.quotes:
        return None
    if mode != "paper":
        raise ConfigurationError(
            f"quotes from {settings.quotes} are only for paper homes; this home is {mode}, which uses its broker's quotes"
        )
    if settings.quotes != "yahoo":
        from tradectl.brokers.adapter import is_known, names

        if not is_known(settings.quotes):
            known = "'yahoo' or a broker (" + ", ".join(names()) + ")"
            raise ConfigurationError(f"the setting quotes must be {known}, or unset for stored bars; not {settings.quotes!r}")
        return lazy(lambda: open_account().quotes())
    from tradectl.marketdata.sources.delayed import YahooQuotes

    return YahooQuotes(settings.yahoo, settings.home / "yahoo", clock)
