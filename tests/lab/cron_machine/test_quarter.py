"""A short share of the quarter under a real cron: its evening before, and three sessions with a buy."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.lab.cron_machine.exchange import Market
from tests.lab.cron_machine.machine import missing
from tests.lab.cron_machine.quarter import Faults, run

FIRST, LAST, END = date(2026, 11, 17), date(2026, 11, 19), date(2026, 11, 27)
SESSIONS = 560
"""Two years of files on the first evening, and the days that are lived."""


@pytest.mark.slow
def test_a_real_cron_trades_as_simulate(shared_data: Path, tmp_path: Path) -> None:
    """No line of mail, each slot once, and the fills of a simulation of the same days."""
    lack = missing()
    if lack:
        pytest.skip(f"this machine has no {lack}")
    lived = run(tmp_path, Market(shared_data, END, SESSIONS), FIRST, LAST, rate=60, universe="nifty50", faults=Faults(), years=1)
    assert lived.letters == []
    assert {status for _, status in lived.counts()} == {"completed"}
    assert lived.counts()["position-monitor", "completed"] == 21
    assert {lived.counts()[task, "completed"] for task in ("sell-monitor", "amo-adjust")} == {3}
    assert {lived.counts()[task, "completed"] for task in ("analyze", "buy", "eod")} == {4}
    assert lived.ledger
    assert lived.first_difference() == ""
