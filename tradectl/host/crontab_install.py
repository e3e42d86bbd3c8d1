"""Install, remove and check the block of a home and a user in the crontab of the user that runs this process."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from msgspec import Struct

from tradectl.errors import ConfigurationError
from tradectl.host.crontab_block import FoundBlock, find_block, framed, own_jobs
from tradectl.host.crontab_program import available, change_crontab, read_crontab
from tradectl.host.program import database_options, home_options, program_path
from tradectl.report.crontab import command, crontab, find_zone
from tradectl.report.machine_zone import MachineZone, machine_zone
from tradectl.settings import environment_zone

if TYPE_CHECKING:
    from tradectl.ledger.schedules import ScheduleRow
    from tradectl.settings import Settings

AFFECTING = frozenset({"TRADECTL_DB", "TRADECTL_AT", "PYTHONPATH", "PYTHONHOME"})
"""Settings of a crontab that lead its lines elsewhere, where a line does not name the value itself."""


class BlockCheck(Struct, frozen=True):
    """How an installed block differs from the lines that tradectl would write now.

    Attributes:
        installed: There is a block of this home and user.
        missing, extra: Lines that the block should have, and those that it should not.
        damaged: A mark is missing or repeated, or the block has lines that tradectl did not write.
        outside: Lines outside of the block that start the same tasks again; each slot still runs once.
        affecting: Settings above the block that lead its lines elsewhere.
    """

    installed: bool
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    damaged: bool = False
    outside: tuple[str, ...] = ()
    affecting: tuple[str, ...] = ()

    @property
    def drifted(self) -> bool:
        """Return whether cron starts other tasks, or at other times, than the timetable has."""
        return self.installed and bool(self.missing or self.extra or self.damaged or self.affecting)

    @property
    def cause(self) -> str:
        """Return what differs, as a part of a sentence; empty where nothing does."""
        parts = (
            f"{len(self.missing)} lines are missing" if self.missing else "",
            f"{len(self.extra)} lines are out of date" if self.extra else "",
            "it was edited by hand" if self.damaged else "",
            f"lines above it set {', '.join(self.affecting)}" if self.affecting else "",
        )
        return ", ".join(part for part in parts if part)


class PlannedBlock(Struct, frozen=True):
    """The block of a home and a user, as it should be.

    Attributes:
        name: The options of home and user, quoted for a crontab: the name in the marks.
        schedule: The user's timetable, in the order of the day.
        zone: The value of `--zone`, empty for the zone of the block that is installed, else of the machine.
    """

    name: str
    program: str
    schedule: tuple[ScheduleRow, ...]
    today: date
    zone: str = ""
    notes: tuple[str, ...] = ()

    def text(self, found: FoundBlock | None = None, *, keep_zone: bool = False) -> str:
        """Return the block with its marks. `found`: the crontab where it goes; `keep_zone`: use the zone named there."""
        said = self.zone or (found.zone if found is not None and keep_zone else "")
        zone = self.machine(said)
        if found is not None and "CRON_TZ" in found.settings():
            zone = MachineZone("a line above the block sets CRON_TZ, which not every cron follows", None)
        notes = (*self.notes, *([f"the zone is that of --zone {said}"] if said else []))
        return framed(self.name, crontab(self.schedule, zone, self.today, self.program, notes=notes))

    def machine(self, said: str) -> MachineZone:
        """Return the zone of that name, that of the machine without one. Raises UsageError."""
        return find_zone(said) if said else machine_zone(environment_zone(), self.today)

    def install(self) -> tuple[bool, FoundBlock]:
        """Write the block; return whether the crontab changed, and what it had. Raises ConfigurationError."""
        seen: list[FoundBlock] = []

        def change(old: bytes) -> bytes:
            seen.append(find_block(old, self.name))
            return seen[-1].with_block(self.text(seen[-1]))

        return change_crontab(change), seen[-1]

    def check(self, content: bytes) -> BlockCheck:
        """Compare a crontab with the block as it should be."""
        found = find_block(content, self.name)
        others = own_jobs(found.before, self.name) + own_jobs(found.after, self.name)
        if not found.present:
            return BlockCheck(False, outside=others)
        due = _jobs(self.text(found, keep_zone=True))
        database = " --db " in self.program
        affecting = tuple(name for name in found.settings() if name in AFFECTING and not (database and name == "TRADECTL_DB"))
        return BlockCheck(
            True,
            tuple(line for line in due if line not in found.jobs),
            tuple(line for line in found.jobs if line not in due),
            found.damaged,
            others,
            affecting,
        )

    def follow(self, before: Sequence[ScheduleRow]) -> str:
        """Rewrite an installed block after a change of the timetable; return a line about it, empty where there is none.

        A block that differed from the timetable `before` may have been edited on purpose: it stays, and the line reports it.
        """
        if not available() or not find_block(read_crontab(), self.name).present:
            return ""
        was = PlannedBlock(self.name, self.program, tuple(before), self.today, self.zone, self.notes)
        if was.check(read_crontab()).drifted:
            return (
                "the block in your crontab was out of date before this change, and cron still starts its old lines: "
                "`tradectl crontab check` shows the differences, `tradectl crontab install` writes the block"
            )

        def change(old: bytes) -> bytes:
            found = find_block(old, self.name)
            return found.with_block(self.text(found, keep_zone=True)) if found.present else old

        return "the block in your crontab follows" if change_crontab(change) else ""


def planned(
    settings: Settings,
    user: str | None,
    schedule: Sequence[ScheduleRow],
    today: date,
    *,
    zone: str = "",
    notes: Sequence[str] = (),
) -> PlannedBlock:
    """Return the block of a home and a user. Raises ConfigurationError for a home that no crontab can name."""
    options = home_options(settings, user)
    database, unwritten = database_options(settings)
    program = command([*program_path(), *options, *database])
    return PlannedBlock(command(options), program, tuple(schedule), today, zone, (*unwritten, *notes))


def remove_block(settings: Settings, user: str | None) -> bool:
    """Remove the block of a home and a user; return whether there was one. Raises ConfigurationError."""
    name = command(home_options(settings, user))
    return change_crontab(lambda old: find_block(old, name).without_block())


def require_home(settings: Settings) -> None:
    """Raise ConfigurationError without a home: its lines would exit with 4 each minute."""
    if settings.missing_home:
        init = shlex.join(["tradectl", "init", "--home", str(settings.home)])
        raise ConfigurationError(
            f"{settings.missing_home}, and cron lines create none. Nothing was installed: run `{init}` first"
        )


def _jobs(block: str) -> list[str]:
    return [line for line in block.splitlines() if line and not line.startswith("#")]
