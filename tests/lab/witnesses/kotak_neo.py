"""Kotak Neo: Kotak's `kotakneoapi` and our adapter before the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from os import environ
from typing import Any

import httpx
from neo_api_client import NeoAPI, WsToken

from tests.lab.witnesses.script import Client, Stand, wait_until
from tests.support.brokers.kotak import CLIENT, credentials, nobody
from tests.support.brokers.vault import MemoryVault
from tradectl.brokers.adapter import BrokerAccount
from tradectl.brokers.kotak_neo import ADAPTER, login
from tradectl.brokers.kotak_neo.broker import KotakNeoBroker
from tradectl.lab.sandboxes.kotak_neo import CONFIG, KotakNeoSandbox
from tradectl.model.order import OrderReport, OrderRequest, OrderType, Side, Variety

PATIENCE = 10.0
"""Seconds for a frame of a feed."""


class KotakStand(Stand):
    sandbox: KotakNeoSandbox

    def serve(self) -> KotakNeoSandbox:
        fixture = self.fixture
        return KotakNeoSandbox(fixture.exchange, clock=fixture.clock, market=lambda: fixture.market, client=CLIENT, stream=True)

    def streaming(self) -> str:
        return self.sandbox.stream_url

    def subscribed(self) -> bool:
        assert self.sandbox.stream is not None
        return bool(self.sandbox.stream.tokens())


class Redirect(httpx.HTTPTransport):
    """Carries the requests for Kotak's own addresses to another one: the hook that the client has for this (`transport`)."""

    def __init__(self, address: str) -> None:
        super().__init__()
        host, port = address.split(":")
        self._to = {"scheme": "http", "host": host, "port": int(port)}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(**self._to)
        request.headers["Host"] = request.url.netloc.decode()
        return super().handle_request(request)


def said(answer: Any) -> Any:
    """Return a reply of the client, which puts what went wrong into the reply, and some replies into `data`."""
    if isinstance(answer, dict):
        inner = answer["data"] if isinstance(answer.get("data"), dict) else {}
        assert not {"error", "Error", "Error Message"} & answer.keys(), answer
        assert {answer.get("stat", "Ok"), inner.get("stat", "Ok")} == {"Ok"}, answer
    return answer


class Official(Client):
    """Kotak's own client, called as its documentation has it."""

    def __init__(self, stand: KotakStand) -> None:
        self.stand = stand
        environ["NEO_HOLDINGS_CACHE_DIR"] = str(stand.folder / "holdings")  # it would write into the user's home
        self.neo = NeoAPI(CLIENT.consumer_key, transport=Redirect(stand.recorder.address))
        self._known: dict[str, str] = {}

    def login(self) -> None:
        code = login.one_time_password(CLIENT.totp_secret, self.stand.fixture.clock.now())
        viewing = said(self.neo.totp_login(CLIENT.mobile_number, CLIENT.ucc, code))["data"]
        trading = said(self.neo.totp_validate(CLIENT.mpin))["data"]
        said(self.neo.whatsmyip())
        self._known |= {code: "TOTP", viewing["token"]: "view token", viewing["sid"]: "view sid"}
        self._known |= {
            trading["token"]: "token",
            trading["sid"]: "sid",
            CLIENT.mpin: "MPIN",
            CLIENT.consumer_key: "consumer key",
        }

    def place(self, side: Side, quantity: int, price: int, tag: str, symbol: str = "ACME", *, amo: bool) -> str:
        placed = said(
            self.neo.place_order(
                exchange_segment="nse_cm", product="CNC", price=f"{price / 100:.2f}", order_type="L", quantity=str(quantity),
                validity="DAY", trading_symbol=f"{symbol}-EQ", transaction_type=side.value[0], tag=tag,
                amo="YES" if amo else "NO",
            )
        )  # fmt: skip
        return str(placed["nOrdNo"])

    def modify(self, number: str, quantity: int, price: int, *, amo: bool) -> None:
        said(
            self.neo.modify_order(
                order_id=number, price=f"{price / 100:.2f}", order_type="L", quantity=str(quantity), validity="DAY",
                amo="YES" if amo else "NO",
            )
        )  # fmt: skip

    def cancel(self, number: str, *, amo: bool) -> None:
        said(self.neo.cancel_order(number, amo="YES" if amo else "NO"))

    def reads(self, number: str) -> Mapping[str, Callable[[], Any]]:
        neo = self.neo
        return {
            "instruments": lambda: said(neo.scrip_master("nse_cm")),
            "orders": lambda: said(neo.order_report())["data"],
            "order": lambda: said(neo.order_report(number))["data"],
            "order history": lambda: said(neo.order_history(number))["data"],
            "trades": lambda: said(neo.trade_report())["data"],
            "positions": lambda: said(neo.positions())["data"],
            "holdings": lambda: said(neo.holdings())["data"],
            "funds": lambda: said(neo.limits()),
            "margin": lambda: said(neo.margin_required("nse_cm", "100.00", "L", "CNC", "1", self._token(), "B")),
            "quotes": lambda: said(neo.quotes([{"exchange_segment": "nse_cm", "instrument_token": self._token()}], "all")),
            "stream": lambda: asyncio.run(self._tick()),
            "order stream": lambda: asyncio.run(self._order(number)),
            "seen from": lambda: said(neo.whatsmyip())["data"],
        }

    def _token(self) -> str:
        return self.stand.sandbox.scrips.of("ACME").token

    async def _tick(self) -> Any:
        async with self.neo.create_websocket() as feed:
            waiting = asyncio.create_task(feed.subscribe_scrips([WsToken("nse_cm", self._token())]))
            await asyncio.to_thread(wait_until, self.stand.subscribed)
            await waiting
            await asyncio.to_thread(self.stand.sandbox.tick)
            return await asyncio.wait_for(anext(feed), PATIENCE)

    async def _order(self, number: str) -> Any:
        async with self.neo.create_order_feed() as feed:
            await asyncio.to_thread(wait_until, lambda: self.stand.sandbox.stream and self.stand.sandbox.stream.listening)
            await asyncio.to_thread(self.stand.sandbox.tick)
            while True:
                found = await asyncio.wait_for(anext(feed), PATIENCE)
                if getattr(found, "type", "") == "order":
                    return found

    def secrets(self) -> Mapping[str, str]:
        return self._known

    def close(self) -> None:
        self.neo.api_client.rest_client.session.close()


