"""Kite Connect: Zerodha's `kiteconnect` and our adapter before the sandbox."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from urllib.request import urlopen

from kiteconnect import KiteConnect

from tests.lab.witnesses.script import Client, Stand, wait_until
from tests.support.brokers.vault import MemoryVault
from tests.support.zerodha import KEY, SECRET, browse
from tradectl.brokers.adapter import BrokerAccount
from tradectl.brokers.kite import ADAPTER
from tradectl.brokers.kite.broker import KiteBroker
from tradectl.lab.sandboxes.fixture import FRIDAY, THURSDAY
from tradectl.lab.sandboxes.kite import KiteSandbox
from tradectl.model.order import OrderRequest, OrderType, Side, Variety

TICKER = """
import json, sys
from kiteconnect import KiteTicker

key, access, root, token = sys.argv[1:]
ticker = KiteTicker(key, access, root=root)

def on_connect(ws, response):
    ws.subscribe([int(token)])
    ws.set_mode(ws.MODE_FULL, [int(token)])

ticker.on_connect = on_connect
ticker.on_ticks = lambda ws, ticks: print(json.dumps(ticks, default=str), flush=True)
ticker.connect()
"""


class KiteStand(Stand):
    sandbox: KiteSandbox

    def serve(self) -> KiteSandbox:
        fixture = self.fixture
        return KiteSandbox(fixture.exchange, lambda: fixture.market, fixture.clock, fixture.sessions, stream=True)

    def streaming(self) -> str:
        return self.sandbox.stream_url

    def subscribed(self) -> bool:
        assert self.sandbox.stream is not None
        return bool(self.sandbox.stream.tokens("full"))


def note(number: str) -> dict[str, Any]:
    """Return an executed order as the virtual contract note wants it."""
    return {
        "order_id": number, "exchange": "NSE", "tradingsymbol": "ACME", "transaction_type": "BUY", "variety": "amo",
        "product": "CNC", "order_type": "LIMIT", "quantity": 12, "average_price": 100.0,
    }  # fmt: skip


def of_login(stand: KiteStand) -> dict[str, str]:
    """Return what the logins so far have shown once: request tokens, checksums, the state of our login's address; and the key."""
    found = {KEY: "API key"}
    for item in stand.recorder.exchanges:
        told = dict(item.query) if item.path == "/connect/login" else dict(parse_qsl(item.body.decode()))
        found |= {told[name]: name for name in ("request_token", "checksum") if name in told}
        if "redirect_params" in told:
            found[told["redirect_params"].partition("state=")[2]] = "state"
    return found


