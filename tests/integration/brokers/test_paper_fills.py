"""When and at what price orders fill: on the path of the bar, to the second, and however often anybody asks."""

from datetime import UTC, date, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.brokers.exchange import bar, ist, listing, quiet
from tradectl.clock import VirtualClock
from tradectl.errors import OrderRefused
from tradectl.model.market import ActionKind, CorporateAction
from tradectl.model.order import OrderRequest, OrderStatus, Side

BEFORE, D = date(2023, 7, 14), date(2023, 7, 17)
QUIET = bar(BEFORE, 10000, 10000, 10000, 10000)
FALLS_FIRST = bar(D, 10000, 10900, 9400, 10600)
"""Open 100, low 94 after 125 minutes, high 109 after 250, close 106."""


def test_a_resting_buy_fills_at_its_limit_in_the_right_second(floor) -> None:
    market = floor(listing("ACME", [QUIET, FALLS_FIRST]), at=ist(D, "09:15"))
    order = market.buy(10, 9700)
    market.to(D, "15:30")
    (trade,) = market.fills(order)
    assert trade.price == 9700
    assert trade.at.astimezone(UTC) == pytest.approx(ist(D, "09:15") + timedelta(minutes=62.5), abs=timedelta(seconds=13))
    path_price = market.broker.quotes(["ACME"])["ACME"]
    assert path_price.low == 9400
    assert market.order(order).updated_at == trade.at


def test_before_the_price_is_reached_nothing_shows(floor) -> None:
    market = floor(listing("ACME", [QUIET, FALLS_FIRST]), at=ist(D, "09:15"))
    order = market.buy(10, 9700)
    market.to(D, "10:17")
    assert market.order(order).status is OrderStatus.ONGOING
    market.to(D, "10:18")
    assert market.order(order).status is OrderStatus.EXECUTED


def test_a_marketable_order_trades_at_once_on_the_tick(floor) -> None:
    market = floor(listing("ACME", [QUIET, FALLS_FIRST]), at=ist(D, "09:15"))
    at_open = market.buy(10, 10500)
    market.to(D, "09:16")
    second = market.buy(10, 10500)
    sold = market.sell(10, 9500)
    assert market.fills(at_open)[0].price == 10000
    assert market.fills(at_open)[0].at == ist(D, "09:15")
    last = market.broker.quotes(["ACME"])["ACME"].last
    assert last == 9995
    assert (market.fills(second)[0].price, market.fills(second)[0].at) == (9995, ist(D, "09:16"))
    assert market.fills(sold)[0].price == 9995


def test_off_the_tick_rounds_against_us_within_the_limit(floor) -> None:
    market = floor(listing("ACME", [QUIET, bar(D, 10000, 12000, 9000, 9000)], tick=10), at=ist(D, "09:15:30"))
    assert market.broker.quotes(["ACME"])["ACME"].last == 9996
    bought, at_limit = market.buy(10, 10100), market.buy(10, 10000)
    sold = market.sell(10, 9990)
    assert [market.fills(order)[0].price for order in (bought, at_limit, sold)] == [10000, 10000, 9990]


def test_a_fill_stays_inside_the_range_of_the_session(floor) -> None:
    market = floor(listing("ACME", [QUIET, bar(D, 10003, 10007, 9998, 10002)]), at=ist(D, "10:00"))
    assert market.fills(market.buy(1, 10100))[0].price <= 10007
    assert market.fills(market.sell(1, 9900))[0].price >= 9998


def test_orders_fill_only_from_the_moment_they_are_accepted(floor) -> None:
    market = floor(listing("ACME", [QUIET, FALLS_FIRST]), at=ist(D, "13:00"))
    order = market.buy(10, 9700)
    market.to(D, "15:30")
    assert market.order(order).status is OrderStatus.CANCELLED


