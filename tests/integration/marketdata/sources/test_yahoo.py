"""Yahoo's bars as traded again, or refused; holes, strangers, and a bar that is not finished."""

from __future__ import annotations

import csv
import dataclasses
import gzip
from collections.abc import Callable
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.integration.marketdata.conftest import Market
from tests.integration.marketdata.sources.charts import UNKNOWN, Share, chart, path
from tests.integration.marketdata.sources.conftest import HASTY
from tests.support.http_server import unused_address
from tests.support.loopback import Reply, Site
from tradectl.errors import DataError, SourceUnavailable
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.fetch import FetchReport, Span, fetch, wanted
from tradectl.marketdata.sources.request_pacer import RequestPacer
from tradectl.marketdata.sources.restoring import Reach, RestoredBars
from tradectl.marketdata.sources.stored_facts import Stored
from tradectl.marketdata.sources.yahoo import Yahoo, YahooPast, period_since
from tradectl.model.moment import at_ist

WEDNESDAY, THURSDAY, FRIDAY, MONDAY, TUESDAY = (date(2024, 10, day) for day in (23, 24, 25, 28, 29))
DAILY = "date,symbol,series,open,high,low,close,volume\n"
ACTIONS = "symbol,series,ex_date,subject\n"
PLAIN = (100.0, 110.0, 95.0, 105.5, 1000)

Taken = Callable[..., FetchReport]


@pytest.fixture
def take(market: Market, yahoo: Yahoo, yahoo_site: Site, sessions: SessionTable) -> Taken:
    """Serve these shares and fetch them, as at 20:00 of the last day unless said otherwise."""

    def call(*shares: Share, since: date = THURSDAY, on: date = TUESDAY, at: str = "20:00", **how: Any) -> FetchReport:
        for share in shares:
            yahoo_site.put(path(share.symbol), chart(share))
        now = at_ist(on, time.fromisoformat(at))
        knowledge = Stored(market.folder, market.store())
        symbols = how.pop("symbols", [share.symbol for share in shares])
        source = RestoredBars(YahooPast(yahoo, on), symbols, knowledge, lambda: now, on, **how)
        days = wanted(Span(since=since, again=True), set(), sessions, now)
        return fetch(source, days, market.folder, sessions, at=now)

    return call


def bars(market: Market) -> list[tuple[object, ...]]:
    return market.rows("SELECT symbol, session, open, high, low, close, volume, provisional FROM bars ORDER BY symbol, session")


def test_a_share_without_splits_is_what_yahoo_says(market: Market, take: Taken) -> None:
    report = take(Share("ACME", {FRIDAY: PLAIN, MONDAY: (105.55, 106.0, 105.05, 105.6, 20)}), since=FRIDAY, on=MONDAY)
    assert report.trouble == ""
    assert bars(market) == [
        ("ACME", "2024-10-25", 10000, 11000, 9500, 10550, 1000, 0),
        ("ACME", "2024-10-28", 10555, 10600, 10505, 10560, 20, 0),
    ]


@pytest.mark.parametrize("symbol", ["M&M", "BAJAJ-AUTO", "ARE&M"])
def test_special_characters_reach_yahoo_as_they_are(market: Market, take: Taken, yahoo_site: Site, symbol: str) -> None:
    take(Share(symbol, {MONDAY: PLAIN}), since=MONDAY, on=MONDAY)
    assert any(asked.startswith(f"/v8/finance/chart/{symbol}.NS?") for asked in yahoo_site.asked)
    assert [row[0] for row in bars(market)] == [symbol]


def test_a_bonus_is_taken_out_again(market: Market, take: Taken) -> None:
    """RELIANCE's day: 1:1 on 28 October, so Yahoo halves all that came before and doubles its volume."""
    before = (2650.05, 2666.65, 2640.1, 2655.7, 1001)
    take(Share("RELY", {FRIDAY: before, MONDAY: (1337.0, 1340.0, 1330.05, 1334.2, 4000)}, {MONDAY: (2, 1)}), since=FRIDAY)
    assert bars(market) == [
        ("RELY", "2024-10-25", 265005, 266665, 264010, 265570, 1001, 0),
        ("RELY", "2024-10-28", 133700, 134000, 133005, 133420, 4000, 0),
    ]


def test_splits_after_the_wanted_sessions_count_too(market: Market, take: Taken) -> None:
    rows = {THURSDAY: (27130.35, 27200.0, 27000.0, 27130.35, 10), MONDAY: (1356.5, 1360.0, 1350.0, 1356.55, 200)}
    share = Share("NEST", rows | {TUESDAY: (1300.0, 1300.0, 1300.0, 1300.0, 9)}, {FRIDAY: (10, 1), MONDAY: (2, 1)})
    share.rows[FRIDAY] = (2713.0, 2720.0, 2700.0, 2713.05, 100)
    take(share, since=THURSDAY)
    assert bars(market)[0][2:6] == (2713035, 2720000, 2700000, 2713035)


