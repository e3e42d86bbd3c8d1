"""Read a list of NSE's trading holidays (JSON of its site, or a CSV table) and write it into the calendar file.

The site serves JSON (`/api/holiday-master?type=trading`), one year at a time, with a list for each segment. A CSV file has a
column with the date, one with the description, and optionally one with the weekday.

The list contains closed dates. A date that the session table has closed stays closed, even if the list does not name it. The
exception is the Muhurat session: NSE lists the day of Laxmi Pujan as a holiday and announces the hours of trading later. Until
then the session is known, and nothing trades in it.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from tradectl.errors import DataError
from tradectl.exchange.overrides import FEWEST, Override, OverrideKind, read_overrides, write_days

if TYPE_CHECKING:
    from pathlib import Path

    from tradectl.exchange.sessions import SessionTable

SEGMENT = "CM"
"""The cash market."""
_SATURDAY = 5
_MUHURAT = re.compile(r"muhurat|la(x|ksh)mi\s*puja", re.IGNORECASE)
"""The description of the day of Muhurat trading: `Diwali Laxmi Pujan*` in NSE's lists of 2014 to 2026."""
_DATES = ("%d-%b-%Y", "%Y-%m-%d", "%B %d, %Y", "%d-%B-%Y")
"""The date formats of NSE (26-Jan-2027) and of saved tables."""
_COLUMNS = {
    "date": {"tradingdate", "date", "tradedate", "tradeday", "holidaydate"},
    "name": {"description", "holiday", "holidays", "name", "occasion"},
    "weekday": {"weekday", "day"},
}
"""The names of the columns of a CSV file, in lower case and letters only."""


class HolidayList(Struct, frozen=True):
    """Hold the closed dates of one year with their names, weekends included."""

    year: int
    days: Mapping[date, str]

    @property
    def weekdays(self) -> Mapping[date, str]:
        """Return the closed dates from Monday to Friday."""
        return {day: name for day, name in self.days.items() if day.weekday() < _SATURDAY}

    @property
    def muhurat(self) -> Mapping[date, str]:
        """Return the days of Muhurat trading. The list does not contain their hours."""
        return {day: name for day, name in self.days.items() if _MUHURAT.search(name)}


class CalendarChanges(Struct, frozen=True):
    """Hold what a list changed in the calendar file.

    Args:
        added: Closed dates that the table did not have.
        muhurat: Muhurat sessions without hours that the table did not have.
        kept: Dates of the list for which the operator's file has another kind.
        extra: Weekdays that the table has closed and the list does not name.
        past: Closed dates before today that the table has as sessions. They do not change, because stored results may use them.
    """

    year: int
    new_year: bool
    added: Mapping[date, str]
    muhurat: Mapping[date, str]
    kept: tuple[date, ...]
    extra: tuple[date, ...]
    past: tuple[date, ...]


_NO_LIST = "is neither the JSON of NSE's holiday list nor a CSV with the columns date and description"


def read_holiday_list(content: bytes, name: str) -> HolidayList:
    """Return the holidays of a file (JSON or CSV) or a reply; `name` is for messages. Raises DataError for other content."""
    if content.lstrip()[:1] == b"<":
        raise DataError(f"{name}: is a web page (HTML or XML), not JSON; the site refused the download")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: {_NO_LIST}") from error
    columns = _columns(text)
    rows = _table(text, name, columns) if columns else _segment(text, name)
    days = dict(_holiday(row, where) for row, where in rows)
    years = sorted({day.year for day in days})
    if len(years) != 1:
        raise DataError(f"{name}: holds dates of more than one year ({', '.join(map(str, years))})")
    return whole_year(days, name, years[0])


def whole_year(days: Mapping[date, str], name: str, year: int) -> HolidayList:
    """Return the list of a year. Raises DataError if it has too few closed weekdays to be complete."""
    listed = HolidayList(year, dict(sorted(days.items())))
    if len(listed.weekdays) < FEWEST:
        raise DataError(f"{name}: holds {len(listed.weekdays)} weekday holidays of {year}: the list is not complete")
    return listed


def refuse_contradiction(listed: HolidayList, table: SessionTable, name: str) -> None:
    """Raise DataError if the list of a known year differs from the table on a weekday: then no other year is trusted either."""
    special, year = listed.muhurat, range(date(listed.year, 1, 1).toordinal(), date(listed.year, 12, 31).toordinal() + 1)
    weekdays = [day for day in map(date.fromordinal, year) if day.weekday() < _SATURDAY and day not in special]
    wrong = [day for day in weekdays if (day in listed.days) is not (table.session(day) is None)]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise DataError(
            f"{name} of {listed.year} contradicts the known calendar on {len(wrong)} weekdays "
            f"({', '.join(map(str, wrong[:3]))}{more}), so no other year is taken from it: `tradectl data sessions fetch`"
        )


