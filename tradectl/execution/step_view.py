"""The view of one step of a task, read once and passed on. `StepView._replace` adds a newer snapshot or the quotes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import NamedTuple

from tradectl.ledger.snapshot import Snapshot
from tradectl.model.broker_view import BrokerView
from tradectl.model.market import Quote
from tradectl.model.moment import ist_date


class StepView(NamedTuple):
    """The moment of a step, and what was read at it.

    Attributes:
        now: In UTC.
        today: The date in India.
        snapshot: Open positions and unfinished orders of the ledger, read after the broker's lists.
        broker: The broker's orders and trades.
        quotes: Fresh quotes of the session by symbol; empty until they were read.
    """

    now: datetime
    today: date
    snapshot: Snapshot
    broker: BrokerView
    quotes: Mapping[str, Quote]

    @classmethod
    def of(cls, now: datetime, snapshot: Snapshot, broker: BrokerView) -> StepView:
        """Return a view without quotes."""
        return cls(now, ist_date(now), snapshot, broker, {})

    def with_quotes(self, quotes: Mapping[str, Quote]) -> StepView:
        """Return the view with the quotes of its moment."""
        return StepView(self.now, self.today, self.snapshot, self.broker, quotes) if quotes else self
