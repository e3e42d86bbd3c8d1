"""The age of data in sessions: holidays and weekends add nothing, nor do dates that the table does not know."""

from __future__ import annotations

from datetime import date

import pytest

from tradectl.exchange.data_age import sessions_since
from tradectl.exchange.sessions import SessionTable


@pytest.mark.parametrize(
    ("as_of", "today", "age"),
    [
        (date(2026, 11, 23), date(2026, 11, 23), 0),
        (date(2026, 11, 23), date(2026, 11, 24), 0),  # a holiday
        (date(2026, 11, 23), date(2026, 11, 25), 1),
        (date(2026, 11, 6), date(2026, 11, 9), 1),  # Muhurat on Sunday is no run session
        (date(2026, 11, 25), date(2026, 11, 23), 0),
        (date(1990, 1, 1), date(1990, 6, 1), 0),
        (date(2026, 12, 30), date(2030, 1, 1), 1),
    ],
)
def test_only_run_sessions_age_data(sessions: SessionTable, as_of: date, today: date, age: int) -> None:
    assert sessions_since(sessions, as_of, today) == age
