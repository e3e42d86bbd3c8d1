"""Read symbols from a file that the user passes instead of the name of a list."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from tradectl.errors import DataError, UsageError
from tradectl.files import NotText, saved_text
from tradectl.marketdata.importers.packed import read_bytes


def read_symbols(path: Path) -> list[str]:
    """Return the symbols of a file: the column `Symbol` of a CSV, else the only field of each row. `#` begins a comment.

    Raises UsageError for a file that cannot be read or has no symbols, with the row.
    """
    try:
        text = saved_text(read_bytes(path))
    except (DataError, NotText) as error:
        raise UsageError(f"{path} cannot be read as a list of symbols: {error}") from error
    rows = list(_rows(path, text))
    header = [cell.lower() for cell in rows[0][1]] if rows else []
    if "symbol" in header:
        column = header.index("symbol")
        symbols = [_cell(path, number, row, column) for number, row in rows[1:] if any(row)]
    else:
        symbols = [_only(path, number, row) for number, row in rows if any(row)]
    if not symbols:
        raise UsageError(f"{path}: has no symbols")
    return symbols


def _rows(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the cells of each row that is not empty."""
    for number, line in enumerate(text.splitlines(), 1):
        if content := line.split("#")[0].strip():
            try:
                for row in csv.reader([content], skipinitialspace=True):
                    yield number, [cell.strip() for cell in row]
            except csv.Error as error:
                raise UsageError(f"{path} row {number}: {error}") from error


def _cell(path: Path, number: int, row: list[str], column: int) -> str:
    """Return the symbol of a row of a table. Raises UsageError for a row without one, which would be ignored."""
    if len(row) <= column or not row[column]:
        raise UsageError(f"{path} row {number} has no Symbol: {','.join(row)[:60]}")
    return row[column]


def _only(path: Path, number: int, row: list[str]) -> str:
    """Return the symbol of a row. Raises UsageError for a row of several fields, of which the others would be ignored."""
    filled = [cell for cell in row if cell]
    if len(filled) > 1:
        raise UsageError(f"{path} row {number} has {len(filled)} fields: write one symbol a row, or a column Symbol")
    return filled[0]
