"""Compute the charges of a day's trades in one symbol from its fills and a broker's dated rates, exact to the paisa.

Shares bought and sold on the same day are the intraday part: min(bought, sold), sold before older shares. The rest is the
delivery part; in a trade-for-trade series that is every share. Each part's value is its share of the side's value at the
day's average price. Every line is rounded half-up to the paisa. STT is rounded half-up to the rupee, separately for delivery
and intraday. GST is computed on the rounded lines. A `Tariff` gives the rates.

The minimum brokerage of a contract note (`Rates.note`) belongs to the whole day, so these charges do not contain it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from msgspec import Struct

from tradectl.errors import UncoveredDate
from tradectl.exchange.rates import CRORE, TITLES, ZERODHA, PartRates, Rates, Tariff, shipped
from tradectl.model.money import share_out
from tradectl.model.order import Fill, Side

_HALF = CRORE // 2
_RUPEE_CRORE = 100 * CRORE


class Lines(Struct, frozen=True):
    """Hold the charge lines of one side of one symbol and day, in paise.

    `dp` includes its own GST, because the DP charge is not on the contract note.
    """

    brokerage: int = 0
    stt: int = 0
    transaction: int = 0
    ipft: int = 0
    sebi: int = 0
    stamp: int = 0
    gst: int = 0
    dp: int = 0

    @property
    def total(self) -> int:
        """Return the sum of all lines in paise."""
        contract_note = self.brokerage + self.stt + self.transaction + self.ipft + self.sebi + self.stamp + self.gst
        return contract_note + self.dp


class DayCharges(Struct, frozen=True):
    """Hold the charges (paise) of one symbol and day. `by_fill` divides each side's total among its fills by their value."""

    buy: Lines
    sell: Lines
    total: int
    by_fill: dict[str, int]


class _SideOfDay(NamedTuple):
    """Hold the sums of one side's fills: quantity, value (paise), intraday quantity, and the value of each order (paise)."""

    quantity: int
    value: int
    intraday: int
    order_values: tuple[int, ...]

    def on_parts(self, delivery_rate: int, intraday_rate: int, unit: int) -> int:
        """Apply one rate to the delivery part and one to the intraday part. Return the sum, rounded half-up.

        The rates are paise per crore; the result is in units of `unit / CRORE` paise.
        """
        weighted = delivery_rate * (self.quantity - self.intraday) + intraday_rate * self.intraday
        return _divide(self.value * weighted, self.quantity * unit)


def day_charges(day: date, fills: Sequence[Fill], tariff: Tariff = ZERODHA, *, netting: bool = True) -> DayCharges:
    """Return one symbol's charges of a day (paise). A fill without an order (order_id 0) counts as a separate order.

    `netting`: whether shares that are bought and sold on the day are netted; False for a trade-for-trade series.

    Every day with a delivery sell has a DP charge. Before 2021-06-02 only older shares had one, but this function does not
    have the age of the shares.

    Raises:
        ValueError: The fills have two symbols, another day, or one fill id twice.
    """
    _check(day, fills)
    table = tariff.rates(day)
    buys = [fill for fill in fills if fill.side is Side.BUY]
    sells = [fill for fill in fills if fill.side is Side.SELL]
    intraday = min(_quantity(buys), _quantity(sells)) if netting else 0
    buy, sell = _lines(Side.BUY, buys, intraday, table), _lines(Side.SELL, sells, intraday, table)
    by_fill: dict[str, int] = {}
    for lines, side in ((buy, buys), (sell, sells)):
        parts = share_out(lines.total, [fill.quantity * fill.price for fill in side])
        by_fill.update(zip((fill.fill_id for fill in side), parts, strict=True))
    return DayCharges(buy, sell, buy.total + sell.total, by_fill)


def tariff_of(
    day: date, fills: Sequence[Fill], stored: Mapping[str, int], usual: Tariff, *, netting: bool = True
) -> Tariff | None:
    """Return the table that gives the stored charges (paise, by fill id) of one symbol and day; None if no table does.

    `usual` comes first, then the shipped tables: the account may have had another broker on that day. The charges of both sides
    must be equal to the paisa. `netting`: as for `day_charges`.

    Raises:
        UncoveredDate: `usual` begins later.
        ValueError: As `day_charges`.
    """
    sums = {side: sum(stored[fill.fill_id] for fill in fills if fill.side is side) for side in Side}

    def gives(tariff: Tariff) -> bool:
        found = day_charges(day, fills, tariff, netting=netting)
        return sums == {Side.BUY: found.buy.total, Side.SELL: found.sell.total}

    if gives(usual):
        return usual
    for name in TITLES:
        try:
            if gives(shipped(name)):
                return shipped(name)
        except UncoveredDate:
            continue
    return None


