"""Cash, from the margins of the equity segment and the day's trades.

`net` is what may be spent. It says nothing of the cash in the account: Kite takes charges off at night and does not tell what it
holds for waiting orders. So cash is reckoned: this morning's balance, what was paid in and out, the day's trades, and their
charges by our own table (`notes` compares that with Kite's). An account that trades other things than shares for delivery has
more in its balance than that; `eod` then reports the difference.

Source: kiteconnect-mocks margins.json; documentation of /user/margins.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from tradectl.brokers.account.day_cash import cash_flow
from tradectl.brokers.http import value_ranges
from tradectl.brokers.kite.rows import Row, about_paise
from tradectl.exchange.rates import ZERODHA
from tradectl.model.order import ALIVE, Funds, OrderReport, Side, TradeReport


def funds(margins: Row, trades: Iterable[TradeReport], today: date) -> Funds:
    """GET /user/margins/equity, and the trades of the book of which those of `today` count. Paise."""
    available, utilised = margins["available"], margins["utilised"]
    opening = about_paise(available["opening_balance"]) + about_paise(available["intraday_payin"])
    cash = opening - about_paise(utilised["payout"]) + cash_flow(trades, today, ZERODHA)
    spendable = about_paise(margins["net"])
    withheld = about_paise(utilised.get("delivery", 0))
    return value_ranges.funds(Funds(spendable, max(0, cash - spendable - withheld), cash))


def funds_without_trades(margins: Row, orders: Iterable[OrderReport]) -> Funds:
    """The same where the trades of today are not all known: `cash` is what may be spent, what is withheld and what buys hold."""
    resting = [item for item in orders if item.side is Side.BUY and item.status in ALIVE]
    blocked = sum((item.quantity - item.filled_quantity) * item.price for item in resting)
    spendable = about_paise(margins["net"])
    withheld = about_paise(margins["utilised"].get("delivery", 0))
    return value_ranges.funds(Funds(spendable, blocked, spendable + withheld + blocked))
