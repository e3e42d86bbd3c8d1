"""Register Dhan's sandbox: the entry point of the group `tradectl.sandboxes`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from tradectl.brokers.adapter import Field
from tradectl.exchange.sessions import SessionTable
from tradectl.lab.faults import Truth
from tradectl.lab.sandboxes.dhan.server import ROOT, WEB, DhanSandbox
from tradectl.lab.sandboxes.server import Sandbox
from tradectl.lab.sandboxes.start_of_day import number_of
from tradectl.ledger.rows import Order
from tradectl.model.moment import ist_date
from tradectl.ports import Broker, Clock, MarketData


class DhanSandboxEntry:
    """The `BrokerSandbox` of Dhan. Its login value is an access token, which a person generates and pastes."""

    credentials: Mapping[str, str] = {"client_id": "1000000001"}

    def sandbox(
        self,
        exchange: Callable[[], Broker],
        market: MarketData,
        clock: Clock,
        sessions: SessionTable,  # noqa: ARG002 - the protocol's signature
        *,
        memory: Path | None = None,
        port: int = 0,
    ) -> Sandbox:
        client = self.credentials["client_id"]
        made = DhanSandbox(exchange, lambda: market, clock, client=client, memory=memory, port=port)
        self._tokens = made.tokens
        return made

    def addresses(self, url: str) -> Mapping[str, str]:
        return {"api": url + ROOT, "web": url + WEB}

    def answer(self, field: Field) -> str:  # noqa: ARG002 - a login needs only an access token
        return self._tokens.generate()

    def as_reported(self, truth: Truth, ours: Sequence[Order]) -> Truth:  # noqa: ARG002 - Dhan's book has tags
        """Return the exchange's book with Dhan's trade ids: the date, the exchange and the exchange's trade number."""
        trades = (replace(item, trade_id=f"{ist_date(item.at):%Y%m%d}-NSE-{number_of(item)}") for item in truth.trades)
        return replace(truth, trades=tuple(trades))
