"""Send requests with the API key. Check before a command that the server trades for real.

A person can switch the server to its analyzer mode (a sandbox) at any time. So the mode is read before the first command of a
process, and again if the last check is older than `MODE_HOLDS`. In between, each reply in analyzer mode reports that mode.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

from tradectl.brokers.adapter import ORDERS, BrokerAccount
from tradectl.brokers.http import strict_json
from tradectl.brokers.http.replies import order_id
from tradectl.brokers.http.transport import ReadTransport, Reply, Transport
from tradectl.brokers.openalgo.error_mapping import judge, judge_change, judge_read
from tradectl.errors import Ambiguous, BrokerUnavailable, ConfigurationError, LoginNeeded
from tradectl.model.order import Side

T = TypeVar("T")
NAME = "OpenAlgo"
STRATEGY = "tradectl"
"""The strategy name that OpenAlgo writes into its own log. Its order book does not return it."""
ROOT = "/api/v1/"
PLACE = "placeorder"
READS = (
    "ping", "analyzer", "funds", "orderbook", "tradebook", "positionbook", "holdings", "multiquotes", "symbol", "market/holidays",
)  # fmt: skip
"""The paths that only read. OpenAlgo uses POST for every path."""
MODE_HOLDS = timedelta(minutes=5)
"""How long a check of the server's mode is valid: our choice, longer than a task and much shorter than a session."""


class OpenAlgoReads:
    """Send the read requests of one account.

    Errors are those of `ReadTransport` and `error_mapping`, and LoginNeeded without a session.
    """

    def __init__(self, account: BrokerAccount) -> None:
        self._account = account
        self._root = account.addresses["api"].rstrip("/") + ROOT
        self._reads = ReadTransport(
            NAME,
            judge_read,
            clock=account.clock,
            limiter=account.limiter,
            timeout=account.timeout,
            posts=[ROOT + path for path in READS],
        )

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._reads.close()

    def read(self, path: str, make: Callable[[Any], T], **body: Any) -> T:
        """Read a path and return what `make` parses from its JSON.

        Raises BrokerUnavailable for an unexpected reply, so a failed read never looks like an empty list.
        """
        self._require_session()
        return self.ask(path, make, **body)

    def ask(self, path: str, make: Callable[[Any], T], **body: Any) -> T:
        """Return the same as `read`, but without a session: a login does not have one yet."""
        reply = self._reads.read(self._root + path, bucket="other", json=self._with_key(body))
        return understood(path, lambda: make(_content(reply.content)))

    @cached_property
    def broker(self) -> str:
        """Return the server's name for the broker behind it (`zerodha`); empty if the server reports none."""
        return self.read("ping", lambda content: str(content["data"].get("broker") or "").lower())

    def check_live(self) -> None:
        """Raise ConfigurationError if the server is in its analyzer mode, or does not clearly report that it is live."""
        mode, analyzing = self.ask("analyzer", lambda content: (content["data"]["mode"], content["data"]["analyze_mode"]))
        if mode != "live" or analyzing is not False:
            raise ConfigurationError(f"OpenAlgo is in {mode!r} mode and sends no real orders: switch its analyzer off")

    def _require_session(self) -> None:
        """Raise LoginNeeded without a session.

        No reply of the server ends our session. The server also reports an unknown key while its database is busy, or while a
        person logs in there (source: marketcalls/openalgo, database/auth_db.py).
        """
        session = self._account.vault.session()
        if session is None:
            raise LoginNeeded("there is no session at OpenAlgo yet: run `tradectl login`")
        if self._account.clock.now() >= session.expires_at:
            raise LoginNeeded("the session at OpenAlgo has ended: log OpenAlgo in at its broker, then run `tradectl login`")

    def _with_key(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return {"apikey": self._key, **body}

    @cached_property
    def _key(self) -> str:
        return self._account.vault.require("api_key")


class OpenAlgoApi(OpenAlgoReads):
    """Send the read requests, and the commands that place, change and cancel orders."""

    def __init__(self, account: BrokerAccount) -> None:
        super().__init__(account)
        self._commands = Transport(
            NAME,
            judge,
            clock=account.clock,
            limiter=account.limiter,
            timeout=account.timeout,
            check_send=account.check_send,
        )
        self._live_at: datetime | None = None

    def close(self) -> None:
        self._commands.close()
        super().close()

    def send(self, path: str, side: Side | None, before_sending: Callable[[], None] | None, /, **body: Any) -> str:
        """Send an order command once and return the order id. Raises Ambiguous if the reply has no id.

        `side`, `before_sending`: see `Transport.command`.
        """
        self._require_session()
        found = order_id(self._send(path, side, before_sending, body).object().get("orderid"))
        if found is None:  # OpenAlgo passes on a broker's refusal with status 200 as a success without an id
            raise Ambiguous("OpenAlgo reported success for a command, without an order id")
        return found

    def _send(self, path: str, side: Side | None, before_sending: Callable[[], None] | None, body: Mapping[str, Any]) -> Reply:
        self._require_live()
        sent = self._with_key({"strategy": STRATEGY, **body})
        try:
            return self._commands.command(
                "POST",
                self._root + path,
                bucket=ORDERS,
                json=sent,
                side=side,
                before_sending=before_sending,
                judge=judge if path == PLACE else judge_change,
            )
        except ConfigurationError:
            self._live_at = None
            raise

    def _require_live(self) -> None:
        now = self._account.clock.now()
        if self._live_at is None or not now - MODE_HOLDS <= self._live_at <= now:
            self.check_live()
            self._live_at = now


def understood(path: str, make: Callable[[], T]) -> T:
    """Return the result of `make`, which parses replies to `path`. Raises BrokerUnavailable if it cannot parse them."""
    try:
        return make()
    except strict_json.UNREADABLE as error:
        why = strict_json.brief(f"{type(error).__name__} {error}")
        raise BrokerUnavailable(f"OpenAlgo's reply to {path} cannot be read: {why}") from error


def _content(content: bytes) -> Any:
    """Return the JSON document with exact numbers, without floats."""
    return strict_json.read(content, exact=True)
