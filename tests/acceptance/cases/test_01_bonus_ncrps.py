"""Case 01: a bonus of preference shares leaves the number of equity shares alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.cases.inputs import Tradectl, cases, home, tradectl

__all__ = ["cases", "home", "tradectl"]

SIMULATE = ("simulate", "--from", "2025-08-22", "--to", "2025-09-10", "--universe", "TANGO", "--hold", "TANGO:28@2025-08-22")


def test_28_shares_remain_28(tradectl: Tradectl, cases: Path):
    folder = cases / "01-bonus-ncrps"
    assert tradectl("data", "import", str(folder / "bars.csv"), str(folder / "actions.csv")).code == 0
    done = tradectl(*SIMULATE, "--json")
    assert done.code == 0
    result = done.object["result"]
    assert [trade["quantity"] for trade in result["trades"]] == [28]
    assert abs(float(result["equity"]) - 1_000_000) < 2_000


@pytest.mark.parametrize(
    ("subject", "shares"),
    [
        ("Bonus Preference Shares 4:1", 28),
        ("Bonus 4:1 (Ccps)", 28),
        ("Bonus Debentures 4:1", 28),
        ("Bonus Dvr 4:1", 28),
        ("Bonus 4:1", 140),
        ("Bonus 4:1/Bonus Ncrps 1:1", 140),
    ],
)
def test_the_neighbours_too(tradectl: Tradectl, cases: Path, tmp_path: Path, subject: str, shares: int):
    """The prices of the case do not show a bonus of equity shares, so only the number of shares is looked at."""
    actions = tmp_path / "actions.csv"
    actions.write_text(f"symbol,series,ex_date,subject\nTANGO,EQ,2025-08-25,{subject}\n", encoding="utf-8")
    assert tradectl("data", "import", str(cases / "01-bonus-ncrps" / "bars.csv"), str(actions)).code == 0
    found = tradectl("data", "actions", "list", "--symbol", "TANGO", "--json").object["result"]["announced"]
    ratio = 1
    for action in found:
        ratio *= int(action["ratio"])
    assert 28 * ratio == shares
