"""Times of Kotak's price feed, whose unit nobody tells: read where exactly one reading is now, and else not at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tradectl.brokers.account.prices import FRESH
from tradectl.brokers.kotak_neo.times import Times

NOW = datetime(2026, 11, 19, 9, 30, tzinfo=UTC)
TRADED = NOW - timedelta(seconds=3)
SINCE_1970 = int(TRADED.timestamp())
INDIA = int(timedelta(hours=5, minutes=30).total_seconds())
WAYS = {
    "seconds": SINCE_1970,
    "milliseconds": SINCE_1970 * 1_000,
    "microseconds": SINCE_1970 * 1_000_000,
    "nanoseconds": SINCE_1970 * 1_000_000_000,
    "since 1980 in India": SINCE_1970 + INDIA - int(datetime(1980, 1, 1, tzinfo=UTC).timestamp()),
}


@pytest.mark.parametrize("number", WAYS.values(), ids=WAYS)
def test_a_fresh_trade_is_read_in_each_way_that_is_in_use(number: int) -> None:
    assert Times().moment(number, NOW) == TRADED


@pytest.mark.parametrize(
    "number",
    [0, -SINCE_1970, SINCE_1970 // 60, SINCE_1970 * 100, SINCE_1970 + INDIA, 2**63 - 1],
    ids=["none", "negative", "minutes", "hundredths", "India since 1970", "huge"],
)
def test_a_unit_that_nobody_knows_has_no_time(number: int) -> None:
    assert Times().moment(number, NOW) is None


def test_a_trade_is_near_within_what_a_quote_may_be_old() -> None:
    for age in (FRESH, -FRESH):
        assert Times().moment(int((NOW - age).timestamp()), NOW) == NOW - age
        assert Times().moment(int((NOW - age * 2).timestamp()), NOW) is None


def test_a_reading_that_put_a_trade_into_the_future_is_wrong() -> None:
    """Indian seconds since 1970: a fresh trade lies in the future, and one of five and a half hours ago would seem fresh."""
    times = Times()
    assert times.moment(SINCE_1970 + INDIA, NOW) is None
    assert times.moment(SINCE_1970, NOW) is None
    assert Times().moment(SINCE_1970, NOW) == TRADED


def test_other_readings_go_on_where_one_is_wrong() -> None:
    times = Times()
    assert times.moment(WAYS["nanoseconds"], NOW) == TRADED  # as seconds, that is far in the future
    assert times.moment(WAYS["nanoseconds"], NOW) == TRADED
