"""The task `prices`: every kind of data from a loopback NSE; each trap is a finding with its age, and the others are fetched."""

from __future__ import annotations

import csv
import gzip
import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.integration.cli.conftest import Said, Tradectl
from tests.integration.marketdata.sources import bhavcopies
from tests.integration.marketdata.sources.conftest import HASTY
from tests.support import nse_site
from tests.support.http_server import unused_address
from tests.support.loopback import NOTHING, Reply, Site, site
from tradectl.bootstrap import init
from tradectl.lab.sandboxes.kite import KiteSandbox
from tradectl.marketdata.archive import Archive
from tradectl.marketdata.feeds import bars
from tradectl.marketdata.imports import import_files
from tradectl.marketdata.sources import request_pacer
from tradectl.settings import load
from tradectl.strategy.trusted_prices import why_missing

MONDAY, WEDNESDAY, THURSDAY = date(2026, 11, 23), date(2026, 11, 25), date(2026, 11, 26)
"""Tuesday 24 November is a holiday."""
EVENING = "2026-11-25 19:05"
BARS = "symbol,date,series,open,high,low,close,volume\n" + "".join(
    f"SH0{n},2026-11-20,EQ,100,110,95,105.5,1000\n" for n in range(2)
)
KINDS = ["bars", "corporate_actions", "symbol_changes", "securities", "index:nifty50", "surveillance", "derivatives", "holidays"]


@pytest.fixture
def nse(home: Path, tradectl: Tradectl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, set_clock: Any) -> Iterator[Site]:
    """A paper home of Wednesday evening with two bars of Friday, and an NSE that has all that came since."""
    monkeypatch.setattr(request_pacer, "DEFAULT_LIMITS", HASTY)
    set_clock(EVENING)
    home.mkdir()
    with site() as opened:
        settings = (f'{key} = "{opened.url}"\n' for key in ("nse", "nse_home"))
        (home / "tradectl.toml").write_text("".join(settings), encoding="utf-8")
        (tmp_path / "bars.csv").write_text(BARS)
        assert tradectl("init").code == 0
        assert tradectl("data", "import", str(tmp_path / "bars.csv")).code == 0
        assert tradectl("config", "set", "universe", "nifty50").code == 0
        nse_site.serve(opened, WEDNESDAY, (MONDAY, WEDNESDAY))
        yield opened


def stored(home: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(home / "market" / "archive.db")) as archive:
        return archive.execute(query).fetchall()


def dates(home: Path) -> dict[str, str]:
    return dict(stored(home, "SELECT kind, as_of FROM freshness"))


def test_an_evening_brings_every_kind_in_order(nse: Site, tradectl: Tradectl, home: Path) -> None:
    said = tradectl("prices", "--json")
    assert (said.code, said.object["outcome"]) == (0, "completed")
    kinds = said.object["result"]["kinds"]
    assert list(kinds) == KINDS
    assert {kind: found["as_of"] for kind, found in kinds.items()} == dict.fromkeys(KINDS, "2026-11-25")
    assert dates(home) == dict.fromkeys(KINDS, "2026-11-25")
    assert stored(home, "SELECT count(*), count(DISTINCT session) FROM bars") == [(122, 3)]
    assert [path.partition("?")[0] for path in nse.asked].count("/") == 1  # the cookies of one visit serve all


def test_the_actions_asked_for_are_a_week_back_a_month_ahead(nse: Site, tradectl: Tradectl) -> None:
    tradectl("prices")
    (first,) = [path for path in nse.asked if path.startswith(nse_site.ACTIONS) and "403" not in path][-1:]
    assert first.endswith("index=equities&from_date=13-11-2026&to_date=25-12-2026")  # since the first bar


def test_a_person_reads_a_table(nse: Site, tradectl: Tradectl) -> None:
    said = tradectl("prices")
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert lines[:3] == ["prices 19:00 of 2026-11-25 completed", "KIND AS OF NEW NOTE", "bars 2026-11-25 120"]
    assert tradectl("prices", "--force", "-q").out == ""


