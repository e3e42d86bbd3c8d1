"""A long list of arguments without names hides a price in the place of a quantity."""

from __future__ import annotations

import ast
from pathlib import Path

import tradectl

MOST = 8
VARIADIC = {"Table", "create_table", "pack"}
"""Functions that take a list of equal things: the columns of a table, the values of a frame."""


def long_calls(source: str) -> list[tuple[int, str]]:
    """Return line and function of the calls with more than MOST arguments by position."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and len(node.args) > MOST:
            name = ast.unparse(node.func)
            if name.rpartition(".")[2] not in VARIADIC:
                found.append((node.lineno, name))
    return found


def test_a_long_call_is_found() -> None:
    assert long_calls("place(1, 2, 3, 4, 5, 6, 7, 8, 9)") == [(1, "place")]
    assert long_calls("place(1, 2, 3, 4, 5, 6, 7, 8, price=9)") == []
    assert long_calls("schema.Table(1, 2, 3, 4, 5, 6, 7, 8, 9)") == []


def test_no_call_has_a_long_list_of_arguments_without_names() -> None:
    files = sorted(Path(tradectl.__file__).parent.rglob("*.py"))
    assert {str(path): calls for path in files if (calls := long_calls(path.read_text(encoding="utf-8")))} == {}
