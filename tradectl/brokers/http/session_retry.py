"""Send a request with one session, and repeat it once after a new login.

While a request is on its way a person may log in again, in this process or another. Where a broker replies that it does not
know the session of a request (proof that nothing was done), that session alone is ended: else the next `tradectl login` would
find it stored, and not log in. If a newer session is stored by then, the request is repeated with it, once. A new order is
repeated only after a look into the order book, because the proof ends where the book shows the order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tradectl.brokers.adapter import LoginSession, Vault
from tradectl.errors import LoginNeeded

T = TypeVar("T")


def in_session(
    vault: Vault,
    stored: Callable[[], LoginSession],
    request: Callable[[LoginSession], T],
    *,
    unknown: type[LoginNeeded] = LoginNeeded,
    before_again: Callable[[], None] | None = None,
) -> T:
    """Return the result of `request`.

    Args:
        stored: Returns the session that holds now. Raises LoginNeeded where none does.
        request: Called with a session.
        unknown: The error by which `request` reports that the broker does not know its session.
        before_again: Called before the request is repeated. If it raises, the request is not repeated.
    """
    session = stored()
    try:
        return request(session)
    except unknown:
        vault.end_session(session)
        newer = vault.session()
        if newer is None or newer.is_same(session):
            raise
    newer = stored()
    if before_again is not None:
        before_again()
    try:
        return request(newer)
    except unknown:
        vault.end_session(newer)
        raise
