"""Read symbols from a file that the user passes instead of the name of a list."""

from __future__ import annotations

import csv
from pathlib import Path

from tradectl.errors import DataError, UsageError
from tradectl.marketdata.importers.packed import read_bytes


def read_symbols(path: Path) -> list[str]:
    """Return the symbols of a file: the column `Symbol` of a CSV, else the first field of each line. `#` begins a comment.

    Raises UsageError for a file that cannot be read or has no symbols.
    """
    try:
        text = read_bytes(path).decode("utf-8-sig")
        lines = [line.split("#")[0].strip() for line in text.splitlines()]
        rows = [[cell.strip() for cell in row] for row in csv.reader(filter(None, lines), skipinitialspace=True)]
    except (DataError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: cannot be read as a list of symbols") from error
    header = [cell.lower() for cell in rows[0]] if rows else []
    column = header.index("symbol") if "symbol" in header else 0
    symbols = [row[column] for row in rows[1 if "symbol" in header else 0 :] if len(row) > column and row[column]]
    if not symbols:
        raise UsageError(f"{path}: has no symbols")
    return symbols
