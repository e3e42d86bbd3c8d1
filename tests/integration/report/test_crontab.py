"""The crontab follows the tasks' declarations, tells Indian time in the machine's zone, and carries any path."""

from __future__ import annotations

import shlex
from datetime import date, time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tradectl.context import Context
from tradectl.errors import ConfigurationError, UsageError
from tradectl.ledger.opening import without_password
from tradectl.ledger.schedules import ScheduleRow, declared
from tradectl.report.crontab import clocks_change, command, crontab, find_zone
from tradectl.report.machine_zone import MachineZone, machine_zone
from tradectl.task import Outcome, Schedule, Task

TODAY = date(2026, 11, 23)
PROGRAM = "/opt/bin/tradectl --home /home/anna/live --user anna"
ZONES = Path("/usr/share/zoneinfo")


def run(context: Context) -> Outcome:
    return Outcome()


TASKS = (
    Task("premarket-retry", "Retry.", Schedule((time(8), time(8, 40)), until=time(8, 55)), run),
    Task("sell-monitor", "Sell.", Schedule((time(9, 15),), until=time(15, 36), every=60), run),
)


def written(zone: MachineZone) -> str:
    return crontab([declared("anna", task) for task in TASKS], zone, TODAY, PROGRAM, notes=["a note"])


def lines(zone: str) -> list[str]:
    return [text for text in written(find_zone(zone)).splitlines() if not text.startswith("#")]


def test_each_slot_has_its_line():
    assert lines("Asia/Kolkata") == [
        f"0 8 * * * {PROGRAM} premarket-retry --trigger cron -q",
        f"40 8 * * * {PROGRAM} premarket-retry --trigger cron -q",
        f"15 9 * * * {PROGRAM} sell-monitor --until 15:36 --trigger cron -q",
        f"45 7 * * * {PROGRAM} doctor --preflight -q",
        f"* * * * * {PROGRAM} run-due -q",
    ]
    assert "# tradectl: a note" in written(find_zone("Asia/Kolkata")).splitlines()


def test_another_zone_has_the_same_moments():
    assert lines("UTC") == [
        f"30 2 * * * {PROGRAM} premarket-retry --trigger cron -q",
        f"10 3 * * * {PROGRAM} premarket-retry --trigger cron -q",
        f"45 3 * * * {PROGRAM} sell-monitor --until 15:36 --trigger cron -q",
        f"15 2 * * * {PROGRAM} doctor --preflight -q",
        f"* * * * * {PROGRAM} run-due -q",
    ]


def test_a_start_within_a_minute_waits_for_the_next_one():
    row = ScheduleRow("anna", "amo-adjust", (time(9, 7, 30),), time(9, 14), None, enabled=True)
    text = crontab([row], find_zone("Asia/Kolkata"), TODAY, PROGRAM)
    assert f"# tradectl: 09:07:30 amo-adjust\n8 9 * * * {PROGRAM} amo-adjust --trigger cron -q\n" in text


def test_a_slot_may_lie_on_the_evening_before():
    assert lines("America/Phoenix")[0].startswith(f"30 19 * * * {PROGRAM} premarket-retry")


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Africa/Casablanca"])
def test_a_zone_with_summer_time_asks_each_minute(zone: str):
    assert lines(zone) == [f"* * * * * {PROGRAM} run-due -q"]
    assert "summer time" in written(find_zone(zone))


@pytest.mark.parametrize(("zone", "changes"), [("Asia/Kolkata", False), ("Asia/Tokyo", False), ("Europe/London", True)])
def test_summer_time_is_known_from_the_zone(zone: str, changes: bool):
    assert clocks_change(ZoneInfo(zone), TODAY) is changes


@pytest.mark.parametrize("zone", ["Asia/Bombay-ish", "", "../etc/passwd", "Asia"])
def test_an_unknown_zone_is_the_operators_mistake(zone: str):
    with pytest.raises(UsageError):
        find_zone(zone)


