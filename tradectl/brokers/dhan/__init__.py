"""Dhan, through the DhanHQ API v2: an account behind the port `Broker`, over its REST API.

error_mapping  what a reply means: its status and DH-code as one of the program's errors
api            requests with the session's token
amo_windows    when an order is sent, and whether it still waits as an after-market order
instruments    the day's list of instruments: symbols, series, security ids, ticks
rows           the JSON rows of the day, each parsed once
balances       holdings and funds
prices         quotes, without a way to an order
login          a session from the token that a person generates at web.dhan.co
broker         the account

It is registered by the entry points that any other package would use, and written by docs/how-to/add-a-broker.md.

Sources: dhanhq.co/docs/v2 (orders, annexure, portfolio, funds, market quote, authentication, release notes; to 2026-06), the
official client dhanhq 2.3.0, and replies that public repositories have measured (2026-09). What none of them states is a
constant with its reason beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from tradectl.brokers.adapter import Ask, BrokerAccount, Field, LoginSession
from tradectl.brokers.http.address_family import CONNECT_BY
from tradectl.ports import Capabilities

if TYPE_CHECKING:
    from tradectl.brokers.dhan.broker import DhanBroker
    from tradectl.brokers.dhan.prices import DhanPrices


class DhanAdapter:
    """The declaration. Dhan states no idempotency and no visibility lag.

    `tag_length`: a `correlationId` of 25 characters is taken, one of 26 is refused (measured 2026-09; the documentation says
    30). A waiting after-market order is not changed (DH-906).
    """

    name = "dhan"
    capabilities = Capabilities(
        visibility_lag=None,
        refuses_repeated_tag=False,
        preopen_prices=False,
        max_modifications=25,
        amo_changes=False,
        tag_length=25,
        tag_survives_modify=False,  # not documented
    )
    fields = (Field("client_id", "your Dhan client id", secret=False), CONNECT_BY)
    addresses: Mapping[str, str] = MappingProxyType({"api": "https://api.dhan.co/v2", "web": "https://web.dhan.co"})
    limits: Mapping[str, tuple[tuple[int, float], ...]] = MappingProxyType(
        {
            "orders": ((10, 1.0), (250, 60.0), (1000, 3600.0), (7000, 86_400.0)),
            "quote": ((1, 1.0),),
            "other": ((20, 1.0),),
        }
    )
    """Source: dhanhq.co/docs/v2, rate limits."""

    def open(self, account: BrokerAccount) -> DhanBroker:
        from tradectl.brokers.dhan.broker import DhanBroker

        return DhanBroker(account, self.capabilities)

    def prices(self, account: BrokerAccount) -> DhanPrices:
        from tradectl.brokers.dhan.api import DhanReads
        from tradectl.brokers.dhan.prices import DhanPrices

        return DhanPrices(account, DhanReads(account))

    def login(self, account: BrokerAccount, ask: Ask) -> LoginSession:
        from tradectl.brokers.dhan.login import login

        return login(account, ask)


ADAPTER = DhanAdapter()
