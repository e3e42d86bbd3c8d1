"""`simulate --keep`: the same simulation, whose files others may look at."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks import market
from tests.integration.cli.conftest import Tradectl


def test_a_kept_simulation_answers_as_one_with_its_own_files(tradectl: Tradectl, home: Path, tmp_path: Path) -> None:
    """In an invented market; how long it took is the only difference."""
    sessions = 260 + 30
    shutil.copytree(market.home(12, sessions), home)
    days = [day.date for day in market.calendar().run_between(market.calendar().first, market.calendar().last)]
    words = ["simulate", "--from", str(days[262]), "--to", str(days[280]), "--universe", "all", "--every", "15", "--json"]
    alone, kept = tradectl(*words).object["result"], tradectl(*words, "--keep", str(tmp_path / "kept")).object["result"]
    speeds = alone.pop("sessions_per_second"), kept.pop("sessions_per_second")
    assert min(speeds) > 0
    assert alone == kept
    assert alone["orders"], "nothing was traded, so nothing was compared"
    assert {"ledger.db", "paper.db"} <= {path.name for path in (tmp_path / "kept").iterdir()}
