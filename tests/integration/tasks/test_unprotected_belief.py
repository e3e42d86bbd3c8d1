"""A sell that is live in the ledger and not at the broker; and causes that hide less than they seem to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.integration.tasks.test_unprotected import FLAT, bought, causes, told, with_quotes
from tests.support.afar import Front, put
from tests.support.brokers.market import MarketListing
from tests.support.hands import operate
from tests.support.trading import AFTER, SESSIONS, D, Trading, ist, stock
from tradectl.errors import DatabaseError, DataError, TradectlError
from tradectl.marketdata.store import Store
from tradectl.model.market import ActionKind, Bar, CorporateAction, Instrument
from tradectl.model.order import Holding, OrderReport, OrderStatus, ReasonCode, Side, TradeReport
from tradectl.runtime.due import run_due
from tradectl.runtime.exposure import unprotected_now
from tradectl.runtime.outcomes import Report
from tradectl.runtime.registry import all_tasks
from tradectl.runtime.runner import Runner

Make = Callable[..., Trading]


class Omits(Front):
    """An exchange whose book leaves out every order and trade while `hides`."""

    hides = False

    def orders(self) -> Sequence[OrderReport]:
        return () if self.hides else self.exchange.orders()

    def trades(self) -> Sequence[TradeReport]:
        return () if self.hides else self.exchange.trades()


def minutes(market: Trading, count: int) -> list[int]:
    """The exit codes of the sell monitor, a step each minute from the next one on."""
    codes = []
    for _ in range(count):
        market.clock.sleep(60)
        codes.append(market.run("sell-monitor", once=True).exit_code)
    return codes


def sold_on(market: Trading) -> list[tuple[OrderStatus, str]]:
    return [(order.status, order.reason) for order in market.orders(Side.SELL, AFTER)]


def test_a_sell_missing_in_the_book_is_unknown_after_2_minutes(trading: Make) -> None:
    market = bought(trading)
    broker = Omits(market.broker)
    put(market, broker)
    assert market.run("sell-monitor", once=True).exit_code == 0
    broker.hides = True
    assert minutes(market, 4) == [0, 0, 7, 7]
    assert sold_on(market) == [(OrderStatus.UNKNOWN, "the broker's book no longer shows it")]
    assert (causes(market), told(market)) == (["outcome_unknown"], ["outcome_unknown"])
    assert operate(market, "status").code == 7
    market.to(AFTER, "18:00")
    report = market.run("eod")
    assert (report.exit_code, report.result["mismatches"]) == (7, 1)
    assert len(market.broker.orders()) == 2, "nothing was sent again"


def test_a_sell_that_is_back_in_the_book_is_followed_by_its_id(trading: Make) -> None:
    market = bought(trading)
    broker = Omits(market.broker)
    put(market, broker)
    market.run("sell-monitor", once=True)
    broker.hides = True
    minutes(market, 3)
    broker.hides = False
    assert minutes(market, 1) == [0]
    assert (sold_on(market), causes(market)) == ([(OrderStatus.ONGOING, "")], [])
    broker.hides = True
    assert minutes(market, 2) == [0, 0], "the two minutes begin anew"


def test_a_book_that_omits_a_sell_now_and_then_changes_nothing(trading: Make) -> None:
    market = bought(trading)
    broker = Omits(market.broker)
    put(market, broker)
    market.run("sell-monitor", once=True)
    for minute in range(10):
        broker.hides = minute % 2 == 0
        assert minutes(market, 1) == [0]
    assert sold_on(market) == [(OrderStatus.ONGOING, "")]


class Ends(Front):
    """An exchange whose book calls the sell ended with `filled` shares, and lists its trades only once `listed`."""

    ended: OrderStatus | None = None
    filled = 40
    listed = False

    def orders(self) -> Sequence[OrderReport]:
        return tuple(map(self._shown, self.exchange.orders()))

    def _shown(self, order: OrderReport) -> OrderReport:
        if self.ended is None or order.side is not Side.SELL:
            return order
        return replace(order, status=self.ended, filled_quantity=self.filled)

    def trades(self) -> Sequence[TradeReport]:
        found = self.exchange.trades()
        sell = next((order for order in self.exchange.orders() if order.side is Side.SELL), None)
        if not self.listed or sell is None:
            return found
        trade = TradeReport("X1", sell.broker_order_id, sell.symbol, Side.SELL, self.filled, sell.price, ist(AFTER, "10:01"))
        return (*found, trade)


@pytest.mark.parametrize(("ended", "filled"), [(OrderStatus.CANCELLED, 40), (OrderStatus.EXECUTED, 100)])
def test_an_end_without_its_trades_is_unknown_after_2_minutes(tmp_path: Path, ended: OrderStatus, filled: int) -> None:
    market = bought(lambda *listings, **options: Trading(tmp_path, *listings, **options))
    broker = Ends(market.broker)
    put(market, broker)
    market.run("sell-monitor", once=True)
    broker.ended, broker.filled = ended, filled
    assert minutes(market, 5) == [0, 0, 7, 7, 7]
    ((status, reason),) = sold_on(market)
    assert (status, reason) == (
        OrderStatus.UNKNOWN,
        f"the broker reports {ended}, {filled} shares filled, and lists trades of 0",
    )
    assert causes(market) == ["outcome_unknown"]
    broker.listed = True
    market.clock.sleep(60)
    market.trading(market.claim("test", AFTER)).follow()
    assert [order.status for order in market.orders(Side.SELL, AFTER)] == [ended]
    assert sum(position.quantity for position in market.positions) == 100 - filled


def cancel_at_the_broker(market: Trading) -> None:
    for order in market.broker.orders():
        if order.side is Side.SELL and order.status is OrderStatus.ONGOING:
            market.broker.cancel(order.broker_order_id)


def test_a_sell_cancelled_again_by_the_broker_is_refused(trading: Make) -> None:
    market = bought(trading)
    market.run("sell-monitor", once=True)
    named, codes = [], []
    for _ in range(34):
        cancel_at_the_broker(market)
        codes += minutes(market, 1)
        named += causes(market)
    assert codes[:3] == [0, 11, 11], "one cancel may be an accident"
    assert (set(named), told(market)) == ({"refused"}, ["refused"])
    assert "cancelled 2 sells of today by itself" in unprotected_text(market, "cancelled 2 sells")
    assert len(sold_on(market)) == 4, "the second, and then one after each quarter of an hour"
    first = market.orders(Side.SELL, AFTER)[0].updated_at
    assert {item.since for item in unprotected_now(market.world)} == {first}


def unprotected_text(market: Trading, word: str) -> str:
    lines = [line.message for line in market.ledger.logs.list(action="unprotected") if word in line.message]
    return lines[0] if lines else ""


def test_a_sell_cancelled_here_is_not_taken_back_by_the_broker(trading: Make) -> None:
    market = bought(trading)
    for minute in range(4):
        market.to(AFTER, f"10:0{minute}")
        assert market.run("sell-monitor", once=True).exit_code == 0
        (resting,) = [order for order in market.orders(Side.SELL, AFTER) if order.alive]
        assert operate(market, "orders", "cancel", str(resting.id)).code == 0
    assert {order.reason_code for order in market.orders(Side.SELL, AFTER)} == {ReasonCode.WITHDRAWN}
    assert causes(market) == []


class Holds(Front):
    """An exchange that lists other holdings."""

    rows: tuple[Holding, ...] = ()

    def holdings(self) -> Sequence[Holding]:
        return self.rows


def shown(market: Trading) -> tuple[int, list[tuple[str, bool]]]:
    report: Report = market.run("sell-monitor", once=True)
    return report.exit_code, [(item["cause"], item["grave"]) for item in report.result["unprotected"]]


@pytest.mark.parametrize(
    ("row", "code", "cause", "grave"),
    [
        (Holding("ACME", 99, 1, 0), 11, "pledged", True),
        (Holding("ACME", 0, 100, 0), 0, "not_yet_sellable", False),
        (Holding("ACME", 90, 10, 10), 11, "pledged", True),
    ],
)
def test_shares_need_time_only_where_that_explains_all_of_them(
    trading: Make, row: Holding, code: int, cause: str, grave: bool
) -> None:
    market = bought(trading)
    broker = Holds(market.broker)
    broker.rows = (row,)
    put(market, broker)
    assert shown(market) == (code, [(cause, grave)])


@pytest.mark.parametrize(
    ("row", "causes_found"),
    [
        (Holding("ACME", 0, 0, 0), ["corporate_action"]),  # neither the 100 of before nor the 500 of after
        (Holding("ACME", 100, 0, 0), ["pledged"]),
        (Holding("ACME", 100, 0, 100), ["not_yet_sellable"]),
    ],
)
def test_after_a_split_only_its_new_shares_need_time(tmp_path: Path, row: Holding, causes_found: list[str]) -> None:
    fifth = (1900, 1920, 1860, 1880)
    listing = stock(on={D: FLAT, AFTER: fifth})
    listing.actions = [CorporateAction("ACME", AFTER, ActionKind.SPLIT, ratio=Fraction(5))]
    market = bought(lambda *_, **__: Trading(tmp_path, listing))
    broker = Holds(market.broker)
    broker.rows = (row,)
    put(market, broker)
    market.run("sell-monitor", once=True)
    assert [position.quantity for position in market.positions] == [500]
    minutes(market, 3)
    assert causes(market) == causes_found


@pytest.mark.parametrize("error", [DatabaseError, DataError])
def test_damaged_market_data_hide_no_position(trading: Make, monkeypatch: pytest.MonkeyPatch, error: type[TradectlError]) -> None:
    market = bought(trading)

    def fail(*_: object) -> Instrument:
        raise error("the archive is damaged")

    with monkeypatch.context() as damaged:
        damaged.setattr(type(market.market), "instrument", fail)
        assert set(minutes(market, 4)) == {error.exit_code}
        assert (causes(market), told(market)) == (["data_missing"], ["data_missing"])
        said = operate(market, "status")
        market.clock.sleep(60)
        done = run_due(Runner(market.world, all_tasks(), trigger="cron"))
    assert (said.code, said.words.startswith("UNPROTECTED ACME: 100 of 100"), "archive is damaged" in said.words) == (
        11,
        True,
        True,
    )
    assert (done.exit_code, "ACME: 100 of 100" in done.error) == (error.exit_code, True)


@pytest.mark.parametrize("damage", ["all", "pages"])
def test_a_real_damaged_archive_hides_no_position(trading: Make, tmp_path: Path, damage: str) -> None:
    market = bought(trading, "10:30")
    folder = tmp_path / "market"
    folder.mkdir()
    content = b"x" * 8192 if damage == "all" else b"SQLite format 3\0" + b"\xff" * 8176
    (folder / "archive.db").write_bytes(content)
    market.world = replace(market.world, market=Store(folder, SESSIONS))
    said = operate(market, "status")
    assert (said.code, said.words.startswith("UNPROTECTED ACME: 100 of 100"), "(monitor not running)" in said.words) == (
        11,
        True,
        True,
    )


FRIDAY, MONDAY = date(2026, 12, 4), date(2026, 12, 7)
"""The last session on which the closing auction begins at 15:15, and the first on which it begins at 15:30."""


@pytest.fixture
def unknown_kind(tmp_path: Path):
    """A world with 10 ACME that rest at a target, where no list says whether ACME has a closing auction."""
    made: list[Trading] = []

    def make(day: date, at: str) -> Trading:
        days = [session.date for session in SESSIONS.run_between(date(2026, 10, 19), date(2026, 12, 8))]
        bars = [Bar(each, 10000, 10000, 10000, 10000, 375_000) for each in days]
        bars[days.index(day)] = Bar(day, 9500, 9600, 9300, 9400, 375_000)
        listing = MarketListing(Instrument("ACME", "ACME", "EQ", "INEACME", 5, derivatives_known=False), bars)
        market = Trading(tmp_path, listing, at=ist(days[days.index(day) - 1], "16:30"), min_bars="2")
        made.append(market)
        market.buy(10, 9600, session=day)
        market.to(day, at)
        market.run("sell-monitor", once=True)
        return market

    yield make
    for market in made:
        market.broker.close()
        market.ledger.database.close()


def test_a_stock_of_unknown_kind_in_its_auction_is_explained(unknown_kind) -> None:
    market = unknown_kind(FRIDAY, "15:14")
    cancel_at_the_broker(market)
    assert minutes(market, 3)[0] == 0, "the two minutes of reaction"
    assert causes(market) == ["auction"]


def test_a_stock_of_unknown_kind_without_a_sell_is_named_longest(unknown_kind) -> None:
    market = unknown_kind(MONDAY, "15:20")
    cancel_at_the_broker(market)
    with_quotes(market, lambda _: None)
    minutes(market, 9)
    assert causes(market) == ["data_missing"]
    assert set(minutes(market, 3)) == {11}
    assert causes(market) == ["data_missing"], "at 15:32 the auction of one kind is on"


@pytest.mark.parametrize("day", [FRIDAY, MONDAY])
def test_a_sell_of_unknown_kind_that_rests_to_close_is_quiet(unknown_kind, day: date) -> None:
    market = unknown_kind(day, "15:10")
    assert set(minutes(market, 40)) == {0}
    assert told(market) == []
