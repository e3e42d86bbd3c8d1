"""`sweep`: what it answers, in which words, and what it refuses."""

from __future__ import annotations

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Tradectl
from tests.integration.research.studies import market_in

WORDS = ("sweep", "--universe", "demo", "--set", "rsi_entry_above=25,35", "--draws", "100", "--jobs", "1")
FORWARD = ("--walk-forward", "1:1")


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market that all tests read; each has a home of its own."""
    return market_in(tmp_path_factory.mktemp("sweep")).market


@pytest.fixture
def swept(home: Path, market: Path, tradectl: Tradectl) -> Tradectl:
    home.mkdir()
    (home / "tradectl.toml").write_text(f'market = "{market}"\n')
    return tradectl


def test_the_object_says_what_was_tried_and_how_much_may_be_luck(swept: Tradectl, tmp_path: Path) -> None:
    file = tmp_path / "all.csv"
    said = swept(*WORDS, *FORWARD, "--csv", str(file), "--json")
    assert said.code == 0
    result = said.object["result"]
    assert [one["rank"] for one in result["settings"]] == [1, 2]
    assert {one["changes"]["rsi_entry_above"] for one in result["settings"]} == {"25", "35"}
    assert result["own"]["trades"] > 10
    assert 0 < result["luck"]["p"] <= 1
    assert 0 < result["random_entries"]["p"] <= 1
    assert result["random_entries"]["possible"] > result["random_entries"]["positions"] > 0
    splits = result["walk_forward"]["splits"]
    assert [one["test"] for one in splits] == [["2024-01-02", "2025-01-01"], ["2025-01-02", "2025-06-30"]]
    assert result["walk_forward"]["joined"]["trades"] == sum(one["tested"]["trades"] for one in splits)
    assert any(note.startswith("2 settings were tried. The best of 2 settings without any edge") for note in result["notes"])
    rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    assert [(row["rank"], row["rsi_entry_above"], row["net"]) for row in rows] == [
        (str(one["rank"]), one["changes"]["rsi_entry_above"], one["net"]) for one in result["settings"]
    ]
    again = swept(*WORDS, *FORWARD, "--json").object["result"]
    assert again == result, "what is kept gives the same answer"
    table = swept(*WORDS, *FORWARD, "--sort", "trades", "--top", "1")
    most = max(result["settings"], key=lambda one: one["trades"])
    lines = table.out.splitlines()
    assert lines[0] == f"2 settings, 3 instruments, {result['from']} to {result['to']}, best by net"
    assert f"rsi_entry_above={most['changes']['rsi_entry_above']}" in lines[2]
    assert lines[3].split()[0] == "own"
    assert "Walk-forward" in lines
    assert [line.removeprefix("- ") for line in lines if line.startswith("- ")] == result["notes"]


def test_the_results_of_two_clocks_are_kept_apart(swept: Tradectl) -> None:
    """They are stored by what they depend on: with the same words, a later clock sees more bars."""
    quick = ("--no-random-entries", "--rules-only", "--to", "2025-06-30", "--json")
    whole, early, again = (
        swept(*clock, *WORDS, *quick).object["result"]
        for clock in ((), ("--at", "2024-06-14 16:00"), ("--at", "2025-12-01 16:00"))
    )
    assert (early["to"], whole["to"]) == ("2024-06-14", "2025-06-30")
    assert 0 < early["own"]["trades"] < whole["own"]["trades"] == again["own"]["trades"]


def test_a_setting_may_differ_in_several_values(swept: Tradectl) -> None:
    assert swept("config", "set", "ema_fast", "7").code == 0
    quick = ("--no-random-entries", "--rules-only")
    result = swept(*WORDS, "--vary", "rsi_exit=50:60:10", "--random", "3", *quick, "--json").object["result"]
    assert (result["tried"], result["combinations"]) == (3, 4)
    assert result["random_entries"] is None
    own = swept("sweep", "--universe", "demo", "--set", "ema_fast=7,9", "--draws", "100", "--jobs", "1", *quick, "--json")
    sevens = [one for one in own.object["result"]["settings"] if one["changes"]["ema_fast"] == "7"]
    assert [one["net"] for one in sevens] == [result["own"]["net"]]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--set", "ema_fast=9"), "name settings to try"),
        (("--set", "ema_fast=7,9", "--vary", "ema_fast=5:7"), "ema_fast is named twice"),
        (("--set", "max_positions=1,2"), "max_positions does not change the trades"),
        (("--set", "ema_fast=7,9", "--by", "luck"), "--by is one of net, sharpe"),
        (("--set", "ema_fast=7,9", "--sort", "luck"), "--sort is one of trades, net"),
        (("--set", "ema_fast=7,9", "--walk-forward", "5:1"), "too short for a walk-forward of 5:1"),
        (("--set", "ema_fast=7,9", "--from", "2025-01-01", "--to", "2024-01-01"), "--to 2024-01-01 is before"),
        (("--set", "ema_fast=7,9", "--universe", "nobody"), "neither a list nor a symbol"),
    ],
)
def test_words_that_mean_nothing_are_refused_in_one_line(swept: Tradectl, words: tuple[str, ...], told: str) -> None:
    said = swept("sweep", "--universe", "demo", *words)
    assert said.code == 2
    assert told in said.err
    assert len(said.err.splitlines()) == 1


def test_without_bars_there_is_nothing_to_try(tradectl: Tradectl) -> None:
    assert tradectl("sweep", "--set", "ema_fast=7,9").code == 8


def test_a_sweep_that_was_killed_goes_on_and_comes_to_the_same(swept: Tradectl, home: Path) -> None:
    words = (
        "sweep",
        "--universe",
        "demo",
        "--vary",
        "rsi_entry_above=20:45:1",
        "--vary",
        "ema_fast=7:9",
        "--rules-only",
        "--draws",
        "100",
    )
    words = (*words, "--no-random-entries", "--jobs", "1", "--json")
    environment = {**os.environ, "TRADECTL_HOME": str(home)}
    process = subprocess.Popen([sys.executable, "-m", "tradectl", *words], env=environment, stdout=subprocess.DEVNULL)
    while process.poll() is None and kept_in(home) < 2:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 2 <= kept_in(home) < 79
    resumed = swept(*words)
    (home / "sweeps.db").unlink()
    assert json.loads(resumed.out)["result"] == swept(*words).object["result"]


def kept_in(home: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{home}/sweeps.db?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM results").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
