"""A whole day on paper without a broker: the tasks in their order, on a virtual clock, with prices from a Yahoo on the loopback.

The share opens at 95, falls to 93 by noon and rises to 99.50 by half past two; all of it is known a quarter of an hour later.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tests.integration.marketdata.sources.charts import Share, chart
from tests.integration.marketdata.sources.conftest import HASTY
from tests.support.loopback import NOTHING, Reply, Site, site
from tests.support.trading import SESSIONS, D, T, Trading, ist, stock
from tradectl.brokers.paper import PaperBroker
from tradectl.marketdata.sources import delayed
from tradectl.marketdata.sources.delayed import DELAY, YahooQuotes
from tradectl.model.moment import at_ist, to_ist
from tradectl.model.order import OrderStatus, Side

CORNERS = ((555, 95.0), (720, 93.0), (870, 99.5), (930, 99.5))
"""Minutes after midnight in India, and the price then."""


def price_at(moment: datetime) -> float:
    """The price in Yahoo's digits: straight lines between the corners, on the tick."""
    minute = to_ist(moment).hour * 60 + to_ist(moment).minute
    for (start, low), (end, high) in pairwise(CORNERS):
        if start <= minute <= end:
            return round((low + (high - low) * (minute - start) / (end - start)) / 0.05) * 5 / 100
    return CORNERS[-1][1]


class Delayed(Trading):
    """A trading world whose market is stored up to the evening of T; on D there is only Yahoo."""

    yahoo: Site

    def _broker(self) -> PaperBroker:
        prices = YahooQuotes(self.yahoo.url, self.folder / "yahoo", self.clock)
        self.yahoo.now = self._answer
        return PaperBroker(self.folder / "paper.db", "asha", self.clock, self.market, SESSIONS, durable=False, prices=prices)

    def _answer(self, path: str) -> Reply | None:
        """What Yahoo says now: Friday's bar, and of today what happened until a quarter of an hour ago."""
        if "chart" not in path:
            return None
        if "ACME" not in path:
            return NOTHING
        seen, opened = self.clock.now() - DELAY, at_ist(D, time(9, 15))
        last_of = max(day for day in (T, D) if at_ist(day, time(9, 15)) <= seen)
        if last_of == T:
            return chart(Share("ACME", {T: (100.0, 100.0, 100.0, 100.0, 375_000)}))
        seen = min(seen, at_ist(D, time(15, 29, 59)))
        minutes = range(int((seen - opened).total_seconds()) // 60 + 1)
        prices = [price_at(opened + timedelta(minutes=minute)) for minute in minutes]
        row = (95.0, max(prices), min(prices), prices[-1], 1000 * len(prices))
        return chart(Share("ACME", {T: (100.0, 100.0, 100.0, 100.0, 375_000), D: row}, last=(seen, prices[-1])))


@pytest.fixture
def day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Delayed]:
    monkeypatch.setattr(delayed, "QUOTE_LIMITS", HASTY)
    listing = stock()
    listing.bars = [bar for bar in listing.bars if bar.session <= T]
    with site() as opened:
        opened.otherwise = Reply(200, b"crumb")
        Delayed.yahoo = opened
        world = Delayed(tmp_path, listing, min_bars="2")
        yield world
        assert world.broker.statement().difference == 0
        world.broker.close()
        world.ledger.database.close()


def test_it_buys_at_the_open_and_sells_at_the_target(day: Delayed) -> None:
    day.buy(100, 9600)
    day.to(D, "09:05")
    adjusted = day.run("amo-adjust")
    assert (adjusted.outcome, adjusted.result["total"], adjusted.result["price_unavailable"]) == ("completed", 1, 1)
    day.to(D, "09:15")
    assert day.run("sell-monitor", every=300, until=ist(D, "14:40")).outcome == "completed"
    (bought,) = (trade for trade in day.broker.trades() if trade.side is Side.BUY)
    (sold,) = (trade for trade in day.broker.trades() if trade.side is Side.SELL)
    assert (bought.price, bought.quantity) == (9500, 100)
    assert (sold.price, sold.quantity) == (9860, 100)
    assert ist(D, "14:25") <= sold.at <= ist(D, "14:40")
    assert day.positions == ()
    day.to(D, "16:00")
    quote = day.broker.quotes(["ACME"])["ACME"]
    assert (quote.last, quote.open, quote.low, quote.at) == (9950, 9500, 9300, ist(D, "15:29:59"))
    assert day.run("analyze").outcome == "completed"
    day.to(D, "18:00")
    assert day.run("eod").result["mismatches"] == 0


def test_before_the_first_delayed_price_nothing_changes(day: Delayed) -> None:
    """Until half past nine Yahoo still shows yesterday: too old even for a delayed source."""
    day.buy(100, 9600)
    day.to(D, "09:15")
    day.run("sell-monitor", every=60, until=ist(D, "09:29"))
    assert day.orders(Side.SELL) == []
    day.to(D, "09:31")
    day.run("sell-monitor", every=60, until=ist(D, "09:32"))
    assert [order.status for order in day.orders(Side.SELL)] == [OrderStatus.ONGOING]
