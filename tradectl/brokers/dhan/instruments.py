"""Read the day's list of instruments: the security id of a share, its series and its tick.

The list of segment NSE_EQ has every series; one series of an ISIN is for ordinary trading. If the market data have
another series, they lack an event of the share, and a BUY of it is rejected.

Source: dhanhq.co/docs/v2/instruments (columns); rows of the list of 2026-08 in public repositories (ticks in paise).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from io import StringIO
from pathlib import Path

from tradectl.brokers.account.securities import find_share
from tradectl.brokers.http import value_ranges
from tradectl.brokers.http.strict_json import brief
from tradectl.brokers.http.value_ranges import TICK, OddValue, rupees
from tradectl.errors import BrokerUnavailable
from tradectl.files import PRIVATE, replace_file
from tradectl.model.market import Instrument
from tradectl.model.moment import ist_date
from tradectl.model.order import Side
from tradectl.model.series import EQUITY_SERIES
from tradectl.ports import MarketData, OrderRules

RENEWED = timedelta(hours=8, minutes=30)
"""A list from before this time of day (IST) may be yesterday's. Dhan documents no time: our choice."""
AGAIN = timedelta(minutes=5)
"""A list that could not be fetched is not requested again for so long, where only names are needed."""
PREFIX = "dhan-nse-"
_COLUMNS = ("SECURITY_ID", "ISIN", "INSTRUMENT", "UNDERLYING_SYMBOL", "SYMBOL_NAME", "SERIES", "TICK_SIZE")
_ID = re.compile(r"[0-9]{1,12}")
"""A security id."""


@dataclass(frozen=True, slots=True)
class DhanInstrument:
    """One share as Dhan lists it. `tick_size` in paise."""

    security_id: str
    symbol: str
    series: str
    isin: str
    tick_size: int


class DhanInstrumentList:
    """The list of one day."""

    def __init__(self, listed: Iterable[DhanInstrument]) -> None:
        self._by_isin: dict[str, list[DhanInstrument]] = {}
        self._by_symbol: dict[str, list[DhanInstrument]] = {}
        self._by_id: dict[str, DhanInstrument] = {}
        for item in listed:
            self._by_isin.setdefault(item.isin, []).append(item)
            self._by_symbol.setdefault(item.symbol, []).append(item)
            self._by_id[item.security_id] = item

    def of_id(self, security_id: str) -> DhanInstrument | None:
        """Return the share behind a security id; None for another instrument."""
        return self._by_id.get(security_id)

    def of_isin(self, isin: object) -> DhanInstrument | None:
        """Return the share with an ISIN; None for none."""
        found = self._by_isin.get(isin) if isinstance(isin, str) else None
        return found[0] if found else None

    def find(self, instrument: Instrument, side: Side | None = None) -> DhanInstrument:
        """Return the share of an instrument, by ISIN where it is known. UsageError where Dhan lists none; DataError for a BUY of
        what Dhan lists under another ISIN or series."""
        return find_share(instrument, side, self._by_isin, self._by_symbol, "Dhan")


class DhanInstruments:
    """The list of the day, kept in `folder`. `fetch` gets the CSV."""

    def __init__(self, folder: Path, market: MarketData, fetch: Callable[[], bytes]) -> None:
        self._folder, self._market, self._fetch = folder, market, fetch
        self._of: tuple[date, DhanInstrumentList] | None = None
        self._spare: tuple[datetime, DhanInstrumentList] | None = None

    def find(self, symbol: str, now: datetime, side: Side | None = None) -> DhanInstrument:
        """Return the share of an exchange's symbol. Errors: those of `DhanInstrumentList.find`, and UsageError for one that the
        market data lack."""
        today = ist_date(now)
        return self.listing(now).find(self._market.instrument(self._market.find(symbol, today), today), side)

    def order_rules(self, symbol: str, now: datetime) -> OrderRules:
        """Return the tick size (paise) of a share and the date of the newest list. Errors: those of `find`."""
        return OrderRules(self.find(symbol, now).tick_size, ist_date(now - RENEWED))

    def listing(self, now: datetime) -> DhanInstrumentList:
        """Return the list that holds now. BrokerUnavailable where it cannot be had or read."""
        edition = ist_date(now - RENEWED)
        if self._of is None or self._of[0] != edition:
            self._of = edition, DhanInstrumentList(self._parsed(edition))
        return self._of[1]

    def names(self, now: datetime) -> DhanInstrumentList:
        """Return the list that maps rows to shares: the valid one, or else the newest kept. A security
        id never changes its share, so an older list serves too. Raises BrokerUnavailable without any list."""
        if self._spare is not None and self._spare[0] <= now < self._spare[0] + AGAIN:
            return self._spare[1]
        try:
            return self.listing(now)
        except BrokerUnavailable:
            kept = sorted(self._folder.glob(f"{PREFIX}*.csv"))
            if not kept:
                raise
            self._spare = now, DhanInstrumentList(parse(kept[-1].read_bytes()))
            return self._spare[1]

    def _parsed(self, edition: date) -> list[DhanInstrument]:
        file = self._folder / f"{PREFIX}{edition}.csv"
        if file.exists():
            try:
                return parse(file.read_bytes())
            except BrokerUnavailable:
                file.unlink(missing_ok=True)  # damaged: it is fetched again
        content = self._fetch()
        found = parse(content)  # what cannot be read is not kept
        replace_file(file, content, mode=PRIVATE, parents=True)
        for old in self._folder.glob(f"{PREFIX}*.csv"):
            if old.name < file.name:
                old.unlink(missing_ok=True)
        return found


def parse(content: bytes) -> list[DhanInstrument]:
    """Return the shares of the series that are traded here. A row that cannot be read is left out. BrokerUnavailable for anything
    but the CSV."""
    try:
        reader = csv.DictReader(StringIO(content.decode("utf-8-sig")))
        if missing := [name for name in _COLUMNS if name not in (reader.fieldnames or ())]:
            raise BrokerUnavailable(f"Dhan's list of instruments has no column {missing[0]}")
        listed = (_listed(row) for row in reader if row["INSTRUMENT"] == "EQUITY" and row["SERIES"] in EQUITY_SERIES)
        found = [item for item in listed if item is not None]
    except (csv.Error, ValueError) as error:
        raise BrokerUnavailable(f"Dhan's list of instruments cannot be read: {brief(str(error))}") from error
    if not found:
        raise BrokerUnavailable("Dhan's list of instruments has no share of NSE")
    return found


def _listed(row: Mapping[str, str]) -> DhanInstrument | None:
    """Return a row; None for one that cannot be read."""
    try:
        symbol = value_ranges.symbol(row["UNDERLYING_SYMBOL"] or row["SYMBOL_NAME"], "UNDERLYING_SYMBOL")
        number = row["SECURITY_ID"] or ""
        if not _ID.fullmatch(number):
            return None
        return DhanInstrument(number, symbol, row["SERIES"], row["ISIN"] or "", _tick(row["TICK_SIZE"]))
    except OddValue:
        return None


def _tick(text: str) -> int:
    """Return a tick in paise. The list of 2026 has paise (10.0000 for Rs 0.10); older ones have rupees (0.0500)."""
    hundredths = rupees(text, "TICK_SIZE")
    return TICK.checked("TICK_SIZE", hundredths // 100 if hundredths % 100 == 0 else hundredths)
