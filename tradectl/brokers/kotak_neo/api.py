"""What all requests to Kotak have in common: the stored session, with its address and the headers that are made of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from tradectl.brokers.adapter import BrokerAccount, LoginSession
from tradectl.brokers.http.address_family import source_of
from tradectl.brokers.http.session_retry import in_session
from tradectl.brokers.http.strict_json import UNREADABLE, brief
from tradectl.brokers.http.transport import Judge, ReadTransport
from tradectl.brokers.kotak_neo import error_mapping
from tradectl.brokers.kotak_neo.login import current
from tradectl.errors import BrokerUnavailable

T = TypeVar("T")
TITLE = "Kotak"


class KotakApi:
    """Requests of one account that only read."""

    def __init__(self, account: BrokerAccount) -> None:
        self._account = account

    def looking(self) -> Mapping[str, str]:
        """Return the headers for public data."""
        return {"Authorization": self._account.vault.require("consumer_key")}

    def reads(self, judge: Judge, timeout: tuple[float, float] | None = None, posts: Collection[str] = ()) -> ReadTransport:
        account, patience = self._account, timeout or self._account.timeout
        source = source_of(account.vault)
        return ReadTransport(
            TITLE, judge, clock=account.clock, limiter=account.limiter, timeout=patience, posts=posts, source=source
        )

    def session(self) -> LoginSession:
        """Return the stored session. Raises LoginNeeded without one that holds."""
        return current(self._account)

    def in_session(self, request: Callable[[LoginSession], T], before_again: Callable[[], None] | None = None) -> T:
        """Return the result of a request with the stored session. Raises LoginNeeded without one, or where Kotak does not know
        it.

        `before_again`: see `session_retry.in_session`.
        """
        return in_session(
            self._account.vault, self.session, request, unknown=error_mapping.SessionUnknown, before_again=before_again
        )


def url(session: LoginSession, path: str) -> str:
    return session.tokens["base_url"] + path


def reading(session: LoginSession) -> Mapping[str, str]:
    """Return the headers for data of the account."""
    return {"Sid": session.tokens["sid"], "Auth": session.tokens["token"], "accept": "application/json"}


def parsed(read: Callable[[], T], what: str) -> T:
    """Return what `read` returns. Raises BrokerUnavailable where the reply cannot be read: it is never half read, nor empty."""
    try:
        return read()
    except UNREADABLE as error:
        raise BrokerUnavailable(brief(f"Kotak's answer ({what}) cannot be read: {error!r}")) from error