def buy_charges(day: date, quantity: int, price: int, tariff: Tariff = ZERODHA) -> int:
    """Return the total charges (paise) of one delivery buy at `price` (paise). Order sizing uses it: `day_charges` is slower."""
    table = tariff.rates(day)
    value = quantity * price
    part = table.delivery
    brokerage = part.order_brokerage(value) if quantity else 0
    transaction = (value * table.transaction + _HALF) // CRORE
    ipft = (value * table.ipft + _HALF) // CRORE
    sebi = (value * table.sebi + _HALF) // CRORE
    return (
        brokerage
        + (value * part.stt_buy + 50 * CRORE) // _RUPEE_CRORE * 100
        + transaction
        + ipft
        + sebi
        + (value * part.stamp_buy + _HALF) // CRORE
        + table.gst(brokerage, transaction, ipft, sebi)
    )


def _lines(side: Side, fills: Sequence[Fill], intraday: int, table: Rates) -> Lines:
    if not fills:
        return Lines()
    values = _order_values(fills)
    whole = _SideOfDay(_quantity(fills), sum(values), intraday, values)
    delivery_rates, intraday_rates = table.delivery, table.intraday
    brokerage = _brokerage(whole, delivery_rates, intraday_rates)
    if side is Side.BUY:
        stt = _stt(whole, delivery_rates.stt_buy, intraday_rates.stt_buy)
        stamp = whole.on_parts(delivery_rates.stamp_buy, intraday_rates.stamp_buy, CRORE)
        dp = 0
    else:
        stt = _stt(whole, delivery_rates.stt_sell, intraday_rates.stt_sell)
        stamp = whole.on_parts(delivery_rates.stamp_sell, intraday_rates.stamp_sell, CRORE)
        delivered = whole.quantity - intraday
        dp = table.dp_charge(_divide(whole.value * delivered, whole.quantity)) if delivered else 0
    transaction = _divide(whole.value * table.transaction, CRORE)
    ipft = _divide(whole.value * table.ipft, CRORE)
    sebi = _divide(whole.value * table.sebi, CRORE)
    gst = table.gst(brokerage, transaction, ipft, sebi)
    return Lines(brokerage, stt, transaction, ipft, sebi, stamp, gst, dp)


def _stt(side: _SideOfDay, delivery_rate: int, intraday_rate: int) -> int:
    """Return STT in paise, rounded to the rupee separately for delivery and intraday (12.969 -> 13, 20.75 -> 21)."""
    return 100 * (side.on_parts(delivery_rate, 0, _RUPEE_CRORE) + side.on_parts(0, intraday_rate, _RUPEE_CRORE))


def _brokerage(side: _SideOfDay, delivery: PartRates, intraday: PartRates) -> int:
    """Return the brokerage in paise: for each order and part, the rate on the value within the bounds of `PartRates`.

    Each order is divided into delivery and intraday in the proportion of the whole side.
    """
    total = 0
    for part, quantity in ((delivery, side.quantity - side.intraday), (intraday, side.intraday)):
        if quantity and (part.brokerage or part.least):
            values = side.order_values
            if quantity == side.quantity:
                total += sum(part.order_brokerage(value) for value in values)
            else:
                total += sum(_part_brokerage(part, value * quantity, side.quantity) for value in values)
    return total


def _part_brokerage(part: PartRates, value: int, quantity: int) -> int:
    """Return the `order_brokerage` of value / quantity paise, rounded once."""
    rated = max(part.least, _divide(value * part.brokerage, quantity * CRORE))
    return min(part.cap, rated, _divide(value * part.most, quantity * CRORE))


def _order_values(fills: Sequence[Fill]) -> tuple[int, ...]:
    """Return the value in paise of each executed order."""
    values: dict[int | str, int] = {}
    for fill in fills:
        order = fill.order_id or fill.fill_id
        values[order] = values.get(order, 0) + fill.quantity * fill.price
    return tuple(values.values())


def _quantity(fills: Iterable[Fill]) -> int:
    return sum(fill.quantity for fill in fills)


def _divide(numerator: int, denominator: int) -> int:
    """Divide two integers that are not negative and round half-up."""
    return (2 * numerator + denominator) // (2 * denominator)


def _check(day: date, fills: Sequence[Fill]) -> None:
    if len({fill.symbol for fill in fills}) > 1:
        raise ValueError("charges are computed for one symbol at a time")
    if any(fill.session != day for fill in fills):
        raise ValueError(f"a fill does not belong to {day}")
    if len({fill.fill_id for fill in fills}) != len(fills):
        raise ValueError("a fill id occurs twice")
