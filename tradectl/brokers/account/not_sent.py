"""A ledger that fails between the mark of a sending and the send itself: the command was provably not sent.

Before a command leaves, an adapter reads its session and counts the request in the ledger, which may be locked. After the reply
it needs the ledger no more: it returns the order id, or raises Ambiguous.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tradectl.errors import BrokerUnavailable, DatabaseError


@contextmanager
def not_sent(broker: str) -> Iterator[None]:
    """Turn a DatabaseError into BrokerUnavailable, after which the same intent may be sent again."""
    try:
        yield
    except DatabaseError as error:
        raise BrokerUnavailable(f"{error}; nothing was sent to {broker}") from error
