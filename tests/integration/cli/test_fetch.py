"""`data fetch` as it is typed: what it says in one line, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from datetime import time as clock
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Tradectl
from tests.integration.cli.test_light import HEAVY, loaded
from tests.integration.marketdata.sources import bhavcopies
from tests.integration.marketdata.sources.charts import Share, chart, path
from tests.integration.marketdata.sources.conftest import HASTY
from tests.support.http_server import unused_address
from tests.support.loopback import Reply, Site, site
from tradectl.bootstrap import open_prices, open_world
from tradectl.brokers.account.read_only_account import ReadOnlyAccount
from tradectl.cli import fetching
from tradectl.clock import SystemClock
from tradectl.errors import ConfigurationError
from tradectl.marketdata.sources import delayed
from tradectl.model.moment import at_ist
from tradectl.settings import load

MONDAY, TUESDAY, WEDNESDAY = date(2024, 10, 28), date(2024, 10, 29), date(2024, 10, 30)
EVENING = ("--at", "2024-10-29 20:00")
PLAIN = (100.0, 110.0, 95.0, 105.5, 1000)


def settle(home: Path, **settings: str) -> None:
    home.mkdir(exist_ok=True)
    lines = [f'{key} = "{value}"\n' for key, value in settings.items()]
    (home / "tradectl.toml").write_text("".join(lines), encoding="utf-8")


@pytest.fixture
def web(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """NSE and Yahoo in one, to which the home's settings point."""
    monkeypatch.setattr(fetching, "DEFAULT_LIMITS", HASTY)
    monkeypatch.setattr(delayed, "QUOTE_LIMITS", HASTY)
    with site() as opened:
        settle(home, nse=opened.url, nse_home=opened.url, yahoo=opened.url)
        yield opened


def serve(web: Site, day: date) -> None:
    web.put(bhavcopies.usual(day), Reply(body=bhavcopies.zipped(bhavcopies.udiff(day))))


def test_what_came_is_told_in_a_table_and_in_json(tradectl: Tradectl, web: Site) -> None:
    serve(web, MONDAY)
    serve(web, TUESDAY)
    said = tradectl("data", "fetch", "--since", "2024-10-28", "--to", "2024-10-28", *EVENING)
    assert (said.code, said.err) == (0, "")
    assert "BhavCopy_NSE_CM_0_0_0_20241028_F_0000.csv.zip" in said.out
    said = tradectl("data", "fetch", "--json", *EVENING)
    assert (said.code, said.object["outcome"], said.object["error"]) == (0, "completed", None)
    result = said.object["result"]
    assert (result["source"], result["sessions"], result["missing"]) == ("nse", ["2024-10-29"], [])
    assert [item["new"] for item in result["files"]] == [1]
    assert tradectl("data", "fetch", *EVENING).out == "Nothing to fetch.\n"
    assert tradectl("data", "fetch", "-q", *EVENING).out == ""


def test_a_missing_session_ends_with_8_and_the_others_are_kept(tradectl: Tradectl, web: Site) -> None:
    serve(web, TUESDAY)
    said = tradectl("data", "fetch", "--since", "2024-10-28", *EVENING)
    assert said.code == 8
    assert said.err == (
        "tradectl: 2024-10-28: not published; `tradectl data sessions fetch` shows by NSE's list of holidays whether the "
        "exchange was closed\n"
    )
    assert tradectl("data", "list", "--json").object["result"]["sessions"] == 1


def test_a_session_that_may_still_come_is_no_failure(tradectl: Tradectl, web: Site) -> None:
    said = tradectl("data", "fetch", "--since", "2024-10-29", "--at", "2024-10-29 17:00", "--json")
    assert (said.code, said.object["result"]["missing"][0]["reason"]) == (0, "not published yet")


def test_a_damaged_file_ends_with_8(tradectl: Tradectl, web: Site) -> None:
    web.put(bhavcopies.usual(MONDAY), Reply(body=b"<html>sorry</html>"))
    said = tradectl("data", "fetch", "--since", "2024-10-28", "--to", "2024-10-28", *EVENING)
    assert said.code == 8
    assert said.err.startswith("tradectl: 2024-10-28: BhavCopy_NSE_CM_0_0_0_20241028_F_0000.csv.zip: is a web page")
    assert said.err.count("\n") == 1


def test_a_network_that_is_down_ends_with_6(tradectl: Tradectl, web: Site, home: Path) -> None:
    away = unused_address()
    settle(home, nse=away, nse_home=away)
    said = tradectl("data", "fetch", "--since", "2024-10-28", *EVENING)
    assert (said.code, said.out, said.err) == (6, "", "tradectl: NSE cannot be reached (ConnectionError)\n")


