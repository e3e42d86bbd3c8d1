"""Case 03: minutes stamped in UTC are filed under their Indian time; bars of another length are refused by name."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.cases.inputs import cases
from tests.integration.cli.conftest import Tradectl, home, tradectl

__all__ = ["cases", "home", "tradectl"]


def stored(home: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(home / "market" / "archive.db")) as archive:
        query = "SELECT symbol, session, count(*), min(minute), max(minute) FROM minutes GROUP BY 1, 2"
        return archive.execute(query).fetchall()


def test_minutes_in_utc_are_filed_from_a_quarter_past_nine(cases: Path, tradectl: Tradectl, home: Path) -> None:
    done = tradectl("data", "import", str(cases / "03-minute-stamps" / "utc" / "ALPHA.csv"), "--json")
    assert (done.code, done.object["result"]["files"][0]["new"]) == (0, 375)
    assert stored(home) == [("ALPHA", "2024-01-08", 375, 0, 374)]


@pytest.mark.parametrize(("zone", "code"), [("+05:30", 8), ("", 8), ("Z", 0), ("+0000", 0)])
def test_the_zone_behind_each_stamp_is_honoured(
    cases: Path, tradectl: Tradectl, home: Path, tmp_path: Path, zone: str, code: int
) -> None:
    """03:45 is the open in UTC, and a quarter to four in the night in India."""
    text = (cases / "03-minute-stamps" / "utc" / "ALPHA.csv").read_text()
    path = tmp_path / "ALPHA.csv"
    path.write_text(text.replace("+00:00", zone))
    done = tradectl("data", "import", str(path))
    assert done.code == code
    assert code == 0 or "ALPHA.csv row 2: ALPHA 2024-01-08 03:45 IST is outside the session, 09:15 to 15:30" in done.err
    assert stored(home) == ([("ALPHA", "2024-01-08", 375, 0, 374)] if code == 0 else [])


def test_bars_of_five_minutes_are_refused_by_name(cases: Path, tradectl: Tradectl, home: Path, tmp_path: Path) -> None:
    header, *rows = (cases / "03-minute-stamps" / "utc" / "ALPHA.csv").read_text().splitlines()
    path = tmp_path / "ALPHA.csv"
    path.write_text("\n".join([header, *rows[::5]]) + "\n")
    done = tradectl("data", "import", str(path))
    assert (done.code, stored(home)) == (8, [])
    assert "ALPHA.csv: the bars of ALPHA on 2024-01-08 are 5 minutes apart; only one-minute bars are read" in done.err
