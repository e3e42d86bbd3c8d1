"""What the paper exchange refuses, that a refusal leaves no trace, and that everything but missing funds is final."""

from datetime import date

import pytest

from tests.support.brokers.exchange import Floor, bar, ist, listing, quiet
from tradectl.errors import OrderRefused
from tradectl.model.order import OrderRequest, OrderStatus, OrderType, Side

DAYS = [date(2023, 7, day) for day in (14, 17, 18)]
D = DAYS[1]


@pytest.fixture
def market(floor) -> Floor:
    return floor(
        quiet("ACME", DAYS), quiet("TFT", DAYS, series="BE"), quiet("FUTURE", DAYS, derivatives=True), at=ist(D, "10:00")
    )


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        (("NONE", Side.BUY, 1, 10000), "unknown_symbol", "unknown symbol NONE"),
        (("ACME", Side.BUY, 0, 10000), "quantity", "more than zero"),
        (("ACME", Side.BUY, -5, 10000), "quantity", "more than zero"),
        (("ACME", Side.BUY, 1, 10001), "tick", "price is not a multiple of the tick size 0.05"),
        (("ACME", Side.BUY, 1, -5), "price", "more than zero"),
        (("ACME", Side.BUY, 1, 12005), "band", "RMS:Rule: Check circuit limit: 120.05 is outside 80.00 to 120.00"),
        (("ACME", Side.BUY, 1, 7995), "band", "RMS:Rule: Check circuit limit"),
        (("ACME", Side.SELL, 1, 10000), "holdings", "insufficient holdings: 0 may be sold, 1 ordered"),
    ],
)
def test_an_unsound_order_is_refused_with_its_reason(market, request_, code, words) -> None:
    before = market.broker.orders()
    with pytest.raises(OrderRefused, match=words) as refused:
        market.broker.place(OrderRequest("T", *request_))
    assert (refused.value.code, refused.value.passing) == (code, False)
    assert market.broker.orders() is before
    assert market.broker.funds().blocked == 0


def test_a_market_order_with_a_price_is_refused(market) -> None:
    with pytest.raises(OrderRefused, match="has no price"):
        market.broker.place(OrderRequest("T", "ACME", Side.BUY, 1, 10000, OrderType.MARKET))


def test_stocks_with_derivatives_have_no_fixed_band(market) -> None:
    assert market.order(market.buy(1, 13000, "FUTURE")).status is OrderStatus.EXECUTED


def test_resting_sells_count_against_what_may_be_sold(market) -> None:
    market.buy(10, 10000)
    resting = market.sell(7, 10500)
    with pytest.raises(OrderRefused, match="3 may be sold, 4 ordered"):
        market.sell(4, 10500)
    with pytest.raises(OrderRefused, match="10 may be sold, 11 ordered"):
        market.broker.modify(resting, quantity=11, price=10500)
    market.broker.modify(resting, quantity=10, price=10400)
    with pytest.raises(OrderRefused, match="0 may be sold"):
        market.sell(1, 10400)


def test_a_tag_is_taken_once_a_day(market) -> None:
    first = market.buy(1, 9900, tag="SAME")
    market.broker.cancel(first)
    with pytest.raises(OrderRefused, match="Client OrderID already exists: SAME") as refused:
        market.buy(1, 9900, tag="SAME")
    assert refused.value.code == "repeated_tag"
    market.to(D, "17:00")
    with pytest.raises(OrderRefused, match="already exists"):
        market.buy(1, 9900, tag="SAME", amo=True)
    market.to(DAYS[2], "10:00")
    market.buy(1, 9900, tag="SAME")


def test_the_tag_of_a_refused_order_is_free(market) -> None:
    with pytest.raises(OrderRefused):
        market.buy(1, 9999, tag="SAME")
    market.buy(1, 9995, tag="SAME")


def test_the_tag_of_a_waiting_order_is_taken_on_any_day(floor) -> None:
    market = floor(quiet("ACME", DAYS), at=ist(DAYS[0], "16:30"))
    market.buy(1, 9900, tag="SAME", amo=True)
    market.to(date(2023, 7, 16), "12:00")
    with pytest.raises(OrderRefused, match="already exists"):
        market.buy(1, 9900, tag="SAME", amo=True)


def test_trade_for_trade_shares_are_not_sold_the_same_day(market) -> None:
    market.buy(10, 10000, "TFT")
    assert market.broker.holdings()[0].sellable == 0
    with pytest.raises(OrderRefused, match="trade-for-trade") as refused:
        market.sell(10, 10000, "TFT")
    assert refused.value.code == "trade_for_trade"
    market.to(DAYS[2], "10:00")
    assert market.order(market.sell(10, 10000, "TFT")).status is OrderStatus.EXECUTED


@pytest.mark.parametrize("command", ["modify", "cancel"])
def test_a_finished_or_unknown_order_cannot_be_changed(market, command) -> None:
    def call(order: str) -> None:
        if command == "modify":
            market.broker.modify(order, quantity=2, price=9900)
        else:
            market.broker.cancel(order)

    done = market.buy(1, 10000)
    with pytest.raises(OrderRefused, match="is EXECUTED") as refused:
        call(done)
    assert refused.value.code == "finished"
    with pytest.raises(OrderRefused, match="not known"):
        call("asha-20230717-9999")


def test_the_26th_modification_is_refused(market) -> None:
    order = market.buy(1, 9000)
    for step in range(25):
        market.broker.modify(order, quantity=1, price=9005 + 5 * step)
    with pytest.raises(OrderRefused, match="modifications exceeded") as refused:
        market.broker.modify(order, quantity=1, price=9500)
    assert refused.value.code == "modifications"
    assert market.order(order).price == 9125
    market.broker.cancel(order)


def test_a_modification_is_checked_like_a_new_order(market) -> None:
    order = market.buy(10, 9900)
    for quantity, price, words in ((10, 9901, "tick size"), (0, 9900, "zero"), (10, 5000, "circuit"), (10**9, 9900, "Margin")):
        with pytest.raises(OrderRefused, match=words):
            market.broker.modify(order, quantity=quantity, price=price)
    assert (market.order(order).quantity, market.order(order).price) == (10, 9900)


def test_a_part_filled_order_is_not_made_smaller_than_filled(floor) -> None:
    market = floor(quiet("ACME", DAYS), at=ist(D, "10:00"), participation=0.01)
    order = market.buy(50, 10000)
    assert market.order(order).filled_quantity == 10
    with pytest.raises(OrderRefused, match="10 shares are filled"):
        market.broker.modify(order, quantity=10, price=10000)
    market.broker.modify(order, quantity=15, price=10000)
    market.to(D, "10:02")
    assert (market.order(order).status, market.order(order).filled_quantity) == (OrderStatus.EXECUTED, 15)


def test_settlement_stays_where_the_next_command_is_refused(floor) -> None:
    falls = bar(D, 10000, 10900, 9400, 10600)
    market = floor(listing("ACME", [bar(DAYS[0], *[10000] * 4), falls]), at=ist(D, "09:15"))
    order = market.buy(10, 9700)
    market.to(D, "12:00")
    with pytest.raises(OrderRefused):
        market.sell(11, 9700)
    other = market.another()
    assert [trade.broker_order_id for trade in other.trades()] == [order]
    other.close()
