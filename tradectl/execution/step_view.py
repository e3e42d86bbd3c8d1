"""What one step of a task sees, read once and passed on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from tradectl.ledger.snapshot import Snapshot
from tradectl.model.broker_view import BrokerView
from tradectl.model.market import Quote
from tradectl.model.moment import ist_date


@dataclass(frozen=True, slots=True)
class StepView:
    """The moment of a step, and what was read at it.

    Attributes:
        now: In UTC.
        snapshot: Open positions and unfinished orders of the ledger, read after the broker's lists.
        broker: The broker's orders and trades.
        quotes: Fresh quotes of the session by symbol; empty until they were read.
    """

    now: datetime
    snapshot: Snapshot
    broker: BrokerView
    quotes: Mapping[str, Quote] = field(default_factory=dict)

    @property
    def today(self) -> date:
        """The date in India."""
        return ist_date(self.now)

    def with_snapshot(self, snapshot: Snapshot) -> StepView:
        """Return the view with a snapshot that was taken since."""
        return StepView(self.now, snapshot, self.broker, self.quotes)

    def with_quotes(self, quotes: Mapping[str, Quote]) -> StepView:
        """Return the view with the quotes that were read for it."""
        return StepView(self.now, self.snapshot, self.broker, quotes)
