"""Find the time zone that cron on this machine uses.

Cron uses /etc/localtime, or the TZ with which it was started. The TZ of this process may be the same (in a container) or another
(in a user's shell). The zone is certain only if TZ is empty or has the same offsets as /etc/localtime.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

ETC = Path("/etc")


class MachineZone(Struct, frozen=True):
    """A time zone and its name. If the zone is not certain, `zone` is None and `name` has the reason."""

    name: str
    zone: ZoneInfo | None


def machine_zone(tz: str, today: date, etc: Path = ETC) -> MachineZone:
    """Return the zone of this machine. `tz`: the TZ of this process; empty if it has none."""
    system = _system(etc, today)
    name = tz.removeprefix(":").rpartition("zoneinfo/")[2]
    if name in {"", f"{etc}/localtime"}:
        return system
    try:
        own = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return MachineZone(f"TZ is {tz!r}, which is not the name of a zone", None)
    if name == system.name or _offsets(own, today) == _offsets(system.zone, today):
        return MachineZone(name, own)
    return MachineZone(f"TZ is {name}, but {etc}/localtime is {system.name}", None)


def _system(etc: Path, today: date) -> MachineZone:
    """Return the zone of /etc/localtime; UTC without such a file, as in the C library."""
    file = etc / "localtime"
    if not file.exists():
        return MachineZone("UTC", ZoneInfo("UTC"))
    named = [file.resolve().as_posix().rpartition("zoneinfo/")[2]]
    if (etc / "timezone").is_file():
        named.append((etc / "timezone").read_text(encoding="utf-8", errors="replace").strip())
    try:
        with file.open("rb") as content:
            found = ZoneInfo.from_file(content, key=str(file))
    except (ValueError, OSError) as error:
        return MachineZone(f"{file} cannot be read: {error}", None)
    for name in named:
        try:
            zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
        if _offsets(zone, today) == _offsets(found, today):
            return MachineZone(name, zone)
    return MachineZone(str(file), found)


def _offsets(zone: ZoneInfo | None, today: date) -> list[timedelta | None]:
    """Return the weekly offsets of the zone in the two years from `today`, to compare zones of different names."""
    start = datetime(today.year, today.month, today.day, 12, tzinfo=UTC)
    return [] if zone is None else [(start + timedelta(days=day)).astimezone(zone).utcoffset() for day in range(0, 731, 7)]
