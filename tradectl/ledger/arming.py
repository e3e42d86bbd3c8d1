"""Whether a user's live orders may go to a broker.

Arming is written into the ledger, for one user and one broker, and looked up for each command: who disarms stops every process at
once. It is asked with the broker's name typed out; a script passes a token instead, which fits this ledger, user and broker only.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tradectl.ledger.store import Ledger

BROKER = "broker"
"""The credential, no secret, that names a user's broker."""
LOGGED_IN_UNTIL = "logged_in_until"
"""`<broker>.logged_in_until`, no secret: when the stored session ends, so that who only looks need not read the session."""


class Arming:
    """The state of one user at one broker."""

    def __init__(self, ledger: Ledger, broker: str) -> None:
        self._info, self._key, self._broker = ledger.info, f"armed.{ledger.user}", broker

    def since(self) -> datetime | None:
        """When it was armed for this broker; None: it is not."""
        broker, _, moment = (self._info.get(self._key) or "").partition(" ")
        return datetime.fromisoformat(moment) if broker == self._broker and moment else None

    def arm(self, now: datetime) -> None:
        self._info.set(self._key, f"{self._broker} {now.isoformat()}")

    def disarm(self) -> None:
        self._info.set(self._key, "")

    def token(self) -> str:
        """What a script passes to arm: eight hex digits. It is no secret: it keeps a script that was written for another account
        from arming this one."""
        words = (self._info.get("created_at") or "", self._key, self._broker)
        return hashlib.sha256("\x1f".join(words).encode()).hexdigest()[:8]
