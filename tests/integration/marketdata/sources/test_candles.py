"""A broker's candles, of which nobody says by what they were divided: restored where that is certain, else refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, time
from typing import Any

import pytest

from tests.integration.marketdata.conftest import Market
from tradectl.errors import UsageError
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.fetch import FetchReport, Span, fetch, wanted
from tradectl.marketdata.sources.candles import CandlePast
from tradectl.marketdata.sources.restoring import RestoredBars
from tradectl.marketdata.sources.stored_facts import Stored
from tradectl.model.market import Bar
from tradectl.model.moment import at_ist

WEDNESDAY, THURSDAY, FRIDAY, MONDAY, TUESDAY = (date(2023, 10, day) for day in (11, 12, 13, 16, 17))
DAILY = "date,symbol,series,open,high,low,close,volume\n"
ACTIONS = "symbol,series,ex_date,subject\n"
STORED = DAILY + f"{WEDNESDAY},RELY,EQ,2640.00,2660.00,2630.00,2650.00,1000\n"
BONUS = ACTIONS + f"RELY,EQ,{MONDAY},Bonus 1:1\n"


class Desk:
    """A broker with these candles and nobody else's."""

    name = "kite"

    def __init__(self, symbol: str, *bars: Bar) -> None:
        self._symbol, self._bars = symbol, bars
        self.asked: list[tuple[date, date]] = []

    def daily(self, symbol: str, first: date, last: date) -> Sequence[Bar]:
        if symbol != self._symbol:
            raise UsageError(f"{symbol} is not listed")
        self.asked.append((first, last))
        return [bar for bar in self._bars if first <= bar.session <= last]


Taken = Callable[..., FetchReport]


@pytest.fixture
def take(market: Market, sessions: SessionTable) -> Taken:
    """Fetch a desk's candles on Tuesday evening."""

    def call(desk: Desk, *symbols: str, since: date = THURSDAY, to: date | None = None, **how: Any) -> FetchReport:
        now = at_ist(TUESDAY, time(20))
        knowledge = Stored(market.folder, market.store())
        source = RestoredBars(CandlePast(desk, "Kite"), symbols or ("RELY",), knowledge, lambda: now, TUESDAY, **how)
        days = wanted(Span(since=since, to=to, again=True), set(), sessions, now)
        return fetch(source, days, market.folder, sessions, at=now)

    return call


def flat(day: date, price: int, volume: int = 10) -> Bar:
    return Bar(day, price, price, price, price, volume)


def bars(market: Market) -> list[tuple[object, ...]]:
    return market.rows("SELECT session, open, high, low, close, volume FROM bars WHERE session > '2023-10-11' ORDER BY 1")


def test_a_bonus_of_our_list_is_taken_out_again_to_the_paisa(market: Market, take: Taken) -> None:
    """Half of 2650.05 is 1325.025, which Kite tells as 1325.03."""
    market.take("old.csv", STORED)
    market.take("ca.csv", BONUS)
    halved = (flat(WEDNESDAY, 132500), Bar(THURSDAY, 132503, 133333, 132005, 132785, 2002), flat(FRIDAY, 132500, 20))
    report = take(Desk("RELY", *halved, flat(MONDAY, 133700, 40), flat(TUESDAY, 133800, 40)))
    assert report.trouble == ""
    assert bars(market) == [
        ("2023-10-12", 265005, 266665, 264010, 265570, 1001),
        ("2023-10-13", *[265000] * 4, 10),
        ("2023-10-16", *[133700] * 4, 40),
        ("2023-10-17", *[133800] * 4, 40),
    ]


def test_more_is_not_asked_for_than_is_wanted(market: Market, take: Taken) -> None:
    market.take("old.csv", STORED)
    desk = Desk("RELY", flat(THURSDAY, 265000))
    take(desk)
    assert desk.asked == [(date(2023, 10, 2), TUESDAY)]


def test_a_ratio_that_leaves_several_prices_is_refused(market: Market, take: Taken) -> None:
    """A tenth, rounded to the paisa, of a price on a tick of five: 265.01 may have been 2650.05 or 2650.10."""
    market.take("old.csv", STORED)
    market.take("ca.csv", ACTIONS + f"RELY,EQ,{MONDAY},Face Value Split From Rs 10 To Re 1\n")
    report = take(Desk("RELY", flat(WEDNESDAY, 26500), flat(THURSDAY, 26501), flat(MONDAY, 26500)))
    assert "Kite's price of 2023-10-12, restored, is 2650.1000, near several multiples of the tick size 0.05" in report.trouble
    assert bars(market) == []


def test_what_kite_divided_and_our_list_does_not_have_is_refused(market: Market, take: Taken) -> None:
    market.take("old.csv", STORED)
    report = take(Desk("RELY", flat(WEDNESDAY, 132500), flat(THURSDAY, 132500), flat(MONDAY, 133700)))
    assert "Kite's close of 2023-10-11, restored, is 1325.00, but 2650.00 is stored" in report.trouble
    assert bars(market) == []


