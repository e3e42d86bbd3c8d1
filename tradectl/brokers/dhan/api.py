"""Send requests to Dhan with the session's token. The token ends after 24 hours, or when a new token is generated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar

from tradectl.brokers.adapter import ORDERS, BrokerAccount, LoginSession
from tradectl.brokers.dhan.error_mapping import judge, judge_change, judge_holdings, judge_list, judge_read
from tradectl.brokers.http import strict_json
from tradectl.brokers.http.address_family import CONNECT, source_of
from tradectl.brokers.http.session_retry import in_session
from tradectl.brokers.http.transport import ReadTransport, Reply, Transport
from tradectl.errors import BrokerUnavailable, LoginNeeded
from tradectl.model.order import Side

T = TypeVar("T")
NAME = "Dhan"
QUOTE, HOLDINGS, LIST = "/marketfeed/quote", "/holdings", "/instrument/NSE_EQ"
LIST_SECONDS = 60.0
"""Read time-out in seconds for the list of instruments. The list of one exchange segment has some megabytes."""


class DhanReads:
    """Send the read requests of one account.

    Errors are those of `ReadTransport` and `error_mapping`, and LoginNeeded without a session.
    """

    def __init__(self, account: BrokerAccount) -> None:
        self._account = account
        self._root = account.addresses["api"].rstrip("/")
        how: dict[str, Any] = {"clock": account.clock, "limiter": account.limiter, "source": source_of(account.vault)}
        self._reads = ReadTransport(NAME, judge_read, timeout=account.timeout, posts=(QUOTE,), **how)
        self._holdings = ReadTransport(NAME, judge_holdings, timeout=account.timeout, **how)
        self._lists = ReadTransport(NAME, judge_list, timeout=account.timeout or (CONNECT, LIST_SECONDS), **how)

    def close(self) -> None:
        """Close the connections that are kept open."""
        for transport in (self._reads, self._holdings, self._lists):
            transport.close()

    def get(self, path: str, make: Callable[[Any], T]) -> T:
        """Read a path and return what `make` parses from its JSON. Raises BrokerUnavailable if `make` cannot parse it."""
        transport = self._holdings if path == HOLDINGS else self._reads
        return understood(path, self._read(transport, path, "other").content, make)

    def quote(self, security_ids: list[int], make: Callable[[Any], T]) -> T:
        """Read the quotes of shares on NSE and return what `make` parses from them."""
        reply = self._read(self._reads, QUOTE, "quote", json={"NSE_EQ": security_ids})
        return understood(QUOTE, reply.content, make)

    def list(self) -> bytes:
        """Return the list of instruments on NSE, as CSV."""
        return self._read(self._lists, LIST, "other").content

    def in_session(self, request: Callable[[Mapping[str, str]], T], before_again: Callable[[], None] | None = None) -> T:
        """Return the result of `request`, called with the session's headers. `before_again`: see `session_retry.in_session`."""
        return in_session(
            self._account.vault, self._stored, lambda session: request(self._headers(session)), before_again=before_again
        )

    @cached_property
    def client(self) -> str:
        """Return Dhan's client id of the account. Raises ConfigurationError if it is not set."""
        return self._account.vault.require("client_id")

    def _read(self, transport: ReadTransport, path: str, bucket: str, **sent: Any) -> Reply:
        return self.in_session(lambda headers: transport.read(self._root + path, bucket=bucket, headers=headers, **sent))

    def _headers(self, session: LoginSession) -> Mapping[str, str]:
        return headers_of(self.client, session.tokens["access_token"])

    def _stored(self) -> LoginSession:
        session = self._account.vault.session()
        if session is None:
            raise LoginNeeded("there is no session at Dhan yet: run `tradectl login`")
        if self._account.clock.now() >= session.expires_at:
            raise LoginNeeded("the session at Dhan has ended: run `tradectl login`")
        return session


class DhanApi(DhanReads):
    """Send the read requests and the order commands of one account."""

    def __init__(self, account: BrokerAccount) -> None:
        super().__init__(account)
        self._commands = Transport(
            NAME,
            judge,
            clock=account.clock,
            limiter=account.limiter,
            timeout=account.timeout,
            check_send=account.check_send,
            source=source_of(account.vault),
        )

    def close(self) -> None:
        self._commands.close()
        super().close()

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        side: Side | None,
        before_sending: Callable[[], None],
        before_again: Callable[[], None] | None = None,
    ) -> Reply:
        """Send an order command and return the reply.

        The command is repeated once if Dhan rejected the session and a newer session is stored.
        `side`, `before_sending`: see `Transport.command`; `before_again`: see `session_retry.in_session`.
        """
        return self.in_session(
            lambda headers: self._commands.command(
                method,
                self._root + path,
                bucket=ORDERS,
                headers=headers,
                json=None if body is None else {"dhanClientId": self.client, **body},
                side=side,
                before_sending=before_sending,
                judge=judge if method == "POST" else judge_change,
            ),
            before_again,
        )


def headers_of(client: str, token: str) -> Mapping[str, str]:
    """Return the HTTP headers of a request."""
    return {"access-token": token, "client-id": client, "Accept": "application/json", "User-Agent": "tradectl"}


def understood(path: str, content: bytes, make: Callable[[Any], T]) -> T:
    """Parse JSON with exact numbers, and return the result of `make`. Raises BrokerUnavailable if either cannot parse it."""
    try:
        return make(strict_json.read(content, exact=True))
    except strict_json.UNREADABLE as error:
        why = strict_json.brief(f"{type(error).__name__} {error}")
        raise BrokerUnavailable(f"Dhan's reply to {path} cannot be read: {why}") from error
