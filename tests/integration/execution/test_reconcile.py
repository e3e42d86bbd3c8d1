"""Reconciling: several processes at once, trades of strangers, and money that demergers put aside."""

from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.afar import Front
from tests.support.trading import AFTER, D, T, Trading, entry, follow, ist, stock
from tradectl.brokers.paper import PaperBroker
from tradectl.execution import manual_resolution
from tradectl.execution.buying import day_result
from tradectl.execution.manual_resolution import CancelOutcome
from tradectl.execution.tags import client_tag
from tradectl.execution.trading_session import read_broker
from tradectl.execution.unresolved_orders import may_repeat, resolve
from tradectl.ledger.opening import open_database
from tradectl.ledger.rows import Intent
from tradectl.ledger.store import Ledger
from tradectl.model.market import ActionKind, CorporateAction
from tradectl.model.message_kind import MessageKind
from tradectl.model.order import OrderReport, OrderRequest, OrderStatus, ReasonCode, Side, TradeReport, Variety
from tradectl.report.reconciliation import reconciliation

FALLS = {D: (9500, 9600, 9300, 9400)}


def test_two_processes_that_follow_at_once_do_not_fail(trading) -> None:
    market = trading(stock(on=FALLS))
    market.buy(100, 9600)
    market.to(D, "09:20")
    mine = market.ledger.book
    other = Ledger(open_database(market.folder / "ledger.db", durable=False), "asha")
    stale = mine.snapshot()
    follow(other.book, market.broker, market.market, market.clock)
    mine._snapshot, mine._token = stale, mine._database.version_token()
    follow(mine, market.broker, market.market, market.clock)
    assert [position.quantity for position in market.positions] == [100]
    assert [(order.status, order.filled_quantity) for order in market.orders(Side.BUY)] == [(OrderStatus.EXECUTED, 100)]
    assert len(mine.fills()) == 1
    other.database.close()


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_a_trade_read_before_its_orders_id_becomes_the_orders(trading, side: Side) -> None:
    """Without a tag whoever reads it meanwhile takes it for one by hand."""
    market = trading(stock(on=FALLS))
    if side is Side.SELL:
        market.buy(100, 9600)
    market.to(D, "09:20")
    book, exchange, now = market.ledger.book, market.broker, market.clock.now()
    follow(book, exchange, market.market, market.clock)
    intent = replace(entry(100, 9400 if side is Side.SELL else 9600), side=side, leg="other", variety=Variety.REGULAR)
    sent = market.record(market.claim("sends", D), intent, "TAG")
    number = exchange.place(OrderRequest("", "ACME", side, sent.quantity, sent.price))
    market.clock.sleep(60)
    follow(book, exchange, market.market, market.clock)
    assert [row.external for row in book.fills()][-1:] == [True]
    book.intents.record_outcome(sent, OrderStatus.PENDING, now, broker_order_id=number)
    follow(book, exchange, market.market, market.clock)
    assert (book.order(sent.id).status, book.order(sent.id).filled_quantity) == (OrderStatus.EXECUTED, 100)
    assert [(row.order_id, row.external) for row in book.fills()][-1:] == [(sent.id, False)]
    assert [position.quantity for position in market.positions] == ([100] if side is Side.BUY else [])
    assert book.cash() == exchange.funds().cash


def test_an_order_that_another_process_is_sending_is_left_to_it(trading) -> None:
    market = trading(stock())
    sender = market.claim("buy", T)
    intent, now, book = entry(10, 10050), market.clock.now(), market.ledger.book
    tag = client_tag("asha", intent, 0)
    marked = {"now": now, "machine_now": market.clock.machine_now(), "sending": True}
    book.intents.record(sender, intent, tag, 0, status=OrderStatus.PENDING, **marked)
    looking, capabilities = market.claim("eod", T), market.broker.capabilities
    assert resolve(book, read_broker(book, market.broker, market.clock), capabilities, clock=market.clock, claim=looking)[0] == []
    (order,) = market.orders(Side.BUY)
    assert (order.status, order.sender) == (OrderStatus.PENDING, sender.owner)
    market.ledger.executions.finish(sender, "failed", {}, now=now, steps=0)
    ((order,), _) = resolve(book, read_broker(book, market.broker, market.clock), capabilities, clock=market.clock, claim=looking)
    assert order.status is OrderStatus.UNKNOWN
    assert may_repeat(order, capabilities, looking.owner, now)


