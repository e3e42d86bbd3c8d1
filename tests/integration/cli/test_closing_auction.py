"""Which stocks have a closing auction, and when it is: imported, fetched, looked at and corrected on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Tradectl
from tests.integration.marketdata.sources import bhavcopies
from tests.integration.marketdata.sources.conftest import HASTY
from tests.integration.marketdata.test_underlyings import LOTS
from tests.support.loopback import Reply, Site, site
from tradectl.cli import fetching
from tradectl.marketdata.fetch_lots import ADDRESS

DECEMBER = "2026-12-07 15:20"


@pytest.fixture
def home_with_bars(tradectl: Tradectl, tmp_path: Path) -> Tradectl:
    lines = "".join(f"2026-11-06,{symbol},EQ,100,100,100,100,1000\n" for symbol in ("ACME", "NEWCO", "PLAIN"))
    (tmp_path / "bars.csv").write_text("date,symbol,series,open,high,low,close,volume\n" + lines)
    assert tradectl("data", "import", str(tmp_path / "bars.csv")).code == 0
    assert tradectl("config", "set", "universe", "all", "--at", DECEMBER).code == 0
    return tradectl


def auctions(tradectl: Tradectl, at: str = DECEMBER) -> tuple[str, str]:
    found = tradectl("doctor", "--json", "--at", at).object["result"]
    item = next(item for item in found if item["check"] == "closing auction")
    return item["state"], item["text"]


def test_doctor_names_stocks_whose_kind_is_not_known(home_with_bars: Tradectl, tmp_path: Path) -> None:
    tradectl = home_with_bars
    state, text = auctions(tradectl)
    assert state == "look"
    assert text.startswith("3 of 3 instruments may have a closing auction (ACME, NEWCO, PLAIN): no list")
    assert "tradectl data import fo_mktlots.csv" in text
    (tmp_path / "fo_mktlots.csv").write_text(LOTS)
    said = tradectl("data", "import", str(tmp_path / "fo_mktlots.csv"), "--json")
    assert (said.code, said.object["result"]["files"][0]["kind"]) == (0, "underlyings")
    assert auctions(tradectl) == ("fine", "2 of 3 instruments have a closing auction, by the stored lists")
    assert "F&O lists nse-lots 2026-11-25 (183)" in tradectl("data", "list").out
    assert auctions(tradectl, "2027-01-01 10:00")[0] == "fine"


@pytest.fixture
def web(home: Path, tradectl: Tradectl, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An NSE to which the home's settings point."""
    monkeypatch.setattr(fetching, "DEFAULT_LIMITS", HASTY)
    home.mkdir()
    with site() as opened:
        settings = (f'{key} = "{opened.url}"\n' for key in ("nse", "nse_home"))
        (home / "tradectl.toml").write_text("".join(settings), encoding="utf-8")
        yield opened


DAY = ("--since", "2024-10-28", "--to", "2024-10-28")


def serve_bars(web: Site) -> None:
    day = date(2024, 10, 28)
    web.put(bhavcopies.usual(day), Reply(body=bhavcopies.zipped(bhavcopies.udiff(day))))


def test_a_fetch_brings_the_list_of_lots_once_a_week(tradectl: Tradectl, web: Site) -> None:
    serve_bars(web)
    web.put(ADDRESS, Reply(body=LOTS.encode()))
    said = tradectl("data", "fetch", "--json", *DAY)
    assert (said.code, said.object["result"]["missing"]) == (0, [])
    assert [item["kind"] for item in said.object["result"]["files"]] == ["bhavcopy-udiff", "underlyings"]
    assert tradectl("data", "fetch", *DAY).code == 0
    assert web.asked.count(ADDRESS) == 1


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(404, b"nothing"), "no list of F&O lots"),
        (Reply(body=b"<html>Access Denied</html>"), "web page"),
        (Reply(403, b"no"), "403"),
        (Reply(500, b"no"), "500"),
        (Reply(body=b""), "empty"),
        (Reply(body=bhavcopies.udiff(date(2024, 10, 25))), "is not a list of F&O lots but bhavcopy-udiff"),
    ],
)
def test_a_list_that_does_not_come_is_said_and_keeps_the_bars(tradectl: Tradectl, web: Site, reply: Reply, reason: str) -> None:
    serve_bars(web)
    web.put(ADDRESS, reply)
    said = tradectl("data", "fetch", "--json", *DAY)
    assert said.code == 0
    assert [item["new"] for item in said.object["result"]["files"]] == [1]
    (missing,) = said.object["result"]["missing"]
    assert reason in missing["reason"]
    assert missing["pending"] is True


