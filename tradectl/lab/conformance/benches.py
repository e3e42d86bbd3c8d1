"""Benches that ship with the kit: the paper exchange itself, and an adapter before its sandbox."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from datetime import date
from typing import Any

from tradectl.brokers.adapter import Account, Adapter, Field
from tradectl.brokers.paper import PaperBroker
from tradectl.errors import LoginNeeded
from tradectl.lab.conformance.bench import Bench
from tradectl.lab.conformance.memory_vault import MemoryVault
from tradectl.lab.sandboxes.fixture import Floor
from tradectl.lab.sandboxes.server import Sandbox, Trouble
from tradectl.ports import Broker

TIMEOUT, SLOW = (3.0, 1.0), 1.5
"""Seconds for a connection and for an answer, and for a slow answer, so that no card waits long."""


def no_question(field: Field) -> str:
    """Answer no question of a login. Raises LoginNeeded."""
    raise LoginNeeded(f"{field.question} is asked, and the bench answers nothing")


class PaperBench(Bench):
    """The paper exchange itself, without a wire."""

    wired = False

    def __init__(self, floor: Floor, broker: PaperBroker | None = None) -> None:
        super().__init__(floor)
        self._broker = broker or floor.exchange()

    @property
    def broker(self) -> PaperBroker:
        return self._broker

    def trouble(self, kind: Trouble, *, read: bool = False, times: int = 1) -> None:  # noqa: ARG002 - as in `Bench`
        raise AssertionError("there is no wire")

    def expire(self) -> None:
        raise AssertionError("there is no session")

    def ban(self) -> None:
        raise AssertionError("there is no address")

    def close(self) -> None:
        self._broker.close()


class AdapterBench(Bench):
    """An adapter before its sandbox, over a socket.

    A subclass makes the sandbox (`make`) and says how to break it: `trouble`, `expire` and `ban`. Each day that a card goes to
    begins with a login. `close` stops the server.
    """

    def __init__(self, floor: Floor, adapter: Adapter) -> None:
        super().__init__(floor)
        self.adapter = adapter
        self.sandbox = self.make()
        self.sandbox.slow = SLOW
        self.sandbox.start()
        self.account = Account(
            "kit",
            floor.clock,
            floor.sessions,
            floor.market,
            MemoryVault(self.credentials),
            floor.folder / "lists",
            addresses=self.addresses,
            timeout=TIMEOUT,
        )
        self.log_in()
        self._broker = adapter.open(self.account)

    @abstractmethod
    def make(self) -> Sandbox:
        """Return the sandbox over `self.floor`, not started yet."""

    @property
    @abstractmethod
    def credentials(self) -> Mapping[str, str]:
        """Return the values of the adapter's fields."""

    @property
    @abstractmethod
    def addresses(self) -> Mapping[str, str]:
        """Return the adapter's addresses at the sandbox."""

    def answer(self, field: Field) -> str:
        """Return what a person types where a login asks for `field`."""
        return no_question(field)

    @property
    def broker(self) -> Any:
        """The adapter's broker."""
        found: Broker = self._broker
        return found

    def log_in(self) -> None:
        """Make a session."""
        self.adapter.login(self.account, self.answer)

    def to(self, day: date, text: str) -> None:
        """Go to a moment and log in."""
        super().to(day, text)
        self.log_in()

    def close(self) -> None:
        """Close the connections and stop the server."""
        close = getattr(self._broker, "close", None)
        if close is not None:
            close()
        self.sandbox.stop()
