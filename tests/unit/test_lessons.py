"""Every row of the tables in `docs/explanation/twenty-failures.md` names tests, and every test named there exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from itertools import takewhile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "explanation" / "twenty-failures.md").read_text(encoding="utf-8")
NAME = re.compile(r"`(tests/[\w/]+\.py)((?:::\w+)+)`")
OTHERS = ("kill switch", "notifier", "second program", "sandbox", "-wal", "time zone", "holiday", "configuration error")
"""A word of each failure beyond the twenty."""


def table(heading: str) -> dict[str, str]:
    """The rows under a heading, each by its first cell, with the cell that names tests."""
    after = TEXT[TEXT.index(heading) :].splitlines()
    lines = list(
        takewhile(lambda line: line.startswith("|"), after[next(i for i, line in enumerate(after) if "|" in line[:1]) :])
    )
    head, rows = cells(lines[0]), [cells(line) for line in lines[2:]]
    return {row[0]: row[head.index("Proved by")] for row in rows}


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|\n").split("|")]


TWENTY, MORE = table("# Twenty failures"), table("## And others")


@cache
def collected(file: str) -> frozenset[str]:
    """Every test of a file as pytest names it, without its parameters."""
    path = ROOT / file
    tree = ast.parse(path.read_text(encoding="utf-8")) if path.exists() else ast.Module([], [])
    return frozenset(named(tree.body, ""))


def named(body: list[ast.stmt], inside: str) -> list[str]:
    found = []
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            found.append(f"{inside}::{node.name}")
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            found += named(node.body, f"{inside}::{node.name}")
    return found


def test_there_is_a_row_for_each_of_the_twenty() -> None:
    assert list(TWENTY) == [str(number) for number in range(1, 21)]


@pytest.mark.parametrize("word", OTHERS)
def test_there_is_a_row_for_each_of_the_others(word: str) -> None:
    assert [row for row in MORE if word in row], word
    assert len(MORE) == len(OTHERS)


@pytest.mark.parametrize(("row", "proof"), [*TWENTY.items(), *MORE.items()])
def test_every_row_names_tests_that_exist(row: str, proof: str) -> None:
    names = NAME.findall(proof)
    assert names, f"{row}: no test is named"
    assert len(names) == len(proof.split()), f"{row}: only the names of tests belong here"
    assert not [f"{file}{test}" for file, test in names if test not in collected(file)]


def test_a_test_that_is_named_may_be_parametrised_or_in_a_class() -> None:
    tree = ast.parse(
        "import pytest\n"
        "@pytest.mark.parametrize('n', [1])\ndef test_of_a_number(n): ...\n"
        "class TestOfAClass:\n    def test_inside(self): ...\n    def helps(self): ...\n"
        "def helps(): ...\n"
    )
    assert named(tree.body, "") == ["::test_of_a_number", "::TestOfAClass::test_inside"]
