"""A disk that is full or read-only, and an import that is killed: one line, and all that was there is still there.

The disks are real ones, small file systems in memory; where mounting one is not allowed these tests are skipped.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import home_with
from tests.acceptance.program import Server, Tradectl
from tests.acceptance.test_bad_input import AT, DAILY, DATABASE, GOOD, held, imported, refused


class Disk:
    """A small file system in memory, that can be filled up, emptied again, and made read-only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, leave: int = 0) -> None:
        """Leave so many bytes free."""
        with (self.folder / "ballast").open("wb", buffering=0) as ballast:
            room = os.statvfs(self.folder)
            ballast.write(b"\0" * (room.f_bavail * room.f_frsize - leave))

    def free(self) -> None:
        (self.folder / "ballast").unlink()

    def read_only(self) -> None:
        subprocess.run(["mount", "-o", "remount,ro", str(self.folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Disk]]:
    """`disk("4m")`: a disk of that size."""
    mounted: list[Path] = []

    def make(size: str) -> Disk:
        folder = tmp_path / f"disk-{len(mounted)}"
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip("no small disk: mounting one needs privilege")
        mounted.append(folder)
        return Disk(folder)

    yield make
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_stops_a_task_before_it_begins(disk: Callable[[str], Disk], server: Server):
    small = disk("4m")
    tradectl = Tradectl(small.folder / "home", server)
    assert tradectl("premarket-retry", at=AT).code == 0
    small.fill()
    refused(tradectl("premarket-retry", "-q", at="2023-08-16 08:40"), DATABASE, "full")
    small.free()
    assert intact(tradectl)
    assert tradectl("premarket-retry", "--json", at="2023-08-16 08:40").outcome == ("completed", 0)


def test_halt_works_on_a_full_disk(disk: Callable[[str], Disk], server: Server):
    """Its marker is renamed, and its reason is written into the blocks that are there."""
    small = disk("4m")
    tradectl = Tradectl(small.folder / "home", server)
    assert tradectl("premarket-retry", at=AT).code == 0
    small.fill()
    with pytest.raises(OSError, match="No space left"):
        (small.folder / "home" / "more").write_bytes(b"x")
    said = tradectl("halt", "--reason", "the disk is full", "--json", at="2023-08-16 08:40")
    assert said.outcome == ("completed", 0)
    assert said.object["result"]["trading_state"] == said.object["result"]["marker"] == "HALTED"
    shown = tradectl("status", at="2023-08-16 08:40")  # SQLite needs room beside the ledger even to read it
    assert (shown.code, shown.out) == (DATABASE, "me: the halt marker is HALTED, the disk is full\n")
    refused(tradectl("resume", "-q", at="2023-08-16 08:40"), DATABASE, "full")
    assert (small.folder / "home" / "halt-me.halted").exists()
    small.free()
    assert tradectl("resume", at="2023-08-16 08:41").code == 0
    assert tradectl("status", "--json", at="2023-08-16 08:41").object["result"]["trading_state"] == "ACTIVE"


def test_a_disk_too_small_for_a_home_is_told_in_one_line(disk: Callable[[str], Disk], server: Server):
    small = disk("4m")
    small.fill(leave=16384)
    tradectl = Tradectl(small.folder / "home", server)
    refused(tradectl("premarket-retry", "-q", at=AT), DATABASE)
    small.free()
    assert tradectl("premarket-retry", "--json", at=AT).outcome == ("completed", 0)


@pytest.mark.parametrize("leave", [0, 40_000, 160_000, 300_000])
def test_a_disk_that_fills_up_while_buying_sends_nothing_twice(
    disk: Callable[[str], Disk], server: Server, real_market: Path, leave: int
):
    small = disk("16m")
    trader = home_with(real_market, small.folder / "home", server)
    assert trader("analyze", at="2023-02-08 16:00").code == 0
    small.fill(leave)
    said = trader("buy", "-q", at="2023-02-08 16:05")
    refused(said, DATABASE, "full")
    small.free()
    assert intact(trader)
    again = trader("buy", "--json", at="2023-02-08 16:05")
    assert again.outcome == ("completed", 0)
    assert again.object["result"]["placed"] == 6
    sent = trader.exchange("SELECT tag, symbol FROM orders WHERE status = 'PENDING'")
    booked = trader.ledger("SELECT tag, symbol FROM orders WHERE status = 'PENDING' AND broker_order_id IS NOT NULL")
    assert sorted(map(str, sent)) == sorted(map(str, booked))
    assert len({row["symbol"] for row in sent}) == len(sent) == 6


@pytest.mark.parametrize("leave", [50_000, 400_000, 2_500_000])
def test_a_disk_that_fills_during_an_import_loses_nothing(
    disk: Callable[[str], Disk], server: Server, tmp_path: Path, leave: int
):
    small = disk("12m")
    tradectl = Tradectl(small.folder / "home", server)
    imported(tradectl, tmp_path)
    small.fill(leave)
    before = held(tradectl)
    said = tradectl("data", "import", str(many(tmp_path)))
    refused(said, DATABASE)
    assert "full" in said.err or "No space left" in said.err
    assert held(tradectl) == before
    small.free()
    imports_now(tradectl, many(tmp_path))


def test_an_import_that_is_killed_keeps_what_was_there(tradectl: Tradectl, tmp_path: Path):
    imported(tradectl, tmp_path)
    before = held(tradectl)
    killed = tradectl.hooked("die_importing")("data", "import", str(many(tmp_path)))
    assert killed.code == -signal.SIGKILL
    assert (tradectl.home / "market" / "archive.db-journal").exists()
    assert held(tradectl) == before
    imports_now(tradectl, many(tmp_path))


def many(folder: Path) -> Path:
    """A file of 20,000 bars: more than SQLite keeps in memory before it writes."""
    path = folder / "many.csv"
    path.write_text(DAILY + "".join(GOOD.replace("ACME", f"ACME{number:05}") for number in range(20_000)), encoding="utf-8")
    return path


def imports_now(tradectl: Tradectl, file: Path) -> None:
    said = tradectl("data", "import", "--json", str(file))
    assert (said.code, said.object["result"]["files"][0]["new"]) == (0, 20_000)
    assert tradectl("data", "list", "--json").object["result"]["bars"] == 20_001


def test_a_read_only_disk_is_told_in_one_line(disk: Callable[[str], Disk], server: Server, tmp_path: Path):
    small = disk("4m")
    tradectl = Tradectl(small.folder / "home", server)
    imported(tradectl, tmp_path)
    assert tradectl("premarket-retry", at=AT).code == 0
    before = digest(small.folder)
    (tmp_path / "new.csv").write_text(DAILY + GOOD.replace("ACME", "NEW"), encoding="utf-8")
    small.read_only()
    for words in (("premarket-retry", "-q"), ("config", "set", "max_positions", "3"), ("schedule", "disable", "buy")):
        refused(tradectl(*words, at="2023-08-16 08:40"), DATABASE, "ledger.db", "read-only")
    refused(tradectl("data", "import", str(tmp_path / "new.csv")), DATABASE, "archive.db", "readonly")
    assert digest(small.folder) == before
    status = tradectl("status", "--json", at="2023-08-16 08:40")
    assert (status.code, status.object["result"]["session"]["date"]) == (0, "2023-08-16")


def intact(tradectl: Tradectl) -> bool:
    checks = [tradectl.ledger("PRAGMA integrity_check"), tradectl.exchange("PRAGMA integrity_check")]
    return checks == [[{"integrity_check": "ok"}]] * 2


def digest(folder: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*")) if path.is_file()}
