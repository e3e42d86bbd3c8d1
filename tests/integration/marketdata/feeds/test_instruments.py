"""Ticks by a broker's list in the archive: stored by session, read by the store, and what a broker without a list means."""

from __future__ import annotations

from datetime import date, datetime

from tests.integration.marketdata.conftest import AT, DAILY, Market, bars
from tradectl.errors import UsageError
from tradectl.freshness import read_freshness
from tradectl.marketdata.feeds.instruments import InstrumentsFeed
from tradectl.marketdata.feeds.store_file import StoreFile
from tradectl.model.market import Instrument
from tradectl.ports import FeedRequest, OrderRules

FRIDAY = date(2026, 11, 20)


class ListOfTicks:
    """A broker's list: the tick (paise) by symbol."""

    def __init__(self, **ticks: int) -> None:
        self.ticks = ticks

    def order_rules(self, symbol: str) -> OrderRules | None:
        if symbol not in self.ticks:
            raise UsageError(f"{symbol} is not listed")
        return OrderRules(self.ticks[symbol], FRIDAY) if self.ticks[symbol] else None


def feed(market: Market, ticks: ListOfTicks) -> InstrumentsFeed:
    store = market.store()
    shares = [store.instrument(name, FRIDAY) for name in ("ACME", "GONE")]

    def members(_session: date) -> list[Instrument]:
        return shares

    return InstrumentsFeed(StoreFile(market.folder, market.sessions, lambda: AT), "kite", lambda: ticks, members)


def request(now: datetime = AT) -> FeedRequest:
    return FeedRequest(FRIDAY, now)


def test_the_ticks_of_the_list_are_those_of_the_store(market: Market) -> None:
    market.take("x.csv", DAILY + bars("ACME", {"2026-11-20": 100}) + bars("GONE", {"2026-11-20": 100}))
    (brought,) = feed(market, ListOfTicks(ACME=50)).bring(request())
    assert (brought.as_of, brought.new) == (FRIDAY, 1)
    assert market.store().instrument("ACME", FRIDAY).tick_size == 50
    assert market.store().instrument("GONE", FRIDAY).tick_size == 1
    (again,) = feed(market, ListOfTicks(ACME=50)).bring(request())
    assert again.new == 0


def test_a_fetched_list_is_current_until_the_next_session(market: Market) -> None:
    market.take("x.csv", DAILY + bars("ACME", {"2026-11-20": 100}) + bars("GONE", {"2026-11-20": 100}))
    found = feed(market, ListOfTicks(ACME=50))
    list(found.bring(request()))
    known = read_freshness(market.folder)["instruments:kite"]
    assert (known.as_of, known.source) == (FRIDAY, "kite")
    assert (found.is_due(known, FRIDAY), found.is_due(known, date(2026, 11, 23))) == (False, True)


def test_a_broker_without_a_list_is_no_finding(market: Market) -> None:
    market.take("x.csv", DAILY + bars("ACME", {"2026-11-20": 100}) + bars("GONE", {"2026-11-20": 100}))
    found = feed(market, ListOfTicks(ACME=0))
    (brought,) = found.bring(request())
    assert (brought.note, brought.new) == ("kite has no list of instruments", 0)
    assert not found.is_due(read_freshness(market.folder)["instruments:kite"], FRIDAY)
