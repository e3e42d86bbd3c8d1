"""`backtest` with a rule in one line: alone, in a list, in an account, its page, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.integration.cli.conftest import Tradectl
from tests.integration.research.studies import market_in
from tradectl.strategy.expressions import technical
from tradectl.strategy.expressions.line_rule import parse_rule
from tradectl.strategy.parameters import OF_REVERSION, names

SPAN = ("--from", "2024-01-01", "--to", "2025-06-30")
TEXTS = {
    "entry": "rsi(2) < 20 and close > sma(100)",
    "exit": "close > sma(5) or days_held >= 10",
    "target": "entry * 1.04",
    "stop": "entry - 2 * atr(14)",
}
RULE = tuple(word for name, text in TEXTS.items() for word in (f"--{name}", text))


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market that all tests read; each has a home of its own."""
    return market_in(tmp_path_factory.mktemp("own-rule")).market


@pytest.fixture
def researcher(home: Path, market: Path, tradectl: Tradectl) -> Tradectl:
    home.mkdir()
    (home / "tradectl.toml").write_text(f'market = "{market}"\n')
    return tradectl


def test_a_list_is_traded_by_the_rule_and_names_it(researcher: Tradectl) -> None:
    said = researcher("backtest", "demo", *SPAN, *RULE, "--json")
    assert said.code == 0
    result = said.object["result"]
    assert result["rule"] == {
        "name": "one-line",
        **TEXTS,
        **dict.fromkeys(("reentry", "max_days", "score", "size")),
        "parameters": {},
        "ambiguous": result["rule"]["ambiguous"],
        "without_stop": 0,
    }
    assert len(result["trades"]) > 20
    assert result["look_ahead"]["differences"] == []
    assert result["notes"][0].startswith(f"Rule: entry {TEXTS['entry']}; exit ")
    assert result["settings"]["tunable"] < len(names()) - len(OF_REVERSION)
    assert researcher("backtest", "demo", *SPAN, *RULE, "--json").object["result"] == result


def test_a_symbol_of_a_list_trades_as_alone(researcher: Tradectl) -> None:
    each = researcher("backtest", "demo", *SPAN, *RULE, "--look-ahead", "0", "--json").object["result"]
    for item in each["symbols"]:
        words = ("backtest", item["symbol"], *SPAN, *RULE, "--look-ahead", "2", "--json")
        alone = researcher(*words).object["result"]
        assert alone["trades"] == [trade for trade in each["trades"] if trade["symbol"] == item["symbol"]]
        assert alone["look_ahead"]["differences"] == []


def test_without_limits_an_account_trades_as_each_alone(researcher: Tradectl) -> None:
    free = [word for name in ("max_positions=10000", "daily_loss_limit=1") for word in ("--set", name)]
    account = ("backtest", "demo", *SPAN, *RULE, "--portfolio", "--capital", "10,00,00,000", *free, "--look-ahead", "3", "--json")
    found = researcher(*account)
    alone = researcher("backtest", "demo", *SPAN, *RULE, "--look-ahead", "0", "--json").object["result"]
    assert found.code == 0
    assert found.object["result"]["trades"] == alone["trades"]
    assert found.object["result"]["look_ahead"]["engine"] == "the account"


