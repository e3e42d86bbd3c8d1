"""The life of after-market orders: over nights, weekends, holidays and into whatever session comes."""

from datetime import date
from pathlib import Path

import pytest

from tests.support.brokers.exchange import bar, ist, listing, quiet
from tradectl.brokers.paper.acceptance import target_session
from tradectl.errors import OrderRefused, UncoveredDate
from tradectl.exchange.overrides import Override, OverrideKind, write_override
from tradectl.exchange.sessions import SessionTable
from tradectl.model.order import OrderStatus, Variety

THURSDAY, FRIDAY, MONDAY, TUESDAY = (date(2023, 7, day) for day in (13, 14, 17, 18))


def test_an_amo_waits_over_the_weekend_and_fills_at_mondays_open(floor) -> None:
    market = floor(quiet("ACME", [THURSDAY, FRIDAY, MONDAY]), at=ist(FRIDAY, "16:05"))
    order = market.buy(10, 10050, amo=True)
    assert market.broker.funds().blocked > 10 * 10050
    for day, at in ((date(2023, 7, 15), "10:00"), (date(2023, 7, 16), "23:59"), (MONDAY, "08:59:59")):
        market.to(day, at)
        assert market.order(order).status is OrderStatus.PENDING
    market.to(MONDAY, "09:00")
    assert (market.order(order).status, market.order(order).variety) == (OrderStatus.ONGOING, Variety.AMO)
    market.to(MONDAY, "09:15")
    (trade,) = market.fills(order)
    assert (trade.price, trade.at) == (10000, ist(MONDAY, "09:12"))
    assert order == "asha-20230714-0001"
    assert trade.trade_id == "asha-20230717-T0001"


def test_an_amo_is_released_into_a_muhurat_session(floor) -> None:
    """Friday 2023-11-10, Muhurat on Sunday 12, Monday 13: the order trades on Sunday evening."""
    friday, sunday, monday = date(2023, 11, 10), date(2023, 11, 12), date(2023, 11, 13)
    market = floor(quiet("ACME", [friday, sunday, monday]), at=ist(friday, "16:05"))
    order, low = market.buy(10, 10050, amo=True), market.buy(10, 9950, amo=True)
    market.to(sunday, "17:59")
    assert market.order(order).status is OrderStatus.PENDING
    market.to(sunday, "18:16")
    assert [trade.at for trade in market.fills(order)] == [ist(sunday, "18:15")]
    market.to(monday, "08:00")
    assert (market.order(low).status, market.order(low).reason) == (OrderStatus.CANCELLED, "day ended")


def test_an_amo_waits_over_a_holiday(floor) -> None:
    """2023-08-15 was a Tuesday."""
    monday, holiday, wednesday = date(2023, 8, 14), date(2023, 8, 15), date(2023, 8, 16)
    market = floor(quiet("ACME", [monday, wednesday]), at=ist(monday, "17:00"))
    order = market.buy(10, 10000, amo=True)
    market.to(holiday, "12:00")
    assert market.order(order).status is OrderStatus.PENDING
    market.to(wednesday, "09:15")
    assert market.order(order).status is OrderStatus.EXECUTED


def test_a_clock_that_jumps_weeks_finds_every_day_settled(floor) -> None:
    market = floor(quiet("ACME", [FRIDAY, MONDAY, TUESDAY]), at=ist(FRIDAY, "16:05"))
    bought, missed = market.buy(10, 10050, amo=True), market.buy(10, 9900, amo=True)
    market.to(date(2023, 7, 24), "12:00")
    assert market.fills(bought)[0].at == ist(MONDAY, "09:12")
    assert market.order(missed).updated_at == ist(MONDAY, "15:30")
    assert market.broker.holdings()[0].quantity == 10
    market.to(date(2023, 8, 31), "12:00")
    assert (market.broker.orders(), market.broker.trades()) == ((), ())


def test_a_price_outside_the_new_band_is_rejected_at_release(floor) -> None:
    market = floor(
        listing("ACME", [bar(FRIDAY, *[10000] * 4), bar(MONDAY, *[7000] * 4), bar(TUESDAY, *[7000] * 4)]), at=ist(FRIDAY, "17:00")
    )
    market.to(MONDAY, "08:00")
    order = market.buy(10, 10000, amo=True)
    market.to(MONDAY, "17:00")
    late = market.buy(10, 9000, amo=True)
    market.to(TUESDAY, "09:00")
    assert market.fills(order)[0].price == 7000
    report = market.order(late)
    assert report.status is OrderStatus.REJECTED
    assert report.reason == "RMS:Rule: Check circuit limit: 90.00 is outside 56.00 to 84.00"
    assert market.broker.funds().blocked == 0


def test_an_amo_sell_is_checked_again_and_sells_next_morning(floor) -> None:
    market = floor(quiet("ACME", [FRIDAY, MONDAY]), at=ist(FRIDAY, "10:00"))
    market.buy(10, 10000)
    market.to(FRIDAY, "16:30")
    order = market.sell(10, 9950, amo=True)
    with pytest.raises(OrderRefused, match="0 may be sold"):
        market.sell(1, 9950, amo=True)
    market.to(MONDAY, "09:12")
    assert market.fills(order)[0].price == 10000
    assert market.broker.holdings() == ()


def test_a_waiting_amo_is_changed_in_its_window_only(floor) -> None:
    market = floor(quiet("ACME", [FRIDAY, MONDAY]), at=ist(FRIDAY, "16:30"))
    order = market.buy(10, 9000, amo=True)
    market.broker.modify(order, quantity=20, price=9500)
    assert (market.order(order).quantity, market.order(order).price) == (20, 9500)
    market.to(MONDAY, "08:58:30")
    with pytest.raises(OrderRefused, match="after market"):
        market.broker.cancel(order)
    market.to(MONDAY, "09:05")
    market.broker.modify(order, quantity=5, price=9500)
    market.broker.cancel(order)
    assert (market.order(order).status, market.order(order).reason) == (OrderStatus.CANCELLED, "cancelled by the client")


def test_an_amo_beyond_the_session_table_is_refused_by_the_table(floor) -> None:
    last = date(2026, 12, 31)
    market = floor(quiet("ACME", [last]), at=ist(last, "17:00"))
    with pytest.raises(UncoveredDate):
        market.buy(1, 10000, amo=True)
    assert market.broker.orders() == ()


def test_the_amo_of_a_renamed_stock_carries_its_new_name(floor) -> None:
    stock = quiet("NEW", [FRIDAY, MONDAY])
    stock.names = [(date.min, "OLD"), (MONDAY, "NEW")]
    market = floor(stock, at=ist(FRIDAY, "16:30"))
    order = market.buy(10, 10000, "OLD", amo=True)
    assert market.order(order).symbol == "OLD"
    market.to(MONDAY, "10:00")
    assert (market.order(order).symbol, market.order(order).status) == ("NEW", OrderStatus.EXECUTED)
    assert market.broker.holdings()[0].symbol == "NEW"


def test_an_amo_passes_a_session_of_unknown_hours(tmp_path: Path) -> None:
    """Muhurat on Monday, without hours yet: nothing trades in it, so the order waits for Tuesday."""
    calendar = tmp_path / "sessions.csv"
    write_override(calendar, Override(MONDAY, OverrideKind.MUHURAT))
    sessions = SessionTable.load(calendar)
    for moment in (ist(FRIDAY, "16:05"), ist(MONDAY, "08:00"), ist(MONDAY, "18:30"), ist(MONDAY, "22:00")):
        assert target_session(sessions, moment).date == TUESDAY
