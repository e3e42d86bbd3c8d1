"""The tests' own market data keeps the promises of the port."""

from datetime import date
from fractions import Fraction

import pytest

from tests.support.brokers.market import MarketListing, MemoryMarket, flat_bars
from tradectl.errors import UsageError
from tradectl.model.market import ActionKind, CorporateAction, Instrument
from tradectl.model.renames import LATE

MONDAY, TUESDAY = date(2023, 7, 17), date(2023, 7, 18)


def market() -> MemoryMarket:
    split = CorporateAction("NEW", TUESDAY, ActionKind.SPLIT, Fraction(5))
    listing = MarketListing(
        Instrument("NEW", "NEW", "EQ", "INE1", 5),
        flat_bars([MONDAY, TUESDAY], 10000),
        [split],
        names=[(date.min, "OLD"), (TUESDAY, "NEW")],
    )
    return MemoryMarket(listing)


def test_a_name_is_the_name_of_the_session() -> None:
    assert market().find("OLD", MONDAY) == "NEW"
    assert market().instrument("NEW", MONDAY).symbol == "OLD"
    assert market().find("OLD", TUESDAY) == "NEW"  # a broker may be late
    with pytest.raises(UsageError):
        market().find("OLD", TUESDAY + LATE)


def test_the_multiplier_changes_on_the_ex_date() -> None:
    history = market().history("NEW")
    assert history is not None
    assert history.multiplier.tolist() == [1.0, 5.0]
    assert market().multiplier("NEW", MONDAY, None) == 1.0


def test_actions_are_after_one_date_and_through_another() -> None:
    assert len(market().actions("NEW", MONDAY, TUESDAY)) == 1
    assert market().actions("NEW", TUESDAY, date.max) == ()
