"""`strategy check`: what it finds, in this process and by the command in processes of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Tradectl, home, tradectl
from tests.integration.research.studies import market_in
from tradectl import bootstrap
from tradectl.bootstrap.strategies import StrategyFolder
from tradectl.ports import StrategyText, silence
from tradectl.research.strategy_check.guard import Guard, calls_of_now
from tradectl.research.strategy_check.runs import first_difference, steps_of
from tradectl.research.strategy_check.steps import check
from tradectl.research.strategy_check.work import CheckOutcome, CheckWork, Name, Status
from tradectl.settings import Settings, load
from tradectl.strategy.expressions import technical
from tradectl.strategy.strategy import EXPRESSIONS, StrategyParameter, text_hash

__all__ = ["home", "tradectl"]
DIP = """
description = "a dip"
entry = "rsi(2) < oversold and close > sma(50)"
exit = "close > sma(5)"
stop = "entry - 3 * atr(14)"
reentry = ["rsi(2) < oversold / 2"]
[parameters.oversold]
default = 20
low = 2
high = 40
step = 5
"""
CAPITAL = 1_000_000_00
FIRST, LAST = date(2024, 5, 1), date(2024, 5, 31)
SPAN = ("--from", FIRST.isoformat(), "--to", LAST.isoformat())
"""A span with a few trades. It is short, because `check` simulates up to 60 sessions, each minute of them for a stop."""
WITHOUT_STOP = DIP.replace('stop = "entry - 3 * atr(14)"\n', "")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return market_in(tmp_path_factory.mktemp("checked"))


@pytest.fixture
def trader(home: Path, settings: Settings, tradectl: Tradectl) -> Tradectl:
    (home / "strategies").mkdir(parents=True)
    (home / "tradectl.toml").write_text(f'market = "{settings.market}"\n')
    (home / "strategies" / "dip.toml").write_text(DIP)
    return tradectl


def checked(settings: Settings, text: str) -> CheckOutcome:
    """Make the checks of a file of expressions in this process, without the guard."""
    strategy = StrategyText("dip", EXPRESSIONS, text, "dip.toml")
    return check(CheckWork(settings, strategy, "demo", FIRST, LAST, capital=CAPITAL), silence, Guard())


def status(outcome: CheckOutcome, name: Name) -> Status:
    return next(item.status for item in outcome.checks if item.name is name)


@pytest.mark.parametrize(
    "span",
    [
        pytest.param(SPAN, id="a month"),
        pytest.param(("--from", "2024-01-01", "--to", "2025-06-30"), id="eighteen months", marks=pytest.mark.slow),
    ],
)
def test_a_rule_of_expressions_passes_and_may_be_used(trader: Tradectl, home: Path, span: tuple[str, ...]) -> None:
    said = trader("strategy", "check", "dip", "--universe", "demo", *span, "--json")
    found = said.object["result"]
    assert (said.code, found["passed"], found["failures"]) == (0, True, [])
    assert [item["name"] for item in found["checks"]] == [str(name) for name in Name]
    assert "failed" not in {item["status"] for item in found["checks"]}
    assert (found["from"], found["to"], found["symbols"]) == (span[1], span[3], 3)
    by_name = {item["name"]: item for item in found["checks"]}
    trades = by_name["number of trades"]["figures"]["trades"]
    assert f"Two processes make the same {trades} trades" in by_name["deterministic"]["sentence"]
    steps = by_name["one step up and down"]["figures"]["steps"]
    assert [(row["parameter"], row["value"]) for row in steps] == [("oversold", "15"), ("oversold", "25")]
    assert steps[0]["trades"] <= trades <= steps[1]["trades"]
    assert 0 < by_name["luck"]["figures"]["p"] <= 1
    assert trader("strategy", "list", "--json").object["result"][1]["check"] == "passed"
    assert trader("strategy", "use", "dip").code == 0
    assert trader("audit", "verify").code == 0
    stored = StrategyFolder(home).text("dip")
    world = bootstrap.open_world(load(home=str(home), environment={}), None)
    kept = world.ledger.strategies.check_of(text_hash(stored.text))
    world.close()
    assert kept is not None
    assert [item["status"] for item in kept.result["checks"]] == [item["status"] for item in found["checks"]]


def test_a_failed_check_has_an_exit_code_and_is_stored(trader: Tradectl, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    file = home / "strategies" / "dip.toml"
    file.write_text(WITHOUT_STOP.replace("sma(5)", "sma(n)") + "[parameters.n]\ndefault = 5\nlow = 0\nhigh = 9\n")
    said = trader("strategy", "check", "dip", "--universe", "demo", *SPAN)
    assert said.code == 14
    assert "FAILED    Parameters inside bounds." in said.out
    assert "n = 0 (low)" in said.words
    assert "The check failed, so dip cannot be used." in said.out
    assert all(len(line) <= 80 for line in said.out.splitlines())
    assert trader("strategy", "list", "--json").object["result"][1]["check"] == "failed"
    assert trader("strategy", "show", "dip", "--json").object["result"]["failures"][0].startswith("parameters inside bounds: ")
    assert trader("strategy", "use", "dip").code == 9


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (("--universe", "nosuch"), 2, "nosuch"),
        (("--universe", "demo", "--from", "2025-06-30", "--to", "2024-01-01"), 2, "is before --from"),
        (("--universe", "demo", "--from", "today"), 2, "is not a date"),
    ],
)
def test_a_wrong_question_is_no_failed_check(trader: Tradectl, words: tuple[str, ...], code: int, line: str) -> None:
    said = trader("strategy", "check", "dip", *words)
    assert (said.code, said.out) == (code, "")
    assert line in said.err
    assert trader("strategy", "list", "--json").object["result"][1]["check"] == "not checked"


def test_a_wrong_file_is_an_error_of_one_line(trader: Tradectl, home: Path) -> None:
    (home / "strategies" / "dip.toml").write_text('entry = "rsj(2) < 3"\nexit = "close > 3"\n')
    said = trader("strategy", "check", "dip", "--universe", "demo")
    assert (said.code, said.out) == (2, "")
    assert "no function is called 'rsj'" in said.err


def test_a_centred_mean_is_found(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The moving mean is replaced by one that is centred: half of its bars are in the future."""
    assert status(checked(settings, WITHOUT_STOP), Name.FUTURE) is Status.PASSED
    honest: Callable[..., object] = technical.mean
    monkeypatch.setattr(technical, "mean", lambda x, n: honest(x[::-1], n)[::-1])  # type: ignore[index]
    assert status(checked(settings, WITHOUT_STOP), Name.FUTURE) is Status.FAILED


