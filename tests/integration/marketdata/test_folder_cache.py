"""What lies on a cache is whole or absent, whatever happened to its writer or to its file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tradectl.marketdata.folder_cache import FolderCache

WRITER = """
import sys
from pathlib import Path
from tradectl.marketdata.folder_cache import FolderCache

cache = FolderCache(Path(sys.argv[1]))
print("writing", flush=True)
while True:
    for letter in (b"a", b"b"):
        cache.put("scan", letter * 300_000)
"""


@pytest.mark.parametrize("wait", [0.0, 0.003, 0.01, 0.02, 0.05])
def test_a_writer_that_is_killed_leaves_one_content_or_the_other(tmp_path: Path, wait: float) -> None:
    cache = FolderCache(tmp_path)
    cache.put("scan", b"a" * 300_000)
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"writing\n"
        try:
            writer.wait(wait)
        except subprocess.TimeoutExpired:
            os.kill(writer.pid, signal.SIGKILL)
    assert writer.returncode == -signal.SIGKILL
    assert cache.get("scan") in {letter * 300_000 for letter in (b"a", b"b")}


def test_a_damaged_byte_anywhere_is_nothing(tmp_path: Path) -> None:
    cache = FolderCache(tmp_path)
    cache.put("scan", b"what took long")
    whole = (tmp_path / "scan").read_bytes()
    for at in range(len(whole)):
        (tmp_path / "scan").write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert cache.get("scan") is None
    for length in range(len(whole)):
        (tmp_path / "scan").write_bytes(whole[:length])
        assert cache.get("scan") is None
    (tmp_path / "scan").write_bytes(whole)
    assert cache.get("scan") == b"what took long"


def test_a_folder_that_takes_nothing_costs_time_and_nothing_else(tmp_path: Path) -> None:
    cache = FolderCache(tmp_path / "not there" / "kept")
    cache.put("scan", b"what took long")
    assert cache.get("scan") is None
    cache.prune()


def test_what_was_not_put_there_for_four_months_goes(tmp_path: Path) -> None:
    """Counted from the newest, whatever the clock says; what a killed writer left goes too."""
    cache = FolderCache(tmp_path / "kept")
    for name, days in (("scan-new", 0), ("scan-lately", 119), ("past-old", 121), (".scan-new-x7", 121)):
        cache.put(name, b"what took long")
        os.utime(tmp_path / "kept" / name, (1e9 - days * 86400,) * 2)
    cache.prune()
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["scan-lately", "scan-new"]


def test_clearing_takes_what_begins_so_and_is_not_named(tmp_path: Path) -> None:
    cache = FolderCache(tmp_path)
    for name in ("rows-1", "rows-2", "rows-3", "scan-1"):
        cache.put(name, name.encode())
    cache.clear("rows-", {"rows-2"})
    assert [cache.get(name) for name in ("rows-1", "rows-2", "rows-3", "scan-1")] == [None, b"rows-2", None, b"scan-1"]
    FolderCache(tmp_path / "not there" / "kept").clear("rows-", set())
