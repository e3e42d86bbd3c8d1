"""Check the machine's clock: compare each reading with the one before, record a jump and report it.

The machine's uptime advances evenly, even when the clock is set. So between two readings of one boot both must advance by the
same time. Across boots only one thing is certain: time does not go back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from sqlalchemy import select

from tradectl.clock import since_boot
from tradectl.ledger.executions import SKEW, Execution, is_premature
from tradectl.ledger.process_identity import boot_id
from tradectl.ledger.schema import orders
from tradectl.model.message_kind import MessageKind
from tradectl.model.moment import to_ist

if TYPE_CHECKING:
    from tradectl.ledger.store import Ledger
    from tradectl.task import Task
    from tradectl.world import World

SEEN, JUMPED, ACTION = "clock_seen", "clock_jumped", "clock_jumped"
EVERY = timedelta(minutes=1)
"""How often a reading is stored."""
TOLERANCE = timedelta(minutes=1)
"""A shorter jump is a correction by NTP, or the difference of two machines' clocks."""
SHOWN_FOR = timedelta(days=7)
"""How long `last_jump` returns a jump."""


class ClockReading(Struct, frozen=True):
    """A reading of the clock, with the machine's uptime in seconds. `boot` is empty where the boot is not known."""

    at: datetime
    uptime: float
    boot: str

    def text(self) -> str:
        """Return the reading as it is stored."""
        return json.dumps({"at": self.at.isoformat(), "uptime": self.uptime, "boot": self.boot})

    @classmethod
    def of(cls, text: str | None) -> ClockReading | None:
        """Return the reading from the text that `text` returned; None for None."""
        if text is None:
            return None
        found = json.loads(text)
        return cls(datetime.fromisoformat(found["at"]), found["uptime"], found["boot"])


def jump(before: ClockReading | None, now: ClockReading) -> timedelta:
    """Return by how much the clock went forward (or back, negative) between two readings; zero where that is no jump."""
    if before is None:
        return timedelta(0)
    if before.boot and before.boot == now.boot:
        by = (now.at - before.at) - timedelta(seconds=now.uptime - before.uptime)
    else:
        by = min(now.at - before.at, timedelta(0))
    return by if abs(by) > TOLERANCE else timedelta(0)


def watch(world: World, tasks: Iterable[Task]) -> list[str]:
    """Read the machine's clock; report a jump in the log, in a message for every user, and in the lines returned."""
    if world.clock.virtual:
        return []
    ledger = world.ledger
    now = ClockReading(world.clock.now(), since_boot(), boot_id())
    before = _before(ledger)
    if before is not None and not jump(before, now) and now.at - before.at < EVERY:
        return []
    with ledger.database.note():
        before = _before(ledger)
        by = jump(before, now)
        ledger.info.set(SEEN, now.text())
        if before is None or not by:
            return []
        line = _line(before, now, by)
        ledger.info.set(JUMPED, json.dumps({"at": now.at.isoformat(), "by": by.total_seconds(), "text": line}))
        named = {task.name: task for task in tasks}
        for user in ledger.users.list():
            own = ledger.for_user(user.user)
            text = f"{line}. {_consequences(own, named, now.at)}" if by < timedelta(0) else line
            own.logs.append(now.at, "error", ACTION, text)
            own.outbox.add(now.at, "the machine's clock jumped", text, f"clock:{now.at.isoformat()}", kind=MessageKind.NOTICE)
    return [line]


def last_jump(world: World) -> str:
    """Return the line about a jump within `SHOWN_FOR`, or about a clock behind the stored reading; else empty. Writes nothing."""
    info = world.ledger.info
    now = world.clock.now()
    seen = ClockReading.of(info.get(SEEN))
    if not world.clock.virtual and seen is not None and seen.at > now + TOLERANCE:
        return _line(seen, ClockReading(now, 0.0, ""), now - seen.at)
    text = info.get(JUMPED)
    if text is None:
        return ""
    found: dict[str, Any] = json.loads(text)
    shown = abs(now - datetime.fromisoformat(found["at"])) < SHOWN_FOR
    return str(found["text"]) if shown else ""


def _before(ledger: Ledger) -> ClockReading | None:
    """Return the stored reading; without a reading, the last event of an execution; None without both."""
    found = ClockReading.of(ledger.info.get(SEEN))
    if found is None:
        last = ledger.executions.last_moment()
        found = ClockReading(last, 0.0, "") if last is not None else None
    return found


def _line(before: ClockReading, now: ClockReading, by: timedelta) -> str:
    moments = f"from {to_ist(before.at):%Y-%m-%d %H:%M} to {to_ist(now.at):%Y-%m-%d %H:%M} IST"
    length = str(timedelta(seconds=round(abs(by).total_seconds())))
    if by > timedelta(0):
        return (
            f"the machine's clock went forward by {length}, {moments}: compare `date -u` with the true time, and let NTP set it"
        )
    return f"the machine's clock went back by {length}, {moments}: it was ahead before, or it is behind now; let NTP set it"


def _consequences(ledger: Ledger, tasks: dict[str, Task], now: datetime) -> str:
    """Return what happens to executions and orders with a future time, written while the clock was ahead."""
    later = ledger.executions.later_than(now + SKEW)
    final = [row for row in later if row.status == "completed" and not _runs_again(row, tasks, now)]
    again = [_name(row) for row in later if row not in final]
    parts = [f"Runs again in its window: {', '.join(again)}"] if again else []
    for row in final:
        slot = f" --slot {row.slot}" if row.slot else ""
        command = f"tradectl {row.task} --session {row.session_date}{slot} --force"
        parts.append(f"Completed with a future time: {_name(row)}; `{command}` runs it again, and sends no order twice")
    query = select(orders.c.side, orders.c.quantity, orders.c.symbol).where(
        orders.c.user == ledger.user, orders.c.created_at > now + SKEW
    )
    with ledger.database.read() as connection:
        sent = [f"{row.side} {row.quantity} {row.symbol}" for row in connection.execute(query)]
    if sent:
        parts.append(f"Orders with a future time: {', '.join(sent)}; `tradectl orders list` and `tradectl reconcile` show them")
    return ". ".join(parts) or "No run and no order has a future time"


def _runs_again(row: Execution, tasks: dict[str, Task], now: datetime) -> bool:
    return row.task in tasks and is_premature(row, now, repeatable=tasks[row.task].repeatable)


def _name(row: Execution) -> str:
    return f"{row.task} {row.slot}".strip() + f" of {row.session_date}"
