"""Write a crontab from a user's schedule, or from the declarations of the tasks, in the time zone of the machine.

Each line runs every day; tradectl skips dates without a session. The last line runs each minute what is due, so a machine that
started late catches up. In a zone with summer time, a fixed line would move against Indian time twice a year. Such a zone, or
one that is not certain, gets the last line only.

Cron starts a line with an almost empty environment. So every line has the program's path, the home, the user and the database.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tradectl.errors import ConfigurationError, UsageError
from tradectl.ledger.schedules import ScheduleRow
from tradectl.model.moment import LAST_FILL, at_ist, format_time
from tradectl.report.machine_zone import MachineZone

_HEAD = """\
# tradectl: `tradectl crontab install` writes this block; it moves other lines out of it. MAILTO=ADDRESS above mails failures.
"""
_SUMMER = """\
# tradectl: {zone} has summer time and India does not, so no fixed line can keep Indian time, nor check the day at 07:45.
"""
_UNCERTAIN = """\
# tradectl: the zone of cron is not certain: {zone}. `--zone NAME` writes one line for each task.
"""
_MINUTE = """\
# tradectl: this line runs the due tasks each minute and catches up after a late start:
"""
PREFLIGHT, AT_PREFLIGHT = "doctor --preflight", time(7, 45)
"""The command that checks the day, and its Indian time: after the morning slot of `prices`, before the first slot that sends."""
_FIXED = """\
# tradectl: times are those of {zone}; the comment has the Indian time. Every line runs every day: tradectl skips holidays.
"""


def crontab(schedule: Sequence[ScheduleRow], zone: MachineZone, today: date, program: str, *, notes: Sequence[str] = ()) -> str:
    """Return the lines of a block, each ended by a newline.

    Args:
        schedule: The tasks in the order of their lines. A disabled task gets a comment.
        zone: The zone of the machine on which cron runs.
        today: The start of the two years in which changes of the zone's clocks count.
        program: The command of every line up to its task, as `command` returns it.
        notes: Comments for the head.
    """
    head = _HEAD + "".join(f"# tradectl: {note}\n" for note in notes)
    each_minute = f"{_MINUTE}* * * * * {program} run-due -q\n"
    if zone.zone is None:
        return head + _UNCERTAIN.format(zone=zone.name) + each_minute
    if clocks_change(zone.zone, today):
        return head + _SUMMER.format(zone=zone.name) + each_minute
    lines = [line(row, at, zone.zone, today, program) for row in schedule if row.enabled for at in row.times]
    lines += [
        f"# tradectl: {row.task} is disabled: `tradectl schedule enable {row.task}`\n" for row in schedule if not row.enabled
    ]
    lines.append(_timed(AT_PREFLIGHT, PREFLIGHT, f"{program} {PREFLIGHT} -q", zone.zone, today))
    return head + _FIXED.format(zone=zone.name) + "".join(lines) + each_minute


def command(words: Sequence[str]) -> str:
    """Return the arguments as a command: quoted for the shell, with `%` escaped, which ends a command in cron.

    Raises ConfigurationError for an argument that some crons reject: with a backslash, a control character or invalid text.
    """
    for word in words:
        if any(character == "\\" or not character.isprintable() for character in word):
            raise ConfigurationError(
                f"{word!r} cannot be written into a crontab: it has a backslash, a control character or invalid text. "
                "Nothing was written; rename the folder or the user, or make a link with a plain name"
            )
    return shlex.join(words).replace("%", r"\%")


def find_zone(name: str) -> MachineZone:
    """Return a zone by its name in the zone database. Raises UsageError for an unknown name."""
    try:
        return MachineZone(name, ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(f"no time zone is called {name!r}; write it as Asia/Kolkata or Europe/Berlin") from error


def clocks_change(zone: ZoneInfo, today: date) -> bool:
    """Return whether the offset of the zone changes within the two years from `today`."""
    start = datetime(today.year, today.month, today.day, 12, tzinfo=UTC)
    return len({(start + timedelta(days=day)).astimezone(zone).utcoffset() for day in range(731)}) > 1


def line(row: ScheduleRow, at: time, zone: ZoneInfo, today: date, program: str) -> str:
    """Return the two lines of one slot: a comment with the Indian time, and the command.

    A start with seconds moves to the next full minute, because cron has no seconds.
    """
    end = LAST_FILL if row.until is None else format_time(row.until)
    until = f" --until {end}" if row.every else ""
    return _timed(at, row.task, f"{program} {row.task}{until} --trigger cron -q", zone, today)


def _timed(at: time, name: str, job: str, zone: ZoneInfo, today: date) -> str:
    """Return the comment and the line that start a job at an Indian time."""
    begins = at_ist(today, at)
    if begins.second:
        begins += timedelta(seconds=60 - begins.second)
    local = begins.astimezone(zone)
    return f"# tradectl: {format_time(at)} {name}\n{local.minute} {local.hour} * * * {job}\n"
