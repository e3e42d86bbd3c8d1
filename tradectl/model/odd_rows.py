"""Keep the rows of a broker's list that cannot be read (odd rows) beside the rows that can.

An odd row stops the trading of its symbol, and of no other symbol.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeVar

from msgspec import Struct

from tradectl.model.market import Quote

T = TypeVar("T")
KEPT_UNDER = ("reconcile", "odd_row")
"""The task and the rule under which odd rows are stored as decisions."""


class RowKind(StrEnum):
    """The list of a broker that a row is from."""

    ORDER = "order"
    TRADE = "trade"
    HOLDING = "holding"
    POSITION = "position"
    QUOTE = "quote"
    TICK = "tick"


class OddRow(Struct, frozen=True):
    """A row that cannot be read.

    Attributes:
        field: The broker's name of the wrong field; empty if the whole row is wrong.
        value: The text of that field.
        symbol, broker_order_id, tag: The fields that identify the row; empty if they cannot be read either.
    """

    kind: RowKind
    symbol: str
    field: str
    value: str
    broker_order_id: str = ""
    tag: str = ""

    @property
    def text(self) -> str:
        """Return a text such as `a row of the broker's orders for ZULU cannot be read (price 102.345)`."""
        of = f" for {self.symbol}" if self.symbol else " without a symbol"
        number = f", broker order {self.broker_order_id}," if self.broker_order_id else ""
        return f"a row of the broker's {self.kind}s{of}{number} cannot be read ({self.field or 'row'} {self.value})"


class Rows(tuple[T, ...]):
    """The readable rows of a list, and its odd rows (`odd`). Two values are equal only if both parts are equal."""

    odd: tuple[OddRow, ...]

    def __new__(cls, found: Iterable[T] = (), odd: Iterable[OddRow] = ()) -> Rows[T]:
        made = super().__new__(cls, found)
        made.odd = tuple(odd)
        return made

    def __eq__(self, other: object) -> bool:
        return tuple.__eq__(self, other) and self.odd == odd_of(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((tuple(self), self.odd))


class Quotes(dict[str, Quote]):
    """Quotes by symbol, and the odd rows (`odd`)."""

    def __init__(self, found: Mapping[str, Quote] | None = None, odd: Iterable[OddRow] = ()) -> None:
        super().__init__(found or {})
        self.odd = tuple(odd)


def odd_of(rows: object) -> tuple[OddRow, ...]:
    """Return the odd rows of a list; none for a value without odd rows."""
    return rows.odd if isinstance(rows, (Rows, Quotes)) else ()
