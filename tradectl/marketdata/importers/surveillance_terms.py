"""Parse what all forms of NSE's surveillance lists share: stages, symbols, and the date in a file's name."""

from __future__ import annotations

import re

from tradectl.errors import DataError
from tradectl.marketdata.importers.stamps import parse_date
from tradectl.model.surveillance import Measure
from tradectl.model.symbols import read_symbol

OWN_FORM = ("dated", "measure", "symbol", "isin", "stage")
"""The header of tradectl's own form of a list; JSON reports are converted to it."""
_WORDS = {
    Measure.GSM: r"GSM",
    Measure.ESM: r"ESM",
    Measure.LONG_ASM: r"(?:LT[ -]?)?ASM",
    Measure.SHORT_ASM: r"(?:ST[ -]?)?ASM",
}
NUMERALS = ("0", "I", "II", "III", "IV", "V", "VI")
_STAGE = r"[\s\-]*(?:STAGE)?[\s\-]*(0|VI|IV|V|III|II|I|[1-6])\b"
_DATES = (
    (re.compile(r"(\d{4}-\d{2}-\d{2})"), "%Y-%m-%d"),
    (re.compile(r"(\d{1,2}-[A-Za-z]{3}-\d{4})"), "%d-%b-%Y"),
    (re.compile(r"(?<!\d)(\d{2}-\d{2}-\d{4})(?!\d)"), "%d-%m-%Y"),
    (re.compile(r"(?<!\d)(\d{8})(?!\d)"), "%d%m%Y"),
    (re.compile(r"_IND(\d{6})(?!\d)", re.IGNORECASE), "%d%m%y"),
)


def stage_of(text: str, measure: Measure) -> str:
    """Return the stage of a measure in NSE's text, as `0` for `IBC - Receipt & GSM 0 (62)`; empty if it has none.

    The number in brackets is NSE's code of a combination of measures. The Roman numeral of `gsmStage` is such a code too.
    Neither is a stage.
    """
    words = re.sub(r"\(\d+\)\s*$", "", text.strip().upper()).strip()
    for pattern in (_WORDS[measure] + _STAGE, r"\bSTAGE" + _STAGE.replace("(?:STAGE)?", ""), r"^" + _STAGE + r"$"):
        found = re.search(pattern, words)
        if found:
            number = found.group(1)
            return NUMERALS[int(number)] if number.isdigit() else number
    return ""


def clean_symbol(text: str) -> str:
    """Return a symbol as NSE writes it; empty if the text is not a symbol."""
    try:
        return read_symbol(text).symbol
    except ValueError:
        return ""


def date_in_name(stem: str, name: str) -> str:
    """Return the date in a file's name as ISO text. Raises DataError if the name has none."""
    for pattern, form in _DATES:
        found = pattern.search(stem)
        day = parse_date(found.group(1), (form,)) if found else None
        if day is not None:
            return day.isoformat()
    raise DataError(
        f"{name}: a surveillance list needs a date, inside it or in its name; rename the file like GSM_2026-11-30.csv, with the "
        "date from which the list is in force"
    )


def rank(stage: str) -> int:
    """Return the severity of a stage, from 0; -1 for an unknown stage."""
    return NUMERALS.index(stage) if stage in NUMERALS else -1
