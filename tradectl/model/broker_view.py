"""What the broker's order book and trades showed when they were last read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tradectl.model.order import OrderReport, TradeReport


@dataclass(frozen=True, slots=True)
class BrokerView:
    """The broker's orders and trades of one read.

    Attributes:
        revision: Rises whenever the orders or the trades differ from those of the read before; 0 before the first read.
        trades_revision: Rises whenever the trades differ.
    """

    reports: Sequence[OrderReport] = ()
    trades: Sequence[TradeReport] = ()
    revision: int = 0
    trades_revision: int = 0

    def read_again(self, reports: Sequence[OrderReport], trades: Sequence[TradeReport]) -> BrokerView:
        """Return the view of another read: this one where it shows the same."""
        traded = trades is not self.trades and trades != self.trades
        if self.revision and not traded and (reports is self.reports or reports == self.reports):
            return self
        return BrokerView(reports, trades, self.revision + 1, self.trades_revision + (traded or not self.revision))
