"""Write a file that the user named."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tradectl.errors import UsageError
from tradectl.file_permissions import as_asked, mode_as_asked
from tradectl.files import replace_file

DEVICES = ("/dev/", "/proc/")
"""Where files begin that are written as they are: replacing one would replace a link to a stream."""


def write_output(file: Path, content: bytes) -> None:
    """Write a file with the permissions of the user's shell, whole or not at all. Raises UsageError if that is not possible.

    A file that exists keeps its permissions; a device or a pipe gets the content directly."""
    try:
        if str(file).startswith(DEVICES) or (file.exists() and not file.is_file()):
            with open(file, "wb", opener=as_asked) as written:
                written.write(content)
            return
        target = Path(os.path.realpath(file))
        mode = target.stat().st_mode if target.exists() else mode_as_asked()
        replace_file(target, content)
        target.chmod(mode)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror or error}") from error


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a table for a spreadsheet (`--csv FILE`): a line of names, then one line per row.

    Raises UsageError if the file cannot be written."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(columns))
    writer.writeheader()
    writer.writerows(rows)
    write_output(path, text.getvalue().encode())
