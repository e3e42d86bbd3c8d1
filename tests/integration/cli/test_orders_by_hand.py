"""`orders cancel` and `orders resolve`: what a person decides about orders, and what the exchange says to it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from tests.integration.execution.conftest import trading  # noqa: F401
from tests.support.hands import Opaque, opaque, operate, result_of
from tests.support.trading import AFTER, D, T, Trading, entry, stock
from tradectl.execution.tags import client_tag
from tradectl.ledger.process_identity import identity_of
from tradectl.ledger.rows import Intent, Order
from tradectl.model.order import OrderRequest, OrderStatus, Purpose, Side

Make = Callable[..., Trading]
FALLS = {D: (9500, 9600, 9300, 9400)}
GONE = "nowhere:-:1:1"
"""An owner on another host: alive for all we know."""


def order_of(market: Trading, order: Order) -> Order:
    return market.ledger.book.order(order.id)


def interrupted(market: Trading, intent: Intent | None = None, *, sent: bool = True) -> Order:
    """A process marked an order as being sent, sent it (or not), and died before it could write what came of it."""
    claim, intent = market.claim("test", T), intent or entry(100, 9600)
    order = market.record(claim, intent, client_tag("asha", intent, 0))
    if sent:
        request = OrderRequest(order.tag, order.symbol, order.side, order.quantity, order.price, variety=order.variety)
        market.broker.place(request)
    market.ledger.executions.finish(claim, "failed", {}, now=market.clock.now(), steps=0)
    died(market, order)
    return order


def died(market: Trading, order: Order, owner: str | None = None) -> None:
    from sqlalchemy import update

    from tradectl.ledger.schema import orders

    with market.ledger.database.write() as connection:
        connection.execute(update(orders).where(orders.c.id == order.id).values(sender=owner))


def lost(market: Trading) -> tuple[Order, Opaque]:
    """An order at the exchange that its broker does not show, and that nobody can be sending any more."""
    broker = opaque(market)
    order = interrupted(market)
    broker.hidden.add(order.tag)
    return order, broker


# -- cancel ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["id", "tag", "broker_order_id"])
def test_an_order_is_cancelled_by_any_of_its_names_and_read_back(trading: Make, name: str):  # noqa: F811
    market = trading(stock())
    order = market.buy(10, 10000)
    said = operate(market, "orders", "cancel", str(getattr(order, name)))
    assert (said.code, said.out) == (0, f"order {order.id}, BUY 10 ACME at 100.00: cancelled\n")
    assert order_of(market, order).status is OrderStatus.CANCELLED
    assert [item.status for item in market.broker.orders()] == [OrderStatus.CANCELLED]


def test_every_unfinished_order_is_cancelled_waiting_ones_too(trading: Make):  # noqa: F811
    market = trading(stock(), stock("BETA"))
    market.buy(10, 10000)
    waits = market.record(market.claim("test", T), entry(10, 10000, symbol="BETA"), "W" * 15, status=OrderStatus.RETRY_PENDING)
    found = result_of(market, "orders", "cancel", "--all")
    assert [(item["symbol"], item["cancel"], item["status"]) for item in found["orders"]] == [
        ("ACME", "cancelled", "CANCELLED"), ("BETA", "cancelled", "CANCELLED"),
    ]  # fmt: skip
    assert order_of(market, waits).reason == "no longer wanted"
    assert operate(market, "orders", "cancel", "--all").out == "there is no order to cancel\n"


def test_an_order_filled_before_the_cancel_is_said_filled(trading: Make):  # noqa: F811
    market = trading(stock(on=FALLS))
    order = market.buy(10, 9600)
    market.to(D, "09:30")
    said = operate(market, "orders", "cancel", str(order.id))
    assert (said.code, "was filled meanwhile" in said.out) == (11, True)
    assert [position.quantity for position in market.positions] == [10]


def test_a_cancel_that_does_not_arrive_is_not_called_one(trading: Make):  # noqa: F811
    market = trading(stock())
    broker, order = opaque(market), market.buy(10, 10000)
    broker.deaf = True
    found = result_of(market, "orders", "cancel", order.tag, code=6)
    assert [(item["cancel"], item["status"]) for item in found["orders"]] == [("not_sent", "PENDING")]


def test_an_unknown_order_without_an_id_cannot_be_cancelled(trading: Make):  # noqa: F811
    market = trading(stock())
    order, _ = lost(market)
    said = operate(market, "orders", "cancel", str(order.id))
    assert said.code == 7
    assert "it is not known whether it is at the exchange" in said.out
    assert f"see `tradectl orders resolve {order.id}`" in said.out


def test_a_lost_order_is_found_by_its_tag_and_cancelled(trading: Make):  # noqa: F811
    market = trading(stock())
    opaque(market)
    order = interrupted(market)
    assert operate(market, "orders", "cancel", str(order.id)).code == 0
    assert [item.status for item in market.broker.orders()] == [OrderStatus.CANCELLED]


def test_a_cancelled_sell_comes_back_unless_halted(trading: Make):  # noqa: F811
    market = trading(stock(on=FALLS))
    market.buy(10, 9600)
    market.to(D, "09:15")
    market.monitor(D, "09:17")
    (sell,) = market.orders(Side.SELL)
    assert "`tradectl halt` prevents it" in operate(market, "orders", "cancel", str(sell.id)).out
    operate(market, "halt")
    market.monitor(D, "09:20")
    assert [order.status for order in market.orders(Side.SELL)] == [OrderStatus.CANCELLED]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("cancel",), "name an ORDER, or use --all"),
        (("cancel", "1", "--all"), "name an ORDER, or use --all"),
        (("cancel", "77"), "there is no order 77"),
        (("resolve", "77"), "there is no order 77"),
        (("resolve", "1"), "order 1 is PENDING: only an UNKNOWN order can be resolved"),
        (("resolve", "1", "--never-placed"), "order 1 is PENDING: only an UNKNOWN order can be resolved"),
        (("resolve", "1", "--never-placed", "--filled", "5"), "exclude each other"),
        (("resolve", "1", "--price", "10"), "--price needs --filled"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(trading: Make, words: tuple[str, ...], line: str):  # noqa: F811
    market = trading(stock())
    market.buy(10, 10000)
    said = operate(market, "orders", *words)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert line in said.err
    assert [item.status for item in market.broker.orders()] == [OrderStatus.PENDING]


def test_what_has_ended_cannot_be_cancelled(trading: Make):  # noqa: F811
    market = trading(stock(on=FALLS))
    order = market.buy(10, 9600)
    market.to(D, "09:30")
    market.run("position-monitor")
    said = operate(market, "orders", "cancel", str(order.id))
    assert (said.code, said.err) == (2, f"tradectl: order {order.id} is EXECUTED: there is nothing left to cancel\n")


# -- resolve --------------------------------------------------------------------------------------------------------------


def test_resolve_tells_what_is_known_and_asks_nothing(trading: Make):  # noqa: F811
    market = trading(stock())
    order, _ = lost(market)
    said = operate(market, "orders", "resolve", str(order.id))
    assert said.code == 7
    for words in ("UNKNOWN", "sent, and not in the broker's book", "has ended", "absence proves nothing", "--never-placed"):
        assert words in said.out
    found = result_of(market, "orders", "resolve", order.tag, code=7)
    assert found["order"]["status"] == "UNKNOWN"
    assert (found["known"]["may_be_sending"], found["known"]["visibility_lag"]) == (False, None)
    assert found["known"]["candidates"] == []


def test_resolve_finds_what_the_broker_shows_by_now(trading: Make):  # noqa: F811
    market = trading(stock())
    order, broker = lost(market)
    assert operate(market, "orders", "resolve", str(order.id)).code == 7
    broker.hidden.clear()
    assert operate(market, "orders", "resolve", str(order.id)).out == f"order {order.id} is known now: PENDING\n"


def test_a_decision_against_the_brokers_book_is_refused(trading: Make):  # noqa: F811
    market = trading(stock())
    order, broker = lost(market)
    operate(market, "reconcile")
    broker.hidden.clear()
    said = operate(market, "orders", "resolve", str(order.id), "--never-placed")
    assert (said.code, "nothing is left to decide" in said.err) == (2, True)
    assert order_of(market, order).status is OrderStatus.PENDING


def test_nothing_is_decided_while_a_process_may_still_be_sending(trading: Make):  # noqa: F811
    market = trading(stock())
    order, _ = lost(market)
    died(market, order, GONE)
    said = operate(market, "orders", "resolve", str(order.id), "--never-placed")
    assert (said.code, f"the process {GONE} may still be sending order {order.id}" in said.err) == (9, True)
    assert "may still be sending the order: end that process first" in operate(market, "orders", "resolve", str(order.id)).out
    assert order_of(market, order).status is OrderStatus.UNKNOWN


def test_who_knows_that_a_sender_elsewhere_has_ended_may_say_so(trading: Make):  # noqa: F811
    """After a power cut the sender is of another boot, and nothing on the machine proves its death."""
    market = trading(stock())
    order, _ = lost(market)
    died(market, order, GONE)
    assert "add --sender-ended" in operate(market, "orders", "resolve", str(order.id)).out
    alone = operate(market, "orders", "resolve", str(order.id), "--sender-ended")
    assert (alone.code, "needs --never-placed" in alone.err) == (2, True)
    said = operate(market, "orders", "resolve", str(order.id), "--never-placed", "--sender-ended")
    assert (said.code, order_of(market, order).status) == (0, OrderStatus.CANCELLED)


def test_no_living_process_is_said_to_have_ended(trading: Make):  # noqa: F811
    market = trading(stock())
    order, _ = lost(market)
    with subprocess.Popen(["sleep", "60"]) as other:
        died(market, order, identity_of(other.pid))
        said = operate(market, "orders", "resolve", str(order.id), "--never-placed", "--sender-ended")
        other.kill()
    assert (said.code, "still exists on this machine: end it first" in said.err) == (2, True)
    assert order_of(market, order).status is OrderStatus.UNKNOWN


def test_an_order_never_placed_ends_and_blocks_nothing(trading: Make):  # noqa: F811
    market = trading(stock())
    opaque(market)
    order = interrupted(market, sent=False)
    found = result_of(market, "orders", "resolve", str(order.id), "--never-placed")
    assert (found["order"]["status"], found["order"]["reason"]) == ("CANCELLED", "a person decided: never placed")
    (line,) = market.ledger.logs.list(action="order_resolved")
    assert (line.level, line.symbol) == ("warning", "ACME")
    again = market.trading(market.claim("buy", T)).path.place(entry(100, 9600))
    assert again.order is not None
    assert (again.ok, again.order.generation) == (True, 1)


def test_an_order_never_placed_that_shows_up_is_withdrawn(trading: Make):  # noqa: F811
    market = trading(stock())
    order, broker = lost(market)
    operate(market, "orders", "resolve", str(order.id), "--never-placed")
    broker.hidden.clear()
    found = result_of(market, "reconcile")
    assert (found["changed"]["reopened"], found["unknown"], found["orders"]) == (1, [], [])
    assert order_of(market, order).status is OrderStatus.CANCELLED
    assert [item.status for item in market.broker.orders()] == [OrderStatus.CANCELLED]
    (line,) = market.ledger.logs.list(action="order_reappeared")
    assert "it counted as ended and is live at the exchange" in line.message


def test_an_order_never_placed_that_filled_is_a_position(trading: Make):  # noqa: F811
    market = trading(stock(on=FALLS))
    order, broker = lost(market)
    operate(market, "orders", "resolve", str(order.id), "--never-placed")
    market.to(D, "10:00")
    broker.hidden.clear()
    assert result_of(market, "reconcile")["agrees"] is True
    assert order_of(market, order).status is OrderStatus.EXECUTED
    assert [position.quantity for position in market.positions] == [100]


def test_an_order_is_joined_to_the_brokers_and_followed(trading: Make):  # noqa: F811
    market = trading(stock(on=FALLS))
    broker = opaque(market)
    order = interrupted(market)
    (report,) = market.broker.orders()
    broker.untagged.add(report.broker_order_id)
    market.to(D, "10:00")
    operate(market, "reconcile")
    assert [(row.external, row.booked) for row in market.ledger.book.fills()] == [(True, 0)]
    said = operate(market, "orders", "resolve", str(order.id))
    told = f"may be    {report.broker_order_id} of the broker's list: 100 at 96.00, EXECUTED, 100 filled, placed "
    assert (said.code, told in said.out) == (7, True)
    broker.capabilities = replace(broker.capabilities, tag_survives_modify=True)  # then it is somebody's own
    assert "may be " not in operate(market, "orders", "resolve", str(order.id)).out
    found = result_of(market, "orders", "resolve", str(order.id), "--broker-order-id", report.broker_order_id)
    assert (found["order"]["status"], found["order"]["filled_quantity"]) == ("EXECUTED", 100)
    assert [(row.external, row.booked, row.order_id) for row in market.ledger.book.fills()] == [(False, 100, order.id)]
    assert [position.quantity for position in market.positions] == [100]
    assert result_of(market, "reconcile")["agrees"] is True


def test_a_sale_that_was_taken_for_one_by_hand_becomes_our_sell(trading: Make):  # noqa: F811
    market = trading(stock(on={D: (9500, 9600, 9300, 9400), AFTER: (9800, 9900, 9700, 9800)}))
    market.buy(100, 9600)
    market.to(D, "10:00")
    operate(market, "reconcile")
    (position,) = market.positions
    market.to(AFTER, "10:00")
    broker = opaque(market)
    sell = Intent(
        instrument_id="ACME",
        symbol="ACME",
        side=Side.SELL,
        purpose=Purpose.TARGET,
        quantity=100,
        price=9700,
        session=AFTER,
        decided=D,
        leg=f"P{position.id}",
        position_id=position.id,
    )
    order = interrupted(market, sell)
    report = market.broker.orders()[-1]
    broker.untagged.add(report.broker_order_id)
    market.to(AFTER, "10:05")
    operate(market, "reconcile")
    assert market.positions == ()
    found = result_of(market, "orders", "resolve", str(order.id), "--broker-order-id", report.broker_order_id)
    assert (found["order"]["status"], found["order"]["filled_quantity"]) == ("EXECUTED", 100)
    (closed,) = market.ledger.book.positions(closed_in=AFTER)
    assert (closed.id, closed.quantity, closed.status) == (position.id, 0, "closed")
    assert [(row.side, row.external) for row in market.ledger.book.fills()] == [("BUY", False), ("SELL", False)]
    assert result_of(market, "reconcile")["agrees"] is True


@pytest.mark.parametrize(
    ("side", "symbol", "why"),
    [(Side.SELL, "ACME", "is SELL ACME, not BUY ACME"), (Side.BUY, "BETA", "is BUY BETA, not BUY ACME")],
)
def test_another_order_of_the_brokers_is_not_joined(trading: Make, side: Side, symbol: str, why: str):  # noqa: F811
    market = trading(stock(on=FALLS), stock("BETA", on=FALLS))
    market.buy(10, 9600)
    market.to(D, "10:00")
    operate(market, "reconcile")
    opaque(market)
    order = interrupted(market, entry(7, 9600, session=AFTER), sent=False)
    found = market.broker.manual_trade(symbol, side, 5, 9400)
    said = operate(market, "orders", "resolve", str(order.id), "--broker-order-id", found)
    assert (said.code, why in said.err) == (2, True)
    assert operate(market, "orders", "resolve", str(order.id), "--broker-order-id", "X1").code == 2
    assert order_of(market, order).status is OrderStatus.UNKNOWN


def test_an_order_that_was_there_before_ours_was_sent_is_not_it(trading: Make):  # noqa: F811
    market = trading(stock(on=FALLS))
    market.to(D, "10:00")
    broker = opaque(market)
    found = market.broker.manual_trade("ACME", Side.BUY, 5, 9400)
    market.to(D, "10:05")
    order = interrupted(market, entry(5, 9600, session=AFTER), sent=False)
    broker.untagged.add(found)
    said = operate(market, "orders", "resolve", str(order.id))
    assert (said.code, "may be " in said.out) == (7, False)
    said = operate(market, "orders", "resolve", str(order.id), "--broker-order-id", found)
    assert (said.code, f"was placed before order {order.id} was sent" in said.err) == (2, True)


def test_an_order_of_ours_is_not_joined_to_a_second_one(trading: Make):  # noqa: F811
    market = trading(stock(), stock("BETA"))
    mine = market.buy(10, 10000)
    opaque(market)
    order = interrupted(market, entry(5, 10000, session=AFTER), sent=False)
    said = operate(market, "orders", "resolve", str(order.id), "--broker-order-id", str(mine.broker_order_id))
    assert (said.code, f"is order {mine.id} of this ledger" in said.err) == (2, True)


def test_a_fill_of_the_contract_note_becomes_a_position(trading: Make):  # noqa: F811
    market = trading(stock(on=FALLS))
    order, _ = lost(market)
    market.to(AFTER, "08:00")
    price = next(trade.price for trade in market.broker.trades())
    found = result_of(market, "orders", "resolve", str(order.id), "--filled", "100", "--price", f"{price / 100:.2f}")
    assert (found["order"]["status"], found["order"]["filled_quantity"]) == ("EXECUTED", 100)
    assert [fill["trade_id"] for fill in found["order"]["fills"]] == [f"by-hand:{order.tag}"]
    assert [(position.quantity, position.cost) for position in market.positions] == [(100, 100 * price)]
    assert market.ledger.book.cash() == market.broker.funds().cash
    assert result_of(market, "reconcile")["agrees"] is True


@pytest.mark.parametrize("shown", ["with its tag", "without it"])
def test_a_brokers_trade_is_not_booked_beside_a_persons(trading: Make, shown: str):  # noqa: F811
    market = trading(stock(on=FALLS))
    order, broker = lost(market)
    market.to(AFTER, "08:00")
    price = next(trade.price for trade in market.broker.trades())
    operate(market, "orders", "resolve", str(order.id), "--filled", "100", "--price", f"{price / 100:.2f}")
    if shown == "without it":
        broker.untagged |= {item.broker_order_id for item in market.broker.orders()}
    broker.hidden.clear()
    for _ in range(2):
        operate(market, "reconcile")
        assert [row.trade_id for row in market.ledger.book.fills()] == [f"by-hand:{order.tag}"]
    assert [position.quantity for position in market.positions] == [100]
    assert market.ledger.book.cash() == market.broker.funds().cash


def test_a_part_that_was_filled_ends_the_order_with_that_part(trading: Make):  # noqa: F811
    market = trading(stock(on=FALLS))
    order, broker = lost(market)
    market.to(AFTER, "08:00")
    found = result_of(market, "orders", "resolve", str(order.id), "--filled", "40", "--price", "95")
    assert (found["order"]["status"], found["order"]["filled_quantity"]) == ("CANCELLED", 40)
    broker.hidden.clear()
    assert "differ" in operate(market, "reconcile").out
    assert [position.quantity for position in market.positions] == [40]


def test_an_order_that_the_brokers_book_lost_ends_as_it_stood(trading: Make):  # noqa: F811
    market = trading(stock(on=FALLS))
    broker, order = opaque(market), market.buy(100, 9600)
    broker.hidden.add(order.tag)
    market.to(AFTER, "08:00")
    operate(market, "reconcile")
    assert order_of(market, order).status is OrderStatus.UNKNOWN
    price = next(trade.price for trade in market.broker.trades())
    operate(market, "orders", "resolve", str(order.id), "--filled", "100", "--price", f"{price / 100:.2f}")
    broker.hidden.clear()
    operate(market, "reconcile")
    assert (order_of(market, order).quantity, order_of(market, order).filled_quantity) == (100, 100)
    assert [position.quantity for position in market.positions] == [100]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--filled", "101", "--price", "95"), "101 shares cannot be filled: 100 were ordered"),
        (("--filled", "100"), "give the price of a share in rupees with --price"),
        (("--filled", "100", "--price", "96.05"), "96.05 is worse than the order's limit of 96.00"),
        (("--filled", "100", "--price", "much"), "is not an amount in rupees"),
    ],
)
def test_what_cannot_have_been_filled_is_refused(trading: Make, words: tuple[str, ...], line: str):  # noqa: F811
    market = trading(stock(on=FALLS))
    order, _ = lost(market)
    market.to(AFTER, "08:00")
    said = operate(market, "orders", "resolve", str(order.id), *words)
    assert (said.code, line in said.err) == (2, True), said.err
    assert market.ledger.book.fills() == []


def test_fills_are_not_told_before_their_session_is_over(trading: Make):  # noqa: F811
    market = trading(stock(on=FALLS))
    order, _ = lost(market)
    market.to(D, "18:00")
    said = operate(market, "orders", "resolve", str(order.id), "--filled", "100", "--price", "95")
    assert (said.code, f"the session of order 1, {D}, is not over" in said.err) == (2, True)


@pytest.mark.parametrize("of_paper", [True, False])
def test_status_names_an_order_that_was_sent_and_never_answered(trading: Make, of_paper: bool):  # noqa: F811
    """A process died, or is stopped, between the mark of the sending and the broker's answer."""
    market = trading(stock())
    order = interrupted(market, sent=of_paper)
    found = result_of(market, "status", code=7)
    assert [(item["id"], item["status"]) for item in found["unknown_orders"]] == [(order.id, "PENDING")]
    said = operate(market, "status")
    assert (said.code, f"UNKNOWN   BUY 100 ACME ({order.tag}): sent, and no reply was recorded" in said.out) == (7, True)
    assert "the outcome of orders for ACME is not known" in operate(market, "doctor").out


def test_status_leaves_an_order_to_the_process_that_sends_it_now(trading: Make):  # noqa: F811
    market = trading(stock())
    claim = market.claim("buy", T)
    order = market.record(claim, entry(100, 9600), "A" * 15)
    assert result_of(market, "status")["unknown_orders"] == []
    died(market, order, identity_of(2**22 + 1))
    assert len(result_of(market, "status", code=7)["unknown_orders"]) == 1
