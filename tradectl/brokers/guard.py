"""The last look before real money: nothing but cancels goes out unless a person has armed the account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tradectl.errors import Blocked
from tradectl.ledger.arming import Arming
from tradectl.model.market import Quote
from tradectl.model.order import Funds, Holding, OrderReport, OrderRequest, TradeReport
from tradectl.ports import Broker, Capabilities


class GuardedBroker:
    """A live broker behind the guard. Blocked (exit 9) for an order or a change while it is not armed; reads and cancels pass."""

    def __init__(self, broker: Broker, arming: Arming) -> None:
        self._broker, self._arming = broker, arming

    @property
    def name(self) -> str:
        return self._broker.name

    @property
    def capabilities(self) -> Capabilities:
        return self._broker.capabilities

    def place(self, request: OrderRequest) -> str:
        self._look()
        return self._broker.place(request)

    def modify(self, broker_order_id: str, *, quantity: int, price: int) -> None:
        self._look()
        self._broker.modify(broker_order_id, quantity=quantity, price=price)

    def cancel(self, broker_order_id: str) -> None:
        self._broker.cancel(broker_order_id)

    def orders(self) -> Sequence[OrderReport]:
        return self._broker.orders()

    def trades(self) -> Sequence[TradeReport]:
        return self._broker.trades()

    def holdings(self) -> Sequence[Holding]:
        return self._broker.holdings()

    def funds(self) -> Funds:
        return self._broker.funds()

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        return self._broker.quotes(symbols)

    def preopen_prices(self, symbols: Sequence[str]) -> Mapping[str, int]:
        return self._broker.preopen_prices(symbols)

    def _look(self) -> None:
        if self._arming.since() is None:
            raise Blocked(f"live orders are not armed: `tradectl broker arm` lets them go to {self.name}")
