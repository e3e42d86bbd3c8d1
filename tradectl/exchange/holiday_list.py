"""Read NSE's list of trading holidays (JSON of `/api/holiday-master?type=trading`) and write it into the calendar file.

The list contains closed weekdays and nothing else: NSE announces Muhurat and other special sessions separately. A date that
the session table has closed stays closed, even if the list does not name it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from tradectl.errors import DataError
from tradectl.exchange.overrides import FEWEST, Override, OverrideKind, read_overrides, write_days

if TYPE_CHECKING:
    from pathlib import Path

    from tradectl.exchange.sessions import SessionTable

SEGMENT = "CM"
"""The cash market."""
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class HolidayList:
    """Hold the closed dates of one year with their names, weekends included."""

    year: int
    days: Mapping[date, str]

    @property
    def weekdays(self) -> Mapping[date, str]:
        """Return the closed dates from Monday to Friday."""
        return {day: name for day, name in self.days.items() if day.weekday() < _SATURDAY}


@dataclass(frozen=True, slots=True)
class CalendarChanges:
    """Hold what a list changed in the calendar file.

    Args:
        added: Closed dates that the table did not have.
        kept: Dates of the list that the operator's file keeps open.
        extra: Weekdays that the table has closed and the list does not name.
    """

    year: int
    new_year: bool
    added: Mapping[date, str]
    kept: tuple[date, ...]
    extra: tuple[date, ...]


def read_holiday_list(content: bytes, name: str) -> HolidayList:
    """Return the holidays of a file or a reply; `name` is for messages. Raises DataError for other content."""
    if content.lstrip()[:1] == b"<":
        raise DataError(f"{name}: is a web page (HTML or XML), not JSON; the site refused the download")
    try:
        found = json.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise DataError(f"{name}: is not the JSON of NSE's holiday list") from error
    rows = found.get(SEGMENT) if isinstance(found, dict) else None
    if not isinstance(rows, list):
        raise DataError(f"{name}: is not NSE's holiday list: it has no list {SEGMENT}")
    if not rows:
        raise DataError(f"{name}: the list {SEGMENT} is empty")
    days = dict(_holiday(row, f"{name} {SEGMENT} row {number}") for number, row in enumerate(rows, 1))
    years = sorted({day.year for day in days})
    if len(years) != 1:
        raise DataError(f"{name}: holds dates of more than one year ({', '.join(map(str, years))})")
    listed = HolidayList(years[0], dict(sorted(days.items())))
    if len(listed.weekdays) < FEWEST:
        raise DataError(f"{name}: holds {len(listed.weekdays)} weekday holidays of {listed.year}: the list is not complete")
    return listed


def fill(calendar: Path, table: SessionTable, listed: HolidayList, source: str, today: date) -> CalendarChanges:
    """Write the closed weekdays of a list into the calendar file and declare a new year covered, in one write.

    In a year that is already known, only dates from `today` on are closed: past sessions do not change.

    Returns:
        What changed.

    Raises:
        DataError: The list's year is over, or a year between it and the last known year is missing.
    """
    last = table.listed_through.year
    if listed.year > last + 1:
        raise DataError(
            f"{source}: is the list of {listed.year}, and {last + 1} is not known yet: import the list of {last + 1} first"
        )
    if listed.year < min(today.year, last):
        raise DataError(f"{source}: is the list of {listed.year}, a past year: nothing was changed")
    own, new_year = read_overrides(calendar), listed.year == last + 1
    kept = tuple(day for day in listed.weekdays if day in own.days and own.days[day].kind is not OverrideKind.CLOSED)
    added = {
        day: name
        for day, name in listed.weekdays.items()
        if day not in own.days and (new_year or (day >= today and table.session(day) is not None))
    }
    begin, end = date(listed.year, 1, 1), date(listed.year, 12, 31)
    span = range(begin.toordinal(), end.toordinal() + 1) if not new_year else ()
    weekdays = (day for day in map(date.fromordinal, span) if day.weekday() < _SATURDAY)
    extra = tuple(day for day in weekdays if day not in listed.days and table.session(day) is None)
    overrides = [Override(day, OverrideKind.CLOSED, name=name) for day, name in added.items()]
    if new_year or added:
        write_days(calendar, overrides, listed.year if new_year else None, source)
    return CalendarChanges(listed.year, new_year, added, kept, extra)


def _holiday(row: Any, where: str) -> tuple[date, str]:
    """Return the date and name of a row. Raises DataError for an unreadable date or a wrong weekday."""
    text = row.get("tradingDate") if isinstance(row, dict) else None
    try:
        day = datetime.strptime(str(text), "%d-%b-%Y").date()  # noqa: DTZ007 - a date has no zone
    except ValueError as error:
        raise DataError(f"{where}: tradingDate {str(text)[:30]!r} is not a date such as 26-Jan-2027") from error
    weekday = row.get("weekDay")
    if weekday and str(weekday).strip().lower() != f"{day:%A}".lower():
        raise DataError(f"{where}: weekDay {str(weekday)[:30]!r}, but {day} is a {day:%A}")
    name = " ".join(str(row.get("description") or "").split())
    return day, "".join(letter for letter in name if letter.isprintable())[:80] or "holiday of NSE's list"
