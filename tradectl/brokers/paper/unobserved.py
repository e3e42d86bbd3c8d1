"""Refuse to settle an account through closed sessions that the exchange neither observed nor can read from stored data.

A machine that was off missed their quotes. Their bars decide how waiting orders ended, and their corporate actions decide how
many shares are held. An account that was settled without them would keep wrong ends and wrong shares for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol

from tradectl.errors import DataError
from tradectl.model.moment import ist_date
from tradectl.model.order import OrderStatus

if TYPE_CHECKING:
    from tradectl.brokers.paper.account import ExchangeAccount
    from tradectl.exchange.sessions import Session, SessionTable


class DataLacking(Protocol):
    """Return which data of the missed sessions (oldest first) are not stored, as text; empty if none lacks.

    `bars`: whether bars are needed."""

    def __call__(self, missed: Sequence[date], *, bars: bool) -> str: ...


def refuse_unknown_sessions(
    book: ExchangeAccount, sessions: SessionTable, now: datetime, lacking: DataLacking, traded: Callable[[str, Session], bool]
) -> None:
    """Raise DataError if the account has orders or shares, and data of a session that closed without it are not stored.

    `traded`: whether a snapshot or a bar shows a trade of an instrument in a session."""
    if not (book.live or book.held()):
        return
    missed = _missed(book, sessions, now, traded)
    if not missed:
        return
    unseen = bool(book.live) and missed[0].date == book.day
    waiting = unseen or any(order.status is OrderStatus.PENDING for order in book.live.values())  # others ended in their session
    what = lacking([session.date for session in missed], bars=waiting)
    if what:
        first, last = missed[0].date, missed[-1].date
        span = f"session of {last}" if first == last else f"sessions from {first} to {last}"
        raise DataError(
            f"nothing ran in the {span}, and {what}: how waiting orders ended there, and how many shares are held, is not known. "
            "The paper exchange continues once the data are stored: `tradectl prices --force`"
        )


def _missed(
    book: ExchangeAccount, sessions: SessionTable, now: datetime, traded: Callable[[str, Session], bool]
) -> list[Session]:
    """Return the run sessions that closed without the account, oldest first.

    The account's day is one of them if nothing was settled in its trading, and no live order has a snapshot or a bar of it."""
    first, today = max(book.day, sessions.first), min(ist_date(now), sessions.last)
    closed = [item for item in sessions.run_between(first, today) if item.last_fill_at() < now] if first <= today else []
    if closed and closed[0].date == book.day:
        own = closed[0]
        unseen = book.settled_at < own.open_at() and not any(traded(order.instrument_id, own) for order in book.live.values())
        return closed if book.live and unseen else closed[1:]
    return closed