def test_a_trade_by_hand_without_data_stops_nothing(trading) -> None:
    market = trading(stock(on=FALLS))

    class WithGold:
        capabilities = market.broker.capabilities

        def orders(self):
            return market.broker.orders()

        def trades(self):
            return (*market.broker.trades(), TradeReport("G1", "B1", "SGBMAR31", Side.BUY, 5, 600000, ist(D, "10:00")))

    market.to(D, "10:01")
    changes = follow(market.ledger.book, WithGold(), market.market, market.clock)
    assert [item.instrument_id for item in changes.external] == ["SGBMAR31"]
    assert market.positions == ()


class RejectingLater:
    """The paper exchange, which takes an order and says of it later that there was no money for it."""

    def __init__(self, broker: PaperBroker) -> None:
        self._broker = broker
        self.refuses, self.filled, self.shown = True, 0, True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)

    def orders(self) -> tuple[OrderReport, ...]:
        words = {"status": OrderStatus.REJECTED, "reason": "RMS:Margin Exceeds", "passing": True, "filled_quantity": self.filled}
        if not self.shown:
            words = {"status": OrderStatus.PENDING, "reason": ""}
        return tuple(replace(report, **words) if self.refuses else report for report in self._broker.orders())


def rejected_later(market: Trading, *, shown: bool = True) -> RejectingLater:
    order = market.buy(10, 10050)
    assert order.broker_order_id is not None
    market.broker.cancel(order.broker_order_id)
    broker = RejectingLater(market.broker)
    broker.shown = shown
    market.world = replace(market.world, broker=broker)
    return broker


def test_a_buy_rejected_for_funds_is_retried_in_the_morning(trading) -> None:
    market = trading(stock())
    broker = rejected_later(market)
    market.trading(market.claim("eod", T)).reconcile()
    (order,) = market.orders(Side.BUY)
    assert (order.status, order.reason, order.waiting) == (OrderStatus.RETRY_PENDING, "RMS:Margin Exceeds", True)
    (line,) = market.ledger.logs.list(action="order_rejected")
    assert line.message == "BUY 10 ACME rejected, to be tried again before the open: RMS:Margin Exceeds"
    market.to(D, "08:00")
    broker.refuses = False
    trading_session = market.trading(market.claim("premarket-retry", D))
    trading_session.reconcile()
    assert [item.waiting for item in trading_session.snapshot.orders] == [True]
    assert trading_session.path.place(Intent.again(order, 10)).ok
    assert [(item.status, item.generation) for item in market.orders(Side.BUY)] == [
        (OrderStatus.CANCELLED, 0), (OrderStatus.PENDING, 1),
    ]  # fmt: skip
    assert [item.status for item in market.broker.orders()] == [OrderStatus.CANCELLED, OrderStatus.PENDING]


def test_reconcile_agrees_with_a_buy_that_waits_for_morning(trading) -> None:
    """It says what it took in; and that Kite's book is empty in the morning is no difference."""
    market = trading(stock())
    rejected_later(market)
    trading_session = market.trading(market.claim("eod", T))
    found = reconciliation(trading_session, trading_session.reconcile())
    assert (found["changed"]["postponed"], found["agrees"]) == (1, True)
    market.to(D, "08:30")
    market.world = replace(market.world, broker=Emptied(market.broker))
    trading_session = market.trading(market.claim("premarket-retry", D))
    assert reconciliation(trading_session, trading_session.reconcile())["orders"] == []


class Emptied:
    """A broker whose book begins anew each day."""

    def __init__(self, broker: PaperBroker) -> None:
        self._broker = broker

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)

    def orders(self) -> tuple[OrderReport, ...]:
        return ()


