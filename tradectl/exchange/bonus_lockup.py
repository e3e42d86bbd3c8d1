"""Compute from when the new shares of a bonus or split may be sold on paper. A live broker reports the sellable quantity."""

from __future__ import annotations

from datetime import date, timedelta

from tradectl.exchange.sessions import SessionTable
from tradectl.model.market import ActionKind, CorporateAction

FASTER_BONUS = date(2024, 10, 1)
"""From this date bonus shares are credited two sessions after the ex-date; before it, about three weeks after."""


def sessions_locked(action: CorporateAction) -> int:
    """Return on how many sessions the new shares of an action cannot be sold yet, the ex-date included."""
    return 15 if action.kind is ActionKind.BONUS and action.ex_date < FASTER_BONUS else 2


def release_session(action: CorporateAction, sessions: SessionTable) -> date:
    """Return the first session on which the new shares can be sold. Only sessions that settle count."""
    left = sessions_locked(action)
    day = action.ex_date - timedelta(days=1)
    while True:
        session = sessions.next_session(day)
        day = session.date
        if session.settles:
            if left == 0:
                return day
            left -= 1
