"""Connect a Kotak Neo account to the port `Broker`, over the third generation of Kotak's Trade API.

In this generation the login uses TOTP and MPIN, and orders go to the address that the login returns.

declaration    the capabilities, settings, addresses and limits of the adapter
paths          the URL paths
login          make a session from a one-time password and the MPIN
error_mapping  map replies to the program's errors
rows           parse Kotak's rows
amo_windows    when Kotak accepts commands, and whether an order still waits as an after-market order
instruments    the day's list of scrips (instruments)
api            the session, address and headers of all requests
prices         read quotes; this module cannot send an order
broker         the account
packets        the packets of the price feed
addresses      the addresses of the feeds
feed           the messages of the price feed and the order feed
times          the times of trades in the price feed
ticker         live prices and order updates, each over a websocket

Kotak rejects a client tag that it has already seen on the same day. A change of an order deletes its tag: after that, only the
order number identifies the order.
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
    """Declare Kotak Neo. The modules of the adapter are imported only when an account is opened."""

    name = NAME
    capabilities = CAPABILITIES
    fields = FIELDS
    addresses: Mapping[str, str] = ADDRESSES
    limits = LIMITS

    def open(self, account: BrokerAccount) -> KotakNeoBroker:
        """Return the broker of an account. Sends no request."""
        from tradectl.brokers.kotak_neo.broker import KotakNeoBroker

        return KotakNeoBroker(account)

    def prices(self, account: BrokerAccount) -> KotakPrices:
        """Return a source of quotes, which cannot send an order. Sends no request."""
        from tradectl.brokers.kotak_neo.api import KotakApi
        from tradectl.brokers.kotak_neo.prices import KotakPrices

        return KotakPrices(account, KotakApi(account))

    def login(self, account: BrokerAccount, ask: Ask) -> LoginSession:
        """Log in and store the session; see `kotak_neo.login.login`."""
        from tradectl.brokers.kotak_neo.login import login

        return login(account, ask)


ADAPTER = KotakNeoAdapter()
