"""Connect an account behind an OpenAlgo server to the port `Broker`, over OpenAlgo's REST API.

The user runs the server, which connects to one of about thirty brokers.

error_mapping  map the status and message of a reply to the program's errors
api            send requests with the API key; check before a command that the server trades for real
times          read the times in the rows, some of which have no date
rows           parse OpenAlgo's rows
balances       holdings, and funds less what is blocked and spent
holidays       read the server's list of trading holidays
prices         read quotes and derive their times; this module cannot send an order
login          check the server, and store a session
broker         the account

Sources: marketcalls/openalgo v2.0.2.1 and its documentation (to 2026-08). A value that no source states is a constant, with its
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
    """Declare the capabilities, settings, addresses and rate limits of OpenAlgo.

    OpenAlgo's order schema has no field for a tag or for an after-market order. Its order book has no filled quantity. No source
    states how long an accepted order may be missing from the book. How often an order may be changed depends on the broker
    behind OpenAlgo; the lowest known limit is declared (25, Zerodha).
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
    """Pairs of a number of requests and a span in seconds: OpenAlgo's defaults for one client address.

    Source: documentation, rate limiting. The operator of the server may have set other limits.
    """

    def open(self, account: BrokerAccount) -> OpenAlgoBroker:
        """Return the broker of an account. Sends no request."""
        from tradectl.brokers.openalgo.broker import OpenAlgoBroker

        return OpenAlgoBroker(account, self.capabilities)

    def prices(self, account: BrokerAccount) -> OpenAlgoPrices:
        """Return a source of quotes, which cannot send an order. Sends no request."""
        from tradectl.brokers.openalgo.api import OpenAlgoReads
        from tradectl.brokers.openalgo.prices import OpenAlgoPrices

        return OpenAlgoPrices(account, OpenAlgoReads(account))

    def holidays(self, account: BrokerAccount, year: int) -> HolidayList:
        """Return the server's list of trading holidays of a year; see `openalgo.holidays.holidays`."""
        from tradectl.brokers.openalgo.api import OpenAlgoReads
        from tradectl.brokers.openalgo.holidays import holidays

        reads = OpenAlgoReads(account)
        try:
            return holidays(reads, year)
        finally:
            reads.close()

    def login(self, account: BrokerAccount, ask: Ask) -> LoginSession:  # noqa: ARG002 - the login needs no input
        """Check the server and store a session; see `openalgo.login.login`."""
        from tradectl.brokers.openalgo.login import login

        return login(account)


ADAPTER = OpenAlgoAdapter()
