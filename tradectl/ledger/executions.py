"""Store executions and claims: a row is written before the work, its lease is renewed during it, its end is written after it.

The database decides which process works: by a unique key for the first claim of a slot, and by a conditional UPDATE on `attempt`
for every later claim. If an owner has ended or its lease has expired, another process takes the row. The old owner is then
fenced: it can neither finish the row nor commit an order, because both check the claim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Select, String, bindparam, func, select, update
from sqlalchemy.engine import Connection

from tradectl.errors import Blocked
from tradectl.ledger.compiled import CompiledStatement
from tradectl.ledger.engine import Database
from tradectl.ledger.process_identity import is_alive
from tradectl.ledger.schema import task_executions as rows
from tradectl.ledger.types import Moment
from tradectl.ledger.upserts import insert_new, insert_new_id
from tradectl.redaction import redacted

LEASE = timedelta(seconds=30)
"""How long a claim is valid after its last heartbeat, in machine time."""
LATEST = datetime.max.replace(tzinfo=UTC)
SKEW = timedelta(minutes=2)
"""How far the clocks of two machines with one database may differ. A time further ahead was written by a wrong clock."""


class Fenced(Blocked):
    """Another process has taken over this execution, so this process may send and write nothing more for it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on one slot. `steps` and `result` come from earlier owners of the row."""

    execution_id: int
    user: str
    task: str
    session: date
    slot: str
    attempt: int
    owner: str
    started_at: datetime | None = None
    steps: int = 0
    result: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @classmethod
    def none(cls, user: str, task: str, session: date, slot: str) -> Claim:
        """Return the claim of a dry run. It has no row, so no order can be sent with it."""
        return cls(0, user, task, session, slot, 0, "")


class Held(Struct, frozen=True):
    """Another process works on the slot."""

    owner: str
    beat_at: datetime | None


class AlreadyDone(Struct, frozen=True):
    """The slot is closed: `completed`, or `missed`."""

    status: str
    finished_at: datetime | None


class Execution(Struct, frozen=True):
    """A row of `task_executions`. `beat_at` is machine time; other moments are clock time; `duration` in seconds."""

    id: int
    user: str
    task: str
    session_date: date
    slot: str
    status: str
    attempt: int
    owner: str | None
    beat_at: datetime | None
    started_at: datetime
    finished_at: datetime | None
    duration: float | None
    steps: int
    trigger: str
    forced: int
    one_step: int
    result: Mapping[str, Any]
    error: str


Standing = Literal["held", "done", "released", "again"]


def standing(row: Execution, machine_now: datetime, lease: timedelta = LEASE, *, force: bool = False) -> Standing:
    """Return whether a row is held by a process, done, released between two steps, or may run again."""
    if row.status in {"completed", "missed"}:
        return "again" if force else "done"
    if row.status == "failed":
        return "again"
    if row.owner is None:
        return "released"
    if not is_alive(row.owner):
        return "again"
    return "held" if row.beat_at is not None and -SKEW < machine_now - row.beat_at < lease else "again"


def is_premature(row: Execution, now: datetime, *, repeatable: bool) -> bool:
    """Return True if a row was closed after `now`: the machine's clock was ahead, so the row is not final.

    A missed slot is then open again. A completed slot is open again only if the task is `repeatable` and the row ended more than
    `SKEW` after `now`.
    """
    if row.finished_at is None:
        return False
    if row.status == "missed":
        return row.finished_at > now
    return row.status == "completed" and repeatable and row.finished_at > now + SKEW


def assert_holds(connection: Connection, claim: Claim, machine_now: datetime | None = None) -> None:
    """Raise Fenced unless the claim is still valid. In a write transaction the row stays locked until the commit.

    With `machine_now` the lease is renewed in the same transaction, so that the work after the commit has a full lease.
    """
    if machine_now is None:
        held = _LOCK_HELD.first(connection, _held(claim)) is not None
    else:
        held = _CHANGE_HELD.execute(connection, {**_held(claim), "beat_at": machine_now}) == 1
    if not held:
        raise Fenced(f"{claim.task} of {claim.session} was taken over by another process")


def at_work(connection: Connection, execution_id: int, machine_now: datetime) -> bool:
    """Return whether a process works on an execution now: its owner is alive and its lease has not expired."""
    row = connection.execute(_ALL.where(rows.c.id == execution_id)).first()
    return row is not None and standing(_execution(row), machine_now) == "held"


class Executions:
    """The executions of one user. Only tests pass `lease`."""

    def __init__(self, database: Database, user: str, *, lease: timedelta = LEASE) -> None:
        self.database = database
        self.user = user
        self.lease = lease

    def claim(
        self,
        task: str,
        session: date,
        slot: str,
        *,
        owner: str,
        trigger: str,
        machine_now: datetime,
        now: datetime,
        force: bool = False,
        one_step: bool = False,
        repeatable: bool | None = None,
    ) -> Claim | Held | AlreadyDone:
        """Claim a slot. Return the claim, Held if another process works on the slot, or AlreadyDone if it is closed.

        Args:
            force: Open a completed or missed slot again, but not one that another process holds.
            one_step: The owner does one step of a monitor and releases the slot: the loop of another process waits for that.
            repeatable: See `is_premature`; None on a virtual clock, which cannot be ahead.
        """
        key = {"user": self.user, "task": task, "session_date": session, "slot": slot}
        values = {"status": "running", "attempt": 1, "owner": owner, "beat_at": machine_now, "started_at": now}
        values["one_step"] = int(one_step)
        with self.database.note() as connection:
            inserted = insert_new_id(connection, rows, {**key, **values, "trigger": trigger, "result": {}})
            if inserted is not None:
                return Claim(inserted, self.user, task, session, slot, 1, owner, started_at=now)
            row = self._row(connection, task, session, slot)
            assert row is not None
            reopened = repeatable is not None and is_premature(row, now, repeatable=repeatable)
            stands = standing(row, machine_now, self.lease, force=force or reopened)
            if stands == "held":
                return Held(row.owner or "", row.beat_at)
            if stands == "done":
                return AlreadyDone(row.status, row.finished_at)
            taken: dict[str, Any] = {"owner": owner, "beat_at": machine_now, "trigger": trigger, "one_step": int(one_step)}
            if stands == "again":
                forced = row.forced + (force and row.status in {"completed", "missed"})
                taken |= {"status": "running", "attempt": row.attempt + 1, "started_at": now, "forced": forced}
                taken |= {"finished_at": None, "duration": None, "error": ""}
            if _TAKE.execute(connection, {**_as_read(row), **taken}) == 1:
                return _claim(replace(row, **taken))
            row = self._row(connection, task, session, slot) or row
            return Held(row.owner or "", row.beat_at)

    def beat(
        self, claim: Claim, machine_now: datetime, *, steps: int | None = None, result: Mapping[str, Any] | None = None
    ) -> None:
        """Renew the lease, and write the steps and the result so far. Raises Fenced if another process has the row."""
        values: dict[str, Any] = {"beat_at": machine_now}
        if steps is not None:
            values["steps"] = steps
        if result is not None:
            values["result"] = dict(result)
        self._write(claim, values)

    def release(self, claim: Claim, steps: int, result: Mapping[str, Any]) -> None:
        """Leave the row running without an owner, for the next process to take the next step.

        The last heartbeat stays in the row as the time of the last step.
        """
        self._write(claim, {"owner": None, "steps": steps, "result": dict(result)})

    def finish(self, claim: Claim, status: str, result: Mapping[str, Any], *, error: str = "", now: datetime, steps: int) -> None:
        """Write the end: completed or failed. Raises Fenced if another process has the row."""
        duration = max(0.0, (now - claim.started_at).total_seconds()) if claim.started_at else None
        values = {"status": status, "result": dict(result), "error": redacted(error), "finished_at": now, "duration": duration}
        self._write(claim, {**values, "steps": steps, "owner": None, "beat_at": None})

    def holds(self, claim: Claim) -> bool:
        """Return whether the claim is still valid."""
        with self.database.read() as connection:
            try:
                assert_holds(connection, claim)
            except Fenced:
                return False
        return True

    def record_missed(self, task: str, session: date, slot: str, now: datetime, trigger: str = "manual") -> bool:
        """Record that a slot's window closed without a run. Return False if the slot already has a row.

        A missed row whose end is after `now` is overwritten (True): the clock was ahead when it was written.
        """
        key = {"user": self.user, "task": task, "session_date": session, "slot": slot}
        values = {"status": "missed", "attempt": 0, "trigger": trigger, "started_at": now, "finished_at": now}
        with self.database.note() as connection:
            if insert_new(connection, rows, {**key, **values, "result": {}, "error": "the window closed without a run"}):
                return True
            where = [rows.c[name] == value for name, value in key.items()]
            again = update(rows).where(*where, rows.c.status == "missed", rows.c.finished_at > now)
            return connection.execute(again.values(started_at=now, finished_at=now)).rowcount == 1

    def close_abandoned(self, row: Execution, status: str, error: str, now: datetime, machine_now: datetime) -> bool:
        """End a running row that no process works on; return False if a process works on it or has already ended it."""
        if standing(row, machine_now, self.lease) not in {"released", "again"} or row.status != "running":
            return False
        values = {"status": status, "error": error, "finished_at": now, "owner": None, "beat_at": None}
        values["duration"] = max(0.0, (now - row.started_at).total_seconds())
        with self.database.note() as connection:
            return _TAKE.execute(connection, {**_as_read(row), **values}) == 1

    def get(self, task: str, session: date, slot: str) -> Execution | None:
        """Return the execution of a slot; None without one."""
        with self.database.read() as connection:
            return self._row(connection, task, session, slot)

    def on(self, session: date) -> dict[tuple[str, str], Execution]:
        """Return every execution of a session, by (task, slot)."""
        with self.database.read() as connection:
            found = _OF_SESSION.all(connection, {"of_user": self.user, "of_session": session})
        return {(row.task, row.slot): _execution(row) for row in found}

    def statuses(self, session: date, *, by: datetime | None = None) -> dict[tuple[str, str], str]:
        """Return the status of every execution of a session, by (task, slot). With `by`, leave out slots missed after it."""
        key = {"of_user": self.user, "of_session": session}
        with self.database.read() as connection:
            if by is None:
                return {(task, slot): status for task, slot, status in _STATUSES.all(connection, key)}
            found = _STATUSES_WITH_END.all(connection, key)
        return {(task, slot): status for task, slot, status, end in found if status != "missed" or end <= by}

    def list(
        self, *, session: date | None = None, task: str | None = None, status: str | None = None, limit: int = 100
    ) -> tuple[Execution, ...]:
        """Return the last executions, newest first."""
        wanted = {rows.c.session_date: session, rows.c.task: task, rows.c.status: status}
        where = [column == value for column, value in wanted.items() if value is not None]
        statement = _ALL.where(rows.c.user == self.user, *where).order_by(rows.c.session_date.desc(), rows.c.id.desc())
        with self.database.read() as connection:
            return tuple(_execution(row) for row in connection.execute(statement.limit(limit)).all())

    def running(self) -> tuple[Execution, ...]:
        """Return the executions that have not ended, newest first."""
        with self.database.read() as connection:
            return tuple(map(_execution, _RUNNING.all(connection, {"of_user": self.user})))

    def completed(self, task: str, session: date, *, user: str | None = None, by: datetime | None = None) -> bool:
        """Return whether any slot of a task has completed in a session. `user` None: this user; `by` None: at any moment."""
        key = {"of_user": user or self.user, "of_task": task, "of_session": session, "at_latest": by or LATEST}
        with self.database.read() as connection:
            return _COMPLETED.first(connection, key) is not None

    def later_than(self, moment: datetime) -> tuple[Execution, ...]:
        """Return the executions that ended after a moment, by id."""
        statement = _ALL.where(rows.c.user == self.user, rows.c.finished_at > moment).order_by(rows.c.id)
        with self.database.read() as connection:
            return tuple(_execution(row) for row in connection.execute(statement).all())

    def last_moment(self) -> datetime | None:
        """Return the last moment at which an execution of this user began or ended; None without any."""
        moments = (func.max(rows.c.started_at), func.max(rows.c.finished_at))
        with self.database.read() as connection:
            found = connection.execute(select(*moments).where(rows.c.user == self.user)).one()
        return max((moment for moment in found if moment is not None), default=None)

    def last_session(self, through: date | None = None) -> date | None:
        """Return the latest session, not after `through`, that has an execution; None if there is none."""
        key = {"of_user": self.user, "of_session": through or date.max}
        with self.database.read() as connection:
            last: date | None = _LAST_SESSION.scalar(connection, key)
        return last

    def _row(self, connection: Connection, task: str, session: date, slot: str) -> Execution | None:
        key = {"of_user": self.user, "of_task": task, "of_session": session, "of_slot": slot}
        row = _BY_KEY.first(connection, key)
        return _execution(row) if row else None

    def _write(self, claim: Claim, values: Mapping[str, Any]) -> None:
        with self.database.note() as connection:
            if _CHANGE_HELD.execute(connection, {**_held(claim), **values}) != 1:
                raise Fenced(f"{claim.task} of {claim.session} was taken over by another process")


_ALL: Select[Any] = select(*rows.c)
_BY_KEY = CompiledStatement(
    _ALL.where(
        rows.c.user == bindparam("of_user"),
        rows.c.task == bindparam("of_task"),
        rows.c.session_date == bindparam("of_session"),
        rows.c.slot == bindparam("of_slot"),
    )
)
_IN_SESSION = (rows.c.user == bindparam("of_user"), rows.c.session_date == bindparam("of_session"))
_OF_SESSION = CompiledStatement(_ALL.where(*_IN_SESSION))
_RUNNING = CompiledStatement(
    _ALL.where(rows.c.user == bindparam("of_user"), rows.c.status == "running").order_by(
        rows.c.session_date.desc(), rows.c.id.desc()
    )
)
_STATUSES = CompiledStatement(select(rows.c.task, rows.c.slot, rows.c.status).where(*_IN_SESSION))
_STATUSES_WITH_END = CompiledStatement(select(rows.c.task, rows.c.slot, rows.c.status, rows.c.finished_at).where(*_IN_SESSION))
_LAST_SESSION = CompiledStatement(
    select(func.max(rows.c.session_date)).where(
        rows.c.user == bindparam("of_user"), rows.c.session_date <= bindparam("of_session")
    )
)
_TAKE = CompiledStatement(
    update(rows).where(
        rows.c.id == bindparam("of_id"),
        rows.c.attempt == bindparam("of_attempt"),
        rows.c.status == bindparam("of_status"),
        rows.c.owner.is_not_distinct_from(bindparam("of_owner", type_=String)),
    )
)
"""Change a row only if it has not changed since it was read."""
_HELD = (
    rows.c.id == bindparam("held_id"),
    rows.c.attempt == bindparam("held_attempt"),
    rows.c.owner == bindparam("held_owner"),
    rows.c.status == "running",
)
_LOCK_HELD = CompiledStatement(select(rows.c.id).where(*_HELD).with_for_update())
_CHANGE_HELD = CompiledStatement(update(rows).where(*_HELD))
_COMPLETED = CompiledStatement(
    select(rows.c.id).where(
        rows.c.user == bindparam("of_user"),
        rows.c.task == bindparam("of_task"),
        rows.c.session_date == bindparam("of_session"),
        rows.c.status == "completed",
        rows.c.finished_at <= bindparam("at_latest", type_=Moment),
    )
)


def _held(claim: Claim) -> dict[str, Any]:
    return {"held_id": claim.execution_id, "held_attempt": claim.attempt, "held_owner": claim.owner}


def _as_read(row: Execution) -> dict[str, Any]:
    return {"of_id": row.id, "of_attempt": row.attempt, "of_status": row.status, "of_owner": row.owner}


def _execution(row: Sequence[Any]) -> Execution:
    return Execution(*row)


def _claim(row: Execution) -> Claim:
    key = (row.id, row.user, row.task, row.session_date, row.slot, row.attempt, row.owner or "")
    return Claim(*key, started_at=row.started_at, steps=row.steps, result=row.result)
