"""Read the day's list of instruments: Kite's symbol, the series and the token of a share.

Kite generates the large list once a day, so it is stored in the account's folder. Series can change from one day to the next
(EQ to BE), and with them symbol and token. If the series differs from that of the market data, no buy is sent.

Source: kiteconnect-mocks instruments_nse.csv; documentation (gzip CSV, generated once a day).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Set
from datetime import date, datetime, timedelta
from pathlib import Path

from msgspec import Struct

from tradectl.brokers.http import value_ranges
from tradectl.brokers.http.strict_json import brief
from tradectl.brokers.http.value_ranges import TICK, Range, rupees, whole
from tradectl.errors import BrokerUnavailable, DataError, OrderRefused, UsageError
from tradectl.files import PRIVATE, replace_file
from tradectl.model.moment import ist_date
from tradectl.model.series import EQUITY_SERIES
from tradectl.ports import MarketData, OrderRules

RENEWED = timedelta(hours=8, minutes=30)
"""The time of day (08:30 IST) from which the list is today's. A list that was fetched earlier is fetched again.

Kite does not document when it generates the list; 08:30 is from memory."""
PREFIX = "kite-nse-"
_COLUMNS = ("exchange", "segment", "tradingsymbol", "tick_size", "instrument_token")
_TOKEN = Range(1, 2**32 - 1)
"""The range of instrument tokens, which have 32 bits in the ticker's packets."""


class KiteInstrument(Struct, frozen=True):
    """Hold one share as Kite lists it. `tick_size` is in paise."""

    tradingsymbol: str
    token: int
    series: str
    tick_size: int


class KiteInstruments:
    """Give the shares of NSE by symbol. `fetch` requests the CSV, which has several MB."""

    def __init__(self, folder: Path, fetch: Callable[[], bytes]) -> None:
        self._folder, self._fetch = folder, fetch
        self._edition: date | None = None
        self._listed: Mapping[str, KiteInstrument] = {}
        self._unreadable: Set[str] = frozenset()

    def find(self, symbol: str, now: datetime) -> KiteInstrument | None:
        """Return today's share of an NSE symbol, None for an unknown symbol. Raises BrokerUnavailable without a list."""
        return self._today(now).get(symbol)

    def require(self, symbol: str, now: datetime) -> KiteInstrument:
        """Return today's share of an NSE symbol. Raises UsageError for an unknown symbol, BrokerUnavailable without a list."""
        found = self.find(symbol, now)
        if found is None:
            raise UsageError(f"Kite does not list {symbol} on NSE today, or its row in the list of instruments cannot be read")
        return found

    def order_rules(self, symbol: str, now: datetime) -> OrderRules | None:
        """Return the tick of a share from the newest list, None if the list has no tick. The list has no freeze quantity.

        Raises:
            UsageError: The symbol is unknown.
        """
        found = self.require(symbol, now)
        return OrderRules(found.tick_size, ist_date(now - RENEWED)) if found.tick_size > 0 else None

    def to_buy(self, symbol: str, now: datetime, market: MarketData) -> KiteInstrument:
        """Return the share to buy.

        Raises:
            DataError: The market data has another series.
            OrderRefused: The row of the symbol cannot be read.
        """
        if symbol in self._odd(now):
            raise OrderRefused(f"the row of {symbol} in Kite's list of instruments cannot be read", code="instrument")
        found = self.require(symbol, now)
        day = ist_date(now)
        known = market.instrument(market.find(symbol, day), day).series
        if known != found.series:
            raise DataError(f"{symbol} is in series {found.series} at Kite and {known} in the market data: it is not bought")
        return found

    def _today(self, now: datetime) -> Mapping[str, KiteInstrument]:
        edition = ist_date(now - RENEWED)
        if edition != self._edition:
            self._listed, self._unreadable = read_list(self._content(edition))
            self._edition = edition
        return self._listed

    def _odd(self, now: datetime) -> Set[str]:
        self._today(now)
        return self._unreadable

    def _content(self, edition: date) -> bytes:
        file = self._folder / f"{PREFIX}{edition}.csv"
        if file.exists():
            return file.read_bytes()
        content = self._fetch()
        listed(content)  # raises for an unreadable list, which is then not stored
        replace_file(file, content, mode=PRIVATE, parents=True)
        for old in self._folder.glob(f"{PREFIX}*.csv"):
            if old.name < file.name:
                old.unlink(missing_ok=True)
        return content


def listed(content: bytes) -> dict[str, KiteInstrument]:
    """Return the shares of the equity series by symbol, each in its best series. Unreadable rows are omitted.

    Raises:
        BrokerUnavailable: The content is not the CSV.
    """
    return read_list(content)[0]


def read_list(content: bytes) -> tuple[dict[str, KiteInstrument], Set[str]]:
    """Return the shares of `listed`, and the symbols that only unreadable rows list. Raises BrokerUnavailable as `listed`."""
    found: dict[str, KiteInstrument] = {}
    odd: set[str] = set()
    try:
        reader = csv.DictReader(io.StringIO(content.decode()))
        if missing := [name for name in _COLUMNS if name not in (reader.fieldnames or ())]:
            raise BrokerUnavailable(f"Kite's list of instruments has no column {missing[0]}")
        for row in reader:
            if row["exchange"] != "NSE" or row["segment"] != "NSE":
                continue
            try:
                _add(found, row)
            except ValueError:
                odd.add(_parts(row["tradingsymbol"] or "")[0])
    except (csv.Error, ValueError) as error:
        raise BrokerUnavailable(f"Kite's list of instruments cannot be read: {brief(str(error))}") from error
    if not found:
        raise BrokerUnavailable("Kite's list of instruments has no share of NSE")
    return found, odd - found.keys()


def _add(found: dict[str, KiteInstrument], row: Mapping[str, str]) -> None:
    """Add a row unless `found` has the symbol in an equal or better series. Raises ValueError for an unreadable row."""
    symbol, series = _parts(value_ranges.symbol(row["tradingsymbol"], "tradingsymbol"))
    if symbol in found and EQUITY_SERIES.index(found[symbol].series) <= EQUITY_SERIES.index(series):
        return
    tick = rupees(row["tick_size"], "tick_size", TICK)
    found[symbol] = KiteInstrument(row["tradingsymbol"], whole(row["instrument_token"], "instrument_token", _TOKEN), series, tick)


def _parts(tradingsymbol: str) -> tuple[str, str]:
    """Return symbol and series. A suffix that is no share series stays in the symbol, so a bond (`IRFC-N1`) is never found."""
    head, dash, tail = tradingsymbol.rpartition("-")
    return (head, tail) if dash and tail in EQUITY_SERIES else (tradingsymbol, EQUITY_SERIES[0])
