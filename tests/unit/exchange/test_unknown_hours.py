"""A Muhurat session before its hours are announced: no order is released into it, and no command waits for it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.support.brokers.exchange import ist
from tradectl.brokers.dhan.amo_windows import DhanHours
from tradectl.exchange.amo_windows import next_with_hours, quiet_time
from tradectl.exchange.overrides import Override, OverrideKind, write_override
from tradectl.exchange.sessions import SessionTable
from tradectl.model.moment import to_ist

FRIDAY, MONDAY, TUESDAY = date(2026, 11, 27), date(2026, 11, 30), date(2026, 12, 1)


@pytest.fixture
def sessions(tmp_path: Path) -> SessionTable:
    """Muhurat on Monday, without hours yet."""
    write_override(tmp_path / "sessions.csv", Override(MONDAY, OverrideKind.MUHURAT))
    return SessionTable.load(tmp_path / "sessions.csv")


def test_the_session_without_hours_is_passed(sessions: SessionTable) -> None:
    assert (sessions.next_session(FRIDAY).date, next_with_hours(sessions, FRIDAY).date) == (MONDAY, TUESDAY)


def test_no_quiet_time_precedes_a_session_without_hours(sessions: SessionTable) -> None:
    assert quiet_time(sessions, ist(MONDAY, "20:58")) is None
    found = quiet_time(sessions, ist(TUESDAY, "08:58"))
    assert found is not None
    assert [f"{to_ist(at):%H:%M:%S}" for at in found] == ["08:55:00", "09:00:30"]


@pytest.mark.parametrize(("now", "waits"), [((MONDAY, "22:00"), True), ((TUESDAY, "08:00"), True), ((TUESDAY, "09:10"), False)])
@pytest.mark.parametrize("placed", [(FRIDAY, "17:00"), (MONDAY, "10:00"), (MONDAY, "21:30")])
def test_dhans_order_waits_for_the_session_after_it(
    sessions: SessionTable, placed: tuple[date, str], now: tuple[date, str], waits: bool
) -> None:
    assert DhanHours(sessions).waits(ist(*placed), ist(*now)) is waits
