"""`backtest`: what it answers for a symbol, a list and an account, what it writes, and what it refuses."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.conftest import Tradectl
from tests.integration.research.studies import market_in
from tests.integration.research.test_look_ahead import see_tomorrows_average
from tradectl.marketdata.store import Store
from tradectl.model.money import to_paise

SPAN = ("--from", "2024-01-01", "--to", "2024-12-31")
EAGER = ("--set", "rsi_entry_above=45", "--set", "rsi_entry_below=45", "--set", "buy_score=0")
ACCOUNT = ("backtest", "demo", "--portfolio", "--capital", "1,50,000", *SPAN, *EAGER)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market that all tests read; each has a home of its own."""
    return market_in(tmp_path_factory.mktemp("backtest")).market


@pytest.fixture
def researcher(home: Path, market: Path, tradectl: Tradectl) -> Tradectl:
    home.mkdir()
    (home / "tradectl.toml").write_text(f'market = "{market}"\n')
    return tradectl


def test_an_account_says_all_there_is_to_it(researcher: Tradectl, tmp_path: Path) -> None:
    file = tmp_path / "trades.csv"
    words = (*ACCOUNT, "--random-order", "3", "--look-ahead", "2", "--csv", str(file))
    said = researcher(*words, "--json")
    assert said.code == 0
    result = said.object["result"]
    net = sum(to_paise(trade["net"]) for trade in result["trades"])
    assert to_paise(result["total"]["net"]) == net == sum(to_paise(item["net"]) for item in result["symbols"])
    figures = result["figures"]
    assert (figures["trades"], figures["wins"]) == (result["total"]["trades"], result["total"]["wins"])
    assert figures["cagr"] == pytest.approx(figures["growth"], rel=0.05)
    assert 0 < figures["exposure"] < 1 < figures["turnover"]
    assert result["curve"][0] == ["2024-01-01", "150000.00"]
    assert result["curve"][-1][1] == result["equity"]
    assert result["benchmarks"]["hold"]["symbols"] == 3
    assert result["benchmarks"]["index"] is None
    assert result["random_order"]["orders"] == 3
    checked = result["look_ahead"]
    assert (checked["compared"], checked["sessions"], checked["differences"], checked["engine"]) == (6, 2, [], "the account")
    assert result["settings"]["changed"] == {"rsi_entry_above": "45", "rsi_entry_below": "45", "buy_score": "0"}
    assert rows_of(file) == [{name: str(value) for name, value in trade.items()} for trade in result["trades"]]
    assert researcher(*words, "--json").object["result"] == result, "the same words give the same answer"


def test_an_account_is_told_in_a_table_and_lines(researcher: Tradectl) -> None:
    lines = researcher(*ACCOUNT, "--look-ahead", "0").out.splitlines()
    assert lines[0] == "demo 2024-01-01 to 2024-12-31"
    assert ["ACCOUNT", "BUY", "AND", "HOLD", "INDEX"] in [line.split() for line in lines]
    assert "no bars of an index to compare with" in lines
    assert any(line.startswith("capital 1,50,000.00 is now ") for line in lines)
    assert lines[-1] == "- Look-ahead was not checked."
    assert max(map(len, lines[: lines.index("no bars of an index to compare with")])) <= 80


def test_an_imported_index_is_held_against_the_account(researcher: Tradectl) -> None:
    symbols = researcher("backtest", "demo", *SPAN, "--json", "--look-ahead", "0").object["result"]["symbols"]
    name = symbols[0]["symbol"]
    benchmark = researcher(*ACCOUNT, "--index", name, "--look-ahead", "0", "--json").object["result"]["benchmarks"]["index"]
    alone = ("backtest", f"{name},", "--portfolio", "--capital", "1,50,000", *SPAN, "--look-ahead", "0", "--json")
    assert benchmark["name"] == name
    assert benchmark["drawdown"] == researcher(*alone).object["result"]["benchmarks"]["hold"]["drawdown"] > 0


def test_a_list_without_an_index_of_its_own_is_held_against_none(researcher: Tradectl, monkeypatch: pytest.MonkeyPatch) -> None:
    honest, symbols = Store.find, researcher(*ACCOUNT, "--look-ahead", "0", "--json").object["result"]["symbols"]
    someone = symbols[0]["symbol"]
    monkeypatch.setattr(Store, "find", lambda self, name, day: honest(self, someone if name == "NIFTY 50" else name, day))
    words = (*ACCOUNT, "--look-ahead", "0", "--json")
    assert researcher(*words).object["result"]["benchmarks"]["index"] is None
    assert researcher(*words, "--index", "NIFTY 50").object["result"]["benchmarks"]["index"]["name"] == "NIFTY 50"


