"""Indian time: showing moments, asking which date it is at the exchange, and the times of a timetable as words."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone

_OFFSET = timedelta(hours=5, minutes=30)
IST = timezone(_OFFSET, "IST")
"""India has had one zone and no summer time since 1945, so a fixed offset needs no zone database."""

LAST_FILL = "last-fill"
"""An end that follows the session table: the last moment at which an order of that session can be filled."""


def to_ist(moment: datetime) -> datetime:
    """An aware moment in Indian time."""
    return moment.astimezone(IST)


def utc(moment: datetime) -> datetime:
    """Return an aware moment in UTC."""
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def ist_date(moment: datetime) -> date:
    """Return the date in India at an aware moment. Moments are in UTC nearly always: an addition is three times as fast."""
    return (moment + _OFFSET).date() if moment.tzinfo is UTC else to_ist(moment).date()


def at_ist(day: date, at: time) -> datetime:
    """That time of that day in India, aware."""
    return datetime.combine(day, at, IST)


def format_time(at: time) -> str:
    """`09:05`, or `09:07:30` where there are seconds."""
    return at.strftime("%H:%M:%S" if at.second else "%H:%M")
