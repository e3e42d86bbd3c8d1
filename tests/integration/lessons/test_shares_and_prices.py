"""What is ours and what it is worth: holdings alone close nothing, and an old price changes nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.support.afar import Front, put
from tests.support.trading import D, stock
from tradectl.model.order import Side

FALLS = {D: (9500, 9600, 9300, 9400)}


def test_shares_that_the_depository_does_not_show_yet_stay_ours(trading) -> None:
    """What was bought today is in the trades, not yet in the holdings: nobody sold it by hand."""

    class Slow(Front):
        def holdings(self):
            return ()

    market = trading(stock(on=FALLS))
    market.buy(100, 9600)
    put(market, Slow(market.broker))
    market.to(D, "09:15")
    market.monitor(D, "15:00")
    assert [position.quantity for position in market.positions] == [100]
    assert market.orders(Side.SELL) == [], "never more than the broker lets us sell"
    market.to(D, "18:00")
    report = market.run("eod")
    assert (report.exit_code, report.result["mismatches"]) == (0, 1)
    assert [position.quantity for position in market.positions] == [100]


@pytest.mark.parametrize(("age", "sells"), [(60, 1), (121, 0), (15 * 60, 0)])
def test_an_old_price_changes_nothing(trading, age: int, sells: int) -> None:
    class Delayed(Front):
        def quotes(self, symbols):
            old = timedelta(seconds=age)
            return {symbol: replace(quote, at=quote.at - old) for symbol, quote in self.exchange.quotes(symbols).items()}

    market = trading(stock(on=FALLS))
    market.buy(100, 9600)
    put(market, Delayed(market.broker))
    market.to(D, "10:00")
    report = market.run("sell-monitor", once=True)
    assert report.exit_code == (0 if sells else 11), "a position without a sell is named"
    assert len(market.orders(Side.SELL)) == sells
    assert [position.quantity for position in market.positions] == [100]
