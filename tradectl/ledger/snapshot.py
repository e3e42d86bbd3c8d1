"""Define the snapshot of the book: open positions, unfinished orders and the trading state at one moment, with indexes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from tradectl.ledger.rows import Order, Position
from tradectl.model.order import OrderStatus, Side


@dataclass(frozen=True)
class Snapshot:
    """Open positions and unfinished orders at one moment, each oldest first.

    Attributes:
        revision: Rises with each new snapshot of one `Book`. Equal revisions mean equal content.
        positions_revision: Rises whenever the positions are read again. A modified order does not change it.
    """

    positions: tuple[Position, ...]
    orders: tuple[Order, ...]
    trading_state: str
    state_reason: str
    state_until: date | None = None
    revision: int = field(default=0, compare=False)
    positions_revision: int = field(default=0, compare=False)

    @cached_property
    def unknown(self) -> tuple[Order, ...]:
        """Return the orders of unknown outcome."""
        return tuple(item for item in self.orders if item.status is OrderStatus.UNKNOWN)

    @cached_property
    def by_broker_id(self) -> Mapping[str, Order]:
        """Return the orders that have a broker order id, by that id."""
        return {order.broker_order_id: order for order in self.orders if order.broker_order_id}

    @cached_property
    def by_tag(self) -> Mapping[str, Order]:
        """Return the orders by client tag."""
        return {order.tag: order for order in self.orders}

    def position_of(self, instrument_id: str) -> Position | None:
        """Return the oldest open position in an instrument; None if there is none."""
        return self._positions.get(instrument_id)

    def alive(self, instrument_id: str, side: Side | None = None) -> list[Order]:
        """Return the orders of an instrument that may trade. `side` None: of both sides."""
        of_instrument = self._alive.get(instrument_id, ())
        return [item for item in of_instrument if side is None or item.side is side]

    def sells(self, instrument_id: str) -> Sequence[Order]:
        """Return the sell orders of an instrument that may trade and that are, or may be, at the broker."""
        return self._sells.get(instrument_id, ())

    @cached_property
    def _sells(self) -> Mapping[str, Sequence[Order]]:
        found: dict[str, list[Order]] = {}
        for item in self.orders:
            if item.alive and item.side is Side.SELL and not item.waiting:
                found.setdefault(item.instrument_id, []).append(item)
        return found

    @cached_property
    def _positions(self) -> Mapping[str, Position]:
        return {item.instrument_id: item for item in reversed(self.positions)}

    @cached_property
    def _alive(self) -> Mapping[str, Sequence[Order]]:
        found: dict[str, list[Order]] = {}
        for item in self.orders:
            if item.alive:
                found.setdefault(item.instrument_id, []).append(item)
        return found
