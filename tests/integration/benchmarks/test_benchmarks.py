"""Every benchmark runs, its two sides agree, and its ratios are numbers; how large they are is no matter of a test."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import reduced, rivals
from benchmarks.__main__ import main
from benchmarks.backtest_rate import market_tables, run_sessions_of
from benchmarks.form import Result, Row, at_least, at_most
from benchmarks.market import panel
from benchmarks.registry import NAMES, find
from tradectl.strategy.indicators import rsi

ROOT = Path(__file__).parents[3]
PRINTING = (
    "benchmarks --list",
    "benchmarks.writers --processes 1 --rounds 1 --seconds 0.05",
    pytest.param("benchmarks.moves 3", marks=pytest.mark.slow),
    pytest.param("benchmarks.start --rounds 1", marks=pytest.mark.slow),
)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_runs_and_its_ratios_are_numbers(name: str) -> None:
    found = find(name).measure(True)
    assert found.rows or found.skipped
    for row in found.rows:
        assert row.ratios
        assert all(math.isfinite(ratio) for ratio in row.ratios), row
        assert all(seconds > 0 for seconds in (*row.ours, *row.theirs)), row


def test_the_listing_names_every_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["benchmarks"]) == list(NAMES)


def test_a_name_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["nothing"])
    assert refused.value.code == 2
    assert "no benchmark is called 'nothing'" in capsys.readouterr().err


def test_json_is_one_object_with_targets_only_for_the_whole_size(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick", "--json", "indicators"]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = found["benchmarks"]["indicators"]["rows"]
    assert found["quick"]
    assert rows[0]["name"] == "ta, symbol by symbol"
    assert all(row["target"] is None and row["met"] is None for row in rows)


def test_a_target_is_met_by_the_median_of_the_repeats() -> None:
    pairs = [(1.0, 12.0), (1.0, 9.0), (2.0, 22.0)]
    assert Row.faster("a", pairs, at_least(11)).met
    assert not Row.faster("a", pairs, at_least(11.5)).met
    assert Row.share("a", pairs, at_most(0.1)).met
    assert Row.faster("a", pairs).met is None
    assert Result("s", (Row.faster("a", pairs, at_least(1)),)).unjudged().rows[0].met is None


def by_hand(bars: rivals.Bars) -> list[rivals.Trade]:
    """The reduced rule, as its words say."""
    strength, trades, entry = rsi(bars.close, rivals.PERIOD), [], None
    for bar, value in enumerate(strength[:-1], 1):
        if entry is None and value < rivals.BUY_BELOW:
            entry = bar
        elif entry is not None and entry < bar and value > rivals.SELL_ABOVE:
            trades.append(rivals.Trade(entry, bar, bars.open[entry], bars.open[bar]))
            entry = None
    return trades


@pytest.mark.slow
@pytest.mark.parametrize("name", ["backtesting.py", "backtrader", "vectorbt"])
def test_a_rival_trades_the_reduced_rule_as_its_words_say(name: str) -> None:
    if name not in rivals.RIVALS:
        pytest.skip(f"{name} is not installed")
    market = panel(3, 600)
    symbols = [rivals.bars_of(market, column) for column in range(3)]
    expected = [by_hand(bars) for bars in symbols]
    assert any(expected)
    assert [rivals.RIVALS[name](bars) for bars in symbols] == expected


@pytest.mark.parametrize("plain", [True, False])
def test_our_side_trades_the_reduced_rule_as_its_words_say(plain: bool) -> None:
    market = run_sessions_of(panel(12, 600, plain=plain))
    found = reduced.trades(market_tables(market))
    assert len(found) > 20
    for column in range(12):
        own = found.take(found.instrument == column)
        there = market.sessions[market.state[:, column] > 0]
        scale = [
            market.multiplier[np.searchsorted(market.sessions, days), column] for days in (own.entry_session, own.exit_session)
        ]
        mine = zip(
            *(np.searchsorted(there, days).tolist() for days in (own.entry_session, own.exit_session)),
            *((price / 100 * by).tolist() for price, by in zip((own.entry_price, own.exit_price), scale, strict=True)),
            strict=True,
        )
        expected = by_hand(rivals.bars_of(market, column))
        assert sorted(mine) == expected


def test_the_invented_market_is_the_same_each_time_and_sound() -> None:
    one, other = panel(20, 300), panel(20, 300)
    assert all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("open", "close", "volume", "state"))
    there = one.state > 0
    assert there[-1].all()
    assert not there.all()
    assert (one.low[there] > 0).all()
    assert ((one.low <= np.minimum(one.open, one.close)) & (one.high >= np.maximum(one.open, one.close)))[there].all()


@pytest.mark.parametrize("module", PRINTING)
def test_a_reader_that_has_ended_is_no_error(module: str) -> None:
    line = f'"$0" -m {module} | true; exit "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", line, sys.executable], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_benchmark_that_is_a_program_secures_its_streams() -> None:
    programs = [file for file in (ROOT / "benchmarks").glob("*.py") if '__name__ == "__main__"' in file.read_text("utf-8")]
    unsafe = {file.stem for file in programs if "    secure()\n" not in file.read_text("utf-8")}
    assert unsafe == {"launch"}, "the launcher must stay small: a process has at least the peak memory of its parent"
