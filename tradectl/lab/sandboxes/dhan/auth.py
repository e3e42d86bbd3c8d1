"""Issue access tokens. Each is valid for 24 hours, or until the next token is generated."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from itertools import count

from tradectl.lab.sandboxes.dhan.errors import NO_TOKEN, DhanError
from tradectl.ports import Clock

LIFE = timedelta(hours=24)


class DhanTokens:
    """The access tokens of one client."""

    def __init__(self, client: str, clock: Clock) -> None:
        self.client, self._clock = client, clock
        self._numbers = count(1)
        self._current: tuple[str, datetime] | None = None

    def generate(self) -> str:
        """Return a new token, as a person generates it on Dhan's web page. The previous token ends."""
        now = self._clock.now()
        token = sha256(f"{self.client} {next(self._numbers)} {now.isoformat()}".encode()).hexdigest()
        self._current = token, now + LIFE
        return token

    def check(self, token: str) -> datetime:
        """Return the moment at which a valid token ends. Raises DhanError DH-901 for an invalid token."""
        if self._current is None or token != self._current[0] or self._clock.now() >= self._current[1]:
            raise DhanError("DH-901", NO_TOKEN)
        return self._current[1]

    def end(self) -> None:
        """End the current token."""
        self._current = None
