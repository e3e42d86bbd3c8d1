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

from tradectl.brokers import storable
from tradectl.brokers.kite.rows import Row, about_paise
from tradectl.exchange.charges import day_charges
from tradectl.exchange.rates import ZERODHA
from tradectl.model.moment import ist_date
from tradectl.model.order import ALIVE, Fill, Funds, OrderReport, Side, TradeReport


def funds(margins: Row, trades: Iterable[TradeReport], today: date) -> Funds:
    """GET /user/margins/equity, and the trades of the book of which those of `today` count. Paise."""
    available, utilised = margins["available"], margins["utilised"]
    opening = about_paise(available["opening_balance"]) + about_paise(available["intraday_payin"])
    cash = opening - about_paise(utilised["payout"]) + cash_flow(trades, today)
    spendable = about_paise(margins["net"])
    withheld = about_paise(utilised.get("delivery", 0))
    return storable.funds(Funds(spendable, max(0, cash - spendable - withheld), cash))


def funds_without_trades(margins: Row, orders: Iterable[OrderReport]) -> Funds:
    """The same where the trades of today are not all known: `cash` is what may be spent, what is withheld and what buys hold."""
    resting = [item for item in orders if item.side is Side.BUY and item.status in ALIVE]
    blocked = sum((item.quantity - item.filled_quantity) * item.price for item in resting)
    spendable = about_paise(margins["net"])
    withheld = about_paise(margins["utilised"].get("delivery", 0))
    return storable.funds(Funds(spendable, blocked, spendable + withheld + blocked))


def cash_flow(trades: Iterable[TradeReport], today: date) -> int:
    """Paise that the trades of a day brought, less what they cost, charges included."""
    by_symbol: dict[str, list[TradeReport]] = {}
    for trade in trades:
        if ist_date(trade.at) == today:
            by_symbol.setdefault(trade.symbol, []).append(trade)
    return sum(_of_symbol(found, today) for found in by_symbol.values())


def _of_symbol(trades: list[TradeReport], today: date) -> int:
    numbers = {order_id: number for number, order_id in enumerate(dict.fromkeys(item.broker_order_id for item in trades), 1)}
    fills = [
        Fill(item.trade_id, item.symbol, item.side, item.quantity, item.price, today, item.at, numbers[item.broker_order_id])
        for item in trades
    ]
    flow = sum(fill.quantity * fill.price * (1 if fill.side is Side.SELL else -1) for fill in fills)
    return flow - day_charges(today, fills, ZERODHA).total
