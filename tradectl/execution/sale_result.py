"""Compute what the sale of a whole position would bring."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from tradectl.exchange.charges import day_charges
from tradectl.model.order import Fill, Side

if TYPE_CHECKING:
    from tradectl.exchange.rates import Tariff
    from tradectl.model.money import Paise
    from tradectl.model.position import Folded


def result_of_sale(held: Folded, last: Paise, session: date, now: datetime, tariff: Tariff) -> Paise:
    """Return the P&L of selling all shares of a position at the price `last`, in paise.

    The charges of the buys and of the sale are subtracted."""
    sale = Fill("sale", "", Side.SELL, held.quantity, last, session, now)
    paid = sum(lot.charges for lot in held.lots)
    return held.quantity * last - held.cost - paid - day_charges(session, [sale], tariff).total
