"""List the changes of a reconciliation: of orders, trades and positions."""

from __future__ import annotations

from dataclasses import dataclass, field

from tradectl.ledger.rows import NewTrade, Order
from tradectl.ledger.snapshot import Snapshot

_LISTS = (
    "executed", "rejected", "postponed", "cancelled", "adopted", "external", "adjusted", "renamed", "counted", "unexplained",
    "reopened", "doubted",
)  # fmt: skip


@dataclass(slots=True)
class Changes:
    """What a reconciliation changed.

    Attributes:
        adopted: Orders whose broker order id became known.
        external: Trades made outside tradectl.
        trades: The number of new trades.
        sold: The instrument ids of which a sell has traded.
        adjusted: Log lines about corporate actions that were applied.
        postponed: Buys that the broker rejected for a temporary reason.
        counted: Orders of tradectl that the ledger had lost, or recorded as refused, and that count from now on.
        unexplained: Orders under a tag of tradectl's form that no intent explains.
        reopened: Orders that counted as ended and are live at the broker.
        doubted: Ended orders that may be an unexplained order of a broker's book without tags.
        unread: Orders whose status at the broker is not known, with the broker's text; their last proved status stays.
        quiet: Neither the broker's lists nor the book changed since the last comparison.
        book: The snapshot after the changes were written; None before a comparison.
    """

    executed: list[Order] = field(default_factory=list)
    rejected: list[Order] = field(default_factory=list)
    postponed: list[Order] = field(default_factory=list)
    cancelled: list[Order] = field(default_factory=list)
    adopted: list[Order] = field(default_factory=list)
    external: list[NewTrade] = field(default_factory=list)
    trades: int = 0
    sold: set[str] = field(default_factory=set)
    adjusted: list[str] = field(default_factory=list)
    renamed: list[str] = field(default_factory=list)
    counted: list[Order] = field(default_factory=list)
    unexplained: list[Order] = field(default_factory=list)
    reopened: list[Order] = field(default_factory=list)
    doubted: list[Order] = field(default_factory=list)
    unread: list[tuple[Order, str]] = field(default_factory=list)
    quiet: bool = False
    book: Snapshot | None = None

    @property
    def ended(self) -> int:
        """Return the number of orders that ended at the broker."""
        return sum(map(len, (self.executed, self.rejected, self.postponed, self.cancelled)))

    def merge(self, more: Changes) -> None:
        """Add the changes of another reconciliation. `unread` is replaced; `quiet` and `book` stay as they are."""
        for name in _LISTS:
            getattr(self, name).extend(getattr(more, name))
        self.trades += more.trades
        self.sold |= more.sold
        self.unread = more.unread

    def __bool__(self) -> bool:
        return not self.quiet and bool(self.trades or any(getattr(self, name) for name in _LISTS))


NOTHING_NEW = Changes(quiet=True)
"""The result if nothing was compared, because neither the broker's lists nor the book changed. Do not modify this object."""
