"""The last look before real money: nothing but cancels goes out unless a person has armed the account.

Arming is written into the ledger, for one user and one broker, and looked up for each command: who disarms stops every process at
once. It is asked with the broker's name typed out; a script passes a token instead, which fits this ledger, user and broker only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime

from tradectl.errors import Blocked
from tradectl.ledger.store import Info, Ledger
from tradectl.model.market import Quote
from tradectl.model.order import Funds, Holding, OrderReport, OrderRequest, TradeReport
from tradectl.ports import Broker, Capabilities


class Arming:
    """Whether a user's orders may go to a broker."""

    def __init__(self, info: Info, user: str, broker: str) -> None:
        self._info, self._key, self._broker = info, f"armed.{user}", broker

    def since(self) -> datetime | None:
        """When it was armed for this broker; None: it is not."""
        broker, _, moment = (self._info.get(self._key) or "").partition(" ")
        return datetime.fromisoformat(moment) if broker == self._broker and moment else None

    def arm(self, now: datetime) -> None:
        self._info.set(self._key, f"{self._broker} {now.isoformat()}")

    def disarm(self) -> None:
        self._info.set(self._key, "")

    def token(self) -> str:
        """What a script passes to arm: eight hex digits that fit this ledger, user and broker. It is no secret: it keeps a
        script that was written for another account from arming this one."""
        words = (self._info.get("created_at") or "", self._key, self._broker)
        return hashlib.sha256("\x1f".join(words).encode()).hexdigest()[:8]


def arming(ledger: Ledger, broker: str) -> Arming:
    return Arming(ledger.info, ledger.user, broker)


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
