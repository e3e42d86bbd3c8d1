"""What an operator gets wrong: one line that says what happened and what helps, the right exit code, and nothing lost."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import stat
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Tradectl
from tradectl import bootstrap
from tradectl.cli.output_file import write_output
from tradectl.clock import SystemClock
from tradectl.errors import ConfigurationError, UsageError
from tradectl.ledger.executions import Claim
from tradectl.ledger.process_identity import current_identity
from tradectl.marketdata.symbol_file import read_symbols
from tradectl.settings import load, read_file

FULL = """
import resource, sys
from pathlib import Path
from tradectl.cli.output_file import write_output
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
write_output(Path(sys.argv[1]), b"x" * 1000)
"""
"""A process that may write 100 bytes to a file."""


AT_A_TERMINAL = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("tradectl", run_name="__main__", alter_sys=True)
"""
"""The program with SIGINT as a terminal starts it: what a shell starts in the background ignores the signal."""


def abandoned(home: Path, *words: str, by: str) -> tuple[int, str]:
    """Run a command at a terminal, give no answer at its first prompt; return its exit code and what the terminal shows."""
    master, slave = pty.openpty()
    line = [sys.executable, "-c", AT_A_TERMINAL, "--home", str(home), *words]
    own = {name: value for name, value in os.environ.items() if not name.startswith("TRADECTL_")}
    done = subprocess.Popen(line, stdin=slave, stdout=slave, stderr=slave, env=own)
    os.close(slave)
    shown = b""
    while not shown.rstrip().endswith(b":"):
        shown += os.read(master, 1 << 12)
    code, tries = None, 0
    while code is None:  # a key may come before the prompt reads
        assert (tries := tries + 1) < 30, "the command does not end"
        time.sleep(0.5)
        if by == "Ctrl-C":
            done.send_signal(signal.SIGINT)
        else:
            os.write(master, b"\x04")
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = done.wait(timeout=2)
    shown += os.read(master, 1 << 12)
    os.close(master)
    return code, shown.decode()


@pytest.mark.parametrize(
    ("by", "code", "said"),
    [
        ("Ctrl-C", 130, "tradectl: stopped by signal 2"),
        ("Ctrl-D", 2, "tradectl: stdin ended before the last answer; options give"),
    ],
)
def test_a_prompt_without_an_answer_is_no_bug(tmp_path: Path, by: str, code: int, said: str) -> None:
    ended, shown = abandoned(tmp_path / "home", "init", by=by)
    assert (ended, "bug" in shown, (tmp_path / "home").exists()) == (code, False, False)
    assert said in shown


def test_a_missing_credential_names_its_command(tradectl: Tradectl) -> None:
    tradectl("init", "--mode", "live", "--broker", "kite", "--capital", "100000")
    assert tradectl("login").err == "tradectl: kite needs your api_key; `tradectl broker set` prompts for it\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            b'user = "anna"\r\n\x96\x80',
            "cannot be read: row 2 has the byte 0x96, so it is not UTF-8 text; save it as UTF-8. Correct",
        ),
        (
            'user = "anna"\r\n'.encode("utf-16"),
            "is UTF-16 text, which Notepad calls Unicode or UTF-16; save it as",
        ),
        ('user = "anna"\r\n'.encode("utf-16-le"), "row 1 has a NUL byte, as UTF-16 text has; save it as UTF-8. Correct"),
        (b"# a\nuser = \n", "is not TOML: row 2, user: Invalid value, a value is text in quotes. Correct it, or move it away"),
        (b'user = "a"\nquotes = "yahoo"\nuser = "b"\n', "is not TOML: row 3 sets user for the second time. Correct it"),
        (b"user = 5", "user must be text in quotes, not 5"),
    ],
)
def test_a_wrong_settings_file_is_named_with_what_helps(tradectl: Tradectl, home: Path, content: bytes, said: str) -> None:
    tradectl("status")
    (home / "tradectl.toml").write_bytes(content)
    shown = tradectl("status")
    assert (shown.code, shown.out) == (4, "")
    assert shown.err.startswith(f"tradectl: {home / 'tradectl.toml'}")
    assert said in shown.err
    assert len(shown.err.splitlines()) == 1


