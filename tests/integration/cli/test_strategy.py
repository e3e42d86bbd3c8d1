"""`strategy`: files are written, listed, shown, used and dropped; only a text whose check passed is used."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Tradectl
from tests.integration.research.studies import market_in
from tradectl import bootstrap
from tradectl.bootstrap.strategies import StrategyFolder
from tradectl.ledger.strategies import StoredCheck
from tradectl.settings import load
from tradectl.strategy.strategy import text_hash

PARTS = ("--entry", "rsi(2) < 20", "--exit", "close > sma(5)", "--target", "entry * 1.04", "--stop", "entry - 2 * atr(14)")
NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
SHIPPED = "ema9-reversion"


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return market_in(tmp_path_factory.mktemp("strategies")).market


@pytest.fixture
def trader(home: Path, market: Path, tradectl: Tradectl) -> Tradectl:
    home.mkdir()
    (home / "tradectl.toml").write_text(f'market = "{market}"\n')
    assert tradectl("init").code == 0
    return tradectl


def checked(home: Path, name: str, *, passed: bool = True, user: str | None = None) -> str:
    """Store the result of a check of the file as it is, and return its hash."""
    world = bootstrap.open_world(load(home=str(home), user=user, environment={}), user)
    hash_ = text_hash(StrategyFolder(home).text(name).text)
    world.ledger.strategies.record_check(StoredCheck(hash_, name, passed, NOW, {"failures": [] if passed else ["no future"]}))
    world.close()
    return hash_


def test_a_new_file_works_and_is_never_overwritten(trader: Tradectl, home: Path) -> None:
    said = trader("strategy", "new", "dip", "--json")
    file = Path(said.object["result"]["file"])
    assert (said.code, file) == (0, home / "strategies" / "dip.toml")
    assert said.object["result"]["hash"] == StrategyFolder(home).read("dip").hash
    assert trader("backtest", "demo", "--strategy", "dip", "--look-ahead", "0").code == 0
    file.write_text('entry = "close > 3"\nexit = "close < 3"\n')
    for words in (("new", "dip"), ("save", "dip", *PARTS)):
        again = trader("strategy", *words)
        assert again.code == 2
        assert "exists already and stays as it is" in again.err
    assert file.read_text() == 'entry = "close > 3"\nexit = "close < 3"\n'


def test_each_line_of_the_template_works_without_its_mark(trader: Tradectl, home: Path) -> None:
    trader("strategy", "new", "dip")
    file = home / "strategies" / "dip.toml"
    lines = file.read_text(encoding="utf-8").splitlines()
    marked = [line for line in lines if line.startswith("# ") and " = " in line]
    assert [line.split()[1] for line in marked] == ["source", "target", "max_days", "reentry", "score", "size", "universe"]
    file.write_text("\n".join(line.removeprefix("# ") if line in marked else line for line in lines))
    strategy = StrategyFolder(home).read("dip")
    assert (strategy.universe, strategy.rule().reentries) == ("nifty50", 1)
    assert {name for name, _ in strategy.rule().texts} >= {"target", "stop", "max_days", "score", "size", "reentry 1"}


def test_a_copy_has_the_text_of_its_example(trader: Tradectl, home: Path) -> None:
    trader("strategy", "save", "first", *PARTS)
    assert trader("strategy", "new", "second", "--like", "first").code == 0
    folder = StrategyFolder(home)
    assert folder.text("second").text == folder.text("first").text
    refused = trader("strategy", "new", "third", "--like", "nosuch")
    assert refused.code == 2
    assert "no strategy is called 'nosuch'; there are: " in refused.err


def test_a_saved_rule_trades_as_in_one_line(trader: Tradectl, home: Path) -> None:
    said = trader("strategy", "save", "line", *PARTS, "--description", 'Buys "dips"\tnow')
    assert said.code == 0
    table = tomllib.loads((home / "strategies" / "line.toml").read_text(encoding="utf-8"))
    assert table["description"] == 'Buys "dips"\tnow'
    span = ("--from", "2024-01-01", "--to", "2025-03-31", "--look-ahead", "0", "--json")
    trades = [trader("backtest", "demo", *words, *span).object["result"]["trades"] for words in (PARTS, ("--strategy", "line"))]
    assert trades[0] == trades[1] != []


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("new", "Dip"), "the name of a strategy has small letters, digits and hyphens, such as rsi2-dip, not 'Dip'"),
        (("new", "../dip"), "the name of a strategy has small letters"),
        (("new", SHIPPED), "ema9-reversion is the shipped rule"),
        (("save", "dip"), "--entry is needed: a rule says when to buy"),
        (("save", "dip", "--entry", "close > 3"), "--entry needs --exit, --target or --stop"),
        (("save", "dip", "--entry", "klose > 3", "--exit", "close > 3"), "no word is called 'klose'; did you mean close?"),
        (("show", "nosuch"), "there is no strategy 'nosuch'"),
        (("check", "nosuch"), "there is no strategy 'nosuch'"),
        (("use", "nosuch"), "there is no strategy 'nosuch'"),
        (("use", SHIPPED, "--share", "1.5"), "a share is more than 0, at most 1"),
        (("use", SHIPPED, "--share", "much"), "a share is a number such as 0.5 or 50%, not 'much'"),
        (("use", SHIPPED, "--share", "nan"), "a share is more than 0, at most 1"),
        (("drop", "nosuch"), "'nosuch' is not used; used are: none; ema9-reversion trades without a choice"),
    ],
)
def test_a_mistake_is_one_line(trader: Tradectl, home: Path, words: tuple[str, ...], line: str) -> None:
    said = trader("strategy", *words)
    assert (said.code, said.out) == (2, "")
    assert line in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert StrategyFolder(home).names() == []


def test_the_list_has_the_shipped_rule_and_wrong_files(trader: Tradectl, home: Path) -> None:
    assert [row["name"] for row in trader("strategy", "--json").object["result"]] == [SHIPPED]
    trader("strategy", "new", "dip")
    trader("strategy", "save", "line", *PARTS)
    checked(home, "line", passed=False)
    rows = trader("strategy", "list", "--json").object["result"]
    assert [(row["name"], row["check"], row["share"]) for row in rows] == [
        (SHIPPED, "shipped", "1"),
        ("dip", "not checked", None),
        ("line", "failed", None),
    ]
    assert [(item["name"], item["default"], item["low"]) for item in rows[1]["parameters"]] == [
        ("oversold", "10", "2"),
        ("trend", "200", "50"),
    ]
    (home / "strategies" / "wrong.toml").write_text('entry = "rsj(2) < 10"\nexit = "close > 3"\n')
    (home / "strategies" / "bytes.toml").write_bytes(b"\xff\xfe")
    said = trader("strategy", "list", "--json")
    assert (said.code, said.object["outcome"]) == (4, "failed")
    errors = {row["name"]: row["error"] for row in said.object["result"] if row["error"]}
    assert "no function is called 'rsj'; did you mean rsi?" in errors["wrong"]
    assert "is not UTF-8 text (byte 1)" in errors["bytes"]
    text = trader("strategy", "list")
    assert text.code == 4
    assert text.out.count("wrong file") == 2
    assert "2 strategy files cannot be read" in text.err


def test_only_a_text_whose_check_passed_is_used(trader: Tradectl, home: Path) -> None:
    trader("strategy", "new", "dip")
    refused = trader("strategy", "use", "dip")
    assert refused.code == 9
    assert "its file was not checked; `tradectl strategy check dip` checks it" in refused.err
    checked(home, "dip", passed=False)
    assert "its check failed" in trader("strategy", "use", "dip").err
    hash_ = checked(home, "dip")
    used = trader("strategy", "use", "dip", "--json").object["result"]
    assert used == {"name": "dip", "hash": hash_, "share": "1", "left": "0", "used": [{"name": "dip", "share": "1"}]}
    file = home / "strategies" / "dip.toml"
    file.write_text(file.read_text().replace("default = 10", "default = 12"))
    changed = trader("strategy", "use", "dip")
    assert (changed.code, "its file changed since its last check" in changed.err) == (9, True)
    row = trader("strategy", "list", "--json").object["result"][1]
    assert (row["check"], row["used_hash"], row["share"]) == ("changed since", hash_, "1")
    assert "1 (file changed)" in trader("strategy", "list").out
    world = bootstrap.open_world(load(home=str(home), environment={}), None)
    stored = world.ledger.strategies.stored(hash_)
    world.close()
    assert stored is not None
    assert "default = 10" in stored.text


def test_shares_do_not_exceed_the_capital(trader: Tradectl, home: Path) -> None:
    for name in ("one", "two"):
        trader("strategy", "new", name)
        (home / "strategies" / f"{name}.toml").write_text(f'description = "{name}"\nentry = "close > 3"\nexit = "close < 3"\n')
        checked(home, name)
    first = trader("strategy", "use", "one", "--share", "60%")
    assert first.code == 0
    assert "a share of 0.4 is left" in first.out
    assert f"{SHIPPED} buys nothing more" in first.out
    much = trader("strategy", "use", "two", "--share", "0.5")
    assert much.code == 2
    assert "a share of 0.5 is too much: 0.4 is left beside one 0.6; write --share 0.4 or less, or lower another one" in much.err
    assert trader("strategy", "use", "two", "--json").object["result"]["share"] == "0.4"
    full = trader("strategy", "use", SHIPPED)
    assert (full.code, "nothing is left beside one 0.6, two 0.4" in full.err) == (2, True)
    lower = trader("strategy", "use", "one", "--share", "0.3", "--json").object["result"]
    assert (lower["left"], [item["name"] for item in lower["used"]]) == ("0.3", ["one", "two"])
    assert trader("strategy", "use", SHIPPED, "--json").object["result"]["left"] == "0"


def test_a_dropped_strategy_leaves_the_shipped_rule(trader: Tradectl, home: Path) -> None:
    trader("strategy", "new", "dip")
    checked(home, "dip")
    trader("strategy", "use", "dip")
    shown = trader("strategy", "show", "dip")
    assert "used        share 1" in shown.out
    said = trader("strategy", "drop", "dip")
    assert said.code == 0
    assert "dip buys nothing more" in said.out
    assert f"{SHIPPED} has all the capital" in said.out
    assert trader("strategy", "list", "--json").object["result"][0]["share"] == "1"
    assert (home / "strategies" / "dip.toml").exists()
    assert trader("strategy", "drop", "dip").code == 2
    trader("strategy", "use", SHIPPED, "--share", "0.5")
    shipped = trader("strategy", "drop", SHIPPED)
    assert shipped.out == f"no strategy is chosen: {SHIPPED} has all the capital; `tradectl halt` stops buys\n"


def test_each_use_and_drop_is_in_the_journal(trader: Tradectl, home: Path) -> None:
    trader("strategy", "new", "dip")
    checked(home, "dip")
    trader("strategy", "use", "dip")
    trader("strategy", "drop", "dip")
    entries = trader("audit", "list", "--json", "--limit", "100").object["result"]
    tables = [item["record"] for item in entries]
    assert {"strategy_texts", "strategy_checks", "user_strategies"} <= set(tables)
    assert tables.count("user_strategies") == 2
    assert trader("audit", "verify").code == 0


def test_two_users_choose_for_themselves(trader: Tradectl, home: Path) -> None:
    trader("user", "add", "asha")
    trader("strategy", "new", "dip")
    checked(home, "dip", user="asha")
    me, asha = ("--user", "me"), ("--user", "asha")
    mine = trader("strategy", "list", "--json", *me).object["result"]
    assert trader("strategy", "use", "dip", *me).code == 9
    assert trader("strategy", "use", "dip", *asha).code == 0
    assert trader("strategy", "list", "--json", *me).object["result"] == mine
    assert trader("strategy", "list", "--json", *asha).object["result"][1]["share"] == "1"


def test_a_used_file_that_is_gone_is_a_row(trader: Tradectl, home: Path) -> None:
    trader("strategy", "new", "dip")
    checked(home, "dip")
    trader("strategy", "use", "dip", "--share", "0.5")
    (home / "strategies" / "dip.toml").unlink()
    said = trader("strategy", "list", "--json")
    assert said.code == 4
    assert said.object["result"][1]["share"] == "0.5"
    assert "its file is gone" in said.object["result"][1]["error"]
    assert trader("strategy", "drop", "dip").code == 0


def test_the_shipped_rule_is_shown(trader: Tradectl) -> None:
    found = trader("strategy", "show", SHIPPED, "--json").object["result"]
    assert (found["check"], found["share"], found["positions"]) == ("shipped", "1", [])
    assert "config list" in trader("strategy", "show", SHIPPED).out


def test_the_values_of_parameters_stand_beside_the_rule(trader: Tradectl) -> None:
    trader("strategy", "new", "dip")
    words = (
        "backtest",
        "demo",
        "--strategy",
        "dip",
        "--set",
        "oversold=5",
        "--from",
        "2025-01-01",
        "--look-ahead",
        "0",
        "--json",
    )
    result = trader(*words).object["result"]
    assert result["rule"]["parameters"] == {"oversold": "5", "trend": "200"}
    assert "; with oversold 5, trend 200. Each number" in result["notes"][0]
