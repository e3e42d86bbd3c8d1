"""Define the ledger's rows as frozen values: order, position, signal, decision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from msgspec import Struct

from tradectl.model.order import ALIVE, TERMINAL, OrderStatus, Purpose, ReasonCode, Side, TradeReport, Variety
from tradectl.model.rule_names import REVERSION

BY_HAND = "by-hand:"
"""The prefix of the trade id of a fill that a person entered.

It is also the prefix of the broker order id of an order that has only such fills and no id of the broker."""


class OrderTerms(Struct, frozen=True, kw_only=True):
    """The terms of an order that a task wants. An intent and an order have the same terms.

    Attributes:
        price: The limit in paise.
        session: The session in which the order should trade.
        decided: The session whose close decided the order.
        leg: Distinguishes several orders of one purpose in one symbol and session.
        level: The RSI level of a buy; of an own strategy, the number of the buy.
        strategy: The name of the strategy that decided it.
        strategy_hash: The hash of the strategy's file; empty for the shipped rule.
    """

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
    strategy: str = REVERSION
    strategy_hash: str = ""

    def is_for_same_instrument(self, order: Order) -> bool:
        """Return whether an order has the same instrument, by id or symbol.

        An order adopted from the broker's book may have an instrument that the market data does not contain.
        """
        return order.instrument_id == self.instrument_id or order.symbol == self.symbol


class Intent(OrderTerms, frozen=True, kw_only=True):
    """An order that a task wants, before it has a tag."""

    @classmethod
    def again(cls, order: Order, quantity: int) -> Intent:
        """Return an intent with the terms of an order, but another quantity."""
        return cls(**{name: getattr(order, name) for name in OrderTerms.__struct_fields__} | {"quantity": quantity})


class Order(OrderTerms, frozen=True, kw_only=True):
    """A row of `orders`. `price` in paise.

    Attributes:
        reason: Why the order has its status, as text for people.
        reason_code: Why the order has its status, if code branches on that; else None.
        sender: The process that may be sending the order now; None if no process can be sending it.
        absent_since: When a read of the broker's book first did not show the order after its sending had ended; else None.
    """

    id: int
    tag: str
    status: OrderStatus
    reason: str
    reason_code: ReasonCode | None
    generation: int
    execution_id: int | None
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
        """Return whether the order may still trade, or may already have traded."""
        return self.status in ALIVE

    @property
    def unanswered(self) -> bool:
        """Return whether the order was marked as being sent and has no reply yet: it is in flight, or its sender has ended."""
        return self.status is OrderStatus.PENDING and self.sending_at is not None and self.broker_order_id is None

    @property
    def waiting(self) -> bool:
        """Return whether the order is not at the broker and may be sent: refused for a temporary reason, or never sent."""
        never_sent = self.status is OrderStatus.PENDING and self.sending_at is None and self.broker_order_id is None
        return self.status is OrderStatus.RETRY_PENDING or never_sent

    @property
    def disowned(self) -> bool:
        """Return whether the order is not ours: a person decided so, or it ended unidentified and without a trade."""
        return self.purpose is Purpose.UNIDENTIFIED and self.status in TERMINAL

    @property
    def remaining(self) -> int:
        """Return the shares that are not filled."""
        return self.quantity - self.filled_quantity


class Position(Struct, frozen=True):
    """A row of `positions`. Amounts in paise; `cost` is the cost of the shares still held, without charges."""

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
    strategy: str = REVERSION
    strategy_hash: str = ""


class OrderOrigin(Struct, frozen=True):
    """What decided an order.

    Attributes:
        level: The RSI level that a buy used; of an own strategy, the number of the buy; 0 where it is not known.
        strategy: The name of the strategy.
        strategy_hash: The hash of its text; empty for the shipped rule.
    """

    level: int = 0
    strategy: str = REVERSION
    strategy_hash: str = ""

    @classmethod
    def of_sell(cls, position: Position | None) -> OrderOrigin:
        """Return the origin of a sell: the strategy of its position."""
        return cls(0, position.strategy, position.strategy_hash) if position is not None else cls()


class Signal(Struct, frozen=True):
    """A row of `signals`: a buy that the strategy wants in `for_session`. Prices and turnover in paise."""

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
    strategy: str = REVERSION
    strategy_hash: str = ""


class Decision(Struct, frozen=True):
    """A verdict with its rule and inputs, which the command `why` shows."""

    instrument_id: str
    symbol: str
    verdict: str
    rule: str
    reason: str
    inputs: Mapping[str, Any] = {}


class OrderChange(Struct, frozen=True):
    """The new state of one of our orders, as the broker reports it or as a person entered it. `price` in paise."""

    order: Order
    status: OrderStatus
    reason: str
    reason_code: ReasonCode | None
    broker_order_id: str
    filled_quantity: int
    quantity: int
    price: int


class NewTrade(Struct, frozen=True):
    """A trade that is not in the book yet. `order`: None if the trade belongs to none of our orders."""

    report: TradeReport
    instrument_id: str
    session: date
    order: Order | None
