"""Read the charge rates of one broker and date from dated tables into integers, so that charges are exact and fast.

A rate on value is in paise per crore of rupees, that is per 10**9 paise of value: `value * rate / 10**9` paise.

`charges.csv` holds the levies, which are the same at every broker, and Zerodha's charges. `broker_charges.csv` holds the
charges of other brokers, without the levies. A `Tariff` is one broker's whole table; `tariffs` reads the operator's tables.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right, insort
from collections.abc import Iterable
from datetime import date
from functools import cache, cached_property
from typing import Any, NamedTuple

from msgspec import Struct

from tradectl.exchange.tables import in_force, rows
from tradectl.model.money import to_paise

CRORE = 10**9
"""One crore of rupees in paise."""
OWN_ITEMS = ("brokerage", "brokerage_least", "brokerage_cap", "brokerage_most", "dp", "dp_share", "note")
"""The items that each broker sets; every other item of `charges.csv` is a levy."""
LEVIES_ONLY = "levies_only"
"""The table of a broker whose charges are not known. It has the levies alone."""
TITLES = {"zerodha": "Zerodha", "kotak_neo": "Kotak Neo (Trade API)", "dhan": "Dhan", LEVIES_ONLY: "levies only"}
"""The titles of the shipped tables, by name."""
OF_BROKER = {"kite": "zerodha", "kotak_neo": "kotak_neo", "dhan": "dhan", "openalgo": ""}
"""The table of each broker by the name of its adapter; empty for OpenAlgo, which connects to another broker.

