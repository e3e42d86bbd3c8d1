"""Check whether an order may be sent to a broker now, and report a command that was provably not sent.

An order may be sent if the account is armed and the halt marker allows its side. The guard checks this before it calls the
adapter, and a transport checks it again on the open connection, before the first byte. Between the two a request may wait
long: for a rate limit, for a lock of the ledger, after a reply 429, or for a connection.

Before it sends a command, an adapter reads its session from the ledger and counts the request there. The ledger may be locked.
After the reply the adapter does not use the ledger, so an error of the ledger means that nothing was sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tradectl.errors import Blocked, BrokerUnavailable, DatabaseError
from tradectl.ledger.arming import Arming
from tradectl.model.order import Side
from tradectl.model.trading_state import Forbidden
from tradectl.ports import HaltMarker


class SendPermission:
    """Check whether one account at one broker may send an order."""

    def __init__(self, broker: str, arming: Arming, marker: HaltMarker) -> None:
        self._broker, self._arming, self._marker = broker, arming, marker

    def __call__(self, side: Side) -> None:
        """Return normally if an order of this side may be sent.

        Raises:
            Forbidden: The halt marker does not allow the side, or cannot be read.
            Blocked: The account is not armed, or the ledger cannot be read.
        """
        try:
            armed = self._arming.since() is not None
        except DatabaseError as error:
            raise Blocked(f"the ledger cannot be read, so live orders count as not armed: {error}") from error
        if not armed:
            raise Blocked(f"live orders are not armed: `tradectl broker arm` allows them at {self._broker}")
        try:
            state = self._marker.read()
        except Blocked as unreadable:
            raise Forbidden(str(unreadable)) from unreadable
        state.assert_allows(side)


@contextmanager
def not_sent(broker: str) -> Iterator[None]:
    """Turn a DatabaseError into BrokerUnavailable: the command was not sent, so the same intent may be sent again."""
    try:
        yield
    except DatabaseError as error:
        raise BrokerUnavailable(f"{error}; nothing was sent to {broker}") from error
