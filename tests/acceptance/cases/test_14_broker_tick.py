"""Case 14: Kite's list of the day says that BRAVO trades in steps of 0.50."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.acceptance.cases.at_kite import OddHoldings, at_kite
from tests.integration.execution.conftest import trading
from tests.integration.tasks.test_buy import analysed, signal
from tests.support.hands import operate, result_of
from tests.support.trading import AFTER, DAYS, D, Trading, entry, stock
from tradectl.execution.orders import CommandStatus
from tradectl.lab.sandboxes.market import MarketListing
from tradectl.model.order import Side

__all__ = ["trading"]

LISTED = (Path(__file__).parent / "14-broker-tick" / "instruments.csv").read_text(encoding="utf-8")
CLOSE, FALLEN, LAST = 65500, 65000, 64670
"""With these 0.8 x EMA9 + 0.2 x last is 652.54: 652.55 by the exchange's tick of 0.05, 653.00 by a tick of 0.50."""


def bravo() -> MarketListing:
    """It closes at 655.00 each day, at 650.00 on D, and trades at 646.70 from then on."""
    days = dict.fromkeys(DAYS[DAYS.index(AFTER) :], (LAST,) * 4)
    return stock("BRAVO", price=CLOSE, on={D: (FALLEN,) * 4, **days})


@pytest.fixture
def held(trading: Callable[..., Trading]) -> Trading:
    """25 BRAVO, bought yesterday; it is 10:00, and the sell monitor has not run today."""
    market: Trading = trading(bravo(), stock("ALPHA"))
    market.buy(25, CLOSE, symbol="BRAVO")
    market.to(D, "18:00")
    market.run("eod")
    market.to(AFTER, "10:00")
    return market


@pytest.fixture
def kite(held: Trading) -> Iterator[OddHoldings]:
    with at_kite(held) as sandbox:
        sandbox.listed = LISTED
        yield sandbox


def step(market: Trading) -> int:
    return operate(market, "sell-monitor", "--once").code


def test_the_sell_is_on_the_tick_of_the_brokers_list(held: Trading, kite: OddHoldings) -> None:
    assert step(held) == 0
    assert [(form["tradingsymbol"], form["price"]) for form in kite.posted] == [("BRAVO", "653.00")]
    shown = [order for order in result_of(held, "orders", "list") if order["side"] == "SELL"]
    assert [order["price"] for order in shown] == ["653.00"]


def test_the_tick_of_tomorrows_list_counts_tomorrow(held: Trading, kite: OddHoldings) -> None:
    """A list is of one day: it is fetched anew, and yesterday's is not used again."""
    assert step(held) == 0
    kite.listed = LISTED.replace(",0.5,", ",0.1,")
    held.to(AFTER, "18:00")
    held.run("eod")
    following = DAYS[DAYS.index(AFTER) + 1]
    held.to(following, "10:00")
    with at_kite(held) as again:
        again.listed = kite.listed
        assert step(held) == 0
        (form,) = again.posted
    assert form["price"] == "651.40"


def test_a_symbol_that_the_list_lacks_stops_alone(held: Trading, kite: OddHoldings) -> None:
    """Nothing is sent for it and it is named; the list has no price for it either."""
    kite.listed = "256257,1001,BRAVO,BRAVO Limited,0,,0,0.5,1,EQ,NSE-GONE,NSE\n"
    step(held)
    held.to(AFTER, "10:03")
    said = operate(held, "sell-monitor", "--once")
    assert (said.code, kite.posted) == (11, [])
    what = "BRAVO: 25 of 25 shares have no live sell order (data missing): kite's list of the day does not have BRAVO"
    assert what in said.err
    result = held.trading(held.claim("test", AFTER)).path.place(entry(1, 65250, session=AFTER, symbol="BRAVO"))
    assert (result.status, "Kite does not list BRAVO on NSE today" in result.reason) == (CommandStatus.REFUSED, True)


def test_without_a_list_of_the_day_nothing_is_sent(held: Trading, kite: OddHoldings) -> None:
    kite.listed = "instrument_token,exchange_token,tradingsymbol\n"
    assert (step(held), kite.posted) == (6, [])


def test_on_paper_the_tick_is_the_exchanges(held: Trading) -> None:
    assert step(held) == 0
    assert [order["price"] for order in result_of(held, "orders", "list") if order["side"] == "SELL"] == ["652.55"]


@pytest.mark.parametrize(("tick", "price"), [("0.5", "658.00"), ("0.05", "658.25"), ("0.01", "658.25"), ("5", "655.00")])
def test_a_buy_is_rounded_down_to_the_brokers_tick(trading: Callable[..., Trading], tick: str, price: str) -> None:
    """The limit of the signal is 655.00 x 1.005 = 658.275: a buy never pays more."""
    market = trading(bravo())
    analysed(market, replace(signal("BRAVO", limit=65825), close=CLOSE))
    with at_kite(market) as kite:
        kite.listed = LISTED.replace(",0.5,", f",{tick},")
        assert operate(market, "buy").code == 0
        assert [form["price"] for form in kite.posted] == [price]


def test_a_price_off_the_tick_is_not_sent(held: Trading, kite: OddHoldings) -> None:
    """The last check is the adapter's: what was decided before the list was read is refused by name."""
    trading_session = held.trading(held.claim("test", AFTER))
    result = trading_session.path.place(entry(1, 65255, session=AFTER, symbol="BRAVO"))
    assert result.status is CommandStatus.REFUSED
    assert "price 652.55 is off the tick size at Kite, 0.50" in result.reason
    assert (kite.posted, [order.side for order in held.orders(Side.BUY, AFTER)]) == ([], [Side.BUY])
