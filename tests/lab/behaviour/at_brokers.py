"""A live home at any of our adapters: the trading world of a test behind the broker's sandbox, over real sockets.

What the sandbox answers can be edited in the broker's own words: its rows (`edits`), its list of instruments (`listed`), a path
that is down (`down`), a reply to every new order (`reply`). `posted` keeps the new orders as they were sent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tests.support.brokers.kotak import CLIENT, credentials
from tests.support.brokers.kotak import nobody as unattended
from tests.support.brokers.vault import MemoryVault
from tests.support.trading import SESSIONS, Trading
from tests.support.zerodha import KEY, SECRET, browse
from tradectl.brokers.account.guard import GuardedBroker
from tradectl.brokers.adapter import Ask, BrokerAccount, adapter
from tradectl.brokers.paper import PaperBroker
from tradectl.lab.sandboxes.dhan import DhanSandbox
from tradectl.lab.sandboxes.kite import KiteSandbox
from tradectl.lab.sandboxes.kotak_neo import KotakNeoSandbox
from tradectl.lab.sandboxes.openalgo import OpenAlgoSandbox
from tradectl.lab.sandboxes.server import Request, Response, Sandbox
from tradectl.ledger.arming import BROKER, LOGGED_IN_UNTIL, Arming
from tradectl.world import World

Row = dict[str, Any]
Edit = Callable[[list[Row]], list[Row]]
KINDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "kite": {
        "orders": ("GET /orders",),
        "trades": ("GET /trades",),
        "holdings": ("GET /portfolio/holdings",),
        "positions": ("GET /portfolio/positions",),
        "list": ("GET /instruments",),
        "place": ("POST /orders",),
    },
    "kotak_neo": {
        "orders": ("GET /quick/user/orders",),
        "trades": ("GET /quick/user/trades",),
        "holdings": ("GET /portfolio/v1/holdings",),
        "positions": ("GET /portfolio/v2/positions", "GET /quick/user/positions"),
        "list": ("GET /wso2-scripmaster",),
        "place": ("POST /quick/order/rule/ms/place",),
    },
    "dhan": {
        "orders": ("GET /v2/orders",),
        "trades": ("GET /v2/trades",),
        "holdings": ("GET /v2/holdings",),
        "positions": ("GET /v2/positions",),
        "list": ("GET /v2/instrument",),
        "place": ("POST /v2/orders",),
    },
    "openalgo": {
        "orders": ("POST /api/v1/orderbook",),
        "trades": ("POST /api/v1/tradebook",),
        "holdings": ("POST /api/v1/holdings",),
        "positions": ("POST /api/v1/positionbook",),
        "list": ("POST /api/v1/symbol",),
        "place": ("POST /api/v1/placeorder",),
    },
}
"""Where each kind of request is, by its beginning."""


@dataclass
class Wire:
    """What is edited of a sandbox's answers, by kind."""

    name: str
    edits: dict[str, Edit] = field(default_factory=dict)
    listed: Callable[[str], str] | None = None
    down: set[str] = field(default_factory=set)
    reply: tuple[int, Any] | None = None
    posted: list[Row] = field(default_factory=list)

    def kind(self, request: Request) -> str:
        call = f"{request.method} {request.path}"
        kinds = KINDS[self.name].items()
        return next((kind for kind, begins in kinds if call.startswith(begins)), "")

    def answer(self, request: Request, ask: Callable[[Request], Response]) -> Response:
        kind = self.kind(request)
        if kind in self.down:
            return Response(503, b"<html>down</html>", "text/html")
        if kind == "place":
            self.posted.append(self._sent(request))
            if self.reply is not None:
                return Response.of(self.reply[1], self.reply[0])
        found = ask(request)
        if kind == "list" and self.listed is not None:
            return Response(found.status, self.listed(found.body.decode()).encode(), found.kind)
        return self._edited(found, self.edits[kind], kind) if kind in self.edits else found

    def _sent(self, request: Request) -> Row:
        if self.name in {"openalgo", "dhan"}:
            return dict(request.json())
        return dict(json.loads(request.form["jData"])) if self.name == "kotak_neo" else dict(request.form)

    def _edited(self, found: Response, edit: Edit, kind: str) -> Response:
        content = json.loads(found.body)
        if self.name == "openalgo":
            inner = content["data"]
            if isinstance(inner, dict):
                inner[kind] = edit(inner[kind])
            else:
                content["data"] = edit(inner)
        elif self.name == "dhan":  # one order is a row by itself, and an empty account an error
            content = edit(content if isinstance(content, list) else [content] if "orderId" in content else [])
        elif self.name == "kite":
            content["data"] = edit(content["data"])
        else:  # Kotak has a failure in the place of an empty list
            content = {"stat": "Ok", "stCode": 200, "data": edit(content.get("data") or [])}
        return Response.of(content)

    @property
    def prices(self) -> list[str]:
        """The prices of the new orders, as they were sent."""
        if self.name == "dhan":
            return [f"{row['price']:.2f}" for row in self.posted]
        return [row["pr" if self.name == "kotak_neo" else "price"] for row in self.posted]

    @property
    def quantities(self) -> list[int]:
        return [int(row["qt" if self.name == "kotak_neo" else "quantity"]) for row in self.posted]


