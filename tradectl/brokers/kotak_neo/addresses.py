"""Find the addresses of Kotak's price feed and order feed. Kotak's own client uses the same method.

The first of these that exists is used: an address that the operator has set (a sandbox), Kotak's service for the data centre of
the login, the login's reply, a built-in address. The session's token goes to a feed, so an address from Kotak that lies outside
Kotak's domain is not used.

Source: PyPI kotakneoapi 3.0.9 (utils/neo_utility.py `resolve_dynamic_urls`, neo_api.py `create_websocket`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from tradectl.brokers.adapter import BrokerAccount, LoginSession, Unlimited
from tradectl.brokers.http import strict_json
from tradectl.brokers.http.address_family import source_of
from tradectl.brokers.http.transport import ReadTransport
from tradectl.brokers.kotak_neo import error_mapping
from tradectl.brokers.kotak_neo.declaration import ADDRESSES
from tradectl.errors import TradectlError

CLIENT = {"appVersion": "3.0.9", "platform": "api", "environment": "prod"}
"""The parameters by which Kotak's own client identifies itself; the service does not check the version."""
PRICES = "wss://sfeed.kotaksecurities.com/apifeed"
REALTIME = "/realtime"
"""The path of the order feed at the base address of the session."""
_HOSTS = (".kotaksecurities.com", ".kotaksecurities.online")
_SCHEMES = {"https": "wss", "http": "ws"}
_TIMEOUT = (3.05, 5.0)


class FeedAddresses:
    """Find the feed addresses of one account; Kotak's service is called once for each session."""

    def __init__(self, account: BrokerAccount) -> None:
        self._account = account
        self._known: tuple[Mapping[str, str], Mapping[str, str]] | None = None

    def prices(self, session: LoginSession) -> str:
        """Return the address of the price feed."""
        return self._account.addresses.get("prices") or self._from_session(session, "broadcast", "feed_url") or PRICES

    def orders(self, session: LoginSession) -> str:
        """Return the address of the order feed."""
        base = session.tokens["base_url"].replace("http", "ws", 1) + REALTIME
        return self._account.addresses.get("orders") or self._from_session(session, "interactive", "rt_url") or base

    def _from_session(self, session: LoginSession, kind: str, name: str) -> str:
        return self._looked_up(session).get(kind) or usable(session.tokens.get(name))

    def _looked_up(self, session: LoginSession) -> Mapping[str, str]:
        """Return the addresses by Kotak's service for the session's data centre; empty if it returns none or does not reply."""
        if self._known is None or self._known[0] != session.tokens:
            self._known = session.tokens, self._look_up(session.tokens.get("data_center", ""))
        return self._known[1]

    def _look_up(self, centre: str) -> Mapping[str, str]:
        url = self._account.addresses.get("config", "")
        elsewhere = self._account.addresses.get("login") != ADDRESSES["login"] and url == ADDRESSES["config"]
        if not url or not centre or elsewhere:  # a sandbox's data centre is not sent to Kotak's service
            return {}
        account = self._account
        source = source_of(account.vault)
        judge = error_mapping.file
        reads = ReadTransport("Kotak", judge, clock=account.clock, limiter=Unlimited(), timeout=_TIMEOUT, source=source)
        try:
            found = reads.read(url, bucket="reads", tries=1, params=CLIENT).object()
            return endpoints(found, centre)
        except TradectlError:
            return {}
        finally:
            reads.close()


def endpoints(content: Mapping[str, Any], centre: str) -> Mapping[str, str]:
    """Return the usable addresses of a data centre in the service's reply: `broadcast` (prices) and `interactive` (orders)."""
    try:
        configs = content["data"]["configs"]
        name = f"{centre}_{configs[f'{centre}_broadcast_source']}"
        return {kind: usable(configs.get(f"{name}_{kind}_endpoint")) for kind in ("broadcast", "interactive")}
    except strict_json.UNREADABLE:
        return {}


def usable(url: object) -> str:
    """Return an address as a websocket address; empty if it is invalid or outside Kotak's domain."""
    if not isinstance(url, str):
        return ""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return ""
    scheme = _SCHEMES.get(parts.scheme, parts.scheme)
    loopback = host == "127.0.0.1" and scheme == "ws"
    if not loopback and not (scheme == "wss" and host.endswith(_HOSTS)):
        return ""
    return urlunsplit((scheme, parts.netloc, parts.path, parts.query, ""))
