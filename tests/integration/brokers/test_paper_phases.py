"""What may be done when: phases of ordinary sessions, of the closing auction, and the window of after-market orders."""

from datetime import date

import pytest

from tests.support.brokers.exchange import Floor, bar, ist, listing, quiet
from tradectl.errors import OrderRefused
from tradectl.model.moment import to_ist
from tradectl.model.order import OrderStatus, Side

D = date(2023, 7, 17)
DECEMBER = date(2026, 12, 4), date(2026, 12, 7), date(2026, 12, 8)
NEW = date(2026, 9, 15), date(2026, 9, 16), date(2026, 9, 17)


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        ("08:30", "closed"),
        ("09:08", "matched"),
        ("09:12", "about to open"),
        ("15:30", "closed"),
        ("15:39:59", "closed"),
        ("16:00", "closed"),
    ],
)
def test_a_regular_order_outside_the_phases_is_refused(floor, at, reason) -> None:
    market = floor(quiet("ACME", [D]), at=ist(D, at))
    with pytest.raises(OrderRefused, match=reason) as refused:
        market.buy(1, 10000)
    assert refused.value.code == "phase"
    assert market.broker.orders() == ()


@pytest.mark.parametrize("at", ["09:00", "09:07:59", "09:15", "15:29:59", "15:40", "15:59:59"])
def test_a_regular_order_inside_the_phases_is_taken(floor, at) -> None:
    market = floor(quiet("ACME", [D]), at=ist(D, at))
    assert market.order(market.buy(1, 10000)).status in {OrderStatus.ONGOING, OrderStatus.EXECUTED}


@pytest.mark.parametrize(
    ("at", "open_"), [("08:57:59", True), ("08:58", False), ("12:00", False), ("15:59:59", False), ("16:00", True)]
)
def test_after_market_orders_are_taken_from_16_00_to_08_58(floor, at, open_) -> None:
    market = floor(quiet("ACME", [date(2023, 7, 14), D]), at=ist(D, at))
    if open_:
        assert market.order(market.buy(1, 10000, amo=True)).status is OrderStatus.PENDING
    else:
        with pytest.raises(OrderRefused, match="after market"):
            market.buy(1, 10000, amo=True)


def test_amos_are_taken_all_day_without_a_session(floor) -> None:
    market = floor(quiet("ACME", [date(2023, 7, 14), D]), at=ist(date(2023, 7, 15), "12:00"))
    assert market.order(market.buy(1, 10000, amo=True)).status is OrderStatus.PENDING


def test_market_orders_are_refused_in_the_limit_only_part(floor) -> None:
    market = floor(quiet("ACME", NEW), at=ist(NEW[1], "09:04"))
    first = market.buy(1, 0)
    market.to(NEW[1], "09:05")
    with pytest.raises(OrderRefused, match="Market orders are currently not allowed"):
        market.buy(1, 0)
    with pytest.raises(OrderRefused, match="Market orders are currently not allowed"):
        market.broker.cancel(first)
    assert market.order(market.buy(1, 10000)).status is OrderStatus.ONGOING


class TestClosingAuction:
    """Stocks with derivatives since 2026-08-03: continuous to 15:15, then one match at the official close."""

    @pytest.fixture
    def market(self, floor) -> Floor:
        bars = [bar(NEW[0], 10000, 10000, 10000, 10000), bar(NEW[1], 10000, 10200, 9900, 10100)]
        minutes = [(m, 10000, 10000, 10000, 10000, 1000) for m in range(360)]
        stock = listing("ACME", bars, closing_auction=True, derivatives=True)
        stock.minutes[NEW[1]] = minutes
        return floor(stock, at=ist(NEW[1], "15:00"))

    def test_nothing_is_taken_while_the_reference_is_computed(self, market) -> None:
        resting = market.buy(10, 9990)
        market.to(NEW[1], "15:15")
        for command in (
            lambda: market.buy(1, 10000),
            lambda: market.broker.cancel(resting),
            lambda: market.broker.modify(resting, quantity=5, price=9990),
        ):
            with pytest.raises(OrderRefused, match="reference price"):
                command()

    def test_a_resting_order_fills_at_the_official_close(self, market) -> None:
        market.buy(10, 10050)
        resting = market.sell(10, 10050)
        market.to(NEW[1], "15:34:59")
        assert market.order(resting).status is OrderStatus.ONGOING
        market.to(NEW[1], "15:36")
        (trade,) = market.fills(resting)
        assert (trade.price, trade.at) == (10100, ist(NEW[1], "15:35"))

    def test_an_order_far_from_the_reference_is_dropped(self, market) -> None:
        far, near = market.buy(10, 9600), market.buy(10, 9900)
        market.to(NEW[1], "15:36")
        assert market.order(far).reason == "outside the closing auction's price band"
        assert market.order(far).updated_at == ist(NEW[1], "15:20")
        assert (market.order(near).reason, market.order(near).updated_at) == ("day ended", ist(NEW[1], "15:35"))

    def test_new_orders_in_the_auction_must_be_near_the_reference(self, market) -> None:
        market.to(NEW[1], "15:21")
        with pytest.raises(OrderRefused, match="closing auction's price band"):
            market.buy(1, 10400)
        taken, by_market = market.buy(1, 10100), market.buy(2, 0)
        market.to(NEW[1], "15:26")
        with pytest.raises(OrderRefused, match="Market orders"):
            market.broker.cancel(by_market)
        market.to(NEW[1], "15:36")
        assert [market.fills(order)[0].price for order in (taken, by_market)] == [10100, 10100]

    def test_the_quote_shows_the_close_only_after_the_match(self, market) -> None:
        market.to(NEW[1], "15:34")
        assert market.broker.quotes(["ACME"])["ACME"].last == 10000
        market.to(NEW[1], "15:35")
        quote = market.broker.quotes(["ACME"])["ACME"]
        assert (quote.last, quote.high, quote.low) == (10100, 10200, 9900)
        assert quote.last_trade_at == ist(NEW[1], "15:35")