def test_a_modified_order_fills_from_its_modification_on(floor) -> None:
    market = floor(listing("ACME", [QUIET, FALLS_FIRST]), at=ist(D, "09:15"))
    order = market.buy(10, 9300)
    market.to(D, "11:00")
    market.broker.modify(order, quantity=6, price=9700)
    (trade,) = market.fills(order)
    assert (trade.quantity, trade.at) == (6, ist(D, "11:00"))
    assert trade.price == -(-market.broker.quotes(["ACME"])["ACME"].last // 5) * 5


def test_orders_of_the_pre_open_fill_at_the_opening_price(floor) -> None:
    market = floor(listing("ACME", [QUIET, FALLS_FIRST]), at=ist(D, "09:01"))
    above, at_open, below, by_market = (market.buy(1, price) for price in (10100, 10000, 9900, 0))
    market.to(D, "09:12")
    assert [market.order(order).status for order in (above, at_open, below, by_market)] == [
        OrderStatus.EXECUTED, OrderStatus.EXECUTED, OrderStatus.ONGOING, OrderStatus.EXECUTED,
    ]  # fmt: skip
    assert {(trade.price, trade.at) for trade in market.broker.trades()} == {(10000, ist(D, "09:12"))}
    market.to(D, "15:30")
    assert market.fills(below)[0].price == 9900


def test_a_sale_by_hand_takes_the_shares_of_a_resting_sell(floor) -> None:
    market = floor(listing("ACME", [QUIET, FALLS_FIRST]), at=ist(D, "09:15"))
    market.buy(10, 10000)
    resting = market.sell(10, 10500)
    market.broker.manual_trade("ACME", Side.SELL, 6, 9995)
    market.to(D, "15:30")
    assert [(trade.quantity, trade.price) for trade in market.fills(resting)] == [(4, 10500)]
    assert (market.order(resting).status, market.order(resting).filled_quantity) == (OrderStatus.CANCELLED, 4)
    assert market.broker.holdings() == ()


def test_minute_bars_take_the_place_of_the_daily_path(floor) -> None:
    stock = listing("ACME", [QUIET, FALLS_FIRST])
    stock.minutes[D] = [
        (0, 10000, 10000, 10000, 10000, 100),
        (300, 9500, 9500, 9400, 9500, 100),
        (301, 10600, 10900, 10600, 10600, 100),
    ]
    market = floor(stock, at=ist(D, "09:20"))
    order = market.buy(10, 9450)
    market.to(D, "14:14")
    assert market.order(order).status is OrderStatus.ONGOING
    assert market.broker.quotes(["ACME"])["ACME"].last_trade_at == ist(D, "09:15:59")
    market.to(D, "15:30")
    assert market.fills(order)[0].price == 9450
    assert ist(D, "14:15") <= market.fills(order)[0].at < ist(D, "14:16")


def test_without_a_bar_nothing_trades_and_the_day_order_ends(floor) -> None:
    market = floor(listing("ACME", [QUIET]), at=ist(D, "09:05"))
    order = market.buy(10, 10000)
    market.to(D, "10:00")
    assert market.broker.quotes(["ACME"]) == {}
    market.to(D, "16:00")
    assert (market.order(order).status, market.broker.trades()) == (OrderStatus.CANCELLED, ())


class TestParticipation:
    def test_a_resting_order_takes_its_part_of_each_minute(self, floor) -> None:
        market = floor(quiet("ACME", [BEFORE, D]), at=ist(D, "09:15"), participation=0.1)
        order = market.buy(250, 10000)
        market.to(D, "09:20")
        fills = market.fills(order)
        assert [(fill.quantity, fill.at) for fill in fills] == [
            (100, ist(D, "09:15")), (100, ist(D, "09:16")), (50, ist(D, "09:17")),
        ]  # fmt: skip

    def test_an_order_that_waited_keeps_its_limit_as_its_price(self, floor) -> None:
        market = floor(listing("ACME", [QUIET, FALLS_FIRST]), at=ist(D, "09:15"), participation=0.1)
        order = market.buy(300, 9700)
        market.to(D, "15:30")
        assert [(fill.quantity, fill.price) for fill in market.fills(order)] == [(100, 9700)] * 3
        assert [later.at - earlier.at for earlier, later in pairwise(market.fills(order))][1] == timedelta(minutes=1)

    def test_what_is_left_at_the_end_of_the_session_is_cancelled(self, floor) -> None:
        market = floor(quiet("ACME", [BEFORE, D]), at=ist(D, "15:28"), participation=0.1)
        order = market.buy(250, 10000)
        market.to(D, "15:31")
        report = market.order(order)
        assert (report.filled_quantity, report.status, report.reason) == (200, OrderStatus.CANCELLED, "day ended")
        assert market.broker.funds().blocked == 0

    def test_minute_bars_give_their_own_volume(self, floor) -> None:
        stock = listing("ACME", [QUIET, bar(D, 10000, 10000, 10000, 10000)])
        stock.minutes[D] = [(0, 10000, 10000, 10000, 10000, 500), (3, 10000, 10000, 10000, 10000, 2000)]
        market = floor(stock, at=ist(D, "09:15"), participation=0.1)
        order = market.buy(250, 10000)
        market.to(D, "15:31")
        assert [(fill.quantity, fill.at) for fill in market.fills(order)] == [(50, ist(D, "09:15")), (200, ist(D, "09:18"))]


prices = st.integers(1800, 2200).map(lambda ticks: ticks * 5)
moments = st.lists(st.integers(0, 7 * 3600 - 1), max_size=25).map(sorted)


@st.composite
def sessions_bars(draw: st.DrawFn) -> object:
    a, b, c, d = (draw(prices) for _ in range(4))
    return bar(D, a, max(a, b, c, d), min(a, b, c, d), d)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    day_bar=sessions_bars(),
    orders=st.lists(st.tuples(st.integers(0, 22_400), st.booleans(), prices, st.integers(1, 9)), max_size=5),
    asked=moments,
    participation=st.sampled_from([1.0, 0.000001]),
)
def test_settlement_does_not_depend_on_how_often_it_is_asked(floor, day_bar, orders, asked, participation) -> None:
    """The same orders at the same moments: asked at random moments in between, or only at the end of the session."""

    def run(extra: list[int]) -> tuple[object, ...]:
        market = floor(listing("ACME", [QUIET, day_bar]), at=ist(D, "09:15"), participation=participation)
        market.broker.manual_trade("ACME", Side.BUY, 100, day_bar.open)
        events = sorted([(second, 0, None) for second in extra] + [(order[0], 1, order) for order in orders], key=lambda e: e[:2])
        for second, _, order in events:
            market.clock.move_to(ist(D, "09:15") + timedelta(seconds=second))
            if order is None:
                market.broker.orders()
            else:
                (market.buy if order[1] else market.sell)(order[3], order[2])
        market.to(D, "16:30")
        return market.broker.orders(), market.broker.trades(), market.broker.funds(), market.broker.holdings()

    assert run([]) == run(asked)


