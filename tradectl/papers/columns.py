"""Find the columns of a paper by any of their usual names, and convert their cells exactly.

The file itself is decoded by `marketdata.importers.source`: byte order mark, line ends, delimiter and column order do not matter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from msgspec import Struct

from tradectl.errors import DataError
from tradectl.marketdata.importers.source import SourceFile, read_columns
from tradectl.marketdata.importers.stamps import IST_OFFSET, read_date, read_time, split_stamp, why_no_date
from tradectl.model.money import Paise
from tradectl.model.symbols import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

_GROUPED = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d{1,2}(,\d{2})*,\d{3}|\d+)(\.\d*)?|[+-]?\.\d+", re.ASCII)
MOST = Decimal(10) ** 13
"""The largest amount in rupees that a paper may have."""


class Cells(Struct, frozen=True):
    """One row of a paper, with `where` for messages: file and line."""

    where: str
    row: int
    cells: Mapping[str, str]

    def text(self, name: str) -> str:
        """Return a cell as text; empty if the paper does not have the column."""
        return self.cells.get(name, "")

    def bad(self, name: str, why: str) -> DataError:
        """Return the error for a cell."""
        return DataError(f"{self.where}: {name} {shown(self.text(name))} {why}")

    def day(self, name: str) -> date:
        """Return a date. Raises DataError."""
        found = read_date(self.text(name))
        if found is None:
            raise self.bad(name, why_no_date(self.text(name)))
        return found

    def moment(self, name: str) -> datetime | None:
        """Return a moment, Indian time if it has no zone; None for an empty cell. Raises DataError."""
        text = self.text(name)
        if not text:
            return None
        day, _, rest = split_stamp(text)
        found, at = read_date(day), read_time(rest)
        if found is None or at is None:
            raise self.bad(name, "is not a time like 2024-01-15T09:15:00")
        start = datetime(found.year, found.month, found.day, tzinfo=UTC)
        offset = IST_OFFSET if at.offset is None else at.offset
        return start + timedelta(minutes=at.minute - offset, seconds=at.second)

    def count(self, name: str) -> int:
        """Return a whole number above 0. Raises DataError."""
        value = self._number(name)
        if value != int(value) or value <= 0:
            raise self.bad(name, "is not a whole number above 0")
        return int(value)

    def paise(self, name: str) -> Paise:
        """Return an amount in rupees as paise; it may be negative. Raises DataError for more than two decimals."""
        scaled = self._number(name) * 100
        if scaled != int(scaled):
            raise self.bad(name, "has more than two decimals")
        return int(scaled)

    def price(self, name: str) -> Paise:
        """Return a price above 0 in paise. Raises DataError."""
        found = self.paise(name)
        if found <= 0:
            raise self.bad(name, "is not a price: it is zero or negative")
        return found

    def _number(self, name: str) -> Decimal:
        text = self.text(name).removeprefix("₹").strip()
        if not _GROUPED.fullmatch(text):
            raise self.bad(name, "is not a number")
        try:
            value = Decimal(text.replace(",", ""))
        except InvalidOperation as error:  # a lone dot or sign
            raise self.bad(name, "is not a number") from error
        if abs(value) > MOST:
            raise self.bad(name, "is too large")
        return value


def plain(name: str) -> str:
    """Return a column name with underscores for all that is no letter or digit: `Trade Date` and `trade_date` are the same."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def rows_of(source: SourceFile, needed: Mapping[str, Sequence[str]], other: Mapping[str, Sequence[str]]) -> Iterator[Cells]:
    """Yield the rows of a paper.

    Args:
        source: The decoded file.
        needed: The names that each needed column may have, by the name of the result.
        other: The same for columns that may be missing.

    Raises:
        DataError: A needed column is missing, or a line has another number of fields than the header.
    """
    by_plain = {plain(column): column for column in source.header if column}
    wanted: dict[str, str] = {}
    for name, spellings in {**needed, **other}.items():
        found = next((by_plain[item] for item in (name, *spellings) if item in by_plain), None)
        if found is not None:
            wanted[found] = name
        elif name in needed:
            raise DataError(f"{source.name}: has no column {name!r}; its columns are {', '.join(source.header)}"[:400])
    frame = read_columns(source, wanted)
    names = list(frame.columns)
    for row, values in zip(frame.index, frame.itertuples(index=False), strict=True):
        yield Cells(f"{source.name} row {row}", int(row), dict(zip(names, map(str, values), strict=True)))
