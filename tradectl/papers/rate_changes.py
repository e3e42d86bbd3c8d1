"""Find rates that papers use and the table of charges does not, with the dates from which they seem to hold.

Each line of a paper gives an interval of rates that round to its amount. A run of lines whose intervals have a rate in common is
one change, if the first of them excludes the table's rate.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from fractions import Fraction

from msgspec import Struct

from tradectl.exchange.rates import CRORE, Rates, Tariff
from tradectl.model.order import Side
from tradectl.papers.charge_check import Compared
from tradectl.papers.findings import RateChange

PER_CRORE = "rupees per crore"
PER_SYMBOL = "rupees per symbol and day, with GST"
RATED = ("exchange", "transaction", "ipft", "sebi", "stt", "stamp", "dp")
"""The lines that are one rate of the value, or one amount of a symbol and day."""


class _Observed(Struct, frozen=True):
    """The rates (rupees, in the unit of the line) that one line of a paper allows, and the table's rate."""

    session: date
    least: Fraction
    most: Fraction
    table: Fraction

    def allows(self, rate: Fraction) -> bool:
        return self.least <= rate <= self.most


def rate_changes(compared: Iterable[Compared], tariff: Tariff) -> list[RateChange]:
    """Return the changes of each line, oldest first. Days with netted shares are left out: they have two rates at once."""
    of_line: dict[str, list[_Observed]] = defaultdict(list)
    for item in compared:
        observed = _observed(item, tariff)
        if observed is not None:
            of_line[item.line.line].append(observed)
    changes = [
        change
        for line, observations in of_line.items()
        for change in _changes(line, sorted(observations, key=lambda item: item.session))
    ]
    return sorted(changes, key=lambda change: (change.since, change.line))


def _observed(item: Compared, tariff: Tariff) -> _Observed | None:
    line, sides = item.line, item.sides
    if line.line not in RATED or not sides or any(side.netted for side in sides):
        return None
    table = tariff.rates(line.session)
    if line.line == "dp":
        count = sum(side.side is Side.SELL for side in sides)
        if not count or table.dp_share:
            return None
        rate = Fraction(line.amount, 100 * count)
        return _Observed(line.session, rate, rate, Fraction(table.dp_charge(0), 100))
    values = _values(item, _rates(item.names, table))
    base = sum(value for value, rate in values if rate) or sum(value for value, _ in values)
    if not base:
        return None
    rounded = len(item.names) * (1 if line.order is not None else len(sides))
    half = (Fraction(50) if line.line == "stt" else Fraction(1, 2)) * rounded
    least, most = (max(Fraction(0), (line.amount + sign * half) * CRORE / base / 100) for sign in (-1, 1))
    return _Observed(line.session, least, most, Fraction(max(rate for _, rate in values), 100))


def _rates(names: Sequence[str], table: Rates) -> dict[Side, int]:
    """Return the table's rate of these lines together for each side, in paise per crore."""
    delivery, rates = table.delivery, {Side.BUY: 0, Side.SELL: 0}
    both = {"transaction": table.transaction, "ipft": table.ipft, "sebi": table.sebi}
    by_side = {"stt": (delivery.stt_buy, delivery.stt_sell), "stamp": (delivery.stamp_buy, delivery.stamp_sell)}
    for name in names:
        buy, sell = by_side[name] if name in by_side else (both[name], both[name])
        rates[Side.BUY] += buy
        rates[Side.SELL] += sell
    return rates


def _values(item: Compared, rates: dict[Side, int]) -> list[tuple[int, int]]:
    """Return the value (paise) and the table's rate of each side that a line is for."""
    if item.line.order is not None and item.line.side is not None:
        return [(item.line.order[1], rates[item.line.side])]
    return [(side.value, rates[side.side]) for side in item.sides]


def _changes(line: str, observations: Sequence[_Observed]) -> list[RateChange]:
    found: list[RateChange] = []
    run: list[_Observed] = []
    least = most = Fraction(0)

    def end() -> None:
        if run:
            theirs, ours = simplest(least, most), run[0].table
            before = [item.session for item in observations if item.session < run[0].session and not item.allows(theirs)]
            agreed = before[-1] if before else None
            unit = PER_SYMBOL if line == "dp" else PER_CRORE
            found.append(RateChange(line, run[0].session, run[-1].session, agreed, text(theirs), text(ours), unit, len(run)))
            run.clear()

    for item in observations:
        low, high = (max(least, item.least), min(most, item.most)) if run else (item.least, item.most)
        if run and low <= high and not (item.allows(item.table) and item.table != run[0].table):
            least, most = low, high
            run.append(item)
            continue
        end()
        if not item.allows(item.table):
            least, most = item.least, item.most
            run.append(item)
    end()
    return found


def simplest(least: Fraction, most: Fraction) -> Fraction:
    """Return the number of an interval with the fewest decimals, next to its middle."""
    middle = (least + most) / 2
    for decimals in range(-4, 8):
        scale = Fraction(10) ** decimals
        rounded = Fraction(round(middle * scale)) / scale
        if least <= rounded <= most:
            return rounded
    return middle


def text(rate: Fraction) -> str:
    """Return a rate as a decimal number without trailing zeros."""
    return f"{float(rate):.6f}".rstrip("0").rstrip(".")
