"""Orders at the broker that the ledger does not count: adopted where the tag proves them ours, blocking where it does not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec.structs import replace
from sqlalchemy import update

from tests.support.hands import operate, result_of
from tests.support.trading import AFTER, D, T, Trading, entry, follow, ist, stock
from tradectl.errors import DatabaseError
from tradectl.execution.orders import CommandStatus, OrderPath
from tradectl.execution.tags import client_tag, identify, position_leg, reentry_leg
from tradectl.ledger import schema
from tradectl.ledger.intents import Intents, Overtaken
from tradectl.ledger.rows import Intent
from tradectl.model.broker_view import BrokerView
from tradectl.model.order import OrderReport, OrderRequest, OrderStatus, Purpose, ReasonCode, Side, TradeReport, Variety

Make = Callable[..., Trading]
FALLS = {D: (9500, 9600, 9300, 9400)}
FOREIGN = "Q" * 15
"""A tag of our shape that no intent of this ledger explains."""


def report(tag: str, side: Side, placed: str = "16:10", day=T, **changes) -> OrderReport:
    at = ist(day, placed)
    row = OrderReport("B1", tag, "ACME", side, 10, 10000, 0, OrderStatus.PENDING, "", Variety.AMO, at, at)
    return replace(row, **changes)


INTENTS = {
    "entry": (entry(10, 10000), 0),
    "entry, tried a third time": (entry(10, 10000), 2),
    "re-entry": (replace(entry(10, 10000), purpose=Purpose.REENTRY, leg=reentry_leg(7, 2)), 0),
    "target": (
        Intent(
            instrument_id="ACME",
            symbol="ACME",
            side=Side.SELL,
            purpose=Purpose.TARGET,
            quantity=10,
            price=10000,
            session=D,
            decided=T,
            leg=position_leg(7),
        ),
        3,
    ),
    "exit": (
        Intent(
            instrument_id="ACME",
            symbol="ACME",
            side=Side.SELL,
            purpose=Purpose.RSI_EXIT,
            quantity=10,
            price=10000,
            session=D,
            decided=T,
            leg=position_leg(150),
        ),
        0,
    ),
}


@pytest.mark.parametrize("name", INTENTS)
def test_a_tag_leads_back_to_the_intent_that_made_it(name: str):
    intent, generation = INTENTS[name]
    placed = ("16:10", T) if intent.side is Side.BUY else ("10:00", D)
    row = report(client_tag("asha", intent, generation), intent.side, *placed)
    found = identify("asha", row, "ACME", positions=3)
    assert found == (intent.purpose, intent.session, intent.leg, generation)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"tag": FOREIGN}, "another tag"),
        ({"side": Side.SELL}, "another side"),
        ({"placed_at": ist(D, "16:10") + timedelta(days=30)}, "another session"),
    ],
)
def test_a_tag_names_no_intent_of_another_side_or_session(change: dict[str, object], why: str):
    row = replace(report(client_tag("asha", entry(10, 10000), 0), Side.BUY), **change)
    assert identify("asha", row, "ACME", positions=3) is None, why
    assert identify("ravi", report(client_tag("asha", entry(10, 10000), 0), Side.BUY), "ACME", positions=3) is None
    assert identify("asha", report(client_tag("asha", entry(10, 10000), 0), Side.BUY), "OTHER", positions=3) is None


def forgotten(market: Trading, intent: Intent, generation: int = 0, quantity: int = 100) -> str:
    """An order of ours that the exchange has and the ledger has not."""
    tag = client_tag("asha", intent, generation)
    market.broker.place(OrderRequest(tag, "ACME", intent.side, quantity, intent.price, variety=intent.variety))
    return tag


def test_a_filled_order_lost_by_the_ledger_becomes_a_position(trading: Make):
    market = trading(stock(on=FALLS))
    tag = forgotten(market, entry(100, 9600))
    market.to(D, "09:16")
    market.monitor(D, "09:30")
    (order,) = market.orders(Side.BUY)
    assert (order.tag, order.status, order.purpose, order.leg) == (tag, OrderStatus.EXECUTED, Purpose.ENTRY, "entry:1")
    assert (order.session, order.decided) == (D, T)
    assert [position.quantity for position in market.positions] == [100]
    assert [item.remaining for item in market.orders(Side.SELL) if item.alive] == [100]
    assert [row.external for row in market.ledger.book.fills()] == [False]
    assert market.ledger.book.cash() == market.broker.funds().cash
    assert len(market.ledger.logs.list(action="order_counted")) == 1


def test_an_adopted_buy_has_the_level_that_its_close_gave(trading: Make):
    falling = {day: (price, price, price, price) for day, price in ((T, 8000),)}
    market = trading(stock(on=falling), min_bars="5")
    forgotten(market, entry(10, 8050), quantity=10)
    market.trading(market.claim("buy", T)).reconcile()
    (order,) = market.orders(Side.BUY)
    reading = market.world.readings.reading("ACME", T)
    assert reading is not None
    assert reading.rsi < 10
    assert order.level == 10


def test_a_resting_sell_that_the_ledger_lost_is_not_placed_again(trading: Make):
    market = trading(stock(on=FALLS))
    market.buy(100, 9600)
    market.to(D, "09:16")
    market.trading(market.claim("eod", D)).reconcile()
    (position,) = market.positions
    sell = Intent(
        instrument_id="ACME",
        symbol="ACME",
        side=Side.SELL,
        purpose=Purpose.TARGET,
        quantity=100,
        price=9900,
        session=D,
        decided=T,
        leg=position_leg(position.id),
    )
    tag = forgotten(market, sell)
    market.monitor(D, "09:20")
    assert [(order.tag, order.alive) for order in market.orders(Side.SELL)] == [(tag, True)]
    assert [item.tag for item in market.broker.orders() if item.side is Side.SELL] == [tag]


def test_an_ended_order_lost_by_the_ledger_keeps_its_tag(trading: Make):
    """The next generation has a tag of its own, which the broker has not seen."""
    market = trading(stock())
    tag = forgotten(market, entry(10, 10000), quantity=10)
    (row,) = market.broker.orders()
    market.broker.cancel(row.broker_order_id)
    trading_session = market.trading(market.claim("buy", T))
    trading_session.reconcile()
    assert trading_session.path.place(entry(10, 10000)).status is CommandStatus.PLACED
    trading_session.follow()
    assert [(order.tag == tag, order.generation, order.alive) for order in market.orders(Side.BUY)] == [
        (True, 0, False),
        (False, 1, True),
    ]


def test_an_unexplained_order_blocks_its_symbol_until_adopted(trading: Make):
    market = trading(stock(on=FALLS))
    market.broker.place(OrderRequest(FOREIGN, "ACME", Side.BUY, 100, 9600, variety=Variety.AMO))
    market.to(D, "09:20")
    (item,) = result_of(market, "reconcile", code=7)["unknown"]
    assert (item["tag"], item["reason"]) == (FOREIGN, ReasonCode.UNEXPLAINED.text())
    trading_session = market.trading(market.claim("test", D))
    trading_session.reconcile()
    assert trading_session.path.place(entry(10, 9600, session=D)).status is CommandStatus.UNKNOWN
    assert (market.positions, len(market.broker.orders())) == ((), 1)
    refused = operate(market, "orders", "resolve", str(item["id"]), "--never-placed")
    assert (refused.code, f"tradectl orders adopt {item['id']}" in refused.err) == (2, True)
    found = result_of(market, "orders", "adopt", str(item["id"]))
    assert (found["order"]["status"], found["order"]["purpose"]) == ("EXECUTED", "entry")
    assert [position.quantity for position in market.positions] == [100]
    assert result_of(market, "reconcile")["agrees"] is True
    market.monitor(D, "09:25")
    assert [order.remaining for order in market.orders(Side.SELL) if order.alive] == [100]


def test_a_foreign_order_is_left_alone_and_frees_its_symbol(trading: Make):
    market = trading(stock(on=FALLS))
    market.broker.place(OrderRequest(FOREIGN, "ACME", Side.BUY, 100, 9600, variety=Variety.AMO))
    market.to(D, "09:20")
    (item,) = result_of(market, "reconcile", code=7)["unknown"]
    result_of(market, "orders", "adopt", str(item["id"]), "--not-ours")
    for _ in range(2):
        assert result_of(market, "reconcile")["unknown"] == []
    assert market.positions == ()
    assert [row.external for row in market.ledger.book.fills()] == [True]
    assert [order.status for order in market.broker.orders()] == [OrderStatus.EXECUTED]


def test_an_unexplained_order_blocks_after_the_broker_forgets(trading: Make):
    """A broker's book is emptied overnight; what was seen once stays in the ledger."""
    market = trading(stock(on=FALLS))
    market.broker.place(OrderRequest(FOREIGN, "ACME", Side.BUY, 100, 9600, variety=Variety.AMO))
    market.to(D, "09:20")
    market.trading(market.claim("test", D)).reconcile()
    market.to(AFTER, "09:20")
    (order,) = market.ledger.book.snapshot().unknown
    assert (order.tag, order.filled_quantity) == (FOREIGN, 100)


