"""Read the timeline of one session: the runs of the tasks, the orders, the fills, and what the log says about them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from typing import TYPE_CHECKING, Any

from tradectl.model.moment import at_ist, ist_date
from tradectl.model.money import show_rupees
from tradectl.report_page.content import Event

if TYPE_CHECKING:
    from tradectl.world import World

SHOWN = frozenset(
    {"order_placed", "order_modified", "order_cancelled", "order_rejected", "corporate_action", "mismatch", "halted", "resumed"}
)
"""The actions of the log lines that a timeline shows."""
MOST_LINES = 5000


def events_of(world: World, session: date) -> tuple[Event, ...]:
    """Return the events of a session, oldest first."""
    ledger = world.ledger
    found = [
        Event(row.started_at, "task", f"{row.task} {row.slot}".strip(), row.status, row.error or short(row.result))
        for row in ledger.executions.on(session).values()
    ]
    found += [
        Event(row.at, "fill", f"{row.side} {row.quantity} {row.symbol} at {show_rupees(row.price)}", "", _charged(row))
        for row in ledger.book.fills(session=session)
    ]
    found += [
        Event(line.at, "log", line.message, "" if line.level == "info" else line.level)
        for line in ledger.logs.list(since=at_ist(session, time()), limit=MOST_LINES)
        if ist_date(line.at) == session and (line.action in SHOWN or line.level in {"warning", "error"})
    ]
    return tuple(sorted(found, key=lambda event: event.at))


def short(result: Mapping[str, Any]) -> str:
    """Return the counts of a task's result that are not zero, as `placed=2 skipped_limit=1`."""
    counts = {name: value for name, value in result.items() if isinstance(value, int | str) and value not in {0, "0.00", ""}}
    return " ".join(f"{name}={value}" for name, value in counts.items())


def _charged(row: Any) -> str:
    by = " by hand or another program" if row.external else ""
    return f"charges {show_rupees(row.charges)}{by}"
