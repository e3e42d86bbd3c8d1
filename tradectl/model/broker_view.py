"""Keep the broker's lists as they were last read, and record whether the book agrees with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from tradectl.model.odd_rows import OddRow, odd_of
from tradectl.model.order import OrderReport, TradeReport

ORDERS, TRADES, HOLDINGS, QUOTES, CONTRADICTIONS = "orders", "trades", "holdings", "quotes", "contradictions"
"""The lists that may have odd rows. CONTRADICTIONS: rows that can be read but contradict the book."""


class BrokerView(Struct, frozen=True):
    """The broker's orders and trades of one read, and the odd rows of all its lists.

    Attributes:
        revision: Rises by 1 when the orders or the trades differ from the previous read; 0 before the first read.
        trades_revision: Rises by 1 when the trades differ.
        odd: The odd rows of each list at its last read. Lists without odd rows are absent.
        lists: The lists that were read.
        unread: The reports of our orders with an unknown status word, by our order id.
        ended: Ids of tagged broker orders that belong to ended orders of ours, or to no order of ours. The set only grows.
        applied: The revision of the book that agrees with this revision; None before they are compared.
        trades_applied: The revision of the trades that are in the book; None if it is not known.
    """

    reports: Sequence[OrderReport] = ()
    trades: Sequence[TradeReport] = ()
    revision: int = 0
    trades_revision: int = 0
    odd: Mapping[str, tuple[OddRow, ...]] = {}
    lists: frozenset[str] = frozenset()
    unread: Mapping[int, OrderReport] = {}
    ended: set[str] = set()
    applied: int | None = None
    trades_applied: int | None = None

    def read_again(self, reports: Sequence[OrderReport], trades: Sequence[TradeReport]) -> BrokerView:
        """Return the view after another read; this view itself if nothing changed."""
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
        """Return the view with the odd rows of a list that was just read; this view itself if they are unchanged."""
        if name in self.lists and self.odd.get(name, ()) == rows:
            return self
        others = {key: value for key, value in self.odd.items() if key != name}
        return replace(self, odd={**others, name: rows} if rows else others, lists=self.lists | {name})

    def to_apply(self) -> BrokerView:
        """Return the view without a record of the book's revision, so that it is compared with the book again."""
        return replace(self, applied=None, trades_applied=None)
