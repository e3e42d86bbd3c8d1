"""The monitor, the guard and the provisional bar around the closing auction, on the dates on which its hours change."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.brokers.market import MarketListing
from tests.support.trading import SESSIONS, Trading, ist
from tradectl.brokers.account.guard import GuardedBroker
from tradectl.errors import OrderRefused
from tradectl.execution import unprotected_findings
from tradectl.execution.session_close import day_bar
from tradectl.model.market import Bar, Instrument, Quote
from tradectl.model.moment import to_ist
from tradectl.model.order import OrderStatus, Side
from tradectl.runtime.exposure import unprotected_now

FRIDAY, MONDAY = date(2026, 12, 4), date(2026, 12, 7)
DAYS = [session.date for session in SESSIONS.run_between(date(2026, 10, 19), date(2026, 12, 8))]


def share(*, auction: bool = True, known: bool = True) -> MarketListing:
    """A share that falls from 96 to 81 over each of the two days, so that its target is lowered all day."""
    bars = [Bar(day, 10000, 10000, 10000, 10000, 375_000) for day in DAYS]
    for day in (FRIDAY, MONDAY):
        bars[DAYS.index(day)] = Bar(day, 9600, 9600, 8100, 8100, 375_000)
    instrument = Instrument(
        "ACME", "ACME", "EQ", "INEACME", 5, closing_auction=auction, derivatives=auction, derivatives_known=known
    )
    falling = [(minute, price := 9600 - 4 * minute, price, price, price, 1000) for minute in range(375)]
    return MarketListing(instrument, bars, minutes={FRIDAY: falling, MONDAY: falling})


def flat(day: date) -> MarketListing:
    """A share that falls by a tenth at the open and stays there, so that its target is outside the auction's band."""
    listing = share()
    listing.bars[DAYS.index(day)] = Bar(day, 9000, 9000, 9000, 9000, 375_000)
    listing.minutes[day] = [(minute, 9000, 9000, 9000, 9000, 1000) for minute in range(375)]
    return listing


def rising_in_the_auction() -> MarketListing:
    """A share that stays at 97.50 on Monday and closes at 100.40 in the auction, above its target."""
    listing = share()
    listing.bars[DAYS.index(FRIDAY)] = Bar(FRIDAY, 10000, 10000, 10000, 10000, 375_000)
    listing.bars[DAYS.index(MONDAY)] = Bar(MONDAY, 9750, 10040, 9750, 10040, 375_000)
    listing.minutes[MONDAY] = [(minute, 9750, 9750, 9750, 9750, 1000) for minute in range(375)]
    return listing


@pytest.fixture
def trading(tmp_path: Path):
    opened: list[Trading] = []

    def make(listing: MarketListing, day: date) -> Trading:
        evening = ist(DAYS[DAYS.index(day) - 1], "16:30")
        folder = tmp_path / str(len(opened))
        folder.mkdir()
        market = Trading(folder, listing, at=evening, min_bars="2")
        opened.append(market)
        return market

    yield make
    for market in opened:
        market.broker.close()
        market.ledger.database.close()


def changes_of(market: Trading, day: date) -> list[str]:
    """The moments at which the sell of the day was changed last, minute by minute."""
    seen: dict[int, datetime] = {}
    moments = []
    session = SESSIONS.session(day)
    assert session is not None
    at = session.open_at()
    while at <= session.last_fill_at():
        market.clock.move_to(at)
        market.run("sell-monitor", once=True)
        for order in market.orders(Side.SELL, day):
            if seen.get(order.id) != order.price:
                moments.append(f"{to_ist(at):%H:%M}")
            seen[order.id] = order.price
        at += timedelta(minutes=1)
    return moments


@pytest.mark.parametrize(
    ("day", "auction", "known", "last"),
    [
        (FRIDAY, True, True, "15:14"),
        (FRIDAY, False, True, "15:29"),
        (FRIDAY, False, False, "15:14"),
        (MONDAY, True, True, "15:29"),
        (MONDAY, False, True, "15:29"),
        (MONDAY, False, False, "15:29"),
    ],
)
def test_a_sell_is_changed_to_the_end_of_continuous_trading(trading, day, auction, known, last) -> None:
    market = trading(share(auction=auction, known=known), day)
    market.buy(10, 9700, session=day)
    moments = changes_of(market, day)
    assert last >= moments[-1] >= f"15:{int(last[3:]) - 9:02}"
    assert len(moments) > 3


