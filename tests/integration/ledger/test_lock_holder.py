"""The holder of a ledger's write lock is found, also where /proc/locks has another device or inode than stat(2)."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tradectl.ledger import lock_holder
from tradectl.ledger.opening import open_database

ROOT = Path(__file__).parents[3]
LOCKS = Path("/proc/locks")
pytestmark = pytest.mark.skipif(not LOCKS.exists(), reason="needs /proc/locks")

HOLD = """
import sqlite3, sys
from tradectl.ledger.write_queue import WriteQueue
what, file, *others = sys.argv[1:]
also = [sqlite3.connect(other, isolation_level=None) for other in others]
for connection in also:
    connection.execute("SELECT * FROM sqlite_master").fetchall()
if what == "turn":
    queue = WriteQueue(file, 5)
    queue.acquire()
else:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
"""


def made(path: Path) -> Path:
    """An SQLite file in WAL mode."""
    database = open_database(path)
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a)")
    database.close()
    return path


@pytest.fixture
def hold() -> Iterator[Callable[..., int]]:
    """Start a process that locks the first file and reads the others; its id."""
    begun: list[subprocess.Popen[str]] = []

    def start(what: str, *files: Path) -> int:
        line = [sys.executable, "-c", HOLD, what, *map(str, files)]
        process = subprocess.Popen(line, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        begun.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        return process.pid

    yield start
    for process in begun:
        process.kill()
        process.communicate()


@pytest.fixture(params=["same", "device", "inode"])
def listed(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Show the kernel's list as it is, or with the numbers that a file has on btrfs (device) or overlayfs (both)."""
    changes = {"same": r"\1:\2", "device": r"00:7f:\2", "inode": r"00:7f:9\2"}
    other = tmp_path / "locks"

    def show() -> None:
        other.write_text(re.sub(r"([0-9a-f]{2,}:[0-9a-f]{2,}):(\d+)", changes[request.param], LOCKS.read_text()))
        monkeypatch.setattr(lock_holder, "_LOCKS", other)

    return show


@pytest.mark.parametrize("what", ["write", "turn"])
def test_the_holder_is_found(tmp_path: Path, hold: Callable[..., int], listed: Callable[[], None], what: str):
    ledger = made(tmp_path / "ledger.db")
    pid = hold(what, ledger)
    listed()
    found = lock_holder.lock_holder(str(ledger))
    assert found is not None
    assert (found.pid, found.stopped) == (pid, False)
    os.kill(pid, signal.SIGSTOP)
    os.waitpid(pid, os.WUNTRACED)
    found = lock_holder.lock_holder(str(ledger))
    assert found is not None
    assert found.stopped


@pytest.mark.parametrize("what", ["write", "turn"])
def test_a_lock_of_another_ledger_is_not_ours(tmp_path: Path, hold: Callable[..., int], listed: Callable[[], None], what: str):
    """Also where its holder has our file open."""
    ledger, other = made(tmp_path / "ledger.db"), made(tmp_path / "other.db")
    hold(what, other, ledger)
    listed()
    assert lock_holder.lock_holder(str(ledger)) is None
    assert lock_holder.lock_holder(str(other)) is not None
