"""Send a request with the stored session, and repeat it once after a new login.

While a request is on its way, a person may log in again, in this or another process. A reply that rejects the session proves
that nothing was done. Then that session is ended in the ledger: otherwise the next `tradectl login` would find it and not log
in. If a newer session is stored by then, the request is repeated once with it. A new order is repeated only after a check that
the order list does not have it.
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
    """Return the result of `request`, called with the stored session.

    Args:
        stored: Returns the valid session. Raises LoginNeeded if there is none.
        request: Sends the request with a session.
        unknown: The error that `request` raises when the broker rejects its session.
        before_again: Is called before the request is repeated. If it raises, the request is not repeated.

    Raises:
        LoginNeeded: There is no valid session, or the broker rejected it and no newer one is stored.
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