def test_a_second_run_asks_for_nothing(nse: Site, tradectl: Tradectl) -> None:
    tradectl("prices")
    before = len(nse.asked)
    assert tradectl("prices", "--json").object["outcome"] == "already_completed"
    said = tradectl("prices", "--force", "--json")
    assert (said.code, len(nse.asked)) == (0, before)
    assert {item["note"] for kind, item in said.object["result"]["kinds"].items() if kind != "bars"} == {"is current"}


def test_one_symbol_of_a_session_hides_no_other(nse: Site, tradectl: Tradectl, home: Path, tmp_path: Path) -> None:
    row = BARS.splitlines()[1].replace("2026-11-20", "2026-11-25")
    (tmp_path / "one.csv").write_text(f"{BARS.splitlines()[0]}\n{row}\n", encoding="utf-8")
    assert tradectl("data", "import", str(tmp_path / "one.csv")).code == 0
    said = tradectl("prices", "--json")
    assert (said.code, said.object["result"]["kinds"]["bars"]["as_of"]) == (0, "2026-11-25")
    assert stored(home, "SELECT count(*) FROM bars WHERE session = '2026-11-25'") == [(60,)]
    before = len(nse.asked)
    tradectl("prices", "--force")
    assert len(nse.asked) == before


def test_muhurat_and_the_missing_next_year_are_notes(
    nse: Site, tradectl: Tradectl, home: Path, set_clock: Callable[[str], None]
) -> None:
    nse_site.serve(
        nse, date(2026, 12, 1), (MONDAY, WEDNESDAY, THURSDAY, *(date(2026, 11, day) for day in (27, 30)), date(2026, 12, 1))
    )
    nse.put(nse_site.HOLIDAYS, Reply(body=nse_site.holidays(2026, **{"2026-12-30": "Laxmi Pujan*"})))
    set_clock("2026-12-01 19:05")
    said = tradectl("prices", "--json")
    found = said.object["result"]["kinds"]["holidays"]
    assert (said.code, found["as_of"]) == (0, "2026-12-01")
    assert found["note"] == (
        "session without hours, nothing trades in it: 2026-12-30 Laxmi Pujan*; "
        "this is the list of 2026, and the one of 2027 is needed: NSE publishes it in December"
    )
    assert "2026-12-30,muhurat,,,no," in (home / "sessions.csv").read_text(encoding="utf-8")


def test_the_morning_slot_brings_what_the_evening_lacked(
    nse: Site, tradectl: Tradectl, home: Path, set_clock: Callable[[str], None]
) -> None:
    nse.put(nse_site.usual(WEDNESDAY), Reply(404))
    assert tradectl("prices").code == 8
    nse_site.serve(nse, WEDNESDAY, (MONDAY, WEDNESDAY))
    set_clock("2026-11-26 07:40")
    before = len(nse.asked)
    said = tradectl("run-due", "--json")
    ran = [(item["task"], item["slot"], item["outcome"]) for item in said.object["result"]["reports"]]
    assert ran[1:] == [("prices", "07:30", "completed")]  # the first is the report of what Wednesday missed
    assert dates(home)["bars"] == "2026-11-25"
    assert [path for path in nse.asked[before:] if "BhavCopy" not in path] == ["/"]


def test_lists_of_the_morning_are_fetched_again_in_the_evening(
    nse: Site, tradectl: Tradectl, home: Path, set_clock: Callable[[str], None]
) -> None:
    set_clock("2026-11-26 07:40")
    assert tradectl("prices").code == 0
    assert dates(home)["corporate_actions"] == dates(home)["index:nifty50"] == "2026-11-25"
    nse_site.serve(nse, THURSDAY, (MONDAY, WEDNESDAY, THURSDAY))
    set_clock("2026-11-26 19:05")
    before = len(nse.asked)
    assert tradectl("prices").code == 0
    assert dates(home) == dict.fromkeys(KINDS, "2026-11-26") | {"derivatives": dates(home)["derivatives"]}
    assert [path for path in nse.asked[before:] if path.startswith(nse_site.ACTIONS)][-1].endswith(
        "from_date=18-11-2026&to_date=26-12-2026"
    )


