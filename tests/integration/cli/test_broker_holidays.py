"""`data sessions fetch --source broker`: a list that the broker keeps is taken only where it agrees with what is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.conftest import Tradectl
from tradectl.exchange.sessions import SessionTable
from tradectl.lab.sandboxes.fixture import FRIDAY, Fixture, ist
from tradectl.lab.sandboxes.openalgo import OpenAlgoSandbox

KEY, NEXT = "an-api-key", 2027
FETCH = ("data", "sessions", "fetch", "--source", "broker")
EVENING = 1_824_000_000_000
"""Epoch milliseconds, whose hours nothing reads: a list is no announcement."""


def closed(day: date, name: str = "x") -> dict[str, Any]:
    return {
        "date": day.isoformat(),
        "description": name,
        "holiday_type": "TRADING_HOLIDAY",
        "closed_exchanges": ["NSE", "BSE", "NFO"],
        "open_exchanges": [{"exchange": "MCX", "start_time": EVENING, "end_time": EVENING + 1}],
    }


def this_year() -> list[dict[str, Any]]:
    """Return the rows of the year that is known, a settlement holiday among them, on which NSE trades."""
    table, first = SessionTable.load(), date(2026, 1, 1)
    days = [first + timedelta(days=number) for number in range(365)]
    rows = [closed(day) for day in days if day.weekday() < 5 and table.session(day) is None]
    return [
        *rows,
        closed(date(2026, 2, 19)) | {"holiday_type": "SETTLEMENT_HOLIDAY", "closed_exchanges": [], "open_exchanges": []},
    ]


def next_year() -> list[dict[str, Any]]:
    rows = [closed(date(NEXT, *day)) for day in ((1, 26), (3, 22), (3, 26), (4, 14), (11, 15))]
    muhurat = closed(date(NEXT, 10, 29), "Diwali") | {"holiday_type": "SPECIAL_SESSION", "closed_exchanges": []}
    return [*rows, muhurat | {"open_exchanges": [{"exchange": "NSE", "start_time": EVENING, "end_time": EVENING + 1}]}]


@pytest.fixture
def server(tradectl: Tradectl, tmp_path: Path, set_clock: Callable[[str], None]) -> Iterator[OpenAlgoSandbox]:
    """An OpenAlgo at which a live home is logged in, in December."""
    set_clock("2026-12-15 20:00")
    fixture = Fixture(tmp_path, ist(FRIDAY, "10:00"))
    with OpenAlgoSandbox(fixture.exchange, fixture.clock, api_key=KEY) as made:
        made.holidays = {2026: this_year(), NEXT: next_year()}
        assert tradectl("init", "--mode", "live", "--broker", "openalgo").code == 0
        assert tradectl("broker", "set", "openalgo", f"--address=api={made.url}", stdin=f"api_key={KEY}\n").code == 0
        assert tradectl("login").code == 0
        yield made


def test_a_list_that_agrees_fills_the_next_year(tradectl: Tradectl, server: OpenAlgoSandbox) -> None:
    said = tradectl(*FETCH, "--json")
    assert said.code == 0, said.err
    result = said.object["result"]
    assert (result["new_year"], len(result["added"]), result["listed_through"]) == (True, 5, "2027-12-31")
    assert result["muhurat"] == {"2027-10-29": "Diwali (Muhurat trading)"}
    years = tradectl("data", "sessions", "list", "--json").object["result"]["years"]
    assert years[0]["source"].startswith("openalgo's holiday list, fetched")


@pytest.mark.parametrize(
    ("moved", "complaint"),
    [
        ({2026: [closed(date(2026, 3, 10)), *this_year()]}, "contradicts the known calendar on 1 weekdays (2026-03-10)"),
        ({2026: this_year()[1:]}, "contradicts the known calendar on 1 weekdays (2026-01-15)"),
        ({2026: []}, "holds 0 weekday holidays of 2026"),
        ({NEXT: []}, "holds 0 weekday holidays of 2027"),
        ({NEXT: [closed(date(2026, 1, 26))]}, "2026-01-26 in the list of 2027"),
        ({NEXT: [{"date": "soon"}]}, "cannot be read"),
    ],
)
def test_a_list_that_errs_fills_nothing(
    tradectl: Tradectl, server: OpenAlgoSandbox, moved: dict[int, list[dict[str, Any]]], complaint: str
) -> None:
    """A server's operator enters the dates by hand: those of 2026 that it ships are wrong on several weekdays."""
    server.holidays |= moved
    said = tradectl(*FETCH)
    assert (said.code in {6, 8}, complaint in said.err, said.err.count("\n")) == (True, True, 1), said.err
    assert tradectl("data", "sessions", "list", "--json").object["result"]["years"] == []


def test_a_broker_without_a_list_says_so(tradectl: Tradectl) -> None:
    assert tradectl("init", "--mode", "live", "--broker", "kite").code == 0
    said = tradectl(*FETCH)
    assert (said.code, "kite documents no list of trading holidays" in said.err) == (9, True)
    assert tradectl("data", "sessions", "fetch", "--source", "bse").code == 2
