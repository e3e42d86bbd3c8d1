"""Zerodha, through Kite Connect v3: an account behind the port `Broker`, over plain requests.

error_mapping   what a reply means: its status and error_type as one of the program's errors
amo_windows     which path a command takes at which time, and when none is sent
rows            the JSON rows of the day, each parsed once
balances        holdings, funds, and what the profile reports
instruments     the day's list of instruments: symbols, series, tokens
api             requests with the session's token
redirect        the page on this machine to which a login in the browser returns
login           from a request token to a session
prices          quotes and daily candles, without a way to an order
contract_notes  Kite's own charges beside those of the table
packets         the ticker's binary frames
ticker          live prices and order updates over a websocket
broker          the account

Sources: pykiteconnect 5.2.0, zerodha/kiteconnect-mocks, kite.trade's documentation and forum, support.zerodha.com (to 2026-08).
What none of them states is a constant with its reason beside it.
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
    """The declaration. A repeated tag makes a second order, and no source says how long an accepted order may stay invisible."""

    name = "kite"
    capabilities = Capabilities(visibility_lag=None, refuses_repeated_tag=False, preopen_prices=False)
    fields = (
        Field("api_key", "the API key of your Kite Connect app", secret=False),
        Field("api_secret", "its API secret"),
        Field("redirect_port", "the port of its redirect address on 127.0.0.1, 0 for none", secret=False, default="0"),
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
    """Of an account, not of a key (source: kite.trade forum, 2026; tradingqna 181989)."""

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
