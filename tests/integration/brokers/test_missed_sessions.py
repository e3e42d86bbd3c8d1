"""An account that missed sessions is settled by their stored data, or not at all."""

from datetime import date
from functools import partial

import pytest

from tests.support.brokers.exchange import Floor, bar, ist, listing
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

    def make(*days: date, actions: date = TUESDAY, at: str = "16:30") -> Floor:
        market = listing("ACME", [FLAT[day] for day in days])
        known = {
            kind: Freshness(kind, as_of, ist(WEDNESDAY, "08:00"), "") for kind, as_of in ((BARS, max(days)), (ACTIONS, actions))
        }
        made = floor(market, at=ist(FRIDAY, at), prices=Screen())
        made.options["lacking"] = partial(lacking_data, lambda: known, made.market, sessions, 3)
        made.broker.close()
        made.broker = made.another()
        return made

    return make


def test_a_hole_before_the_newest_bars_ends_no_waiting_buy(asleep) -> None:
    market = asleep(FRIDAY, TUESDAY)
    order = market.buy(10, 10000, amo=True)
    market.to(WEDNESDAY, "09:01")
    with pytest.raises(DataError, match="the bars of 2023-07-17 are not stored"):
        market.broker.orders()
    market.options["lacking"] = None
    market.market = asleep(FRIDAY, MONDAY, TUESDAY).market
    market.broker.close()
    market.broker = market.another()
    assert market.order(order).status is OrderStatus.EXECUTED
