"""Divide the charge lines of a symbol's day into delivery and intraday, and among the fills, exact to the paisa.

The sums are those of `day_charges`. The exchange nets min(bought, sold) shares; here the first shares of each side, by time,
are the intraday part.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from msgspec import Struct

from tradectl.exchange.charges import Lines, day_charges
from tradectl.exchange.rates import CRORE, ZERODHA, Rates, Tariff
from tradectl.model.money import share_out
from tradectl.model.order import Fill, Side

LINES = Lines.__struct_fields__
"""The names of the charge lines, in an order in which GST comes after the lines that it is computed on."""
TAXED = ("brokerage", "transaction", "ipft", "sebi")


class FillParts(Struct, frozen=True):
    """The shares of one fill that were delivered, those that were netted in the day, and the charges (paise) of each part."""

    delivered: int
    intraday: int
    delivery_lines: Lines
    intraday_lines: Lines


def parts_of_day(day: date, fills: Sequence[Fill], tariff: Tariff = ZERODHA, *, netting: bool = True) -> dict[str, FillParts]:
    """Return the parts of each fill of one symbol and day, by fill id. Raises ValueError as `day_charges` does.

    `netting`: False for a trade-for-trade series, in which every share is delivered."""
    whole = day_charges(day, fills, tariff, netting=netting)
    table = tariff.rates(day)
    quantities = netted(fills, netting=netting)
    found: dict[str, FillParts] = {}
    for side, lines in ((Side.BUY, whole.buy), (Side.SELL, whole.sell)):
        of_side = [fill for fill in fills if fill.side is side]
        if not of_side:
            continue
        intraday = [quantities[fill.fill_id] for fill in of_side]
        delivered = [fill.quantity - count for fill, count in zip(of_side, intraday, strict=True)]
        value = sum(fill.quantity * fill.price for fill in of_side)
        delivery, netted_lines = _two_parts(lines, table, side, value, (sum(delivered), sum(intraday)))
        by_delivery = _shared(delivery, [n * fill.price for n, fill in zip(delivered, of_side, strict=True)])
        by_intraday = _shared(netted_lines, [n * fill.price for n, fill in zip(intraday, of_side, strict=True)])
        for i, fill in enumerate(of_side):
            found[fill.fill_id] = FillParts(delivered[i], intraday[i], by_delivery[i], by_intraday[i])
    return found


def netted(fills: Sequence[Fill], *, netting: bool = True) -> dict[str, int]:
    """Return how many shares of each fill are netted within the day, by fill id; none without `netting`."""
    bought = sum(fill.quantity for fill in fills if fill.side is Side.BUY)
    total = min(bought, sum(fill.quantity for fill in fills) - bought) if netting else 0
    left = {Side.BUY: total, Side.SELL: total}
    found: dict[str, int] = {}
    for fill in sorted(fills, key=lambda fill: fill.at):
        found[fill.fill_id] = min(fill.quantity, left[fill.side])
        left[fill.side] -= found[fill.fill_id]
    return found


def _two_parts(lines: Lines, table: Rates, side: Side, value: int, shares: tuple[int, int]) -> tuple[Lines, Lines]:
    """Return the lines of the delivery and of the intraday part. `shares`: delivered and intraday."""
    delivered, intraday = shares
    quantity = delivered + intraday
    buying = side is Side.BUY
    delivery, day = table.delivery, table.intraday
    stt = ((delivery.stt_buy, day.stt_buy), (delivery.stt_sell, day.stt_sell))[not buying]
    stamp = ((delivery.stamp_buy, day.stamp_buy), (delivery.stamp_sell, day.stamp_sell))[not buying]
    rates = {
        "stamp": stamp,
        "brokerage": tuple(part.order_brokerage(value) for part in (delivery, day)),
        "dp": (1, 0),
    }
    first: dict[str, int] = {}
    for name in LINES:
        amount = getattr(lines, name)
        if name == "stt":  # rounded to the rupee for each part, as on the contract note
            rupees = (2 * value * stt[0] * delivered + quantity * 100 * CRORE) // (2 * quantity * 100 * CRORE)
            first[name] = amount if not intraday else min(amount, 100 * rupees)
            continue
        weights = [rate * count for rate, count in zip(rates.get(name, (1, 1)), shares, strict=True)]
        if name == "gst":
            taxed = [
                sum(part) for part in zip(*((first[item], getattr(lines, item) - first[item]) for item in TAXED), strict=True)
            ]
            weights = taxed if any(taxed) else weights
        first[name] = share_out(amount, weights if any(weights) else [delivered, intraday])[0]
    return Lines(**first), Lines(**{name: getattr(lines, name) - first[name] for name in LINES})


def _shared(lines: Lines, weights: list[int]) -> list[Lines]:
    """Return the lines divided among fills in proportion to the weights."""
    parts = {name: share_out(getattr(lines, name), weights) for name in LINES}
    return [Lines(**{name: parts[name][i] for name in LINES}) for i in range(len(weights))]
