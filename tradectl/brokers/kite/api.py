"""Requests with the session's token.

A token dies once a day, and with any login elsewhere. Where Kite says that it does not know it (403, TokenException: proof that
nothing was done) and another process has logged in meanwhile, that newer session is used, once; else the stored session is over,
and a person must log in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar

from tradectl.brokers.adapter import Account, Session
from tradectl.brokers.kite.judging import judge, judge_list
from tradectl.brokers.transport import CONNECT, Judge, Reply, Transport
from tradectl.errors import BrokerUnavailable, LoginNeeded, OrderRefused

T = TypeVar("T")
VERSION = {"X-Kite-Version": "3", "User-Agent": "tradectl"}
NAME = "Kite"
LIST_SECONDS = 30.0
"""For an answer to go on: the list of instruments is some MB, and has two minutes to be there."""


class Reads:
    """Kite's paths for one account, as far as they change nothing. Errors are those of `Transport` and `judging`, LoginNeeded
    without a session."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._session: Session | None = None
        self._root = account.addresses["api"].rstrip("/")
        self._transport = self._made(judge)
        self._lists = self._made(judge_list, (CONNECT, LIST_SECONDS))

    def close(self) -> None:
        """Close the connections that are kept open."""
        for transport in (self._transport, self._lists):
            transport.close()

    def get(self, path: str, *, bucket: str = "other", **sent: Any) -> bytes:
        """The body of a read."""
        return self._read(self._transport, "GET", path, bucket=bucket, **sent)

    def get_list(self, path: str) -> bytes:
        """A list of instruments, as CSV."""
        return self._read(self._lists, "GET", path, bucket="other")

    def credentials(self) -> tuple[str, str]:
        """Key and access token, for the ticker; the stored session's, read anew. LoginNeeded without one."""
        self._session = self._stored()
        return self._key, self._session.tokens["access_token"]

    def _read(self, transport: Transport, method: str, path: str, **sent: Any) -> bytes:
        """What is refused here is no order: it could not be read."""
        try:
            return self._known(lambda: transport.read(method, self._root + path, **sent)).content
        except OrderRefused as refusal:
            raise BrokerUnavailable(f"Kite does not answer {path}: {refusal.reason}") from refusal

    def _made(self, judge: Judge, timeout: tuple[float, float] | None = None) -> Transport:
        account = self._account
        patience = account.timeout or timeout
        return Transport(NAME, judge, self._headers, clock=account.clock, limiter=account.limiter, timeout=patience)

    def _headers(self) -> Mapping[str, str]:
        token = self._session.tokens["access_token"] if self._session is not None else ""
        return {**VERSION, "Authorization": f"token {self._key}:{token}"}

    @cached_property
    def _key(self) -> str:
        return self._account.vault.require("api_key")

    def _known(self, request: Callable[[], T]) -> T:
        """Do it with a session that is not known to be dead."""
        if self._session is None or self._is_over(self._session):
            self._session = self._stored()
        try:
            return request()
        except LoginNeeded:
            refused, newer = self._session, self._account.vault.session()
            if newer is None or newer.tokens == refused.tokens or newer.logged_in_at < refused.logged_in_at:
                self._end(refused)
                raise
        self._session = newer
        try:
            return request()
        except LoginNeeded:
            self._end(newer)
            raise

    def _end(self, session: Session) -> None:
        """Kite does not know it: nobody uses it again."""
        self._account.vault.end_session(session)
        self._session = None

    def _stored(self) -> Session:
        session = self._account.vault.session()
        if session is None:
            raise LoginNeeded("there is no session at Kite yet: `tradectl login`")
        if self._is_over(session):
            raise LoginNeeded("the session at Kite has ended for today: `tradectl login`")
        return session

    def _is_over(self, session: Session) -> bool:
        return self._account.clock.now() >= session.expires_at


class Api(Reads):
    """The same, and what is sent about orders."""

    def reckon(self, path: str, content: Any) -> bytes:
        """The body of a POST that changes nothing."""
        return self._read(self._transport, "POST", path, bucket="other", json=content)

    def send(
        self, method: str, path: str, form: Mapping[str, str | int] | None = None, *, before_sending: Callable[[], None]
    ) -> Reply:
        """A command about an order: sent once, or a second time where the first was proved not to have been carried out.
        `before_sending`: see `Transport.command`."""
        url = self._root + path
        return self._known(
            lambda: self._transport.command(method, url, bucket="orders", data=form, before_sending=before_sending)
        )