def test_an_unexplained_order_that_ended_unfilled_is_harmless(trading: Make):
    market = trading(stock())
    number = market.broker.place(OrderRequest(FOREIGN, "ACME", Side.BUY, 10, 10000, variety=Variety.AMO))
    result_of(market, "reconcile", code=7)
    market.broker.cancel(number)
    assert result_of(market, "reconcile")["unknown"] == []


def test_a_second_order_under_one_tag_is_unexplained(trading: Make):
    market = trading(stock())
    order = market.buy(10, 10000)
    second = report(order.tag, Side.BUY, broker_order_id="B2")

    class Twice:
        """The same account, whose book has a second order under our tag."""

        def orders(self):
            return (*market.broker.orders(), second)

        def __getattr__(self, name: str):
            return getattr(market.broker, name)

    market.world = replace(market.world, broker=Twice())
    market.trading(market.claim("test", T)).reconcile()
    (unknown,) = market.ledger.book.snapshot().unknown
    assert (unknown.broker_order_id, unknown.purpose) == ("B2", Purpose.UNIDENTIFIED)
    assert market.ledger.book.order(order.id).status is OrderStatus.PENDING


def test_only_an_unexplained_order_is_adopted(trading: Make):
    market = trading(stock())
    order = market.buy(10, 10000)
    said = operate(market, "orders", "adopt", str(order.id))
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "only an UNKNOWN unidentified order can be adopted" in said.err


