"""Case 06: a factor that the prices do not show is reported, and a split told in two wordings counts once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.cases.inputs import Tradectl, cases, home, tradectl

__all__ = ["cases", "home", "tradectl"]

NOT_SHOWN = "factors of corporate actions that the prices do not show (already adjusted?)"
SPLIT = "Face Value Split From Rs 10 To Rs 2"


def imported(tradectl: Tradectl, cases: Path) -> Path:
    folder = cases / "06-adjusted-twice"
    assert tradectl("data", "import", str(folder / "bars.csv"), str(folder / "actions.csv")).code == 0
    return folder


def found(tradectl: Tradectl) -> dict[str, list[str]]:
    listed = tradectl("data", "check", "--no-indicators", "--json").object["result"]
    return {item["kind"]: item["examples"] for item in listed if item["count"]}


def test_aaa_is_reported_and_cccs_factor_is_5(tradectl: Tradectl, cases: Path):
    imported(tradectl, cases)
    (aaa,) = found(tradectl)[NOT_SHOWN]
    assert aaa.startswith("AAA 2024-01-05: opened at 0.997 of the close of 2024-01-04, but the factor is 0.1 (Face Value Split")
    assert "already adjusted?" in aaa
    announced = tradectl("data", "actions", "list", "--symbol", "CCC", "--json").object["result"]["announced"]
    assert [(item["kind"], item["ratio"]) for item in announced] == [("split", "5")]


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ([("2024-01-05", SPLIT), ("2024-01-05", f"{SPLIT} (Purpose Revised)")], [("2024-01-05", "split", "5")]),
        ([("2024-01-05", SPLIT), ("2024-01-09", f"{SPLIT} (Record Date Revised)")], [("2024-01-09", "split", "5")]),
        ([("2024-01-05", SPLIT), ("2024-01-05", "Stock Split")], [("2024-01-05", "split", "5")]),
        ([("2024-01-05", SPLIT), ("2024-01-09", SPLIT)], [("2024-01-05", "unknown", "1"), ("2024-01-09", "unknown", "1")]),
        ([("2024-01-05", SPLIT), ("2024-01-05", "Face Value Split From Rs 10 To Re 1")], [("2024-01-05", "unknown", "1")]),
        (
            [("2024-01-05", "Face Value Split From Rs 10 To Re 1"), ("2024-01-05", f"{SPLIT} (Revised)")],
            [("2024-01-05", "split", "5")],
        ),
        (
            [("2024-01-05", SPLIT), ("2024-01-05", "Bonus 1:1"), ("2024-01-05", "Bonus 1:1/Dividend - Rs 2 Per Share")],
            [("2024-01-05", "split", "5"), ("2024-01-05", "bonus", "2"), ("2024-01-05", "dividend", "1")],
        ),
    ],
)
def test_an_event_counts_once(
    tradectl: Tradectl, cases: Path, tmp_path: Path, told: list[tuple[str, str]], read: list[tuple[str, str, str]]
):
    """Told twice in another wording, revised, or by another file; what contradicts itself is unknown."""
    tradectl("data", "import", str(cases / "06-adjusted-twice" / "bars.csv"))
    for number, (day, subject) in enumerate(told):
        path = tmp_path / f"actions{number}.csv"
        path.write_text(f"symbol,series,ex_date,subject\nCCC,EQ,{day},{subject}\n", encoding="utf-8")
        assert tradectl("data", "import", str(path)).code == 0
    announced = tradectl("data", "actions", "list", "--symbol", "CCC", "--json").object["result"]["announced"]
    assert [(item["ex_date"], item["kind"], item["ratio"]) for item in announced] == read


def test_an_evening_excludes_both_kinds_by_a_named_rule(tradectl: Tradectl, cases: Path):
    """`analyze` counts the rule, and `why` shows it."""
    imported(tradectl, cases)
    evening = ("--at", "2024-03-28 19:30")
    tradectl("config", "set", "universe", "all", *evening)
    for name in ("min_turnover", "min_bars"):
        tradectl("config", "set", name, "1", *evening)
    done = tradectl("analyze", "--json", *evening)
    assert done.code == 0, done.err
    assert done.object["result"]["by_rule"]["excluded"]["unexplained_jump"] == 1
    why = tradectl("why", "AAA", *evening)
    assert "unexplained_jump" in why.out
    assert "already adjusted?" in why.out
