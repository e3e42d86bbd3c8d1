"""Fetch NSE's list of trading holidays and write the next year, or dates closed recently, into the calendar file."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from tradectl.errors import SourceUnavailable
from tradectl.exchange.holiday_list import CalendarChanges, HolidayList, fill, read_holiday_list
from tradectl.exchange.sessions import SessionTable

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date
    from pathlib import Path

    from tradectl.marketdata.sources.download import Downloader

ADDRESS = "/api/holiday-master?type=trading"
"""NSE's list of trading holidays, JSON, below its home page."""
TITLE = "NSE's holiday list"
DECEMBER = 12
"""The month from which the list of the next year is needed."""


class HolidaysOutcome(StrEnum):
    """Describe the effect of a list on the calendar file."""

    CHANGED = "changed"
    """The calendar file has a new year or new dates. The caller must load the session table again."""
    UNCHANGED = "unchanged"
    NOT_PUBLISHED = "not_published"
    """NSE still serves the list of this year, and the list of the next year is needed."""


class HolidaysReport(Struct, frozen=True):
    """Hold what a list changed in the calendar file.

    `weekdays`: the number of closed weekdays in the list. `listed_through`: the last date up to which the table is complete."""

    outcome: HolidaysOutcome
    changes: CalendarChanges
    weekdays: int
    listed_through: date

    @property
    def text(self) -> str:
        """Return one line: the year, what changed, and what is missing."""
        found = self.changes
        if self.outcome is HolidaysOutcome.NOT_PUBLISHED:
            missing = self.listed_through.year + 1
            return f"this is the list of {found.year}, and the one of {missing} is needed: NSE publishes it in December"
        return f"{found.year}: {self.weekdays} closed weekdays in the list, {len(found.added)} of them new here"


def fetch_holidays(
    home_page: str, downloader: Downloader, calendar: Path, today: date, without_bars: Collection[date] = ()
) -> HolidaysReport:
    """Fetch NSE's list and write it into the calendar file, in one write or not at all.

    Args:
        home_page: The address of NSE's site, without a slash at the end.
        calendar: The operator's calendar file; created where it is missing.
        today: The date in India. Of the dates before it only those of `without_bars` may become closed.

    Raises:
        SourceUnavailable: The site cannot be reached, or has no list there.
        DataError: The reply is no such list, or is the list of a year that is over.
        ConfigurationError: The calendar file cannot be read or written.
    """
    listed = download_holidays(home_page, downloader)
    return take_holidays(listed, calendar, f"{TITLE}, fetched {today}", today, without_bars)


def download_holidays(home_page: str, downloader: Downloader) -> HolidayList:
    """Return NSE's list from its site. Raises SourceUnavailable without a list, DataError for another reply."""
    content = downloader.get(home_page + ADDRESS)
    if content is None:
        raise SourceUnavailable(
            f"NSE has no file at {ADDRESS}: save its holiday list in a browser, then `tradectl data sessions import FILE`"
        )
    return read_holiday_list(content, TITLE)


def take_holidays(
    listed: HolidayList, calendar: Path, source: str, today: date, without_bars: Collection[date] = ()
) -> HolidaysReport:
    """Write a list into the calendar file and return what it changed. `source` is stored with a new year.

    Raises DataError for the list of another year, ConfigurationError for a calendar file that cannot be read or written."""
    changes = fill(calendar, SessionTable.load(calendar), listed, source, today, without_bars=without_bars)
    listed_through = SessionTable.load(calendar).listed_through
    outcome = HolidaysOutcome.CHANGED if changes.new_year or changes.added or changes.muhurat else HolidaysOutcome.UNCHANGED
    if listed_through.year < today.year + (today.month == DECEMBER):
        outcome = HolidaysOutcome.NOT_PUBLISHED
    return HolidaysReport(outcome, changes, len(listed.weekdays), listed_through)
