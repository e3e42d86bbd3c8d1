"""`data import FOLDER` says of each file what became of it; one odd file neither undoes nor hides the others."""

from __future__ import annotations

import os
from pathlib import Path

from tests.integration.cli.conftest import Tradectl

DAILY = "date,symbol,series,open,high,low,close,volume\n"
GOOD = "2024-01-15,ACME,EQ,100.00,110.00,95.00,105.50,1000\n"
ACTIONS = "symbol,series,ex_date,subject\nACME,EQ,2024-01-15,Bonus 1:1\n"
TEXTS = "subject,kind,factor\nBonus 1:1,bonus,0.5\n"


def folder_of(tmp_path: Path, **files: str) -> Path:
    folder = tmp_path / "lists"
    folder.mkdir()
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(content)
    return folder


def test_a_folder_with_action_texts_refuses_that_file(tradectl: Tradectl, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, action_texts=TEXTS, actions=ACTIONS, bars=DAILY + GOOD)
    os.mkfifo(folder / "pipe.csv")
    (folder / "notes.md").write_text("not data")
    done = tradectl("data", "import", str(folder), "--json")
    result = done.object["result"]
    assert (done.code, done.object["outcome"]) == (8, "failed")
    assert [(item["file"], item["new"]) for item in result["files"]] == [("actions.csv", 1), ("bars.csv", 1)]
    assert [item["file"] for item in result["refused"]] == ["action_texts.csv", "pipe.csv"]
    assert result["refused"][0]["reason"].startswith(
        "action_texts.csv: is not in a known format (it begins with 'subject,kind,factor')"
    )
    assert result["refused"][1]["reason"] == "pipe.csv: is a FIFO; save its content as a file first"
    assert result["ignored"] == ["notes.md"]
    assert done.object["error"].startswith("2 of 4 files refused, the others imported; action_texts.csv: is not in a known")
    found = tradectl("data", "list", "--json").object["result"]
    assert (found["bars"], found["actions"]) == (1, 1)


def test_the_table_names_every_file(tradectl: Tradectl, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, action_texts=TEXTS, bars=DAILY + GOOD)
    (folder / "older").mkdir()
    done = tradectl("data", "import", str(folder))
    assert done.code == 8
    assert "bars.csv  daily" in done.out
    assert "refused: action_texts.csv: is not in a known format" in done.out
    assert "not read, because of their names: older/" in done.out


def test_a_conflict_is_told_in_rupees_with_its_row(tradectl: Tradectl, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(DAILY + GOOD)
    assert tradectl("data", "import", str(path)).code == 0
    path.write_text(DAILY + GOOD.replace("01-15", "01-16") + GOOD.replace("105.50", "105"))
    done = tradectl("data", "import", str(path))
    assert (done.code, done.err) == (
        8,
        "tradectl: x.csv row 3: ACME 2024-01-15 is stored with close Rs 105.50, not Rs 105.00; --replace stores the new values\n",
    )


def test_a_name_that_cannot_be_a_file_is_a_mistake(tradectl: Tradectl) -> None:
    done = tradectl("data", "import", "x" * 5000)
    assert (done.code, "File name too long" in done.err) == (2, True)


def test_years_before_the_calendar_are_history_and_marked_so(tradectl: Tradectl, tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    path.write_text(DAILY + GOOD.replace("2024-01-15", "2017-12-29") + GOOD.replace("2024-01-15", "2018-01-02"))
    refused = tradectl("data", "import", str(path))
    assert (refused.code, "old.csv row 2: 2017-12-29 is before the session table" in refused.err) == (8, True)
    assert tradectl("data", "import", str(path), "--derive-calendar").code == 0
    assert "1 sessions before 2018-01-01 are derived from the imported bars" in tradectl("data", "list").out
    done = tradectl("backtest", "ACME", "--from", "2017-12-29")
    assert (done.code, "sessions, tick sizes and charges are known only from 2018-01-01 on" in done.err) == (2, True)
