"""Record whether a user's live orders may go to a broker.

Arming is stored in the ledger for one user and one broker, and read for each command, so disarming stops every process at once.
A person confirms arming by typing the broker's name. A script passes a token, which is valid for one ledger, user and broker.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tradectl.ledger.store import Ledger

BROKER = "broker"
"""Key of the credential that names a user's broker. It is not secret."""
LOGGED_IN_UNTIL = "logged_in_until"
"""Suffix of the key `<broker>.logged_in_until`: the moment at which the stored login ends.

It is not secret, so that commands that only read need not decrypt the login."""


ARMED = "armed."
"""Prefix of the fact `armed.<user>`."""


class Arming:
    """The permission of one user to send live orders to one broker."""

    def __init__(self, ledger: Ledger, broker: str) -> None:
        self._info, self._key, self._broker = ledger.info, f"{ARMED}{ledger.user}", broker

    def since(self) -> datetime | None:
        """Return when the user was armed for this broker; None if the user is not armed."""
        broker, _, moment = (self._info.get(self._key) or "").partition(" ")
        return datetime.fromisoformat(moment) if broker == self._broker and moment else None

    def arm(self, now: datetime) -> None:
        """Allow live orders to this broker, from `now` on."""
        self._info.set(self._key, f"{self._broker} {now.isoformat()}")

    def disarm(self) -> None:
        """Forbid live orders in every process, from its next command on."""
        self._info.set(self._key, "")

    def token(self) -> str:
        """Return the eight hex digits that a script passes to arm.

        The token is not secret. It keeps a script that was written for another account from arming this one.
        """
        words = (self._info.get("created_at") or "", self._key, self._broker)
        return hashlib.sha256("\x1f".join(words).encode()).hexdigest()[:8]
