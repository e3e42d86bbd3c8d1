"""OpenAlgo, a server that the user runs before some thirty brokers: an account behind the port `Broker`, over its REST API.

error_mapping  what a reply means: its status and message as one of the program's errors
api            requests with the API key, and none before it is sure that the server trades for real
times          the moments in its rows, some of which have no date
rows           its rows, each parsed once
balances       holdings, and funds net of what is blocked and spent
holidays       the list of trading holidays that the server keeps
prices         quotes without a way to an order, and how old they may be
login          what stands for a session, since the server itself is logged in at its broker
broker         the account

Sources: marketcalls/openalgo v2.0.2.1 and its documentation (to 2026-08). What none of them states is a constant with its
reason beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from tradectl.brokers.adapter import Ask, BrokerAccount, Field, LoginSession
from tradectl.ports import Capabilities

if TYPE_CHECKING:
    from tradectl.brokers.openalgo.broker import OpenAlgoBroker
    from tradectl.brokers.openalgo.prices import OpenAlgoPrices
    from tradectl.exchange.holiday_list import HolidayList


class OpenAlgoAdapter:
    """The declaration.

    OpenAlgo's order schema has no field for a tag or for an after-market order, its order book none for what is filled, and no
    source says how long an accepted order may stay invisible. How often an order may be changed depends on the broker behind
    it; the least that is known of any of them is declared (25, Zerodha).
    """

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
    """Its defaults, by address (source: documentation, rate limiting); the operator of the server may have set others."""

    def open(self, account: BrokerAccount) -> OpenAlgoBroker:
        from tradectl.brokers.openalgo.broker import OpenAlgoBroker

        return OpenAlgoBroker(account, self.capabilities)

    def prices(self, account: BrokerAccount) -> OpenAlgoPrices:
        from tradectl.brokers.openalgo.api import OpenAlgoReads
        from tradectl.brokers.openalgo.prices import OpenAlgoPrices

        return OpenAlgoPrices(account, OpenAlgoReads(account))

    def holidays(self, account: BrokerAccount, year: int) -> HolidayList:
        from tradectl.brokers.openalgo.api import OpenAlgoReads
        from tradectl.brokers.openalgo.holidays import holidays

        reads = OpenAlgoReads(account)
        try:
            return holidays(reads, year)
        finally:
            reads.close()

    def login(self, account: BrokerAccount, ask: Ask) -> LoginSession:  # noqa: ARG002 - there is nothing to ask a person
        from tradectl.brokers.openalgo.login import login

        return login(account)


ADAPTER = OpenAlgoAdapter()