WRONG_WORDS = {
    "from nowhere": (("--source", "bse"), "a source is one of nse, surveillance, yahoo, kite; not 'bse'"),
    "no symbols": (("--source", "yahoo", "--since", "2024-10-28"), "name the symbols: --symbols A,B,C or --universe NAME"),
    "symbols of nse": (
        ("--symbols", "ACME"),
        "NSE's files have every symbol: --symbols and --universe are for the other sources",
    ),
    "replace by yahoo": (
        ("--source", "yahoo", "--symbols", "ACME", "--replace"),
        "Yahoo never replaces a stored bar: --replace is for --source nse",
    ),
    "no date": (("--since", "yesterday"), "'yesterday' is not a date: write YYYY-MM-DD"),
    "nothing stored": ((), "nothing is stored yet: give the first date with --since YYYY-MM-DD"),
}


@pytest.mark.parametrize("what", WRONG_WORDS)
def test_wrong_words_end_with_2(tradectl: Tradectl, web: Site, what: str) -> None:
    words, line = WRONG_WORDS[what]
    said = tradectl("data", "fetch", *words, *EVENING)
    assert (said.code, said.err) == (2, f"tradectl: {line}\n")
    assert web.asked == []


def test_yahoo_for_symbols_and_for_a_universe(tradectl: Tradectl, web: Site, home: Path) -> None:
    web.otherwise = Reply(200, b"crumb")
    for symbol in ("M&M", "ACME"):
        web.put(path(symbol), chart(Share(symbol, {MONDAY: PLAIN, TUESDAY: PLAIN})))
    yahoo = ("data", "fetch", "--source", "yahoo", "--json")
    first = tradectl(*yahoo, "--symbols", "m&m, ACME", "--since", "2024-10-28", "--to", "2024-10-28", *EVENING)
    assert (first.code, [item["new"] for item in first.object["result"]["files"]]) == (0, [1, 1]), first.err
    second = tradectl(*yahoo, "--universe", "all", *EVENING)
    assert [item["file"] for item in second.object["result"]["files"]] == ["yahoo-ACME.csv", "yahoo-M&M.csv"]
    assert tradectl("data", "list", "--json").object["result"]["sessions"] == 2
    assert (home / "yahoo").is_dir()


def test_a_fetch_of_one_symbol_hides_no_other(tradectl: Tradectl, web: Site) -> None:
    """Yahoo brings one symbol of both days. NSE's files of them are still wanted, and replace what differs."""
    web.otherwise = Reply(200, b"crumb")
    web.put(path("OTHER"), chart(Share("OTHER", {MONDAY: PLAIN, TUESDAY: PLAIN})))
    web.put(path("ACME"), chart(Share("ACME", {MONDAY: PLAIN, TUESDAY: (100.0, 110.0, 95.0, 105.45, 990)})))
    yahoo = ("data", "fetch", "--source", "yahoo", "--json", *EVENING)
    assert tradectl(*yahoo, "--symbols", "OTHER", "--since", "2024-10-28").code == 0
    late = tradectl(*yahoo, "--symbols", "ACME,OTHER").object["result"]
    assert [(item["file"], item["new"]) for item in late["files"]] == [("yahoo-ACME.csv", 2)]
    serve(web, MONDAY)
    serve(web, TUESDAY)
    said = tradectl("data", "fetch", "--json", *EVENING)
    assert (said.code, said.object["result"]["sessions"]) == (0, ["2024-10-28", "2024-10-29"])
    assert [item["replaced"] for item in said.object["result"]["files"]] == [0, 1]


def test_a_hole_of_one_symbol_is_repaired(tradectl: Tradectl, web: Site, tmp_path: Path) -> None:
    bars = tmp_path / "bars.csv"
    rows = [
        (MONDAY, "OTHER"),
        (MONDAY, "THIRD"),
        (TUESDAY, "OTHER"),
        (TUESDAY, "THIRD"),
        (WEDNESDAY, "OTHER"),
        (WEDNESDAY, "THIRD"),
    ]
    rows += [(MONDAY, "ACME"), (WEDNESDAY, "ACME")]
    lines = (f"{day},{symbol},EQ,100,110,95,105.5,1000\n" for day, symbol in rows)
    bars.write_text("date,symbol,series,open,high,low,close,volume\n" + "".join(lines), encoding="utf-8")
    assert tradectl("data", "import", str(bars)).code == 0
    serve(web, TUESDAY)
    repair = ("data", "fetch", "--repair", "--json", "--at", "2024-10-30 20:00")
    assert tradectl(*repair).object["result"]["sessions"] == ["2024-10-29"]
    assert tradectl(*repair).object["result"]["sessions"] == []


