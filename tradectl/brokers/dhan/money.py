"""Funds, from the fund limit and the day's trades. Money is exact paise. Source: dhanhq.co/docs/v2/funds."""

from __future__ import annotations

from collections.abc import Iterable

from tradectl.brokers.dhan.rows import Row, about_paise
from tradectl.brokers.http import value_ranges
from tradectl.model.order import ALIVE, Funds, OrderReport, Side


def funds(limit: Row, flow: int) -> Funds:
    """Return the funds by the balance of the morning. `flow`: what the trades of today and their charges changed."""
    available, withheld = _spendable(limit)
    cash = about_paise(limit["sodLimit"], "sodLimit") + flow
    return value_ranges.funds(Funds(available, max(0, cash - available - withheld), cash))


def funds_without_trades(limit: Row, orders: Iterable[OrderReport]) -> Funds:
    """The same where the trades of today are not all known: `cash` is what may be spent, what is withheld and what buys hold."""
    available, withheld = _spendable(limit)
    resting = [item for item in orders if item.side is Side.BUY and item.status in ALIVE]
    blocked = sum((item.quantity - item.filled_quantity) * item.price for item in resting)
    return value_ranges.funds(Funds(available, blocked, available + withheld + blocked))


def _spendable(limit: Row) -> tuple[int, int]:
    """Return what may be spent, and what of today's sales may not yet."""
    withheld = about_paise(limit["receiveableAmount"], "receiveableAmount")
    return about_paise(limit["availabelBalance"], "availabelBalance"), withheld
