"""Which path a change takes, and when nothing is sent."""

from __future__ import annotations

from datetime import date

import pytest

from tests.support.brokers.exchange import ist
from tradectl.brokers.kite.amo_windows import check_quiet, path_of
from tradectl.errors import Blocked
from tradectl.exchange.sessions import SessionTable
from tradectl.model.order import Variety

MONDAY, SUNDAY = date(2023, 7, 17), date(2023, 7, 16)
MUHURAT = date(2023, 11, 12)


@pytest.mark.parametrize(
    ("day", "at", "path"),
    [
        (SUNDAY, "12:00", "amo"), (MONDAY, "08:30", "amo"), (MONDAY, "08:59:59", "amo"), (MONDAY, "09:00", "regular"),
        (MONDAY, "09:05", "regular"), (MONDAY, "15:59", "regular"), (MONDAY, "16:05", "amo"), (MUHURAT, "17:00", "amo"),
    ],
)  # fmt: skip
def test_an_amo_at_the_exchange_is_changed_as_a_regular_order(sessions: SessionTable, day: date, at: str, path: str) -> None:
    assert path_of(Variety.AMO, sessions, ist(day, at)) == path
    assert path_of(Variety.REGULAR, sessions, ist(day, at)) == "regular"


@pytest.mark.parametrize("at", ["08:55", "08:58", "09:00", "09:00:29"])
def test_nothing_is_sent_while_orders_go_to_the_exchange(sessions: SessionTable, at: str) -> None:
    with pytest.raises(Blocked, match="08:55:00 to 09:00:30"):
        check_quiet(sessions, ist(MONDAY, at))
    check_quiet(sessions, ist(SUNDAY, at))


@pytest.mark.parametrize("at", ["08:54:59", "09:00:30"])
def test_before_and_after_that_commands_pass(sessions: SessionTable, at: str) -> None:
    check_quiet(sessions, ist(MONDAY, at))
