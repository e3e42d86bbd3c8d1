"""What all requests to Kotak have in common: the stored session, and headers that are made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from tradectl.brokers.adapter import Account, Session
from tradectl.brokers.kotak_neo.login import current
from tradectl.brokers.transport import Judge, Reply, Transport
from tradectl.errors import BrokerUnavailable, LoginNeeded, TradectlError

T = TypeVar("T")
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, IndexError, StopIteration)


class Wire:
    """Of one account. LoginNeeded where there is no session."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._session: Session | None = None

    @property
    def base(self) -> str:
        return self._known_session().tokens["base_url"]

    def reading(self) -> Mapping[str, str]:
        """Headers for what belongs to the account."""
        tokens = self._known_session().tokens
        return {"Sid": tokens["sid"], "Auth": tokens["token"], "accept": "application/json"}

    def looking(self) -> Mapping[str, str]:
        """Headers for what everybody may see."""
        return {"Authorization": self._account.vault.require("consumer_key")}

    def transport(
        self, judge: Judge, headers: Callable[[], Mapping[str, str]], timeout: tuple[float, float] | None = None
    ) -> Transport:
        account = self._account

        def judged(reply: Reply) -> TradectlError | None:
            """Where Kotak does not know our session, it is over for everybody, and the next login is one."""
            failure = judge(reply)
            if isinstance(failure, LoginNeeded) and self._session is not None:
                account.vault.end_session(self._session)
            return failure

        patience = timeout or account.timeout
        return Transport("Kotak", judged, headers, clock=account.clock, limiter=account.limiter, timeout=patience)

    def _known_session(self) -> Session:
        """The stored one, which the next request is made with."""
        self._session = current(self._account)
        return self._session


def parsed(read: Callable[[], T], what: str) -> T:
    """What cannot be read was not read: never half of it, and never nothing in its place."""
    try:
        return read()
    except _UNREADABLE as error:
        raise BrokerUnavailable(f"Kotak's answer ({what}) cannot be read: {error!r}") from error