class Official(Client):
    """Zerodha's own client, called as its documentation has it."""

    def __init__(self, stand: KiteStand) -> None:
        self.stand = stand
        self.kite = KiteConnect(KEY, root=stand.recorder.url)

    def login(self) -> None:
        page = urlsplit(self.kite.login_url())
        with urlopen(f"{self.stand.recorder.url}{page.path}?{page.query}") as led:
            token = led.read().decode().partition("request_token=")[2]
        self.kite.generate_session(token, SECRET)
        self.kite.profile()

    def place(self, side: Side, quantity: int, price: int, tag: str, symbol: str = "ACME", *, amo: bool) -> str:
        number: str = self.kite.place_order(
            "amo" if amo else "regular", "NSE", symbol, side.value, quantity, "CNC", "LIMIT", price / 100, "DAY", tag=tag
        )
        return number

    def modify(self, number: str, quantity: int, price: int, *, amo: bool) -> None:
        variety = "amo" if amo else "regular"
        self.kite.modify_order(variety, number, quantity=quantity, price=price / 100, order_type="LIMIT", validity="DAY")

    def cancel(self, number: str, *, amo: bool) -> None:
        self.kite.cancel_order("amo" if amo else "regular", number)

    def reads(self, number: str) -> Mapping[str, Callable[[], Any]]:
        kite = self.kite
        token = {row["tradingsymbol"]: row["instrument_token"] for row in kite.instruments("NSE")}["ACME"]
        bought = kite.orders()[0]["order_id"]
        return {
            "place at market": lambda: kite.place_order(
                "regular", "NSE", "ACME", "BUY", 1, "CNC", "MARKET", validity="DAY", tag="MARKETTAGAAAAAA", market_protection=-1
            ),
            "instruments": lambda: kite.instruments("NSE"),
            "orders": kite.orders,
            "order": lambda: kite.order_history(number),
            "order trades": lambda: kite.order_trades(bought),
            "trades": kite.trades,
            "holdings": kite.holdings,
            "positions": kite.positions,
            "funds": lambda: kite.margins("equity"),
            "margins": kite.margins,
            "quotes": lambda: kite.quote("NSE:ACME", "NSE:RISE"),
            "last prices": lambda: kite.ltp("NSE:ACME"),
            "day's prices": lambda: kite.ohlc("NSE:ACME"),
            "history": lambda: kite.historical_data(token, f"{THURSDAY} 00:00:00", f"{FRIDAY} 23:59:59", "day"),
            "charges": lambda: kite.get_virtual_contract_note([note(bought)]),
            "profile": kite.profile,
            "stream": lambda: self._tick(token),
            "logout": kite.invalidate_access_token,
        }

    def _tick(self, token: int) -> Any:
        stand = self.stand
        assert stand.stream is not None
        words = [sys.executable, "-c", TICKER, KEY, self.kite.access_token, stand.stream.stream_url, str(token)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            try:
                wait_until(stand.subscribed)
                stand.sandbox.tick()
                assert process.stdout is not None
                return json.loads(process.stdout.readline())
            finally:
                process.terminate()

    def secrets(self) -> Mapping[str, str]:
        return {**of_login(self.stand), self.kite.access_token: "access token"}

    def close(self) -> None:
        self.kite.reqsession.close()


class Ours(Client):
    """Our adapter, called as the tasks call it."""

    def __init__(self, stand: KiteStand) -> None:
        self.stand = stand
        url = stand.recorder.url
        assert stand.stream is not None
        addresses = {"api": url, "login": f"{url}/connect/login", "stream": stand.stream.stream_url}
        self.vault = MemoryVault({"api_key": KEY, "api_secret": SECRET})
        self.account = BrokerAccount(
            "kit", stand.fixture.clock, stand.fixture.sessions, stand.fixture.market, self.vault, stand.folder / "lists",
            addresses=addresses,
        )  # fmt: skip
        self.kite: KiteBroker = ADAPTER.open(self.account)

    def login(self) -> None:
        ADAPTER.login(self.account, browse)

    def place(self, side: Side, quantity: int, price: int, tag: str, symbol: str = "ACME", *, amo: bool) -> str:
        variety = Variety.AMO if amo else Variety.REGULAR
        return self.kite.place(OrderRequest(tag, symbol, side, quantity, price, OrderType.LIMIT, variety))

    def modify(self, number: str, quantity: int, price: int, *, amo: bool) -> None:
        self.kite.modify(number, quantity=quantity, price=price)

    def cancel(self, number: str, *, amo: bool) -> None:
        self.kite.cancel(number)

    def reads(self, number: str) -> Mapping[str, Callable[[], Any]]:
        kite = self.kite
        return {
            "place at market": lambda: kite.place(OrderRequest("MARKETTAGAAAAAA", "ACME", Side.BUY, 1, 0, OrderType.MARKET)),
            "orders": kite.orders,
            "trades": kite.trades,
            "holdings": kite.holdings,
            "funds": kite.funds,
            "quotes": lambda: kite.quotes(["ACME", "RISE"]),
            "history": lambda: kite.prices.daily("ACME", THURSDAY, FRIDAY),
            "charges": lambda: kite.charges(kite.orders()[:1]),
            "profile": kite.remarks,
            "stream": self._tick,
        }

    def _tick(self) -> Any:
        with self.kite.ticker(pause=0.05) as ticker:
            ticker.subscribe(["ACME"])
            wait_until(self.stand.subscribed)
            self.stand.sandbox.tick()
            wait_until(lambda: ticker.quotes(["ACME"]))
            return ticker.quotes(["ACME"])

    def secrets(self) -> Mapping[str, str]:
        assert self.vault.stored is not None
        return {**of_login(self.stand), self.vault.stored.tokens["access_token"]: "access token"}

    def close(self) -> None:
        self.kite.close()