def test_without_limits_an_account_trades_as_each_symbol_alone(researcher: Tradectl) -> None:
    free = [
        word for name in ("max_positions=10000", "max_symbol_multiple=1000", "daily_loss_limit=1") for word in ("--set", name)
    ]
    account = (
        "backtest",
        "demo",
        "--portfolio",
        "--capital",
        "10,00,00,000",
        *SPAN,
        *EAGER,
        *free,
        "--look-ahead",
        "0",
        "--json",
    )
    each = ("backtest", "demo", *SPAN, *EAGER, "--look-ahead", "0", "--json")
    found, alone = (researcher(*words).object["result"] for words in (account, each))
    assert found["trades"] == alone["trades"]
    assert len(alone["trades"]) > 20


@pytest.mark.parametrize("many", [False, True], ids=["a symbol", "a list"])
def test_alone_too_there_are_trades_in_a_file_and_notes(many: bool, researcher: Tradectl, tmp_path: Path) -> None:
    each = researcher("backtest", "demo", *SPAN, *EAGER, "--json", "--look-ahead", "0").object["result"]
    name = "demo" if many else each["symbols"][0]["symbol"]
    file = tmp_path / "trades.csv"
    result = researcher("backtest", name, *SPAN, *EAGER, "--look-ahead", "2", "--csv", str(file), "--json").object["result"]
    assert result["trades"] == [trade for trade in each["trades"] if many or trade["symbol"] == name]
    assert [row["net"] for row in rows_of(file)] == [trade["net"] for trade in result["trades"]]
    engine = "the backtest of a list (3 symbols)" if many else "the backtest of one symbol"
    parts = ["features", "orders", "trades"]
    compared = 6 if many else 2
    assert result["look_ahead"] == {"compared": compared, "sessions": 2, "differences": [], "engine": engine, "parts": parts}
    assert result["notes"][-1] == (
        f"Look-ahead: {engine} was run again up to each of 2 evenings, without any later bar; "
        f"{compared} comparisons of single symbols: {', '.join(parts)}; no difference."
    )
    assert "surviv" in result["notes"][0]
    assert result["total"]["trades"] == len(result["trades"])


@pytest.mark.parametrize("words", [ACCOUNT, ("backtest", "demo", *SPAN, *EAGER)], ids=["account", "list"])
def test_a_rule_that_peeks_has_an_exit_code_of_its_own(
    words: tuple[str, ...], researcher: Tradectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    see_tomorrows_average(monkeypatch)
    said = researcher(*words, "--look-ahead", "2", "--json")
    assert (said.code, said.object["outcome"]) == (13, "failed")
    assert said.object["error"].startswith("look-ahead: ")
    assert said.object["result"]["notes"][-1].startswith("LOOK-AHEAD: ")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("demo", "--capital", "100000"), 2, "--capital needs --portfolio"),
        (("demo", "--random-order", "5"), 2, "--random-order needs --portfolio"),
        (("demo", "--portfolio", "--capital", "0"), 2, "--capital must be more than 0"),
        (("demo", "--portfolio", "--capital", "much"), 2, "'much' is not an amount in rupees"),
        (("demo", "--from", "2024-02-01", "--to", "2024-01-01"), 2, "--to 2024-01-01 is before --from 2024-02-01"),
        (("demo", "--from", "2024-01-06", "--to", "2024-01-07"), 2, "there is no run session from 2024-01-06 to 2024-01-07"),
        (("demo", "--from", "2026-01-05"), 8, "there are no bars from 2026-01-05: stored bars go from"),
        (("demo", "--portfolio", "--index", "NOSUCH"), 2, "NOSUCH is unknown on"),
        (("demo", "--look-ahead", "0", "--csv", "/nosuch/trades.csv"), 2, "/nosuch/trades.csv cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(words: Any, code: int, message: str, researcher: Tradectl) -> None:
    said = researcher("backtest", *words)
    assert (said.code, said.out) == (code, "")
    assert said.err.startswith(f"tradectl: {message}")
    assert said.err.count("\n") == 1


def rows_of(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