@pytest.mark.parametrize("subject", ["Rights 1:5 @ Premium Rs 10", "Demerger", "Dividend - Rs 53 Per Share"])
def test_what_has_no_ratio_keeps_the_sessions_before_it_out(market: Market, take: Taken, subject: str) -> None:
    """Kite divides for these too, and nobody knows by how much; 53 is 2 % of the price."""
    market.take("old.csv", STORED)
    market.take("ca.csv", ACTIONS + f"RELY,EQ,{MONDAY},{subject}\n")
    desk = Desk("RELY", *(flat(day, 240000) for day in (WEDNESDAY, THURSDAY, FRIDAY, MONDAY)))
    assert "--since 2023-10-16 imports the sessions from then on" in take(desk).trouble
    assert bars(market) == []
    assert take(desk, since=MONDAY).trouble == ""
    assert [row[0] for row in bars(market)] == ["2023-10-16"]


def test_a_small_dividend_changes_nothing(market: Market, take: Taken) -> None:
    market.take("old.csv", STORED)
    market.take("ca.csv", ACTIONS + f"RELY,EQ,{MONDAY},Dividend - Rs 9 Per Share\n")
    desk = Desk("RELY", *(flat(day, 265000) for day in (WEDNESDAY, THURSDAY, FRIDAY, MONDAY, TUESDAY)))
    assert take(desk).trouble == ""
    assert len(bars(market)) == 4


JUNE = [date(2023, 6, day) for day in (19, 20, 21)]


def of_june(price: int) -> Desk:
    """Candles that end four months before the dividend's ex-date."""
    return Desk("RELY", *(flat(day, price) for day in JUNE))


def stored(june: int, october: int) -> str:
    """Closes (rupees) of the first day in June, and of the last one before the ex-date."""
    rows = ((JUNE[0], june), (FRIDAY, october))
    return DAILY + "".join(f"{day},RELY,EQ,{price}.00,{price}.00,{price}.00,{price}.00,1000\n" for day, price in rows)


def test_a_dividends_size_goes_by_the_price_before_it(market: Market, take: Taken) -> None:
    """Rs 2 are 1 % of June's Rs 200 and 2.2 % of October's Rs 90, so Kite took them out, and 195.55 is not what was traded."""
    market.take("old.csv", stored(200, 90))
    market.take("ca.csv", ACTIONS + f"RELY,EQ,{MONDAY},Dividend - Rs 2 Per Share\n")
    assert "for the dividend of 2023-10-16 is not known" in take(of_june(195_55), since=JUNE[1], to=JUNE[2]).trouble
    assert market.rows("SELECT session FROM bars WHERE close = 19555") == []


def test_a_dividend_that_was_small_at_its_time_changes_nothing(market: Market, take: Taken) -> None:
    market.take("old.csv", stored(90, 200))
    market.take("ca.csv", ACTIONS + f"RELY,EQ,{MONDAY},Dividend - Rs 2 Per Share\n")
    assert take(of_june(90_00), since=JUNE[1], to=JUNE[2]).trouble == ""
    assert market.rows("SELECT count(*) FROM bars WHERE close = 9000") == [(3,)]


def test_a_dividend_whose_price_before_nobody_knows_may_be_large(market: Market, take: Taken) -> None:
    """The last close that is stored, or fetched, is of long before."""
    market.take("old.csv", DAILY + f"{JUNE[0]},RELY,EQ,200.00,200.00,200.00,200.00,1000\n")
    market.take("ca.csv", ACTIONS + f"RELY,EQ,{MONDAY},Dividend - Re 1 Per Share\n")
    assert "for the dividend of 2023-10-16 is not known" in take(of_june(200_00), since=JUNE[1], to=JUNE[2]).trouble


def test_an_unknown_share_needs_a_list_of_corporate_actions(market: Market, take: Taken) -> None:
    """Nothing stored and no list: nobody can say whether these are the prices of the day."""
    desk = Desk("NEWCO", *(flat(day, 10000) for day in (THURSDAY, FRIDAY, MONDAY, TUESDAY)))
    assert "neither a stored close of the days before 2023-10-12 nor a list of corporate actions" in take(desk, "NEWCO").trouble
    market.take("ca.csv", ACTIONS + f"OTHER,EQ,{FRIDAY},Annual General Meeting\n")
    assert "neither a stored close" in take(desk, "NEWCO").trouble  # it begins after the first session
    market.take("older.csv", ACTIONS + f"OTHER,EQ,{WEDNESDAY},Annual General Meeting\n")
    assert take(desk, "NEWCO").trouble == ""
    assert len(bars(market)) == 4


def test_an_unknown_symbol_does_not_keep_the_others_away(market: Market, take: Taken) -> None:
    market.take("old.csv", STORED)
    desk = Desk("RELY", *(flat(day, 265000) for day in (WEDNESDAY, THURSDAY, FRIDAY, MONDAY, TUESDAY)))
    assert take(desk, "GHOST", "RELY").trouble == "GHOST: Kite does not know this symbol"
    assert len(bars(market)) == 4
