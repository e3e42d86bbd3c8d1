"""Quotes from a stream, and from asking: the younger one, never an old one, and bands always."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NoReturn, Self

import pytest

from tests.support.brokers.exchange import Floor, ist, quiet
from tradectl.brokers.account.guard import GuardedBroker
from tradectl.brokers.account.prices import FRESH, REQUEST_EVERY, StreamedPrices
from tradectl.brokers.http.stream import NOT_YET
from tradectl.clock import VirtualClock
from tradectl.errors import DatabaseError, OrderRefused, UsageError
from tradectl.halt_marker import MemoryMarker
from tradectl.model.market import Quote
from tradectl.redaction import remember

NOW = datetime(2026, 11, 25, 5, 0, tzinfo=UTC)


class Tape:
    """A stream whose ticks are put in by hand."""

    def __init__(self) -> None:
        self.trouble, self.ticks, self.wanted, self.open = "", {}, [], False

    def __enter__(self) -> Self:
        self.open = True
        return self

    def __exit__(self, *_: object) -> None:
        self.open = False

    def subscribe(self, symbols: Sequence[str]) -> None:
        if "NOSUCH" in symbols:
            raise UsageError("NOSUCH is not listed")
        self.wanted += symbols

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        return {symbol: self.ticks[symbol] for symbol in symbols if symbol in self.ticks}


class Asked:
    """Answers with the price 100 of now, and counts what was asked for."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock, self.symbols = clock, []

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        self.symbols += symbols
        now = self.clock.now()
        return {
            name: Quote(name, 100_00, now, "asked", lower_band=90_00, upper_band=110_00) for name in symbols if name != "NOSUCH"
        }


class Desk:
    def __init__(self) -> None:
        self.clock, self.tape = VirtualClock(NOW), Tape()
        self.asked = Asked(self.clock)
        self.prices = StreamedPrices(self.asked, self.tape, self.clock)

    def tick(self, symbol: str, price: int, age: timedelta = timedelta(0)) -> None:
        self.tape.ticks[symbol] = Quote(symbol, price, self.clock.now() - age, "stream")

    def price(self, symbol: str = "ACME") -> tuple[int, str]:
        quote = self.prices.quotes([symbol])[symbol]
        assert (quote.lower_band, quote.upper_band) == (90_00, 110_00)
        return quote.last, quote.source


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_symbol_is_asked_for_once_and_then_streamed(desk: Desk) -> None:
    assert desk.price() == (100_00, "asked")
    for price in (101_00, 102_00):
        desk.clock.sleep(10)
        desk.tick("ACME", price)
        assert desk.price() == (price, "stream")
    assert desk.asked.symbols == desk.tape.wanted == ["ACME"]


def test_an_old_tick_is_no_price(desk: Desk) -> None:
    desk.price()
    desk.clock.sleep(60)
    desk.tick("ACME", 101_00, age=FRESH + timedelta(seconds=1))
    assert desk.price() == (100_00, "asked")
    assert len(desk.asked.symbols) == 2


def test_a_tick_of_the_future_is_no_price(desk: Desk) -> None:
    desk.price()
    desk.clock.sleep(60)
    desk.tick("ACME", 101_00, age=-FRESH - timedelta(seconds=1))
    assert desk.price() == (100_00, "asked")


def test_a_broken_stream_costs_requests_and_no_price(desk: Desk) -> None:
    desk.price()
    desk.tick("ACME", 101_00)
    desk.tape.trouble = "the connection broke"
    desk.clock.sleep(1)
    assert desk.price() == (100_00, "asked")
    desk.tape.trouble = ""
    assert desk.price() == (100_00, "asked")  # of this very moment, and so the younger one
    desk.clock.sleep(1)
    assert desk.price() == (101_00, "stream")


def test_a_change_of_the_streams_trouble_is_news_once(desk: Desk) -> None:
    remember("0f1e2d3c4b5a")
    told = []
    for trouble in (NOT_YET, NOT_YET, "", "", "refused for 0f1e2d3c4b5a", "refused for 0f1e2d3c4b5a", "it broke", "", ""):
        desk.tape.trouble = trouble
        told.append(desk.prices.news())
    assert told == [None, None, "", None, "refused for ********", None, "it broke", "", None]


