"""Find what the timetable and the settings will leave undone: positions that no monitor watches, buys that no phone can approve.

All of it is read from the ledger, the session table and the clock. Nothing is called or written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradectl.errors import UncoveredDate
from tradectl.ledger.approvals import Approvals
from tradectl.ledger.telegram_updates import any_paired
from tradectl.model.moment import ist_date, to_ist
from tradectl.model.money import rupees
from tradectl.runtime.agenda import task_windows
from tradectl.runtime.exposure import MONITOR
from tradectl.runtime.registry import task_named

if TYPE_CHECKING:
    from tradectl.exchange.sessions import Session
    from tradectl.ledger.approvals import Approval
    from tradectl.ledger.schedules import ScheduleRow
    from tradectl.world import World


def unwatched_positions(world: World) -> str:
    """Return that positions are open and sell-monitor does not run in all market hours of the next session; else empty."""
    row, session = world.ledger.schedules.get(MONITOR), _next_session(world)
    if session is None or not (gap := _gap(row, session)):
        return ""
    count = len(world.ledger.book.snapshot().positions)
    if not count:
        return ""
    which = f"{count} positions are open" if count > 1 else "1 position is open"
    return f"{which} and {gap}"


def _gap(row: ScheduleRow | None, session: Session) -> str:
    """Return why the monitor does not watch all market hours of a session, and the command that helps; empty if it does."""
    if row is None or not row.enabled:
        return f"{MONITOR} is disabled, so no sell is placed on {session.date}: `tradectl schedule enable {MONITOR}`"
    windows = task_windows(task_named(MONITOR), row, session)
    first, last = session.open_at(), max(map(session.continuous_end, (False, True)))
    opens = min((window.opens for window in windows), default=None)
    closes = max((window.closes for window in windows), default=None)
    if opens is not None and closes is not None and opens <= first and closes >= last:
        return ""
    runs = f"runs from {to_ist(opens):%H:%M} to {to_ist(closes):%H:%M}" if opens and closes else "never runs"
    return (
        f"{MONITOR} {runs} on {session.date}, but shares trade from {to_ist(first):%H:%M} to {to_ist(last):%H:%M}: outside of "
        "its window no sell is placed or lowered. "
        f"`tradectl schedule set {MONITOR} --times {to_ist(first):%H:%M} --until last-fill`"
    )


def _next_session(world: World) -> Session | None:
    """Return today's run session, or after its last fill the next one; None outside the session table."""
    now = world.clock.now()
    try:
        session = world.sessions.session(ist_date(now))
        if session is not None and session.runs and now < session.last_fill_at():
            return session
        return world.sessions.next_run_session(ist_date(now))
    except UncoveredDate:
        return None


def approval_without_phone(world: World) -> str:
    """Return that buys wait for an approval that no phone can give; else empty."""
    wanted = world.parameters.buy_approval
    if wanted == "off" or world.clock.virtual or any_paired(world.ledger.settings):
        return ""
    then = "every list of buys is sent at its deadline" if wanted == "send" else "no list of buys is ever sent"
    return (
        f"buys wait for an approval by phone and no phone is paired, so {then}: `tradectl telegram pair` pairs one, "
        "`tradectl config unset buy_approval` ends the approval"
    )


def waiting_approval(world: World) -> Approval | None:
    """Return the newest list of buys that waits for an answer; None if none waits."""
    waiting = Approvals(world.ledger.database, world.user).open_at(world.clock.now())
    return waiting[-1] if waiting else None


def describe_approval(world: World, asked: Approval) -> str:
    """Return a waiting list as text: its buys, how to answer until when, and what happens without an answer."""
    count, amount = len(asked.lines), sum(line.amount for line in asked.lines)
    which = f"{count} buys" if count > 1 else "1 buy"
    then = "the list is sent" if world.parameters.buy_approval == "send" else "nothing is bought"
    return (
        f"{which} for {asked.for_session} ({rupees(amount)}) wait: a paired phone answers /approve {asked.list_hash} or "
        f"/reject {asked.list_hash} until {to_ist(asked.until):%H:%M}; without an answer {then}"
    )