def _segment(text: str, name: str) -> list[tuple[Any, str]]:
    """Return the rows of the cash market, each with its position for messages. Raises DataError for other content."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name}: {_NO_LIST}") from error
    rows = found.get(SEGMENT) if isinstance(found, dict) else None
    if not isinstance(rows, list):
        raise DataError(f"{name}: is not NSE's holiday list: it has no list {SEGMENT}")
    if not rows:
        raise DataError(f"{name}: the list {SEGMENT} is empty")
    return [(row, f"{name} {SEGMENT} row {number}") for number, row in enumerate(rows, 1)]


def _columns(text: str) -> Mapping[str, int] | None:
    """Return the column numbers of date, name and weekday by a CSV header; None if it has no date or no name."""
    first = next(csv.reader(io.StringIO(text)), [])
    plain = [re.sub(r"[^a-z]", "", cell.lower()) for cell in first]
    found = {what: plain.index(names.pop()) for what, known in _COLUMNS.items() if (names := known & set(plain))}
    return found if {"date", "name"} <= found.keys() else None


def _table(text: str, name: str, columns: Mapping[str, int]) -> list[tuple[Any, str]]:
    """Return the rows of a CSV text with the keys of the site's rows, each with its position. Raises DataError for a bad row."""
    keys = {"date": "tradingDate", "name": "description", "weekday": "weekDay"}
    reader = csv.reader(io.StringIO(text))
    next(reader)
    rows = []
    try:
        for cells in filter(any, reader):
            where = f"{name} line {reader.line_num}"
            if len(cells) <= max(columns.values()):
                raise DataError(f"{where}: has {len(cells)} columns; a comma inside a cell needs quotes")
            rows.append(({keys[what]: cells[at].strip() for what, at in columns.items()}, where))
    except csv.Error as error:
        raise DataError(f"{name}: is not a CSV file: {error}") from error
    if not rows:
        raise DataError(f"{name}: the list is empty")
    return rows


def fill(
    calendar: Path, table: SessionTable, listed: HolidayList, source: str, today: date, *, without_bars: Collection[date] = ()
) -> CalendarChanges:
    """Write the closed weekdays and the Muhurat session of a list into the calendar file, and declare a new year covered.

    Everything is written at once. In a year that is already known, only dates from `today` on change, and past ones of
    `without_bars`: no stored result can use those. Other past sessions stay.

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
    own, new_year, special = read_overrides(calendar), listed.year == last + 1, listed.muhurat
    closed = {day: name for day, name in listed.weekdays.items() if day not in special}
    kept = tuple(day for day in closed if day in own.days and own.days[day].kind is not OverrideKind.CLOSED)
    kept += tuple(day for day in special if day in own.days and own.days[day].kind is not OverrideKind.MUHURAT)
    open_here = {day for day in closed if not new_year and table.session(day) is not None}
    added = {
        day: name for day, name in closed.items() if day not in own.days and (new_year or (day >= today and day in open_here))
    }
    past = tuple(day for day in sorted(open_here) if day < today and day not in own.days)
    added |= {day: closed[day] for day in past if day in without_bars}
    past = tuple(day for day in past if day not in added)
    muhurat = {
        day: name
        for day, name in special.items()
        if day not in own.days and (new_year or (day >= today and _is_plain(table, day)))
    }
    extra = _extra(table, listed) if not new_year else ()
    overrides = [Override(day, OverrideKind.CLOSED, name=name) for day, name in added.items()]
    overrides += [Override(day, OverrideKind.MUHURAT, name=name) for day, name in muhurat.items()]
    if new_year or overrides:
        write_days(calendar, overrides, listed.year if new_year else None, source)
    return CalendarChanges(listed.year, new_year, added, muhurat, kept, extra, past)


def _is_plain(table: SessionTable, day: date) -> bool:
    """Return whether a date is closed or an ordinary session in the table."""
    session = table.session(day)
    return session is None or session.kind == "normal"


def _extra(table: SessionTable, listed: HolidayList) -> tuple[date, ...]:
    """Return the weekdays of the list's year that the table has closed and the list does not name."""
    begin, end = date(listed.year, 1, 1), date(listed.year, 12, 31)
    weekdays = (day for day in map(date.fromordinal, range(begin.toordinal(), end.toordinal() + 1)) if day.weekday() < _SATURDAY)
    return tuple(day for day in weekdays if day not in listed.days and table.session(day) is None)


def _holiday(row: Any, where: str) -> tuple[date, str]:
    """Return the date and name of a row. Raises DataError for an unreadable date or a wrong weekday."""
    text = row.get("tradingDate") if isinstance(row, dict) else None
    day = _date(str(text))
    if day is None:
        raise DataError(f"{where}: tradingDate {str(text)[:30]!r} is not a date such as 26-Jan-2027")
    weekday = row.get("weekDay")
    if weekday and not f"{day:%A}".lower().startswith(str(weekday).strip().lower()):
        raise DataError(f"{where}: weekDay {str(weekday)[:30]!r}, but {day} is a {day:%A}")
    name = " ".join(str(row.get("description") or "").split())
    return day, "".join(letter for letter in name if letter.isprintable())[:80] or "holiday of NSE's list"


def _date(text: str) -> date | None:
    """Return the date of a text in one of `_DATES`; None for another text."""
    for form in _DATES:
        with suppress(ValueError):
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - a date has no zone
    return None
