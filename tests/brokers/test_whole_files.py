"""Two processes that keep the day's list at the same moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradectl.brokers.whole_files import put_whole


def test_two_writers_at_one_moment_leave_one_whole_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, put, others = tmp_path / "lists" / "day.csv", Path.replace, [b"theirs, and longer"]

    def replace(self: Path, target: Path) -> Path:
        """Just before a file is put in its place, another process does all of the same."""
        while others:
            put_whole(file, others.pop())
        return put(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    put_whole(file, b"ours")
    assert file.read_bytes() == b"ours"
    assert list(file.parent.iterdir()) == [file]


def test_what_cannot_be_put_in_its_place_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "day.csv").mkdir()
    with pytest.raises(OSError):
        put_whole(tmp_path / "day.csv", b"ours")
    assert [item.name for item in tmp_path.iterdir()] == ["day.csv"]
