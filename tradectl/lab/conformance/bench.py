"""What a card plays with: the adapter under test, the clock, and the server at the other end of the wire."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import date
from itertools import count

from tradectl.lab.sandboxes.fixture import Floor, ist
from tradectl.lab.sandboxes.server import Trouble
from tradectl.model.order import OrderReport, OrderRequest, OrderType, Side, Variety
from tradectl.ports import Broker, Capabilities


class Bench(ABC):
    """What a card plays with. `broker` is the adapter under test; `floor` has the clock and the exchange behind it.

    `trouble` makes the next command or read go wrong on its way; `expire` ends the session at the broker; `ban` takes our
    address from its list. A bench without a wire has none of these (`wired` is False), and no card asks it.
    """

    wired = True

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
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
        return self.broker.capabilities

    def to(self, day: date, text: str) -> None:
        self.floor.clock.move_to(ist(day, text))

    def request(
        self, quantity: int, price: int, symbol: str = "ACME", *, side: Side = Side.BUY, amo: bool = False
    ) -> OrderRequest:
        variety = Variety.AMO if amo else Variety.REGULAR
        return OrderRequest(f"KIT{next(self._tags):012}", symbol, side, quantity, price, OrderType.LIMIT, variety)

    def buy(self, quantity: int, price: int, symbol: str = "ACME", *, amo: bool = False) -> str:
        return self.broker.place(self.request(quantity, price, symbol, amo=amo))

    def sell(self, quantity: int, price: int, symbol: str = "ACME") -> str:
        return self.broker.place(self.request(quantity, price, symbol, side=Side.SELL))

    def order(self, broker_order_id: str) -> OrderReport:
        """The one row of an order."""
        (found,) = (item for item in self.broker.orders() if item.broker_order_id == broker_order_id)
        return found

    def under(self, request: OrderRequest) -> list[OrderReport]:
        """What the book shows of a request: by its tag, or by all that it asked for where the broker keeps no tag."""
        if self.can.tag_length:
            return [item for item in self.broker.orders() if item.tag == request.tag]
        asked = (request.symbol, request.side, request.quantity, request.price)
        return [item for item in self.broker.orders() if (item.symbol, item.side, item.quantity, item.price) == asked]