# Each of two rules alone keeps an order from being sent twice: its number at the broker is known, or its tag is.


def test_an_intent_with_a_number_at_the_broker_is_not_sent(trading: Make):
    """The row that a wrong 'never sent' left: PENDING, no `sending_at`, and the broker's number."""
    market = trading(stock())
    order = market.buy(10, 10000)
    with market.ledger.database.write() as connection:
        connection.execute(update(schema.orders).where(schema.orders.c.id == order.id).values(sending_at=None, sent_at=None))
    trading_session = market.trading(market.claim("buy", T))
    trading_session.book.broker = BrokerView()  # the other rule is off
    assert trading_session.path.place(entry(10, 10000)).status is CommandStatus.EXISTS
    assert len(market.broker.orders()) == 1
    with pytest.raises(Overtaken):
        trading_session.book.intents.mark_sending(
            trading_session.path.claim,
            trading_session.book.order(order.id),
            quantity=10,
            price=10000,
            variety=Variety.AMO,
            now=market.clock.now(),
            machine_now=market.clock.machine_now(),
        )


def test_an_intent_whose_tag_the_book_shows_is_not_sent(trading: Make):
    """The intent counts as never sent, its number is not known, and the broker has its tag."""
    market = trading(stock())
    claim, intent = market.claim("buy", T), entry(10, 10000)
    order = market.record(claim, intent, client_tag("asha", intent, 0))
    market.ledger.book.intents.record_not_sent(order, market.clock.now())
    market.broker.place(OrderRequest(order.tag, "ACME", Side.BUY, 10, 10000, variety=Variety.AMO))
    sent: list[OrderRequest] = []

    class Accepting:
        """A broker that takes a tag twice, as Kite does."""

        def place(self, request: OrderRequest) -> str:
            sent.append(request)
            return "second"

        def __getattr__(self, name: str):
            return getattr(market.broker, name)

    trading_session = market.trading(claim)
    trading_session.book.broker = BrokerView(market.broker.orders())  # read, and not yet followed
    path = OrderPath(Accepting(), trading_session.book, market.clock, "asha", claim, marker=market.marker)
    assert (path.place(intent).status, sent) == (CommandStatus.UNKNOWN, [])
    trading_session.reconcile()
    (found,) = market.orders(Side.BUY)
    assert (found.status, found.sending_at is not None, found.waiting) == (OrderStatus.PENDING, True, False)


