"""Compare Kite's charges (its virtual contract note) with the table, to find a changed rate.

Kite calculates each order separately, with the exchange's charge and IPFT in one line, and without the DP charge. Kite rounds
some figures to the paisa, so a difference of one paisa is accepted. STT is rounded to the rupee on a real contract note, so a
difference of half a rupee is accepted.

Source: kiteconnect-mocks virtual_contract_note.json; pykiteconnect 5.2.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from tradectl.brokers.adapter import ChargeLine
from tradectl.brokers.kite.amo_windows import PATHS
from tradectl.brokers.kite.api import KiteApi
from tradectl.brokers.kite.instruments import KiteInstruments
from tradectl.brokers.kite.rows import Row, about_paise, parsed
from tradectl.errors import BrokerUnavailable
from tradectl.exchange.charges import day_charges
from tradectl.exchange.rates import Tariff
from tradectl.model.moment import ist_date
from tradectl.model.order import Fill, OrderReport, Side, TradeReport
from tradectl.ports import Clock

TOLERANCE = {"stt": 50}
"""The accepted difference of a line in paise; 1 for lines that are not listed."""


def compare(
    api: KiteApi,
    instruments: KiteInstruments,
    orders: Sequence[OrderReport],
    trades: Sequence[TradeReport],
    *,
    clock: Clock,
    tariff: Tariff,
) -> list[ChargeLine]:
    """Return the charge lines (paise) of the orders with trades, from Kite and from the table. Raises BrokerUnavailable."""
    values = {order.broker_order_id: _traded(order, trades) for order in orders}
    traded_orders = [order for order in orders if values[order.broker_order_id][0]]
    if not traded_orders:
        return []
    now = clock.now()
    content = [
        {
            "order_id": order.broker_order_id,
            "exchange": "NSE",
            "tradingsymbol": instruments.require(order.symbol, now).tradingsymbol,
            "transaction_type": order.side.value,
            "variety": PATHS[order.variety],
            "product": "CNC",
            "order_type": "LIMIT" if order.price else "MARKET",
            "quantity": values[order.broker_order_id][0],
            "average_price": values[order.broker_order_id][1] / values[order.broker_order_id][0] / 100,
        }
        for order in traded_orders
    ]
    notes = parsed(api.order_charges(content), lambda data: [_lines(row["charges"]) for row in data])
    if len(notes) != len(traded_orders):
        raise BrokerUnavailable(f"Kite calculated the charges of {len(notes)} of {len(traded_orders)} orders")
    day = ist_date(now)
    return [
        ChargeLine(order.broker_order_id, order.symbol, line, note[line], own, TOLERANCE.get(line, 1))
        for order, note in zip(traded_orders, notes, strict=True)
        for line, own in _ours(order, values[order.broker_order_id], day, tariff).items()
    ]


def _traded(order: OrderReport, trades: Sequence[TradeReport]) -> tuple[int, int]:
    """Return the traded shares of an order and their value in paise."""
    mine = [trade for trade in trades if trade.broker_order_id == order.broker_order_id]
    return sum(trade.quantity for trade in mine), sum(trade.quantity * trade.price for trade in mine)


def _lines(charges: Row) -> Mapping[str, int]:
    return {
        "stt": about_paise(charges["transaction_tax"]),
        "exchange": about_paise(charges["exchange_turnover_charge"]),
        "sebi": about_paise(charges["sebi_turnover_charge"]),
        "brokerage": about_paise(charges["brokerage"]),
        "stamp": about_paise(charges["stamp_duty"]),
        "gst": about_paise(charges["gst"]["total"]),
    }


def _ours(order: OrderReport, traded: tuple[int, int], day: date, tariff: Tariff) -> Mapping[str, int]:
    """Return the table's lines (paise) of an order.

    They are computed for one share at the whole value, because every line but the DP charge depends on the value alone.
    """
    _, value = traded
    fill = Fill("1", order.symbol, order.side, 1, value, day, order.updated_at, 1)
    charges = day_charges(day, [fill], tariff)
    found = charges.buy if order.side is Side.BUY else charges.sell
    return {
        "stt": found.stt,
        "exchange": found.transaction + found.ipft,
        "sebi": found.sebi,
        "brokerage": found.brokerage,
        "stamp": found.stamp,
        "gst": found.gst,
    }