def _with_wire(base: type[Sandbox], wire: Wire) -> type[Any]:
    class Edited(base):  # type: ignore[valid-type, misc]
        def answer(self, request: Request) -> Response:
            return wire.answer(request, super().answer)

    return Edited


def _served(wire: Wire, market: Trading, **more: Any) -> tuple[Any, Mapping[str, str], Ask, Callable[[Any], Mapping[str, str]]]:
    """A sandbox, what a user tells of himself, who answers a login, and the addresses by the sandbox that runs."""

    def near() -> PaperBroker:
        return PaperBroker(market.folder / "paper.db", "asha", market.clock, market.market, SESSIONS, durable=False)

    if wire.name == "kite":
        made = _with_wire(KiteSandbox, wire)(near, lambda: market.market, market.clock, SESSIONS, **more)
        told = {"api_key": KEY, "api_secret": SECRET}
        return made, told, browse, lambda on: {"api": on.url, "login": f"{on.url}/connect/login"}
    if wire.name == "kotak_neo":
        made = _with_wire(KotakNeoSandbox, wire)(near, clock=market.clock, market=lambda: market.market, client=CLIENT, **more)
        return made, credentials(), unattended, lambda on: {"login": on.url}
    if wire.name == "dhan":
        made = _with_wire(DhanSandbox, wire)(near, lambda: market.market, market.clock, **more)
        return (
            made,
            {"client_id": "1000000001"},
            lambda _: str(made.tokens.generate()),
            lambda on: {"api": f"{on.url}/v2", "web": f"{on.url}/web"},
        )
    made = _with_wire(OpenAlgoSandbox, wire)(near, market.clock, api_key="key", market=lambda: market.market, **more)
    return made, {"api_key": "key"}, unattended, lambda on: {"api": on.url}


@contextmanager
def at_broker(market: Trading, name: str, **more: Any) -> Iterator[Wire]:
    """Trade the account of a test at a broker from now on: logged in, armed, and live. `more`: what the sandbox is made with, and
    `told` what the user says beside his credentials."""
    wire, further = Wire(name), more.pop("told", {})
    sandbox, told, answers, addresses = _served(wire, market, **more)
    with sandbox as on:
        vault = MemoryVault({**told, **further})
        account = BrokerAccount(
            "asha",
            market.clock,
            SESSIONS,
            market.market,
            vault,
            market.folder / name,
            addresses=addresses(on),
            timeout=(3.0, 3.0),
        )
        found = adapter(name)
        found.login(account, answers)
        arming = Arming(market.ledger, name)
        arming.arm(market.clock.now())
        kept = market.ledger.settings.credentials(market.folder / "secret.key")
        kept.set(BROKER, name, secret=False)
        kept.set(f"{name}.{LOGGED_IN_UNTIL}", (market.clock.now() + timedelta(days=1)).isoformat(), secret=False)
        broker = GuardedBroker(found.open(account), arming, market.clock, SESSIONS, market.market, marker=market.marker)
        paper = market.world
        market.world = World(  # type: ignore[assignment]
            paper.user, "live", paper.clock, paper.sessions, paper.market, broker, paper.ledger, paper.notifier, paper.parameters,
            paper.readings, paper.marker,
        )  # fmt: skip
        try:
            yield wire
        finally:
            broker.close()
            market.world = paper
