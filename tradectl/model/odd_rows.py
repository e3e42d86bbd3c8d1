"""Rows of a broker that cannot be read: what each says of itself, beside the rows that could be read.

A row that cannot be read is never a value. It stops the symbol that it names, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from tradectl.model.market import Quote

T = TypeVar("T")
KEPT_UNDER = ("reconcile", "odd_row")
"""The task and the rule under which odd rows are kept among the decisions."""


class RowKind(StrEnum):
    """The list of a broker that a row is from."""

    ORDER = "order"
    TRADE = "trade"
    HOLDING = "holding"
    POSITION = "position"
    QUOTE = "quote"
    TICK = "tick"


@dataclass(frozen=True, slots=True)
class OddRow:
    """A row that cannot be read. `field`: the broker's name of what is wrong, `value`: what it has there.

    `symbol`, `broker_order_id` and `tag` are what the row says of itself; empty where that cannot be read either.
    """

    kind: RowKind
    symbol: str
    field: str
    value: str
    broker_order_id: str = ""
    tag: str = ""

    @property
    def text(self) -> str:
        """The row in one phrase: `a row of the broker's orders for ZULU cannot be read (price 102.345)`."""
        of = f" for {self.symbol}" if self.symbol else " without a symbol"
        number = f", broker order {self.broker_order_id}," if self.broker_order_id else ""
        return f"a row of the broker's {self.kind}s{of}{number} cannot be read ({self.field or 'row'} {self.value})"


class Rows(tuple[T, ...]):
    """The rows of a list that could be read, and those that could not (`odd`). Equal only where both are."""

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
    """Quotes by symbol, and the rows of quotes that could not be read (`odd`)."""

    def __init__(self, found: Mapping[str, Quote] | None = None, odd: Iterable[OddRow] = ()) -> None:
        super().__init__(found or {})
        self.odd = tuple(odd)


def odd_of(rows: object) -> tuple[OddRow, ...]:
    """Return the rows of an answer that could not be read."""
    return rows.odd if isinstance(rows, (Rows, Quotes)) else ()
