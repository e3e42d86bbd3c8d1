"""Report the state of a user: mode, clock, session, agenda, services, positions, orders, and what needs a person."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from tradectl.errors import Blocked, DatabaseError, UncoveredDate
from tradectl.ledger import schema
from tradectl.ledger.arming import BROKER, LOGGED_IN_UNTIL, Arming
from tradectl.ledger.executions import standing
from tradectl.ledger.lock_holder import lock_holder
from tradectl.model.moment import ist_date
from tradectl.model.odd_rows import KEPT_UNDER
from tradectl.model.order import ALIVE, OrderStatus
from tradectl.model.trading_state import TradingState, stricter
from tradectl.report.held_positions import held_positions, last_backup, next_slots, todays_decisions
from tradectl.report.stored_data import stored_data
from tradectl.report.values import rows, value
from tradectl.runtime import problems_ahead
from tradectl.runtime.admission import reopens
from tradectl.runtime.agenda import task_windows
from tradectl.runtime.clock_watch import last_jump
from tradectl.runtime.exposure import unprotected_now, with_age
from tradectl.runtime.provisional import is_urgent, missing_year
from tradectl.runtime.registry import all_tasks, task_named

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tradectl.exchange.sessions import Session
    from tradectl.execution.unprotected_positions import Unprotected
    from tradectl.ledger.engine import Database
    from tradectl.ledger.executions import Execution
    from tradectl.ports import HaltMarker
    from tradectl.runtime.agenda import Window
    from tradectl.world import World

ORDERS, POSITIONS, EXECUTIONS, STATS = schema.orders, schema.positions, schema.task_executions, schema.daily_stats
PROBLEMS = (problems_ahead.unwatched_positions, problems_ahead.approval_without_phone)
"""What the report says is left undone by the timetable and the settings."""
MISSED_FOR = timedelta(days=7)
"""How long the report shows a missed slot."""


def status(world: World) -> dict[str, Any]:
    """Return the state of a user as JSON values. Writes nothing."""
    now = world.clock.now()
    today = ist_date(now)
    user = world.ledger.users.get(world.user)
    session, day = _session(world, today)
    book = world.ledger.book
    unresolved = [order.id for order in book.unresolved(book.snapshot().orders, world.clock.machine_now())]
    with world.ledger.database.read() as connection:
        facts = _facts(connection, world.user, today, now, unresolved)
    marked = marker_state(world.marker)
    in_ledger = TradingState(user.trading_state, user.state_reason, by_limit=user.state_until is not None)
    state = stricter(in_ledger, TradingState(marked["state"] or "ACTIVE", marked["reason"]))
    exposed = unprotected_now(world)
    data, unreadable = _stored_data(world)
    agenda = _agenda(world, session, now, user.created_at) if session is not None and session.runs else []
    found = {
        "unprotected": [shown(item, now) for item in exposed],
        "mode": world.mode,
        **_at_broker(world),
        "clock": "virtual" if world.clock.virtual else "system",
        "now": value(now),
        "trading_state": state.state,
        "state_reason": state.reason,
        "state_until": value(user.state_until) if state.by_limit else None,
        "marker": marked,
        "ledger_state": user.trading_state,
        "stopped_writer": stopped_writer(world.ledger.database),
        "session": day,
        "agenda": agenda,
        "next_slots": next_slots(world, agenda, day["next_run"], now),
        "positions": held_positions(world, exposed, today),
        "last_backup": last_backup(world),
        "services": _services(world),
        "undelivered": len(world.ledger.outbox.pending()),
        "clock_jump": last_jump(world),
        "odd_rows": _odd_rows(world, today),
        "data": data,
        "approval": _approval(world),
        "problems": [*([unreadable] if unreadable else []), *(text for find in PROBLEMS if (text := find(world)))],
        **facts,
    }
    return found | {"login_needed_for": login_needed(found)}


def _stored_data(world: World) -> tuple[list[dict[str, Any]], str]:
    """Return how current the market data are, and why they cannot be read: the account and its orders are shown all the same."""
    try:
        return stored_data(world), ""
    except DatabaseError as error:
        return [], f"{error}. The tasks fail until then; resting orders stay as they are"


def _approval(world: World) -> dict[str, Any] | None:
    """Return the list of buys that waits for the operator's answer; None if none waits."""
    asked = problems_ahead.waiting_approval(world)
    if asked is None:
        return None
    return {
        "list": asked.list_hash,
        "for_session": asked.for_session.isoformat(),
        "buys": len(asked.lines),
        "amount": value(sum(line.amount for line in asked.lines), money=True),
        "until": value(asked.until),
        "without_answer": world.parameters.buy_approval,
        "text": problems_ahead.describe_approval(world, asked),
    }


