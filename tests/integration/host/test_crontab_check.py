"""A check finds each way in which an installed block differs from the timetable."""

from __future__ import annotations

from datetime import date, time

import pytest
from msgspec.structs import replace

from tradectl.host.crontab_block import find_block
from tradectl.host.crontab_install import PlannedBlock
from tradectl.ledger.schedules import declared
from tradectl.runtime.registry import all_tasks

NAME = "--home /home/anna/.tradectl --user anna"
ROWS = tuple(declared("anna", task) for task in all_tasks())
PLAN = PlannedBlock(NAME, f"/opt/bin/tradectl {NAME}", ROWS, date(2026, 11, 30), "Asia/Kolkata")
INSTALLED = find_block(b"", NAME).with_block(PLAN.text())


def test_a_new_block_is_current_also_without_the_zone():
    """The zone of `--zone` stands in the block, so a later check needs no option."""
    found = replace(PLAN, zone="").check(INSTALLED)
    assert (found.installed, found.drifted, found.cause) == (True, False, "")


def test_without_a_block_nothing_is_installed():
    found = PLAN.check(b"0 3 * * * backup\n")
    assert (found.installed, found.drifted) == (False, False)


def test_a_changed_timetable_is_a_missing_and_an_extra_line():
    rows = tuple(replace(row, times=(time(17),)) if row.task == "buy" else row for row in ROWS)
    found = replace(PLAN, schedule=rows).check(INSTALLED)
    assert [line[:7] for line in (*found.missing, *found.extra)] == ["0 17 * ", "5 16 * "]
    assert found.cause == "1 lines are missing, 1 lines are out of date"


def test_a_moved_program_is_drift():
    found = replace(PLAN, program=f"/usr/bin/tradectl {NAME}").check(INSTALLED)
    assert len(found.missing) == len(found.extra) == len(find_block(INSTALLED, NAME).jobs)


@pytest.mark.parametrize("line", [b"TRADECTL_DB=/other.db\n", b"TRADECTL_AT='2023-07-21 09:15'\n"])
def test_a_setting_above_the_block_leads_its_lines_elsewhere(line: bytes):
    assert PLAN.check(line + INSTALLED).drifted
    assert not PLAN.check(INSTALLED + line).drifted
    assert not PLAN.check(b"MAILTO=anna@example.com\n" + INSTALLED).drifted


def test_a_line_that_names_its_database_ignores_the_setting():
    plan = replace(PLAN, program=f"{PLAN.program} --db /own.db")
    installed = b"TRADECTL_DB=/other.db\n" + find_block(b"", NAME).with_block(plan.text())
    assert not plan.check(installed).drifted


def test_lines_outside_of_the_block_are_named():
    twice = INSTALLED + f"* * * * * {PLAN.program} run-due -q\n".encode()
    found = PLAN.check(twice)
    assert (found.drifted, len(found.outside)) == (False, 1)


def test_a_later_cron_tz_above_the_block_is_drift():
    found = PLAN.check(b"CRON_TZ=Europe/Berlin\n" + INSTALLED)
    assert (found.drifted, found.missing) == (True, ())
    assert len(found.extra) == len(find_block(INSTALLED, NAME).jobs) - 1