week = st.integers(0, 7 * 24 * 60 - 1)
"""Minutes since Friday 16:00."""
attempts = st.lists(
    st.tuples(week, st.booleans(), st.booleans(), st.integers(1900, 2100).map(lambda ticks: ticks * 5), st.integers(1, 9)),
    max_size=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    day_bars=st.lists(st.tuples(prices, prices, prices, prices), min_size=5, max_size=5),
    orders=attempts,
    asked=st.lists(week, max_size=20),
)
def test_a_week_does_not_depend_on_how_often_it_is_asked(floor, day_bars, orders, asked) -> None:
    """After-market and regular orders, taken or refused, a dividend, a bonus and T+1, over a weekend and five sessions."""
    days = [D + timedelta(days) for days in range(5)]
    bars = [bar(day, a, max(a, b, c, d), min(a, b, c, d), d) for day, (a, b, c, d) in zip(days, day_bars, strict=True)]
    actions = [
        CorporateAction("ACME", days[2], ActionKind.DIVIDEND, dividend=135),
        CorporateAction("ACME", days[3], ActionKind.BONUS, Fraction(3, 2)),
    ]

    def run(extra: list[int]) -> tuple[object, ...]:
        market = floor(listing("ACME", [QUIET, *bars], actions=actions), at=ist(BEFORE, "15:00"))
        market.broker.manual_trade("ACME", Side.BUY, 101, 10000)
        events = [(minute, 0, None) for minute in extra] + [(order[0], 1, order) for order in orders]
        answers = []
        for minute, _, order in sorted(events, key=lambda event: event[:2]):
            market.clock.move_to(ist(BEFORE, "16:00") + timedelta(minutes=minute))
            if order is None:
                market.broker.funds()
                continue
            try:
                answers.append((market.buy if order[1] else market.sell)(order[4], order[3], amo=order[2]))
            except OrderRefused as refused:
                answers.append(refused.reason)
        market.to(days[4], "16:30")
        return answers, market.broker.orders(), market.broker.trades(), market.broker.statement(), market.broker.holdings()

    assert run([]) == run(asked)


def test_on_the_machines_clock_bars_that_arrive_late_are_noticed(floor) -> None:
    class WallClock(VirtualClock):
        virtual = False

    stock = listing("ACME", [QUIET])
    market = floor(stock, at=ist(D, "10:00"))
    broker = market.another_at(clock := WallClock(ist(D, "10:00")))
    broker.place(OrderRequest("T", "ACME", Side.BUY, 5, 9900))
    clock.move_to(ist(D, "10:10"))
    assert broker.trades() == ()
    stock.minutes[D] = [(54, 10000, 10000, 9950, 9950, 100), (55, 9950, 9950, 9850, 9900, 100)]
    clock.move_to(ist(D, "10:11"))
    assert [(trade.price, trade.at.minute) for trade in broker.trades()] == [(9900, 40)]
    assert broker.quotes(["ACME"])["ACME"].last == 9900
    broker.close()
    market.to(D, "10:11")
