"""The Kite adapter passes every card of the kit, over real sockets."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.brokers.vault import MemoryVault
from tests.sandbox.zerodha import KEY, SECRET, browse
from tradectl.brokers.adapter import Account
from tradectl.brokers.kite import ADAPTER
from tradectl.brokers.kite.broker import KiteBroker
from tradectl.sandbox.floor import FRIDAY, Floor, ist
from tradectl.sandbox.kit import CARDS, Bench
from tradectl.sandbox.kite import KiteSandbox
from tradectl.sandbox.server import LOOPBACK, Trouble


class Server(KiteSandbox):
    slow = 0.5


class KiteBench(Bench):
    """The adapter over its sandbox. A day begins with a login, as it must at Zerodha. `late`: risk checks refuse in the row."""

    late = False

    def __init__(self, floor: Floor) -> None:
        super().__init__(floor)
        self.sandbox = Server(
            floor.exchange, lambda: floor.market, floor.clock, floor.sessions, allowed={LOOPBACK}, late=self.late
        )
        self.sandbox.start()
        self.account = Account(
            "kit", floor.clock, floor.sessions, floor.market, MemoryVault({"api_key": KEY, "api_secret": SECRET}),
            floor.folder / "lists", timeout=(1.0, 0.3),
            addresses={"api": self.sandbox.url, "login": f"{self.sandbox.url}/connect/login"},
        )  # fmt: skip
        ADAPTER.login(self.account, browse)
        self._broker = ADAPTER.open(self.account)

    @property
    def broker(self) -> KiteBroker:
        return self._broker

    def to(self, day: date, text: str) -> None:
        super().to(day, text)
        ADAPTER.login(self.account, browse)

    def trouble(self, kind: Trouble, *, read: bool = False, times: int = 1) -> None:
        """Reads of the account go wrong, or commands; a command's look at the list of instruments does not."""
        if read:
            self.sandbox.trouble(kind, method="GET", times=times)
            return
        self.broker.quotes(["ACME"])
        self.broker.orders()
        for method in ("POST", "PUT", "DELETE"):
            self.sandbox.trouble(kind, method=method, path="/orders", times=times)

    def expire(self) -> None:
        session = self.account.vault.session()
        assert session is not None
        self.sandbox.tokens.end(session.tokens["access_token"])

    def ban(self) -> None:
        self.sandbox.allowed = frozenset()

    def close(self) -> None:
        self.sandbox.stop()


class LateKiteBench(KiteBench):
    late = True


@pytest.mark.parametrize("number", CARDS, ids=[f"{number:02}" for number in CARDS])
def test_kite_passes_the_card(number: int, tmp_path: Path) -> None:
    bench = KiteBench(Floor(tmp_path, ist(FRIDAY, "10:00")))
    try:
        CARDS[number].play(bench)
    finally:
        bench.close()


REFUSALS = [number for number, card in CARDS.items() if "money" in card.name or "not sold" in card.name or "closed" in card.name]


@pytest.mark.parametrize("number", REFUSALS)
def test_kite_passes_the_cards_of_refusals_where_they_come_late(number: int, tmp_path: Path) -> None:
    bench = LateKiteBench(Floor(tmp_path, ist(FRIDAY, "10:00")))
    try:
        CARDS[number].play(bench)
    finally:
        bench.close()
