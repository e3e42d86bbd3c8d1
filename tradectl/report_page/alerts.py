"""Find what a person must look at first: a halt, orders of unknown outcome, positions without a sell, missed and failed tasks."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import select

from tradectl.ledger import schema
from tradectl.model.moment import to_ist
from tradectl.model.money import show_rupees
from tradectl.model.order import OrderStatus
from tradectl.report_page.content import Alert
from tradectl.runtime.exposure import unprotected_now

if TYPE_CHECKING:
    from tradectl.world import World

DECISIONS, ORDERS, EXECUTIONS, STATS = schema.decisions, schema.orders, schema.task_executions, schema.daily_stats
SHOWN_SESSIONS = 4
"""How many sessions a line names."""


def alerts_of(world: World, first: date, last: date) -> tuple[Alert, ...]:
    """Return the alerts of the dates `first` to `last`, the gravest first."""
    return (*_halted(world), *_unknown(world, last), *_unprotected(world, first, last), *_tasks(world, first, last))


def _halted(world: World) -> list[Alert]:
    user = world.ledger.users.get(world.user)
    if user.trading_state == "ACTIVE":
        return []
    what = "sends cancels only" if user.trading_state == "HALTED" else "sends exits and cancels only"
    return [Alert(f"The account is {user.trading_state}", f"It {what}: {user.state_reason}", "tradectl resume")]


def _unknown(world: World, last: date) -> list[Alert]:
    """Return an alert for each order up to `last` whose outcome is still unknown: also an old one blocks its symbol."""
    query = select(ORDERS).where(
        ORDERS.c.user == world.user, ORDERS.c.status == OrderStatus.UNKNOWN, ORDERS.c.session_date <= last
    )
    with world.ledger.database.read() as connection:
        rows = connection.execute(query.order_by(ORDERS.c.id)).all()
    return [
        Alert(
            f"UNKNOWN: {row.side} {row.quantity} {row.symbol} at {show_rupees(row.price)}",
            f"Order {row.id} of {row.session_date} may or may not be at the exchange, so {row.symbol} is blocked: {row.reason}",
            f"tradectl orders resolve {row.id}",
        )
        for row in rows
    ]


def _unprotected(world: World, first: date, last: date) -> list[Alert]:
    """Return an alert for each position that has no live sell now, and for each symbol that had none in the period."""
    now = unprotected_now(world)
    found = [
        Alert(f"UNPROTECTED: {item.symbol}", item.text, "tradectl positions")
        for item in now
        if to_ist(item.as_of).date() >= first
    ]
    query = select(DECISIONS.c.symbol, DECISIONS.c.session_date, DECISIONS.c.reason).where(
        DECISIONS.c.user == world.user, DECISIONS.c.rule == "unprotected", DECISIONS.c.session_date.between(first, last)
    )
    by_symbol: dict[str, list[tuple[date, str]]] = defaultdict(list)
    with world.ledger.database.read() as connection:
        for symbol, session, reason in connection.execute(query.order_by(DECISIONS.c.session_date)):
            by_symbol[symbol].append((session, reason))
    return found + [
        Alert(
            f"Had no live sell: {symbol}",
            f"{dates_of([session for session, _ in lines])}: {lines[-1][1]}",
            f"tradectl why {symbol} --session {lines[-1][0]}",
        )
        for symbol, lines in by_symbol.items()
    ]


def _tasks(world: World, first: date, last: date) -> list[Alert]:
    """Return alerts about missed and failed tasks, and about sessions in which ledger and broker differed."""
    by_task: dict[tuple[str, str], list[date]] = defaultdict(list)
    runs = select(EXECUTIONS.c.task, EXECUTIONS.c.status, EXECUTIONS.c.session_date).where(
        EXECUTIONS.c.user == world.user,
        EXECUTIONS.c.status.in_(("missed", "failed")),
        EXECUTIONS.c.session_date.between(first, last),
    )
    unequal = select(STATS.c.session_date).where(
        STATS.c.user == world.user, STATS.c.mismatches > 0, STATS.c.session_date.between(first, last)
    )
    with world.ledger.database.read() as connection:
        for task, status, session in connection.execute(runs.order_by(EXECUTIONS.c.session_date)):
            by_task[(task, status)].append(session)
        differing = list(connection.scalars(unequal.order_by(STATS.c.session_date)))
    found = [
        Alert(
            f"{task} {'was missed' if status == 'missed' else 'failed'}", dates_of(sessions), f"tradectl executions --task {task}"
        )
        for (task, status), sessions in by_task.items()
    ]
    if differing:
        found.append(Alert("Ledger and broker differed", dates_of(differing), "tradectl logs --level error"))
    return found


def dates_of(sessions: list[date]) -> str:
    """Return dates as text: `2023-07-20, 2023-07-21 and 3 more`; each date once."""
    days = list(dict.fromkeys(sessions))
    more = len(days) - SHOWN_SESSIONS
    return ", ".join(map(str, days[:SHOWN_SESSIONS])) + (f" and {more} more" if more > 0 else "")