def test_forced_on_a_holiday_it_fetches_the_last_session(
    nse: Site, tradectl: Tradectl, home: Path, set_clock: Callable[[str], None]
) -> None:
    set_clock("2026-11-24 12:00")
    assert tradectl("prices", "--json").object["outcome"] == "not_a_session"
    said = tradectl("prices", "--force", "--json")
    assert (said.code, said.object["session"], dates(home)["bars"]) == (0, "2026-11-23", "2026-11-23")


def test_it_runs_before_the_premarket_retry_only(nse: Site, tradectl: Tradectl, set_clock: Callable[[str], None]) -> None:
    set_clock("2026-11-26 08:01")
    assert "prices" not in {item["task"] for item in tradectl("run-due", "--json").object["result"]["reports"]}


ADDRESSES = {
    "corporate_actions": nse_site.ACTIONS,
    "symbol_changes": nse_site.RENAMES,
    "securities": nse_site.SECURITIES,
    "index:nifty50": nse_site.MEMBERS,
    "derivatives": nse_site.LOTS,
    "holidays": nse_site.HOLIDAYS,
}


@pytest.mark.parametrize("trap", [*nse_site.TRAPS, "empty", "changed", "half"])
def test_a_trap_is_a_finding_and_the_bars_come(nse: Site, tradectl: Tradectl, home: Path, trap: str) -> None:
    whole = {address: nse.replies[address][0] for address in ADDRESSES.values()}
    for address, reply in whole.items():
        replies = nse_site.TRAPS | {
            "empty": Reply(body=nse_site.EMPTY[address]),
            "changed": Reply(body=nse_site.CHANGED[address]),
            "half": nse_site.half(reply.body),
        }
        nse.put(address, replies[trap])
    said = tradectl("prices", "--json")
    assert (said.code, said.object["outcome"]) in {(6, "failed"), (8, "failed")}
    error = said.object["error"]
    assert error.count("\n") == 0
    if error.startswith("NSE") and "so 6 kinds of data did not come: " in error:  # one cause is told once
        assert (error.count("None is stored"), error.count("tradectl help fetch-prices"), " FILE`" in error) == (1, 1, False)
    else:
        assert error.count(". None is stored: ") == 6
        assert error.count(" FILE`") >= 5  # a missing list of holidays names the command twice
    kinds = said.object["result"]["kinds"]
    assert [name for name, found in kinds.items() if found["as_of"] is None] == list(ADDRESSES)
    assert dates(home) == {name: "2026-11-25" for name in KINDS if name not in ADDRESSES}
    for address, reply in whole.items():
        nse.put(address, reply)
    assert tradectl("prices").code == 0
    assert dates(home) == dict.fromkeys(KINDS, "2026-11-25")


def test_yesterdays_bhavcopy_is_not_todays(nse: Site, tradectl: Tradectl, home: Path) -> None:
    nse.put(nse_site.usual(WEDNESDAY), Reply(body=nse_site.bhavcopy(MONDAY)))
    said = tradectl("prices")
    assert said.code == 8
    assert "daily bars: 2026-11-25 is missing: not published; NSE serves the file of 2026-11-23" in said.err
    assert "The stored data are of 2026-11-23, 1 session old: analyze refuses" in said.err
    assert dates(home)["bars"] == "2026-11-23"


