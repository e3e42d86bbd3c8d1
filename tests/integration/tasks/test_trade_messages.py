"""The messages about trades: each once, in the transaction of its event, exact to the paisa; and what a simulation leaves out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from tests.support.trading import AFTER, D, Trading, stock
from tradectl.errors import DatabaseError
from tradectl.model.message_kind import MessageKind
from tradectl.model.money import rupees
from tradectl.model.order import OrderStatus, Side

FLAT = (9500, 9600, 9300, 9400)
Make = Callable[..., Trading]


def messages(market: Trading, *kinds: MessageKind) -> list[tuple[str, str, str]]:
    """Kind, title and body of the messages about trades, or of other kinds."""
    wanted = kinds or (MessageKind.BUY_PLACED, MessageKind.BUY_FILLED, MessageKind.SELL_FILLED)
    with market.ledger.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT kind, title, body FROM outbox ORDER BY id")
        return [tuple(row) for row in rows if row.kind in wanted]


def sold_by_monitor(trading: Make, **options: object) -> Trading:
    """100 ACME, bought on D and sold at target on AFTER."""
    market = trading(stock(on={D: FLAT, AFTER: (9500, 12000, 9400, 11000)}), **options)
    market.buy(100, 9600)
    market.to(D, "18:00")
    market.run("eod", force=True)
    market.to(AFTER, "09:15")
    market.monitor(AFTER, "15:25")
    return market


def test_a_buy_is_told_when_it_is_placed_and_when_it_fills(trading: Make) -> None:
    market = trading(stock(on={D: FLAT}))
    order = market.buy(100, 9600)
    assert [row[:2] for row in messages(market)] == [("buy_placed", "BUY 100 ACME at Rs 96.00 is placed")]
    assert "Rs 9,600.00 and charges" in messages(market)[0][2]
    market.to(D, "18:00")
    market.run("eod", force=True)
    (fill,) = market.ledger.book.order_fills(order.id)
    _, (kind, title, body) = messages(market)
    assert (kind, title) == ("buy_filled", f"Bought 100 ACME at {rupees(fill.price)}")
    assert f"{rupees(100 * fill.price)} and {rupees(fill.charges)} charges" in body


def test_a_sale_is_told_with_the_result_of_the_position(trading: Make) -> None:
    market = sold_by_monitor(trading)
    (position,) = market.ledger.book.positions(closed_in=AFTER)
    kind, title, body = messages(market)[-1]
    net = position.realised - position.charges
    assert kind == "sell_filled"
    assert title.endswith(f": net {rupees(net)}")
    assert f"Gross {rupees(position.realised)}, charges {rupees(position.charges)}, net {rupees(net)}." in body
    assert [line.message for line in market.ledger.logs.list(action="sell_filled")] == [f"{title}. {body}"]


def test_a_second_reconciliation_tells_nothing_again(trading: Make) -> None:
    market = sold_by_monitor(trading)
    before = messages(market)
    assert [row[0] for row in before] == ["buy_placed", "buy_filled", "sell_filled"]
    market.to(AFTER, "18:00")
    market.run("eod", force=True)
    market.run("eod", force=True)
    assert messages(market) == before


def test_a_message_and_its_fill_are_written_together(trading: Make) -> None:
    market = trading(stock(on={D: FLAT}))
    market.buy(100, 9600)
    market.to(D, "18:00")

    def fail() -> None:
        raise DatabaseError("the disk is full")

    session = market.trading(market.claim("eod", D))
    market.ledger.database.before_commit = fail
    with pytest.raises(DatabaseError):
        session.reconcile()
    market.ledger.database.before_commit = None
    assert (market.positions, [row[0] for row in messages(market)]) == ((), ["buy_placed"])
    market.trading(session.path.claim).reconcile()
    assert (len(market.positions), [row[0] for row in messages(market)]) == (1, ["buy_placed", "buy_filled"])


def test_a_buy_whose_reply_was_lost_is_told_once_found(trading: Make) -> None:
    market = trading(stock(on={D: FLAT}))
    order = market.buy(100, 9600)
    with market.ledger.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM outbox")
        connection.exec_driver_sql(
            "UPDATE orders SET broker_order_id = NULL, sent_at = NULL, status = 'UNKNOWN', previous = NULL"
        )
    market.ledger.book.broker = type(market.ledger.book.broker)()
    market.trading(market.claim("eod", D)).reconcile()
    assert [item.status for item in market.orders(Side.BUY)] == [OrderStatus.PENDING]
    assert [row[:2] for row in messages(market)] == [("buy_placed", f"BUY 100 ACME at {rupees(order.price)} is placed")]


def test_a_simulation_queues_no_message_about_trades(trading: Make) -> None:
    def simulated(*listings: object, **options: object) -> Trading:
        market = trading(*listings, **options)
        market.world = replace(market.world, mode="simulated")
        return market

    market = sold_by_monitor(simulated)
    assert (len(market.ledger.book.positions(closed_in=AFTER)), messages(market)) == (1, [])


def test_an_unprotected_position_is_told_again_each_hour(trading: Make) -> None:
    market = trading(stock(on={D: FLAT, AFTER: FLAT}))
    market.buy(100, 9600)
    market.to(D, "18:00")
    market.run("eod", force=True)
    market.ledger.schedules.disable("sell-monitor")
    market.to(AFTER, "09:30")
    for _ in range(3 * 60):
        market.run("position-monitor", slot="09:30")
        market.clock.sleep(60)
    titles = [title for _, title, _ in messages(market, MessageKind.UNPROTECTED)]
    assert titles[0] == "ACME is unprotected"
    assert titles[1:] == ["ACME is still unprotected, since 09:15"] * 2
    assert len(market.ledger.logs.list(action="unprotected")) == 3


def test_a_monitor_tells_it_again_within_its_loop(trading: Make) -> None:
    market = trading(stock(on={D: FLAT, AFTER: FLAT}))
    market.buy(100, 9600)
    market.to(D, "18:00")
    market.run("eod", force=True)
    market.to(AFTER, "09:15")
    with market.ledger.database.write():
        market.ledger.users.set_trading_state("asha", "HALTED", "test")
    market.monitor(AFTER, "12:20")
    assert len(messages(market, MessageKind.UNPROTECTED)) == 4
