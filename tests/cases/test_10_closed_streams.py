"""Case 10: streams that are closed, full or gone stop no task before its work, and change no exit code."""

from __future__ import annotations

import os
import pty
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.cases.processes import environment, shell

AT = "2023-07-21 18:00"
COMMANDS = {
    f"eod --at '{AT}'": 0,
    f"buy --at '{AT}'": 9,
    f"status --at '{AT}'": 0,
    f"orders list --json --at '{AT}'": 0,
    f"logs --at '{AT}'": 0,
    f"doctor --at '{AT}'": 8,
    f"why NOTHING --at '{AT}'": 8,
    "data list --json": 8,
    "crontab --zone UTC": 0,
    "config list --json --at never": 2,
    "--help": 0,
    "buy --help": 0,
    "--version": 0,
    "nonsense": 2,
}
"""Commands, and how they end in a home without market data where the streams are whole."""
CLOSED = ["2>&-", ">&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-", "1</dev/null", "0>/dev/null"]
FULL = [">/dev/full", "2>/dev/full", ">/dev/full 2>/dev/full", "2>&- >/dev/full"]
GONE = ["| true", "2>&1 | true", "2> >(true)", "| head -c 1"]
FEW = [*COMMANDS][:2]


@pytest.fixture(scope="module")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("made") / "home"
    assert shell(f"tradectl init --at '{AT}'", made).returncode == 0
    return made


@pytest.fixture
def home(made_home: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made_home, tmp_path / "home")


def check(home: Path, command: str, streams: str) -> None:
    done = shell(f"tradectl {command} {streams}", home)
    assert done.returncode == COMMANDS[command], (command, streams, done)
    assert "Traceback" not in done.stdout + done.stderr
    assert "this is a bug" not in done.stdout + done.stderr
    assert not (home / "logs").exists()
    with closing(sqlite3.connect(home / "ledger.db")) as ledger:
        assert ledger.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("streams", [*CLOSED, *FULL, *GONE])
def test_a_task_does_its_work_all_the_same(home: Path, streams: str):
    check(home, FEW[0], streams)
    with closing(sqlite3.connect(home / "ledger.db")) as ledger:
        assert ledger.execute("SELECT task, status FROM task_executions WHERE task = 'eod'").fetchall() == [("eod", "completed")]


@pytest.mark.parametrize("command", [*COMMANDS][1:])
def test_every_kind_of_command_ends_as_it_would(home: Path, command: str):
    for streams in ("<&- >&- 2>&-", ">/dev/full 2>&1"):
        check(home, command, streams)


@pytest.mark.slow
@pytest.mark.parametrize("streams", [*CLOSED, *FULL, *GONE])
def test_every_command_with_every_stream(home: Path, streams: str):
    for command in COMMANDS:
        check(home, command, streams)


def test_a_full_stream_is_one_line(home: Path):
    done = shell(f"tradectl status --at '{AT}' >/dev/full", home)
    line = "tradectl: stdout cannot be written: No space left on device; output is lost, the work goes on\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, "", line)


def test_a_file_at_its_limit_is_one_line(home: Path, tmp_path: Path):
    done = shell(f"ulimit -f 1; tradectl crontab --zone UTC --home {tmp_path}/none >{tmp_path}/cut; true", home)
    assert done.stderr.splitlines()[-1].startswith("tradectl: stdout cannot be written: File too large")
    assert (tmp_path / "cut").stat().st_size == 1024


def test_what_a_closed_stream_would_show_goes_nowhere_else(home: Path):
    """The first file that is opened gets the number of a closed stream; it must not be the ledger."""
    for _ in range(3):
        assert shell(f"tradectl status --at '{AT}' >&- 2>&-", home).returncode == 0
        assert shell(f"tradectl eod --force --at '{AT}' >&-", home).returncode == 0
    assert not any(b"trading   ACTIVE" in file.read_bytes() for file in home.rglob("*") if file.is_file())


@contextmanager
def hung_up_terminal() -> Iterator[int]:
    """A terminal whose other side is closed: reads and writes answer EIO."""
    master, slave = pty.openpty()
    os.close(master)
    try:
        yield slave
    finally:
        os.close(slave)


def test_a_terminal_that_hung_up_stops_nothing(home: Path):
    with hung_up_terminal() as terminal:
        words = [sys.executable, "-m", "tradectl", "eod", "--at", AT]
        done = subprocess.run(words, env=environment(home), stdin=terminal, stdout=terminal, stderr=terminal, check=False)
        assert done.returncode == 0
        words = [sys.executable, "-m", "tradectl", "config", "set", "notify.urls", "-", "--at", AT]
        done = subprocess.run(words, env=environment(home), stdin=terminal, stdout=terminal, stderr=terminal, check=False)
        assert done.returncode == 2


def test_a_full_pipe_that_does_not_block_loses_text_only(home: Path):
    """A pipe of 64 KB whose reader never reads; the writer may not wait for ever."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while os.write(writing, b"x" * 65536) == 65536:
            pass
    except BlockingIOError:
        pass
    try:
        words = [sys.executable, "-m", "tradectl", "eod", "--at", AT]
        done = subprocess.run(words, env=environment(home), stdout=writing, stderr=subprocess.PIPE, check=False, timeout=60)
    finally:
        os.close(reading)
        os.close(writing)
    assert done.returncode == 0
    assert done.stderr.decode().splitlines()[-1].startswith("tradectl: stdout cannot be written: its reader does not read")


def test_a_character_that_the_terminal_lacks_is_an_escape(home: Path):
    done = shell(f"tradectl status --user ₹ --at '{AT}'", home, {"PYTHONIOENCODING": "latin-1"})
    assert (done.returncode, "Traceback" in done.stderr, "\\u20b9" in done.stderr) == (2, False, True)
