"""Send requests with the API key. Before a command, make sure that the server trades for real.

A person at the server can switch it into its analyzer mode at any time. So its mode is read before the first command of a
process, and again where the last reply is some minutes old. In between, a reply in that mode says so itself.
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
"""Only written into OpenAlgo's own log; it does not come back."""
ROOT = "/api/v1/"
PLACE = "placeorder"
READS = (
    "ping", "analyzer", "funds", "orderbook", "tradebook", "positionbook", "holdings", "multiquotes", "symbol", "market/holidays",
)  # fmt: skip
"""Everything that is read; with OpenAlgo a POST like all else."""
MODE_HOLDS = timedelta(minutes=5)
"""How long a reply about the server's mode is valid: our choice, much shorter than a session and longer than a task."""


class OpenAlgoReads:
    """OpenAlgo's paths for one account that change nothing. Errors are those of `ReadTransport` and `error_mapping`, and
    LoginNeeded without a session."""

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
        """Return `make(reply)`. Raises BrokerUnavailable for an unexpected reply: a failed read never returns empty."""
        self._require_session()
        return self.ask(path, make, **body)

    def ask(self, path: str, make: Callable[[Any], T], **body: Any) -> T:
        """Return the same as `read`, without a check of the session: a login has none yet."""
        reply = self._reads.read(self._root + path, bucket="other", json=self._with_key(body))
        return understood(path, lambda: make(_content(reply.content)))

    @cached_property
    def broker(self) -> str:
        """The broker behind the server, by the server's own name (`zerodha`); empty where it reports none."""
        return self.read("ping", lambda content: str(content["data"].get("broker") or "").lower())

    def check_live(self) -> None:
        """Raise ConfigurationError where the server is in its analyzer mode, or does not plainly report that it is live."""
        mode, analyzing = self.ask("analyzer", lambda content: (content["data"]["mode"], content["data"]["analyze_mode"]))
        if mode != "live" or analyzing is not False:
            raise ConfigurationError(f"OpenAlgo is in {mode!r} mode and sends no real orders: switch its analyzer off")

    def _require_session(self) -> None:
        """Raise LoginNeeded without a session.

        No reply of the server ends our session: the server also reports the key as unknown while its own
        database is busy, or while a person logs in there (source: marketcalls/openalgo, database/auth_db.py).
        """
        session = self._account.vault.session()
        if session is None:
            raise LoginNeeded("there is no session at OpenAlgo yet: log in")
        if self._account.clock.now() >= session.expires_at:
            raise LoginNeeded("the session at OpenAlgo has ended for today: log in there, then run `tradectl login`")

    def _with_key(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return {"apikey": self._key, **body}

    @cached_property
    def _key(self) -> str:
        return self._account.vault.require("api_key")


class OpenAlgoApi(OpenAlgoReads):
    """The reads, and the commands that place, change and cancel orders."""

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
        """Send a command about an order, once, and return the order's id. Raises Ambiguous where the reply has none.

        `side`, `before_sending`: see `Transport.command`.
        """
        self._require_session()
        found = order_id(self._send(path, side, before_sending, body).object().get("orderid"))
        if found is None:  # a broker's refusal with status 200 is passed on as a success without an id
            raise Ambiguous("OpenAlgo replied success to a command, without an order id")
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
    """Return the JSON document; its numbers never become floats."""
    return strict_json.read(content, exact=True)
