"""Check `docs/reference/glossary.md` against the package: its classes, its tables, its order."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path

import pytest

from tradectl.ledger import schema

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "glossary.md"


def rows() -> list[list[str]]:
    """Return the cells of each row below the header: term, meaning, class, table."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in lines[2:]]


ROWS = rows()
CLASSES = sorted({row[2].strip("`") for row in ROWS if row[2]})
TABLES = {row[3].strip("`") for row in ROWS if row[3]}


def test_every_row_has_a_term_and_a_meaning() -> None:
    assert all(len(row) == 4 and row[0] and row[1].endswith(".") for row in ROWS)


def test_terms_are_unique_and_sorted() -> None:
    terms = [row[0].casefold() for row in ROWS]
    assert terms == sorted(set(terms))


@pytest.mark.parametrize("path", CLASSES)
def test_a_named_class_exists_in_its_module(path: str) -> None:
    module, _, name = path.rpartition(".")
    found = getattr(import_module(module), name)
    assert inspect.isclass(found)
    assert found.__module__ == module


def test_every_table_is_named_and_no_other() -> None:
    assert set(schema.metadata.tables) == TABLES
