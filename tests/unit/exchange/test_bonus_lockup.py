from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest

from tests.support.world import SESSIONS, action
from tradectl.exchange.bonus_lockup import release_session
from tradectl.model.market import ActionKind


@pytest.mark.parametrize(
    ("kind", "ex_date", "release"),
    [
        (ActionKind.BONUS, date(2024, 10, 28), date(2024, 10, 30)),
        (ActionKind.SPLIT, date(2024, 1, 5), date(2024, 1, 9)),
        (ActionKind.BONUS, date(2024, 6, 3), date(2024, 6, 25)),
        (ActionKind.BONUS, date(2024, 10, 31), date(2024, 11, 5)),
    ],
)
def test_new_shares_can_be_sold_after_their_sessions(kind: ActionKind, ex_date: date, release: date) -> None:
    """The last case includes a Muhurat session, which does not settle."""
    assert release_session(action(kind, ex_date, ratio=Fraction(2)), SESSIONS) == release
