"""The rates of one date, read from charges.csv into integers, so that charges are exact and fast.

A rate on value is in paise per crore of rupees, that is per 10**9 paise of value: `value * rate / 10**9` paise.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from datetime import date
from functools import cache

from tradectl.exchange.tables import in_force, rows
from tradectl.model.money import to_paise

CRORE = 10**9
"""One crore of rupees in paise."""


@dataclass(frozen=True, slots=True)
class PartRates:
    """What differs between shares taken into delivery and shares bought and sold on one day. Paise per crore."""

    brokerage: int
    stt_buy: int
    stt_sell: int
    stamp_buy: int
    stamp_sell: int


@dataclass(frozen=True, slots=True)
class Rates:
    """All rates of a date. On value: paise per crore; `brokerage_cap` paise per order; `dp` paise per symbol and day without
    GST; GST percentages by the line they are on."""

    delivery: PartRates
    intraday: PartRates
    transaction: int
    ipft: int
    sebi: int
    brokerage_cap: int
    dp: int
    gst_on_brokerage: int
    gst_on_transaction: int
    gst_on_ipft: int
    gst_on_sebi: int
    gst_on_dp: int

    def gst(self, brokerage: int, transaction: int, ipft: int, sebi: int) -> int:
        """GST in paise on the rounded lines, half-up."""
        hundredths = (
            brokerage * self.gst_on_brokerage
            + transaction * self.gst_on_transaction
            + ipft * self.gst_on_ipft
            + sebi * self.gst_on_sebi
        )
        return (hundredths + 50) // 100


_Key = tuple[str, str, str]


@cache
def _table() -> dict[_Key, list[tuple[date, int]]]:
    """Dated values by item, part and side; rates and amounts in paise, GST in percent."""
    table: dict[_Key, list[tuple[date, int]]] = {}
    for row in rows("charges.csv"):
        value = int(row["value"]) if row["unit"] == "percent" else to_paise(row["value"])
        insort(table.setdefault((row["item"], row["part"], row["side"]), []), (date.fromisoformat(row["since"]), value))
    return table


_by_day: dict[date, Rates] = {}


def rates(day: date) -> Rates:
    """The rates in force on `day`. UncoveredDate before the table begins."""
    found = _by_day.get(day)
    if found is None:
        found = _by_day[day] = _read(day)
    return found


def _read(day: date) -> Rates:
    def value(item: str, part: str = "both", side: str = "both") -> int:
        dated = _table()[item, part, side]
        return dated[in_force([start for start, _ in dated], day, "rate of charges")][1]

    def part(name: str) -> PartRates:
        stamp = (value("stamp", name, "buy"), value("stamp", name, "sell"))
        stt = (value("stt", name, "buy"), value("stt", name, "sell"))
        return PartRates(value("brokerage", name), *stt, *stamp)

    return Rates(
        delivery=part("delivery"),
        intraday=part("intraday"),
        transaction=value("transaction"),
        ipft=value("ipft"),
        sebi=value("sebi"),
        brokerage_cap=value("brokerage_cap"),
        dp=value("dp", "delivery", "sell"),
        gst_on_brokerage=value("gst_on_brokerage"),
        gst_on_transaction=value("gst_on_transaction"),
        gst_on_ipft=value("gst_on_ipft"),
        gst_on_sebi=value("gst_on_sebi"),
        gst_on_dp=value("gst_on_dp"),
    )
