"""The Kotak adapter passes every card of the kit, over real sockets."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.brokers.kotak import CLIENT, TIMEOUT, Listening, MemoryVault, credentials, nobody
from tradectl.brokers.adapter import Account
from tradectl.brokers.kotak_neo import ADAPTER
from tradectl.brokers.kotak_neo.broker import KotakNeo
from tradectl.sandbox.floor import FRIDAY, Floor, ist
from tradectl.sandbox.kit import CARDS, Bench
from tradectl.sandbox.server import LOOPBACK, Trouble


class KotakBench(Bench):
    """The adapter over its sandbox. A day begins with a login, as it must at Kotak."""

    def __init__(self, floor: Floor) -> None:
        super().__init__(floor)
        self.sandbox = Listening(
            floor.exchange, clock=floor.clock, market=lambda: floor.market, client=CLIENT, allowed=(LOOPBACK,)
        )
        self.sandbox.start()
        self.account = Account(
            "kit", floor.clock, floor.sessions, floor.market, MemoryVault(credentials()), floor.folder / "scrips",
            addresses={"login": self.sandbox.url}, timeout=TIMEOUT,
        )  # fmt: skip
        self._broker = KotakNeo(self.account)
        ADAPTER.login(self.account, nobody)

    @property
    def broker(self) -> KotakNeo:
        return self._broker

    def to(self, day: date, text: str) -> None:
        super().to(day, text)
        ADAPTER.login(self.account, nobody)

    def trouble(self, kind: Trouble, *, read: bool = False, times: int = 1) -> None:
        """Reads of the account go wrong, or commands; a command's look at the list of instruments does not."""
        if read:
            self.sandbox.trouble(kind, path="/quick/user", times=times)
            return
        self.broker.quotes(["ACME"])
        self.sandbox.trouble(kind, path="/quick/order", times=times)

    def expire(self) -> None:
        self.sandbox.door.end_sessions()

    def ban(self) -> None:
        self.sandbox.door.address = "203.0.113.9"
        ADAPTER.login(self.account, nobody)

    def close(self) -> None:
        self._broker.close()
        self.sandbox.stop()


@pytest.mark.parametrize("number", CARDS, ids=[f"{number:02}" for number in CARDS])
def test_kotak_passes_the_card(number: int, tmp_path: Path) -> None:
    bench = KotakBench(Floor(tmp_path, ist(FRIDAY, "10:00")))
    try:
        CARDS[number].play(bench)
    finally:
        bench.close()
