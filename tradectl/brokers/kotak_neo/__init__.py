"""Kotak Neo's Trade API, in its third generation (login by TOTP and MPIN, orders at the address that the login returns).

declaration    what the adapter declares
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

from tradectl.brokers.kotak_neo.declaration import ADDRESSES, CAPABILITIES, FIELDS, LIMITS, NAME

if TYPE_CHECKING:
    from tradectl.brokers.adapter import Ask, BrokerAccount, LoginSession
    from tradectl.brokers.kotak_neo.broker import KotakNeoBroker
    from tradectl.brokers.kotak_neo.prices import KotakPrices


class KotakNeoAdapter:
    """The declaration of this broker; what it needs is loaded when an account is opened."""

    name = NAME
    capabilities = CAPABILITIES
    fields = FIELDS
    addresses: Mapping[str, str] = ADDRESSES
    limits = LIMITS

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
