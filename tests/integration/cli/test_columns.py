"""A table never cuts a symbol, a price or a date: on a narrow terminal columns are dropped by rank, and `--columns` chooses."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Tradectl
from tradectl.cli import columns, output
from tradectl.cli.columns import fitting_columns
from tradectl.cli.orders import DROPPED_FIRST
from tradectl.errors import UsageError

NAMES = ("id", "session", "symbol", "side", "purpose", ">quantity", ">filled", ">price", "variety", "status", "reason")
ROWS = [
    (i, "2023-07-21", symbol, "SELL", "target", 1_000_000, 5, "12,34,567.50", "REGULAR", "RETRY_PENDING", "a long reason " * 8)
    for i, symbol in enumerate(["ACME", "NIFTYNEXT50BEES", "M&M"])
]
EVERY = {"ACME", "NIFTYNEXT50BEES", "M&M"}


@pytest.fixture
def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    yield monkeypatch
    columns.choose("")


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 132, 200])
def test_no_value_is_cut_and_no_line_is_too_long(on_a_terminal: pytest.MonkeyPatch, width: int) -> None:
    on_a_terminal.setenv("COLUMNS", str(width))
    text = output.table(NAMES, ROWS)
    table = text.split("\nnot shown:")[0]
    assert max(map(len, table.splitlines())) <= width
    for symbol in EVERY:
        assert re.search(rf"(^|\s){re.escape(symbol)}(\s|$)", table)
    assert "…" not in table
    shown = table.splitlines()[1].split()
    assert table.count("12,34,567.50") == (3 if "price" in shown else 0)
    assert table.count("2023-07-21") == (3 if "session" in shown else 0)
    assert ("not shown" in text) == (len(shown) < len(NAMES))


@pytest.mark.parametrize("width", [40, 60, 80, 100, 132, 300])
def test_a_table_in_a_pipe_fits_its_width(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    table, _, dropped = output.table(NAMES, ROWS).partition("\nnot shown:")
    lines = [*table.splitlines(), *f"not shown:{dropped}".splitlines()]
    assert max(map(len, lines)) <= width
    for symbol in EVERY:
        assert re.search(rf"(^|\s){re.escape(symbol)}(\s|$)", table)
    shown = table.splitlines()[0].split()
    assert table.count("12,34,567.50") == (3 if "PRICE" in shown else 0)
    assert bool(dropped) == (len(shown) < len(NAMES))
    assert len(table.splitlines()) == 4 or "REASON" in shown, "only a broken text adds lines"


def test_without_a_terminal_the_width_is_80(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert 70 < max(map(len, output.table(NAMES, ROWS).splitlines())) <= 80


def test_named_columns_in_a_pipe_are_one_line_a_row() -> None:
    columns.choose("symbol,reason")
    try:
        assert output.table(NAMES, ROWS).splitlines()[1] == f"ACME             {ROWS[0][-1]}".rstrip()
    finally:
        columns.choose("")


def test_a_log_in_a_pipe_has_one_line_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert [line.count("a long reason") for line in output.table(NAMES, ROWS, searched=True).splitlines()] == [0, 8, 8, 8]


def test_a_narrow_column_stays_where_a_wide_one_is_dropped() -> None:
    names, widths = ("a", "b", "c", "symbol"), [5, 4, 60, 9]
    assert fitting_columns(names, widths, 22) == [0, 1, 3]


def test_columns_are_dropped_by_their_rank() -> None:
    widths = [3, 10, 15, 4, 8, 9, 6, 12, 8, 13, 60]
    kept = {width: [NAMES[place] for place in fitting_columns(NAMES, widths, width)] for width in (200, 100, 60, 17, 5)}
    assert kept[200] == list(NAMES)
    assert kept[5] == ["symbol"]
    assert "variety" not in kept[100]
    assert {"symbol", ">price", ">quantity"} <= set(kept[60])


REFUSED = [
    (
        118,
        "2025-10-29",
        "BRINDAVOX",
        "BUY",
        "entry",
        414,
        0,
        "12,240.80",
        "AMO",
        "REJECTED",
        "insufficient funds: 1,02,450.00 more",
    ),
    (117, "2025-10-29", "AMBERWELL", "BUY", "entry", 222, 222, "449.85", "AMO", "EXECUTED", ""),
]


@pytest.mark.parametrize("terminal", [True, False])
def test_80_columns_show_why_an_order_was_refused(on_a_terminal: pytest.MonkeyPatch, terminal: bool) -> None:
    on_a_terminal.setattr(sys.stdout, "isatty", lambda: terminal)
    on_a_terminal.setenv("COLUMNS", "80")
    text = output.table(NAMES, REFUSED, first=DROPPED_FIRST)
    assert max(map(len, text.splitlines())) <= 80
    assert text.splitlines()[terminal].lower().split() == ["id", "session", "symbol", "side", "price", "status", "reason"]
    assert all(word in text for word in ("insufficient", "funds:", "1,02,450.00"))
    assert all(value in text for value in ("118", "2025-10-29", "BRINDAVOX", "12,240.80", "not shown: purpose, quantity"))


def test_a_column_without_a_value_is_dropped_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = output.table(NAMES, REFUSED[1:], first=DROPPED_FIRST)
    assert "222     222" in text
    assert "not shown: variety, reason (" in text


def test_the_user_chooses_columns_and_their_order(on_a_terminal: pytest.MonkeyPatch) -> None:
    columns.choose("Price, symbol")
    assert output.table(NAMES, ROWS).splitlines()[1].split() == ["price", "symbol"]


def test_an_unknown_column_is_refused_with_the_known_ones() -> None:
    columns.choose("nosuch")
    try:
        with pytest.raises(UsageError, match="no column is called nosuch; there are id, session"):
            output.table(NAMES, ROWS)
    finally:
        columns.choose("")


def test_columns_are_chosen_before_and_after_the_command(tradectl: Tradectl) -> None:
    for words in (("schedule", "list", "--columns", "task,enabled"), ("--columns", "task,enabled", "schedule")):
        assert tradectl(*words).out.splitlines()[0].split() == ["TASK", "ENABLED"]
    said = tradectl("schedule", "list", "--columns", "nosuch")
    assert (said.code, said.out) == (2, "")
    assert tradectl("schedule", "list").out.splitlines()[0].split() == ["TASK", "TIMES", "UNTIL", "EVERY", "ENABLED"]


def test_a_real_terminal_of_60_columns_gets_a_table_that_fits(home: Path) -> None:
    master, slave = pty.openpty()
    environment = {**os.environ, "TRADECTL_HOME": str(home), "COLUMNS": "60", "TERM": "xterm"}
    done = subprocess.Popen([sys.executable, "-m", "tradectl", "broker", "list"], stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    assert done.wait(timeout=60) == 0
    text = os.read(master, 1 << 16).decode()
    os.close(master)
    assert "kotak_neo" in text
    assert max(len(line.rstrip("\r")) for line in text.split("not shown")[0].split("\n")) <= 60
