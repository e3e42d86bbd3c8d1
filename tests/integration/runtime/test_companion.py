"""A process beside the tasks: started while wanted, restarted with rests, ended without patience."""

from __future__ import annotations

import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tradectl.runtime import companion
from tradectl.runtime.companion import Companion

NOW = datetime(2026, 11, 30, 4, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def running(code: str, tmp_path: Path, *, wanted: bool = True) -> Companion:
    """A companion that adds a line to `started` and then runs `code`."""
    begin = f"open({str(tmp_path / 'started')!r}, 'a').write('x\\n');"
    return Companion([sys.executable, "-c", begin + code], lambda: wanted)


def starts(tmp_path: Path) -> int:
    file = tmp_path / "started"
    return len(file.read_text().split()) if file.exists() else 0


def wait_for(tmp_path: Path, number: int) -> None:
    deadline = time.monotonic() + 30
    while starts(tmp_path) < number:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def ended(made: Companion) -> None:
    assert made._process is not None
    made._process.wait(30)


def test_it_is_started_once_and_again_when_it_has_ended(tmp_path: Path) -> None:
    made = running("pass", tmp_path)
    made.tend(NOW)
    ended(made)
    made.tend(NOW)
    ended(made)
    assert starts(tmp_path) == 2


def test_after_failures_it_rests_longer_each_time(tmp_path: Path) -> None:
    made = running("raise SystemExit(4)", tmp_path)
    for minutes, number in ((0, 1), (0.9, 1), (1.1, 2), (2.9, 2), (3.2, 3)):
        made.tend(NOW + minutes * MINUTE)
        if made._process is not None:
            ended(made)
            made.tend(NOW + minutes * MINUTE)
        assert starts(tmp_path) == number, minutes


def test_it_does_not_run_unless_it_is_wanted(tmp_path: Path) -> None:
    made = running("pass", tmp_path, wanted=False)
    made.tend(NOW)
    assert starts(tmp_path) == 0
    made = running("import time; time.sleep(60)", tmp_path)
    made.tend(NOW)
    wait_for(tmp_path, 1)
    process = made._process
    assert process is not None
    made.wanted = lambda: False
    made.tend(NOW)
    assert process.returncode == -signal.SIGTERM


def test_a_process_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(companion, "PATIENCE", 0.1)
    made = running("import time; time.sleep(60)", tmp_path)
    made.command = [*made.command[:2], f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {made.command[2]}"]
    made.tend(NOW)
    wait_for(tmp_path, 1)
    process = made._process
    made.end()
    assert process is not None
    assert process.returncode == -signal.SIGKILL
