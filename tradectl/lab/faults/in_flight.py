"""Store the commands that are on their way to the exchange, in the only file of this layer.

The file contains what the seed cannot reproduce: requests that are still in the network, order rows before the last commands
changed them (for a delayed book), and sells of more shares than are held. Only one process at a time writes it.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec import Struct

from tradectl.files import replace_file
from tradectl.model.order import OrderReport, OrderRequest, OrderStatus, OrderType, Side, Variety
from tradectl.ports import Broker

REMEMBERED = timedelta(minutes=5)
"""How long an earlier row is stored: longer than the delay of any book."""


class SentCommand(Struct, frozen=True):
    """A command to the exchange: `place` (with `order`), `modify` (`order_id`, `quantity`, `price`) or `cancel` (`order_id`)."""

    name: str
    order: OrderRequest | None = None
    order_id: str = ""
    quantity: int = 0
    price: int = 0

    @property
    def key(self) -> str:
        """Return the subject of the command: a new order's tag (or symbol, without a tag), else the broker order id."""
        return self.order.tag or self.order.symbol if self.order else self.order_id

    def carry_out(self, exchange: Broker) -> str:
        """Carry out the command and return the broker order id. Raises the errors of the exchange."""
        if self.order is not None:
            return exchange.place(self.order)
        if self.name == "modify":
            exchange.modify(self.order_id, quantity=self.quantity, price=self.price)
        else:
            exchange.cancel(self.order_id)
        return self.order_id

    def __str__(self) -> str:
        return f"{self.name} {self.key}"


class DelayedCommand(Struct, frozen=True):
    """A command that is still in the network, and the moment at which it reaches the exchange."""

    due: datetime
    command: SentCommand


class EarlierRow(Struct, frozen=True):
    """The state of an order until `at`, when one of our commands changed it."""

    order_id: str
    at: datetime
    quantity: int
    price: int
    status: OrderStatus
    updated_at: datetime

    @classmethod
    def of(cls, report: OrderReport, at: datetime) -> EarlierRow:
        """Return the state of an order before a command changes it at `at`."""
        return cls(report.broker_order_id, at, report.quantity, report.price, report.status, report.updated_at)


class InFlight:
    """The content of the file. A change replaces the tuple, so callers detect a change by comparing object identity."""

    def __init__(self, file: Path) -> None:
        self._file = file
        stored: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        self.late = tuple(_late(row) for row in stored.get("late", ()))
        self.before = tuple(_before(row) for row in stored.get("before", ()))
        self.oversold: tuple[str, ...] = tuple(stored.get("oversold", ()))

    def send_late(self, command: SentCommand, due: datetime) -> None:
        """Store a command that reaches the exchange at the moment `due`."""
        self.late = (*self.late, DelayedCommand(due, command))
        self._write()

    def take_due(self, now: datetime | None) -> list[SentCommand]:
        """Remove the commands that are due by `now` (None: all) from the file; return them, earliest first.

        They are removed before they are carried out. So a crash in between loses a command, and never repeats it.
        """
        due = [late for late in self.late if now is None or late.due <= now]
        if due:
            self.late = tuple(late for late in self.late if late not in due)
            self._write()
        return [late.command for late in sorted(due, key=lambda late: late.due)]

    def keep(self, report: OrderReport, now: datetime) -> None:
        """Store the state of an order before a command changes it."""
        recent = (row for row in self.before if row.at > now - REMEMBERED)
        self.before = (*recent, EarlierRow.of(report, now))
        self._write()

    def note_oversold(self, line: str) -> None:
        """Store a line about a sell of more shares than are held."""
        self.oversold = (*self.oversold, line)
        self._write()

    def _write(self) -> None:
        content = {"late": self.late, "before": self.before, "oversold": self.oversold}
        replace_file(self._file, json.dumps(content, default=_plain).encode())


def _plain(value: DelayedCommand | EarlierRow | SentCommand | OrderRequest | datetime) -> object:
    """Convert a value for JSON: a moment to text, a row to its fields."""
    return value.isoformat() if isinstance(value, datetime) else {name: getattr(value, name) for name in value.__struct_fields__}


def _late(row: dict[str, Any]) -> DelayedCommand:
    command = dict(row["command"])
    order = command.pop("order")
    return DelayedCommand(datetime.fromisoformat(row["due"]), SentCommand(order=_order(order) if order else None, **command))


def _order(row: dict[str, Any]) -> OrderRequest:
    kinds = {"side": Side(row["side"]), "order_type": OrderType(row["order_type"]), "variety": Variety(row["variety"])}
    return OrderRequest(**{**row, **kinds})


def _before(row: dict[str, Any]) -> EarlierRow:
    at, updated = datetime.fromisoformat(row["at"]), datetime.fromisoformat(row["updated_at"])
    return EarlierRow(**{**row, "at": at, "updated_at": updated, "status": OrderStatus(row["status"])})
