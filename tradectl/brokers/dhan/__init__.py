"""Connect a Dhan account to the port `Broker`, over the REST API of DhanHQ v2.

error_mapping  map the status and DH-code of a reply to the program's errors
api            send requests with the session's token
amo_windows    when an order may be sent, and whether an after-market order still waits at Dhan
instruments    the day's list of instruments: symbols, series, security ids, ticks
rows           parse the JSON rows of the day
balances       holdings and funds
prices         read quotes; this module cannot send an order
login          make a session from the token that a person generates at web.dhan.co
broker         the account

The entry points in pyproject.toml register the adapter, as they would one of another package. It follows
docs/how-to/add-a-broker.md.

Sources: dhanhq.co/docs/v2 (orders, annexure, portfolio, funds, market quote, authentication, release notes; to 2026-06), the
official client dhanhq 2.3.0, and replies that public repositories have measured (2026-09). A value that no source states is a
constant, with its reason beside it.
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
    """Declare the capabilities, settings, addresses and rate limits of Dhan.

    Dhan documents neither idempotency nor a visibility lag. It accepts a `correlationId` of 25 characters and rejects one of 26
    (measured 2026-09; the documentation says 30). It rejects a change of an after-market order that still waits (DH-906).
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
    """Pairs of a number of requests and a span in seconds. Source: dhanhq.co/docs/v2, rate limits."""

    def open(self, account: BrokerAccount) -> DhanBroker:
        """Return the broker of an account. Sends no request."""
        from tradectl.brokers.dhan.broker import DhanBroker

        return DhanBroker(account, self.capabilities)

    def prices(self, account: BrokerAccount) -> DhanPrices:
        """Return a source of quotes, which cannot send an order. Sends no request."""
        from tradectl.brokers.dhan.api import DhanReads
        from tradectl.brokers.dhan.prices import DhanPrices

        return DhanPrices(account, DhanReads(account))

    def login(self, account: BrokerAccount, ask: Ask) -> LoginSession:
        """Make and store a session; see `dhan.login.login`."""
        from tradectl.brokers.dhan.login import login

        return login(account, ask)


ADAPTER = DhanAdapter()