def test_who_holds_no_stream_has_no_trouble_with_it_and_no_news(floor) -> None:
    market: Floor = floor(quiet("ACME", [date(2026, 9, 8)]), at=ist(date(2026, 9, 8), "10:00"))
    guarded = GuardedBroker(market.broker, AlwaysArmed(), market.clock, market.sessions, market.market, marker=MemoryMarker())
    assert not guarded.stream()
    assert (guarded.stream_trouble, guarded.stream_news()) == (None, None)


class DamagedMarket:
    """Market data whose archive is damaged."""

    def find(self, symbol: str, day: date) -> str:
        raise DatabaseError("archive.db is damaged")

    def instrument(self, instrument_id: str, day: date) -> NoReturn:
        raise DatabaseError("archive.db is damaged")


class Unread:
    """Market data that may not be read now."""

    def __getattr__(self, name: str) -> NoReturn:
        raise AssertionError(f"the market data were read for {name}")


@pytest.mark.parametrize("readable", [True, False])
def test_orders_are_listed_without_market_data(floor, readable: bool) -> None:
    """Locked data are not read, because the read would wait for the lock. Damaged data raise no error."""
    day = date(2026, 9, 8)
    market: Floor = floor(quiet("ACME", [date(2026, 9, 7), day]), at=ist(day, "10:00"))
    data = DamagedMarket() if readable else Unread()
    marker, placed = MemoryMarker(), market.buy(10, 9000)
    guarded = GuardedBroker(
        market.broker, AlwaysArmed(), market.clock, market.sessions, data, marker=marker, market_readable=lambda: readable
    )
    assert [(order.broker_order_id, order.symbol) for order in guarded.orders()] == [(placed, "ACME")]
    assert guarded.trades() == market.broker.trades()


def test_bands_are_asked_for_now_and_then(desk: Desk) -> None:
    desk.price()
    desk.clock.sleep(REQUEST_EVERY.total_seconds())
    desk.tick("ACME", 101_00, age=timedelta(seconds=1))
    assert desk.price() == (100_00, "asked")
    assert desk.asked.symbols == ["ACME", "ACME"]


def test_a_symbol_that_the_stream_does_not_know_keeps_nobody_out(desk: Desk) -> None:
    assert set(desk.prices.quotes(["NOSUCH", "ACME"])) == {"ACME"}
    assert desk.tape.wanted == ["ACME"]


def test_the_stream_ends_with_who_holds_it(desk: Desk) -> None:
    assert desk.tape.open
    desk.prices.close()
    assert not desk.tape.open


class AlwaysArmed:
    def since(self) -> datetime:
        return NOW


@pytest.mark.parametrize("derivatives", [True, False])
def test_in_phases_that_take_nothing_nothing_is_sent(floor, derivatives: bool) -> None:
    """On 2026-09-08 the closing auction's reference price is computed from 15:15 on, for stocks that have derivatives."""
    day = date(2026, 9, 8)
    listed = quiet("ACME", [date(2026, 9, 7), day], closing_auction=derivatives, derivatives=derivatives)
    market: Floor = floor(listed, at=ist(day, "10:00"))
    guarded = GuardedBroker(market.broker, AlwaysArmed(), market.clock, market.sessions, market.market, marker=MemoryMarker())
    market.broker, exchange = guarded, market.broker
    order = market.buy(10, 9900)
    guarded.orders()
    session = market.sessions.session(day)
    closed = [phase for phase in session.phases(True) if phase.kind == "closing_reference"]
    market.clock.move_to(closed[0].start)
    before = len(exchange.orders())
    if derivatives:
        for act in (
            lambda: market.buy(10, 9800),
            lambda: guarded.cancel(order),
            lambda: guarded.modify(order, quantity=9, price=9900),
        ):
            with pytest.raises(OrderRefused, match="reference price"):
                act()
        assert len(exchange.orders()) == before
    else:
        guarded.cancel(order)
    market.broker = exchange