def _odd_rows(world: World, today: date) -> list[dict[str, Any]]:
    """Return the broker's unreadable rows of today, by symbol, with their effect."""
    task, rule = KEPT_UNDER
    if not world.ledger.decisions.by_rule(task, today, "", rule):
        return []
    from tradectl.execution import unreadable_row_findings

    found = unreadable_row_findings.load(world.ledger, today).values()
    return [{"symbol": item.symbol or None, "stops": item.stops, "text": item.text, "rows": item.shown} for item in found]


def marker_state(marker: HaltMarker) -> dict[str, Any]:
    """Return the halt marker: its state (None without a marker), its reason, and since when it is set.

    An unreadable marker counts as HALTED.
    """
    if not marker.exists():
        return {"state": None, "reason": "", "since": ""}
    try:
        found = marker.read()
    except Blocked as unreadable:
        return {"state": "HALTED", "reason": str(unreadable), "since": ""}
    return {"state": found.state, "reason": found.reason, "since": marker.since()}


def stopped_writer(database: Database) -> dict[str, Any] | None:
    """Return the stopped process that holds the ledger's write lock, and the command that helps; None if there is none."""
    holder = lock_holder(database.name) if database.sqlite else None
    if holder is None or not holder.stopped:
        return None
    return {"pid": holder.pid, "command": holder.command, "told": holder.describe(database.name)}


def shown(item: Unprotected, now: datetime) -> dict[str, Any]:
    """Return an unprotected position as JSON values. `age`: seconds since a process last confirmed the cause."""
    age = max(0, int((now - item.as_of).total_seconds()))
    return item.shown | {"as_of": value(item.as_of), "age": age, "text": with_age(item, now)}


def _at_broker(world: World) -> dict[str, Any]:
    """Return the broker and the arming of a live home, or the broker that supplies a paper home's live prices."""
    broker = world.ledger.settings.plain(BROKER) if world.mode == "live" else world.prices_of or None
    if broker is None:
        return {"broker": None, "armed_since": None, "logged_in_until": None}
    until = world.ledger.settings.plain(f"{broker}.{LOGGED_IN_UNTIL}")
    ends = value(datetime.fromisoformat(until)) if until else None
    armed = value(Arming(world.ledger, broker).since()) if world.mode == "live" else None
    return {"broker": broker, "armed_since": armed, "logged_in_until": ends}


def login_needed(content: dict[str, Any]) -> str:
    """Return the task and slot of today's first run for which there will be no valid login at the broker; empty if none."""
    if content["mode"] != "live" and content["broker"] is None:
        return ""
    until = datetime.fromisoformat(content["logged_in_until"]) if content["logged_in_until"] else None
    for item in content["agenda"]:
        begins = max(datetime.fromisoformat(item["opens"]), datetime.fromisoformat(content["now"]))
        needs = item["state"] in {"due", "later", "running"} and task_named(item["task"]).asks_broker
        if needs and (until is None or begins >= until):
            return f"{item['task']} {item['slot']}".strip()
    return ""


def _session(world: World, today: date) -> tuple[Session | None, dict[str, Any]]:
    """Return today's session (None if there is none) and its description, also for a date outside the session table."""
    day: dict[str, Any] = {"date": today.isoformat(), "kind": None, "runs": False, "why_closed": "", "next_run": None}
    day |= {"provisional": world.sessions.provisional.get(today, ""), "year_missing": missing_year(world.sessions, today)}
    day["year_urgent"] = is_urgent(world.sessions, today)
    session = None
    try:
        session = world.sessions.session(today)
        day |= {"kind": str(session.kind), "runs": session.runs} if session else {"why_closed": world.sessions.why_closed(today)}
        day["next_run"] = world.sessions.next_run_session(today).date.isoformat()
    except UncoveredDate as error:
        day["why_closed"] = day["why_closed"] or ("" if session else str(error))
    return session, day