An adapter of another package may name a table (`brokers.adapter.NamesTariff`)."""
NO_BOUND = 2**62


class PartRates(Struct, frozen=True):
    """Hold the rates that differ between the delivery and the intraday part, in paise per crore.

    The bounds of one order's brokerage are `least` and `cap` in paise, and `most` in paise per crore of its value (SEBI's
    bound).
    """

    brokerage: int
    stt_buy: int
    stt_sell: int
    stamp_buy: int
    stamp_sell: int
    least: int = 0
    cap: int = NO_BOUND
    most: int = CRORE

    def order_brokerage(self, value: int) -> int:
        """Return the brokerage in paise on one order of that value (paise), rounded half-up."""
        if not (self.brokerage or self.least):
            return 0
        rated = max(self.least, (value * self.brokerage + CRORE // 2) // CRORE)
        return min(self.cap, rated, (value * self.most + CRORE // 2) // CRORE)


class Rates(Struct, frozen=True):
    """Hold all rates of a date. Rates on value are in paise per crore.

    Args:
        dp: DP charge in paise per symbol and day, without GST.
        dp_share: Rate on the delivered value. The higher of `dp` and this rate applies.
        note: Minimum brokerage of a contract note, in paise.
        gst_on_brokerage: Percent of that line; the same for the other `gst_on_` fields.
    """

    delivery: PartRates
    intraday: PartRates
    transaction: int
    ipft: int
    sebi: int
    dp: int
    dp_share: int
    note: int
    gst_on_brokerage: int
    gst_on_transaction: int
    gst_on_ipft: int
    gst_on_sebi: int
    gst_on_dp: int

    def gst(self, brokerage: int, transaction: int, ipft: int, sebi: int) -> int:
        """Return GST in paise on the rounded lines (paise), rounded half-up."""
        hundredths = (
            brokerage * self.gst_on_brokerage
            + transaction * self.gst_on_transaction
            + ipft * self.gst_on_ipft
            + sebi * self.gst_on_sebi
        )
        return (hundredths + 50) // 100

    def dp_charge(self, value: int) -> int:
        """Return the DP charge in paise, with GST, for one symbol's delivery sells of that value (paise) on a day."""
        charge = max(self.dp, (value * self.dp_share + CRORE // 2) // CRORE)
        return (charge * (100 + self.gst_on_dp) + 50) // 100


class Row(NamedTuple):
    """Hold one dated value: `value` in rupees as text, in percent for GST."""

    since: str
    item: str
    part: str
    side: str
    value: str


_Key = tuple[str, str, str]
_OPTIONAL = {"brokerage_least": 0, "brokerage_cap": NO_BOUND, "brokerage_most": CRORE, "dp_share": 0, "note": 0}
"""The value of an item for a broker that has no row of it."""


class Tariff:
    """Give the charge rates of one broker by date. Two tariffs are equal if their names and rows are.

    `own` holds the rows of the operator's table; a shipped tariff has none. A tariff can be pickled, because it goes to
    worker processes with the user's settings.
    """

    def __init__(self, name: str, own: Iterable[Row] = ()) -> None:
        self.name = name
        self.own = tuple(own)
        self._in_force: dict[int, Rates] = {}
        """The rates by the number of `changes` up to their first day."""

    @property
    def title(self) -> str:
        """Return the name to show to people."""
        return TITLES.get(self.name, self.name) if not self.own else f"{self.name} (own table)"

    def rates(self, day: date) -> Rates:
        """Return the rates in force on a day. Raises UncoveredDate before the table begins."""
        number = bisect_right(self.changes, day)
        found = self._in_force.get(number)
        if found is None:
            found = self._in_force[number] = _read(self._table, day)
        return found

    @cached_property
    def changes(self) -> tuple[date, ...]:
        """Return the days on which a value of the table begins, ascending. The rates do not change between two of them."""
        return tuple(sorted({since for dated in self._table.values() for since, _ in dated}))

    @cached_property
    def _table(self) -> dict[_Key, list[tuple[date, int]]]:
        """Return the dated values by item, part and side: rates and amounts in paise, GST in percent."""
        return _table(_rows_of(self.name, self.own))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tariff) and (self.name, self.own) == (other.name, other.own)

    def __hash__(self) -> int:
        return hash((self.name, len(self.own)))

    def __repr__(self) -> str:
        digest = hashlib.sha256(repr(self.own).encode()).hexdigest()[:12] if self.own else "shipped"
        return f"Tariff({self.name!r}, {digest})"

    def __reduce__(self) -> tuple[object, ...]:
        return Tariff, (self.name, self.own)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tariff:
        return self


ZERODHA = Tariff("zerodha")
"""Zerodha's charges: the default of every function that takes a tariff."""


def shipped(name: str) -> Tariff:
    """Return a shipped table. Raises KeyError for another name."""
    if name not in TITLES:
        raise KeyError(name)
    return ZERODHA if name == "zerodha" else Tariff(name)


def rates(day: date, tariff: Tariff = ZERODHA) -> Rates:
    """Return the rates in force on `day`. Raises UncoveredDate before the table begins."""
    return tariff.rates(day)


def levies() -> list[Row]:
    """Return the rows that are the same at every broker."""
    return [row for row in _shipped_rows() if row.item not in OWN_ITEMS]


def _rows_of(name: str, own: tuple[Row, ...]) -> list[Row]:
    """Return all rows of a table: `own`, or the shipped rows if `own` is empty, and the levies that those do not set."""
    if not own and name == "zerodha":
        return _shipped_rows()
    found = own or tuple(_row(row) for row in rows("broker_charges.csv") if row["broker"] == name)
    set_here = {(row.item, row.part, row.side) for row in found}
    return [*found, *(row for row in levies() if (row.item, row.part, row.side) not in set_here)]


@cache
def _shipped_rows() -> list[Row]:
    return [_row(row) for row in rows("charges.csv")]


def _row(cells: dict[str, str]) -> Row:
    return Row(*(cells[column] for column in Row._fields))


def _table(found: Iterable[Row]) -> dict[_Key, list[tuple[date, int]]]:
    table: dict[_Key, list[tuple[date, int]]] = {}
    for row in found:
        value = int(row.value) if row.item.startswith("gst_") else to_paise(row.value)
        insort(table.setdefault((row.item, row.part, row.side), []), (date.fromisoformat(row.since), value))
    return table


def _read(table: dict[_Key, list[tuple[date, int]]], day: date) -> Rates:
    def value(item: str, part: str = "both", side: str = "both") -> int:
        dated = table.get((item, part, side)) or table.get((item, "both", "both"))
        if dated is None:
            return _OPTIONAL[item]
        starts = [start for start, _ in dated]
        if item in _OPTIONAL and day < starts[0]:
            return _OPTIONAL[item]
        return dated[in_force(starts, day, "rate of charges")][1]

    def part(name: str) -> PartRates:
        stamp = (value("stamp", name, "buy"), value("stamp", name, "sell"))
        stt = (value("stt", name, "buy"), value("stt", name, "sell"))
        bounds = (value(f"brokerage_{bound}", name) for bound in ("least", "cap", "most"))
        return PartRates(value("brokerage", name), *stt, *stamp, *bounds)

    return Rates(
        delivery=part("delivery"),
        intraday=part("intraday"),
        transaction=value("transaction"),
        ipft=value("ipft"),
        sebi=value("sebi"),
        dp=value("dp", "delivery", "sell"),
        dp_share=value("dp_share", "delivery", "sell"),
        note=value("note"),
        gst_on_brokerage=value("gst_on_brokerage"),
        gst_on_transaction=value("gst_on_transaction"),
        gst_on_ipft=value("gst_on_ipft"),
        gst_on_sebi=value("gst_on_sebi"),
        gst_on_dp=value("gst_on_dp"),
    )
