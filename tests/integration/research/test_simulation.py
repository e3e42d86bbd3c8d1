"""A simulation is repeatable, and its prices were traded."""

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

from tests.integration.research.world import simulated

TICK = 5
"""Paise; the tick of every stock until 2024-06-07 (facts/market.md)."""


def printed(home: Path, **environment: str) -> dict[str, Any]:
    """Return what `simulate --json` prints in a process of its own."""
    words = ["simulate", "--from", "2023-02-22", "--to", "2023-03-01", "--universe", "nifty50", "--capital", "1000000", "--json"]
    env = os.environ | {"TRADECTL_HOME": str(home)} | environment
    done = subprocess.run([sys.executable, "-m", "tradectl", *words], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer["result"].pop("sessions_per_second") > 0
    return answer


def test_two_runs_print_the_same_but_for_the_speed(tmp_path: Path, real_market: Path) -> None:
    """With another order of sets and dicts, and another time zone."""
    (tmp_path / "tradectl.toml").write_text(f'market = "{real_market}"\n')
    one = printed(tmp_path, PYTHONHASHSEED="1", TZ="Asia/Kolkata")
    assert one == printed(tmp_path, PYTHONHASHSEED="2", TZ="America/New_York")
    assert one["result"]["trades"]
    assert one["result"]["reconciled"]


@pytest.mark.parametrize(
    ("every", "last", "count"), [(25, date(2023, 3, 10), 48), pytest.param(5, date(2023, 3, 31), 62, marks=pytest.mark.slow)]
)
def test_a_quarter_adds_up_and_every_price_was_traded(
    tmp_path: Path, real_market: Path, shared_data: Path, every: int, last: date, count: int
) -> None:
    """Prices are on the tick, and between the session's low and high in the files, read without the importers."""
    run = simulated(tmp_path, real_market, date(2023, 1, 1), last, every=every)
    result = run.result()
    assert (result["sessions"], result["reconciled"], result["troubles"]) == (count, True, [])
    assert len(result["trades"]) >= 10
    prices = [(fill["symbol"], fill["session_date"].isoformat(), fill["price"]) for fill in run.rows("fills")["fills"]]
    for trade in result["trades"]:
        prices += [(trade["symbol"], trade[f"{end}_session"], paise(trade[f"{end}_price"])) for end in ("entry", "exit")]
    assert len(prices) >= 40
    days = {(row["symbol"], row["date"]): row for row in rows(shared_data / "daily" / "nse-daily-2023.csv.gz")}
    for symbol, day, price in prices:
        assert price % TICK == 0, f"{symbol} {day} {price}"
        assert paise(days[symbol, day]["low"]) <= price <= paise(days[symbol, day]["high"]), f"{symbol} {day} {price}"


def rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", newline="") as file:
        yield from csv.DictReader(file)


def paise(rupees: str) -> int:
    """Return exact paise from text with two decimals."""
    whole, _, part = rupees.partition(".")
    return int(whole) * 100 + int(part.ljust(2, "0"))
