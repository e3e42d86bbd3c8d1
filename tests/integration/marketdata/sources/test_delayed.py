"""Quotes from Yahoo: marked with source and delay, never of the future, and a failed read is an error."""

from __future__ import annotations

from datetime import date, time, timedelta
from pathlib import Path

import pytest

from tests.integration.marketdata.sources.charts import UNKNOWN, Share, chart, path
from tests.integration.marketdata.sources.conftest import HASTY
from tests.support.http_server import unused_address
from tests.support.loopback import Site
from tradectl.clock import VirtualClock
from tradectl.errors import SourceUnavailable
from tradectl.marketdata.sources import delayed
from tradectl.marketdata.sources.delayed import YahooQuotes
from tradectl.model.market import Quote
from tradectl.model.moment import at_ist

FRIDAY, MONDAY = date(2024, 10, 25), date(2024, 10, 28)
DAY = (100.0, 104.0, 99.0, 103.05, 5000)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delayed, "QUOTE_LIMITS", HASTY)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(at_ist(MONDAY, time(11, 0)))


@pytest.fixture
def quotes(yahoo_site: Site, tmp_path: Path, clock: VirtualClock) -> YahooQuotes:
    return YahooQuotes(yahoo_site.url, tmp_path / "yahoo", clock)


def share(at: str, last: float = 103.05, day: date = MONDAY) -> Share:
    return Share("M&M", {FRIDAY: DAY, day: DAY}, last=(at_ist(day, time.fromisoformat(at)), last))


def test_a_quote_has_its_source_age_and_the_days_range(quotes: YahooQuotes, yahoo_site: Site) -> None:
    yahoo_site.put(path("M&M"), chart(share("10:45")))
    traded = at_ist(MONDAY, time(10, 45))
    assert quotes.quotes(["M&M"]) == {
        "M&M": Quote("M&M", 10305, traded, "yahoo", timedelta(minutes=15), traded, 10000, 10400, 9900, 5000)
    }
    assert quotes.delay == timedelta(minutes=15)


def test_a_price_later_than_now_is_not_shown(quotes: YahooQuotes, yahoo_site: Site) -> None:
    yahoo_site.put(path("M&M"), chart(share("11:01")))
    assert quotes.quotes(["M&M"]) == {}


def test_fridays_price_on_monday_is_of_friday(quotes: YahooQuotes, yahoo_site: Site) -> None:
    yahoo_site.put(path("M&M"), chart(share("15:29", day=FRIDAY)))
    assert quotes.quotes(["M&M"])["M&M"].at == at_ist(FRIDAY, time(15, 29))


def test_the_day_is_missing_where_its_row_is_a_hole(quotes: YahooQuotes, yahoo_site: Site) -> None:
    at = (at_ist(MONDAY, time(10, 45)), 103.05)
    yahoo_site.put(path("M&M"), chart(Share("M&M", {FRIDAY: DAY, MONDAY: None}, last=at)))
    quote = quotes.quotes(["M&M"])["M&M"]
    assert (quote.last, quote.open, quote.volume) == (10305, None, None)


def test_an_unknown_symbol_is_absent(quotes: YahooQuotes, yahoo_site: Site) -> None:
    yahoo_site.put(path("GHOST"), UNKNOWN)
    assert quotes.quotes(["GHOST"]) == {}


def test_an_answer_about_something_else_hides_no_other_symbol(quotes: YahooQuotes, yahoo_site: Site) -> None:
    yahoo_site.put(path("M&M"), chart(share("10:45")))
    yahoo_site.put(path("ODD"), chart(Share("ODD", {MONDAY: DAY}, facts={"currency": "USD"})))
    assert list(quotes.quotes(["ODD", "M&M"])) == ["M&M"]


def test_a_minutes_tasks_share_an_answer(quotes: YahooQuotes, yahoo_site: Site, clock: VirtualClock) -> None:
    yahoo_site.put(path("M&M"), chart(share("10:45")))
    quotes.quotes(["M&M"])
    asked = len(yahoo_site.asked)
    quotes.quotes(["M&M"])
    assert len(yahoo_site.asked) == asked
    clock.sleep(60)
    quotes.quotes(["M&M"])
    assert len(yahoo_site.asked) > asked


def test_a_failed_read_is_no_empty_answer(tmp_path: Path, clock: VirtualClock) -> None:
    with pytest.raises(SourceUnavailable):
        YahooQuotes(unused_address(), tmp_path / "yahoo", clock).quotes(["M&M"])
