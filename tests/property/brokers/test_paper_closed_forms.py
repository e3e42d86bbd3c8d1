"""A sell that follows the live EMA9 target every minute ends where strategy.md's closed forms say, to the paisa."""

from datetime import date

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.brokers.exchange import bar, ist, listing
from tradectl.model.order import Side
from tradectl.strategy.exits import target_price
from tradectl.strategy.parameters import Parameters

BEFORE, D = date(2023, 7, 14), date(2023, 7, 17)
PARAMETERS = Parameters()
prices = st.integers(1900, 2100).map(lambda ticks: ticks * 5)


def closed_form(opened: int, high: int, low: int, close: int, level: float) -> int | None:
    """Strategy.md, Backtest and simulation: the price at which the target sells, None where it does not."""
    at_open, at_low = (target_price(level, price, 5, PARAMETERS) for price in (opened, low))
    if opened >= at_open:
        return opened
    if opened - low <= high - opened:
        return at_low if high >= at_low else None
    if high >= at_open:
        return at_open
    return at_low if close >= at_low else None


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(corners=st.tuples(prices, prices, prices, prices), level=st.integers(9500, 10600))
def test_a_followed_target_sells_where_the_closed_form_says(floor, corners, level) -> None:
    opened, high, low, close = corners[0], max(corners), min(corners), corners[3]
    ema = level / 100
    market = floor(listing("ACME", [bar(BEFORE, *[10000] * 4), bar(D, opened, high, low, close)]), at=ist(BEFORE, "10:00"))
    market.broker.manual_trade("ACME", Side.BUY, 10, 10000)
    market.to(D, "09:15")
    resting, order, changes = 0, "", 0
    while market.clock.now() < ist(D, "15:30"):
        last = market.broker.quotes(["ACME"])["ACME"].last
        target = target_price(ema, last, 5, PARAMETERS)
        if not order:
            order, resting = market.sell(10, target), target
        elif target < resting and market.broker.holdings():
            if changes == 25:
                market.broker.cancel(order)
                order, changes = market.sell(10, target), 0
            else:
                market.broker.modify(order, quantity=10, price=target)
                changes += 1
            resting = target
        market.clock.sleep(60)
    sold = [trade.price for trade in market.broker.trades() if trade.side is Side.SELL]
    expected = closed_form(opened, high, low, close, ema)
    assert sold == ([] if expected is None else [expected])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(corners=st.tuples(prices, prices, prices, prices), limit=prices)
def test_an_entry_buys_at_the_open_or_at_its_limit(floor, corners, limit) -> None:
    opened, high, low, close = corners[0], max(corners), min(corners), corners[3]
    market = floor(listing("ACME", [bar(BEFORE, *[10000] * 4), bar(D, opened, high, low, close)]), at=ist(BEFORE, "16:05"))
    order = market.buy(10, limit, amo=True)
    market.to(D, "15:30")
    expected = [opened] if opened <= limit else [limit] if low <= limit else []
    assert [trade.price for trade in market.fills(order)] == expected