def test_an_old_session_that_never_comes_is_a_note(
    nse: Site, tradectl: Tradectl, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bars, "WINDOW", 1)
    nse.put(nse_site.usual(MONDAY), NOTHING)
    nse.put(bhavcopies.second_best(MONDAY), NOTHING)
    said = tradectl("prices", "--json")
    assert said.code == 0
    note = said.object["result"]["kinds"]["bars"]["note"]
    assert note.startswith("older sessions, for past trades only: 2026-11-23 is missing: not published")


def test_a_site_that_is_down_ends_with_6_and_all_findings(nse: Site, tradectl: Tradectl, home: Path) -> None:
    away = unused_address()
    (home / "tradectl.toml").write_text(f'nse = "{away}"\nnse_home = "{away}"\n')
    said = tradectl("prices", "--json")
    assert (said.code, said.object["error"]) == (
        6,
        "NSE cannot be reached (ConnectionError), so 8 kinds of data did not come: "
        "daily bars. The stored data are of 2026-11-20, 2 sessions old. "
        "corporate actions, symbol changes, list of securities, members of nifty50, surveillance lists (GSM, ESM, ASM), "
        "shares with derivatives, list of holidays. None is stored. "
        "Analyze refuses a session without bars, so nothing is bought until they are stored. "
        "`tradectl prices --force` tries again at once; `tradectl help fetch-prices` lists what to import by hand",
    )
    assert {found["note"] for found in said.object["result"]["kinds"].values()} == {"NSE cannot be reached (ConnectionError)"}
    logged = tradectl("logs", "--task", "prices", "--level", "error").words
    assert logged.count("`tradectl data import FILE`") >= 4  # each with its own advice


def test_a_pass_that_fails_says_each_error_once(nse: Site, tradectl: Tradectl, home: Path) -> None:
    away = unused_address()
    (home / "tradectl.toml").write_text(f'nse = "{away}"\nnse_home = "{away}"\n')
    with closing(sqlite3.connect(home / "ledger.db")) as ledger:  # a new home would wait with `analyze`
        ledger.execute("UPDATE users SET created_at = '2026-11-20T00:00:00+00:00'")
        ledger.commit()
    said = tradectl("run-due")
    assert said.code == 6
    lines = [line for line in said.err.splitlines() if line.startswith("tradectl: ")]
    assert [line.partition(": ")[2].partition(":")[0] for line in lines] == ["prices 19", "analyze", "missed"]
    assert (said.err.count("cannot be reached"), said.err.count("corporate actions is not stored")) == (1, 1)
    assert "buy needs" not in said.err
    page = tradectl("status").words
    assert (page.count("cannot be reached"), page.count("corporate actions is not stored"), page.count("see above")) == (1, 1, 3)


def test_a_list_that_shrank_is_refused(nse: Site, tradectl: Tradectl, home: Path, set_clock: Callable[[str], None]) -> None:
    tradectl("prices")
    nse_site.serve(nse, THURSDAY, (MONDAY, WEDNESDAY, THURSDAY))
    nse.put(nse_site.SECURITIES, Reply(body=nse_site.securities(nse_site.SHARES[:20])))
    nse.put(nse_site.MEMBERS, Reply(body=nse_site.members(nse_site.SHARES[:40])))
    set_clock("2026-11-26 19:05")
    said = tradectl("prices")
    assert said.code == 8
    assert "has 20 rows and the stored list 60" in said.err
    assert "has 40 of 50 members" in said.err
    assert stored(home, "SELECT count(*) FROM lists") == [(50,)]


