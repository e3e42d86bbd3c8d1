"""Commands: read back after each, none waits for the one before, and no transaction is open while the broker is asked."""

from __future__ import annotations

from tests.support.afar import far
from tests.support.trading import D, stock
from tradectl.lab.faults import Fault
from tradectl.model.order import OrderStatus, Side

FALLS = {D: (9900, 9900, 9000, 9000)}


def test_a_change_only_said_to_be_made_is_found(trading) -> None:
    market = trading(stock(on=FALLS))
    market.buy(100, 9900)
    market.to(D, "09:15")
    market.monitor(D, "09:15")
    (resting,) = market.orders(Side.SELL)
    far(market, Fault.CHANGE_IGNORED)
    market.monitor(D, "15:00")
    there = {report.broker_order_id: report for report in market.broker.orders()}
    sells = market.orders(Side.SELL)
    assert [order.price for order in sells] == [there[order.broker_order_id].price for order in sells]
    assert sells[0].price == resting.price
    assert sells[-1].status is OrderStatus.ONGOING
    lines = [line.message for line in market.ledger.logs.list(limit=1000) if line.action == "order_not_changed"]
    assert len(lines) > 1, "it is asked for again with every step in which it should be lower"
    assert f"the broker has 100 at {resting.price / 100:.2f}" in " ".join(lines)


def test_orders_are_placed_in_turn_and_then_read_once(trading) -> None:
    """Nobody sleeps after an order to see whether it was refused: all are placed, and one pass reads what became of them."""
    symbols = ["ACME", "BETA", "CORA", "DELTA", "EPSI"]
    market = trading(*[stock(symbol, on=FALLS) for symbol in symbols])
    for symbol in symbols:
        market.buy(100, 9900, symbol=symbol)
    market.to(D, "09:15")
    calls: list[str] = []
    far(market, on_call=calls.append)
    market.run("sell-monitor", once=True)
    first, last = calls.index("place"), len(calls) - 1 - calls[::-1].index("place")
    assert calls.count("place") == 5
    assert "orders" not in calls[first:last]
    assert calls[last:].count("orders") == 1
    assert {order.sent_at for order in market.orders(Side.SELL)} == {market.clock.now()}


def test_no_transaction_is_open_during_a_call_to_the_broker(trading) -> None:
    market = trading(stock(on=FALLS))
    asked: list[tuple[str, str]] = []
    far(market, on_call=lambda call: asked.append((call, market.ledger.database.thread().mode)))
    market.buy(100, 9900)
    market.to(D, "09:05")
    market.run("amo-adjust")
    market.to(D, "09:15")
    market.monitor(D, "15:00")
    market.run("position-monitor")
    market.to(D, "18:00")
    market.run("eod")
    assert {"place", "modify", "orders", "trades", "holdings", "funds", "quotes"} <= {call for call, _ in asked}
    assert {mode for _, mode in asked} == {""}