def test_an_account_with_little_money_has_a_page(researcher: Tradectl, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    words = ("backtest", "demo", *SPAN, *RULE, "--portfolio", "--capital", "1,50,000", "--random-order", "2", "--look-ahead", "2")
    result = researcher(*words, "--report", str(page), "--json").object["result"]
    assert result["total"]["trades"] > 0
    assert result["random_order"]["orders"] == 2
    text = page.read_text(encoding="utf-8")
    assert "Rule: entry rsi(2) &lt; 20 and close &gt; sma(100)" in text


def test_a_rule_with_ranks_compares_the_list(researcher: Tradectl) -> None:
    best = ("--entry", "rank(roc(60)) == 1", "--exit", "rank(roc(60)) > 1")
    words = ("backtest", "demo", *SPAN, *best, "--look-ahead", "4", "--json")
    said = researcher(*words)
    assert (said.code, said.object["result"]["look_ahead"]["differences"]) == (0, [])
    assert len({trade["symbol"] for trade in said.object["result"]["trades"]}) == 3
    name = said.object["result"]["symbols"][0]["symbol"]
    refused = researcher("backtest", name, *SPAN, *best)
    assert refused.code == 2
    assert f"rank compares the symbols of a list, and {name} is one symbol" in refused.err
    account = researcher(*words, "--portfolio").object["result"]
    assert account["total"]["trades"] > 0


def test_the_text_of_a_result_has_the_rule_first_in_its_notes(researcher: Tradectl) -> None:
    said = researcher("backtest", "demo", *SPAN, *RULE, "--look-ahead", "0")
    notes = [line for line in said.out.splitlines() if line.startswith("- ")]
    assert (
        notes[0]
        == f"- Rule: {'; '.join(f'{name} {text}' for name, text in TEXTS.items())}. Each number in it can be fitted to the past."
    )
    assert any("reached both the stop and the target" in line for line in notes)


def test_a_function_that_peeks_has_an_exit_code_of_its_own(researcher: Tradectl, monkeypatch: pytest.MonkeyPatch) -> None:
    """The moving mean is replaced by one that is centred: half of its bars are in the future."""
    honest = technical.mean
    monkeypatch.setattr(technical, "mean", lambda x, n: honest(x[::-1], n)[::-1])
    said = researcher("backtest", "demo", *SPAN, *RULE, "--look-ahead", "3", "--json")
    assert (said.code, said.object["outcome"]) == (13, "failed")


def test_the_rules_of_the_how_to_are_rules() -> None:
    page = (ROOT / "docs" / "how-to" / "your-own-rule.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("| ")
    ]
    assert rows[0] == ["idea", "entry", "exit", "stop"]
    assert len(rows) == 7
    for _, entry, exit_, stop in rows[1:]:
        assert parse_rule(entry, exit_, "", stop) is not None


REFUSED = {
    ("--exit", "close > 3"): "--exit needs --entry: a rule says when to buy",
    ("--entry", "close > 3"): "--entry needs --exit, --target or --stop: a rule says when to sell",
    (
        "--entry",
        "klose > 3",
        "--exit",
        "close > 3",
    ): "--entry: character 1, 'klose > 3': no word is called 'klose'; did you mean close?",
    (
        "--entry",
        "close > 3",
        "--exit",
        "entri > 3",
    ): "--exit: character 1, 'entri > 3': no word is called 'entri'; did you mean entry?",
    ("--entry", "close > 3", "--target", "rsi(2)"): "--target: 'rsi(2)' is a number without a unit, not a price",
    (*RULE, "--set", "rsi_exit=60"): "--set rsi_exit: this setting belongs to ema9-reversion; it has no effect on another rule",
}


@pytest.mark.parametrize("words", REFUSED, ids=REFUSED.values())
def test_what_is_wrong_is_one_line(words: tuple[str, ...], researcher: Tradectl) -> None:
    said = researcher("backtest", "demo", *SPAN, *words)
    assert said.code == 2
    assert REFUSED[words] in said.err
    assert len(said.err.strip().splitlines()) == 1


def test_the_seed_is_named_too(researcher: Tradectl) -> None:
    rule = researcher("backtest", "demo", *SPAN, "--look-ahead", "0", "--json").object["result"]["rule"]
    empty = dict.fromkeys(("entry", "exit", "target", "stop", "reentry", "max_days", "score", "size"))
    assert rule == {"name": "ema9-reversion", **empty, "parameters": {}, "ambiguous": 0, "without_stop": 0}


@pytest.mark.parametrize(("at", "last"), [("2024-06-14 16:00", "2024-06-14"), ("2024-06-14 12:00", "2024-06-13")])
def test_a_backtest_sees_no_bar_after_its_clock(researcher: Tradectl, at: str, last: str) -> None:
    """A home with a virtual clock has bars of later sessions; a bar counts from its end."""
    said = researcher("--at", at, "backtest", "demo", "--from", "2024-01-01", *RULE, "--look-ahead", "0", "--json").object[
        "result"
    ]
    until = researcher("backtest", "demo", "--from", "2024-01-01", "--to", last, *RULE, "--look-ahead", "0", "--json").object[
        "result"
    ]
    assert len(said["trades"]) > 5
    assert said == until
