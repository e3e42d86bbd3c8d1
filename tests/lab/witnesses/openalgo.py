"""OpenAlgo: the `openalgo` client and our adapter before the sandbox. There are no after-market orders, and no tags."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

import pytest

from tests.lab.witnesses.script import Client, Stand
from tests.support.brokers.vault import MemoryVault
from tradectl.brokers.adapter import BrokerAccount, Field
from tradectl.brokers.openalgo import ADAPTER
from tradectl.brokers.openalgo.broker import OpenAlgoBroker
from tradectl.lab.sandboxes.openalgo import OpenAlgoSandbox
from tradectl.model.order import OrderRequest, Side

KEY = "kit-key"


class OpenAlgoStand(Stand):
    sandbox: OpenAlgoSandbox

    def serve(self) -> OpenAlgoSandbox:
        return OpenAlgoSandbox(self.fixture.exchange, self.fixture.clock, api_key=KEY)


def said(answer: Any) -> Any:
    """Return a reply of the client, which puts what went wrong into the reply."""
    assert answer["status"] == "success", answer
    return answer


def official_client() -> Any:
    """Import the class of OpenAlgo's client. With numba its indicators would be compiled for 15 seconds, unused."""
    with pytest.MonkeyPatch.context() as patched:
        if find_spec("numba"):
            patched.setattr("numba.config.DISABLE_JIT", 1)
        from openalgo import api
    return api


class Keyed(Client):
    """A client whose key is hidden on the page."""

    amo = False

    def secrets(self) -> Mapping[str, str]:
        return {KEY: "API key"}


class Official(Keyed):
    """OpenAlgo's own client, called as its documentation has it."""

    def __init__(self, stand: OpenAlgoStand) -> None:
        self.client = official_client()(KEY, host=stand.recorder.url)

    def login(self) -> None:
        """There is no session: what our adapter asks at its login is asked, as far as the client can."""
        said(self.client.analyzerstatus())
        said(self.client.funds())

    def place(self, side: Side, quantity: int, price: int, tag: str, symbol: str = "ACME", *, amo: bool) -> str:
        placed = self.client.placeorder(
            strategy="tradectl", symbol=symbol, action=side.value, exchange="NSE", price_type="LIMIT", product="CNC",
            quantity=quantity, price=f"{price / 100:.2f}", trigger_price="0", disclosed_quantity="0",
        )  # fmt: skip
        return str(said(placed)["orderid"])

    def modify(self, number: str, quantity: int, price: int, *, amo: bool) -> None:
        said(
            self.client.modifyorder(
                order_id=number, strategy="tradectl", symbol="ACME", action="SELL", exchange="NSE", price_type="LIMIT",
                product="CNC", quantity=quantity, price=f"{price / 100:.2f}", disclosed_quantity="0", trigger_price="0",
            )
        )  # fmt: skip

    def cancel(self, number: str, *, amo: bool) -> None:
        said(self.client.cancelorder(order_id=number, strategy="tradectl"))

    def reads(self, number: str) -> Mapping[str, Callable[[], Any]]:
        client = self.client
        return {
            "orders": lambda: said(client.orderbook())["data"]["orders"],
            "order": lambda: said(client.orderstatus(order_id=number, strategy="tradectl"))["data"],
            "trades": lambda: said(client.tradebook())["data"],
            "positions": lambda: said(client.positionbook())["data"],
            "holdings": lambda: said(client.holdings())["data"]["holdings"],
            "funds": lambda: said(client.funds())["data"],
            "quotes": lambda: said(client.multiquotes(symbols=[{"symbol": "ACME", "exchange": "NSE"}]))["results"],
            "quote": lambda: said(client.quotes(symbol="ACME", exchange="NSE"))["data"],
            "mode": lambda: said(client.analyzerstatus())["data"],
        }


class Ours(Keyed):
    """Our adapter, called as the tasks call it."""

    def __init__(self, stand: OpenAlgoStand) -> None:
        self.account = BrokerAccount(
            "kit", stand.fixture.clock, stand.fixture.sessions, stand.fixture.market, MemoryVault({"api_key": KEY}), stand.folder,
            addresses={"api": stand.recorder.url},
        )  # fmt: skip
        self.broker: OpenAlgoBroker = ADAPTER.open(self.account)

    def login(self) -> None:
        def nobody(field: Field) -> str:
            raise AssertionError(f"{field.name} is asked")

        ADAPTER.login(self.account, nobody)

    def place(self, side: Side, quantity: int, price: int, tag: str, symbol: str = "ACME", *, amo: bool) -> str:
        return self.broker.place(OrderRequest(tag, symbol, side, quantity, price))

    def modify(self, number: str, quantity: int, price: int, *, amo: bool) -> None:
        self.broker.modify(number, quantity=quantity, price=price)

    def cancel(self, number: str, *, amo: bool) -> None:
        self.broker.cancel(number)

    def reads(self, number: str) -> Mapping[str, Callable[[], Any]]:
        broker = self.broker
        return {
            "orders": broker.orders,
            "trades": broker.trades,
            "holdings": broker.holdings,
            "funds": broker.funds,
            "quotes": lambda: broker.quotes(["ACME"]),
            "mode": broker.remarks,
        }

    def close(self) -> None:
        self.broker.close()
