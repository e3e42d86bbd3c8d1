"""Convert NSE's surveillance reports from JSON to the CSV form that the module `surveillance` parses.

    /api/reportASM   {"longterm": {"data": [row, ...]}, "shortterm": {"data": [row, ...]}}
    /api/reportGSM   [row, ...]
    /api/reportESM   [row, ...]

A row has symbol, isin, the text of its stage (survCode) and the time of the list (asmTime, gsmTime, esmTime). gsmStage is not a
stage but NSE's code of a combination of measures. Sources: replies of 2026-09 as published in three public projects.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import Any

from tradectl.errors import DataError
from tradectl.marketdata.importers.stamps import parse_date
from tradectl.marketdata.importers.surveillance_terms import OWN_FORM, clean_symbol, date_in_name, stage_of
from tradectl.model.surveillance import Measure

_PARTS = {"longterm": Measure.LONG_ASM, "shortterm": Measure.SHORT_ASM}
_TIMES = {"gsmTime": Measure.GSM, "esmTime": Measure.ESM, "asmTime": Measure.LONG_ASM}
_INDICATORS = {
    Measure.GSM: "gsmStage",
    Measure.ESM: "esmSurvIndicator",
    Measure.LONG_ASM: "asmSurvIndicator",
    Measure.SHORT_ASM: "asmSurvIndicator",
}


def as_csv(name: str, stem: str, text: str) -> str:
    """Return a report in the CSV form `dated,measure,symbol,isin,stage`.

    Raises DataError for other JSON, for a row without a symbol, for an invalid date, and if a list has several dates.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise DataError(f"{name}: is damaged JSON ({error})") from error
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(OWN_FORM)
    lists = list(_lists(name, content))
    dates = {measure: _dated(name, measure, rows) for measure, rows in lists}
    others = sorted(filter(None, dates.values()))
    for measure, rows in lists:
        dated = dates[measure] or (others[-1] if others else date_in_name(stem, name))
        writer.writerows(_row(name, dated, measure, number, row) for number, row in enumerate(rows, 1))
        if not rows:
            writer.writerow([dated, measure.value, "", "", ""])
    return written.getvalue()


def _lists(name: str, content: Any) -> Iterator[tuple[Measure, list[dict[str, Any]]]]:
    """Yield each measure of a report with its rows."""
    if isinstance(content, dict) and set(_PARTS) <= set(content):
        for part, measure in _PARTS.items():
            inside = content[part]
            rows = inside.get("data") if isinstance(inside, dict) else inside
            yield measure, _checked(name, rows, f"{part}.data")
        return
    rows = content.get("data") if isinstance(content, dict) else content
    known = _checked(name, rows, "data") if isinstance(rows, list) else []
    measures = {measure for row in known for key, measure in _TIMES.items() if key in row}
    if len(measures) != 1 or measures & {Measure.LONG_ASM}:
        raise DataError(
            f"{name}: is JSON, but none of NSE's surveillance reports (reportGSM, reportESM, reportASM) with at least one entry"
        )
    yield measures.pop(), known


def _checked(name: str, rows: Any, where: str) -> list[dict[str, Any]]:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{name}: {where} is not a list of entries")
    return rows


def _dated(name: str, measure: Measure, rows: list[dict[str, Any]]) -> str:
    """Return the date of a list as ISO text; empty if no entry has one. Raises DataError if there are several."""
    key = next(key for key, of in _TIMES.items() if of is measure or (key == "asmTime" and measure is Measure.SHORT_ASM))
    found = set()
    for number, row in enumerate(rows, 1):
        text = str(row.get(key) or "").strip()
        day = parse_date(text.partition(" ")[0], ("%d-%b-%Y", "%Y-%m-%d"))
        if text and day is None:
            raise DataError(f"{name} entry {number} of {measure}: {key} {row[key]!r} is not a date")
        found |= {day.isoformat()} if day is not None else set()
    if len(found) > 1:
        raise DataError(f"{name}: the {measure} list has the dates {min(found)} and {max(found)}; a list has one date")
    return found.pop() if found else ""


def _row(name: str, dated: str, measure: Measure, number: int, row: dict[str, Any]) -> list[str]:
    symbol = clean_symbol(str(row.get("symbol") or ""))
    if not symbol:
        raise DataError(f"{name} entry {number} of {measure}: symbol {row.get('symbol')!r} is not a symbol")
    words = str(row.get("survCode") or "") or str(row.get(_INDICATORS[measure]) or "")
    isin = re.sub(r"\W", "", str(row.get("isin") or ""))
    return [dated, measure.value, symbol, isin, stage_of(words, measure)]