def test_a_split_that_our_list_has_and_yahoo_not_is_refused(market: Market, take: Taken) -> None:
    market.take("old.csv", DAILY + f"{WEDNESDAY},RELY,EQ,2640.00,2660.00,2630.00,2650.00,1000\n")
    market.take("ca.csv", ACTIONS + f"RELY,EQ,{MONDAY},Bonus 1:1\n")
    report = take(Share("RELY", {FRIDAY: (1325.0, 1333.3, 1320.05, 1327.85, 2002), MONDAY: PLAIN}), since=THURSDAY)
    assert report.trouble == "RELY: RELY: the stored list has the split 2 of 2024-10-28, but Yahoo reports none; not imported"
    assert len(bars(market)) == 1


def test_a_price_that_does_not_fit_the_stored_ones_is_refused(market: Market, take: Taken) -> None:
    market.take("old.csv", DAILY + f"{WEDNESDAY},RELY,EQ,2640.00,2660.00,2630.00,2650.00,1000\n")
    half = (1325.0, 1333.3, 1320.05, 1325.0, 2002)
    report = take(Share("RELY", {WEDNESDAY: half, FRIDAY: half}))
    assert "Yahoo's close of 2024-10-23, restored, is 1325.00, but 2650.00 is stored" in report.trouble
    assert len(bars(market)) == 1


def test_a_price_off_the_tick_is_refused(market: Market, take: Taken) -> None:
    """A third of a paisa comes from no split that was taken out whole."""
    report = take(Share("ACME", {MONDAY: (100.0033, 110.0, 95.0, 105.5, 10)}), since=MONDAY)
    assert "Yahoo's price of 2024-10-28, restored, is 100.0033, not a multiple of the tick size 0.01" in report.trouble
    assert bars(market) == []


def test_the_tick_of_the_day_is_the_stored_instruments(market: Market, take: Taken) -> None:
    market.take("old.csv", DAILY + f"{WEDNESDAY},RELY,EQ,2640.00,2660.00,2630.00,2650.00,1000\n")
    report = take(Share("RELY", {FRIDAY: (2650.02, 2660.0, 2640.0, 2650.0, 10)}))
    assert "not a multiple of the tick size 0.05" in report.trouble


def test_a_hole_is_told_and_stays_a_hole(market: Market, take: Taken) -> None:
    report = take(Share("ACME", {FRIDAY: PLAIN, MONDAY: None, TUESDAY: PLAIN}), since=FRIDAY)
    assert [row[1] for row in bars(market)] == ["2024-10-25", "2024-10-29"]
    assert [(item.name, item.reason) for item in report.missing] == [("ACME", "yahoo has no bar of 2024-10-28")]
    assert report.trouble == ""


def test_what_is_stored_is_not_asked_for_and_never_overwritten(market: Market, take: Taken, yahoo_site: Site) -> None:
    share = Share("ACME", {FRIDAY: PLAIN, MONDAY: PLAIN, TUESDAY: PLAIN})
    take(share, since=FRIDAY)
    yahoo_site.asked.clear()
    assert take(share, since=FRIDAY).asked == 0
    assert yahoo_site.asked == []


def test_of_repairs_only_those_after_the_first_bar(market: Market, take: Taken) -> None:
    market.take("old.csv", DAILY + f"{FRIDAY},ACME,EQ,100.00,110.00,95.00,105.50,1000\n")
    take(Share("ACME", dict.fromkeys((THURSDAY, FRIDAY, MONDAY, TUESDAY), PLAIN)), reach=Reach.GAPS)
    assert [row[1] for row in bars(market)] == ["2024-10-25", "2024-10-28", "2024-10-29"]


def test_an_unfinished_bar_is_not_taken_an_early_is_provisional(market: Market, take: Taken) -> None:
    share = Share("ACME", {FRIDAY: PLAIN, MONDAY: PLAIN})
    take(share, since=FRIDAY, on=MONDAY, at="13:00")
    assert [row[1] for row in bars(market)] == ["2024-10-25"]
    take(share, since=FRIDAY, on=MONDAY, at="16:10")
    assert [(row[1], row[7]) for row in bars(market)] == [("2024-10-25", 0), ("2024-10-28", 1)]
    final = Share("ACME", {FRIDAY: PLAIN, MONDAY: (100.0, 110.0, 95.0, 105.6, 1100)})
    assert take(final, since=FRIDAY, on=MONDAY).trouble == ""
    assert [(row[5], row[7]) for row in bars(market)] == [(10550, 0), (10560, 0)]


def test_an_unknown_symbol_does_not_keep_the_others_away(market: Market, take: Taken, yahoo_site: Site) -> None:
    yahoo_site.put(path("GHOST"), UNKNOWN)
    report = take(Share("ACME", {MONDAY: PLAIN}), since=MONDAY, on=MONDAY, symbols=["GHOST", "ACME"])
    assert report.trouble == "GHOST: Yahoo does not know this symbol"
    assert [row[0] for row in bars(market)] == ["ACME"]


