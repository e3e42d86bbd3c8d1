"""Charges: the worked examples to the paisa, the dated changes, and the laws that hold of any day."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradectl.errors import UncoveredDate
from tradectl.exchange.charges import Lines, buy_charges, day_charges
from tradectl.model.order import Fill, Side

NOW = date(2026, 6, 1)
BUY, SELL = Side.BUY, Side.SELL


def fill(side: Side, quantity: int, price: int, day: date = NOW, *, order: int = 0, name: str | None = None) -> Fill:
    at = datetime(day.year, day.month, day.day, 5, tzinfo=UTC)
    return Fill(name or f"{side}{order}-{quantity}x{price}", "INFY", side, quantity, price, day, at, order)


def buy(day: date, quantity: int = 100, price: int = 100_000) -> Lines:
    return day_charges(day, [fill(BUY, quantity, price, day)]).buy


def sell(day: date, quantity: int = 100, price: int = 105_000) -> Lines:
    return day_charges(day, [fill(SELL, quantity, price, day)]).sell


def test_the_worked_example_is_met_to_the_paisa():
    assert buy(NOW) == Lines(stt=10000, transaction=307, ipft=0, sebi=10, stamp=1500, gst=57)
    assert buy(NOW).total == 11874
    assert sell(NOW) == Lines(stt=10500, transaction=322, ipft=0, sebi=11, stamp=0, gst=60, dp=1534)
    assert sell(NOW).total == 12427


def test_ipft_is_a_line_of_its_own_before_march_2026():
    lines = sell(date(2026, 2, 27))
    assert (lines.transaction, lines.ipft) == (312, 11)


@pytest.mark.parametrize(
    ("day", "transaction", "ipft"),
    [
        (date(2018, 1, 1), 32500, 1),
        (date(2020, 12, 31), 32500, 1),
        (date(2021, 1, 1), 34500, 1),
        (date(2023, 3, 31), 34500, 1),
        (date(2023, 4, 3), 32500, 1000),
        (date(2024, 4, 1), 32200, 1000),
        (date(2024, 10, 1), 29700, 1000),
        (date(2026, 2, 27), 29700, 1000),
        (date(2026, 3, 2), 30699, 1),
    ],
)
def test_exchange_charges_of_a_crore_follow_the_dates(day, transaction, ipft):
    lines = buy(day, 10_000, 100_000)
    assert (lines.transaction, lines.ipft) == (transaction, ipft)


@pytest.mark.parametrize(
    ("day", "sebi"),
    [
        (date(2019, 3, 29), 1500),
        (date(2019, 4, 1), 1000),
        (date(2020, 5, 29), 1000),
        (date(2020, 6, 1), 500),
        (date(2021, 3, 31), 500),
        (date(2021, 4, 1), 1000),
    ],
)
def test_the_sebi_fee_of_a_crore_follows_the_dates(day, sebi):
    assert buy(day, 10_000, 100_000).sebi == sebi


def test_stamp_duty_is_on_the_buy_alone_since_july_2020():
    assert (buy(date(2020, 6, 30)).stamp, sell(date(2020, 6, 30)).stamp) == (1000, 1050)
    assert (buy(date(2020, 7, 1)).stamp, sell(date(2020, 7, 1)).stamp) == (1500, 0)


def test_gst_is_on_the_sebi_fee_only_since_july_2022():
    before, after = buy(date(2022, 7, 15), 10_000, 100_000), buy(date(2022, 7, 18), 10_000, 100_000)
    assert after.gst - before.gst == 180
    assert before.gst == (34500 + 1) * 18 // 100


def test_the_dp_charge_is_once_a_symbol_and_day_on_delivery():
    two = day_charges(NOW, [fill(SELL, 10, 100_000, order=1), fill(SELL, 20, 100_000, order=2)])
    assert two.sell.dp == 1534
    assert sell(date(2024, 9, 30)).dp == 1593
    assert day_charges(NOW, [fill(BUY, 10, 100_000), fill(SELL, 10, 101_000)]).sell.dp == 0
    assert day_charges(NOW, [fill(BUY, 10, 100_000), fill(SELL, 11, 101_000)]).sell.dp == 1534


def test_stt_is_rounded_to_the_rupee_half_up():
    assert buy(NOW, 1, 1_296_900).stt == 1300
    assert buy(NOW, 1, 2_075_000).stt == 2100
    assert buy(NOW, 1, 2_050_000).stt == 2100
    assert buy(NOW, 1, 2_049_999).stt == 2000


def test_stt_is_rounded_for_each_kind_by_itself():
    # 20 sold, 10 of them bought today: delivery 10 x 104.60 at 0.1 % = 1.046 -> 1; intraday at 0.025 % = 0.2615 -> 0
    day = day_charges(NOW, [fill(BUY, 10, 10_460), fill(SELL, 20, 10_460)])
    assert (day.buy.stt, day.sell.stt) == (0, 100)


def test_a_same_day_trade_has_intraday_rates():
    day = day_charges(NOW, [fill(BUY, 100, 50_000, order=1), fill(SELL, 100, 52_000, order=2)])
    assert day.buy == Lines(brokerage=1500, stt=0, transaction=153, ipft=0, sebi=5, stamp=150, gst=298)
    assert day.sell == Lines(brokerage=1560, stt=1300, transaction=160, ipft=0, sebi=5, stamp=0, gst=311)
    assert day.total == day.buy.total + day.sell.total == 2106 + 3336


def test_intraday_brokerage_is_capped_by_order_not_by_fill():
    one_order = [fill(BUY, 50, 200_000, order=1, name="a"), fill(BUY, 50, 200_000, order=1, name="b")]
    two_orders = [fill(BUY, 50, 200_000, order=1, name="a"), fill(BUY, 50, 200_000, order=2, name="b")]
    sold = fill(SELL, 100, 200_000, order=3)
    assert day_charges(NOW, [*one_order, sold]).buy.brokerage == 2000
    assert day_charges(NOW, [*two_orders, sold]).buy.brokerage == 4000
    assert day_charges(NOW, [*two_orders, sold]).sell.brokerage == 2000


def test_intraday_brokerage_was_a_third_before_june_2020():
    day = date(2020, 2, 3)
    assert day_charges(day, [fill(BUY, 10, 100_000, day), fill(SELL, 10, 100_000, day)]).buy.brokerage == 100


def test_the_rest_of_a_bigger_sell_is_delivery():
    day = day_charges(NOW, [fill(BUY, 40, 100_000, order=1), fill(SELL, 100, 100_000, order=2)])
    assert day.sell.brokerage == 1200
    assert day.sell.stt == 6000 + 1000
    assert day.buy.stamp == 120
    assert day.sell.dp == 1534


def test_no_fills_cost_nothing():
    nothing = day_charges(NOW, [])
    assert (nothing.total, nothing.by_fill) == (0, {})


@pytest.mark.parametrize(
    "fills",
    [
        [fill(BUY, 1, 100), Fill("x", "TCS", BUY, 1, 100, NOW, datetime(2026, 6, 1, tzinfo=UTC))],
        [fill(BUY, 1, 100, date(2026, 6, 2))],
        [fill(BUY, 1, 100, name="a"), fill(SELL, 1, 100, name="a")],
    ],
)
def test_fills_that_are_not_one_symbols_day_are_refused(fills):
    with pytest.raises(ValueError):
        day_charges(NOW, fills)


def test_a_date_before_the_table_is_refused():
    with pytest.raises(UncoveredDate):
        buy_charges(date(2017, 12, 29), 1, 100)


DAYS = st.dates(date(2018, 1, 1), date(2026, 12, 31))
TRADES = st.lists(
    st.tuples(st.sampled_from([BUY, SELL]), st.integers(1, 5000), st.integers(5, 5_000_000), st.integers(0, 3)), max_size=8
)


@given(day=DAYS, quantity=st.integers(1, 100_000), price=st.integers(1, 10**7))
def test_buy_charges_is_the_day_of_a_single_buy(day, quantity, price):
    assert buy_charges(day, quantity, price) == day_charges(day, [fill(BUY, quantity, price, day)]).total


@given(day=DAYS, trades=TRADES)
def test_what_fills_bear_adds_up_to_the_total_exactly(day, trades):
    fills = [fill(s, q, p, day, order=order, name=str(i)) for i, (s, q, p, order) in enumerate(trades)]
    charges = day_charges(day, fills)
    assert set(charges.by_fill) == {f.fill_id for f in fills}
    assert sum(charges.by_fill.values()) == charges.total == charges.buy.total + charges.sell.total
    assert sum(charges.by_fill[f.fill_id] for f in fills if f.side is BUY) == charges.buy.total
    assert all(part >= 0 for part in charges.by_fill.values())


@given(day=DAYS, quantity=st.integers(2, 1000), price=st.integers(5, 10**6), data=st.data())
def test_splitting_an_order_into_fills_changes_nothing(day, quantity, price, data):
    first = data.draw(st.integers(1, quantity - 1))
    parts = [
        fill(BUY, first, price, day, order=1, name="a"),
        fill(BUY, quantity - first, price, day, order=1, name="b"),
        fill(SELL, quantity, price, day, order=2, name="c"),
    ]
    whole = [fill(BUY, quantity, price, day, order=1, name="a"), fill(SELL, quantity, price, day, order=2, name="c")]
    assert day_charges(day, parts).buy == day_charges(day, whole).buy
