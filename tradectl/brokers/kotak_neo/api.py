"""Build the requests to Kotak: the stored session, its base address and its headers."""

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
    """Give the requests of one account their session, headers and transport."""

    def __init__(self, account: BrokerAccount) -> None:
        self._account = account

    def looking(self) -> Mapping[str, str]:
        """Return the headers for public data. Raises ConfigurationError without a consumer key."""
        return {"Authorization": self._account.vault.require("consumer_key")}

    def reads(self, judge: Judge, timeout: tuple[float, float] | None = None, posts: Collection[str] = ()) -> ReadTransport:
        """Return a transport for reads.

        Args:
            judge: Returns the error that a reply means, or None.
            timeout: Seconds to connect and to read; None for those of the account.
            posts: Paths that are read by POST.
        """
        account, seconds = self._account, timeout or self._account.timeout
        source = source_of(account.vault)
        return ReadTransport(
            TITLE, judge, clock=account.clock, limiter=account.limiter, timeout=seconds, posts=posts, source=source
        )

    def session(self) -> LoginSession:
        """Return the stored session. Raises LoginNeeded if there is none or it has ended."""
        return current(self._account)

    def in_session(self, request: Callable[[LoginSession], T], before_again: Callable[[], None] | None = None) -> T:
        """Return the result of `request`, called with the stored session.

        Raises LoginNeeded without a session, or if Kotak rejects it. `before_again`: see `session_retry.in_session`.
        """
        return in_session(
            self._account.vault, self.session, request, unknown=error_mapping.SessionUnknown, before_again=before_again
        )


def url(session: LoginSession, path: str) -> str:
    """Return the full address of a path at the base address of the session."""
    return session.tokens["base_url"] + path


def reading(session: LoginSession) -> Mapping[str, str]:
    """Return the headers for reading the account's data."""
    return {"Sid": session.tokens["sid"], "Auth": session.tokens["token"], "accept": "application/json"}


def parsed(read: Callable[[], T], what: str) -> T:
    """Return the result of `read`. Raises BrokerUnavailable if the reply cannot be read, rather than return a part of it."""
    try:
        return read()
    except UNREADABLE as error:
        raise BrokerUnavailable(brief(f"Kotak's reply ({what}) cannot be read: {error!r}")) from error
