"""The ledger's rows as frozen values: order, position, signal, decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from tradectl.model.order import ALIVE, TERMINAL, OrderStatus, Purpose, Side, TradeReport, Variety


@dataclass(frozen=True, slots=True)
class Intent:
    """What we want and why, before it has a tag. `price` in paise; `session` is when it is meant to trade, `decided`
    the session whose close decided it; `leg` separates the several orders of one purpose in one symbol and session."""

    instrument_id: str
    symbol: str
    side: Side
    purpose: Purpose
    quantity: int
    price: int
    session: date
    decided: date
    leg: str
    variety: Variety = Variety.REGULAR
    level: int = 0
    position_id: int | None = None
    signal_id: int | None = None

    def names(self, order: Order) -> bool:
        """Whether an order is of the same instrument; by the symbol too, since an order of the broker's book may be of an
        instrument that the market data did not know."""
        return order.instrument_id == self.instrument_id or order.symbol == self.symbol


@dataclass(frozen=True, slots=True)
class Order:
    """One row of `orders`. `price` in paise. `sender`: the process that may be sending it now (None: nobody can be).
    `absent_since`: when a successful read first missed it after nobody could be sending it any more."""

    id: int
    tag: str
    instrument_id: str
    symbol: str
    side: Side
    purpose: Purpose
    quantity: int
    price: int
    variety: Variety
    status: OrderStatus
    reason: str
    session: date
    decided: date
    leg: str
    generation: int
    position_id: int | None
    signal_id: int | None
    execution_id: int | None
    level: int
    broker_order_id: str | None
    filled_quantity: int
    modifications: int
    created_at: datetime
    sending_at: datetime | None
    sent_at: datetime | None
    updated_at: datetime
    sender: str | None
    absent_since: datetime | None

    @property
    def alive(self) -> bool:
        """It may still trade, or may already have."""
        return self.status in ALIVE

    @property
    def unanswered(self) -> bool:
        """Return whether it was marked as being sent and no answer was written: it is in flight, or its sender has ended."""
        return self.status is OrderStatus.PENDING and self.sending_at is not None and self.broker_order_id is None

    @property
    def waiting(self) -> bool:
        """It is certainly not with the broker, and may be sent: refused for a passing reason, or recorded and never sent."""
        never_sent = self.status is OrderStatus.PENDING and self.sending_at is None and self.broker_order_id is None
        return self.status is OrderStatus.RETRY_PENDING or never_sent

    @property
    def disowned(self) -> bool:
        """Return whether it is not ours: a person decided so, or it ended without a trade and without an explanation."""
        return self.purpose is Purpose.UNIDENTIFIED and self.status in TERMINAL

    @property
    def remaining(self) -> int:
        return self.quantity - self.filled_quantity


@dataclass(frozen=True, slots=True)
class Position:
    """One row of `positions`. `cost` (paise, without charges) is of the `quantity` still held."""

    id: int
    instrument_id: str
    symbol: str
    status: str
    quantity: int
    cost: int
    bought: int
    sold: int
    buys: int
    level: int
    level_session: date
    realised: int
    charges: int
    dividends: int
    spun_off: int
    opened_session: date
    closed_session: date | None
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Signal:
    """One row of `signals`: what the strategy wants for `for_session`. Prices and turnover in paise."""

    instrument_id: str
    symbol: str
    analysed: date
    for_session: date
    verdict: str
    rank: int
    close: int
    limit_price: int
    rsi: float
    ema9: float
    level: int
    strength: float
    backtest: float
    combined: float
    trades: int
    bars: int
    average_turnover: int
    data_state: str
    data_date: date
    status: str = "active"
    id: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """A yes or no with its rule and inputs, kept for `why`."""

    instrument_id: str
    symbol: str
    verdict: str
    rule: str
    reason: str
    inputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OrderChange:
    """What the broker says now of one of our orders."""

    order: Order
    status: OrderStatus
    reason: str
    broker_order_id: str
    filled_quantity: int
    quantity: int
    price: int


@dataclass(frozen=True, slots=True)
class NewTrade:
    """A trade that is not in the book yet; `order` is None where it is not one of ours."""

    report: TradeReport
    instrument_id: str
    session: date
    order: Order | None
