"""Whether a user's live orders may go to a broker.

Arming is stored in the ledger for one user and one broker, and read for each command, so disarming stops every process at once.
A person confirms it by typing the broker's name. A script passes a token instead, which fits this ledger, user and broker only.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tradectl.ledger.store import Ledger

BROKER = "broker"
"""The credential that names a user's broker; it is not secret."""
LOGGED_IN_UNTIL = "logged_in_until"
"""`<broker>.logged_in_until`, not secret: when the stored session ends. Commands that only look need not decrypt the session."""


class Arming:
    """The arming of one user at one broker."""

    def __init__(self, ledger: Ledger, broker: str) -> None:
        self._info, self._key, self._broker = ledger.info, f"armed.{ledger.user}", broker

    def since(self) -> datetime | None:
        """Return when it was armed for this broker; None where it is not."""
        broker, _, moment = (self._info.get(self._key) or "").partition(" ")
        return datetime.fromisoformat(moment) if broker == self._broker and moment else None

    def arm(self, now: datetime) -> None:
        """Let live orders go to this broker."""
        self._info.set(self._key, f"{self._broker} {now.isoformat()}")

    def disarm(self) -> None:
        """Stop live orders of every process."""
        self._info.set(self._key, "")

    def token(self) -> str:
        """Return the eight hex digits that a script passes to arm.

        They are not secret: they keep a script that was written for another account from arming this one.
        """
        words = (self._info.get("created_at") or "", self._key, self._broker)
        return hashlib.sha256("\x1f".join(words).encode()).hexdigest()[:8]
