"""Files are whole at every moment, and one process at a time holds a lock."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tradectl.files import PRIVATE, create_file, lock, lock_within, replace_file, try_lock


def test_two_writers_at_one_moment_leave_one_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, put, others = tmp_path / "lists" / "day.csv", Path.replace, [b"theirs, and longer"]

    def replace(self: Path, target: Path) -> Path:
        """Let another process write the same file just before this one is renamed."""
        while others:
            replace_file(file, others.pop(), parents=True)
        return put(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    replace_file(file, b"ou", b"rs", parents=True)
    assert file.read_bytes() == b"ours"
    assert list(file.parent.iterdir()) == [file]


def test_a_file_that_cannot_be_renamed_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "day.csv").mkdir()
    with pytest.raises(OSError):
        replace_file(tmp_path / "day.csv", b"ours")
    assert [item.name for item in tmp_path.iterdir()] == ["day.csv"]


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_has_the_mode_that_was_asked(tmp_path: Path, durable: bool) -> None:
    umask = os.umask(0o022)
    try:
        replace_file(tmp_path / "shared", b"a", durable=durable)
        replace_file(tmp_path / "private", b"a", mode=PRIVATE, durable=durable)
    finally:
        os.umask(umask)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("shared", "private")] == [0o644, 0o600]


def test_a_file_that_exists_is_not_created_again(tmp_path: Path) -> None:
    assert create_file(tmp_path / "key", b"first")
    assert not create_file(tmp_path / "key", b"second")
    assert [(item.name, item.read_bytes()) for item in tmp_path.iterdir()] == [("key", b"first")]


@pytest.fixture
def descriptors(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """Two open descriptions of one folder, as two processes have them."""
    made = os.open(tmp_path, os.O_RDONLY), os.open(tmp_path, os.O_RDONLY)
    yield made
    for descriptor in made:
        os.close(descriptor)


def test_a_lock_is_waited_for_on_the_clock_that_is_given(descriptors: tuple[int, int]) -> None:
    holder, waiter = descriptors
    lock(holder)
    slept: list[float] = []
    assert not try_lock(waiter)
    assert not lock_within(waiter, 2.0, pause=0.5, sleep=slept.append)
    assert sum(slept) == 2.0

    def release(_: float) -> None:
        fcntl.flock(holder, fcntl.LOCK_UN)

    assert lock_within(waiter, 2.0, pause=0.5, sleep=release)