def test_an_action_that_was_postponed_is_withdrawn(
    nse: Site, tradectl: Tradectl, home: Path, set_clock: Callable[[str], None]
) -> None:
    split, later = date(2026, 12, 1), date(2026, 12, 8)
    first = nse_site.action("SH03", split, "Face Value Split (Sub-Division) - From Rs 10/- Per Share To Rs 2/- Per Share")
    nse.put(nse_site.ACTIONS, Reply(body=nse_site.actions(WEDNESDAY, first)))
    tradectl("prices")
    nse_site.serve(nse, THURSDAY, (MONDAY, WEDNESDAY, THURSDAY))
    moved = first | {"exDate": f"{later:%d-%b-%Y}"}
    nse.put(nse_site.ACTIONS, Reply(body=nse_site.actions(WEDNESDAY, moved)))
    set_clock("2026-11-26 19:05")
    said = tradectl("prices", "--json")
    assert said.object["result"]["kinds"]["corporate_actions"]["note"] == "1 withdrawn"
    assert stored(home, "SELECT ex_date FROM actions WHERE symbol = 'SH03'") == [("2026-12-08",)]


def test_a_day_closed_at_short_notice_is_no_session(nse: Site, tradectl: Tradectl, set_clock: Callable[[str], None]) -> None:
    nse.put(nse_site.HOLIDAYS, Reply(body=nse_site.holidays(2026, **{"2026-11-27": "Elections"})))
    said = tradectl("prices", "--json")
    assert said.object["result"]["kinds"]["holidays"]["note"] == "closed: 2026-11-27 Elections"
    set_clock("2026-11-27 09:20")
    assert tradectl("buy", "--json").object["outcome"] == "not_a_session"


def test_a_day_that_was_closed_without_notice_ends_as_no_session(
    nse: Site, tradectl: Tradectl, set_clock: Callable[[str], None]
) -> None:
    """Thursday was closed; NSE's list had it only afterwards. No evening fails for ever because its bars never come."""
    tradectl("prices")
    friday = date(2026, 11, 27)
    nse_site.serve(nse, friday, (MONDAY, WEDNESDAY, friday))
    nse.put(nse_site.HOLIDAYS, Reply(body=nse_site.holidays(2026, **{"2026-11-26": "Mourning"})))
    set_clock("2026-11-27 19:05")
    first = tradectl("prices", "--json")
    assert (first.code, first.object["result"]["kinds"]["holidays"]["note"]) == (8, "closed: 2026-11-26 Mourning")
    set_clock("2026-11-27 19:15")
    said = tradectl("prices", "--json")
    assert (said.code, said.object["outcome"]) == (0, "completed")


def test_a_file_that_was_cut_off_is_fetched_again_as_advised(nse: Site, tradectl: Tradectl, home: Path) -> None:
    """NSE's own file lacked rows, so its session counts as complete, and `--repair` finds no gap."""
    count = "SELECT count(*) FROM bars WHERE session = '2026-11-25'"
    nse.put(bhavcopies.usual(WEDNESDAY), Reply(body=nse_site.bhavcopy(WEDNESDAY, nse_site.SHARES[:40])))
    tradectl("prices")
    nse.put(bhavcopies.usual(WEDNESDAY), Reply(body=nse_site.bhavcopy(WEDNESDAY)))
    tradectl("data", "fetch", "--repair")
    assert stored(home, count) == [(40,)]
    day = WEDNESDAY.toordinal()
    advised = re.search(r"`tradectl (data fetch [^`]*)`", why_missing(np.array([day])))
    assert advised is not None
    assert tradectl(*advised[1].split()).code == 0
    assert stored(home, count) == [(60,)]


def test_the_reports_of_the_site_replace_a_missing_file(nse: Site, tradectl: Tradectl, home: Path) -> None:
    nse.put(nse_site.indicator_file(WEDNESDAY), Reply(404))
    for name, content in nse_site.reports(WEDNESDAY).items():
        nse.put(f"/api/report{name}", Reply(body=content))
    said = tradectl("prices", "--json")
    assert said.code == 0
    assert "from the reports of NSE's site" in said.object["result"]["kinds"]["surveillance"]["note"]
    assert dates(home)["surveillance"] == "2026-11-25"
    assert stored(home, "SELECT count(DISTINCT measure) FROM surveillance") == [(4,)]


