"""What a careful reader asked: a position sold a moment ago, a book that lists what was refused, an eod before its time."""

from msgspec.structs import replace

from tests.support.trading import D, T, entry, follow, stock
from tradectl.execution.orders import CommandStatus
from tradectl.execution.selling import Seller
from tradectl.execution.tags import client_tag
from tradectl.lazy import lazy
from tradectl.model.order import OrderReport, OrderRequest, OrderStatus, Side, Variety
from tradectl.ports import OrderRules

DIPS = {D: (9500, 9600, 9300, 9400)}


class AlsoListing:
    """The paper exchange, with one more row in its book."""

    def __init__(self, broker, row: OrderReport) -> None:
        self._broker = broker
        self._row = row

    def __getattr__(self, name: str):
        return getattr(self._broker, name)

    def orders(self):
        return (*self._broker.orders(), self._row)


def test_a_position_found_sold_in_the_step_is_not_sold_again(trading) -> None:
    market = trading(stock(on=DIPS))
    market.buy(100, 9600)
    market.to(D, "10:00")
    trading_session = market.trading(market.claim("sell-monitor", D))
    trading_session.reconcile()
    (stale,) = market.positions
    quote = market.broker.quotes(["ACME"])["ACME"]
    price = quote.last // 5 * 5
    market.broker.manual_trade("ACME", Side.SELL, 100, price)
    market.broker.manual_trade("ACME", Side.BUY, 100, price)  # the trader's own shares, which are not ours to sell
    before = trading_session.snapshot
    trading_session.follow()
    assert market.positions == ()
    seller = Seller(trading_session, market.world.readings, market.parameters, D, lambda _: None)
    assert not seller.adjust(stale, quote, before)
    assert [order for order in market.orders(Side.SELL) if order.alive] == []


def test_a_refused_order_that_the_broker_lists_too_stops_nobody(trading) -> None:
    market = trading(stock())
    intent = entry(10, 10050)
    claim = market.claim("buy", T)
    order = market.record(claim, intent, client_tag("asha", intent, 0))
    market.ledger.book.intents.move(order, OrderStatus.RETRY_PENDING, "funds", market.clock.now())
    now = market.clock.now()
    row = OrderReport("B9", order.tag, "ACME", Side.BUY, 10, 10050, 0, OrderStatus.REJECTED, "RMS: funds", Variety.AMO, now, now)
    market.world = replace(market.world, broker=AlsoListing(market.broker, row))
    market.trading(claim).reconcile()
    assert [item.status for item in market.orders(Side.BUY)] == [OrderStatus.RETRY_PENDING]


def test_a_refused_order_that_the_book_shows_alive_counts_again(trading) -> None:
    market = trading(stock())
    intent = entry(10, 10050)
    claim = market.claim("buy", T)
    order = market.record(claim, intent, client_tag("asha", intent, 0))
    market.ledger.book.intents.move(order, OrderStatus.REJECTED, "RMS: no", market.clock.now())
    now = market.clock.now()
    row = OrderReport("B9", order.tag, "ACME", Side.BUY, 10, 10050, 0, OrderStatus.PENDING, "", Variety.AMO, now, now)
    market.world = replace(market.world, broker=AlsoListing(market.broker, row))
    for _ in range(2):
        market.trading(claim).reconcile()
    (line,) = market.ledger.logs.list(action="order_counted")
    assert f"broker order B9: missing in the ledger or recorded as refused; it counts as order {order.id}" in line.message
    (found,) = market.orders(Side.BUY)
    assert (found.id, found.status, found.broker_order_id) == (order.id, OrderStatus.PENDING, "B9")
    assert market.trading(claim).path.place(intent).status is CommandStatus.EXISTS


def test_an_interrupted_withdrawal_is_made_by_the_next_look(trading) -> None:
    market = trading(stock())
    claim, intent = market.claim("buy", T), entry(10, 10050)
    order = market.record(claim, intent, client_tag("asha", intent, 0))
    market.ledger.book.intents.move(order, OrderStatus.CANCELLED, "never_appeared", market.clock.now())
    market.broker.place(OrderRequest(order.tag, "ACME", Side.BUY, 10, 10050, variety=Variety.AMO))
    follow(market.ledger.book, market.broker, market.market, market.clock)  # and here the process dies
    (found,) = market.orders(Side.BUY)
    assert (found.status, found.alive) == (OrderStatus.PENDING, True)
    market.trading(claim).reconcile()
    assert [item.status for item in market.orders(Side.BUY)] == [OrderStatus.CANCELLED]
    assert [item.status for item in market.broker.orders()] == [OrderStatus.CANCELLED]
    assert len(market.ledger.logs.list(action="order_reappeared")) == 1


def test_an_early_eod_ends_no_order_and_no_monitor(trading) -> None:
    market = trading(stock(on=DIPS))
    market.buy(100, 9600)
    market.to(D, "09:15")
    market.monitor(D, "09:20")
    claim = market.claim("buy", D)
    doubtful = market.record(claim, replace(entry(10, 9000), leg="entry:2"), "Q" * 15)
    market.ledger.executions.finish(claim, "failed", {}, now=market.clock.now(), steps=1)
    market.to(D, "10:00")
    market.run("eod", force=True)
    assert market.ledger.book.order(doubtful.id).status is OrderStatus.UNKNOWN
    monitor = market.ledger.executions.get("sell-monitor", D, "")
    assert monitor is not None
    assert monitor.status == "running"
    market.to(D, "18:00")
    market.run("eod", force=True)
    assert market.ledger.book.order(doubtful.id).status is OrderStatus.CANCELLED


def test_an_order_lost_by_the_ledger_is_adopted_by_its_tag(trading) -> None:
    market = trading(stock())
    intent = entry(10, 10050)
    tag = client_tag("asha", intent, 0)
    market.broker.place(OrderRequest(tag, "ACME", Side.BUY, 10, 10050, variety=Variety.AMO))
    trading_session = market.trading(market.claim("buy", T))
    trading_session.reconcile()
    assert trading_session.path.place(intent).status is CommandStatus.EXISTS
    assert [report.tag for report in market.broker.orders()] == [tag]
    assert [(order.tag, order.status) for order in market.orders(Side.BUY)] == [(tag, OrderStatus.PENDING)]


class Listing:
    """A broker with a list of instruments, opened at its first use as that of a live home is."""

    def __init__(self, broker) -> None:
        self._broker = broker

    def __getattr__(self, name: str):
        return getattr(self._broker, name)

    def order_rules(self, symbol: str) -> OrderRules:
        return OrderRules(10, D, most_shares=40)


def test_the_rules_of_a_broker_that_is_opened_late_count(trading) -> None:
    market = trading(stock())
    market.world = replace(market.world, broker=lazy(lambda: Listing(market.broker)))
    trading_session = market.trading(market.claim("test", D))
    assert (trading_session.rules.tick_size("ACME", D), trading_session.rules.most_shares("ACME")) == (10, 40)
