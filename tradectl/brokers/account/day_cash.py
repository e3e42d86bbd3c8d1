"""Calculate the cash of a day's trades, for brokers that report only the morning's balance and the spendable amount."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from tradectl.exchange.charges import day_charges
from tradectl.exchange.rates import Tariff
from tradectl.model.moment import ist_date
from tradectl.model.order import Fill, Side, TradeReport


def cash_flow(trades: Iterable[TradeReport], today: date, tariff: Tariff) -> int:
    """Return the cash flow (paise) of a day's trades: sells less buys, less their charges by `tariff`.

    A trade that is listed twice counts once.
    """
    by_symbol: dict[str, list[TradeReport]] = {}
    for trade in {trade.trade_id: trade for trade in trades}.values():
        if ist_date(trade.at) == today:
            by_symbol.setdefault(trade.symbol, []).append(trade)
    return sum(_of_symbol(found, today, tariff) for found in by_symbol.values())


def _of_symbol(trades: list[TradeReport], today: date, tariff: Tariff) -> int:
    numbers = {order_id: number for number, order_id in enumerate(dict.fromkeys(item.broker_order_id for item in trades), 1)}
    fills = [
        Fill(item.trade_id, item.symbol, item.side, item.quantity, item.price, today, item.at, numbers[item.broker_order_id])
        for item in trades
    ]
    flow = sum(fill.quantity * fill.price * (1 if fill.side is Side.SELL else -1) for fill in fills)
    return flow - day_charges(today, fills, tariff).total
