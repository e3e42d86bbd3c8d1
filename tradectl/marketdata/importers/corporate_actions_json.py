"""NSE's list of corporate actions as its site serves it (`/api/corporates-corporateActions?index=equities`), as rows of CSV.

The reply is a list of objects, or such a list under `data`. An object has symbol, series, subject and exDate (`16-Jan-2026`, `-`
for a meeting without one); comp, isin, faceVal, recDate and others are not needed. Sources: replies of 2026 as published in two
public projects.
"""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from tradectl.errors import DataError

_KEYS = {"symbol": "symbol", "series": "series", "exDate": "ex_date", "subject": "subject"}
"""By key of the reply: the column of our own form."""
_BEGINNING = 4000
"""How much of a text shows which report it is."""


def are_actions(text: str) -> bool:
    """Return whether a JSON text is this report, as far as its beginning shows."""
    begin = text[:_BEGINNING]
    return any(f'"{key}"' in begin for key in ("exDate", "recDate", "caBroadcastDate"))


def actions_as_csv(name: str, text: str) -> str:
    """Return the report as `symbol,series,ex_date,subject`. Raises DataError, by the number of the row, for an invalid row."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name}: is damaged JSON ({error})") from error
    rows = content.get("data") if isinstance(content, dict) else content
    if not isinstance(rows, list):
        raise DataError(f"{name}: is JSON without a list of corporate actions")
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(_KEYS.values())
    writer.writerows(_cells(name, number, row) for number, row in enumerate(rows, 1))
    return written.getvalue()


def _cells(name: str, number: int, row: Any) -> list[str]:
    if not isinstance(row, dict):
        raise DataError(f"{name} entry {number}: is no corporate action")
    for key in _KEYS:
        if key not in row:
            raise DataError(f"{name} entry {number}: has no {key}; NSE has changed its list of corporate actions")
    return [" ".join(str(row[key] if row[key] is not None else "").split()) for key in _KEYS]
