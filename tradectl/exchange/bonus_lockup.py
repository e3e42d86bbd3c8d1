"""When the new shares of a bonus or split may be sold, on paper. Live, the broker's sellable figure says it."""

from __future__ import annotations

from datetime import date, timedelta

from tradectl.exchange.sessions import SessionTable
from tradectl.model.market import ActionKind, CorporateAction

FASTER_BONUS = date(2024, 10, 1)
"""Since then bonus shares are credited two sessions after the ex-date; before, about three weeks."""


def sessions_locked(action: CorporateAction) -> int:
    """Sessions, the ex-date counted, on which the new shares of an action cannot be sold yet."""
    return 15 if action.kind is ActionKind.BONUS and action.ex_date < FASTER_BONUS else 2


def release_session(action: CorporateAction, sessions: SessionTable) -> date:
    """The first session on which they can; only sessions that settle count."""
    left = sessions_locked(action)
    day = action.ex_date - timedelta(days=1)
    while True:
        session = sessions.next_session(day)
        day = session.date
        if session.settles:
            if left == 0:
                return day
            left -= 1
