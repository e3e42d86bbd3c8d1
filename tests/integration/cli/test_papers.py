"""`reconcile papers` from the command line: what a file is, exit codes, messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.cli.conftest import Tradectl
from tests.integration.cli.test_taxes import AT, ROWS, fill, tradebook
from tests.unit.papers.test_charge_lines import kite


@pytest.fixture
def held(tradectl: Tradectl, home: Path) -> Tradectl:
    """A home with one fill at the broker: 10 INFY at 1,500."""
    assert tradectl("init", "--mode", "paper", *AT).code == 0
    fill(home)
    return tradectl


def test_papers_that_agree_exit_0(held: Tradectl, tmp_path: Path) -> None:
    path = tradebook(tmp_path, ROWS[2:3])
    note = tmp_path / "note.csv"
    note.write_text(
        "date,line,amount\n2025-04-07,Exchange,0.47\n2025-04-07,STT,15\n2025-04-07,SEBI,0.02\n2025-04-07,Stamp,2.25\n"
        "2025-04-07,GST,0.09\n",
        encoding="utf-8",
    )
    said = held("reconcile", "papers", path, str(note), "--json", *AT)
    found = said.object["result"]
    assert (said.code, found["agrees"], found["rates"]) == (0, True, []), found
    assert [(item["kind"], item["lines"], item["equal"]) for item in found["papers"]] == [
        ("tradebook", 1, 1),
        ("charge lines", 5, 5),
    ]
    assert "every line of the papers agrees" in held("reconcile", "papers", path, *AT).out


def test_what_differs_exits_9_and_is_named(held: Tradectl, tmp_path: Path) -> None:
    path = tradebook(tmp_path, (ROWS[2].replace(",1500,", ",1500.50,"), ROWS[1]))
    said = held("reconcile", "papers", path, *AT)
    assert said.code == 9
    assert "price: paper 1500.50, ours 1500.00, by 0.50" in said.out
    assert "missing here" in said.out


def test_a_differing_rate_is_reported_with_its_day(held: Tradectl, tmp_path: Path) -> None:
    note = tmp_path / "note.csv"
    note.write_text("date,line,amount\n2025-04-07,Stamp duty,3.00\n", encoding="utf-8")
    (rate,) = held("reconcile", "papers", str(note), "--json", *AT).object["result"]["rates"]
    assert (rate["line"], rate["since"], rate["theirs"], rate["ours"]) == ("stamp", "2025-04-07", "2000", "1500")


def test_kites_json_needs_its_day(held: Tradectl, tmp_path: Path) -> None:
    path = tmp_path / "charges.json"
    path.write_text(kite().replace("S0", "INFY").replace("100,", "10,").replace("1000", "1500"), encoding="utf-8")
    assert held("reconcile", "papers", str(path), *AT).code == 2
    said = held("reconcile", "papers", str(path), "--session", "2025-04-07", "--json", *AT)
    assert (said.code, said.object["result"]["papers"][0]["kind"]) == (9, "Kite charges")


@pytest.mark.parametrize("content", ["a,b\n1,2\n", "", "{}", "<html>"])
def test_a_file_that_is_no_paper_is_refused(held: Tradectl, tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(content, encoding="utf-8")
    said = held("reconcile", "papers", str(path), "--session", "2025-04-07", *AT)
    assert (said.code, "x.csv" in said.err) == (8, True)


def test_without_a_subcommand_the_broker_is_compared(held: Tradectl) -> None:
    assert held("reconcile", "--json", *AT).object["command"] == "reconcile broker"
