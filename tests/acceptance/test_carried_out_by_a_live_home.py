"""A live home in processes of its own, at a broker that carries each order out and answers otherwise: nothing is bought twice.

The evening's `buy`, the same command again, the morning, and the next evening's `buy`, whose signals name the same symbols.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date, time
from pathlib import Path

import pytest

from tests.acceptance.conftest import home_with
from tests.acceptance.program import Server, Tradectl
from tests.support.brokers.kotak import CLIENT, credentials, nobody
from tests.support.zerodha import KEY, SECRET, browse
from tradectl import bootstrap
from tradectl.brokers.paper import PaperBroker
from tradectl.clock import VirtualClock
from tradectl.exchange.sessions import SessionTable
from tradectl.lab.sandboxes.ambiguous_replies import raw
from tradectl.lab.sandboxes.kite import KiteSandbox
from tradectl.lab.sandboxes.kotak_neo import KotakNeoSandbox
from tradectl.lab.sandboxes.response import Response, Shape
from tradectl.lab.sandboxes.server import Sandbox
from tradectl.ledger.arming import Arming
from tradectl.marketdata.store import Store
from tradectl.model.moment import at_ist
from tradectl.settings import load

EVENING, MORNING = "2023-02-08", "2023-02-09"
SYMBOLS = ("ADANIGREEN", "ADANITRANS", "DIXON")
"""Signals of both evenings name them."""
CASH = 10_00_000_00
ORDERS = ("/orders/", "/quick/order/rule")


def told(status: int, body: object) -> Shape:
    """Return a reply that comes in place of the true one."""
    return Shape("", lambda _true: raw(status, json.dumps(body).encode()))


def without_id(number: str) -> Shape:
    """Return Kite's success with another text in place of the order's number."""

    def made(true: Response) -> bytes:
        order_id = json.loads(true.body)["data"]["order_id"]
        return raw(200, true.body.replace(json.dumps(order_id).encode(), number.encode()))

    return Shape("", made)


LIES = {
    "kite": (
        told(429, {"status": "error", "message": "Too many requests", "error_type": "NetworkException", "data": None}),
        without_id("null"),
        without_id("7" * 5000),
    ),
    "kotak_neo": (
        told(408, {"stat": "Not_Ok", "errMsg": "Request Timeout"}),
        told(200, {"error": "upstream request timeout"}),
        told(200, {"stat": "Not_Ok", "errMsg": "Request timed out", "stCode": 5204}),
    ),
}
"""What the broker answers to the first, the second and the third order, each of which it has carried out."""


class Live:
    """A live home, and the broker's server in this process. Each command is a process whose clock is at a moment."""

    def __init__(self, home: Tradectl, name: str, market: Path, set_clock: Callable[[str], None]) -> None:
        self.home, self.name, self._set_clock = home, name, set_clock
        self.clock, self._sessions, self._market = VirtualClock(at_ist(date(2023, 2, 8), time(8))), SessionTable.load(), market
        self.exchange = self.near()
        self.sandbox = self._sandbox()

    def near(self) -> PaperBroker:
        file = self.home.home.with_name("broker.db")
        return PaperBroker(file, "asha", self.clock, Store(self._market, self._sessions), self._sessions, opening_cash=CASH)

    def _sandbox(self) -> Sandbox:
        if self.name == "kite":
            return KiteSandbox(self.near, lambda: Store(self._market, self._sessions), self.clock, self._sessions)
        return KotakNeoSandbox(self.near, clock=self.clock, market=lambda: Store(self._market, self._sessions), client=CLIENT)

    def __call__(self, *words: str, at: str, cold: bool = False) -> tuple[int, str, str]:
        self.move_to(at)
        home = self.home if cold else self.home.hooked("unlimited")
        said = home.cold(*words) if cold else home(*words)
        return said.code, said.out, said.err

    def move_to(self, at: str) -> None:
        self._set_clock(at)
        day, _, hour = at.partition(" ")
        self.clock.move_to(at_ist(date.fromisoformat(day), time.fromisoformat(hour)))

    def log_in(self, at: str) -> None:
        """Do as `broker set`, `login` and `broker arm` do, with a person at the browser."""
        self.move_to(at)
        settings = load(home=str(self.home.home), environment={})
        kite = self.name == "kite"
        addresses = {"api": self.sandbox.url, "login": f"{self.sandbox.url}/connect/login"}
        with closing(bootstrap.open_world(settings)) as world:
            account = bootstrap.live_account(settings, world.ledger, world.clock, world.market, world.sessions)
            adapter = account.set_broker(self.name)
            for name, url in (addresses if kite else {"login": self.sandbox.url}).items():
                account.put_address(adapter, name, url)
            for name, value in ({"api_key": KEY, "api_secret": SECRET} if kite else credentials()).items():
                account.vault(adapter).put(name, value)
            account.login(browse if kite else nobody)
            Arming(world.ledger, self.name).arm(world.clock.now())


@contextmanager
def live_home(name: str, market: Path, folder: Path, server: Server, set_clock: Callable[[str], None]) -> Iterator[Live]:
    live = Live(home_with(market, folder / "home", server), name, market, set_clock)
    try:
        with live.sandbox:
            assert live("init", "--mode", "live", "--broker", name, "--capital", "1000000", at=f"{EVENING} 15:50")[0] == 0
            assert live("config", "set", "universe", ",".join(SYMBOLS), at=f"{EVENING} 15:51")[0] == 0
            live.log_in(f"{EVENING} 15:52")
            yield live
    finally:
        live.exchange.close()


@pytest.mark.parametrize("name", LIES)
def test_orders_answered_otherwise_are_bought_once(
    name: str, real_market: Path, tmp_path: Path, server: Server, set_clock: Callable[[str], None]
) -> None:
    with live_home(name, real_market, tmp_path, server, set_clock) as live:
        assert live("analyze", at=f"{EVENING} 16:10")[0] == 0
        for lie in LIES[name]:
            live.sandbox.trouble(lie, method="POST", path=ORDERS)
        code, _, err = live("buy", at=f"{EVENING} 16:15", cold=True)
        assert (code, "Traceback" in err, live.sandbox._troubles) == (0, False, []), err
        assert live("buy", "--force", at=f"{EVENING} 16:30")[0] == 0
        bought = [(report.symbol, report.quantity) for report in live.exchange.orders()]
        assert sorted(symbol for symbol, _ in bought) == list(SYMBOLS)

        live.log_in(f"{MORNING} 07:50")
        live("sell-monitor", "--once", at=f"{MORNING} 09:20")
        positions = json.loads(live("positions", "--json", at=f"{MORNING} 09:21")[1])["result"]
        assert sorted((item["symbol"], item["quantity"]) for item in positions) == sorted(bought)
        assert live("analyze", at=f"{MORNING} 16:10")[0] == 0
        code, out, err = live("buy", "--json", at=f"{MORNING} 16:15")
        result = json.loads(out)["result"]
        assert (code, result["placed"], result["skipped_duplicate"]) == (0, 0, len(SYMBOLS)), (out, err)
        assert len([report for report in live.exchange.orders() if report.side == "BUY"]) == len(SYMBOLS)