@pytest.mark.parametrize(
    ("day", "clock", "refused"),
    [
        (FRIDAY, "15:14", False),
        (FRIDAY, "15:16", True),
        (MONDAY, "15:16", False),
        (MONDAY, "15:29", False),
        (MONDAY, "15:30", True),
        (MONDAY, "15:41", True),
    ],
)
def test_a_stock_of_unknown_kind_is_bound_by_the_hours_of_both(trading, day, clock, refused) -> None:
    class Armed:
        def since(self) -> datetime:
            return ist(day, "09:00")

    market = trading(share(auction=False, known=False), day)
    order = market.buy(10, 8050, session=day)
    market.to(day, "10:00")
    guarded = GuardedBroker(market.broker, Armed(), market.clock, SESSIONS, market.market, marker=market.marker)
    guarded.orders()
    market.to(day, clock)
    live = market.ledger.book.order(order.id)
    if refused:
        with pytest.raises(OrderRefused, match="orders are not accepted now"):
            guarded.modify(live.broker_order_id, quantity=9, price=8050)
    else:
        guarded.modify(live.broker_order_id, quantity=9, price=8050)


@pytest.mark.parametrize(
    ("day", "auction", "known", "traded", "found"),
    [
        (FRIDAY, True, True, "15:14:59", False),
        (FRIDAY, True, True, "15:28:30", True),
        (FRIDAY, True, True, "15:31", True),
        (FRIDAY, False, True, "15:10", True),
        (FRIDAY, False, False, "15:14:59", False),
        (FRIDAY, False, False, "15:16", True),
        (MONDAY, True, True, "15:29:59", False),
        (MONDAY, True, True, "15:31", False),
        (MONDAY, True, True, "15:38:01", True),
        (MONDAY, False, True, "15:29:59", True),
        (MONDAY, False, False, "15:29:59", False),
        (MONDAY, False, False, "15:38:01", True),
    ],
)
def test_the_last_price_is_the_close_after_the_auction(day, auction, known, traded, found) -> None:
    instrument = share(auction=auction, known=known).instrument
    quote = Quote(
        "ACME", 9000, ist(day, "16:00"), "test", last_trade_at=ist(day, traded), open=9600, high=9600, low=9000, volume=9
    )
    session = SESSIONS.session(day)
    assert session is not None
    assert (day_bar(quote, instrument, session) is not None) is found


def test_a_sell_resting_at_the_end_fills_in_the_auction(trading) -> None:
    market = trading(rising_in_the_auction(), MONDAY)
    market.buy(10, 9800, session=MONDAY)
    market.to(MONDAY, "09:15")
    report = market.run("sell-monitor")
    assert report.exit_code == 0
    (sell,) = market.orders(Side.SELL, MONDAY)
    assert f"{to_ist(market.clock.now()):%H:%M}" == "15:46"
    assert sell.status is OrderStatus.EXECUTED
    (fill,) = [row for row in market.ledger.book.fills(session=MONDAY, ours=True) if row.side == Side.SELL]
    assert (fill.price, f"{to_ist(fill.at):%H:%M}") == (10040, "15:45")
    assert market.positions == ()


@pytest.mark.parametrize("day", [FRIDAY, MONDAY])
def test_a_sell_outside_the_auction_band_is_no_finding(trading, day: date) -> None:
    """The exchange ends it at the reference price; the position has nothing to trade with until the next session."""
    market = trading(flat(day), day)
    market.buy(10, 9700, session=day)
    codes = []
    for minute in range(10, 47):
        market.to(day, f"15:{minute}")
        codes.append(market.run("sell-monitor", once=True).exit_code)
        assert unprotected_now(market.world) == ()
    (sell,) = market.orders(Side.SELL, day)
    assert (sell.status, "closing auction" in sell.reason) == (OrderStatus.CANCELLED, True)
    assert (set(codes), unprotected_findings.load(market.ledger, day)) == ({0}, {})


def test_a_sell_cancelled_before_the_auction_is_named(trading) -> None:
    """A cancel in the broker's app in the last minute of continuous trading is not the exchange's rule."""
    market = trading(flat(FRIDAY), FRIDAY)
    market.buy(10, 9700, session=FRIDAY)
    market.to(FRIDAY, "15:14")
    market.run("sell-monitor", once=True)
    (sell,) = (order for order in market.broker.orders() if order.side is Side.SELL)
    market.broker.cancel(sell.broker_order_id)
    codes = []
    for minute in range(15, 27):
        market.to(FRIDAY, f"15:{minute}")
        codes.append(market.run("sell-monitor", once=True).exit_code)
    assert codes[2:] == [11] * 10
    assert [item.cause for item in unprotected_findings.load(market.ledger, FRIDAY).values()] == ["auction"]


def test_a_sell_cancelled_during_the_auction_is_named(trading) -> None:
    """Its limit is inside the auction's band, so it might have traded there."""
    market = trading(rising_in_the_auction(), MONDAY)
    market.buy(10, 9800, session=MONDAY)
    market.to(MONDAY, "15:29")
    market.run("sell-monitor", once=True)
    market.to(MONDAY, "15:32")
    (sell,) = (order for order in market.broker.orders() if order.side is Side.SELL)
    market.broker.cancel(sell.broker_order_id)
    codes = []
    for minute in range(33, 41):
        market.to(MONDAY, f"15:{minute}")
        codes.append(market.run("sell-monitor", once=True).exit_code)
    assert codes[2:-1] == [11] * 5
    assert [item.cause for item in unprotected_now(market.world)] == ["auction"]
