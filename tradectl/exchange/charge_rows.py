"""Compute the charges of many symbols at once, with the same results as `charges`.

The functions serve days on which each side is one order, either all delivery or all intraday. The other days are rare;
`charges` computes them one by one.
"""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

from tradectl.exchange.rates import CRORE, PartRates, Rates, Tariff
from tradectl.model.order import Side

Amounts = NDArray[np.int64]

_HALF = CRORE // 2


def by_rates(days: Amounts, tariff: Tariff) -> list[tuple[Rates, NDArray[np.intp]]]:
    """Return each table of rates with the indices of the days (ordinals) on which it applies, in the order of the tables.

    Raises UncoveredDate for a day before the tariff begins.
    """
    number = np.searchsorted([day.toordinal() for day in tariff.changes], days, side="right")
    groups = [np.flatnonzero(number == own) for own in np.flatnonzero(np.bincount(number)).tolist()]
    return [(tariff.rates(date.fromordinal(int(days[rows[0]]))), rows) for rows in groups]


def side_charges(side: Side, values: Amounts, table: Rates, *, intraday: bool = False) -> Amounts:
    """Return the total charges (paise) of each value (paise) of one side, with the rates of its day.

    A value of 0 has no charges, except the DP charge of a delivery sale.
    """
    part = table.intraday if intraday else table.delivery
    stt, stamp = (part.stt_buy, part.stamp_buy) if side is Side.BUY else (part.stt_sell, part.stamp_sell)
    transaction, ipft, sebi = (_line(values, rate) for rate in (table.transaction, table.ipft, table.sebi))
    total = transaction + ipft + sebi + _line(values, stamp) + (values * stt + 50 * CRORE) // (100 * CRORE) * 100
    brokerage = _brokerage(values, part)
    hundredths = (
        brokerage * table.gst_on_brokerage
        + transaction * table.gst_on_transaction
        + ipft * table.gst_on_ipft
        + sebi * table.gst_on_sebi
    )
    total += brokerage + (hundredths + 50) // 100
    if side is Side.SELL and not intraday:
        charge = np.maximum(table.dp, _line(values, table.dp_share)) if table.dp_share else table.dp
        total += (charge * (100 + table.gst_on_dp) + 50) // 100
    return total


def _brokerage(values: Amounts, part: PartRates) -> Amounts:
    """Return `PartRates.order_brokerage` of each value."""
    found: Amounts = np.minimum(part.cap, np.where(values > 0, np.maximum(part.least, _line(values, part.brokerage)), 0))
    return np.minimum(found, _line(values, part.most)) if part.most < CRORE else found


def most_affordable(amounts: Amounts, prices: Amounts, table: Rates) -> Amounts:
    """Return the most shares that each amount (paise) pays for, as a delivery buy of one order with its charges."""
    quantity = np.maximum(amounts, 0) // prices
    open_ = np.flatnonzero(quantity)
    while len(open_):
        over = _cost(quantity[open_], prices[open_], table) - amounts[open_]
        open_, over = open_[over > 0], over[over > 0]
        quantity[open_] -= np.minimum(np.maximum(1, over // (2 * prices[open_])), quantity[open_])
        open_ = open_[quantity[open_] > 0]
    open_ = np.arange(len(quantity))
    while len(open_):
        open_ = open_[_cost(quantity[open_] + 1, prices[open_], table) <= amounts[open_]]
        quantity[open_] += 1
    return quantity


def _cost(quantity: Amounts, prices: Amounts, table: Rates) -> Amounts:
    values = quantity * prices
    return values + side_charges(Side.BUY, values, table)


def _line(values: Amounts, rate: int) -> Amounts:
    return (values * rate + _HALF) // CRORE