class TestClosingAuctionSinceDecember2026:
    """The same stocks since 2026-12-07: continuous to 15:30, reference to 15:31, entry to 15:40, then the match."""

    @pytest.fixture
    def market(self, floor) -> Floor:
        bars = [bar(day, 10000, 10000, 10000, 10000) for day in DECEMBER]
        bars[1] = bar(DECEMBER[1], 10000, 10200, 9900, 10100)
        stock = listing("ACME", bars, closing_auction=True, derivatives=True)
        stock.minutes[DECEMBER[1]] = [(m, 10000, 10000, 10000, 10000, 1000) for m in range(375)]
        return floor(stock, at=ist(DECEMBER[1], "15:00"))

    def test_orders_are_taken_and_changed_to_half_past_three(self, market) -> None:
        resting = market.buy(10, 9990)
        market.to(DECEMBER[1], "15:29:59")
        market.broker.modify(resting, quantity=5, price=9985)
        market.to(DECEMBER[1], "15:30")
        with pytest.raises(OrderRefused, match="reference price"):
            market.broker.cancel(resting)
        market.to(DECEMBER[1], "15:31")
        market.broker.cancel(resting)
        market.buy(1, 0)
        market.to(DECEMBER[1], "15:36")
        with pytest.raises(OrderRefused, match="Market orders"):
            market.buy(1, 0)

    def test_a_resting_sell_fills_at_the_official_close_after_15_40(self, market) -> None:
        market.buy(10, 10050)
        resting = market.sell(10, 10050)
        market.to(DECEMBER[1], "15:40")
        assert market.order(resting).status is OrderStatus.ONGOING
        market.to(DECEMBER[1], "15:46")
        (trade,) = market.fills(resting)
        assert (trade.price, trade.at) == (10100, ist(DECEMBER[1], "15:45"))

    def test_the_minutes_to_half_past_three_are_traded(self, market) -> None:
        stock = market.market._listings["ACME"]
        stock.minutes[DECEMBER[2]] = [(m, 10000, 10000, 10000, 10000, 1000) for m in range(370)]
        stock.minutes[DECEMBER[2]] += [(m, 10050, 10100, 10050, 10050, 1000) for m in range(370, 375)]
        market.buy(10, 10050)
        market.to(DECEMBER[2], "15:00")
        sell = market.sell(10, 10080)
        market.to(DECEMBER[2], "15:30")
        assert [to_ist(trade.at).strftime("%H:%M") for trade in market.fills(sell)] == ["15:25"]


def test_the_post_close_session_trades_at_the_close(floor) -> None:
    market = floor(listing("ACME", [bar(D, 10000, 10200, 9900, 10100)]), at=ist(D, "15:45"))
    by_limit, by_market, low = market.buy(5, 10105), market.buy(5, 0), market.buy(5, 10000)
    assert [market.fills(order)[0].price for order in (by_limit, by_market)] == [10100, 10100]
    market.to(D, "16:01")
    assert (market.order(low).status, market.order(low).reason) == (OrderStatus.CANCELLED, "day ended")


def test_day_orders_end_with_the_session(floor) -> None:
    market = floor(quiet("ACME", [D]), at=ist(D, "10:00"))
    order = market.buy(5, 9900)
    market.to(D, "15:30")
    assert (market.order(order).status, market.order(order).reason) == (OrderStatus.CANCELLED, "day ended")
    assert market.order(order).updated_at == ist(D, "15:30")
    assert market.broker.funds().blocked == 0


def test_a_drill_trades_in_both_parts_and_in_neither_between(floor) -> None:
    drill = date(2024, 3, 2)
    stock = listing("ACME", [bar(date(2024, 3, 1), 10000, 10000, 10000, 10000), bar(drill, 10000, 10500, 9900, 10400)])
    market = floor(stock, at=ist(drill, "09:30"))
    early, late = market.buy(5, 9950), market.buy(5, 9800)
    market.to(drill, "10:30")
    with pytest.raises(OrderRefused):
        market.buy(1, 10000)
    market.to(drill, "12:00")
    assert len(market.fills(early)) == 1
    assert ist(drill, "09:30") < market.fills(early)[0].at <= ist(drill, "10:00")
    market.to(drill, "12:31")
    assert market.order(late).status is OrderStatus.CANCELLED


def test_a_trade_by_hand_needs_a_phase_that_trades(floor) -> None:
    market = floor(quiet("ACME", [date(2023, 7, 14), D]), at=ist(D, "09:05"))
    with pytest.raises(OrderRefused, match="no order trades immediately"):
        market.broker.manual_trade("ACME", Side.BUY, 5, 10000)
    market.to(D, "10:00")
    order = market.broker.manual_trade("ACME", Side.BUY, 5, 10010)
    assert (market.order(order).tag, market.fills(order)[0].price) == (None, 10010)
    with pytest.raises(OrderRefused, match="circuit"):
        market.broker.manual_trade("ACME", Side.BUY, 5, 20000)
