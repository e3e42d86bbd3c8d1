"""A simulation is repeatable, and its prices are prices that were there."""

from __future__ import annotations

import csv
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.research.world import Run, simulated

CENT = 100
TICK = 5
"""Paise; every stock's until 2024-06-07 (facts/market.md)."""


def printed(home: Path, **environment: str) -> dict[str, Any]:
    """What `simulate --json` prints in a process of its own."""
    words = "simulate --from 2023-02-20 --to 2023-03-01 --universe nifty50 --capital 1000000 --json".split()
    env = os.environ | {"TRADECTL_HOME": str(home)} | environment
    done = subprocess.run([sys.executable, "-m", "tradectl", *words], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer["result"].pop("sessions_per_second") > 0
    return answer


def test_two_runs_print_the_same_but_for_the_speed(tmp_path: Path, real_market: Path) -> None:
    """In another order of sets and dicts, and in another time zone."""
    (tmp_path / "tradectl.toml").write_text(f'market = "{real_market}"\n')
    one = printed(tmp_path, PYTHONHASHSEED="1", TZ="Asia/Kolkata")
    assert one == printed(tmp_path, PYTHONHASHSEED="2", TZ="America/New_York")
    assert one["result"]["trades"]
    assert one["result"]["reconciled"]


@pytest.fixture(scope="module")
def quarter(tmp_path_factory: pytest.TempPathFactory, real_market: Path) -> Run:
    return simulated(tmp_path_factory.mktemp("quarter"), real_market, date(2023, 1, 1), date(2023, 3, 31))


def test_a_quarter_of_the_nifty_adds_up(quarter: Run) -> None:
    result = quarter.result()
    assert result["reconciled"], result["differences"]
    assert result["troubles"] == []
    assert result["sessions"] == 62
    assert len(result["trades"]) >= 10


def test_every_price_is_on_the_tick_and_was_traded_that_day(quarter: Run, shared_data: Path) -> None:
    """Against the files themselves, read without our importers."""
    days = {(row["symbol"], row["date"]): row for row in rows(shared_data / "daily" / "nse-daily-2023.csv.gz")}
    prices = [(fill["symbol"], fill["session_date"].isoformat(), fill["price"]) for fill in quarter.rows("fills")["fills"]]
    for trade in quarter.result()["trades"]:
        for end in ("entry", "exit"):
            prices.append((trade["symbol"], trade[f"{end}_session"], paise(trade[f"{end}_price"])))
    assert len(prices) >= 40
    for symbol, day, price in prices:
        assert price % TICK == 0, f"{symbol} {day} {price}"
        assert paise(days[symbol, day]["low"]) <= price <= paise(days[symbol, day]["high"]), f"{symbol} {day} {price}"


def rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", newline="") as file:
        yield from csv.DictReader(file)


def paise(rupees: str) -> int:
    """Exactly, from text with two decimals."""
    whole, _, part = rupees.partition(".")
    return int(whole) * CENT + int(part.ljust(2, "0"))
