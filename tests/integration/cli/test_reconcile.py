"""`reconcile` by hand: the book follows the broker, and every difference is shown with its reason."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace
from sqlalchemy import update

from tests.integration.cli.conftest import Tradectl
from tests.integration.cli.test_orders_by_hand import interrupted, lost
from tests.integration.execution.conftest import trading  # noqa: F401
from tests.support.hands import opaque, operate, result_of
from tests.support.trading import AFTER, D, Trading, stock
from tradectl.ledger import schema
from tradectl.model.order import OrderRequest, OrderStatus, ReasonCode, Side, Variety

Make = Callable[..., Trading]
FALLS = {D: (9500, 9600, 9300, 9400)}


def test_a_new_home_agrees_with_its_broker(tradectl: Tradectl):
    said = tradectl("reconcile")
    assert (said.code, said.out) == (0, "the ledger was complete\n\norders, shares and cash agree with the broker\n")
    assert list(tradectl("reconcile", "--json").object["result"]) == [
        "changed", "orders", "shares", "cash", "unknown", "external", "odd_rows", "agrees",
    ]  # fmt: skip


def test_it_takes_in_what_happened_and_trades_nothing(trading: Make):  # noqa: F811
    market = trading(stock(on=FALLS))
    market.buy(100, 9600)
    market.to(D, "10:00")
    found = result_of(market, "reconcile")
    assert (found["changed"]["executed"], found["changed"]["trades"], found["agrees"]) == (1, 1, True)
    assert len(market.broker.orders()) == 1
    assert "the ledger was complete" in operate(market, "reconcile").out


def test_an_order_of_unknown_fate_is_named_and_is_exit_7(trading: Make):  # noqa: F811
    market = trading(stock())
    order, _ = lost(market)
    found = result_of(market, "reconcile", code=7)
    (item,) = found["unknown"]
    assert (item["id"], item["status"], item["may_be_sending"]) == (order.id, "UNKNOWN", False)
    said = operate(market, "reconcile")
    assert "Unresolved orders" in said.out
    assert "sent, and not in the broker's book" in said.out


def test_a_lost_order_is_adopted_by_its_tag(trading: Make):  # noqa: F811
    market = trading(stock())
    opaque(market)
    order = interrupted(market)
    found = result_of(market, "reconcile")
    assert (found["changed"]["adopted"], found["unknown"]) == (1, [])
    assert market.ledger.book.order(order.id).broker_order_id is not None


def test_a_trade_by_hand_is_shown_and_left_alone(trading: Make):  # noqa: F811
    market = trading(stock(on=FALLS))
    market.to(D, "10:00")
    market.broker.manual_trade("ACME", Side.BUY, 5, 9400)
    said = operate(market, "reconcile")
    assert said.code == 0
    assert "Manual orders, which tradectl does not change" in said.out
    assert "more than tradectl holds: bought manually, credited, or of a position that the ledger lost" in said.out
    assert market.ledger.outbox.pending() == ()  # told, and delivered
    assert [line.action for line in market.ledger.logs.list()] == ["external_trade"]
    found = result_of(market, "reconcile")
    assert [(item["symbol"], item["quantity"]) for item in found["external"]] == [("ACME", 5)]
    assert [(item["book"], item["broker"], item["differs"]) for item in found["shares"]] == [(0, 5, False)]
    assert market.positions == ()


def test_an_order_under_a_tag_that_no_intent_explains_is_unknown(trading: Make):  # noqa: F811
    market = trading(stock())
    market.broker.place(OrderRequest("Q" * 15, "ACME", Side.BUY, 10, 10000, variety=Variety.AMO))
    for _ in range(2):
        (item,) = result_of(market, "reconcile", code=7)["unknown"]
        assert (item["tag"], item["reason"]) == ("Q" * 15, ReasonCode.UNEXPLAINED.text())
    assert "Unresolved orders" in operate(market, "reconcile").out
    assert [order.status for order in market.broker.orders()] == [OrderStatus.PENDING]


@pytest.mark.parametrize("tag", ["mktp", "mktp:2.00", "autoslice", "iceberg", "MYOWNTAG"])
def test_a_tag_of_another_shape_is_an_order_by_hand(trading: Make, tag: str):  # noqa: F811
    market = trading(stock())
    market.broker.place(OrderRequest(tag, "ACME", Side.BUY, 10, 10000, variety=Variety.AMO))
    found = result_of(market, "reconcile")
    assert [item["tag"] for item in found["external"]] == [tag]
    assert (found["unknown"], found["agrees"]) == ([], True)


def test_an_order_that_was_called_refused_and_lives_counts_again(trading: Make):  # noqa: F811
    market = trading(stock())
    order = market.buy(10, 10000)
    with market.ledger.database.write() as connection:
        connection.execute(
            update(schema.orders).where(schema.orders.c.id == order.id).values(status="REJECTED", previous="PENDING")
        )
    found = result_of(market, "reconcile")
    assert (found["changed"]["counted"], found["agrees"]) == (1, True)
    assert market.ledger.book.order(order.id).status is OrderStatus.PENDING


def test_fewer_shares_and_other_cash_are_differences(trading: Make):  # noqa: F811
    market = trading(stock(on=FALLS))
    market.buy(100, 9600)
    market.to(D, "10:00")
    operate(market, "reconcile")

    class Moved:
        """The same account after somebody pledged 30 shares and paid in Rs 500."""

        def holdings(self):
            return [replace(item, t1_quantity=item.t1_quantity - 30) for item in market.broker.holdings()]

        def funds(self):
            return replace(market.broker.funds(), cash=market.broker.funds().cash + 500_00)

        def __getattr__(self, name):
            return getattr(market.broker, name)

    market.world = replace(market.world, broker=Moved())
    found = result_of(market, "reconcile", code=9)
    assert [(item["book"], item["broker"], item["differs"]) for item in found["shares"]] == [(100, 70, True)]
    assert found["cash"]["difference"] == "500.00"
    said = operate(market, "reconcile")
    assert "Shares that differ" in said.out
    assert "Cash differs by 500.00" in said.out


def test_a_whole_round_agrees_at_its_end(trading: Make):  # noqa: F811
    market = trading(stock(on={D: (9500, 9600, 9300, 9400), AFTER: (9400, 9900, 9400, 9800)}))
    market.buy(100, 9600)
    for day in (D, AFTER):
        market.to(day, "09:15")
        market.monitor(day, "15:30")
        market.to(day, "18:00")
        assert result_of(market, "reconcile")["agrees"] is True
        market.run("eod")
        assert result_of(market, "reconcile")["agrees"] is True


def test_reconcile_works_when_halted(trading: Make):  # noqa: F811
    market = trading(stock(on=FALLS))
    market.buy(100, 9600)
    operate(market, "halt")
    market.to(D, "10:00")
    assert result_of(market, "reconcile")["changed"]["executed"] == 1
    assert market.ledger.users.get("asha").trading_state == "HALTED"
