"""Surveillance lists through the command line: import, analyze, why, the age, and a backtest that sees a list from its date."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Tradectl
from tests.integration.marketdata.sources.conftest import HASTY
from tests.integration.marketdata.test_surveillance import indicators
from tests.integration.research.studies import market_in
from tests.support.loopback import Reply, site
from tradectl.cli import fetching

NOW = "2025-06-30 20:00"
EAGER = ("--set", "rsi_entry_above=45", "--set", "rsi_entry_below=45", "--set", "buy_score=0")
OWN = "dated,measure,symbol,isin,stage\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return market_in(tmp_path_factory.mktemp("watched")).market


@pytest.fixture
def listed(home: Path, made: Path, tradectl: Tradectl) -> Tradectl:
    shutil.copytree(made, home / "market")
    return tradectl


def take(listed: Tradectl, tmp_path: Path, rows: str) -> None:
    (tmp_path / "own.csv").write_text(OWN + rows)
    assert listed("data", "import", str(tmp_path / "own.csv")).code == 0


def entries(listed: Tradectl, symbol: str) -> list[str]:
    said = listed("backtest", symbol, "--look-ahead", "3", *EAGER, "--json")
    assert said.code == 0
    return [trade["entry_session"] for trade in said.object["result"]["trades"]]


def test_analyze_counts_it_and_why_shows_it(listed: Tradectl, tmp_path: Path) -> None:
    take(
        listed,
        tmp_path,
        "2025-06-27,gsm,AMBERWELL,,0\n2025-06-27,esm,,,\n2025-06-27,asm_long,,,\n2025-06-27,asm_short,CORALINE,,I\n",
    )
    listed("--at", NOW, "config", "set", "universe", "demo")
    result = listed("--at", NOW, "analyze", "--json").object["result"]
    assert result["by_rule"]["excluded"] == {"surveillance": 1}
    assert result["surveillance"] == "lists are recent"
    (why,) = listed("--at", NOW, "why", "AMBERWELL", "--json").object["result"]
    assert (why["verdict"], why["rule"]) == ("EXCLUDED", "surveillance")
    assert why["reason"] == "not in the universe: surveillance, GSM 0 by the list of 2025-06-27"
    (short,) = listed("--at", NOW, "why", "CORALINE", "--json").object["result"]
    assert short["verdict"] != "EXCLUDED"
    assert short["inputs"]["surveillance"] == "short-term ASM I"
    assert "GSM 2025-06-27 (1 securities, 3 days old)" in listed("--at", NOW, "data", "list").out
    assert "1 of 3 instruments are excluded by the lists" in listed("--at", NOW, "doctor").out


def test_a_missing_or_old_list_is_said(listed: Tradectl, tmp_path: Path) -> None:
    listed("--at", NOW, "config", "set", "universe", "demo")
    result = listed("--at", NOW, "analyze", "--json").object["result"]
    assert result["surveillance"] == "no list of GSM, ESM, long-term ASM is stored"
    assert "no list of GSM, ESM, long-term ASM" in listed("--at", NOW, "data", "list").out
    assert "no list of GSM, ESM, long-term ASM is stored; stocks under" in listed("--at", NOW, "doctor").out
    take(listed, tmp_path, "2025-06-20,gsm,AMBERWELL,,0\n")
    checked = listed("--at", NOW, "data", "check", "--no-indicators", "--json").object["result"]
    (found,) = [item for item in checked if "surveillance" in item["kind"]]
    assert found["examples"] == ["no list of ESM, long-term ASM is stored; the newest list is old: GSM of 2025-06-20"]


def test_a_backtest_knows_a_list_from_its_date_only(listed: Tradectl, tmp_path: Path) -> None:
    before = entries(listed, "AMBERWELL")
    first, last = before[len(before) // 3], before[2 * len(before) // 3]
    take(listed, tmp_path, f"{first},gsm,AMBERWELL,,0\n{last},gsm,,,\n")
    after = entries(listed, "AMBERWELL")
    assert [day for day in after if day <= first] == [day for day in before if day <= first]
    assert [day for day in after if first < day <= last] == []
    assert [day for day in after if day > last], "it is free again from the next list on"
    many = listed("backtest", "demo", "--look-ahead", "0", *EAGER, "--json").object["result"]["trades"]
    assert sorted(trade["entry_session"] for trade in many if trade["symbol"] == "AMBERWELL") == sorted(after)


def test_the_lists_of_the_last_sessions_are_fetched(home: Path, listed: Tradectl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "DEFAULT_LIMITS", HASTY)
    free = (100, 100, 100, 100)
    with site() as web:
        (home / "tradectl.toml").write_text(f'nse = "{web.url}"\nnse_home = "{web.url}"\n')
        web.put("/content/cm/REG1_IND270625.csv", Reply(body=indicators(AMBERWELL=(0, *free[1:])).encode()))
        web.put("/content/cm/REG_IND300625.csv", Reply(body=indicators(CORALINE=(2, *free[1:]), AMBERWELL=free).encode()))
        web.put("/content/cm/REG1_IND260625.csv", Reply(body=b"<html>Access Denied</html>"))
        said = listed("--at", NOW, "data", "fetch", "--source", "surveillance", "--json")
        result = said.object["result"]
        assert [item["file"] for item in result["files"]] == ["REG1_IND270625.csv", "REG_IND300625.csv"]
        reasons = {item["name"]: item["reason"] for item in result["missing"]}
        assert "web page" in reasons["2025-06-26"]
        assert "not published" in reasons["2025-06-25"]
        assert said.code == 8
        assert listed("--at", NOW, "data", "fetch", "--source", "surveillance").out == "Nothing to fetch.\n"
    assert "GSM 2025-06-30 (1 securities, 0 days old)" in listed("--at", NOW, "data", "list").out