def test_without_file_or_report_the_lists_are_a_finding(nse: Site, tradectl: Tradectl) -> None:
    nse.put(nse_site.indicator_file(WEDNESDAY), Reply(body=b"<html>no</html>"))
    said = tradectl("prices")
    assert said.code == 8
    assert "REG1_IND251126.csv: is a web page" in said.err
    assert "a share that came under GSM, ESM or long-term ASM since then may be bought" in said.err


def test_a_dry_run_lists_what_is_due(nse: Site, tradectl: Tradectl, home: Path) -> None:
    said = tradectl("prices", "--dry-run", "--json")
    assert (said.code, said.object["result"]["due"], nse.asked) == (0, KINDS, [])
    assert dates(home) == {"bars": "2026-11-20"}


def test_a_home_on_a_virtual_clock_fetches_nothing(tradectl: Tradectl) -> None:
    said = tradectl("--at", EVENING, "prices")
    assert said.code == 2
    assert "this home has a virtual clock" in said.err
    assert "prices" not in {item["task"] for item in tradectl("--at", EVENING, "status", "--json").object["result"]["agenda"]}
    assert tradectl("--at", "2026-11-26 23:50", "run-due", "--json").object["result"]["reports"][0]["task"] == "run-due"


def test_a_first_night_brings_the_history(nse: Site, tradectl: Tradectl, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "market" / "archive.db").unlink()
    monkeypatch.setattr("tradectl.marketdata.feeds.bars.YEAR", date(2026, 11, 25) - date(2026, 11, 24))
    monkeypatch.setattr("tradectl.marketdata.feeds.bars.TOGETHER", 1)
    said = tradectl("prices", "--json")  # six years of one day each
    assert (said.code, said.object["result"]["kinds"]["bars"]["note"]) == (8, said.object["result"]["kinds"]["bars"]["note"])
    assert stored(home, "SELECT DISTINCT session FROM bars ORDER BY session") == [("2026-11-23",), ("2026-11-25",)]


