"""Read the day's list of scrips, and find the scrip of a symbol: by ISIN where it is known, else by symbol and series.

One ISIN is listed in several series, of which one is for ordinary trading. Where that is not the series of the market data,
they miss an event of the stock, and it is not bought.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from io import StringIO
from pathlib import Path, PurePosixPath
from typing import Any

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
"""Columns with the largest quantity of one order; see `_most`."""
TRADED = SME_SERIES.union(EQUITY_SERIES)
"""Series of ordinary trading; the others are blocks, auctions, bonds."""


@dataclass(frozen=True, slots=True)
class Scrip:
    """A row of the list. `tick_size` in paise; `token` names it to quotes and feeds, `trading_symbol` to orders.

    `most_shares`: the smaller of its freeze quantity and its largest order; None where the list has neither."""

    token: str
    trading_symbol: str
    symbol: str
    series: str
    isin: str
    tick_size: int
    lot_size: int
    most_shares: int | None = None


class Scrips:
    """The list of one day."""

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
        """Return the ISIN behind a token; empty for an unknown one."""
        return self._isins.get(token, "")

    def find(self, instrument: Instrument, side: Side | None = None) -> Scrip:
        """Return the scrip of an instrument. Raises UsageError where Kotak has none; DataError for a BUY of one that is listed
        under another ISIN or in another series."""
        return find_share(instrument, side, self._by_isin, self._by_symbol, "Kotak")


def parse(text: str) -> list[Scrip]:
    """Return the readable rows of NSE's cash segment in Kotak's CSV. Raises KeyError for a missing column, csv.Error
    for a malformed file."""
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
    """Return the address of NSE's cash segment among the day's files. Raises KeyError, TypeError or ValueError where it is
    missing."""
    paths: Sequence[str] = answer["data"]["filesPaths"]
    found = [path for path in paths if PurePosixPath(path).name.startswith(SEGMENT)]
    if not found:
        raise ValueError(f"no file of {SEGMENT}")
    return found[0]


class ScripFile:
    """The list of a day, fetched once and kept in `folder`, where only the newest stays."""

    def __init__(self, folder: Path, fetch: Callable[[], bytes]) -> None:
        self._folder, self._fetch = folder, fetch
        self._of: tuple[date, Scrips] | None = None

    def order_rules(self, instrument: Instrument, day: date) -> OrderRules | None:
        """Return the rules of an instrument's orders by the list of a day; None where it has no tick. Raises UsageError where the
        list does not have the instrument."""
        scrip = self.of(day).find(instrument)
        return OrderRules(scrip.tick_size, day, scrip.most_shares) if scrip.tick_size > 0 else None

    def of(self, day: date) -> Scrips:
        """Return the list of a day. Raises BrokerUnavailable where it cannot be fetched or read."""
        if self._of is None or self._of[0] != day:
            self._of = day, self._read(day)
        return self._of[1]

    def _read(self, day: date) -> Scrips:
        file = self._folder / f"{SEGMENT}-{day}.csv"
        if file.exists():
            try:
                return _scrips(file.read_bytes())
            except BrokerUnavailable:
                file.unlink()  # half written, or damaged: it is fetched anew
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
    """Return a largest quantity; 0 where there is none (blank, -1, no number): the exchange then refuses by itself."""
    try:
        return whole(row.get(name) or 0, name, SHARES)
    except ValueError:
        return 0
