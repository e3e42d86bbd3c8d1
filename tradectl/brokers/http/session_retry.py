"""A request goes out with one session from its address to its headers, and the broker's word is about that session.

Between a request and its answer a person may log in again, in this process or another. So where a broker does not know the
session of a request (proof that nothing was done), that one is over for everybody, and no other: else the next `tradectl login`
would find it stored, and not log in. Where a newer one is stored by then, the request is made with it, once; a new order only
after a look into the order book, for the proof ends where the book shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tradectl.brokers.adapter import Session, Vault
from tradectl.errors import LoginNeeded

T = TypeVar("T")


def in_session(
    vault: Vault,
    stored: Callable[[], Session],
    request: Callable[[Session], T],
    *,
    unknown: type[LoginNeeded] = LoginNeeded,
    before_again: Callable[[], None] | None = None,
) -> T:
    """What `request` gives. `stored` reads the session that holds now, and raises LoginNeeded where none does; `unknown` is the
    error by which `request` says that the broker does not know the session that it was made with. `before_again` is called before
    the request is made a second time, and keeps it back by what it raises."""
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
