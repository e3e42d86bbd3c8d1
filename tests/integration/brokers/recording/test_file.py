"""The file of a recording: what is appended is read again, damage is found, and no error of the disk reaches the caller."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from tradectl.brokers.recording.file import AppendingFile, exists, file_of, lines_of, sealed, tidy

DAY = date(2025, 11, 3)


def written(folder: Path, *texts: str) -> Path:
    file = AppendingFile(file_of(folder / "recordings", DAY, "asha"))
    for text in texts:
        file.append(text)
    file.close()
    assert file.trouble == ""
    return file.path


def test_lines_are_read_as_they_were_appended(tmp_path: Path) -> None:
    path = written(tmp_path, '{"a":1}', '{"b":"₹"}')
    assert list(lines_of(path)) == ['{"a":1}', '{"b":"₹"}']
    written(tmp_path, '{"c":3}')
    assert list(lines_of(path))[2:] == ['{"c":3}']
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_torn_line_spoils_no_other_line(tmp_path: Path) -> None:
    path = written(tmp_path, '{"a":1}')
    with path.open("ab") as file:
        file.write(sealed('{"torn":1}')[:12])
    written(tmp_path, '{"b":2}')
    assert list(lines_of(path)) == ['{"a":1}', None, '{"b":2}']


def test_a_changed_byte_is_found(tmp_path: Path) -> None:
    path = written(tmp_path, '{"price":100}')
    path.write_bytes(path.read_bytes().replace(b"100", b"101"))
    assert list(lines_of(path)) == [None]


def test_a_folder_that_cannot_be_made_is_a_trouble(tmp_path: Path) -> None:
    (tmp_path / "recordings").write_text("a file")
    file = AppendingFile(tmp_path / "recordings" / "day.jsonl")
    file.append("{}")
    file.close()
    assert "recordings" in file.trouble
    file.append("{}")  # and nothing is raised afterwards
    file.close()


def test_a_full_disk_is_a_trouble() -> None:
    file = AppendingFile(Path("/dev/full"))
    file.append("{}")
    file.close()
    assert file.trouble == "/dev/full: No space left on device"


def test_older_recordings_are_compressed_and_removed(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    path = written(tmp_path, *(f'{{"n":{number}}}' for number in range(500)))
    before = list(lines_of(path))
    tidy(folder, DAY + timedelta(days=2), keep_days=60)
    assert path.exists()
    tidy(folder, DAY + timedelta(days=3), keep_days=60)
    assert (path.exists(), exists(path)) == (False, True)
    assert list(lines_of(path)) == before
    written(tmp_path, '{"late":1}')  # a process that runs an old session again
    assert list(lines_of(path)) == [*before, '{"late":1}']
    tidy(folder, DAY + timedelta(days=61), keep_days=60)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("cut", [0, 30, -8])
def test_a_cut_compressed_file_has_a_damaged_line(tmp_path: Path, cut: int) -> None:
    path = written(tmp_path, *(f'{{"n":{number}}}' for number in range(500)))
    tidy(path.parent, DAY + timedelta(days=3), keep_days=60)
    (packed,) = path.parent.iterdir()
    packed.write_bytes(packed.read_bytes()[:cut])
    assert list(lines_of(path))[-1] is None