def test_an_interrupted_run_continues_where_it_was(
    nse: Site, tradectl: Tradectl, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tradectl.marketdata.feeds.bars.TOGETHER", 1)
    nse.put(nse_site.usual(WEDNESDAY), Reply(503))
    assert tradectl("prices").code == 6
    assert dates(home) == dict.fromkeys(KINDS, "2026-11-25") | {"bars": "2026-11-23"}
    nse_site.serve(nse, WEDNESDAY, (MONDAY, WEDNESDAY))
    before = len(nse.asked)
    assert tradectl("prices").code == 0
    assert nse.asked[before:] == [nse_site.usual(WEDNESDAY), "/", nse_site.usual(WEDNESDAY)]


def test_a_window_that_ends_too_early_is_a_finding(nse: Site, tradectl: Tradectl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradectl.runtime.runner.LONG_FETCH", timedelta(seconds=-1))
    said = tradectl("prices", "--session", "2026-11-23", "--force", "--json")
    assert (said.code, said.object["outcome"]) == (8, "failed")
    assert "the window closed before daily bars, corporate actions" in said.object["error"]


def test_analyze_refuses_without_a_list_of_actions(nse: Site, tradectl: Tradectl) -> None:
    said = tradectl("analyze")
    assert said.code == 8
    assert "the list of corporate actions is not stored: a split that is not known looks like a fall" in said.err
    assert "`tradectl prices --force`" in said.err
    assert "corporate actions not stored" in tradectl("doctor", "--offline").out


@pytest.mark.parametrize(("ex_date", "refused"), [("2026-11-18", True), ("2026-11-19", False), ("2026-12-30", False)])
def test_an_imported_list_is_as_old_as_its_newest_ex_date(
    nse: Site, tradectl: Tradectl, home: Path, tmp_path: Path, ex_date: str, refused: bool
) -> None:
    (tmp_path / "actions.csv").write_text(f"symbol,series,ex_date,subject\nSH00,EQ,{ex_date},Dividend - Rs 2 Per Share\n")
    assert tradectl("data", "import", str(tmp_path / "actions.csv")).code == 0
    assert dates(home)["corporate_actions"] == min(ex_date, "2026-11-25")
    said = tradectl("analyze")
    assert ("corporate actions is of 2026-11-18, 4 sessions old, and 3 are allowed" in said.err) is refused
    tradectl("config", "set", "actions_max_age", "4")
    assert "corporate actions" not in tradectl("analyze").err


def test_the_name_of_a_download_says_its_last_day(nse: Site, tradectl: Tradectl, home: Path, tmp_path: Path) -> None:
    saved = tmp_path / "CF-CA-equities-01-11-2026-to-23-11-2026.json"
    saved.write_bytes(nse_site.actions(WEDNESDAY))
    assert tradectl("data", "import", str(saved)).code == 0
    assert dates(home)["corporate_actions"] == "2026-11-23"


def test_a_virtual_clock_needs_no_list_of_actions(home: Path, tradectl: Tradectl, tmp_path: Path) -> None:
    (tmp_path / "bars.csv").write_text(BARS)
    tradectl("data", "import", str(tmp_path / "bars.csv"))
    said = tradectl("--at", "2026-11-20 16:10", "analyze")
    assert "corporate actions" not in said.err


def test_status_and_doctor_show_the_age_of_each_kind(nse: Site, tradectl: Tradectl, set_clock: Callable[[str], None]) -> None:
    tradectl("prices")
    assert "data bars 2026-11-25 (current), corporate actions 2026-11-25 (current)" in tradectl("status").words
    assert "8 kinds of data are current" in tradectl("doctor", "--offline").out
    set_clock("2026-12-02 12:00")
    (bars,) = [item for item in tradectl("status", "--json").object["result"]["data"] if item["kind"] == "bars"]
    assert (bars["as_of"], bars["age"], bars["source"]) == ("2026-11-25", 5, f"{nse_site.usual(WEDNESDAY).rpartition('/')[2]}")
    (found,) = [item for item in tradectl("doctor", "--offline", "--json").object["result"] if item["check"] == "data"]
    assert (found["state"], found["exit_code"]) == ("wrong", 8)
    assert "corporate actions of 2026-11-25, 5 sessions old (analyze refuses" in found["text"]


@pytest.fixture
def kite(nse: Site, tmp_path: Path) -> Iterator[KiteSandbox]:
    """Kite Connect over a paper home with the bars of two shares."""
    folder = tmp_path / "paper"
    world = init(load(home=str(folder), environment={}))
    with closing(Archive(folder / "market")) as archive:
        import_files([tmp_path / "bars.csv"], archive, world.sessions, at=world.clock.now())
    with KiteSandbox(lambda: world.broker, lambda: world.market, world.clock, world.sessions) as server:
        yield server


def test_a_live_home_stores_the_ticks_of_its_broker(nse: Site, kite: KiteSandbox, tradectl: Tradectl, tmp_path: Path) -> None:
    live = tmp_path / "live"
    live.mkdir()
    (live / "tradectl.toml").write_text(f'nse = "{nse.url}"\nnse_home = "{nse.url}"\n')

    def call(*words: str, stdin: str | None = None) -> Said:
        return tradectl("--home", str(live), *words, stdin=stdin)

    call("init", "--mode", "live", "--broker", "kite")
    addresses = ("--address", f"api={kite.url}", "--address", f"login={kite.url}/connect/login")
    call("broker", "set", "kite", *addresses, stdin=f"api_key={kite.tokens.key}\napi_secret={kite.tokens.secret}\n")
    call("config", "set", "universe", "nifty50")
    call("data", "import", str(tmp_path / "bars.csv"))
    said = call("prices", "--json")
    assert (said.code, said.object["error"].count("`tradectl login`, then `tradectl prices --force`")) == (5, 1)
    assert dates(live) == dict.fromkeys(KINDS, "2026-11-25")
    call("login", stdin=f"{kite.tokens.request()}\n")
    assert call("prices", "--json").object["result"]["kinds"]["instruments:kite"]["new"] == 2
    assert stored(live, "SELECT symbol, source, dumped_on FROM instruments ORDER BY symbol") == [
        (symbol, "kite", "2026-11-25") for symbol in ("SH00", "SH01")
    ]
    assert dates(live)["instruments:kite"] == "2026-11-25"


def test_the_exchanges_own_files_are_taken(
    nse: Site, tradectl: Tradectl, home: Path, shared_data: Path, tmp_path: Path, set_clock: Callable[[str], None]
) -> None:
    """The evening of RELIANCE's bonus of 1:1: NSE's bhavcopy, lists and texts as they were published."""
    day, lists = date(2024, 10, 28), shared_data / "lists"
    set_clock("2024-10-28 19:10")
    copy = gzip.decompress((shared_data / "bhavcopy/udiff/BhavCopy_NSE_CM_0_0_0_20241028_F_0000.csv.gz").read_bytes())
    with (lists / "corporate_actions.csv").open(encoding="utf-8") as file:
        near = [row for row in csv.DictReader(file) if "2024-10-18" <= row["ex_date"] <= "2024-11-27"]
    told = [nse_site.action(row["symbol"], date.fromisoformat(row["ex_date"]), row["subject"]) for row in near]
    nse_site.serve(nse, day, (day,))
    nse.put(nse_site.usual(day), Reply(body=nse_site.zipped(copy)))
    nse.put(nse_site.ACTIONS, Reply(body=json.dumps(told).encode()))
    files = {nse_site.SECURITIES: "EQUITY_L", nse_site.RENAMES: "symbolchange", nse_site.MEMBERS: "ind_nifty50list"}
    for address, name in files.items():
        nse.put(address, Reply(body=(lists / f"{name}.csv").read_bytes()))
    (home / "market" / "archive.db").unlink()
    (tmp_path / "bars.csv").write_text(
        BARS.replace("2026-11-20", "2024-10-25").replace("SH00", "RELIANCE").replace("SH01", "TCS")
    )
    assert tradectl("data", "import", str(tmp_path / "bars.csv")).code == 0
    said = tradectl("prices", "--session", "2024-10-28", "--json")
    kinds = said.object["result"]["kinds"]
    assert (said.code, {item["as_of"] for item in kinds.values()}) == (0, {"2024-10-28"})
    assert (kinds["bars"]["new"], kinds["index:nifty50"]["new"], kinds["symbol_changes"]["new"]) == (2272, 50, 1041)
    assert stored(home, "SELECT subject FROM actions WHERE symbol = 'RELIANCE'") == [("Bonus 1:1",)]


def ends(tradectl: Tradectl) -> dict[str, str]:
    """Return today's executions: status by task and slot."""
    rows = tradectl("executions", "--json").object["result"]
    return {f"{row['task']} {row['slot']}".strip(): row["status"] for row in rows}


def test_a_new_home_waits_for_its_first_prices(nse: Site, tradectl: Tradectl) -> None:
    """In the evening analyze and buy are due at once: without data they could only fail, and cron would mail each."""
    first = tradectl("run-due", "-q")
    assert (first.code, first.err, ends(tradectl)) == (0, "", {"prices 19:00": "completed"})
    tradectl("run-due", "-q")
    assert ends(tradectl).keys() == {"prices 19:00", "analyze", "buy", "eod"}


def test_a_new_home_waits_no_longer_after_prices_failed(nse: Site, tradectl: Tradectl) -> None:
    nse.replies.clear()
    assert tradectl("run-due", "-q").code != 0
    assert ends(tradectl) == {"prices 19:00": "failed"}
    assert "corporate actions" in tradectl("run-due", "-q").err
    assert ends(tradectl)["analyze"] == "failed"
