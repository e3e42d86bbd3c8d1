"""Case 10: streams that are closed, full or gone stop no task before its work, and change no exit code."""

from __future__ import annotations

import os
import pty
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import tty
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.acceptance.cases.processes import environment, shell

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
    line = "tradectl: stdout cannot be written: No space left on device; output is lost\n"
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


def pair_of_sockets() -> tuple[int, int]:
    near, far = socket.socketpair()
    return near.detach(), far.detach()


def raw_terminal() -> tuple[int, int]:
    reading, writing = pty.openpty()
    tty.setraw(writing)
    return reading, writing


STREAMS = {"pipe": os.pipe, "socket": pair_of_sockets, "terminal": raw_terminal}


@contextmanager
def full(kind: str, *, blocking: bool) -> Iterator[tuple[int, int]]:
    """Both ends of a stream that takes no byte more, because its reader does not read."""
    reading, writing = STREAMS[kind]()
    os.set_blocking(writing, False)
    deaf = 0
    while deaf < 3:  # a terminal takes more a moment later
        try:
            os.write(writing, b"x" * 4096)
            deaf = 0
        except BlockingIOError:
            deaf += 1
            time.sleep(0.05)
    os.set_blocking(writing, blocking)
    try:
        yield reading, writing
    finally:
        os.close(reading)
        os.close(writing)


OFTEN = {("pipe", True), ("socket", False), ("terminal", True)}
"""Each kind of stream, and both ways of writing to one; each case takes seconds, because the writer waits for its reader."""


@pytest.mark.parametrize(
    ("kind", "blocking"),
    [
        pytest.param(kind, blocking, marks=() if (kind, blocking) in OFTEN else pytest.mark.slow)
        for kind in STREAMS
        for blocking in (True, False)
    ],
)
def test_a_reader_that_does_not_read_loses_text_only(home: Path, kind: str, *, blocking: bool):
    """The writer may not wait for ever, and its exit code is that of the work."""
    words = [sys.executable, "-m", "tradectl", "eod", "--at", AT]
    with full(kind, blocking=blocking) as (_, writing):
        done = subprocess.run(words, env=environment(home), stdout=writing, stderr=subprocess.PIPE, check=False, timeout=60)
    assert done.returncode == 0
    assert done.stderr.decode().splitlines()[-1].startswith("tradectl: stdout cannot be written: its reader does not read")


@pytest.mark.parametrize("kind", ["pipe", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("socket", "terminal"))])
def test_the_story_on_stderr_does_not_hold_the_work(home: Path, kind: str):
    words = [sys.executable, "-m", "tradectl", "eod", "--at", "2023-07-23 18:00"]
    with full(kind, blocking=True) as (_, writing):
        done = subprocess.run(words, env=environment(home), stdout=writing, stderr=writing, check=False, timeout=60)
    assert done.returncode == 0


def test_a_command_that_looks_waits_for_its_reader(home: Path):
    """As before a pager, where a person reads the first page for longer than two seconds."""
    words = [sys.executable, "-m", "tradectl", "crontab", "--zone", "UTC"]
    whole = subprocess.run(words, env=environment(home), capture_output=True, check=False).stdout
    with full("pipe", blocking=True) as (reading, writing):
        looking = subprocess.Popen(words, env=environment(home), stdout=writing, stderr=subprocess.DEVNULL)
        with pytest.raises(subprocess.TimeoutExpired):
            looking.wait(4)
        read = b""
        while not read.endswith(whole):
            read += os.read(reading, 65536)
        assert looking.wait(60) == 0


def test_what_a_reader_reads_again_is_written_again(tmp_path: Path):
    """Text is dropped without a wait after the first; once the reader goes on it gets what comes from then on."""
    program = """if True:
        import sys, time
        from tradectl.streams import secure
        secure()
        began = time.monotonic()
        for _ in range(20):
            print("lost", file=sys.stdout, flush=True)
        print(f"waited {time.monotonic() - began:.0f}", file=sys.stderr)
        sys.stdin.readline()
        print("read again", flush=True)
    """
    with full("pipe", blocking=True) as (reading, writing):
        child = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=writing, stderr=subprocess.PIPE, text=True
        )
        assert child.stderr is not None
        lines = [child.stderr.readline() for _ in range(2)]
        assert (lines[0].split(": ")[1], lines[1]) == ("stdout cannot be written", "waited 2\n")
        os.set_blocking(reading, False)
        with suppress(BlockingIOError):
            while os.read(reading, 65536):
                pass
        child.communicate("\n")
        assert os.read(reading, 100) == b"read again\n"


def test_a_character_that_the_terminal_lacks_is_an_escape(home: Path):
    done = shell(f"tradectl status --user ₹ --at '{AT}'", home, {"PYTHONIOENCODING": "latin-1"})
    assert (done.returncode, "Traceback" in done.stderr, "\\u20b9" in done.stderr) == (2, False, True)
