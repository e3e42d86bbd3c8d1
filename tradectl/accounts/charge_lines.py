"""Split the stored charges of fills into lines (brokerage, STT, exchange, SEBI, stamp, GST, DP, IPFT), exact to the paisa.

The ledger stores one amount for each fill: its share of the charges of its symbol, day and side. The lines of that side come from
the table of charges on that day. They are divided among the fills so that the lines of a fill sum to its stored charges, and the
lines of all fills sum to the lines of the side. So a line of one fill is rounded, but the line of the day (as on the contract
note) is exact. The table is the account's, or the shipped table of another broker that gives exactly the stored charges (the
account changed its broker). Where no table does, the difference is the line `other`; it is never hidden in a levy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from operator import attrgetter

from msgspec import Struct

from tradectl.exchange.charges import Lines, day_charges, tariff_of
from tradectl.exchange.rates import Tariff
from tradectl.model.money import Paise
from tradectl.model.order import Fill, Side


class ChargeLines(Struct, frozen=True):
    """Charges by line, in paise.

    `dp` includes its own GST. `other` is the stored amount less the table's; it may be negative.
    """

    brokerage: Paise = 0
    stt: Paise = 0
    exchange: Paise = 0
    sebi: Paise = 0
    stamp: Paise = 0
    gst: Paise = 0
    dp: Paise = 0
    ipft: Paise = 0
    other: Paise = 0

    @property
    def total(self) -> Paise:
        """Return the sum of all lines."""
        return sum(self.amounts)

    @property
    def amounts(self) -> tuple[Paise, ...]:
        """Return the lines in the order of `LINES`."""
        return _amounts(self)

    def by_name(self) -> dict[str, Paise]:
        """Return the lines by name."""
        return dict(zip(LINES, self.amounts, strict=True))

    def __add__(self, more: ChargeLines) -> ChargeLines:
        return ChargeLines(*(one + two for one, two in zip(self.amounts, more.amounts, strict=True)))

    def __sub__(self, less: ChargeLines) -> ChargeLines:
        return ChargeLines(*(one - two for one, two in zip(self.amounts, less.amounts, strict=True)))

    def part(self, amount: Paise) -> ChargeLines:
        """Return lines that sum to `amount`, in proportion to these; the largest remainders are rounded up.

        `amount` is not above the total. The total itself returns these lines unchanged.
        """
        lines, total = self.amounts, self.total
        if amount == total:
            return self
        if total == 0:
            raise ValueError(f"charges of 0 have no part of {amount}")
        whole = [line * amount // total for line in lines]
        ranked = sorted(range(len(whole)), key=lambda place: (-(lines[place] * amount % total), place))
        for place in ranked[: amount - sum(whole)]:
            whole[place] += 1
        return ChargeLines(*whole)

    def divided(self, amounts: Sequence[Paise]) -> list[ChargeLines]:
        """Return one part for each amount. The amounts sum to the total; so do the parts, in every line."""
        rest, parts = self, list[ChargeLines]()
        for amount in amounts[:-1]:
            parts.append(rest.part(amount) if amount else ChargeLines())
            rest -= parts[-1]
        return [*parts, rest] if amounts else []


LINES = ChargeLines.__struct_fields__
"""The names of the lines, in the order of a contract note."""
_amounts: Callable[[ChargeLines], tuple[Paise, ...]] = attrgetter(*LINES)


def summed(parts: Iterable[ChargeLines]) -> ChargeLines:
    """Return the sum of lines."""
    columns = zip(*(part.amounts for part in parts), strict=True)
    return ChargeLines(*(sum(column) for column in columns))


def in_table(lines: ChargeLines) -> Lines:
    """Return charge lines by the names of the table of charges, without `other`."""
    return Lines(
        brokerage=lines.brokerage,
        stt=lines.stt,
        transaction=lines.exchange,
        ipft=lines.ipft,
        sebi=lines.sebi,
        stamp=lines.stamp,
        gst=lines.gst,
        dp=lines.dp,
    )


def lines_of_day(day: date, fills: Sequence[Fill], stored: Mapping[str, Paise], tariff: Tariff) -> dict[str, ChargeLines]:
    """Return the lines of each fill of one symbol and day, by fill id.

    Args:
        fills: All fills of the symbol on that day, with whole quantities.
        stored: The charges of each fill in the ledger (paise), by fill id.
        tariff: The table of the account's broker.

    Raises:
        ValueError: As `day_charges`.
        UncoveredDate: The table of charges begins later.
    """
    table = day_charges(day, fills, tariff_of(day, fills, stored, tariff) or tariff)
    found: dict[str, ChargeLines] = {}
    for side, lines in ((Side.BUY, table.buy), (Side.SELL, table.sell)):
        ids = [fill.fill_id for fill in fills if fill.side is side]
        amounts = [stored[fill_id] for fill_id in ids]
        found.update(zip(ids, _with_difference(lines, sum(amounts)).divided(amounts), strict=True))
    return found


def _with_difference(lines: Lines, stored: Paise) -> ChargeLines:
    return ChargeLines(
        brokerage=lines.brokerage,
        stt=lines.stt,
        exchange=lines.transaction,
        sebi=lines.sebi,
        stamp=lines.stamp,
        gst=lines.gst,
        dp=lines.dp,
        ipft=lines.ipft,
        other=stored - lines.total,
    )
