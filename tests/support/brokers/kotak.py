"""Kotak Neo in one hand: an exchange, the sandbox over it, and an account whose adapter talks to it through real sockets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from tests.support.brokers.exchange import Floor
from tests.support.brokers.vault import MemoryVault
from tradectl.brokers.adapter import BrokerAccount, Field, LoginSession
from tradectl.brokers.kotak_neo import ADAPTER
from tradectl.brokers.kotak_neo.broker import KotakNeoBroker
from tradectl.brokers.kotak_neo.feed import REALTIME
from tradectl.errors import LoginNeeded
from tradectl.lab.sandboxes.kotak_neo import KotakNeoSandbox, RegisteredClient
from tradectl.lab.sandboxes.server import Request, Response
from tradectl.model.order import OrderReport, OrderRequest, Side, TradeReport, Variety

CLIENT = RegisteredClient("key-1", "+919800000000", "ASHA1", "JBSWY3DPEHPK3PXP", "246810")
TIMEOUT = (3.0, 1.0)
"""Seconds for a connection, and for an answer."""


class Listening(KotakNeoSandbox):
    """Keeps what it was asked, and may answer something else at one path."""

    slow = 1.5

    def __init__(self, *words: Any, **names: Any) -> None:
        super().__init__(*words, **names)
        self.heard: list[tuple[str, Mapping[str, str]]] = []
        self.instead: dict[str, Response] = {}

    def answer(self, request: Request) -> Response:
        if "jData" in request.form:
            self.heard.append((request.path, json.loads(request.form["jData"])))
        return self.instead.get(request.path) or super().answer(request)


def nobody(wanted: Field) -> str:
    raise LoginNeeded(f"{wanted.question} is needed, and no person is there")


def credentials(client: RegisteredClient = CLIENT) -> dict[str, str]:
    names = ("consumer_key", "mobile_number", "ucc", "totp_secret", "mpin")
    return {name: getattr(client, name) for name in names}


@dataclass
class Neo:
    """A floor behind the sandbox; `broker` is the adapter."""

    floor: Floor
    sandbox: Listening
    account: BrokerAccount
    broker: KotakNeoBroker
    tags: Iterator[int] = field(default_factory=lambda: iter(range(1, 1000)))

    @property
    def vault(self) -> MemoryVault:
        assert isinstance(self.account.vault, MemoryVault)
        return self.account.vault

    def login(self) -> LoginSession:
        return ADAPTER.login(self.account, nobody)

    def to(self, day: Any, text: str) -> None:
        self.floor.to(day, text)

    def place(
        self, side: Side, quantity: int, price: int, symbol: str = "ACME", *, amo: bool = False, tag: str | None = None
    ) -> str:
        variety = Variety.AMO if amo else Variety.REGULAR
        name = tag or f"TAG{next(self.tags)}"
        return self.broker.place(OrderRequest(name, symbol, side, quantity, price, variety=variety))

    def buy(self, quantity: int, price: int, symbol: str = "ACME", **how: Any) -> str:
        return self.place(Side.BUY, quantity, price, symbol, **how)

    def sell(self, quantity: int, price: int, symbol: str = "ACME", **how: Any) -> str:
        return self.place(Side.SELL, quantity, price, symbol, **how)

    def order(self, number: str) -> OrderReport:
        return next(item for item in self.broker.orders() if item.broker_order_id == number)

    def fills(self, number: str) -> list[TradeReport]:
        return [item for item in self.broker.trades() if item.broker_order_id == number]

    def with_other(self, **told: str) -> BrokerAccount:
        """The same account with other credentials, and without a session."""
        return replace(self.account, vault=MemoryVault({**self.vault.credentials, **told}))


@contextmanager
def neo_over(floor: Floor, folder: Path, *, allowed: tuple[str, ...] = (), stream: bool = False) -> Iterator[Neo]:
    """Logged in at the floor's moment."""
    facts: dict[str, Any] = {"market": lambda: floor.market, "client": CLIENT, "allowed": allowed, "stream": stream}
    sandbox = Listening(floor.another, clock=floor.clock, **facts)
    streams = {"prices": sandbox.stream_url, "orders": sandbox.stream_url + REALTIME} if stream else {}
    with sandbox:
        account = BrokerAccount(
            "asha", floor.clock, floor.sessions, floor.market, MemoryVault(credentials()), folder,
            addresses={"login": sandbox.url, **streams}, timeout=TIMEOUT,
        )  # fmt: skip
        broker = KotakNeoBroker(account)
        made = Neo(floor, sandbox, account, broker)
        made.login()
        yield made
        broker.close()


MakeNeo = Callable[..., Neo]
