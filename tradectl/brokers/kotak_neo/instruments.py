"""Read the day's list of scrips (Kotak's word for instruments). Find a scrip by ISIN, or by symbol and series without an ISIN.

Kotak lists one ISIN in several series; one of them is for ordinary trading. If our market data have another series, they lack a
change of the stock, and a BUY is rejected.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import date
from io import StringIO
from pathlib import Path, PurePosixPath
from typing import Any

from msgspec import Struct

from tradectl.brokers.account.securities import find_share
from tradectl.brokers.http import value_ranges
from tradectl.brokers.http.value_ranges import QUANTITY, SHARES, TICK, whole
from tradectl.brokers.kotak_neo.paths import SEGMENT
from tradectl.errors import BrokerUnavailable
from tradectl.files import PRIVATE, replace_file
from tradectl.model.market import Instrument
from tradectl.model.order import Side
from tradectl.model.series import EQUITY_SERIES, SME_SERIES
from tradectl.ports import OrderRules

_COLUMNS = ("pExchSeg", "pSymbol", "pTrdSymbol", "pSymbolName", "pGroup", "pISIN", "dTickSize", "lLotSize")
_FREEZE = ("lFreezeQty", "iMaxOrderSize")
"""Columns with the largest number of shares in one order; see `_most`."""
TRADED = SME_SERIES.union(EQUITY_SERIES)
"""Series of ordinary trading. The other series are block deals, auctions and bonds."""


class Scrip(Struct, frozen=True):
    """An instrument of Kotak's list.

    Attributes:
        token: Identifies the scrip in quotes and feeds.
        trading_symbol: Identifies the scrip in orders.
        tick_size: In paise.
        most_shares: The smaller of the freeze quantity and the largest order size; None if the list has neither.
    """

    token: str
    trading_symbol: str
    symbol: str
    series: str
    isin: str
    tick_size: int
    lot_size: int
    most_shares: int | None = None


class Scrips:
    """Find scrips in the list of one day."""

    def __init__(self, scrips: Iterable[Scrip]) -> None:
        self._by_isin: dict[str, list[Scrip]] = {}
        self._by_symbol: dict[str, list[Scrip]] = {}
        self._isins: dict[str, str] = {}
        for scrip in scrips:
            self._isins[scrip.token] = scrip.isin
            if scrip.series in TRADED:
                self._by_isin.setdefault(scrip.isin, []).append(scrip)
                self._by_symbol.setdefault(scrip.symbol, []).append(scrip)

    def isin_of(self, token: str) -> str:
        """Return the ISIN of a token; empty if the list does not have it."""
        return self._isins.get(token, "")

    def find(self, instrument: Instrument, side: Side | None = None) -> Scrip:
        """Return the scrip of an instrument.

        Raises:
            UsageError: Kotak does not list it.
            DataError: It is a BUY, and Kotak lists the share under another ISIN or series.
        """
        return find_share(instrument, side, self._by_isin, self._by_symbol, "Kotak")


def parse(text: str) -> list[Scrip]:
    """Return the scrips of NSE's cash segment in Kotak's CSV; rows that cannot be read are left out.

    Raises KeyError for a missing column, csv.Error for a malformed file.
    """
    reader = csv.DictReader(StringIO(text))
    reader.fieldnames = [name.strip().rstrip(";") for name in reader.fieldnames or ()]  # one header ends in a semicolon
    if missing := [name for name in _COLUMNS if name not in reader.fieldnames]:
        raise KeyError(missing[0])
    found = []
    for row in reader:
        if (row["pExchSeg"] or "").strip() == SEGMENT:
            with suppress(ValueError):
                found.append(_scrip({name: (value or "").strip() for name, value in row.items() if name}))
    return found


def path_of(answer: Any) -> str:
    """Return the address of the file for NSE's cash segment. Raises KeyError, TypeError or ValueError if it is missing."""
    paths: Sequence[str] = answer["data"]["filesPaths"]
    found = [path for path in paths if PurePosixPath(path).name.startswith(SEGMENT)]
    if not found:
        raise ValueError(f"no file of {SEGMENT}")
    return found[0]


class ScripFile:
    """Fetch the list of a day once, and keep the newest list in `folder`."""

    def __init__(self, folder: Path, fetch: Callable[[], bytes]) -> None:
        self._folder, self._fetch = folder, fetch
        self._of: tuple[date, Scrips] | None = None

    def order_rules(self, instrument: Instrument, day: date) -> OrderRules | None:
        """Return the order rules of an instrument by the list of a day; None if its tick size is 0. Errors: see `Scrips.find`."""
        scrip = self.of(day).find(instrument)
        return OrderRules(scrip.tick_size, day, scrip.most_shares) if scrip.tick_size > 0 else None

    def of(self, day: date) -> Scrips:
        """Return the list of a day. Raises BrokerUnavailable if it cannot be fetched or read."""
        if self._of is None or self._of[0] != day:
            self._of = day, self._read(day)
        return self._of[1]

    def _read(self, day: date) -> Scrips:
        file = self._folder / f"{SEGMENT}-{day}.csv"
        if file.exists():
            try:
                return _scrips(file.read_bytes())
            except BrokerUnavailable:
                file.unlink()  # the file is damaged: fetch it again
        content = self._fetch()
        scrips = _scrips(content)
        replace_file(file, content, mode=PRIVATE, parents=True)
        for old in self._folder.glob(f"{SEGMENT}-*.csv"):
            if old.name < file.name:
                old.unlink(missing_ok=True)
        return scrips


def _scrips(content: bytes) -> Scrips:
    try:
        found = parse(content.decode("utf-8-sig"))
    except (ValueError, KeyError, csv.Error) as error:
        raise BrokerUnavailable("Kotak's list of instruments cannot be read") from error
    if not found:
        raise BrokerUnavailable("Kotak's list of instruments is empty")
    return Scrips(found)


def _scrip(row: dict[str, str]) -> Scrip:
    """Return the scrip of a row. Raises OddValue if the row cannot be read."""
    return Scrip(
        value_ranges.identity(row["pSymbol"], "pSymbol"),
        value_ranges.symbol(row["pTrdSymbol"], "pTrdSymbol"),
        value_ranges.symbol(row["pSymbolName"], "pSymbolName"),
        row["pGroup"],
        row["pISIN"],
        whole(row["dTickSize"], "dTickSize", TICK),  # in paise already
        whole(row["lLotSize"], "lLotSize", QUANTITY),
        min((most for name in _FREEZE if (most := _most(row, name)) > 0), default=None),
    )


def _most(row: dict[str, str], name: str) -> int:
    """Return a largest quantity; 0 if there is none (blank, -1, no number). The exchange then rejects larger orders."""
    try:
        return whole(row.get(name) or 0, name, SHARES)
    except ValueError:
        return 0