class Ours(Client):
    """Our adapter, called as the tasks call it."""

    def __init__(self, stand: KotakStand) -> None:
        self.stand = stand
        self.vault = MemoryVault(credentials())
        self.account = BrokerAccount(
            "kit", stand.fixture.clock, stand.fixture.sessions, stand.fixture.market, self.vault, stand.folder / "scrips",
            addresses={"login": stand.recorder.url, "config": stand.recorder.url + CONFIG},
        )  # fmt: skip
        self.neo = KotakNeoBroker(self.account)
        self._known: dict[str, str] = {}

    def login(self) -> None:
        ADAPTER.login(self.account, nobody)
        self._known[login.one_time_password(CLIENT.totp_secret, self.stand.fixture.clock.now())] = "TOTP"
        second = [item for item in self.stand.recorder.exchanges if item.path.endswith("tradeApiValidate")][-1]
        session = self.vault.stored
        assert session is not None
        self._known |= {second.headers["auth"]: "view token", second.headers["sid"]: "view sid"}
        self._known |= {session.tokens["token"]: "token", session.tokens["sid"]: "sid"}
        self._known |= {CLIENT.mpin: "MPIN", CLIENT.consumer_key: "consumer key"}

    def place(self, side: Side, quantity: int, price: int, tag: str, symbol: str = "ACME", *, amo: bool) -> str:
        variety = Variety.AMO if amo else Variety.REGULAR
        return self.neo.place(OrderRequest(tag, symbol, side, quantity, price, OrderType.LIMIT, variety))

    def modify(self, number: str, quantity: int, price: int, *, amo: bool) -> None:
        self.neo.modify(number, quantity=quantity, price=price)

    def cancel(self, number: str, *, amo: bool) -> None:
        self.neo.cancel(number)

    def reads(self, number: str) -> Mapping[str, Callable[[], Any]]:
        neo = self.neo
        return {
            "orders": neo.orders,
            "trades": neo.trades,
            "holdings": neo.holdings,
            "funds": neo.funds,
            "quotes": lambda: neo.quotes(["ACME"]),
            "stream": self._tick,
            "seen from": neo.remarks,
        }

    def _tick(self) -> Any:
        heard: list[OrderReport] = []
        with self.neo.ticker(heard.append, pause=0.05) as ticker:
            ticker.subscribe(["ACME"])
            wait_until(self.stand.subscribed)
            self.stand.sandbox.tick()
            wait_until(lambda: ticker.quotes(["ACME"]) and heard)
            return ticker.quotes(["ACME"]), heard

    def secrets(self) -> Mapping[str, str]:
        return self._known

    def close(self) -> None:
        self.neo.close()