def test_a_refused_buy_that_was_retried_and_lives_is_withdrawn(trading: Make):
    """The newer generation stands; the one that was called refused must not trade beside it."""
    market = trading(stock())
    first = market.buy(10, 10000)
    with market.ledger.database.write() as connection:
        wrong = {"status": "REJECTED", "previous": "PENDING", "broker_order_id": None, "sent_at": None}
        connection.execute(update(schema.orders).where(schema.orders.c.id == first.id).values(**wrong))
    trading_session = market.trading(market.claim("buy", T))
    second = trading_session.path.place(entry(10, 10000))
    assert second.status is CommandStatus.PLACED
    follow(market.ledger.book, market.broker, market.market, market.clock)  # and here the process dies
    trading_session.reconcile()
    alive = [item.tag for item in market.broker.orders() if item.status is OrderStatus.PENDING]
    assert second.order is not None
    assert alive == [second.order.tag]
    assert market.ledger.book.order(first.id).status is OrderStatus.CANCELLED


def test_a_position_behind_an_unexplained_sell_is_reported(trading: Make):
    market = trading(stock(on=FALLS))
    market.buy(100, 9600)
    market.to(D, "09:16")
    market.trading(market.claim("eod", D)).reconcile()
    market.broker.place(OrderRequest(FOREIGN, "ACME", Side.SELL, 100, 9900))
    report = market.monitor(D, "09:25")
    assert [order.tag for order in market.orders(Side.SELL)] == [FOREIGN]
    (finding,) = report.result["unprotected"]
    assert (report.exit_code, finding["symbol"], finding["cause"]) == (7, "ACME", "unidentified")
    assert "tradectl orders adopt" in report.error


def test_a_sell_after_an_adopted_generation_begins_the_next_one(trading: Make):
    """Generation 0 was refused, so the broker has no row of it; generation 1 was adopted and has ended."""
    market = trading(stock(on=FALLS))
    market.buy(100, 9600)
    market.to(D, "09:16")
    market.trading(market.claim("eod", D)).reconcile()
    (position,) = market.positions
    sell = Intent(
        instrument_id="ACME",
        symbol="ACME",
        side=Side.SELL,
        purpose=Purpose.TARGET,
        quantity=100,
        price=9900,
        session=D,
        decided=T,
        leg=position_leg(position.id),
    )
    forgotten(market, sell, generation=1)
    market.trading(market.claim("test", D)).reconcile()
    (row,) = [item for item in market.broker.orders() if item.side is Side.SELL]
    market.broker.cancel(row.broker_order_id)
    market.monitor(D, "09:20")
    assert [(order.generation, order.alive) for order in market.orders(Side.SELL)] == [(1, False), (2, True)]