def test_a_settings_file_of_notepad_is_read(tradectl: Tradectl, home: Path) -> None:
    """Notepad ends rows with CRLF, and its `UTF-8 with BOM` writes a mark before the first key."""
    tradectl("init", "--user", "anna")
    (home / "tradectl.toml").write_bytes(b'\xef\xbb\xbfuser = "anna"\r\nreport_folder = "written"\r\n')
    assert read_file(home / "tradectl.toml") == {"user": "anna", "report_folder": "written"}
    assert tradectl("status", "--json").object["user"] == "anna"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"INFY,TCS,\n", "row 1 has 2 fields: write one symbol a row, or a column Symbol"),
        (b"# mine\r\nINFY,\r\nTCS,ITC\r\n", "row 3 has 2 fields: write one symbol a row"),
        (b"Company,Symbol,\nInfosys,INFY,\nTCS\n", "row 3 has no Symbol: TCS"),
        (b"Company,Symbol\nInfosys,INFY\nTata,\n", "row 3 has no Symbol: Tata"),
        ("Symbol\r\nINFY\r\n".encode("utf-16"), "cannot be read as a list of symbols: is UTF-16 text"),
        ("Symbol\r\nINFY\r\n".encode("utf-16-le"), "cannot be read as a list of symbols: row 1 has a NUL byte"),
        (b"Symbol\nINFY\xe9\n", "cannot be read as a list of symbols: row 2 has the byte 0xe9"),
        (b"\r\n", "has no symbols"),
    ],
)
def test_a_wrong_list_of_symbols_is_named_with_its_row(tradectl: Tradectl, tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "mine.csv"
    file.write_bytes(content)
    shown = tradectl("init", "--universe", str(file))
    assert (shown.code, shown.out) == (2, "")
    assert shown.err.startswith(f"tradectl: {file}")
    assert said in shown.err
    assert len(shown.err.splitlines()) == 1


@pytest.mark.parametrize(
    "content", [b"INFY,\nTCS,\n", b"\xef\xbb\xbfSymbol\r\nINFY\r\nTCS\r\n", b"Company Name,Symbol,\nInfosys,INFY,\nTata,TCS,\n"]
)
def test_a_trailing_comma_and_a_mark_are_no_symbols(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "mine.csv"
    file.write_bytes(content)
    assert read_symbols(file) == ["INFY", "TCS"]


def test_a_folder_in_place_of_the_settings_is_named_once(tmp_path: Path) -> None:
    path = tmp_path / "tradectl.toml"
    path.mkdir()
    with pytest.raises(ConfigurationError) as failed:
        read_file(path)
    assert str(failed.value) == f"{path} cannot be read: Is a directory"


def test_a_folder_is_no_file_to_import(tradectl: Tradectl, tmp_path: Path) -> None:
    tradectl("status")
    for words in (("import", "tradebook"), ("import", "fair-values"), ("import", "tax-actions"), ("reconcile", "papers")):
        said = tradectl(*words, str(tmp_path))
        assert (said.code, said.err) == (2, f"tradectl: {tmp_path} is a folder: name a file\n")


def test_a_word_in_place_of_a_number_is_called_so(tradectl: Tradectl) -> None:
    said = tradectl("import", "trade", "ACME", "buy", "ten", "100", "2025-10-01")
    assert said.code == 2
    assert "'ten' is not a whole number" in said.err


def test_a_database_of_an_unknown_kind_is_refused(tradectl: Tradectl) -> None:
    said = tradectl("status", "--db", "oracle9://host/name")
    assert said.code == 4
    assert said.err.endswith("A database is a file, or a URL that begins with postgresql://\n")


def test_a_full_disk_leaves_the_old_export(tmp_path: Path) -> None:
    file = tmp_path / "fills.csv"
    file.write_text("the old export\n")
    done = subprocess.run([sys.executable, "-c", FULL, str(file)], capture_output=True, text=True, check=False)
    assert "UsageError: " + f"{file} cannot be written: File too large" in done.stderr
    assert file.read_text() == "the old export\n"
    assert list(tmp_path.iterdir()) == [file]


def test_an_export_keeps_the_permissions_of_its_file(tmp_path: Path) -> None:
    file, link = tmp_path / "fills.csv", tmp_path / "link.csv"
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to(file)
    write_output(link, b"new")
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode), link.is_symlink()) == ("new", 0o640, True)
    with pytest.raises(UsageError, match="cannot be written: No such file or directory"):
        write_output(tmp_path / "missing" / "x.csv", b"new")


def test_a_refused_follow_prints_no_line_of_the_log(tradectl: Tradectl) -> None:
    at = ("--at", "2023-07-21 10:00")
    assert [tradectl(*at, word).code for word in ("status", "halt", "logs")] == [0, 0, 0]
    said = tradectl(*at, "logs", "--follow")
    assert (said.code, said.out, said.err) == (2, "", "tradectl: --follow needs the machine's clock: leave --at out\n")


def test_a_damaged_archive_hides_neither_account_nor_orders(tradectl: Tradectl, home: Path) -> None:
    tradectl("init", "--demo-data")
    archive = home / "market" / "archive.db"
    archive.write_bytes(b"no database at all, " * 1000)
    said = tradectl("status", "--at", "2025-10-29 16:00")
    assert (said.code, said.err) == (0, "")
    assert "positions 0 open; orders 0 live" in said.out
    damaged = f"{archive} is damaged (file is not a database): move it away, then `tradectl prices --force` or"
    assert damaged in said.words
    failed = tradectl("analyze", "--at", "2025-10-29 16:00")
    assert failed.code == 10
    assert damaged in failed.err


def test_an_execution_without_a_process_is_not_called_running(tradectl: Tradectl, home: Path) -> None:
    now = SystemClock().now()
    ended = [sys.executable, "-c", "from tradectl.ledger.process_identity import current_identity; print(current_identity())"]
    dead = subprocess.run(ended, capture_output=True, text=True, check=True).stdout.strip()
    executions = bootstrap.init(load(home=str(home), environment={})).ledger.executions
    for task, owner in (("sell-monitor", current_identity()), ("analyze", dead), ("eod", current_identity())):
        claim = executions.claim(task, date(2026, 11, 25), "", owner=owner, trigger="manual", machine_now=now, now=now)
        assert isinstance(claim, Claim)
    executions.release(claim, 3, {})
    lines = tradectl("executions", "--columns", "task,status").out.splitlines()
    assert [line.split() for line in lines[1:]] == [["eod", "released"], ["analyze", "abandoned"], ["sell-monitor", "running"]]


def test_a_mistyped_year_moves_no_virtual_clock(tradectl: Tradectl) -> None:
    """It would record years of missed slots, after which the true day is in the past."""
    tradectl("eod", "--at", "2025-10-29 18:00")
    far = tradectl("analyze", "--at", "2030-10-29 16:00")
    assert (far.code, far.out) == (2, "")
    assert far.err.startswith("tradectl: 2030-10-29 16:00 is 1825 days after this home's last event, 2025-10-29 18:00")
    assert tradectl("executions", "--at", "2025-10-29 18:30").err == ""
    assert tradectl("orders", "--at", "2025-10-30 10:00").code == 0