def test_a_rule_that_never_trades_warns(settings: Settings) -> None:
    outcome = checked(settings, 'entry = "close > 1000000"\nexit = "close > 3"\n')
    assert status(outcome, Name.TRADES) is Status.WARNING
    assert status(outcome, Name.LUCK) is Status.NOT_MADE
    assert Status.FAILED not in {item.status for item in outcome.checks}


def test_ranks_are_checked_with_their_whole_list(settings: Settings) -> None:
    outcome = checked(settings, 'entry = "rank(roc(5)) == 1"\nexit = "rank(roc(5)) > 1"\n')
    assert Status.FAILED not in {item.status for item in outcome.checks}
    assert outcome.trades


def test_an_interrupted_check_leaves_no_process(settings: Settings, tmp_path: Path) -> None:
    own = tmp_path / "home"
    (own / "strategies").mkdir(parents=True)
    (own / "tradectl.toml").write_text(f'market = "{settings.market}"\n')
    (own / "strategies" / "dip.toml").write_text(DIP)
    mark = {"TRADECTL_HOME": str(own), "CHECK_OF_A_TEST": str(tmp_path)}
    words = [sys.executable, "-m", "tradectl", "strategy", "check", "dip", "--universe", "demo"]
    with subprocess.Popen(words, env={**os.environ, **mark}, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        while len(marked(mark)) < 3:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert marked(mark) == set()


def marked(mark: dict[str, str]) -> set[str]:
    """Return the processes with a variable of the environment."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"CHECK_OF_A_TEST={mark['CHECK_OF_A_TEST']}".encode() in (folder / "environ").read_bytes():
                found.add(folder.name)
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    ("numbers", "whole", "values"),
    [
        ((10, 2, 30, 5), True, [5, 15]),
        ((10, 2, 30, 0), True, [9, 11]),
        ((2, 2, 30, 5), True, [7]),
        ((0.5, 0, 1, 0), False, [0.45, 0.55]),
        ((3, 3, 3, 0), True, []),
    ],
)
def test_a_step_stays_inside_the_bounds(numbers: tuple[float, ...], whole: bool, values: list[float]) -> None:
    default, low, high, step = numbers
    assert steps_of(StrategyParameter("n", default, low, high, whole=whole, step=step)) == pytest.approx(values)


def test_a_difference_names_the_trades_of_one_run() -> None:
    row = {"symbol": "ITC", "entry_session": "2024-01-02", "exit_session": "2024-01-04", "quantity": 5, "entry_price": "400.00"}
    one, other = row | {"exit_price": "410.00"}, row | {"exit_price": "410.05"}
    assert first_difference([one], [one], ("a", "b")) == ()
    assert first_difference([one], [other], ("a", "b")) == (
        "only a: 5 ITC bought 2024-01-02 at 400.00, sold 2024-01-04 at 410.00",
        "only b: 5 ITC bought 2024-01-02 at 400.00, sold 2024-01-04 at 410.05",
    )
    assert first_difference([one, one], [one], ("a", "b")) == ("a makes 2 trades, b makes 1",)


def test_a_call_of_now_is_found_in_the_text() -> None:
    assert calls_of_now("import pandas\nx = pandas.Timestamp.now()\n") == ["it reads the clock (now), line 2"]
    assert calls_of_now("now = 3\nthis is no Python") == []
