"""Fetch quotes from Yahoo for a paper home. Quotes are marked as delayed and are never later than the clock."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from tradectl.errors import DataError
from tradectl.marketdata.sources.request_pacer import RequestLimits, RequestPacer
from tradectl.model.market import Quote
from tradectl.model.moment import ist_date

if TYPE_CHECKING:
    from tradectl.marketdata.sources.yahoo import Chart, Yahoo
    from tradectl.ports import Clock

SOURCE = "yahoo"
DELAY = timedelta(minutes=15)
"""Assumed delay, the usual one of free prices. Quotes of some symbols are newer, but tradectl does not rely on that."""
QUOTE_LIMITS = RequestLimits(attempts=2, read=5.0)
"""Short limits: a monitor runs again in a minute, so a missing price is better than a long wait."""
KEPT = timedelta(seconds=20)
"""How long a quote is reused, so that the tasks of one minute share a reply."""


class YahooQuotes:
    """Provide the price source `yahoo`. The client is created at its first use, so that other commands start fast."""

    def __init__(self, base: str, cache: Path, clock: Clock) -> None:
        self._base, self._cache, self._clock = base, cache, clock
        self._known: dict[str, tuple[datetime, Quote | None]] = {}

    delay = DELAY

    @cached_property
    def _yahoo(self) -> Yahoo:
        from tradectl.marketdata.sources.yahoo import Yahoo

        return Yahoo(self._base, self._cache, RequestPacer(QUOTE_LIMITS))

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Return the last quotes by symbol.

        A symbol is absent if Yahoo does not know it, or if its price is later than the clock's time."""
        found = ((symbol, self._quote(symbol)) for symbol in symbols)
        return {symbol: quote for symbol, quote in found if quote is not None}

    def _quote(self, symbol: str) -> Quote | None:
        now = self._clock.now()
        asked_at, quote = self._known.get(symbol, (None, None))
        if asked_at is None or not asked_at <= now < asked_at + KEPT:
            quote = self._ask(symbol)
            self._known[symbol] = now, quote
        return quote if quote is not None and quote.at <= now else None

    def _ask(self, symbol: str) -> Quote | None:
        """Return Yahoo's quote. None without one or for an invalid reply, so that one bad symbol does not stop the others."""
        try:
            chart = self._yahoo.chart(symbol, "5d")
        except DataError:
            return None
        return quote_of(chart) if chart is not None else None


def quote_of(chart: Chart) -> Quote | None:
    """Return the quote of a chart, with the day's prices if the chart's last row has the same date. None without a price."""
    last, traded = _paise(chart.facts.get("regularMarketPrice")), chart.facts.get("regularMarketTime")
    if last is None or traded is None or not hasattr(traded, "to_pydatetime"):
        return None
    at: datetime = traded.to_pydatetime().astimezone(UTC)
    quote = Quote(chart.symbol, last, at, SOURCE, delay=DELAY, last_trade_at=at)
    return _with_day(quote, chart)


def _with_day(quote: Quote, chart: Chart) -> Quote:
    if chart.frame.empty or chart.frame.index[-1].date() != ist_date(quote.at):
        return quote
    row = chart.frame.iloc[-1]
    opened, high, low = (_paise(row[name]) for name in ("Open", "High", "Low"))
    if opened is None or high is None or low is None:
        return quote
    high, low = max(high, opened, quote.last), min(low, opened, quote.last)
    return replace(quote, open=opened, high=high, low=low, volume=max(0, int(row["Volume"])))


def _paise(value: Any) -> int | None:
    """Convert rupees to paise. None if the value is not a price."""
    if not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        return None
    return round(float(value) * 100)
