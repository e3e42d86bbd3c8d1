"""A broker without after-market orders: the evening's buys are said to be impossible, or wait and go out at 09:05, once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import select, update

from tests.integration.tasks.test_buy import analysed, signal
from tests.support.trading import DAYS, SESSIONS, D, T, Trading, entry
from tradectl.brokers.paper import PaperBroker
from tradectl.errors import Ambiguous, Blocked, BrokerUnavailable
from tradectl.lab.sandboxes.market import MarketListing
from tradectl.ledger.process_identity import current_identity
from tradectl.ledger.rows import Signal
from tradectl.ledger.schema import decisions, orders, task_executions, users
from tradectl.model.market import Bar, Instrument
from tradectl.model.order import OrderRequest, OrderStatus, Purpose, Side, Variety
from tradectl.ports import Capabilities

EASY = {
    "rsi_period": "2",
    "ema_fast": "9",
    "ema_slow": "10",
    "average_window": "5",
    "min_bars": "2",
    "full_bars": "2",
    "min_turnover": "0",
    "rsi_entry_above": "100",
    "rsi_entry_below": "100",
    "min_volume_ratio": "0",
    "min_quality": "0",
    "quality_window": "5",
    "quality_candle_window": "5",
}
"""An entry rule that a falling share passes on these few bars."""


class Died(BaseException):
    """The process is gone."""


class Plain(PaperBroker):
    """An exchange behind a broker like OpenAlgo: no after-market orders, no tags, no promise. `seen` is what it was asked for.

    `fault` happens to the next order: before the exchange hears of it, or after (`late`)."""

    capabilities = Capabilities(
        visibility_lag=None, refuses_repeated_tag=False, preopen_prices=True, amo=False, tag_length=0, tag_survives_modify=False
    )
    fault: BaseException | None = None
    late = False

    def __init__(self, *words: object, **more: object) -> None:
        super().__init__(*words, **more)  # type: ignore[arg-type]
        self.seen: list[OrderRequest] = []

    def place(self, request: OrderRequest) -> str:
        if request.variety is Variety.AMO:
            raise Blocked("it takes no after-market orders")
        self.seen.append(request)
        fault, self.fault = self.fault, None
        if fault is not None and not self.late:
            raise fault
        placed = super().place(replace(request, tag=""))
        if fault is not None:
            raise fault
        return placed


class Unpriced(Plain):
    """It has no pre-open prices either."""

    capabilities = replace(Plain.capabilities, preopen_prices=False)

    def preopen_prices(self, symbols: object) -> dict[str, int]:
        return {}


class Market(Trading):
    kind: type[Plain] = Plain
    broker: Plain

    def _broker(self) -> Plain:
        return self.kind(self.folder / "paper.db", "asha", self.clock, self.market, SESSIONS, durable=False)

    def evening(self, *signals: Signal) -> None:
        """`buy` of the evening, which records and sends nothing."""
        analysed(self, *(signals or (signal(),)))
        report = self.run("buy", session=T)
        assert (report.outcome, report.result["waiting"]) == ("completed", len(signals) or 1)
        assert self.broker.seen == []

    def morning(self) -> None:
        """`premarket-retry`, which leaves them waiting."""
        self.to(D, "08:00")
        report = self.run("premarket-retry", slot="08:00")
        assert (report.outcome, report.result["placed"], report.result["cancelled"]) == ("completed", 0, 0)
        assert self.broker.seen == []
        self.to(D, "09:05")

    def bury(self) -> None:
        """What ran is proved dead, as a process that is no longer there."""
        host, boot, *_ = current_identity().split(":")
        dead = f"{host}:{boot}:999999999:1"
        with self.ledger.database.write() as connection:
            connection.execute(update(task_executions).where(task_executions.c.status == "running").values(owner=dead))
            connection.execute(update(orders).where(orders.c.sender.is_not(None)).values(sender=dead))

    @property
    def buys(self) -> list[tuple[str, int, Variety, OrderStatus]]:
        return [(item.symbol, item.quantity, item.variety, item.status) for item in self.orders(Side.BUY)]


def falling(symbol: str = "ACME", opens: int = 9800) -> MarketListing:
    """Half a rupee a day down to 100.00 on T; on D it opens lower."""
    until = DAYS.index(T)
    closes = [10000 + 50 * (until - number) for number in range(until + 1)]
    bars = [Bar(day, *[price] * 4, 375_000) for day, price in zip(DAYS, closes, strict=False)]
    bars += [Bar(day, opens, opens + 100, opens - 100, opens, 375_000) for day in DAYS[until + 1 :]]
    return MarketListing(Instrument(symbol, symbol, "EQ", f"INE{symbol}", 5), bars)


@pytest.fixture
def trading(tmp_path: Path) -> Iterator[Callable[..., Market]]:
    made: list[Market] = []

    def make(*listings: MarketListing, kind: type[Plain] = Plain, **changes: str) -> Market:
        folder = tmp_path / f"home-{len(made)}"
        folder.mkdir()
        world = type("World", (Market,), {"kind": kind})
        made.append(world(folder, *(listings or (falling(),)), **{**EASY, "preopen_orders": "on", **changes}))
        return made[-1]

    yield make
    for each in made:
        assert each.broker.statement().difference == 0
        each.broker.close()
        each.ledger.database.close()


def test_without_the_setting_buy_says_why_it_buys_nothing(trading) -> None:
    market = trading(preopen_orders="off")
    analysed(market, signal())
    report = market.run("buy", session=T)
    assert (report.outcome, report.exit_code) == ("blocked", 9)
    assert "paper takes no after-market orders" in report.message
    assert "preopen_orders" in report.message
    assert (market.orders(Side.BUY), market.broker.seen) == ([], [])


def test_buys_wait_overnight_and_go_out_at_five_past_nine(trading) -> None:
    """As regular orders, under the tag of the evening, for as many shares as the pre-open price allows."""
    market = trading()
    market.evening()
    (waiting,) = market.orders(Side.BUY)
    assert (waiting.variety, waiting.status, waiting.sending_at) == (Variety.REGULAR, OrderStatus.RETRY_PENDING, None)
    market.morning()
    report = market.run("amo-adjust")
    assert (report.outcome, report.result["placed"], report.result["total"]) == ("completed", 1, 1)
    (asked,) = market.broker.seen
    assert (asked.tag, asked.variety, asked.price) == (waiting.tag, Variety.REGULAR, 10050)
    assert asked.quantity > waiting.quantity * 1.01
    assert market.buys == [("ACME", asked.quantity, Variety.REGULAR, OrderStatus.ONGOING)]
    market.to(D, "09:20")
    market.run("sell-monitor", once=True)
    assert [position.quantity for position in market.positions] == [asked.quantity]


def test_without_pre_open_prices_the_limit_is_the_price(trading) -> None:
    market = trading(kind=Unpriced)
    market.evening()
    market.morning()
    assert market.run("amo-adjust").result["placed"] == 1
    assert [request.quantity for request in market.broker.seen] == [order.quantity for order in market.orders(Side.BUY)]
    assert [request.quantity for request in market.broker.seen] == [993]


def test_a_second_run_sends_nothing(trading) -> None:
    market = trading()
    market.evening()
    analysed_again = market.run("buy", session=T, force=True)
    assert (analysed_again.result["waiting"], len(market.orders(Side.BUY))) == (1, 1)
    market.morning()
    for _ in range(3):
        report = market.run("amo-adjust", force=True)
        assert report.result["placed"] == 1
        assert "modification_failed" in report.result
        assert report.result["adjusted"] == 0
    assert len(market.broker.seen) == len(market.broker.orders()) == 1


def test_a_process_that_dies_before_sending_has_sent_nothing(trading) -> None:
    """The next one sends it, once."""
    market = trading()
    market.evening()
    market.morning()
    (before,) = market.orders(Side.BUY)
    mark = market.ledger.book.intents.mark_sending

    def dies(*words: object, **more: object) -> object:
        raise Died

    market.ledger.book.intents.mark_sending = dies  # type: ignore[method-assign]
    with pytest.raises(Died):
        market.run("amo-adjust")
    market.ledger.book.intents.mark_sending = mark  # type: ignore[method-assign]
    assert market.orders(Side.BUY) == [before]
    market.bury()
    assert market.run("amo-adjust").result["placed"] == 1
    assert [request.tag for request in market.broker.seen] == [before.tag]
    assert len(market.broker.orders()) == 1


@pytest.mark.parametrize("late", [False, True], ids=["before the broker heard of it", "after"])
def test_a_process_that_dies_while_sending_is_not_repeated(trading, late: bool) -> None:
    """Without a tag its book cannot tell whether it is ours: it stays UNKNOWN, and a person decides."""
    market = trading()
    market.evening()
    market.morning()
    market.broker.fault, market.broker.late = Died(), late
    with pytest.raises(Died):
        market.run("amo-adjust")
    market.bury()
    report = market.run("amo-adjust")
    assert (report.exit_code, report.result.get("placed", 0)) == (7, 0)
    assert [order.status for order in market.orders(Side.BUY)] == [OrderStatus.UNKNOWN]
    assert len(market.broker.seen) == 1
    assert len(market.broker.orders()) == int(late)
    assert market.run("premarket-retry", slot="08:40", force=True).result["placed"] == 0
    assert len(market.broker.seen) == 1


def test_an_answer_that_was_lost_is_not_asked_for_again(trading) -> None:
    market = trading()
    market.evening()
    market.morning()
    market.broker.fault, market.broker.late = Ambiguous("the connection broke"), True
    report = market.run("amo-adjust")
    assert (report.exit_code, report.result.get("placed", 0)) == (7, 0)
    assert [order.status for order in market.orders(Side.BUY)] == [OrderStatus.UNKNOWN]
    assert len(market.broker.seen) == len(market.broker.orders()) == 1


@pytest.mark.parametrize("late", [False, True], ids=["before the broker heard of it", "after"])
def test_the_end_of_the_day_ends_only_orders_not_in_the_book(trading, late: bool) -> None:
    """Without a tag an order of unknown outcome is not absent because its tag is."""
    market = trading()
    market.evening()
    market.morning()
    market.broker.fault, market.broker.late = Ambiguous("the connection broke"), late
    market.run("amo-adjust")
    market.to(D, "18:00")
    report = market.run("eod")
    (order,) = market.orders(Side.BUY)
    ended = (
        (OrderStatus.UNKNOWN, "the connection broke")
        if late
        else (OrderStatus.CANCELLED, "its session ended, and the broker's list does not have it")
    )
    assert (order.status, order.reason) == ended
    assert report.exit_code == (7 if late else 0)


def test_an_order_provably_not_sent_is_sent_by_the_next_run(trading) -> None:
    market = trading()
    market.evening()
    market.morning()
    market.broker.fault = BrokerUnavailable("it could not be reached")
    assert market.run("amo-adjust").exit_code == 6
    market.clock.sleep(30)
    assert market.run("amo-adjust").result["placed"] == 1
    assert len({request.tag for request in market.broker.seen}) == 1
    assert len(market.broker.orders()) == 1


def test_what_no_longer_holds_in_the_morning_is_dropped(trading) -> None:
    market = trading(falling(), falling("GONE", opens=10300))
    market.evening(signal(), replace(signal("GONE"), rank=2))
    market.morning()
    report = market.run("amo-adjust")
    assert (report.result["placed"], report.result["cancelled"]) == (1, 1)
    assert [request.symbol for request in market.broker.seen] == ["ACME"]
    assert {item[0]: item[3] for item in market.buys}["GONE"] is OrderStatus.CANCELLED


@pytest.mark.parametrize(("at", "reason"), [("09:06", "another order for it is alive"), ("10:00", "held")])
def test_a_share_that_came_another_way_is_not_bought_again(trading, at: str, reason: str) -> None:
    market = trading(kind=Unpriced)
    market.evening()
    market.morning()
    other = replace(entry(10, 10050), variety=Variety.REGULAR, leg="entry:2")
    assert market.trading(market.claim("test", D)).path.place(other).ok
    market.to(D, at)
    report = market.run("amo-adjust", force=True)
    assert (report.result["cancelled"], report.result.get("placed", 0)) == (1, 0)
    (dropped,) = (order for order in market.orders(Side.BUY) if order.leg == "entry:1")
    assert (dropped.status, dropped.sending_at) == (OrderStatus.CANCELLED, None)
    with market.ledger.database.read() as connection:
        assert reason in connection.scalars(select(decisions.c.reason)).all()
    assert len(market.broker.seen) == 1


def test_the_limits_of_the_account_hold_at_five_past_nine(trading) -> None:
    """Nothing that waits takes a place in the evening; the first by rank takes the only one."""
    market = trading(falling(), falling("BETA"), max_positions="1")
    market.evening(signal(), replace(signal("BETA"), rank=2))
    market.morning()
    report = market.run("amo-adjust")
    assert (report.result["placed"], report.result["cancelled"]) == (1, 1)
    assert [request.symbol for request in market.broker.seen] == ["ACME"]


@pytest.mark.parametrize(("at", "setting"), [("08:59", "on"), ("09:10", "on"), ("10:00", "on"), ("09:05", "off")])
def test_outside_the_pre_open_or_unset_nothing_is_sent(trading, at: str, setting: str) -> None:
    market = trading()
    market.evening()
    market.morning() if at > "09:05" else market.to(D, "08:30")
    market.to(D, at)
    market.world = replace(market.world, parameters=dataclasses.replace(market.parameters, preopen_orders=setting == "on"))
    report = market.run("amo-adjust", force=True)
    assert (report.result or {}).get("placed", 0) == 0
    assert market.broker.seen == []
    market.to(D, "18:00")
    market.run("eod")
    assert [item[3] for item in market.buys] == [OrderStatus.CANCELLED]


def test_a_halted_account_sends_nothing_that_waits(trading) -> None:
    market = trading()
    market.evening()
    market.morning()
    with market.ledger.database.write() as connection:
        connection.execute(update(users).values(trading_state="REDUCING", state_reason="a test"))
    report = market.run("amo-adjust")
    assert (report.outcome, market.broker.seen) == ("blocked", [])


def test_what_is_sent_is_what_the_row_says(trading) -> None:
    """An intent of another variety that was recorded and never sent goes out as it is wanted now, and its row says so."""
    market = trading()
    claim = market.claim("test", T)
    recorded = market.trading(claim).path.place(entry(10, 10050), send=False).order
    assert recorded is not None
    assert recorded.variety is Variety.AMO
    market.to(D, "09:05")
    sent = market.trading(claim).path.place(replace(entry(10, 10050), variety=Variety.REGULAR))
    assert sent.ok
    with market.ledger.database.read() as connection:
        assert connection.scalars(select(orders.c.variety)).all() == [Variety.REGULAR]
    assert [request.variety for request in market.broker.seen] == [Variety.REGULAR]
    assert sent.order is not None
    assert (sent.order.tag, sent.order.purpose) == (recorded.tag, Purpose.ENTRY)