@pytest.mark.parametrize("word", ["/x/live", "/x/my home/it's 100%", '/x/"a" $b `c`', "/x/100%%", "/x/ünï", "/x/#1 * * &"])
def test_a_word_survives_cron_and_the_shell(word: str):
    text = command(["tradectl", "--home", word])
    assert "%" not in text.replace(r"\%", "")
    assert shlex.split(text.replace(r"\%", "%")) == ["tradectl", "--home", word]


@pytest.mark.parametrize("word", ["/x/a\nb", "/x/a\\b", "/x/\x1b[2J", "/x/\udcff", "/x/\\%"])
def test_a_word_that_no_cron_carries_is_refused(word: str):
    with pytest.raises(ConfigurationError, match="cannot be written into a crontab"):
        command(["tradectl", "--home", word])


def etc(folder: Path, zone: str) -> Path:
    if not (ZONES / zone).is_file():
        pytest.skip(f"this machine has no {ZONES / zone}")
    (folder / "localtime").symlink_to(ZONES / zone)
    return folder


def test_the_zone_is_that_of_the_machine(tmp_path: Path):
    assert machine_zone("", TODAY, etc(tmp_path, "Asia/Tokyo")) == MachineZone("Asia/Tokyo", ZoneInfo("Asia/Tokyo"))


def test_without_a_zone_file_the_machine_is_on_utc(tmp_path: Path):
    assert machine_zone("", TODAY, tmp_path).zone is ZoneInfo("UTC")


def test_a_copied_zone_file_is_named_by_the_timezone_file(tmp_path: Path):
    linked = etc(tmp_path, "Asia/Kolkata") / "localtime"
    content = linked.read_bytes()
    linked.unlink()
    linked.write_bytes(content)
    unnamed = machine_zone("", TODAY, tmp_path)
    assert f"30 2 * * * {PROGRAM}" not in written(unnamed)
    assert f"0 8 * * * {PROGRAM} premarket-retry" in written(unnamed)
    (tmp_path / "timezone").write_text("Asia/Kolkata\n", encoding="utf-8")
    assert machine_zone("", TODAY, tmp_path).name == "Asia/Kolkata"
    (tmp_path / "timezone").write_text("Europe/Berlin\n", encoding="utf-8")
    assert f"0 8 * * * {PROGRAM} premarket-retry" in written(machine_zone("", TODAY, tmp_path))


@pytest.mark.parametrize("tz", ["Asia/Kolkata", ":Asia/Kolkata", "/usr/share/zoneinfo/Asia/Kolkata", "Asia/Calcutta"])
def test_a_tz_that_says_the_same_as_the_machine_is_its_zone(tmp_path: Path, tz: str):
    assert f"0 8 * * * {PROGRAM} premarket-retry" in written(machine_zone(tz, TODAY, etc(tmp_path, "Asia/Kolkata")))


@pytest.mark.parametrize("tz", ["UTC", "IST-5:30", "nonsense"])
def test_with_an_uncertain_zone_a_line_a_minute_is_right(tmp_path: Path, tz: str):
    text = written(machine_zone(tz, TODAY, etc(tmp_path, "Asia/Kolkata")))
    assert text.splitlines()[-1] == f"* * * * * {PROGRAM} run-due -q"
    assert "is not certain" in text


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("postgresql+psycopg://u:s3cret@h/d", "postgresql+psycopg://u@h/d"),
        ("postgresql+psycopg://u@h/d?password=s3cret&sslpassword=s3cret", "postgresql+psycopg://u@h/d"),
        ("postgresql+psycopg://u:s3cret@h:5433/d?sslmode=require", "postgresql+psycopg://u@h:5433/d?sslmode=require"),
        ("postgresql+psycopg:///d", "postgresql+psycopg:///d"),
    ],
)
def test_a_database_is_named_without_its_password(url: str, public: str):
    assert without_password(url) == public