def test_a_lost_sell_without_a_position_is_left_to_a_person(trading: Make):
    """The broker no longer shows the buy that it belongs to: withdrawn, the shares would have no sell."""
    market = trading(stock(on=FALLS))
    market.broker.place(OrderRequest("", "ACME", Side.BUY, 100, 9600, variety=Variety.AMO))
    market.to(D, "09:16")
    tag = forgotten(
        market,
        Intent(
            instrument_id="ACME",
            symbol="ACME",
            side=Side.SELL,
            purpose=Purpose.TARGET,
            quantity=100,
            price=9900,
            session=D,
            decided=T,
            leg=position_leg(5),
        ),
    )
    report = market.monitor(D, "09:25")
    assert report.exit_code == 7
    assert [(item.tag, item.status) for item in market.broker.orders() if item.side is Side.SELL] == [(tag, OrderStatus.ONGOING)]
    (unknown,) = market.ledger.book.snapshot().unknown
    assert (unknown.tag, unknown.purpose, unknown.reason_code) == (tag, Purpose.UNIDENTIFIED, ReasonCode.UNFOUNDED)


def test_no_task_cancels_an_order_that_may_be_another_homes(trading: Make):
    market = trading(stock(on=FALLS))
    market.broker.place(OrderRequest("", "ACME", Side.BUY, 100, 9600, variety=Variety.AMO))
    market.to(D, "09:16")
    market.broker.place(OrderRequest(FOREIGN, "ACME", Side.SELL, 100, 9900))
    market.broker.place(OrderRequest("R" * 15, "ACME", Side.BUY, 10, 9000))
    market.monitor(D, "09:25")
    assert result_of(market, "orders", "cancel", "--all")["orders"] == []
    shown = {item.tag: item.status for item in market.broker.orders() if item.tag}
    assert shown == {FOREIGN: OrderStatus.ONGOING, "R" * 15: OrderStatus.ONGOING}


def test_a_number_that_is_used_again_is_another_order(trading: Make):
    market = trading(stock(), stock("BETA"))
    order = market.buy(10, 10000)
    other = report("", Side.BUY, broker_order_id=order.broker_order_id, symbol="BETA", quantity=7, filled_quantity=7)
    other = replace(other, tag=None, status=OrderStatus.EXECUTED)
    trade = TradeReport("T9", order.broker_order_id or "", "BETA", Side.BUY, 7, 10000, ist(T, "16:20"))

    class Reusing:
        """A broker whose numbers begin anew, with an order by hand in another share."""

        def orders(self):
            return (other,)

        def trades(self):
            return (trade,)

        def __getattr__(self, name: str):
            return getattr(market.broker, name)

    market.world = replace(market.world, broker=Reusing())
    market.trading(market.claim("test", T)).reconcile()
    assert (market.ledger.book.order(order.id).filled_quantity, market.positions) == (0, ())
    assert [(row.symbol, row.external) for row in market.ledger.book.fills()] == [("BETA", True)]


def test_an_order_id_that_the_ledger_cannot_note_is_in_the_error(trading: Make, monkeypatch: pytest.MonkeyPatch):
    """A broker without tags shows the order under this id alone."""
    market = trading(stock())
    trading_session = market.trading(market.claim("buy", T))

    def locked(*_: object, **__: object) -> None:
        raise DatabaseError("the ledger is locked")

    monkeypatch.setattr(Intents, "record_outcome", locked)
    with pytest.raises(DatabaseError, match="is locked") as raised:
        trading_session.path.place(entry(10, 10000))
    (placed,) = market.broker.orders()
    assert f"is {placed.broker_order_id} at the broker" in str(raised.value)
