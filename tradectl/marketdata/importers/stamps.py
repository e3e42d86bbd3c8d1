"""Parse the dates and times of files. Only unambiguous forms are accepted.

`15-Jan-2024`, `2024-01-15` and `20240115` are accepted. `15/01/24` is rejected, because the order of day and month is not known.
A time without a time zone is IST.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from msgspec import Struct

IST_OFFSET = 330
"""Minutes by which IST is ahead of UTC."""
DAY = 1440
_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_ISO = re.compile(r"(\d{4})([-/]?)(\d{2})\2(\d{2})")
_NAMED = re.compile(r"(\d{1,2})[- /]([A-Za-z]{3,9})[- /](\d{4}|\d{2})")
_DIGITS = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")
_SERIAL = re.compile(r"[2-6]\d{4}(\.\d+)?")
_EPOCH = re.compile(r"\d{10}(\d{3})?(\.\d+)?")
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([AaPp][Mm])?\s*(\S+)?")
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})?(?::00)?")
_ZONES = {"Z": 0, "UTC": 0, "GMT": 0, "IST": IST_OFFSET, "ASIA/KOLKATA": IST_OFFSET, "ASIA/CALCUTTA": IST_OFFSET}


class TimeOfDay(Struct, frozen=True):
    """Represent a time of day.

    `minute`: minutes after midnight. `second`: may have decimals. `offset`: minutes ahead of UTC; None without a time zone."""

    minute: int
    second: float
    offset: int | None


def read_date(text: str) -> date | None:
    """Return the date of an unambiguous text; None for any other text. The text may end with midnight of UTC or IST."""
    day, _, rest = split_stamp(text)
    found = _read_day(day)
    if found is None or not rest:
        return found
    at = read_time(rest)
    if at is None or at.second:
        return None
    if at.minute == 0 and at.offset in {None, 0, IST_OFFSET}:
        return found
    late = at.offset is not None and at.minute - at.offset == DAY - IST_OFFSET  # midnight of IST, written in another zone
    return found + timedelta(days=1) if late else None


def parse_date(text: str, formats: Iterable[str]) -> date | None:
    """Return the date by the first `strptime` format that fits the text; None if no format fits."""
    for pattern in formats:
        try:
            return datetime.strptime(text, pattern).date()  # noqa: DTZ007 - a date has no zone
        except ValueError:
            continue
    return None


def split_stamp(text: str) -> tuple[str, str, str]:
    """Return the date, the separator and the time of a text such as `2024-01-15 09:15` or `2024-01-15T09:15`.

    Separator and time are empty if the text has only a date."""
    if " " in text:
        day, space, rest = text.partition(" ")
        if ":" in rest or not rest:
            return day, space, rest.strip()
        return text, "", ""  # `15 Jan 2024`
    if "T" in text and text[-1:].isdigit() and ":" not in text:
        return text, "", ""
    return text.partition("T") if ":" in text else (text, "", "")


def read_time(text: str) -> TimeOfDay | None:
    """Return the time of day of a text such as `09:15:00+05:30` or `03:45 PM`; None for any other text."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
    if found[5]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found[5][0] in "pP" else 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    offset = None
    if found[6]:
        offset = _read_offset(found[6])
        if offset is None:
            return None
    return TimeOfDay(hour * 60 + minute, second + float(f"0.{found[4] or 0}"), offset)


def why_no_date(text: str) -> str:
    """Return why `read_date` rejects a text, and how to write the date, as the end of a message."""
    if _SERIAL.fullmatch(text):
        return "is the number by which a spreadsheet stores a date; format the column as yyyy-mm-dd and save the file again"
    if _EPOCH.fullmatch(text):
        return "is a number of seconds or milliseconds; write the date as 2024-01-15"
    if _DIGITS.fullmatch(split_stamp(text)[0]) and _read_day(split_stamp(text)[0]) is None:
        return "is not a date, or the order of day and month is unclear; write it as 2024-01-15"
    if _read_day(split_stamp(text)[0]) is not None:
        return "is not a date, because it has a time of day"
    return "is not a date"


def why_no_time(text: str) -> str:
    """Return why the timestamp of a minute bar is rejected, and how to write it, as the end of a message."""
    if _EPOCH.fullmatch(text):
        return "is a number of seconds or milliseconds; write the time as 2024-01-15 09:15:00+05:30"
    day = split_stamp(text)[0]
    if _read_day(day) is None:
        return why_no_date(day) if _SERIAL.fullmatch(day) or _DIGITS.fullmatch(day) else "is not a time like 2024-01-15 09:15:00"
    return "is not a time like 2024-01-15 09:15:00, or like 2024-01-15 09:15:00+05:30 with a time zone"


def month_of(text: str) -> int:
    """Return the number of a month from its English name or from the first three or more letters; 0 for any other text."""
    word = text.lower()
    return next((at for at, name in enumerate(_MONTHS, 1) if len(word) >= 3 and name.startswith(word)), 0)


def _read_day(text: str) -> date | None:
    if not text.isascii():
        return None
    found = _ISO.fullmatch(text)
    if found:
        return _checked(int(found[1]), int(found[3]), int(found[4]))
    found = _NAMED.fullmatch(text)
    if found is None:
        return None
    year = int(found[3])
    if len(found[3]) == 2:
        year += 1900 if year >= 90 else 2000
    return _checked(year, month_of(found[2]), int(found[1]))


def _checked(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _read_offset(text: str) -> int | None:
    """Return a time zone as minutes ahead of UTC; None for any other text."""
    word = text.strip("()[]").upper()
    if word in _ZONES:
        return _ZONES[word]
    found = _OFFSET.fullmatch(word.removeprefix("UTC").removeprefix("GMT"))
    if found is None or int(found[2]) > 14 or int(found[3] or 0) > 59:
        return None
    minutes = int(found[2]) * 60 + int(found[3] or 0)
    return -minutes if found[1] == "-" else minutes
