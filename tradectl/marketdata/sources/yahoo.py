"""Fetch Yahoo's charts through yfinance, one reply per symbol. Each reply is checked to be of the requested symbol.

Yahoo's ticker is NSE's symbol with `.NS`; `&` and `-` stay. Yahoo divides historical prices by later splits and bonuses, but
does not adjust them for dividends (`auto_adjust` is off).
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yfinance
from msgspec import Struct
from yfinance.cache import get_tz_cache
from yfinance.config import YfConfig
from yfinance.exceptions import YFException, YFPricesMissingError

from tradectl.errors import ConfigurationError, DataError
from tradectl.marketdata.sources.past import Past, Row
from tradectl.marketdata.sources.request_pacer import RequestPacer, TemporaryFailure
from tradectl.marketdata.sources.yahoo_session import YahooSession

if TYPE_CHECKING:
    import pandas as pd

PERIODS = (("5d", 4), ("1mo", 27), ("3mo", 87), ("6mo", 178), ("1y", 363), ("2y", 728), ("5y", 1824), ("10y", 3650))
"""Yahoo's names of periods, with the days that each one certainly contains. A period ends today, so it has all later splits."""
ZONE = "Asia/Kolkata"
FACTS = ("symbol", "currency", "exchangeTimezoneName", "regularMarketPrice", "regularMarketTime")
"""The keys that are read from a chart's `meta`. Reading other keys makes yfinance send another request."""
NOISE = 2.5e-7
"""Relative rounding error of Yahoo's prices, which have seven digits. A larger difference has another cause than a split."""
UNREADABLE = (ValueError, KeyError, TypeError, IndexError, AttributeError)
"""Errors that yfinance raises for a reply of an unexpected shape."""


class Chart(Struct, frozen=True):
    """Hold the chart of one symbol.

    `frame`: one row per session (Open, High, Low, Close, Volume, Stock Splits), prices in rupees, dated in IST. `facts`: the
    values of FACTS."""

    symbol: str
    frame: pd.DataFrame
    facts: Mapping[str, Any]


def ticker_of(symbol: str) -> str:
    """Return Yahoo's ticker of an NSE symbol."""
    return f"{symbol}.NS"


def period_since(first: date, today: date) -> str:
    """Return the name of Yahoo's shortest period that contains a date. Raises DataError if none does."""
    back = (today - first).days
    for word, days in PERIODS:
        if back <= days:
            return word
    raise DataError(f"Yahoo's longest period is ten years, and {first} is longer ago")


class Yahoo:
    """Fetch charts from Yahoo.

    `base`: URL that replaces Yahoo's; empty for Yahoo itself. `cache`: folder for the cookies of yfinance."""

    def __init__(self, base: str, cache: Path, pacer: RequestPacer) -> None:
        try:
            cache.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"{cache}: {error.strerror or error}") from error
        yfinance.set_tz_cache_location(str(cache))
        YfConfig.debug.hide_exceptions = False
        logging.getLogger("yfinance").setLevel(logging.CRITICAL)
        logging.getLogger("bs4").setLevel(logging.CRITICAL)  # yfinance reads pages by it; cron would mail its remarks
        self._pacer = pacer
        self._session = YahooSession(base, pacer)

    def chart(self, symbol: str, period: str) -> Chart | None:
        """Return the daily bars of a period that ends today; None for a symbol that Yahoo does not know.

        Raises SourceUnavailable if Yahoo fails, and DataError for a reply that is invalid or about another symbol.
        """
        return self._pacer.retrying()(self._once, symbol, period)

    def _once(self, symbol: str, period: str) -> Chart | None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._store_zone(ticker_of(symbol))
                ticker = yfinance.Ticker(ticker_of(symbol), session=self._session)
                frame = ticker.history(period=period, interval="1d", auto_adjust=False, actions=True, keepna=True)
                facts = {name: ticker.history_metadata.get(name) for name in FACTS}
        except YFPricesMissingError:
            return None
        except YFException as error:
            raise TemporaryFailure(f"Yahoo: {error}") from error
        except UNREADABLE as error:
            raise DataError(f"{symbol}: Yahoo's reply cannot be read ({type(error).__name__})") from error
        self._refuse_another(symbol, facts)
        return Chart(symbol, frame, facts)

    def _store_zone(self, ticker: str) -> None:
        """Store the time zone of an NSE share for yfinance, which saves a request. The zone of the reply is still checked."""
        zones = get_tz_cache()
        if zones.lookup(ticker) is None:
            zones.store(ticker, ZONE)

    def _refuse_another(self, symbol: str, facts: Mapping[str, Any]) -> None:
        expected = {"symbol": ticker_of(symbol), "currency": "INR", "exchangeTimezoneName": ZONE}
        for fact, value in expected.items():
            if facts.get(fact) != value:
                raise DataError(f"{symbol}: Yahoo's reply has {fact} {facts.get(fact)}, not {value}")


class YahooPast:
    """Read adjusted histories from Yahoo. `today`: the machine's date, on which Yahoo's periods end."""

    name, title = "yahoo", "Yahoo"

    def __init__(self, yahoo: Yahoo, today: date) -> None:
        self._yahoo, self._today = yahoo, today

    def past(self, symbol: str, first: date, last: date) -> Past | None:  # noqa: ARG002 - a period ends today
        chart = self._yahoo.chart(symbol, period_since(first, self._today))
        if chart is None:
            return None
        rows: dict[date, Row] = {}
        splits: dict[date, Fraction] = {}
        columns = chart.frame[["Open", "High", "Low", "Close", "Volume", "Stock Splits"]]
        for stamp, opened, high, low, close, volume, split in columns.itertuples(name=None):
            rows[stamp.date()] = (opened * 100, high * 100, low * 100, close * 100, volume)
            if split > 0:
                splits[stamp.date()] = Fraction(split).limit_denominator(10_000)
        return Past(rows, splits)

    def blur(self, price: float, factor: float) -> float:  # noqa: ARG002 - the protocol has it
        return 0.02 + price * NOISE
