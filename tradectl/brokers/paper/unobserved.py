"""Refuse to settle an account through closed sessions that the exchange neither observed nor can read from stored data.

A machine that was off missed their quotes. Their bars decide how waiting orders ended, and their corporate actions decide how
many shares are held. An account that was settled without them would keep wrong ends and wrong shares for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from tradectl.errors import DataError
from tradectl.model.moment import ist_date
from tradectl.model.order import OrderStatus

if TYPE_CHECKING:
    from tradectl.brokers.paper.account import ExchangeAccount
    from tradectl.exchange.sessions import Session, SessionTable

_DAY = timedelta(days=1)


class DataLacking(Protocol):
    """Return which data of the missed sessions (oldest first) are not stored, as text; empty if none lacks.

    `bars`: whether bars are needed."""

    def __call__(self, missed: Sequence[date], *, bars: bool) -> str: ...


def refuse_unknown_sessions(book: ExchangeAccount, sessions: SessionTable, now: datetime, lacking: DataLacking) -> None:
    """Raise DataError if the account has orders or shares, and data of a session that closed without it are not stored."""
    if not (book.live or book.held()):
        return
    missed = _missed(book.day, sessions, now)
    if not missed:
        return
    waiting = any(order.status is OrderStatus.PENDING for order in book.live.values())  # others ended in their own session
    what = lacking([session.date for session in missed], bars=waiting)
    if what:
        first, last = missed[0].date, missed[-1].date
        span = f"session of {last}" if first == last else f"sessions from {first} to {last}"
        raise DataError(
            f"nothing ran in the {span}, and {what}: how waiting orders ended there, and how many shares are held, is not known. "
            "The paper exchange continues once the data are stored: `tradectl prices --force`"
        )


def _missed(day: date, sessions: SessionTable, now: datetime) -> list[Session]:
    """Return the run sessions after `day` that have closed, oldest first."""
    first, today = max(day + _DAY, sessions.first), min(ist_date(now), sessions.last)
    if first > today:
        return []
    return [session for session in sessions.run_between(first, today) if session.last_fill_at() < now]
