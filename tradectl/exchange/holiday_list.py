"""NSE's list of trading holidays, as its site serves it or as a saved table, and what it adds to the session table.

The site serves JSON (`/api/holiday-master?type=trading`), one year at a time, a list for each segment. A CSV file has a column
with the date, one with the description and perhaps one with the weekday.

The list says which dates are closed. It never opens a date that the table has closed, but for the Muhurat session: NSE lists the
day of Laxmi Pujan as a holiday, with a note that trading will be held at hours that it announces later. Until then the session is
known and nothing trades in it.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from contextlib import suppress
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
_MUHURAT = re.compile(r"muhurat|la(x|ksh)mi\s*puja", re.IGNORECASE)
"""The day of Muhurat trading by its description: `Diwali Laxmi Pujan*` in NSE's lists of 2014 to 2026."""
_DATES = ("%d-%b-%Y", "%Y-%m-%d", "%B %d, %Y", "%d-%B-%Y")
"""26-Jan-2027 as NSE writes it, and the ways of saved tables."""
_COLUMNS = {
    "date": {"tradingdate", "date", "tradedate", "tradeday", "holidaydate"},
    "name": {"description", "holiday", "holidays", "name", "occasion"},
    "weekday": {"weekday", "day"},
}
"""The columns of a CSV file by their names, without case, spaces and signs."""


@dataclass(frozen=True, slots=True)
class HolidayList:
    """The closed dates of one year with their names; weekends too."""

    year: int
    days: Mapping[date, str]

    @property
    def weekdays(self) -> Mapping[date, str]:
        return {day: name for day, name in self.days.items() if day.weekday() < _SATURDAY}

    @property
    def muhurat(self) -> Mapping[date, str]:
        """The days of Muhurat trading, whose hours the list does not have."""
        return {day: name for day, name in self.days.items() if _MUHURAT.search(name)}


@dataclass(frozen=True, slots=True)
class Filled:
    """What a list changed. `added`: closed dates that were not known. `muhurat`: sessions of unknown hours that were not known.
    `kept`: dates of which the operator's file says otherwise. `extra`: weekdays that the table has closed and the list does not
    name. `past`: closed dates before today that are sessions here; they are left, as the books may rest on them."""

    year: int
    new_year: bool
    added: Mapping[date, str]
    muhurat: Mapping[date, str]
    kept: tuple[date, ...]
    extra: tuple[date, ...]
    past: tuple[date, ...]


def read_holiday_list(content: bytes, name: str) -> HolidayList:
    """Return the holidays of a file (JSON or CSV) or a reply; `name` is for messages. Raises DataError for other content."""
    if content.lstrip()[:1] == b"<":
        raise DataError(f"{name}: is a web page (HTML or XML), not JSON; the site refused the download")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: is not the JSON of NSE's holiday list") from error
    columns = _columns(text)
    rows = _table(text, name, columns) if columns else _segment(text, name)
    days = dict(_holiday(row, where) for row, where in rows)
    years = sorted({day.year for day in days})
    if len(years) != 1:
        raise DataError(f"{name}: holds dates of more than one year ({', '.join(map(str, years))})")
    return whole_year(days, name, years[0])


def whole_year(days: Mapping[date, str], name: str, year: int) -> HolidayList:
    """Return the list of a year. Raises DataError where it has too few closed weekdays to be a whole one."""
    listed = HolidayList(year, dict(sorted(days.items())))
    if len(listed.weekdays) < FEWEST:
        raise DataError(f"{name}: holds {len(listed.weekdays)} weekday holidays of {year}: that is no whole year")
    return listed


def refuse_contradiction(listed: HolidayList, table: SessionTable, name: str) -> None:
    """Raise DataError where a list of a known year differs from the table on a weekday: its source errs about other years too."""
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
    """Return the rows of the cash market, each with its place for messages."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name}: is not the JSON of NSE's holiday list") from error
    rows = found.get(SEGMENT) if isinstance(found, dict) else None
    if not isinstance(rows, list):
        raise DataError(f"{name}: is not NSE's holiday list: it has no list {SEGMENT}")
    if not rows:
        raise DataError(f"{name}: the list {SEGMENT} is empty")
    return [(row, f"{name} {SEGMENT} row {number}") for number, row in enumerate(rows, 1)]


def _columns(text: str) -> Mapping[str, int] | None:
    """Return the places of date, name and weekday in the first line of a CSV text; None where it has no date or no name."""
    first = next(csv.reader(io.StringIO(text)), [])
    plain = [re.sub(r"[^a-z]", "", cell.lower()) for cell in first]
    found = {what: plain.index(names.pop()) for what, known in _COLUMNS.items() if (names := known & set(plain))}
    return found if {"date", "name"} <= found.keys() else None


def _table(text: str, name: str, columns: Mapping[str, int]) -> list[tuple[Any, str]]:
    """Return the rows of a CSV text in the shape of the site's rows, each with its place for messages."""
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
        raise DataError(f"{name}: is no CSV file: {error}") from error
    if not rows:
        raise DataError(f"{name}: the list is empty")
    return rows


def fill(calendar: Path, table: SessionTable, listed: HolidayList, source: str, today: date) -> Filled:
    """Write the closed weekdays and the Muhurat session of a list into the calendar file and declare a new year covered, in one
    write. In a year that is already known, only dates from `today` on change: past sessions do not.

    Return what changed. Raises DataError for a year that is over or that leaves a gap after the last known year.
    """
    last = table.listed_through.year
    if listed.year > last + 1:
        raise DataError(f"{source}: is the list of {listed.year}, and {last + 1} is not known yet: import that first")
    if listed.year < min(today.year, last):
        raise DataError(f"{source}: is the list of {listed.year}, which is over: nothing is filled")
    own, new_year, special = read_overrides(calendar), listed.year == last + 1, listed.muhurat
    closed = {day: name for day, name in listed.weekdays.items() if day not in special}
    kept = tuple(day for day in closed if day in own.days and own.days[day].kind is not OverrideKind.CLOSED)
    kept += tuple(day for day in special if day in own.days and own.days[day].kind is not OverrideKind.MUHURAT)
    open_here = {day for day in closed if not new_year and table.session(day) is not None}
    added = {
        day: name for day, name in closed.items() if day not in own.days and (new_year or (day >= today and day in open_here))
    }
    past = tuple(day for day in sorted(open_here) if day < today and day not in own.days)
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
    return Filled(listed.year, new_year, added, muhurat, kept, extra, past)


def _is_plain(table: SessionTable, day: date) -> bool:
    """Return whether the table has a date closed, or as an ordinary session."""
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
        raise DataError(f"{where}: tradingDate {str(text)[:30]!r} is no date such as 26-Jan-2027")
    weekday = row.get("weekDay")
    if weekday and not f"{day:%A}".lower().startswith(str(weekday).strip().lower()):
        raise DataError(f"{where}: weekDay {str(weekday)[:30]!r}, but {day} is a {day:%A}")
    name = " ".join(str(row.get("description") or "").split())
    return day, "".join(letter for letter in name if letter.isprintable())[:80] or "holiday of NSE's list"


def _date(text: str) -> date | None:
    """Return the date of a text, in NSE's form or one of saved tables; None for another text."""
    for form in _DATES:
        with suppress(ValueError):
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - a date has no zone
    return None
