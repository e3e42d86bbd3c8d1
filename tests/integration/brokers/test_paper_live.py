"""Live prices on paper: what was seen settles the orders, is kept, and never looks different later."""

import sqlite3
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.support.brokers.exchange import Floor, bar, ist, listing
from tests.support.brokers.screen import Screen
from tradectl.errors import DatabaseError, SourceUnavailable
from tradectl.model.order import OrderStatus

FRIDAY, MONDAY, TUESDAY = (date(2023, 7, day) for day in (14, 17, 18))
BEFORE = [bar(FRIDAY, 10000, 10000, 10000, 10000)]


@pytest.fixture
def screen() -> Screen:
    return Screen()


@pytest.fixture
def live(floor, screen: Screen) -> Floor:
    """A floor on Monday at 09:31 whose market knows Friday's bar and nothing later."""
    return floor(listing("ACME", BEFORE), at=ist(MONDAY, "09:31"), prices=screen)


def test_quotes_are_the_sources_with_the_band_of_today(live: Floor, screen: Screen) -> None:
    screen.show(9900, ist(MONDAY, "09:15"), opened=9950)
    quote = live.broker.quotes(["ACME", "NONE"])["ACME"]
    assert (quote.last, quote.at, quote.source, quote.delay) == (9900, ist(MONDAY, "09:15"), "screen", timedelta(minutes=15))
    assert (quote.lower_band, quote.upper_band) == (8000, 12000)
    assert (live.broker.capabilities.quote_delay, live.broker.capabilities.preopen_prices) == (timedelta(minutes=15), False)
    assert live.broker.preopen_prices(["ACME"]) == {}


def test_a_waiting_order_fills_at_its_limit_when_seen_there(live: Floor, screen: Screen) -> None:
    screen.show(9900, ist(MONDAY, "09:15"), opened=9950)
    live.broker.quotes(["ACME"])
    order = live.buy(10, 9800)
    live.to(MONDAY, "10:00")
    assert live.order(order).status is OrderStatus.ONGOING
    screen.show(9700, ist(MONDAY, "09:47"), opened=9950)
    live.to(MONDAY, "10:02")
    assert live.order(order).status is OrderStatus.EXECUTED
    assert [(trade.price, trade.at) for trade in live.fills(order)] == [(9800, ist(MONDAY, "10:02"))]


def test_an_order_that_the_price_has_reached_trades_there(live: Floor, screen: Screen) -> None:
    screen.show(9900, ist(MONDAY, "09:15"), opened=9950)
    live.broker.quotes(["ACME"])
    order = live.buy(10, 9925)
    assert [trade.price for trade in live.fills(order)] == [9900]


def test_an_amo_takes_part_in_the_opening_once_it_is_known(live: Floor, screen: Screen, floor) -> None:
    evening = floor(listing("ACME", BEFORE), at=ist(FRIDAY, "16:30"), prices=screen)
    order = evening.buy(10, 10000, amo=True)
    screen.show(10000, ist(FRIDAY, "15:29"), opened=10000)
    evening.to(MONDAY, "09:20")
    assert evening.order(order).status is OrderStatus.ONGOING
    screen.shown.clear()
    screen.show(9900, ist(MONDAY, "09:16"), opened=9950)
    evening.to(MONDAY, "09:31")
    assert [trade.price for trade in evening.fills(order)] == [9950]


def test_a_quote_of_the_last_session_is_no_look_at_this_one(live: Floor, screen: Screen) -> None:
    screen.show(9000, ist(FRIDAY, "15:29"), opened=9950)
    live.broker.quotes(["ACME"])
    order = live.buy(10, 9500)
    live.to(MONDAY, "09:40")
    assert not live.fills(order)


def test_what_nobody_saw_does_not_fill(live: Floor, screen: Screen) -> None:
    """A dip between two looks is not drawn in."""
    screen.show(9900, ist(MONDAY, "09:15"), opened=9950)
    live.broker.quotes(["ACME"])
    order = live.buy(10, 9800)
    screen.show(9850, ist(MONDAY, "11:30"), opened=9950)
    screen.shown["ACME"] = replace(screen.shown["ACME"], low=9000)
    live.to(MONDAY, "11:45")
    assert not live.fills(order)


