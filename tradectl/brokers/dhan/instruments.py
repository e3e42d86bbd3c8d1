"""Read Dhan's daily list of instruments: the security id of each share, its series and its tick size.

The list of segment NSE_EQ has every series; one series of an ISIN is for ordinary trading. If our market data have another
series, they lack a change of the share, and a BUY of it is rejected.

Source: dhanhq.co/docs/v2/instruments (columns); rows of the list of 2026-08 in public repositories (ticks in paise).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from io import StringIO
from pathlib import Path

from msgspec import Struct

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
"""The time of day (IST) from which a fetched list counts as today's. Dhan documents no time: this is our choice."""
AGAIN = timedelta(minutes=5)
"""After a failed fetch, how long `names` uses an older list before it tries again."""
PREFIX = "dhan-nse-"
_COLUMNS = ("SECURITY_ID", "ISIN", "INSTRUMENT", "UNDERLYING_SYMBOL", "SYMBOL_NAME", "SERIES", "TICK_SIZE")
_ID = re.compile(r"[0-9]{1,12}")
"""A security id."""


class DhanInstrument(Struct, frozen=True):
    """A share in Dhan's list. `tick_size` is in paise."""

    security_id: str
    symbol: str
    series: str
    isin: str
    tick_size: int


class DhanInstrumentList:
    """Find shares in the list of one day."""

    def __init__(self, listed: Iterable[DhanInstrument]) -> None:
        self._by_isin: dict[str, list[DhanInstrument]] = {}
        self._by_symbol: dict[str, list[DhanInstrument]] = {}
        self._by_id: dict[str, DhanInstrument] = {}
        for item in listed:
            self._by_isin.setdefault(item.isin, []).append(item)
            self._by_symbol.setdefault(item.symbol, []).append(item)
            self._by_id[item.security_id] = item

    def of_id(self, security_id: str) -> DhanInstrument | None:
        """Return the share with a security id; None if the list does not have it."""
        return self._by_id.get(security_id)

    def of_isin(self, isin: object) -> DhanInstrument | None:
        """Return the share with an ISIN; None if the list does not have it."""
        found = self._by_isin.get(isin) if isinstance(isin, str) else None
        return found[0] if found else None

    def find(self, instrument: Instrument, side: Side | None = None) -> DhanInstrument:
        """Return Dhan's entry for an instrument, by its ISIN if that is known.

        Raises:
            UsageError: Dhan does not list it.
            DataError: It is a BUY, and Dhan lists the share under another ISIN or series.
        """
        return find_share(instrument, side, self._by_isin, self._by_symbol, "Dhan")


class DhanInstruments:
    """Fetch the list of the day and keep it in `folder`. `fetch` returns the CSV."""

    def __init__(self, folder: Path, market: MarketData, fetch: Callable[[], bytes]) -> None:
        self._folder, self._market, self._fetch = folder, market, fetch
        self._of: tuple[date, DhanInstrumentList] | None = None
        self._spare: tuple[datetime, DhanInstrumentList] | None = None

    def find(self, symbol: str, now: datetime, side: Side | None = None) -> DhanInstrument:
        """Return Dhan's entry for a symbol of NSE.

        Errors are those of `DhanInstrumentList.find`, and UsageError for a symbol that the market data do not have.
        """
        today = ist_date(now)
        return self.listing(now).find(self._market.instrument(self._market.find(symbol, today), today), side)

    def order_rules(self, symbol: str, now: datetime) -> OrderRules:
        """Return the tick size (paise) of a share and the date of the list. Errors are those of `find`."""
        return OrderRules(self.find(symbol, now).tick_size, ist_date(now - RENEWED))

    def listing(self, now: datetime) -> DhanInstrumentList:
        """Return the list that is valid now. Raises BrokerUnavailable if it cannot be fetched or read."""
        edition = ist_date(now - RENEWED)
        if self._of is None or self._of[0] != edition:
            self._of = edition, DhanInstrumentList(self._parsed(edition))
        return self._of[1]

    def names(self, now: datetime) -> DhanInstrumentList:
        """Return the list that maps rows to shares: the valid one, or else the newest one on disk.

        A security id never moves to another share, so an older list is safe for names. Raises BrokerUnavailable without any list.
        """
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
                file.unlink(missing_ok=True)  # the file is damaged: fetch it again
        content = self._fetch()
        found = parse(content)  # raises before an unreadable list is written
        replace_file(file, content, mode=PRIVATE, parents=True)
        for old in self._folder.glob(f"{PREFIX}*.csv"):
            if old.name < file.name:
                old.unlink(missing_ok=True)
        return found


def parse(content: bytes) -> list[DhanInstrument]:
    """Return the shares in the series of ordinary trading. A row that cannot be read is left out.

    Raises BrokerUnavailable if the file is not Dhan's CSV or has no such share.
    """
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
    """Return the share of a row; None if the row cannot be read."""
    try:
        symbol = value_ranges.symbol(row["UNDERLYING_SYMBOL"] or row["SYMBOL_NAME"], "UNDERLYING_SYMBOL")
        number = row["SECURITY_ID"] or ""
        if not _ID.fullmatch(number):
            return None
        return DhanInstrument(number, symbol, row["SERIES"], row["ISIN"] or "", _tick(row["TICK_SIZE"]))
    except OddValue:
        return None


def _tick(text: str) -> int:
    """Return a tick in paise. The list of 2026 has paise (10.0000 for Rs 0.10), older lists have rupees (0.0500)."""
    hundredths = rupees(text, "TICK_SIZE")
    return TICK.checked("TICK_SIZE", hundredths // 100 if hundredths % 100 == 0 else hundredths)
