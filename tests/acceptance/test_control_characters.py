"""Control characters of brokers, files and people never reach a terminal, a log or a message raw."""

from __future__ import annotations

import os
import re
import select
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.program import ROOT, Said, Server, Tradectl
from tests.acceptance.test_slept import resting

__all__ = ["resting"]

RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
HOSTILE = "\x1b]0;pwn\x07 [red]no[/red] [link=http://evil.example]x[/link]\r\x9b31m \u202eflow\u2066\nUNKNOWN   forged line"
SHOWN = "\\x1b]0;pwn\\x07 [red]no[/red] [link=http://evil.example]x[/link]"
EVENING = "2023-02-08 16:10"


def clean(said: Said) -> None:
    for text in (said.out, said.err):
        assert not RAW.search(text), RAW.search(text)


@pytest.fixture
def hostile(resting: Callable[[], Path], server: Server, tmp_path: Path) -> Tradectl:
    """A home whose broker gave a hostile reason for an order that is UNKNOWN and for one that was rejected."""
    home = Tradectl(shutil.copytree(resting() / "bought", tmp_path / "home"), server)
    with closing(sqlite3.connect(home.home / "ledger.db", isolation_level=None)) as file:
        ids = [row[0] for row in file.execute("SELECT id FROM orders ORDER BY id LIMIT 2")]
        file.execute("UPDATE orders SET status = 'UNKNOWN', reason = ? WHERE id = ?", (HOSTILE, ids[0]))
        file.execute("UPDATE orders SET reason = ? WHERE id = ?", (HOSTILE, ids[1]))
    return home


@pytest.mark.parametrize("words", [("orders", "list"), ("orders", "show", "1"), ("status",), ("logs",), ("user", "list")])
def test_a_brokers_reason_is_shown_and_not_carried_out(hostile: Tradectl, words: tuple[str, ...]) -> None:
    halted = hostile("halt", "--reason", HOSTILE, at=EVENING)
    clean(halted)
    said = hostile(*words, at=EVENING)
    clean(said)
    if words[0] in {"orders", "status"}:
        assert SHOWN in " ".join(said.out.split())  # `status` breaks long lines
    told = hostile(*words, "--json", at=EVENING)
    clean(told)
    assert told.out.count("\n") == 1
    if words[0] == "orders":
        found = told.object["result"]
        assert HOSTILE in [row["reason"] for row in (found if isinstance(found, list) else [found])]


def on_a_terminal(home: Tradectl, *words: str, at: str) -> str:
    """What a command writes to a terminal."""
    ours, theirs = os.openpty()
    line = [sys.executable, "-m", "tradectl", *home.argv(*words, at=at)]
    child = subprocess.Popen(line, cwd=ROOT, env=home.environment(), stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    found = b""
    while select.select([ours], [], [], 60)[0]:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        found += part
    child.wait()
    os.close(ours)
    return found.decode("utf-8", "surrogateescape").replace("\r\n", "\n")


@pytest.mark.parametrize("words", [("orders", "list", "--limit", "2"), ("status",), ("orders", "show", "1"), ("logs",)])
def test_a_terminal_gets_no_escape_and_no_markup_of_data(hostile: Tradectl, words: tuple[str, ...]) -> None:
    hostile("halt", "--reason", HOSTILE, at=EVENING)
    text = on_a_terminal(hostile, *words, at=EVENING)
    assert text.strip()
    assert not RAW.search(text), RAW.search(text)
    assert not [line for line in text.split("\n") if line.startswith("UNKNOWN   forged")]
    if words[:2] == ("orders", "show"):
        assert "[red]" in "".join(text.split())


def test_a_file_with_an_escape_in_a_symbol_is_refused(tradectl: Tradectl, tmp_path: Path) -> None:
    file, hostile = tmp_path / "bad\x1b[2J.csv", HOSTILE.splitlines()[0]
    file.write_text(f"date,symbol,series,open,high,low,close,volume\n2023-08-16,{hostile},EQ,x,1,1,1,1\n", encoding="utf-8")
    for words in (("data", "import", str(file)), ("data", "import", str(file), "--json")):
        said = tradectl(*words)
        assert said.code != 0
        clean(said)


@pytest.mark.parametrize(
    "words",
    [("why", "\x1b[2J"), ("user", "add", "a\x1b[2J"), ("status", "--user", "\x9b2J"), ("orders", "show", HOSTILE), ("\x1b[2J",),
     ("config", "set", "universe", "\x1b[2J\u202e"), ("backtest", "\x1b[2J"), ("--at", "\x1b[2J", "status")],
)  # fmt: skip
def test_what_a_person_typed_is_shown_and_not_carried_out(tradectl: Tradectl, words: tuple[str, ...]) -> None:
    for more in ((), ("--json",)):
        clean(tradectl(*words, *more))


def test_what_is_stored_for_logs_and_messages_is_clean(hostile: Tradectl) -> None:
    hostile("halt", "--reason", HOSTILE, at=EVENING)
    hostile("amo-adjust", at="2023-02-09 09:05")
    hostile("resume", "--reason", HOSTILE, at="2023-02-09 09:06")
    for table, columns in (("user_logs", "message, symbol"), ("outbox", "title, body, deduplicate")):
        for row in hostile.ledger(f"SELECT {columns} FROM {table}"):
            for value in row.values():
                assert not RAW.search(value), value