def test_a_buy_taken_back_by_a_person_is_not_retried(trading) -> None:
    market = trading(stock())
    rejected_later(market)
    trading_session = market.trading(market.claim("orders", T))
    (done,) = manual_resolution.cancel(trading_session, market.orders(Side.BUY))
    assert (done.outcome, done.order.status) == (CancelOutcome.REJECTED, OrderStatus.REJECTED)
    assert rejections(market) == ["BUY 10 ACME rejected: RMS:Margin Exceeds"]


def rejections(market) -> list[str]:
    """The texts of the messages about rejected orders."""
    return [item.body for item in market.ledger.outbox.pending() if item.kind is MessageKind.REJECTED]


def test_a_buy_taken_back_stays_so_if_rejected_later(trading) -> None:
    market = trading(stock())
    broker = rejected_later(market, shown=False)
    (order,) = market.orders(Side.BUY)
    market.ledger.book.intents.move(order, OrderStatus.PENDING, "what a broker says of an order that waits", market.clock.now())
    trading_session = market.trading(market.claim("orders", T))
    (done,) = manual_resolution.cancel(trading_session, market.orders(Side.BUY))
    assert (done.outcome, done.order.reason_code) == (CancelOutcome.ALIVE, ReasonCode.WITHDRAWN)
    broker.shown = True
    market.to(D, "08:00")
    assert market.run("premarket-retry", slot="08:00").result["placed"] == 0
    assert [item.status for item in market.orders(Side.BUY)] == [OrderStatus.REJECTED]


def test_a_buy_that_a_task_takes_back_is_not_tried_again_either(trading) -> None:
    market = trading(stock())
    rejected_later(market)
    (order,) = market.orders(Side.BUY)
    assert market.trading(market.claim("premarket-retry", D)).cancel_confirmed(order)
    assert market.ledger.book.order(order.id).status is OrderStatus.REJECTED


def test_another_processs_write_does_not_lose_the_mark(trading) -> None:
    market = trading(stock())
    order = market.buy(10, 10050)
    market.ledger.book.intents.move(order, OrderStatus.RETRY_PENDING, "RMS:Margin Exceeds", market.clock.now())
    assert market.trading(market.claim("orders", T)).path.cancel(order).ok
    assert market.ledger.book.order(order.id).status is OrderStatus.CANCELLED
    market.broker.cancel(str(order.broker_order_id))


@pytest.mark.parametrize(
    ("at", "status"),
    [("08:39", OrderStatus.RETRY_PENDING), ("08:41", OrderStatus.REJECTED), ("09:05", OrderStatus.REJECTED)],
)
def test_after_the_last_try_a_rejection_is_final(trading, at: str, status: OrderStatus) -> None:
    market = trading(stock())
    order = market.buy(10, 10050)
    market.to(D, at)
    market.broker.cancel(order.broker_order_id)
    market.world = replace(market.world, broker=RejectingLater(market.broker))
    market.trading(market.claim("amo-adjust", D)).reconcile()
    assert [item.status for item in market.orders(Side.BUY)] == [status]


def test_where_nobody_tries_again_a_rejection_is_final(trading) -> None:
    market = trading(stock())
    rejected_later(market)
    market.ledger.schedules.disable("premarket-retry")
    market.trading(market.claim("eod", T)).reconcile()
    assert [item.status for item in market.orders(Side.BUY)] == [OrderStatus.REJECTED]


def test_the_last_pass_judges_what_was_rejected_before_it(trading) -> None:
    market = trading(stock())
    rejected_later(market)
    market.to(D, "08:40")
    market.run("premarket-retry", slot="08:40")
    (order,) = market.orders(Side.BUY)
    assert order.status is OrderStatus.CANCELLED  # judged by this pass, and no longer wanted: the stock does not fall
    (line,) = market.ledger.logs.list(action="order_rejected")
    assert line.message.startswith("BUY 10 ACME rejected, to be tried again before the open")


