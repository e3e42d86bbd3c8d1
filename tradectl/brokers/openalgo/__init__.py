"""OpenAlgo, a server of one's own before some thirty brokers: an account behind the port `Broker`, over its REST API.

judging   what an answer means: its status and message as one of our errors
api       requests with the API key, and none before it is sure that the server trades for real
times     the moments in its rows, some of which have no date
rows      its rows, each parsed once
shares    holdings and today's net positions as one count of shares
money     funds, net of what is blocked and spent
quotation prices, and how old they may be
prices    quotes without a way to an order
login     what stands for a session, since the server itself is logged in at its broker
broker    the account

Sources: marketcalls/openalgo v2.0.2.1 and its documentation (to 2026-08). What none of them states is a constant with its reason
beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from tradectl.brokers.adapter import Account, Ask, Field, Session
from tradectl.ports import Capabilities

if TYPE_CHECKING:
    from tradectl.brokers.openalgo.broker import OpenAlgoBroker
    from tradectl.brokers.openalgo.prices import OpenAlgoPrices


class OpenAlgoAdapter:
    """The declaration. Its order schema has no field for a tag or for an after-market order, its order book none for what is
    filled, and nobody says how long an accepted order may stay invisible. How often an order may be changed is up to the broker
    behind it; the least that is known of any of them is declared (25, Zerodha)."""

    name = "openalgo"
    capabilities = Capabilities(
        visibility_lag=None,
        refuses_repeated_tag=False,
        preopen_prices=False,
        max_modifications=25,
        amo=False,
        tag_length=0,
        tag_survives_modify=False,
        filled_in_book=False,
    )
    fields = (Field("api_key", "the API key that your OpenAlgo server shows under API Key"),)
    addresses: Mapping[str, str] = MappingProxyType({"api": "http://127.0.0.1:5000"})
    limits: Mapping[str, tuple[tuple[int, float], ...]] = MappingProxyType({"orders": ((10, 1.0),), "other": ((50, 1.0),)})
    """Its defaults, by address (source: documentation, rate limiting); whoever runs it may have set others."""

    def open(self, account: Account) -> OpenAlgoBroker:
        from tradectl.brokers.openalgo.broker import OpenAlgoBroker

        return OpenAlgoBroker(account, self.capabilities)

    def prices(self, account: Account) -> OpenAlgoPrices:
        from tradectl.brokers.openalgo.api import Reads
        from tradectl.brokers.openalgo.prices import OpenAlgoPrices

        return OpenAlgoPrices(account, Reads(account))

    def login(self, account: Account, ask: Ask) -> Session:  # noqa: ARG002 - there is nothing to ask a person
        from tradectl.brokers.openalgo.login import login

        return login(account)


ADAPTER = OpenAlgoAdapter()