def test_a_virtual_clock_asks_for_no_list_of_today(tradectl: Tradectl, web: Site) -> None:
    serve_bars(web)
    assert tradectl("data", "fetch", *DAY, "--at", "2024-10-29 20:00").code == 0
    assert ADDRESS not in web.asked


def test_the_phases_of_a_date_are_shown_with_their_source(tradectl: Tradectl) -> None:
    def shown(on: str) -> dict[str, str]:
        found = tradectl("data", "sessions", "phases", "--on", on, "--json").object["result"]["phases"]
        return {item["phase"]: f"{item['open']}-{item['close']}" for item in found if item["stocks"] != "others"}

    assert shown("2026-12-04")["continuous"] == "09:15-15:15"
    assert shown("2026-12-07")["continuous"] == "09:15-15:30"
    said = tradectl("data", "sessions", "phases", "--on", "2026-12-07")
    assert "!  SEBI I/23843/2026 of 2026-10-15 para 4.2.1 (circular not seen)" in said.out
    assert "circular not seen" not in tradectl("data", "sessions", "phases", "--on", "2026-12-04").out
    assert (
        tradectl("data", "sessions", "phases", "--all", "--json").object["result"]["phases"][0]["in_force_since"] == "2018-01-01"
    )


def test_an_operator_changes_phases_without_a_release(tradectl: Tradectl, home: Path) -> None:
    at = ("--at", "2026-12-06 12:00")
    words = ("data", "sessions", "phase", "2026-12-07", "--stocks", "closing_auction", "--name", "NSE/CMTR/1", *at)
    bad = tradectl(*words, "closing_matching=15:35-15:40")
    assert (bad.code, "overlap" in bad.err, bad.err.count("\n")) == (4, True, 1)
    assert tradectl(*words, "lunch").code == 4
    later = ("closing_auction_limit=15:36-15:42~15:40", "closing_matching=15:42-15:48")
    assert tradectl(*words, *later).code == 0
    assert "calendar file: NSE/CMTR/1" in tradectl("data", "sessions", "phases", "--on", "2026-12-07").out
    agenda = tradectl("status", "--json", "--at", "2026-12-07 10:00").object["result"]["agenda"]
    closes = {item["task"]: item["closes"] for item in agenda}["sell-monitor"]
    assert closes.endswith("T15:49:00+05:30")
    assert tradectl("data", "sessions", "remove", "2026-12-07").code == 0
    agenda = tradectl("status", "--json", "--at", "2026-12-07 10:01").object["result"]["agenda"]
    assert {item["task"]: item["closes"] for item in agenda}["sell-monitor"].endswith("T15:46:00+05:30")


@pytest.mark.parametrize(
    ("day", "end"),
    [
        ("2026-07-31", "15:30"),
        ("2026-08-03", "15:36"),
        ("2026-09-04", "15:36"),
        ("2026-09-07", "15:36"),
        ("2026-12-04", "15:36"),
        ("2026-12-07", "15:46"),
    ],
)
def test_the_monitors_end_follows_the_date(tradectl: Tradectl, day: str, end: str) -> None:
    agenda = tradectl("status", "--json", "--at", f"{day} 10:00").object["result"]["agenda"]
    assert {item["task"]: item["closes"] for item in agenda}["sell-monitor"] == f"{day}T{end}:00+05:30"
    assert tradectl("sell-monitor", "--once", "--at", f"{day} {end}:30", "--json").object["outcome"] == "completed"


def test_a_damaged_calendar_stops_with_its_row_and_field(tradectl: Tradectl, home: Path) -> None:
    tradectl("status", "--at", "2026-12-07 10:00")
    rows = "date,kind,open,close,runs,name,stocks,may_end_from\n2026-12-07,closing_matching,15:45,15:50,,x,closing_auction,\n"
    (home / "sessions.csv").write_text(rows)
    said = tradectl("sell-monitor", "--once", "--at", "2026-12-07 10:05")
    assert (said.code, said.err.count("\n")) == (4, 1)
    assert f"{home / 'sessions.csv'} line 2: open: there is a gap between closing_auction_limit 15:36-15:40" in said.err
