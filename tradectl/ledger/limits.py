"""Limit the rate of requests to a broker, counted for all processes of a user.

Each limit (a number of requests in a number of seconds) is a token bucket, and each request takes one token. A full bucket and
the tokens added during the limit's period together never exceed the limit. So no period of that length has more requests. For a
limit per second the bucket holds one token, so that requests are spread evenly.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct
from sqlalchemy import select, update

from tradectl.errors import RateLimited
from tradectl.ledger.engine import Database
from tradectl.ledger.schema import rate_limits as rows
from tradectl.ledger.upserts import upsert_rows
from tradectl.ports import Clock

Limits = Mapping[str, tuple[tuple[int, float], ...]]
"""For each kind of request, pairs of count and seconds. All pairs apply at the same time."""
MAX_WAIT = 30.0
"""The longest wait for a request, in seconds. After that its data is out of date, and the next step follows within a minute."""
MIN_WAIT = 0.001
"""The shortest wait in seconds. The missing part of a token may take less time than the clock's resolution."""
_KEY = ("user", "broker", "bucket", "seconds")


class _Bucket(Struct, frozen=True):
    """A limit as a token bucket: its period in seconds, the most tokens it holds, and the tokens added each second."""

    seconds: float
    most: float
    drip: float

    @classmethod
    def of(cls, requests: int, seconds: float) -> _Bucket:
        """Return the bucket for a limit of `requests` in `seconds`."""
        most = 1.0 if seconds <= 1 or requests < 2 else requests / 2
        return cls(seconds, most, requests / seconds if most == 1.0 else (requests - most) / seconds)

    def tokens(self, before: float, passed: float) -> float:
        """Return the tokens `passed` seconds after there were `before`. A clock that went back adds none."""
        return min(self.most, before + max(0.0, passed) * self.drip)


class RateLimits:
    """The request limits of one user at one broker, in machine time even on a virtual clock."""

    def __init__(self, database: Database, user: str, broker: str, limits: Limits, clock: Clock) -> None:
        self._database, self._user, self._broker, self._clock = database, user, broker, clock
        self._buckets = {name: tuple(_Bucket.of(*limit) for limit in found) for name, found in limits.items()}

    def take(self, bucket: str) -> None:
        """Wait until one more request of this kind may be made, and count it.

        Raises:
            RateLimited: The wait would be longer than `MAX_WAIT`.
            KeyError: This kind of request has no limits.
        """
        begun = self._clock.machine_now()
        while (wait := self._try(bucket, self._clock.machine_now())) > 0:
            if wait > MAX_WAIT or (self._clock.machine_now() - begun).total_seconds() > MAX_WAIT:
                raise RateLimited(f"the request limit for {self._broker} ({bucket}) is reached: try again in {wait:.0f} s")
            self._clock.sleep(max(wait, MIN_WAIT))

    def _try(self, name: str, now: datetime) -> float:
        """Take one token of each bucket and return 0 or less; or take none and return the seconds until each has a token."""
        buckets = self._buckets[name]
        where = (rows.c.user == self._user, rows.c.broker == self._broker, rows.c.bucket == name)
        with self._database.note() as connection:
            known = {row.seconds: row for row in connection.execute(select(rows).where(*where))}
            if any(row.at > now for row in known.values()):  # written by a clock that was ahead: counts as written now
                connection.execute(update(rows).where(*where, rows.c.at > now).values(at=now))
            held = [
                item.tokens(known[item.seconds].tokens, (now - known[item.seconds].at).total_seconds())
                if item.seconds in known
                else item.most
                for item in buckets
            ]
            wait = max((1 - tokens) / item.drip for item, tokens in zip(buckets, held, strict=True))
            if wait <= 0:
                key = {"user": self._user, "broker": self._broker, "bucket": name, "at": now}
                taken = [
                    key | {"seconds": item.seconds, "tokens": tokens - 1} for item, tokens in zip(buckets, held, strict=True)
                ]
                upsert_rows(connection, rows, _KEY, taken)
        return wait
