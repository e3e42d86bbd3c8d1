"""Send requests with the session's token.

A token ends once a day, and with any other login of the account. The reply 403 TokenException proves that Kite did nothing;
`session_retry` then ends the stored session.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar

from tradectl.brokers.adapter import ORDERS, BrokerAccount, LoginSession
from tradectl.brokers.http.address_family import CONNECT, source_of
from tradectl.brokers.http.session_retry import in_session
from tradectl.brokers.http.transport import ReadTransport, Reply, Transport
from tradectl.brokers.kite.error_mapping import judge, judge_change, judge_list
from tradectl.errors import BrokerUnavailable, LoginNeeded, OrderRefused
from tradectl.model.order import Side

T = TypeVar("T")
VERSION = {"X-Kite-Version": "3", "User-Agent": "tradectl"}
NAME = "Kite"
LIST_SECONDS = 30.0
"""Seconds to wait for the next part of the list of instruments, which has several MB and may take two minutes in all."""
CHARGES_PATH = "/charges/orders"
"""The path of Kite's calculation of charges: a POST that changes nothing."""


class KiteReads:
    """Send requests that change nothing, for one account.

    Raises the errors of `ReadTransport` and `error_mapping`, and LoginNeeded without a session.
    """

    def __init__(self, account: BrokerAccount) -> None:
        self._account = account
        self._root = account.addresses["api"].rstrip("/")
        clock, limiter, source = account.clock, account.limiter, source_of(account.vault)
        list_timeout = account.timeout or (CONNECT, LIST_SECONDS)
        self._transport = ReadTransport(NAME, judge, clock=clock, limiter=limiter, timeout=account.timeout, source=source)
        self._lists = ReadTransport(NAME, judge_list, clock=clock, limiter=limiter, timeout=list_timeout, source=source)

    def close(self) -> None:
        """Close the open connections."""
        for transport in (self._transport, self._lists):
            transport.close()

    def get(self, path: str, *, bucket: str = "other", **sent: Any) -> bytes:
        """Return the body of the reply to a GET request."""
        return self._read(self._transport, path, bucket=bucket, **sent)

    def get_list(self, path: str) -> bytes:
        """Return a list of instruments as CSV."""
        return self._read(self._lists, path, bucket="other")

    def credentials(self) -> tuple[str, str]:
        """Return the API key and the access token of the stored session. Raises LoginNeeded without a session."""
        return self._key, self._stored().tokens["access_token"]

    def _read(self, transport: ReadTransport, path: str, **sent: Any) -> bytes:
        """Send a read. A refused read raises BrokerUnavailable, because OrderRefused would mean a refused order."""
        try:
            return self._in_session(lambda headers: transport.read(self._root + path, headers=headers, **sent)).content
        except OrderRefused as refusal:
            raise BrokerUnavailable(f"Kite refused the request {path}: {refusal.reason}") from refusal

    def _in_session(self, request: Callable[[Mapping[str, str]], T], before_again: Callable[[], None] | None = None) -> T:
        """Return the result of a request with the headers of a session. `before_again`: see `session_retry.in_session`."""
        return in_session(
            self._account.vault, self._stored, lambda session: request(self._headers(session)), before_again=before_again
        )

    def _headers(self, session: LoginSession) -> Mapping[str, str]:
        return {**VERSION, "Authorization": f"token {self._key}:{session.tokens['access_token']}"}

    @cached_property
    def _key(self) -> str:
        return self._account.vault.require("api_key")

    def _stored(self) -> LoginSession:
        session = self._account.vault.session()
        if session is None:
            raise LoginNeeded("there is no session at Kite yet: `tradectl login`")
        if self._account.clock.now() >= session.expires_at:
            raise LoginNeeded("the session at Kite has ended for today: `tradectl login`")
        return session


class KiteApi(KiteReads):
    """Send the requests of `KiteReads` and commands about orders."""

    def __init__(self, account: BrokerAccount) -> None:
        super().__init__(account)
        # one transport for both, so that a command uses the open connection of the last read
        self._transport = self._commands = Transport(
            NAME,
            judge,
            clock=account.clock,
            limiter=account.limiter,
            timeout=account.timeout,
            posts=(CHARGES_PATH,),
            check_send=account.check_send,
            source=source_of(account.vault),
        )

    def order_charges(self, content: Any) -> bytes:
        """Return Kite's calculation of the charges of orders. The request changes nothing."""
        return self._read(self._transport, CHARGES_PATH, bucket="other", json=content)

    def send(
        self,
        method: str,
        path: str,
        form: Mapping[str, str | int] | None = None,
        *,
        side: Side | None,
        before_sending: Callable[[], None],
        before_again: Callable[[], None] | None = None,
    ) -> Reply:
        """Send a command about an order once, or a second time if the first was provably not carried out.

        For `side` and `before_sending` see `Transport.command`, for `before_again` see `session_retry.in_session`.
        """
        url = self._root + path
        return self._in_session(
            lambda headers: self._commands.command(
                method,
                url,
                bucket=ORDERS,
                headers=headers,
                data=form,
                side=side,
                before_sending=before_sending,
                judge=judge if method == "POST" else judge_change,
            ),
            before_again,
        )
