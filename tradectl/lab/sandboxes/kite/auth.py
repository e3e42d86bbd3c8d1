"""Issue request tokens, valid once and for some minutes, and access tokens, which end at the daily flush."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from hashlib import sha256
from itertools import count

from tradectl.lab.sandboxes.kite.errors import KiteError, invalid, no_token
from tradectl.model.moment import at_ist, ist_date
from tradectl.ports import Clock

REQUEST_LIFE = timedelta(minutes=5)
"""An assumption: Kite's documentation states "a few minutes"."""


class KiteTokens:
    """The tokens of one app and one user. `flush`: the IST time at which every access token ends."""

    def __init__(self, key: str, secret: str, clock: Clock, flush: time) -> None:
        self.key, self.secret, self._clock, self._flush = key, secret, clock, flush
        self._numbers = count(1)
        self._requests: dict[str, datetime] = {}
        self._access: dict[str, datetime] = {}

    def request(self) -> str:
        """Return a new request token, as in the redirect after a login."""
        token = self._new("request")
        self._requests[token] = self._clock.now()
        return token

    def exchange(self, key: str, token: str, checksum: str) -> str:
        """Return a new access token.

        Raises KiteError 403 for a request token that is unknown, used or expired, and 400 for a wrong key or checksum.
        """
        if key != self.key:
            raise invalid("Invalid `api_key`.")
        if checksum != sha256((key + token + self.secret).encode()).hexdigest():
            raise invalid("Invalid `checksum`.")
        made = self._requests.pop(token, None)
        if made is None or self._clock.now() - made > REQUEST_LIFE:
            raise no_token("Token is invalid or has expired.")
        access = self._new("access")
        self._access[access] = self._clock.now()
        return access

    def check(self, authorization: str) -> None:
        """Check the Authorization header of a request, `token key:access`. Raises KiteError 403."""
        scheme, _, pair = authorization.partition(" ")
        key, _, access = pair.partition(":")
        made = self._access.get(access)
        if scheme != "token" or key != self.key or made is None or made < self.flushed_at():
            raise no_token()

    def is_good(self, authorization: str) -> bool:
        """Return whether `check` accepts an Authorization header."""
        try:
            self.check(authorization)
        except KiteError:
            return False
        return True

    def end(self, access: str) -> None:
        """End an access token, as at a log-out."""
        self._access.pop(access, None)

    def flushed_at(self) -> datetime:
        """Return the time of the last flush."""
        now = self._clock.now()
        today = at_ist(ist_date(now), self._flush).astimezone(UTC)
        return today if today <= now else today - timedelta(days=1)

    def _new(self, kind: str) -> str:
        return sha256(f"{kind} {self.secret} {next(self._numbers)}".encode()).hexdigest()[:32]
