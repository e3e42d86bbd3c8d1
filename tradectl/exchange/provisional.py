"""Store provisional sessions: weekdays after the last listed year on which market data showed an open market.

The file lies beside the calendar file, so that all processes and users of a home have the same sessions. The program writes
it. A row that cannot be read is ignored, and market data must prove that day again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path

from tradectl.files import replace_file

COLUMNS = ("date", "proof")


def provisional_file(calendar: Path) -> Path:
    """Return the path of the provisional sessions of a calendar file."""
    return calendar.with_name(f"{calendar.stem}.provisional{calendar.suffix}")


def read_provisional(calendar: Path) -> Mapping[date, str]:
    """Return the provisional sessions with the proof of each, empty if the file is absent or cannot be read."""
    try:
        text = provisional_file(calendar).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    found: dict[date, str] = {}
    for row in csv.DictReader(io.StringIO(text)):
        with suppress(ValueError):
            found[date.fromisoformat(row.get("date") or "")] = row.get("proof") or ""
    return found


def keep_provisional(calendar: Path, day: date, proof: str) -> bool:
    """Add a day to the file, atomically. Return False if that fails; the next process must then prove the day again."""
    days = {**read_provisional(calendar), day: proof}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((item.isoformat(), days[item]) for item in sorted(days))
    try:
        replace_file(provisional_file(calendar), text.getvalue().encode())
    except OSError:
        return False
    return True
