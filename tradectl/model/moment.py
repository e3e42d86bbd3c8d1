"""Indian time, for showing moments and for asking which date it is at the exchange."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone

IST = timezone(timedelta(hours=5, minutes=30), "IST")
"""India has had one zone and no summer time since 1945, so a fixed offset needs no zone database."""


def to_ist(moment: datetime) -> datetime:
    """An aware moment in Indian time."""
    return moment.astimezone(IST)


def ist_date(moment: datetime) -> date:
    return to_ist(moment).date()


def at_ist(day: date, at: time) -> datetime:
    """That time of that day in India, aware."""
    return datetime.combine(day, at, IST)