def test_a_rejection_at_the_hand_over_is_final_and_told(trading) -> None:
    market = trading(stock())
    order = market.buy(10, 10050)
    market.to(D, "08:56")
    market.broker.cancel(order.broker_order_id)
    market.world = replace(market.world, broker=RejectingLater(market.broker))
    market.trading(market.claim("amo-adjust", D)).reconcile()
    assert [item.status for item in market.orders(Side.BUY)] == [OrderStatus.REJECTED]
    assert rejections(market) == ["BUY 10 ACME rejected: RMS:Margin Exceeds"]


def test_a_rejection_of_what_is_left_of_a_buy_is_final(trading) -> None:
    market = trading(stock())
    rejected_later(market).filled = 4
    market.trading(market.claim("eod", T)).reconcile()
    assert [item.status for item in market.orders(Side.BUY)] == [OrderStatus.REJECTED]


def test_a_buy_that_is_to_be_withdrawn_is_not_tried_again(trading) -> None:
    market = trading(stock())
    rejected_later(market)
    (order,) = market.orders(Side.BUY)
    market.ledger.book.intents.move(order, OrderStatus.PENDING, "", market.clock.now(), code=ReasonCode.REAPPEARED)
    market.trading(market.claim("eod", T)).reconcile()
    assert [item.status for item in market.orders(Side.BUY)] == [OrderStatus.REJECTED]


def test_an_unknown_buy_found_rejected_is_not_retried(trading) -> None:
    market = trading(stock())
    rejected_later(market)
    (order,) = market.orders(Side.BUY)
    market.ledger.book.intents.mark_unknown(order, "nobody knows", market.clock.now(), absent_since=None)
    market.trading(market.claim("eod", T)).reconcile()
    assert [item.status for item in market.orders(Side.BUY)] == [OrderStatus.REJECTED]


def test_what_a_demerger_put_aside_is_no_loss_of_the_day(trading) -> None:
    listing = stock(on={D: (9500, 9500, 9500, 9500), AFTER: (4750, 4750, 4750, 4750)})
    listing.actions = [CorporateAction("ACME", AFTER, ActionKind.DEMERGER, subject="Demerger")]
    listing.bars = [bar for bar in listing.bars if bar.session <= AFTER]
    market = trading(listing, cash=100_000_00)
    market.buy(1000, 9600)
    market.to(D, "09:15")
    market.monitor(D, "09:20")
    market.to(D, "18:00")
    market.run("eod")
    market.to(AFTER, "09:15")
    market.monitor(AFTER, "09:16")
    assert market.ledger.book.spun_off() == 1000 * 4750
    trading_session = market.trading(market.claim("buy", AFTER))
    assert day_result(market.ledger.statistics, trading_session, AFTER).loss < 0.001


def test_a_demerger_of_a_later_minute_changes_what_the_step_sees(trading) -> None:
    listing = stock(on={D: (9500, 9500, 9500, 9500), AFTER: (4750, 4750, 4750, 4750)})
    listing.actions = [CorporateAction("ACME", AFTER, ActionKind.DEMERGER, subject="Demerger")]
    listing.bars = [bar for bar in listing.bars if bar.session <= AFTER]
    market = trading(listing)
    market.buy(100, 9600)
    market.to(D, "18:00")
    market.run("eod")
    market.to(AFTER, "09:16")
    desk = market.trading(market.claim("sell-monitor", AFTER))
    desk.begin_step()  # the stock has not traded yet
    before, _ = desk.begin_step()
    assert not before
    changes, seen = desk.begin_step(lambda _: 4750)
    assert changes.adjusted == [f"ACME: demerger of {AFTER}"]
    assert changes
    assert [position.spun_off for position in seen.snapshot.positions] == [100 * 4750]


def test_a_trade_listed_twice_is_booked_once(trading) -> None:
    class Twice(Front):
        def trades(self):
            return (*self.exchange.trades(), *self.exchange.trades())

    market = trading(stock(on=FALLS))
    market.buy(100, 9600)
    market.to(D, "09:20")
    follow(market.ledger.book, Twice(market.broker), market.market, market.clock)
    assert [(position.quantity, len(market.ledger.book.fills())) for position in market.positions] == [(100, 1)]
    assert [order.status for order in market.orders(Side.BUY)] == [OrderStatus.EXECUTED]
    assert not market.ledger.book.broker.odd
