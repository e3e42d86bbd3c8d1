"""`tradectl drill` as it is typed: its result, on both kinds of ledger, and how it goes on after it was stopped."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from tests.support.addresses import server

__all__ = ["server"]

KEYS = {"runs", "kills", "faults", "duplicates", "lost", "unknown", "seeds"}
FEW = ("--seeds", "2", "--points", "4", "--jobs", "1")


def drill(home: Path, *words: str, code: int = 0) -> dict[str, Any]:
    command = [sys.executable, "-m", "tradectl", "--home", str(home), *words, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.fixture(scope="module")
def drilled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A home in which a drill ran to its end, and its result. Copy it to write."""
    home = tmp_path_factory.mktemp("drilled")
    return home, drill(home, "drill", *FEW)["result"]


def test_it_finds_nothing_and_touches_no_home(drilled) -> None:
    home, result = drilled
    assert result.keys() >= KEYS
    assert (result["duplicates"], result["lost"], result["failed"], result["findings"]) == (0, 0, 0, [])
    assert result["kills"] >= 8
    assert [file.name for file in home.iterdir()] == ["drill"]


def test_a_stopped_drill_goes_on_with_the_seeds_left(drilled, tmp_path) -> None:
    home, first = drilled
    shutil.copytree(home, tmp_path, dirs_exist_ok=True)
    (file,) = (tmp_path / "drill").iterdir()
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text(lines[0] + lines[1][: len(lines[1]) // 2], encoding="utf-8")  # a death in the middle of a line
    again = drill(tmp_path, "drill", *FEW)["result"]
    assert {**again, "seconds": 0} == {**first, "seconds": 0}
    known = file.read_text(encoding="utf-8")
    third = drill(tmp_path, "drill", *FEW)["result"]
    assert ({**third, "seconds": 0}, file.read_text(encoding="utf-8")) == ({**first, "seconds": 0}, known)


def test_it_drills_ledgers_on_a_server_and_leaves_nothing_there(tmp_path, server: str) -> None:
    result = drill(tmp_path, "--db", server, "drill", "--seeds", "1", "--points", "3", "--task", "buy", "--jobs", "1")["result"]
    assert (result["duplicates"], result["lost"], result["failed"]) == (0, 0, 0)
    assert result["real_kills"] == 3
    engine = create_engine(server)
    with engine.connect() as connection:
        names = connection.scalars(text("SELECT datname FROM pg_database WHERE datname LIKE 'tradectl_drill%'")).all()
    engine.dispose()
    assert names == []


def test_a_task_that_there_is_not_is_told(tmp_path) -> None:
    answer = drill(tmp_path, "drill", "--task", "sell", code=2)
    assert "no task is called 'sell'" in answer["error"]


def test_a_broker_that_has_no_sandbox_is_told(tmp_path) -> None:
    answer = drill(tmp_path, "drill", "--through", "paper", code=2)
    assert "there is a sandbox of kite and of kotak_neo and of openalgo and of dhan, and none of 'paper'" in answer["error"]
