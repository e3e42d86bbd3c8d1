"""Refuse to settle an account through closed sessions that the exchange neither observed nor can read from stored data.

A machine that was off missed their quotes. Their bars decide how waiting orders ended, and their corporate actions decide how
many shares are held. An account that was settled without them would keep wrong ends and wrong shares for ever. Orders also
trade in sessions in which no task runs, such as Muhurat trading, so these count as well.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from tradectl.errors import DataError
from tradectl.model.moment import ist_date
from tradectl.model.order import OrderStatus

if TYPE_CHECKING:
    from tradectl.brokers.paper.account import ExchangeAccount, ExchangeOrder
    from tradectl.exchange.sessions import Session, SessionTable

LAST_LOOK = timedelta(minutes=15)
"""How long before the close an order's share must have been read without a trade, so that the order ends without its bar."""
_DAY = timedelta(days=1)


class DataLacking(Protocol):
    """Return which data of the missed sessions (oldest first) are not stored, as text; empty if none lacks.

    `today`: the date in India. `waiting`: the instruments whose bars decide how orders ended."""

    def __call__(self, missed: Sequence[date], *, today: date, waiting: Collection[str]) -> str: ...


EndsUnseen = Callable[["ExchangeOrder", "Session", datetime], bool]
"""Return whether a live order has ended in a session by a moment, and no snapshot or bar shows how."""


def refuse_unknown_sessions(
    book: ExchangeAccount, sessions: SessionTable, now: datetime, lacking: DataLacking, ends_unseen: EndsUnseen
) -> None:
    """Raise DataError if the account has orders or shares, and data of a session that closed without it are not stored."""
    if not (book.live or book.held()):
        return
    own = sessions.session(book.day) if sessions.first <= book.day <= sessions.last else None
    unseen = [item for item in book.live.values() if ends_unseen(item, own, now)] if own is not None else []
    missed = _missed(book.day, sessions, now)
    days = [*([book.day] if unseen else []), *(session.date for session in missed)]
    if not days:
        return
    # an order that is not PENDING ended in the session of `book.day`
    waiting = [*unseen, *(order for order in book.live.values() if order.status is OrderStatus.PENDING)]
    what = lacking(days, today=ist_date(now), waiting={order.instrument_id for order in waiting})
    if not what:
        return
    names = ", ".join(sorted({order.symbol for order in unseen}))
    causes = [f"no price of {names} was read in the session of {book.day}"] if unseen else []
    if missed:
        first, last = missed[0].date, missed[-1].date
        causes.append(f"nothing ran in the {f'session of {last}' if first == last else f'sessions from {first} to {last}'}")
    raise DataError(
        f"{' and '.join(causes)}, and {what}: how waiting orders ended there, and how many shares are held, is not known. "
        "The paper exchange continues once the data are stored: `tradectl prices --force`"
    )


def _missed(day: date, sessions: SessionTable, now: datetime) -> list[Session]:
    """Return the sessions after `day` that have closed, oldest first, also those in which no task runs."""
    first, last = max(day + _DAY, sessions.first), min(ist_date(now), sessions.last)
    found = sessions.between(first, last) if first <= last else []
    return [session for session in found if session.hours_known and session.last_fill_at() < now]
