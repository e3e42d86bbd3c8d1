"""Kotak Neo's Trade API, in its third generation (login by TOTP and MPIN, orders at the address that the login returns).

paths          the paths
login          a session, from a one-time password and the MPIN
error_mapping  what a reply means
rows           Kotak's rows, each parsed once into the program's types
amo_windows    when it takes commands, and whether an order still waits as an after-market order
instruments    the day's list of scrips, and the scrip of a symbol
api            what all requests have in common
prices         quotes without a way to an order
broker         the account
packets        the packets of the price feed
addresses      the addresses of the feeds
feed           the messages of the feeds of prices and orders
times          when a trade of the price feed was
ticker         live prices and order updates, each over a websocket

Kotak refuses a client tag that it has already seen on the same day, and loses it once an order is changed: from then on an
order is known by its number alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tradectl.brokers.adapter import Field
from tradectl.brokers.http.address_family import CONNECT_BY
from tradectl.ports import Capabilities

if TYPE_CHECKING:
    from tradectl.brokers.adapter import Ask, BrokerAccount, LoginSession
    from tradectl.brokers.kotak_neo.broker import KotakNeoBroker
    from tradectl.brokers.kotak_neo.prices import KotakPrices

NAME = "kotak_neo"
CAPABILITIES = Capabilities(
    visibility_lag=None,
    refuses_repeated_tag=True,
    preopen_prices=False,
    amo=True,
    tag_length=20,  # a guess: Kotak states no length
    tag_survives_modify=False,
    trade_times=False,  # `lstup_time` is of the last update
)
FIELDS = (
    Field("consumer_key", "Consumer key (NEO app, More, Trade API)"),
    Field("mobile_number", "Mobile number with +91", secret=False),
    Field("ucc", "Client code (UCC)", secret=False),
    Field("totp_secret", "Secret of the TOTP, as it was shown beside the QR code"),
    Field("mpin", "MPIN"),
    # Kotak's pages disagree about the window: 15:45 to 08:57 in the newest, narrower in older ones.
    Field("amo_from", "After-market orders from (IST)", secret=False, default="16:05"),
    Field("amo_until", "After-market orders until (IST)", secret=False, default="08:55"),
    CONNECT_BY,
)
ADDRESSES = {
    "login": "https://mis.kotaksecurities.com",
    "config": "https://lapi.kotaksecurities.com/5config/config",  # where the feeds of a data centre are looked up
    "prices": "",  # of the price feed: see `addresses`
    "orders": "",  # of the order feed: see `addresses`
}
_HINT = ((9, 1.0), (300, 60.0), (5000, 3600.0))
"""The default limits of Kotak's own client; no source has those of the server. Ten orders a second need a registered algo."""


class KotakNeoAdapter:
    """The declaration of this broker; what it needs is loaded when an account is opened."""

    name = NAME
    capabilities = CAPABILITIES
    fields = FIELDS
    addresses: Mapping[str, str] = ADDRESSES
    limits: Mapping[str, tuple[tuple[int, float], ...]] = {"orders": _HINT, "reads": _HINT}

    def open(self, account: BrokerAccount) -> KotakNeoBroker:
        from tradectl.brokers.kotak_neo.broker import KotakNeoBroker

        return KotakNeoBroker(account)

    def prices(self, account: BrokerAccount) -> KotakPrices:
        from tradectl.brokers.kotak_neo.api import KotakApi
        from tradectl.brokers.kotak_neo.prices import KotakPrices

        return KotakPrices(account, KotakApi(account))

    def login(self, account: BrokerAccount, ask: Ask) -> LoginSession:
        from tradectl.brokers.kotak_neo.login import login

        return login(account, ask)


ADAPTER = KotakNeoAdapter()
