"""Case 07: NSE's texts are read as they are meant; 345 of them with their share factor are in action_texts.csv."""

from __future__ import annotations

import csv
from fractions import Fraction
from math import prod
from pathlib import Path

import pytest

from tests.acceptance.cases.inputs import Tradectl, cases, home, tradectl
from tradectl.marketdata.purpose import read_purpose
from tradectl.model.market import ActionKind

__all__ = ["cases", "home", "tradectl"]

UNKNOWN = {
    "Capital Reduction",
    "Capital Reduction Pursuant To Nclt Order",
    "Capital Reduction Rs 10 To Rs 3.30 / Consolidation Rs 3.30 To Rs.10",
}
"""Texts of the list that may change the number of shares and do not say how: factor 1, and a person decides."""


def factor(subject: str) -> float:
    """Old shares for one new."""
    return float(1 / prod((part.ratio for part in read_purpose(subject)), start=Fraction(1)))


def test_the_texts_of_the_case_change_no_shares(cases: Path):
    lines = (cases / "07-action-texts" / "texts.txt").read_text(encoding="utf-8").splitlines()
    texts = [line.split("|")[0] for line in lines if line.strip()]
    assert len(texts) == 4
    assert [factor(text) for text in texts] == [1.0] * 4


def test_the_345_texts_are_read_as_listed(shared_data: Path):
    with (shared_data / "lists" / "action_texts.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 345
    wrong = [row["subject"] for row in rows if abs(factor(row["subject"]) - float(row["factor"])) > 1e-6]
    assert wrong == []
    unknown = {row["subject"] for row in rows if ActionKind.UNKNOWN in {part.kind for part in read_purpose(row["subject"])}}
    assert unknown == UNKNOWN
    listed = {row["subject"]: row["kind"] for row in rows}
    paid = {text for text, kind in listed.items() if "dividend" in kind}
    assert [text for text in paid if ActionKind.DIVIDEND not in {part.kind for part in read_purpose(text)}] == []


@pytest.mark.parametrize(
    "subject",
    [
        "Stock Split 1:5",
        "Bonus",
        "Bonus 0:1",
        "Bonus 1:1 Subject To Approval",
        "Bonus 1:1 (Cancelled)",
        "Bonus 1:1 And Bonus Dvr 1:20",
        "Face Value Split From Re 1 To Rs 10",
        "Consolidation Of Shares From Rs 10 To Re 1",
        "Face Value Change From Rs 10 To Rs 2",
        "Scheme Of Arrangement - 5 Equity Shares For Every 1 Held",
        "Amalgamation",
        "Reduction Of Capital",
        "Reverse Split 10:1",
        "Bonus 3:1 On Post Split Shares",
    ],
)
def test_what_may_change_shares_and_is_not_clear_is_unknown(subject: str):
    parts = read_purpose(subject)
    assert ActionKind.UNKNOWN in {part.kind for part in parts}
    assert {part.ratio for part in parts} == {1}


@pytest.mark.parametrize(
    ("subject", "old_for_new"),
    [
        ("Bouns 1:1", 0.5),
        ("Issue Of Bonus Shares 1 : 1", 0.5),
        ("Bonus Equity Shares In The Ratio Of 1:2", 2 / 3),
        ("Sub-Division Of Equity Shares From Rs. 10/- To Rs 2/- Per Share", 0.2),
        ("Dividend Rs 5 Per Share & Face Value Split Frm Rs 10 To Re 1", 0.1),
        ("Rights 1:1 @ Premium Rs 48/- / Bonus 1:1", 0.5),
        ("Bonus 1:1 Record Date Revised", 0.5),
        ("Consolidation Of Shares From Re 1/- To Rs 10/-", 10.0),
        ("Face Value Split Of Preference Shares From Rs 10 To Rs 2", 1.0),
        ("Redemption Of Preference Shares", 1.0),
        ("Bonus Warrants 1:10", 1.0),
    ],
)
def test_neighbours_of_the_texts(subject: str, old_for_new: float):
    assert factor(subject) == pytest.approx(old_for_new)


def test_an_unknown_text_stops_a_symbol_until_it_is_decided(tradectl: Tradectl, cases: Path, tmp_path: Path):
    """It is in `data check`, `analyze`, `why` and `data actions`, and a decision ends it."""
    actions = tmp_path / "actions.csv"
    actions.write_text("symbol,series,ex_date,subject\nCCC,EQ,2024-01-05,Stock Split 1:5\n", encoding="utf-8")
    tradectl("data", "import", str(cases / "06-adjusted-twice" / "bars.csv"), str(actions))
    found = {item["kind"]: item for item in tradectl("data", "check", "--no-indicators", "--json").object["result"]}
    assert found["unknown corporate actions (`data actions` decides them)"]["examples"] == [
        "CCC 2024-01-05: Stock Split 1:5, announced in actions.csv"
    ]
    evening = ("--at", "2024-03-28 19:30")
    tradectl("config", "set", "universe", "all", *evening)
    for name in ("min_turnover", "min_bars"):
        tradectl("config", "set", name, "1", *evening)
    assert tradectl("analyze", "--json", *evening).object["result"]["by_rule"]["excluded"]["unknown_action"] == 1
    assert "unknown corporate action of 2024-01-05" in tradectl("why", "CCC", *evening).out
    assert tradectl("data", "actions", "set", "CCC", "2024-01-05", "5").code == 0
    again = tradectl("analyze", "--force", "--json", *evening).object["result"]["by_rule"]
    assert "unknown_action" not in again.get("excluded", {})
    assert "unexplained_jump" not in again.get("excluded", {})


def test_an_unknown_text_before_the_first_bar_does_not_matter(tradectl: Tradectl, cases: Path, tmp_path: Path):
    """A list of twenty years names many old reductions and amalgamations; no stored price is from before them."""
    actions = tmp_path / "actions.csv"
    actions.write_text("symbol,series,ex_date,subject\nCCC,EQ,2009-06-05,Capital Reduction\n", encoding="utf-8")
    tradectl("data", "import", str(cases / "06-adjusted-twice" / "bars.csv"), str(actions))
    listed = tradectl("data", "actions", "list", "--json").object["result"]["open"]
    assert "unknown_action" not in {item["rule"] for item in listed}