WRONG = {
    "another share": {"symbol": "ACME.BO"},
    "another currency": {"currency": "USD"},
    "another zone": {"exchangeTimezoneName": "America/New_York"},
}


@pytest.mark.parametrize("what", WRONG)
def test_an_answer_about_something_else_is_refused(market: Market, take: Taken, what: str) -> None:
    ((fact, value),) = WRONG[what].items()
    report = take(Share("ACME", {MONDAY: PLAIN}, facts=WRONG[what]), since=MONDAY)
    assert f"Yahoo's reply has {fact} {value}, not " in report.trouble
    assert bars(market) == []


def test_an_answer_that_cannot_be_read(yahoo: Yahoo, yahoo_site: Site) -> None:
    yahoo_site.put(path("ACME"), Reply(200, b"<html>sorry</html>"))
    with pytest.raises(DataError, match=r"^ACME: Yahoo's reply cannot be read"):
        yahoo.chart("ACME", "5d")


def test_a_busy_yahoo_is_asked_again_and_then_left_alone(yahoo: Yahoo, yahoo_site: Site) -> None:
    yahoo_site.put(path("ACME"), Reply(429), Reply(503), chart(Share("ACME", {MONDAY: PLAIN})))
    found = yahoo.chart("ACME", "5d")
    assert found is not None
    assert len(found.frame) == 1
    yahoo_site.put(path("ACME"), Reply(429, headers=(("Retry-After", "3600"),)))
    with pytest.raises(SourceUnavailable, match=r"^Yahoo replied 429"):
        yahoo.chart("ACME", "5d")


def test_a_yahoo_that_drips_is_given_up(yahoo_site: Site, tmp_path: Path) -> None:
    whole = chart(Share("ACME", {MONDAY: PLAIN}))
    yahoo_site.put(path("ACME"), dataclasses.replace(whole, pause=0.05))
    hurried = RequestPacer(replace(HASTY, attempts=1, connect=0.3, read=0.3))
    with pytest.raises(SourceUnavailable, match=r"^Yahoo cannot be reached \(Timeout\)$"):
        Yahoo(yahoo_site.url, tmp_path, hurried).chart("ACME", "5d")


def test_a_bar_that_cannot_be_stays_out_and_the_others_come_in(market: Market, take: Taken) -> None:
    impossible = Share("BAD", {MONDAY: (100.0, 90.0, 95.0, 105.5, 10)})
    report = take(Share("ACME", {MONDAY: PLAIN}), impossible, Share("ZETA", {MONDAY: PLAIN}), since=MONDAY, on=MONDAY)
    assert report.trouble.startswith("BAD: yahoo-BAD.csv row 2: open or close is not between low and high")
    assert [row[0] for row in bars(market)] == ["ACME", "ZETA"]


def test_nobody_at_the_address(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match=r"^Yahoo cannot be reached"):
        Yahoo(unused_address(), tmp_path, RequestPacer(HASTY)).chart("ACME", "5d")


def test_the_shortest_period_that_reaches_back() -> None:
    assert period_since(TUESDAY, TUESDAY) == "5d"
    assert period_since(date(2024, 9, 25), TUESDAY) == "3mo"
    assert period_since(date(2018, 1, 1), TUESDAY) == "10y"
    with pytest.raises(DataError, match="longest period is ten years"):
        period_since(date(2010, 1, 1), TUESDAY)


REAL_SPLITS = {
    "NESTLEIND": (2023, date(2023, 10, 3), date(2023, 12, 29), {date(2024, 1, 5): (10, 1)}),
    "BAJFINANCE": (2025, date(2025, 4, 1), date(2025, 6, 30), {date(2025, 6, 16): (10, 1)}),
    "MARUTI": (2024, date(2024, 4, 1), date(2024, 5, 31), {date(2024, 12, 2): (3, 1), date(2025, 3, 3): (7, 2)}),
}
"""Year of the file, first and last session, and splits: the first two did happen, the third divide by 10.5."""


@pytest.mark.parametrize("symbol", REAL_SPLITS)
def test_real_prices_divided_like_yahoos_come_back_exactly(market: Market, take: Taken, shared_data: Path, symbol: str) -> None:
    year, first, last, splits = REAL_SPLITS[symbol]
    with gzip.open(shared_data / "daily" / f"nse-daily-{year}.csv.gz", "rt", encoding="utf-8") as lines:
        own = [row for row in csv.DictReader(lines) if row["symbol"] == symbol and str(first) <= row["date"] <= str(last)]
    fields = ("open", "high", "low", "close")
    rows = {date.fromisoformat(row["date"]): (*(float(row[name]) for name in fields), int(row["volume"])) for row in own}
    assert take(Share(symbol, rows, splits), since=first, on=last).trouble == ""
    traded = [(day.isoformat(), *(round(price * 100) for price in row[:4])) for day, row in sorted(rows.items())]
    assert [row[1:6] for row in bars(market)] == traded
