"""A live home at Kite in a test: the trading world of a test behind Kite's wire, over real sockets, at the clock of the test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from tests.support.brokers.vault import MemoryVault
from tests.support.trading import SESSIONS, Trading
from tests.support.zerodha import KEY, SECRET, browse
from tradectl.brokers.account.guard import GuardedBroker
from tradectl.brokers.adapter import BrokerAccount
from tradectl.brokers.kite import ADAPTER
from tradectl.brokers.paper import PaperBroker
from tradectl.lab.sandboxes.kite import KiteSandbox
from tradectl.lab.sandboxes.kite.errors import KiteError
from tradectl.lab.sandboxes.server import Request, Response
from tradectl.ledger.arming import BROKER, LOGGED_IN_UNTIL, Arming
from tradectl.world import World

PATIENT = (120.0, 120.0)
"""Seconds for a connection, and for an answer: on a busy machine a read must not fail, since a failed step has an exit code."""


class OddHoldings(KiteSandbox):
    """Kite's server that answers `held` when it is asked for the holdings (None: the account's own), and refuses every new order
    with the words `refuses` (empty: it takes them). `more_orders` are in the order book beside the account's own, `listed`
    replaces rows of the list of instruments, and `posted` keeps the forms of new orders."""

    held: list[dict[str, Any]] | None = None
    refuses: str = ""
    loses: bool = False
    """Whether it carries new orders out and answers 502."""
    more_orders: Sequence[dict[str, Any]] = ()
    listed: str = ""

    def __init__(self, *words: Any, **names: Any) -> None:
        super().__init__(*words, **names)
        self.posted: list[dict[str, str]] = []

    def answer(self, request: Request) -> Response:
        answer = super().answer(request)
        if not self.listed or not request.path.startswith("/instruments"):
            return answer
        rows = {row.split(",")[2]: row for row in [*answer.body.decode().splitlines(), *self.listed.splitlines()]}
        return replace(answer, body=("\n".join(row for row in rows.values() if row) + "\n").encode())

    def _data(self, request: Request, parts: tuple[str, ...]) -> Any:
        if parts == ("portfolio", "holdings") and self.held is not None:
            return self.held
        found = super()._data(request, parts)
        return [*found, *self.more_orders] if parts == ("orders",) else found

    def _command(self, request: Request, parts: tuple[str, ...]) -> dict[str, str]:
        if request.method == "POST":
            self.posted.append(dict(request.form))
        if request.method == "POST" and self.refuses:
            raise KiteError(400, "InputException", self.refuses)
        done = super()._command(request, parts)
        if request.method == "POST" and self.loses:
            raise KiteError(502, "NetworkException", "Gateway timed out")
        return done


@contextmanager
def at_kite(market: Trading, **sandbox: Any) -> Iterator[OddHoldings]:
    """Trade the account of a test at Kite from now on: logged in, armed, and live."""

    def near() -> PaperBroker:
        return PaperBroker(market.folder / "paper.db", "asha", market.clock, market.market, SESSIONS, durable=False)

    with OddHoldings(near, lambda: market.market, market.clock, SESSIONS, **sandbox) as kite:
        vault = MemoryVault({"api_key": KEY, "api_secret": SECRET})
        addresses = {"api": kite.url, "login": f"{kite.url}/connect/login"}
        folder = market.folder / "kite"
        account = BrokerAccount(
            "asha", market.clock, SESSIONS, market.market, vault, folder, addresses=addresses, timeout=PATIENT
        )
        ADAPTER.login(account, browse)
        arming = Arming(market.ledger, "kite")
        arming.arm(market.clock.now())
        told = market.ledger.settings.credentials(market.folder / "secret.key")
        told.set(BROKER, "kite", secret=False)
        until = market.clock.now() + timedelta(days=1)
        told.set(f"kite.{LOGGED_IN_UNTIL}", until.isoformat(), secret=False)
        broker = GuardedBroker(ADAPTER.open(account), arming, market.clock, SESSIONS, market.market, marker=market.marker)
        paper = market.world
        market.world = World(  # type: ignore[assignment]
            paper.user, "live", paper.clock, paper.sessions, paper.market, broker, paper.ledger, paper.notifier, paper.parameters,
            paper.readings, paper.marker,
        )  # fmt: skip
        try:
            yield kite
        finally:
            broker.close()
            market.world = paper
