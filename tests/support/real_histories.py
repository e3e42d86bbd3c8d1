"""Real histories straight from the files, for tests without the bar store."""

from __future__ import annotations

import csv
import gzip
import os
from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tradectl.model.history import History

SHARED = Path(os.environ.get("TRADECTL_SHARED", Path(__file__).parents[3] / "shared")) / "data"


@pytest.fixture(scope="session")
def real_histories() -> Mapping[str, History]:
    """Return all symbols of the shared daily files, with the multipliers of their listed splits and bonuses."""
    if not (SHARED / "daily").is_dir():
        pytest.skip(f"the shared market data is not at {SHARED}")
    rows: dict[str, list[tuple[int, ...]]] = defaultdict(list)
    series: dict[str, list[str]] = defaultdict(list)
    for path in sorted((SHARED / "daily").glob("*.csv.gz")):
        with gzip.open(path, "rt") as file:
            for day, symbol, code, *numbers, volume in list(csv.reader(file))[1:]:
                prices = (round(float(number) * 100) for number in numbers)
                rows[symbol].append((date.fromisoformat(day).toordinal(), *prices, int(float(volume))))
                series[symbol].append(code)
    factors = _factors()
    return {symbol: _history(symbol, rows[symbol], series[symbol], factors.get(symbol, [])) for symbol in sorted(rows)}


def _factors() -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = defaultdict(list)
    with (SHARED / "lists" / "corporate_actions.csv").open() as file:
        for row in csv.DictReader(file):
            if row["kind"] in {"split", "bonus"}:
                found[row["symbol"]].append((date.fromisoformat(row["ex_date"]).toordinal(), float(row["factor"])))
    return found


def _history(symbol: str, rows: list[tuple[int, ...]], series: list[str], factors: list[tuple[int, float]]) -> History:
    columns = [np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)]
    multiplier = np.ones(len(rows))
    for ex_date, factor in factors:
        multiplier[columns[0] >= ex_date] /= factor
    return History(symbol, *columns, np.array(series), multiplier)
