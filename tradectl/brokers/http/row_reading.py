"""Read the rows of a broker's list one by one, so that one unreadable row does not reject the whole list.

An unreadable row is reported with its symbol, its field and the value that the broker sent. `read_field` adds the field's
name to the error of a parser. `NotedRow` records the last read field, for any other error.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from tradectl.brokers.http.replies import order_id
from tradectl.brokers.http.strict_json import UNREADABLE
from tradectl.brokers.http.value_ranges import SYMBOL, TAG, OddValue, brief
from tradectl.model.market import Quote
from tradectl.model.odd_rows import OddRow, Quotes, RowKind, Rows, odd_of
from tradectl.model.order import CLIENT_TAG, Holding

T = TypeVar("T")
S = TypeVar("S")


class NotedRow(Mapping[str, Any]):
    """Wrap a JSON row and record which field was read last, inner objects included (`ohlc.open`)."""

    __slots__ = ("_beginning", "_noted", "_row")

    def __init__(self, row: Mapping[str, Any], noted: list[str] | None = None, beginning: str = "") -> None:
        self._row, self._beginning = row, beginning
        self._noted: list[str] = noted if noted is not None else [""]

    def __getitem__(self, name: str) -> Any:
        self._noted[0] = f"{self._beginning}{name}"
        value = self._row[name]
        return NotedRow(value, self._noted, f"{self._noted[0]}.") if isinstance(value, dict) else value

    def __iter__(self) -> Iterator[str]:
        return iter(self._row)

    def __len__(self) -> int:
        return len(self._row)

    def __repr__(self) -> str:
        return repr(self._row)

    @property
    def last_field(self) -> str:
        """Return the field that was read last, empty if none was read."""
        return self._noted[0]

    @property
    def last_value(self) -> object:
        """Return the value of that field, `MISSING` if the row does not have it."""
        found: Any = self._row
        for name in self._noted[0].removeprefix(self._beginning).split("."):
            if not isinstance(found, Mapping) or name not in found:
                return MISSING
            found = found[name]
        return found


class _Missing:
    def __repr__(self) -> str:
        return "is missing"


MISSING = _Missing()


class RowFields(Struct, frozen=True):
    """Hold the names of a broker's fields; an empty name means that the rows do not have the field.

    Attributes:
        symbol_of: Converts the broker's symbol to the exchange's symbol.
        tag_of: Converts the broker's tag to the client tag, None for no tag.
        tags: A field with a list of more tags, which may contain a client tag.
    """

    symbol: str
    order_id: str = ""
    tag: str = ""
    symbol_of: Callable[[str], str] = str
    tag_of: Callable[[str], str | None] = str
    tags: str = ""


def read_field(row: Mapping[str, Any], name: str, read: Callable[[Any], T]) -> T:
    """Return the result of `read` for a field of a row.

    Raises:
        OddValue: `read` cannot read the value. The error has the name of the field and its value.
        KeyError: The row does not have the field.
    """
    value = row[name]
    try:
        return read(value)
    except UNREADABLE as error:
        raise OddValue(name, value) from error


def read_rows(kind: RowKind, rows: Iterable[Any], make: Callable[[Mapping[str, Any]], T | None], names: RowFields) -> Rows[T]:
    """Return the results of `make` for all rows, and the rows that it cannot read. `make` returns None to skip a row.

    `rows` is a list of the broker, or `Rows` made from one, whose odd rows are kept.

    Raises:
        TypeError: `rows` is no list, so the whole reply has an unexpected form.
    """
    if not isinstance(rows, list | tuple):
        raise TypeError(f"a list of {kind}s was expected, not {brief(rows)}")
    found: list[T] = []
    odd = list(odd_of(rows))
    for row in rows:
        made = read_row(kind, row, make, names)
        if isinstance(made, OddRow):
            odd.append(made)
        elif made is not None:
            found.append(made)
    return Rows(found, odd)


def read_row(kind: RowKind, row: Any, make: Callable[[Mapping[str, Any]], T | None], names: RowFields) -> T | OddRow | None:
    """Return the result of `make` for one row, or an odd row if `make` cannot read it."""
    if not isinstance(row, Mapping):
        return OddRow(kind, "", "", brief(row))
    noted = NotedRow(row)
    try:
        return make(noted)
    except OddValue as error:
        return odd_row(kind, row, names, error.field or noted.last_field, error.value)
    except UNREADABLE:
        return odd_row(kind, row, names, noted.last_field, brief(noted.last_value))


def read_quotes(rows: Iterable[tuple[str, Any]], make: Callable[[str, Mapping[str, Any]], Quote | None]) -> Quotes:
    """Return the quotes by symbol, and the unreadable rows. A symbol with an unreadable row has no quote.

    Args:
        rows: Pairs of the exchange's symbol and the broker's row.
        make: Returns the quote of a symbol and its row, None to skip the row.
    """
    found: dict[str, Quote] = {}
    odd: list[OddRow] = []
    for symbol, row in rows:
        made = read_row(RowKind.QUOTE, row, partial(make, symbol), RowFields(""))
        if isinstance(made, OddRow):
            odd.append(replace(made, symbol=symbol))
        elif made is not None:
            found[symbol] = made
    unread = {item.symbol for item in odd}
    return Quotes({symbol: quote for symbol, quote in found.items() if symbol not in unread}, odd)


def odd_row(kind: RowKind, row: Mapping[str, Any], names: RowFields, field: str, value: str) -> OddRow:
    """Return the odd row of a row, with its symbol, order id and tag as far as they can be read."""
    number = order_id(row.get(names.order_id)) if names.order_id else None
    tag = _tag(row, names)
    symbol = (_text(row, names.symbol, names.symbol_of) or "").strip().upper()
    return OddRow(
        kind,
        symbol if SYMBOL.fullmatch(symbol) else "",
        field,
        value,
        number or "",
        tag if tag is not None and TAG.fullmatch(tag) else "",
    )


def is_one_of(row: Mapping[str, Any], field: str, ours: Collection[str], others: Collection[str]) -> bool:
    """Return True if a field has one of the values `ours`, False for one of `others`.

    Raises:
        OddValue: The field has any other value. The row is not skipped, because it may belong to tradectl.
    """
    value = row[field]
    if not isinstance(value, str) or (value not in ours and value not in others):
        raise OddValue(field, value)
    return value in ours


def _tag(row: Mapping[str, Any], names: RowFields) -> str | None:
    """Return a tag of tradectl's form from any field of a row, else the row's first tag. None without a tag."""
    more = row.get(names.tags) if names.tags else None
    told = [names.tag_of(item) for item in more if isinstance(item, str)] if isinstance(more, list) else []
    found = [item for item in (_text(row, names.tag, names.tag_of), *told) if item]
    return next((item for item in found if CLIENT_TAG.fullmatch(item)), found[0] if found else None)


def _text(row: Mapping[str, Any], name: str, read: Callable[[str], str | None]) -> str | None:
    value = row.get(name) if name else None
    return read(value) if isinstance(value, str) else None


def readable_holdings(
    shares: Iterable[tuple[str, S]],
    make: Callable[[str, S], Holding | None],
    odd: Iterable[OddRow],
    kind: RowKind = RowKind.HOLDING,
) -> Rows[Holding]:
    """Return the holdings of the symbols whose rows could all be read, and the odd rows.

    Args:
        shares: Pairs of a symbol and the content of its rows.
        make: Returns the holding of a pair, None for no holding.
        odd: Odd rows that were found before.
    """
    found: list[Holding] = []
    rows = list(odd)
    named = {row.symbol for row in rows}
    for symbol, item in shares:
        if symbol in named:
            continue
        try:
            made = make(symbol, item)
        except OddValue as error:
            rows.append(OddRow(kind, symbol, error.field, error.value))
            continue
        if made is not None:
            found.append(made)
    return Rows(found, rows)
