"""The age of market data, counted in run sessions."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tradectl.exchange.sessions import SessionTable


def sessions_since(table: SessionTable, as_of: date, today: date) -> int:
    """Return how many run sessions began after `as_of`, up to and with `today`. Dates outside the table count no session.

    Data of yesterday's session have age 1 on today's session, and age 0 on a holiday after it.
    """
    first, last = max(as_of + timedelta(days=1), table.first), min(today, table.last)
    return len(table.run_between(first, last)) if first <= last else 0