def test_a_session_without_a_suspended_symbol_is_fetched_once(tradectl: Tradectl, web: Site, tmp_path: Path) -> None:
    """NSE's file has no bar of the symbol either, and all its rows were stored before."""
    serve(web, TUESDAY)
    lines = [f"{day},{symbol},EQ,100,110,95,105.5,1000\n" for day in (MONDAY, WEDNESDAY) for symbol in ("ACME", "OTHER", "THIRD")]
    lines += [f"{TUESDAY},{symbol},EQ,100,110,95,105.5,1000\n" for symbol in ("ACME", "THIRD")]
    bars = tmp_path / "bars.csv"
    bars.write_text("date,symbol,series,open,high,low,close,volume\n" + "".join(lines), encoding="utf-8")
    assert tradectl("data", "import", str(bars)).code == 0
    repair = ("data", "fetch", "--repair", "--json", "--at", "2024-10-30 20:00")
    first = tradectl(*repair).object["result"]
    assert (first["sessions"], [(item["new"], item["same"]) for item in first["files"]]) == (["2024-10-29"], [(0, 1)])
    assert tradectl(*repair).object["result"]["sessions"] == []


def test_an_unknown_universe_ends_with_2(tradectl: Tradectl, web: Site) -> None:
    serve(web, MONDAY)
    tradectl("data", "fetch", "--since", "2024-10-28", "--to", "2024-10-28", *EVENING)
    said = tradectl("data", "fetch", "--source", "yahoo", "--universe", "GHOSTS", *EVENING)
    assert (said.code, said.err) == (2, "tradectl: GHOSTS is neither a list nor a symbol; known lists: all\n")


def test_control_c_ends_it_with_130_and_one_line(home: Path, web: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real process, stopped while a body drips; what came before is there."""
    serve(web, MONDAY)
    web.put(bhavcopies.usual(TUESDAY), Reply(body=bhavcopies.zipped(bhavcopies.udiff(TUESDAY)), pause=0.2))
    words = [sys.executable, "-m", "tradectl", "--home", str(home), "data", "fetch", "--since", "2024-10-28", *EVENING]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    while bhavcopies.usual(TUESDAY) not in web.asked:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "tradectl: stopped by signal 2\n")


def unasked() -> ReadOnlyAccount:
    raise AssertionError("nobody has asked for a price")


@pytest.mark.parametrize("source", ["yahoo", "kite", "kotak_neo", "openalgo"])
def test_quotes_of_a_source_are_for_paper_only(home: Path, source: str) -> None:
    settle(home, quotes=source)
    settings = load(home=str(home), environment={})
    assert open_prices(settings, "paper", SystemClock(), unasked) is not None
    for mode in ("live", "simulated"):
        with pytest.raises(ConfigurationError, match=rf"{source} are only for paper homes; this home is {mode}") as caught:
            open_prices(settings, mode, SystemClock(), unasked)
        assert caught.value.exit_code == 4
    assert open_prices(load(home=str(home / "other"), environment={}), "live", SystemClock(), unasked) is None


def test_an_unknown_source_of_quotes_ends_with_4(tradectl: Tradectl, home: Path) -> None:
    settle(home, quotes="reuters")
    said = tradectl("status")
    line = (
        "tradectl: the setting quotes must be 'yahoo' or a broker (kite, kotak_neo, openalgo, dhan), or unset for stored bars; "
        "not 'reuters'\n"
    )
    assert (said.code, said.err.splitlines(keepends=True)[-1]) == (4, line)


def test_a_home_that_chose_yahoo_trades_on_its_quotes(home: Path, web: Site, tradectl: Tradectl, tmp_path: Path) -> None:
    bars = tmp_path / "bars.csv"
    bars.write_text(f"date,symbol,series,open,high,low,close,volume\n{MONDAY},ACME,EQ,100,110,95,105.5,1000\n", encoding="utf-8")
    tradectl("data", "import", str(bars))
    settle(home, quotes="yahoo", yahoo=web.url)
    web.otherwise = Reply(200, b"crumb")
    web.put(path("ACME"), chart(Share("ACME", {MONDAY: PLAIN, TUESDAY: PLAIN}, last=(at_ist(TUESDAY, clock(10, 45)), 105.5))))
    world = open_world(load(home=str(home), at="2024-10-29 11:00", environment={}))
    quote = world.broker.quotes(["ACME"])["ACME"]
    assert (quote.source, quote.last, quote.upper_band) == ("yahoo", 10550, 12660)
    assert world.broker.capabilities.quote_delay == timedelta(minutes=15)


@pytest.mark.parametrize("source", ["yahoo", "kite"])
def test_a_home_with_a_source_of_quotes_still_reads_lightly(home: Path, source: str) -> None:
    settle(home, quotes=source)
    assert not loaded(home, "status") & {*HEAVY, "yfinance", "curl_cffi"}
