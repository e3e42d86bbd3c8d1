"""The crontab follows the tasks' declarations and tells Indian time in the machine's zone."""

from __future__ import annotations

from datetime import date, time
from zoneinfo import ZoneInfo

import pytest

from tradectl.errors import UsageError
from tradectl.report.crontab import EACH_MINUTE, clocks_change, crontab
from tradectl.task import Context, Outcome, Schedule, Task

TODAY = date(2026, 11, 23)


def run(context: Context) -> Outcome:
    return Outcome()


TASKS = (
    Task("premarket-retry", "Retry.", Schedule((time(8), time(8, 40)), until=time(8, 55)), run),
    Task("sell-monitor", "Sell.", Schedule((time(9, 15),), until=time(15, 36), every=60), run),
)


def lines(zone: str) -> list[str]:
    return [text for text in crontab(TASKS, zone, TODAY).splitlines() if text[:1].isdigit() or text[:1] == "*"]


def test_each_slot_has_its_line():
    assert lines("Asia/Kolkata") == [
        "0 8 * * * tradectl premarket-retry --trigger cron -q",
        "40 8 * * * tradectl premarket-retry --trigger cron -q",
        "15 9 * * * tradectl sell-monitor --until 15:36 --trigger cron -q",
    ]


def test_another_zone_has_the_same_moments():
    assert lines("UTC") == [
        "30 2 * * * tradectl premarket-retry --trigger cron -q",
        "10 3 * * * tradectl premarket-retry --trigger cron -q",
        "45 3 * * * tradectl sell-monitor --until 15:36 --trigger cron -q",
    ]


def test_a_slot_may_lie_on_the_evening_before():
    assert lines("America/Phoenix")[0].startswith("30 19 * * * tradectl premarket-retry")


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Africa/Casablanca"])
def test_a_zone_with_summer_time_asks_each_minute(zone: str):
    assert lines(zone) == [EACH_MINUTE]
    assert "summer time" in crontab(TASKS, zone, TODAY)


@pytest.mark.parametrize(("zone", "changes"), [("Asia/Kolkata", False), ("Asia/Tokyo", False), ("Europe/London", True)])
def test_summer_time_is_known_from_the_zone(zone: str, changes: bool):
    assert clocks_change(ZoneInfo(zone), TODAY) is changes


@pytest.mark.parametrize("zone", ["Asia/Bombay-ish", "", "../etc/passwd", "Asia"])
def test_an_unknown_zone_is_the_operators_mistake(zone: str):
    with pytest.raises(UsageError):
        crontab(TASKS, zone, TODAY)
