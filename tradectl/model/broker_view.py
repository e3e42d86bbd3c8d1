"""What the broker's lists showed when they were last read, and how far the book follows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tradectl.model.odd_rows import OddRow, odd_of
from tradectl.model.order import OrderReport, TradeReport

ORDERS, TRADES, HOLDINGS, QUOTES, CONTRADICTIONS = "orders", "trades", "holdings", "quotes", "contradictions"
"""The lists in which odd rows are found. CONTRADICTIONS: rows that can be read, and contradict the book."""


@dataclass(frozen=True, slots=True)
class BrokerView:
    """The broker's orders and trades of one read, and what is known of its other lists.

    Attributes:
        revision: Rises whenever the orders or the trades differ from those of the read before; 0 before the first read.
        trades_revision: Rises whenever the trades differ.
        odd: The odd rows of each list, as it was last read; lists without such rows are absent.
        lists: The lists that were read.
        unread: The reports of our orders with an unknown status word, by our order id.
        ended: Broker order ids with a tag that belong to ended orders of ours, or to no order of ours. It grows.
        applied: The revision of the book that agrees with this revision; None while they were not compared.
        trades_applied: The revision of the trades that are in the book; None where that is not known.
    """

    reports: Sequence[OrderReport] = ()
    trades: Sequence[TradeReport] = ()
    revision: int = 0
    trades_revision: int = 0
    odd: Mapping[str, tuple[OddRow, ...]] = field(default_factory=dict)
    lists: frozenset[str] = frozenset()
    unread: Mapping[int, OrderReport] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    applied: int | None = None
    trades_applied: int | None = None

    def read_again(self, reports: Sequence[OrderReport], trades: Sequence[TradeReport]) -> BrokerView:
        """Return the view of another read: this one where it shows the same."""
        traded = trades is not self.trades and trades != self.trades
        if self.revision and not traded and (reports is self.reports or reports == self.reports):
            return self
        found = self.with_odd(ORDERS, odd_of(reports)).with_odd(TRADES, odd_of(trades))
        return replace(
            found,
            reports=reports,
            trades=trades,
            revision=self.revision + 1,
            trades_revision=self.trades_revision + (traded or not self.revision),
            applied=None,
        )

    def with_odd(self, name: str, rows: tuple[OddRow, ...]) -> BrokerView:
        """Return the view with the odd rows of a list that was just read."""
        if name in self.lists and self.odd.get(name, ()) == rows:
            return self
        others = {key: value for key, value in self.odd.items() if key != name}
        return replace(self, odd={**others, name: rows} if rows else others, lists=self.lists | {name})

    def to_apply(self) -> BrokerView:
        """Return the view as one that is not in the book, so that it is compared anew."""
        return replace(self, applied=None, trades_applied=None)
