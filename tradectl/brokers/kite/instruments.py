"""Read the day's list of instruments: Kite's symbol, the series and the token of a share.

Kite makes the list once a day and it is large, so it is kept in the account's folder. Series change from one day to the next
(EQ to BE), and with them symbol and token. A buy of a share whose series is not that of the market data is not sent.

Source: kiteconnect-mocks instruments_nse.csv; documentation (gzip CSV, made once a day).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from tradectl.brokers.http import value_ranges
from tradectl.brokers.http.strict_json import brief
from tradectl.brokers.http.value_ranges import TICK, Range, rupees, whole
from tradectl.errors import BrokerUnavailable, DataError, OrderRefused, UsageError
from tradectl.files import PRIVATE, replace_file
from tradectl.model.moment import ist_date
from tradectl.model.series import EQUITY_SERIES
from tradectl.ports import MarketData, OrderRules

RENEWED = timedelta(hours=8, minutes=30)
"""A list fetched earlier in the day may be yesterday's, and is fetched again. When it is made is not documented; 08:30 is from
memory."""
PREFIX = "kite-nse-"
_COLUMNS = ("exchange", "segment", "tradingsymbol", "tick_size", "instrument_token")
_TOKEN = Range(1, 2**32 - 1)
"""Numbers of instruments: the packets of the ticker have 32 bits for them."""


@dataclass(frozen=True, slots=True)
class KiteInstrument:
    """One share as Kite lists it. `tick_size` in paise."""

    tradingsymbol: str
    token: int
    series: str
    tick_size: int


class KiteInstruments:
    """The shares of NSE by symbol. `fetch` gets the CSV (one request of some MB)."""

    def __init__(self, folder: Path, fetch: Callable[[], bytes]) -> None:
        self._folder, self._fetch = folder, fetch
        self._edition: date | None = None
        self._listed: Mapping[str, KiteInstrument] = {}
        self._unreadable: Set[str] = frozenset()

    def find(self, symbol: str, now: datetime) -> KiteInstrument | None:
        """Return the share of an exchange's symbol today; None for an unknown one. Raises BrokerUnavailable without a list."""
        return self._today(now).get(symbol)

    def require(self, symbol: str, now: datetime) -> KiteInstrument:
        """Return the same. Raises UsageError for an unknown one."""
        found = self.find(symbol, now)
        if found is None:
            raise UsageError(f"Kite does not list {symbol} on NSE today, or its row in the list of instruments cannot be read")
        return found

    def order_rules(self, symbol: str, now: datetime) -> OrderRules | None:
        """Return the tick of a share by the newest list, which has no freeze quantity; None where it has no tick either. Raises
        UsageError for an unknown symbol."""
        found = self.require(symbol, now)
        return OrderRules(found.tick_size, ist_date(now - RENEWED)) if found.tick_size > 0 else None

    def to_buy(self, symbol: str, now: datetime, market: MarketData) -> KiteInstrument:
        """Return the share to buy. Raises DataError where the market data have another series, OrderRefused for an unreadable
        row."""
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
        listed(content)  # what cannot be read is not kept
        replace_file(file, content, mode=PRIVATE, parents=True)
        for old in self._folder.glob(f"{PREFIX}*.csv"):
            if old.name < file.name:
                old.unlink(missing_ok=True)
        return content


def listed(content: bytes) -> dict[str, KiteInstrument]:
    """Return the shares of the equity series, each in its best series. A row that cannot be read is left out.

    Raises:
        BrokerUnavailable: The content is not the CSV.
    """
    return read_list(content)[0]


def read_list(content: bytes) -> tuple[dict[str, KiteInstrument], Set[str]]:
    """Return the same, and the symbols whose rows cannot be read and that no other row lists."""
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
    """Add a row in a better series than what was found. Raises ValueError for one that cannot be read."""
    symbol, series = _parts(value_ranges.symbol(row["tradingsymbol"], "tradingsymbol"))
    if symbol in found and EQUITY_SERIES.index(found[symbol].series) <= EQUITY_SERIES.index(series):
        return
    tick = rupees(row["tick_size"], "tick_size", TICK)
    found[symbol] = KiteInstrument(row["tradingsymbol"], whole(row["instrument_token"], "instrument_token", _TOKEN), series, tick)


def _parts(tradingsymbol: str) -> tuple[str, str]:
    """Return symbol and series. Only series of shares are cut off, so a bond's (`IRFC-N1`) stays in its symbol and is never
    found."""
    head, dash, tail = tradingsymbol.rpartition("-")
    return (head, tail) if dash and tail in EQUITY_SERIES else (tradingsymbol, EQUITY_SERIES[0])
