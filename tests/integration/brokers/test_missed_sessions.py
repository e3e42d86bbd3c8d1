"""An account that missed sessions is settled by their stored data, or not at all."""

from collections.abc import Sequence
from datetime import date
from functools import partial

import pytest

from tests.support.brokers.exchange import Floor, bar, ist, listing
from tests.support.brokers.market import MemoryMarket
from tests.support.brokers.screen import Screen
from tradectl.bootstrap.past_data import lacking_data
from tradectl.errors import DataError
from tradectl.exchange.sessions import SessionTable
from tradectl.model.freshness import ACTIONS, BARS, Freshness
from tradectl.model.order import OrderStatus

FRIDAY, MONDAY, TUESDAY, WEDNESDAY = (date(2023, 7, day) for day in (14, 17, 18, 19))
FLAT = {day: bar(day, 10000, 10000, 10000, 10000) for day in (FRIDAY, MONDAY, TUESDAY, WEDNESDAY)}


@pytest.fixture
def asleep(floor, sessions: SessionTable):
    """Makes a floor on Friday evening, whose market has the bars of some days, and lists of actions up to `actions`."""

    def make(*days: date, others: Sequence[date] = (), actions: date = TUESDAY) -> Floor:
        shares = [listing("ACME", [FLAT[day] for day in days]), listing("BETA", [FLAT[day] for day in others])]
        known = {
            kind: Freshness(kind, as_of, ist(WEDNESDAY, "08:00"), "") for kind, as_of in ((BARS, max(days)), (ACTIONS, actions))
        }
        made = floor(*shares, at=ist(FRIDAY, "16:30"), prices=Screen())
        made.options["lacking"] = partial(lacking_data, lambda: known, made.market, sessions, 3)
        made.broker.close()
        made.broker = made.another()
        return made

    return make


def come(market: Floor, *days: date) -> None:
    """All data come, and the exchange reads them."""
    market.options["lacking"], market.market = None, MemoryMarket(listing("ACME", [FLAT[day] for day in days]))
    market.broker.close()
    market.broker = market.another()


def test_a_hole_before_the_newest_bars_ends_no_waiting_buy(asleep) -> None:
    market = asleep(FRIDAY, TUESDAY)
    order = market.buy(10, 10000, amo=True)
    market.to(WEDNESDAY, "09:01")
    with pytest.raises(DataError, match="the bars of 2023-07-17 are not stored"):
        market.broker.orders()
    come(market, FRIDAY, MONDAY, TUESDAY)
    assert market.order(order).status is OrderStatus.EXECUTED


def test_a_morning_before_the_open_is_no_look_at_the_session(asleep) -> None:
    market = asleep(FRIDAY)
    order = market.buy(10, 10000, amo=True)
    market.to(MONDAY, "09:02")
    assert market.order(order).status is OrderStatus.ONGOING
    market.to(TUESDAY, "08:00")
    with pytest.raises(DataError, match="nothing ran in the session of 2023-07-17, and their bars are not stored"):
        market.broker.orders()
    come(market, FRIDAY, MONDAY)
    assert market.order(order).status is OrderStatus.EXECUTED


def test_an_untraded_share_ends_where_the_session_is_stored(asleep) -> None:
    market = asleep(FRIDAY, TUESDAY, others=(MONDAY,))
    order = market.buy(10, 10000, amo=True)
    for day, at in ((MONDAY, "09:02"), (WEDNESDAY, "08:00")):
        market.to(day, at)
        market.broker.orders()
    assert market.order(order).status is OrderStatus.CANCELLED


def test_a_session_that_was_seen_ends_by_what_was_seen(asleep) -> None:
    market = asleep(FRIDAY)
    order = market.buy(10, 9000, amo=True)
    market.to(MONDAY, "09:31")
    market.options["prices"].show(9900, ist(MONDAY, "09:16"), opened=9950)
    market.broker.orders()
    market.to(TUESDAY, "08:00")
    assert market.order(order).status is OrderStatus.CANCELLED