def _agenda(world: World, session: Session, now: datetime, since: datetime) -> list[dict[str, Any]]:
    schedules = {row.task: row for row in world.ledger.schedules.list()}
    done = world.ledger.executions.on(session.date)
    found = []
    for task in filter(lambda task: task.runs_on(world.clock), all_tasks()):
        row = schedules.get(task.name)
        for window in task_windows(task, row, session) if row else ():
            execution = done.get((window.task, window.slot))
            if execution is not None and now < window.over and reopens(world, task, execution, now):
                execution = None
            state = slot_state(world, window, execution, now, since) if row and (row.enabled or execution) else "disabled"
            state = "blocked" if session.provisional and task.buys and state != "disabled" else state
            found.append(
                {"task": window.task, "slot": window.slot, "opens": value(window.opens), "closes": value(window.closes)}
                | {"state": state, "steps": execution.steps if execution else 0}
                | {"result": dict(execution.result) if execution else {}, "error": execution.error if execution else ""}
            )
    return sorted(found, key=lambda item: str(item["opens"]))


def slot_state(world: World, window: Window, row: Execution | None, now: datetime, since: datetime) -> str:
    """Return the state of a slot: completed, failed, missed, running, due, later or earlier.

    A running slot has a process; a due slot is open but has none. An earlier slot closed before the user existed.
    """
    if row is None or row.status == "running":
        if row is not None and standing(row, world.clock.machine_now(), world.ledger.executions.lease) == "held":
            return "running"
        if window.is_open(now):
            return "due"
        if now < window.opens:
            return "later"
        return "earlier" if row is None and window.closes <= since else "missed"
    return row.status


def _services(world: World) -> list[dict[str, Any]]:
    machine_now = world.clock.machine_now()
    return [
        {"service": row.service, "running": row.running(machine_now), "beat_at": value(row.beat_at), "owner": row.owner}
        for row in world.ledger.service.list()
    ]


def _facts(connection: Connection, user: str, today: date, now: datetime, unresolved: list[int]) -> dict[str, Any]:
    """Return counts and newest rows of one snapshot of the ledger. `unresolved`: ids of orders of unknown outcome."""

    def count(table: Any, *where: Any) -> int:
        return int(connection.execute(select(func.count()).select_from(table).where(table.c.user == user, *where)).scalar_one())

    unknown = select(ORDERS).where(ORDERS.c.user == user, ORDERS.c.id.in_(unresolved)).order_by(ORDERS.c.id)
    of_user = EXECUTIONS.c.user == user
    recent = (
        EXECUTIONS.c.session_date >= today - MISSED_FOR,
        EXECUTIONS.c.session_date <= today,
        EXECUTIONS.c.finished_at <= now,
    )
    missed = (
        select(EXECUTIONS).where(of_user, EXECUTIONS.c.status == "missed", *recent).order_by(EXECUTIONS.c.session_date.desc())
    )
    analysis = (
        select(EXECUTIONS).where(of_user, EXECUTIONS.c.task == "analyze").order_by(EXECUTIONS.c.session_date.desc()).limit(1)
    )
    stats = select(STATS).where(STATS.c.user == user).order_by(STATS.c.session_date.desc()).limit(1)
    return {
        "decisions": todays_decisions(connection, user, today),
        "open_positions": count(POSITIONS, POSITIONS.c.status == "open"),
        "live_orders": count(ORDERS, ORDERS.c.status.in_(sorted(ALIVE))),
        "waiting_orders": count(ORDERS, ORDERS.c.status == OrderStatus.RETRY_PENDING),
        "unknown_orders": rows(connection, ORDERS, unknown),
        "missed": [
            f"{row['task']} {row['slot']}".strip() + f" of {row['session_date']}" for row in rows(connection, EXECUTIONS, missed)
        ],
        "last_analysis": next(iter(rows(connection, EXECUTIONS, analysis)), None),
        "statistics": next(iter(rows(connection, STATS, stats)), None),
    }
