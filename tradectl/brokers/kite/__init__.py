"""Trade at Zerodha through Kite Connect v3: the port `Broker` over HTTP requests.

error_mapping   maps the status and error_type of a reply to an error of tradectl
amo_windows     the path of a command at a time, and the times at which none is sent
rows            parses the JSON rows of the day, each once
balances        holdings, funds, and what the profile reports
instruments     the day's list of instruments: symbols, series, tokens
api             requests with the session's token
redirect        the local page to which a login in the browser returns
login           exchanges a request token for a session
prices          quotes and daily candles; it cannot send an order
contract_notes  compares Kite's charges with those of the table
packets         the ticker's binary frames
ticker          live prices and order updates over a websocket
broker          the account

Sources: pykiteconnect 5.2.0, zerodha/kiteconnect-mocks, kite.trade's documentation and forum, support.zerodha.com (to 2026-08).
Each value that no source gives is a constant with its reason beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from tradectl.brokers.adapter import Ask, BrokerAccount, Field, LoginSession
from tradectl.brokers.http.address_family import CONNECT_BY
from tradectl.ports import Capabilities

if TYPE_CHECKING:
    from tradectl.brokers.kite.broker import KiteBroker
    from tradectl.brokers.kite.prices import KitePrices


class KiteAdapter:
    """Declare the adapter of Kite.

    Kite accepts a second order with the same tag. No source states how long an accepted order may be missing from the list.
    """

    name = "kite"
    capabilities = Capabilities(visibility_lag=None, refuses_repeated_tag=False, preopen_prices=False)
    fields = (
        Field("api_key", "the API key of your Kite Connect app", secret=False),
        Field("api_secret", "the API secret of your Kite Connect app"),
        Field("redirect_port", "the port of the app's redirect address on 127.0.0.1, 0 for none", secret=False, default="0"),
        CONNECT_BY,
    )
    addresses: Mapping[str, str] = MappingProxyType(
        {
            "api": "https://api.kite.trade",
            "login": "https://kite.zerodha.com/connect/login",
            "stream": "wss://ws.kite.trade",
        }
    )
    limits: Mapping[str, tuple[tuple[int, float], ...]] = MappingProxyType(
        {
            "orders": ((10, 1.0), (400, 60.0), (5000, 86_400.0)),
            "quote": ((1, 1.0),),
            "historical": ((3, 1.0),),
            "other": ((10, 1.0),),
        }
    )
    """Pairs (requests, seconds) by bucket. The limits apply to an account, not to a key (sources: kite.trade forum, 2026;
    tradingqna 181989)."""

    def open(self, account: BrokerAccount) -> KiteBroker:
        from tradectl.brokers.kite.broker import KiteBroker

        return KiteBroker(account, self.capabilities)

    def prices(self, account: BrokerAccount) -> KitePrices:
        from tradectl.brokers.kite.api import KiteReads
        from tradectl.brokers.kite.prices import KitePrices

        return KitePrices(account, KiteReads(account))

    def login(self, account: BrokerAccount, ask: Ask) -> LoginSession:
        from tradectl.brokers.kite.login import login

        return login(account, ask)


ADAPTER = KiteAdapter()
