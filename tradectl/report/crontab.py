"""A crontab made from the tasks' own declarations, in the zone of the machine that runs it.

Lines fire on every day: the runner knows the sessions. A zone with summer time cannot name an Indian time by a fixed
line (cron would move it twice a year), so it gets only the line that asks each minute what is due.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tradectl.errors import UsageError
from tradectl.model.moment import LAST_FILL, at_ist, format_time
from tradectl.task import Task

EACH_MINUTE = "* * * * * tradectl run-due -q"
_HEAD = """\
# The trading day of tradectl for cron; written by `tradectl crontab --zone {zone}`.
# Put the folder of the tradectl command into PATH, and MAILTO where trouble should go: -q mails nothing else.
PATH=/usr/local/bin:/usr/bin:/bin
"""
_SUMMER = """\
# {zone} has summer time and India has none, so no fixed line can keep Indian time.
# This one asks each minute what is due:
"""
_FIXED = """\
# Times are those of {zone}; the comment has the Indian time. Every line fires every day: tradectl knows the holidays.
"""
_INSTEAD = """\
# Instead of all these lines, this one asks each minute what is due; it also catches up after a late start:
# {line}
"""


def crontab(tasks: Sequence[Task], zone_name: str, today: date) -> str:
    """The whole file, ending with a newline. `today` decides whether the zone's clocks change. UsageError for no zone."""
    zone = find_zone(zone_name)
    head = _HEAD.format(zone=zone_name)
    if clocks_change(zone, today):
        return head + _SUMMER.format(zone=zone_name) + EACH_MINUTE + "\n"
    lines = [line(task, at, zone, today) for task in tasks for at in task.schedule.at]
    return head + _FIXED.format(zone=zone_name) + "\n".join(lines) + "\n" + _INSTEAD.format(line=EACH_MINUTE)


def find_zone(name: str) -> ZoneInfo:
    """A zone by its name in the zone database. Raises UsageError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(f"no time zone is called {name!r}; write it as Asia/Kolkata or Europe/Berlin") from error


def clocks_change(zone: ZoneInfo, today: date) -> bool:
    """Whether the zone's offset differs between any two days of the two years from `today`."""
    start = datetime(today.year, today.month, today.day, 12, tzinfo=UTC)
    return len({(start + timedelta(days=day)).astimezone(zone).utcoffset() for day in range(731)}) > 1


def line(task: Task, at: time, zone: ZoneInfo, today: date) -> str:
    """One slot: a comment with the Indian time (cron knows no comment behind a command), then the line."""
    local = at_ist(today, at).astimezone(zone)
    schedule = task.schedule
    end = LAST_FILL if schedule.until is None else format_time(schedule.until)
    until = f" --until {end}" if schedule.every else ""
    return f"# {at:%H:%M} {task.name}\n{local.minute} {local.hour} * * * tradectl {task.name}{until} --trigger cron -q"
