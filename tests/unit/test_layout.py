"""Tests are laid out by kind, and a test's name fits on a line of a report: at most 60 characters, without its parameters."""

from __future__ import annotations

import ast

from tests.conftest import ROOT

MOST = 60
KINDS = {"unit", "integration", "acceptance", "property", "lab"}


def test_every_test_is_in_the_folder_of_a_kind() -> None:
    files = [file.relative_to(ROOT / "tests").parts for file in (ROOT / "tests").rglob("test_*.py")]
    assert {parts[0] for parts in files} == KINDS


def test_a_name_of_a_test_has_at_most_60_characters() -> None:
    names = [name for file in sorted((ROOT / "tests").rglob("test_*.py")) for name in names_in(file.read_text(encoding="utf-8"))]
    assert len(names) > 2000
    assert [name for name in names if len(name) > MOST] == []


def test_tests_in_classes_are_found_too() -> None:
    code = "def test_one(): ...\nclass TestTwo:\n    def test_three(self): ...\n    def four(self): ...\n"
    assert names_in(code) == ["test_one", "test_three"]


def names_in(code: str) -> list[str]:
    return [
        node.name
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]
