"""The benches on which the cards are played: one for each adapter, by its name. Another adapter adds its own here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from tests.brokers.vault import MemoryVault
from tradectl.brokers.adapter import Account, Field
from tradectl.brokers.openalgo import ADAPTER as OPENALGO
from tradectl.brokers.paper import PaperBroker
from tradectl.ports import Broker
from tradectl.sandbox.floor import Floor
from tradectl.sandbox.kit import Bench
from tradectl.sandbox.openalgo import COMMANDS, READS, OpenAlgoSandbox
from tradectl.sandbox.server import Trouble

TIMEOUT, SLOW = (1.0, 0.3), 0.5
"""Seconds for an answer, and for a slow one, so that no card waits long."""


def nobody(field: Field) -> str:
    raise AssertionError(f"{field.name} is not asked")


class PaperBench(Bench):
    """The paper exchange itself: nothing lies between."""

    wired = False

    def __init__(self, floor: Floor, broker: PaperBroker | None = None) -> None:
        super().__init__(floor)
        self._broker = broker or floor.exchange()

    @property
    def broker(self) -> PaperBroker:
        return self._broker

    def trouble(self, kind: Trouble, *, read: bool = False, times: int = 1) -> None:
        raise AssertionError("there is no wire")

    def expire(self) -> None:
        raise AssertionError("there is no session")

    def ban(self) -> None:
        raise AssertionError("there is no address")

    def close(self) -> None:
        self._broker.close()


class OpenAlgoBench(Bench):
    """OpenAlgo's adapter before its sandbox. Somebody logs in anew on each day that a card goes to."""

    KEY = "kit-key"

    def __init__(self, floor: Floor) -> None:
        super().__init__(floor)
        self.sandbox = OpenAlgoSandbox(floor.exchange, floor.clock, api_key=self.KEY)
        self.sandbox.slow = SLOW
        self.sandbox.start()
        self.account = Account(
            "kit",
            floor.clock,
            floor.sessions,
            floor.market,
            MemoryVault({"api_key": self.KEY}),
            floor.folder,
            addresses={"api": self.sandbox.url},
            timeout=TIMEOUT,
        )
        OPENALGO.login(self.account, nobody)
        self._broker = OPENALGO.open(self.account)

    @property
    def broker(self) -> Broker:
        return self._broker

    def to(self, day: date, text: str) -> None:
        super().to(day, text)
        OPENALGO.login(self.account, nobody)

    def trouble(self, kind: Trouble, *, read: bool = False, times: int = 1) -> None:
        self.sandbox.trouble(kind, path=READS if read else COMMANDS, times=times)

    def expire(self) -> None:
        self.sandbox.logged_in = False

    def ban(self) -> None:
        self.sandbox.listed = False

    def close(self) -> None:
        self.sandbox.stop()


BENCHES: dict[str, Callable[[Floor], Bench]] = {"paper": PaperBench, "openalgo": OpenAlgoBench}
