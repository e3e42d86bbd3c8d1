"""Check what the first order of today needs: the session, the slots, the evening before, waiting buys and their funds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING

from tradectl.doctor.finding import Check, NeedsAttention
from tradectl.errors import Blocked, Missed
from tradectl.model.moment import ist_date, to_ist
from tradectl.model.money import show_rupees
from tradectl.model.order import OrderStatus, Side
from tradectl.runtime.agenda import windows
from tradectl.runtime.problems_ahead import unwatched_positions
from tradectl.runtime.registry import all_tasks

if TYPE_CHECKING:
    from tradectl.exchange.sessions import Session
    from tradectl.world import World

EVENING = ("analyze", "buy", "eod")
"""The tasks of the evening before, in their order."""
LOOKED_BACK = timedelta(days=15)
"""How far back the last run session is searched: no closure of the exchange is longer."""


def todays_session(world: World) -> Session | None:
    """Return today's run session; None if nothing trades today. Raises UncoveredDate."""
    found = world.sessions.session(ist_date(world.clock.now()))
    return found if found is not None and found.runs else None


def checks(world: World, session: Session) -> Iterable[tuple[str, Check]]:
    """Return the checks of the day, each with its name."""
    return (
        ("first order", lambda: _first_order(world, session)),
        ("evening", lambda: _evening(world, session)),
        ("waiting buys", lambda: _waiting_buys(world, session)),
        ("positions", lambda: _positions(world)),
    )


def _first_order(world: World, session: Session) -> str:
    """Return the next slot that may send an order. Raises Missed if all of today have passed."""
    rows, now = {row.task: row for row in world.ledger.schedules.list()}, world.clock.now()
    sending = [task for task in all_tasks() if task.sends]
    left = [window for window in windows(sending, rows, session) if window.closes > now]
    if not left:
        raise Missed(f"no slot of {session.date} that sends orders is left: nothing is bought or sold today by tradectl")
    first = left[0]
    return f"{first.name} at {to_ist(first.opens):%H:%M} is the next slot that may send an order"


def _evening(world: World, session: Session) -> str:
    """Raise NeedsAttention if a task of the last run session has not completed: its buys are missing, or its sums."""
    before = world.sessions.run_between(session.date - LOOKED_BACK, session.date - timedelta(days=1))
    created = ist_date(world.ledger.users.get(world.user).created_at)
    if not before or before[-1].date < created:
        return "the account had no session before today"
    day: date = before[-1].date
    done = world.ledger.executions.on(day)
    rows = {row.task: row for row in world.ledger.schedules.list()}
    lacking = [
        name
        for name in EVENING
        if name in rows and rows[name].enabled and ((row := done.get((name, ""))) is None or row.status != "completed")
    ]
    if lacking:
        raise NeedsAttention(
            f"{', '.join(lacking)} of {day} did not complete, so no new buy of that evening waits: "
            f"`tradectl executions --session {day}` shows why"
        )
    return f"{', '.join(EVENING)} of {day} have completed"


def _waiting_buys(world: World, session: Session) -> str:
    """Raise NeedsAttention if the cash is less than the value of the buys that wait to be sent."""
    waiting = [
        order
        for order in world.ledger.book.snapshot().orders
        if order.side is Side.BUY and order.status is OrderStatus.RETRY_PENDING and order.session == session.date
    ]
    resting = sum(order.side is Side.BUY and order.alive and not order.waiting for order in world.ledger.book.snapshot().orders)
    if not waiting:
        return f"no buy waits to be sent; {resting} rest at the exchange"
    value, cash = sum(order.price * order.quantity for order in waiting), world.ledger.book.cash()
    text = f"{len(waiting)} buys for Rs {show_rupees(value)} wait to be sent, {resting} rest at the exchange"
    if cash < value:
        raise NeedsAttention(f"{text}; the ledger has Rs {show_rupees(cash)}: the broker will refuse some for lack of funds")
    return f"{text}; the ledger has Rs {show_rupees(cash)}"


def _positions(world: World) -> str:
    """Raise Blocked if positions are open and sell-monitor, which offers them, does not run in all market hours."""
    if text := unwatched_positions(world):
        raise Blocked(text)
    count = len(world.ledger.book.snapshot().positions)
    return f"{count} open positions, which sell-monitor offers from the open on" if count else "no position is open"
