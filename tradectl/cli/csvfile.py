"""Write rows for a spreadsheet (`--csv FILE`)."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tradectl.errors import UsageError
from tradectl.file_permissions import as_asked


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a line of names, then one line per row. Raises UsageError if the file cannot be written."""
    try:
        with open(path, "w", encoding="utf-8", newline="", opener=as_asked) as file:
            writer = csv.DictWriter(file, list(columns))
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from error
