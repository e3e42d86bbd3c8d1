"""A new year on the command line: warned of, fetched, imported, and the traps in what NSE answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Tradectl
from tests.integration.marketdata.sources.conftest import HASTY
from tests.support.loopback import Reply, Site, site
from tests.unit.exchange.test_holiday_list import HOLIDAYS, answer
from tradectl.cli import fetching
from tradectl.marketdata.fetch_holidays import ADDRESS as HOLIDAY_ADDRESS

ADDRESS = HOLIDAY_ADDRESS.partition("?")[0]
THEN = ("--at", "2026-12-15 20:00")
LATER = ("--at", "2027-01-01 10:00")
OLD_LIST = answer({text.replace("2027", "2025"): name for text, name in HOLIDAYS.items()})
THIS_YEAR = answer(
    {
        "2026-01-26": "Republic Day", "2026-03-03": "Holi", "2026-04-03": "Good Friday", "2026-10-02": "Gandhi Jayanti",
        "2026-12-25": "Christmas",
    }
)  # fmt: skip


@pytest.fixture
def web(home: Path, tradectl: Tradectl, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An NSE to which the home's settings point."""
    monkeypatch.setattr(fetching, "DEFAULT_LIMITS", HASTY)
    home.mkdir()
    with site() as opened:
        settings = (f'{key} = "{opened.url}"\n' for key in ("nse", "nse_home"))
        (home / "tradectl.toml").write_text("".join(settings), encoding="utf-8")
        yield opened


def test_a_fetch_fills_the_year_and_ends_the_warning(tradectl: Tradectl, web: Site) -> None:
    web.locked = True
    web.put(ADDRESS, Reply(body=answer()))
    assert "no list of 2027's holidays is known" in tradectl("status", *THEN).out
    said = tradectl("data", "sessions", "fetch", *THEN)
    assert said.code == 0
    assert "2027: 6 closed weekdays in the list, 5 of them new here" in said.out
    assert "2027-01-26 Tue  Republic Day" in said.out
    assert "no list of" not in tradectl("status", *THEN).out
    result = tradectl("data", "sessions", "fetch", "--json", *THEN).object["result"]
    assert (result["new_year"], result["added"], result["listed_through"]) == (False, {}, "2027-12-31")
    assert tradectl("buy", "--json", "--at", "2027-01-26 16:05").object["outcome"] == "not_a_session"
    assert tradectl("run-due", "--json", "--at", "2027-01-27 09:20").code != 8


def test_a_past_holiday_is_closed_only_without_bars(tradectl: Tradectl, web: Site, tmp_path: Path) -> None:
    """NSE's list closes two dates that are sessions here; of one there are bars, so that the exchange was open."""
    bars = tmp_path / "bars.csv"
    bars.write_text("date,symbol,series,open,high,low,close,volume\n2026-10-05,ACME,EQ,10,10,10,10,1\n", encoding="utf-8")
    assert tradectl("data", "import", str(bars), "--at", "2026-12-01 10:00").code == 0
    days = {"2026-10-05": "Lost", "2026-10-06": "Election"} | {f"2026-12-{day}": "x" for day in ("21", "22", "23")}
    web.put(ADDRESS, Reply(body=answer(days)))
    said = tradectl("data", "sessions", "fetch", "--at", "2026-11-30 20:00")
    assert "past      2026-10-05: closed in NSE's list, and a session here, with bars: the exchange was open" in said.out
    assert "`tradectl data sessions add 2026-10-06 --kind closed`" in said.out
    assert "2026-10-05 --kind closed" not in said.out


def test_a_year_without_its_list_is_wrong_from_20_december(tradectl: Tradectl) -> None:
    """The calendar year as a hole: `status` and `doctor` speak, and the last evening buys nothing."""
    found = {}
    for day in ("2026-11-30", "2026-12-01", "2026-12-19", "2026-12-20", "2026-12-31"):
        at = ("--at", f"{day} 20:00")
        shown = tradectl("status", *at).out
        calendar = next(item for item in tradectl("doctor", "--json", *at).object["result"] if item["check"] == "calendar")
        found[day] = ("no list of 2027" in shown, "ERROR     no list of 2027" in shown, calendar["state"], calendar["exit_code"])
    assert found == {
        "2026-11-30": (False, False, "fine", 0),
        "2026-12-01": (True, False, "look", 0),
        "2026-12-19": (True, False, "look", 0),
        "2026-12-20": (True, True, "wrong", 8),
        "2026-12-31": (True, True, "wrong", 8),
    }
    assert tradectl("analyze", "--at", "2026-12-31 20:30").code == 8
    assert tradectl("buy", "--at", "2026-12-31 20:30").code == 9


@pytest.mark.parametrize(
    ("reply", "code", "reason"),
    [
        (Reply(body=b"<html>Access Denied</html>"), 8, "web page"),
        (Reply(403, b"no"), 6, "403"),
        (Reply(404, b"no"), 6, "data sessions import FILE"),
        (Reply(500, b"no"), 6, "500"),
        (Reply(body=answer({})), 8, "is empty"),
        (Reply(body=answer()[:60]), 8, "is neither the JSON"),
        (Reply(body=THIS_YEAR), 8, "this is the list of 2026, and the one of 2027 is needed"),
        (Reply(body=OLD_LIST), 8, "is the list of 2025, a past year"),
    ],
)
def test_an_answer_that_is_not_the_list_fills_nothing(
    tradectl: Tradectl, web: Site, reply: Reply, code: int, reason: str
) -> None:
    web.put(ADDRESS, reply)
    said = tradectl("data", "sessions", "fetch", *THEN)
    assert (said.code, reason in said.err, said.err.count("\n")) == (code, True, 1)
    assert tradectl("data", "sessions", "--json", *THEN).object["result"]["years"] == []


def test_a_saved_file_does_the_same(tradectl: Tradectl, tmp_path: Path) -> None:
    saved = tmp_path / "holiday-master.json"
    saved.write_bytes(answer())
    refused = tradectl("sell-monitor", "--once", *LATER)
    assert (refused.code, "`tradectl data sessions import FILE`" in refused.err) == (8, True)
    assert tradectl("run-due", *LATER).code == 8
    assert tradectl("data", "sessions", "import", str(saved), *LATER).code == 0
    assert tradectl("sell-monitor", "--once", *LATER).code == 0
    assert tradectl("data", "sessions", "import", str(tmp_path / "none.json"), *LATER).code == 2


def test_doctor_names_the_command_that_fills_the_year(tradectl: Tradectl) -> None:
    tradectl("status", *THEN)
    found = tradectl("doctor", "--json", *THEN).object["result"]
    calendar = next(item for item in found if item["check"] == "calendar")
    assert (calendar["state"], "tradectl data sessions fetch" in calendar["text"]) == ("look", True)