def test_symbols_of_waiting_orders_are_read_once_a_minute(live: Floor, screen: Screen) -> None:
    screen.show(9900, ist(MONDAY, "09:15"), opened=9950)
    live.broker.quotes(["ACME"])
    live.buy(10, 9800)
    live.broker.orders()
    before = screen.asked
    for second in ("09:32:30", "09:32:45", "09:33:10", "09:33:40"):
        live.to(MONDAY, second)
        live.broker.orders()
    assert screen.asked - before == 2


def test_a_source_that_is_off_leaves_the_book_readable(live: Floor, screen: Screen) -> None:
    screen.show(9900, ist(MONDAY, "09:15"), opened=9950)
    live.broker.quotes(["ACME"])
    order = live.buy(10, 9800)
    screen.off = True
    live.to(MONDAY, "09:50")
    with pytest.raises(SourceUnavailable):
        live.broker.quotes(["ACME"])
    assert live.order(order).status is OrderStatus.ONGOING
    live.to(MONDAY, "15:30")
    assert live.order(order).status is OrderStatus.CANCELLED


def test_another_process_settles_by_what_this_one_saw(live: Floor, screen: Screen) -> None:
    screen.show(9900, ist(MONDAY, "09:15"), opened=9950)
    live.broker.quotes(["ACME"])
    order = live.buy(10, 9800)
    live.to(MONDAY, "10:02")
    screen.show(9700, ist(MONDAY, "09:47"), opened=9950)
    live.broker.quotes(["ACME"])
    screen.off = True
    live.to(MONDAY, "10:30")
    other = live.another()
    assert next(item for item in other.orders() if item.broker_order_id == order).status is OrderStatus.EXECUTED
    other.close()
    assert [trade.at for trade in live.fills(order)] == [ist(MONDAY, "10:02")]


def test_without_a_look_a_session_settles_by_its_daily_bar(floor, screen: Screen) -> None:
    """The machine was off all day; the bar came in the evening."""
    market = floor(listing("ACME", [*BEFORE, bar(MONDAY, 9950, 10100, 9700, 10000)]), at=ist(FRIDAY, "16:30"), prices=screen)
    order = market.buy(10, 9800, amo=True)
    screen.off = True
    market.to(MONDAY, "18:00")
    assert [trade.price for trade in market.fills(order)] == [9800]


def test_what_was_seen_stands_when_the_daily_bar_comes(floor, screen: Screen) -> None:
    market = floor(listing("ACME", [*BEFORE, bar(MONDAY, 9950, 10100, 9700, 10000)]), at=ist(MONDAY, "09:31"), prices=screen)
    screen.show(9900, ist(MONDAY, "09:15"), opened=9950)
    market.broker.quotes(["ACME"])
    order = market.buy(10, 9800)
    market.to(TUESDAY, "08:00")
    assert not market.fills(order)


def test_closing_the_exchange_closes_a_source_that_can_be_closed(floor) -> None:
    class Connected(Screen):
        closed = 0

        def close(self) -> None:
            self.closed += 1

    connected = Connected()
    market = floor(listing("ACME", BEFORE), at=ist(MONDAY, "09:31"), prices=connected)
    market.another().close()
    assert connected.closed == 1


def test_the_exchange_closes_with_a_source_without_connections(live: Floor, screen: Screen) -> None:
    other = live.another()
    other.close()
    with pytest.raises(DatabaseError, match="closed"):
        other.orders()
    assert screen.asked == 0


def test_a_file_of_the_version_before_is_brought_forward(live: Floor, screen: Screen, tmp_path: Path) -> None:
    live.broker.close()
    with closing(sqlite3.connect(live.file)) as file:
        file.execute("DROP TABLE seen")
        file.execute("DROP TABLE untraded")
        file.execute("DROP TABLE identity")
        file.execute("DROP TABLE applied_actions")
        file.execute("ALTER TABLE orders DROP COLUMN out_of_auction")
        file.execute("ALTER TABLE accounts DROP COLUMN changes")
        file.execute("ALTER TABLE accounts DROP COLUMN series")
        file.execute("PRAGMA user_version = 1")
    live.broker = live.another()
    screen.show(9900, ist(MONDAY, "09:15"), opened=9950)
    assert live.broker.quotes(["ACME"])["ACME"].last == 9900
    with closing(sqlite3.connect(live.file)) as file:
        assert file.execute("SELECT last FROM seen").fetchall() == [(9900,)]
