"""Provide the bench of a card: the adapter under test, the clock, and the server that the adapter connects to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import date
from itertools import count
from typing import Any

from tradectl.brokers.adapter import Adapter, BrokerAccount, Field
from tradectl.brokers.paper import PaperBroker
from tradectl.errors import LoginNeeded
from tradectl.lab.conformance.memory_vault import MemoryVault
from tradectl.lab.sandboxes.fixture import Fixture, ist
from tradectl.lab.sandboxes.server import Sandbox, Trouble
from tradectl.model.order import OrderReport, OrderRequest, OrderType, Side, Variety
from tradectl.ports import Broker, Capabilities, Closable


class Bench(ABC):
    """The objects that a card uses.

    Attributes:
        broker: The adapter under test.
        fixture: The clock and the exchange.
        wired: Whether the adapter reaches its exchange over a network. If not, no card calls `trouble`, `expire` or `ban`.

    `trouble` makes the next command or read fail in the network, `expire` ends the session at the broker, and `ban` removes this
    machine's address from the broker's list.
    """

    wired = True

    def __init__(self, fixture: Fixture) -> None:
        self.fixture = fixture
        self._tags = count(1)

    @property
    @abstractmethod
    def broker(self) -> Broker: ...
    @abstractmethod
    def trouble(self, kind: Trouble, *, read: bool = False, times: int = 1) -> None: ...
    @abstractmethod
    def expire(self) -> None: ...
    @abstractmethod
    def ban(self) -> None: ...

    @property
    def can(self) -> Capabilities:
        """Return the capabilities of the adapter under test."""
        return self.broker.capabilities

    def to(self, day: date, text: str) -> None:
        """Move the clock to a date and an IST time such as 09:15."""
        self.fixture.clock.move_to(ist(day, text))

    def request(
        self, quantity: int, price: int, symbol: str = "ACME", *, side: Side = Side.BUY, amo: bool = False
    ) -> OrderRequest:
        """Return a limit order with a new client tag; `price` in paise."""
        variety = Variety.AMO if amo else Variety.REGULAR
        return OrderRequest(f"KIT{next(self._tags):012}", symbol, side, quantity, price, OrderType.LIMIT, variety)

    def buy(self, quantity: int, price: int, symbol: str = "ACME", *, amo: bool = False) -> str:
        """Place a limit buy; return its broker order id. `price` in paise."""
        return self.broker.place(self.request(quantity, price, symbol, amo=amo))

    def sell(self, quantity: int, price: int, symbol: str = "ACME") -> str:
        """Place a limit sell; return its broker order id. `price` in paise."""
        return self.broker.place(self.request(quantity, price, symbol, side=Side.SELL))

    def order(self, broker_order_id: str) -> OrderReport:
        """Return the row of an order. Raises ValueError unless there is exactly one."""
        (found,) = (item for item in self.broker.orders() if item.broker_order_id == broker_order_id)
        return found

    def under(self, request: OrderRequest) -> list[OrderReport]:
        """Return the book's orders of a request: those with its tag, or, at a broker without tags, those with its terms."""
        if self.can.tag_length:
            return [item for item in self.broker.orders() if item.tag == request.tag]
        terms = (request.symbol, request.side, request.quantity, request.price)
        return [item for item in self.broker.orders() if (item.symbol, item.side, item.quantity, item.price) == terms]


TIMEOUT, SLOW = (3.0, 1.0), 1.5
"""Seconds to wait for a connection and for a reply, and the delay of a slow reply. They are short, so that cards are fast."""


def no_question(field: Field) -> str:
    """Raise LoginNeeded for every value that a login needs."""
    raise LoginNeeded(f"{field.question} is needed, and the bench has no answer")


class PaperBench(Bench):
    """The bench of the paper exchange itself, without a network."""

    wired = False

    def __init__(self, fixture: Fixture, broker: PaperBroker | None = None) -> None:
        super().__init__(fixture)
        self._broker = broker or fixture.exchange()

    @property
    def broker(self) -> PaperBroker:
        return self._broker

    def trouble(self, kind: Trouble, *, read: bool = False, times: int = 1) -> None:  # noqa: ARG002 - as in `Bench`
        raise AssertionError("the paper exchange has no network")

    def expire(self) -> None:
        raise AssertionError("the paper exchange has no session")

    def ban(self) -> None:
        raise AssertionError("the paper exchange has no addresses")

    def close(self) -> None:
        self._broker.close()


class AdapterBench(Bench):
    """The bench of an adapter that is connected to its sandbox by a socket.

    A subclass makes the sandbox (`make`) and defines `trouble`, `expire` and `ban`. Each call of `to` also logs in. `close` stops
    the server.
    """

    def __init__(self, fixture: Fixture, adapter: Adapter) -> None:
        super().__init__(fixture)
        self.adapter = adapter
        self.sandbox = self.make()
        self.sandbox.slow = SLOW
        self.sandbox.start()
        self.account = BrokerAccount(
            "kit",
            fixture.clock,
            fixture.sessions,
            fixture.market,
            MemoryVault(self.credentials),
            fixture.folder / "lists",
            addresses=self.addresses,
            timeout=TIMEOUT,
        )
        self.log_in()
        self._broker = adapter.open(self.account)

    @abstractmethod
    def make(self) -> Sandbox:
        """Return the sandbox in front of `self.fixture`, not started yet."""

    @property
    @abstractmethod
    def credentials(self) -> Mapping[str, str]:
        """Return the values of the adapter's fields."""

    @property
    @abstractmethod
    def addresses(self) -> Mapping[str, str]:
        """Return the sandbox's addresses for the adapter, by name."""

    def answer(self, field: Field) -> str:
        """Return the value that a person would enter for a login's `field`. Raises LoginNeeded without one."""
        return no_question(field)

    @property
    def broker(self) -> Any:
        """Return the adapter's broker."""
        found: Broker = self._broker
        return found

    def log_in(self) -> None:
        """Log in, and store the session in the vault."""
        self.adapter.login(self.account, self.answer)

    def to(self, day: date, text: str) -> None:
        """Move the clock and log in."""
        super().to(day, text)
        self.log_in()

    def close(self) -> None:
        """Close the connections and stop the server."""
        if isinstance(self._broker, Closable):
            self._broker.close()
        self.sandbox.stop()
