"""The rule of unexplained jumps on real prices: each lost change of shares shows, and no move of the market passes for one."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tradectl.model.gap_limit import LIMIT
from tradectl.model.history import History
from tradectl.strategy.trusted_prices import MISSING_BARS, UNEXPLAINED_JUMP, WINDOW, jumps, lacking_sessions, rule_against

PLAIN = np.arange(date(2022, 1, 3).toordinal(), date(2022, 1, 3).toordinal() + 400)


def changes(shared_data: Path) -> list[tuple[str, date, float]]:
    """Return symbol, ex-date and price factor of each listed split and bonus; those of one day as one."""
    found: dict[tuple[str, date], float] = {}
    with (shared_data / "lists" / "corporate_actions.csv").open() as file:
        for row in csv.DictReader(file):
            if row["kind"] in {"split", "bonus"}:
                key = (row["symbol"], date.fromisoformat(row["ex_date"]))
                found[key] = found.get(key, 1.0) * float(row["factor"])
    return [(*key, factor) for key, factor in found.items()]


def test_every_large_change_shows_where_its_text_is_lost(real_histories: Mapping[str, History], shared_data: Path) -> None:
    checked = 0
    for symbol, ex_date, factor in changes(shared_data):
        history = real_histories.get(symbol)
        if history is None or not (at := history.last_index(date.fromordinal(ex_date.toordinal() - 1)) + 1) or at >= len(history):
            continue
        if 1 - LIMIT < factor < 1 + LIMIT:
            continue
        lost = history.multiplier.copy()
        lost[at:] *= factor
        found = [jump.session for jump in jumps(replace(history, multiplier=lost).through(history.session(at)), ())]
        assert history.session(at) in found, (symbol, ex_date, factor)
        checked += 1
    assert checked > 60


@pytest.mark.parametrize(
    ("symbol", "day", "fall"),
    [("ADANIENT", date(2023, 2, 1), -0.28), ("YESBANK", date(2020, 3, 6), -0.56), ("INDUSINDBK", date(2025, 3, 11), -0.27)],
)
def test_a_crash_of_the_market_is_no_jump(real_histories: Mapping[str, History], symbol: str, day: date, fall: float) -> None:
    history = real_histories.get(symbol)
    if history is None or history.index(day) is None:
        pytest.skip(f"no bar of {symbol} on {day}")
    at = history.index(day)
    assert at is not None
    assert history.close[at] / history.close[at - 1] - 1 == pytest.approx(fall, abs=0.01)
    assert day not in [jump.session for jump in jumps(history, ())]


def flat(days: np.ndarray, price: int = 500_00) -> History:
    column = np.full(len(days), price, dtype=np.int64)
    return History("ACME", days, column, column, column, column, column, np.full(len(days), "EQ"), np.ones(len(days)))


def test_a_bar_that_others_have_counts_for_the_window() -> None:
    history = flat(np.delete(PLAIN, 250))
    for last, rule in ((249, ""), (251, MISSING_BARS), (250 + WINDOW - 1, MISSING_BARS), (250 + WINDOW, "")):
        cut = history.through(date.fromordinal(int(PLAIN[last])))
        assert rule_against(cut, (), PLAIN, date.max)[0] == rule, last
        assert lacking_sessions(cut, PLAIN).tolist() == ([PLAIN[250]] if rule else [])


def test_a_jump_ranks_before_a_missing_bar() -> None:
    history = flat(np.delete(PLAIN, 390))
    history.open[395:] //= 5
    rule, reason = rule_against(history, (), PLAIN, date.max)
    assert (rule, "no corporate action explains it" in reason) == (UNEXPLAINED_JUMP, True)
