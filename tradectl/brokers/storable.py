"""What of a broker's rows a ledger can keep. A row beyond it raises ValueError, so that the read fails in one line."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tradectl.model.order import Holding, OrderReport, TradeReport

SHARES = 2**31 - 1
"""The largest quantity: its column has 32 bits."""
PAISE = 2**63 - 1
YEARS = range(1970, 9999)
"""Years of a moment that stays within the calendar in every zone."""


def order(report: OrderReport) -> OrderReport:
    """Return an order that can be kept."""
    _check(report.broker_order_id, (report.quantity, report.filled_quantity), report.price, report.placed_at, report.updated_at)
    return report


def trade(report: TradeReport) -> TradeReport:
    """Return an execution that can be kept."""
    _check(f"{report.broker_order_id} ({report.trade_id})", (report.quantity,), report.price, report.at)
    return report


def holding(found: Holding) -> Holding:
    """Return what is held of a symbol where it can be kept."""
    _check(found.symbol, (found.quantity, found.t1_quantity, found.sellable, found.pledged), 0)
    return found


def paise(amount: int) -> int:
    """Return an amount that can be kept."""
    if abs(amount) > PAISE:
        raise ValueError(f"an amount of {amount} paise")
    return amount


def _check(name: str, quantities: Iterable[int], price: int, *moments: datetime) -> None:
    for quantity in quantities:
        if abs(quantity) > SHARES:
            raise ValueError(f"{name}: {quantity} shares")
    paise(price)
    for moment in moments:
        if moment.year not in YEARS:
            raise ValueError(f"{name}: a time in the year {moment.year}")
