"""Read what the ledger has recorded of one session: the rows before it, its runs, the changes by people, and what it decided."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import asdict

from tradectl.errors import UsageError
from tradectl.ledger import schema
from tradectl.ledger.arming import ARMED, BROKER, LOGGED_IN_UNTIL
from tradectl.ledger.audit import entries
from tradectl.ledger.journal_triggers import DELETE
from tradectl.ledger.past_state import Row, Rows, changed_rows, current_rows, rows_after

if TYPE_CHECKING:
    from tradectl.ledger.engine import Database
    from tradectl.ledger.journal import Entry

BY_PEOPLE = ("user_trading_config", "task_schedules", "users")
"""The tables whose changes during a session are inputs of it."""
RESULTS = ("signals", "orders", "fills")
"""The tables that a session's runs write, and that a replay compares; the decisions are compared too."""
OLDER = 10
"""How many days of earlier decisions are copied."""
_ACCOUNT = "user_settings"
"""The table of broker credentials. A replay needs two of its rows, which are no secrets."""
_COMMANDS = ("config set", "config unset", "halt", "resume", "schedule set", "schedule enable", "schedule disable")


class Run(Struct, frozen=True):
    """One run of a task. `at`, `until`: ISO moments; `until` None: it had no end.

    `claims`: when a process began to work on it; a monitor may have several.
    """

    task: str
    slot: str
    at: str
    until: str | None
    claims: Sequence[str] = ()


class RecordedSession(Struct, frozen=True):
    """Everything that a replay of a session needs beside the bars.

    Attributes:
        session: The date as ISO text.
        mode: paper or live.
        version, fingerprint: The program that wrote the record; the fingerprint is that of its source.
        before: The rows before the first run, by table.
        runs: In the order of their start.
        changes: Changes by people between the runs: moment, table and row.
        results: What the runs wrote, by table; `decisions` with all rules and inputs.
    """

    session: str
    user: str
    mode: str
    version: str
    fingerprint: str
    before: dict[str, list[Row]]
    runs: tuple[Run, ...]
    changes: tuple[tuple[str, str, Row], ...]
    results: dict[str, list[Row]] = {}

    def as_json(self) -> dict[str, Any]:
        """Return the record as a JSON value."""
        return {**asdict(self), "runs": [asdict(run) for run in self.runs]}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> RecordedSession:
        """Return the record of a JSON value. Raises KeyError or TypeError for another value."""
        named = {name: value[name] for name in cls.__struct_fields__}
        named["runs"] = tuple(Run(**run) for run in value["runs"])
        named["changes"] = tuple((at, table, row) for at, table, row in value["changes"])
        return cls(**named)


def read_session(
    database: Database,
    user: str,
    session: date,
    *,
    tasks: Sequence[str],
    version: str,
    fingerprint: str,
    until: datetime | None = None,
    messages: bool = False,
) -> RecordedSession:
    """Return the record of a session of a user.

    Args:
        tasks: The names of the tasks that can be replayed.
        until: Leave out what was written later.
        messages: Add the messages to people to the results.

    Raises:
        UsageError: The journal has no run of the session.
    """
    journal = list(entries(database))
    first, last = _span(journal, user, session, tasks)
    if until is not None:
        last = next((place for place in range(first, last) if datetime.fromisoformat(journal[place].at) > until), last)
    before = rows_after(journal[:first])
    after = rows_after(journal[first:last], before)
    day = session.isoformat()
    claims = _claims(journal[first:last])
    runs = [
        Run(row["task"], row["slot"], row["started_at"], row["finished_at"], claims.get(str(row["id"]), ()))
        for row in after["task_executions"].values()
        if _is_run(row, user, day, tasks)
    ]
    return RecordedSession(
        session=day,
        user=user,
        mode=before.get("database_info", {}).get("mode", {}).get("value", ""),
        version=version,
        fingerprint=fingerprint,
        before=_inputs(database, before, user, session)
        | ({"outbox": _sent_before(database, user, journal[first].at)} if messages else {}),
        runs=tuple(sorted(runs, key=lambda run: (run.at, run.task))),
        changes=tuple(_changes(journal[first:last], user)),
        results=_results(database, before, after, user, session, messages=(journal[first].at, until) if messages else None),
    )


def _span(journal: Sequence[Entry], user: str, session: date, tasks: Sequence[str]) -> tuple[int, int]:
    """Return the place of the first entry of the session's runs, and the place after their last entry.

    A rerun after a later session has begun is left out.
    """
    first, last, day = None, 0, session.isoformat()
    for place, entry in enumerate(journal):
        if entry.record != "task_executions" or entry.user != user:
            continue
        row = json.loads(entry.content)
        if row["task"] not in tasks or row["status"] == "missed":
            continue
        if row["session_date"] > day and first is not None:
            break
        if row["session_date"] == day:
            first, last = place if first is None else first, place + 1
    if first is None:
        raise UsageError(f"the journal has no run of {session}: `tradectl executions` lists the runs")
    return first, last


def _claims(journal: Sequence[Entry]) -> dict[str, list[str]]:
    """Return the moments at which processes took executions, by the id of the execution."""
    found: dict[str, list[str]] = {}
    owners: dict[str, tuple[str | None, int]] = {}
    for entry in journal:
        if entry.record != "task_executions":
            continue
        row = json.loads(entry.content)
        owner = row["owner"], row["attempt"]
        if row["status"] == "running" and row["owner"] is not None and owners.get(entry.row_key) != owner:
            found.setdefault(entry.row_key, []).append(entry.at)
        owners[entry.row_key] = owner
    return found


def _is_run(row: Row, user: str, day: str, tasks: Sequence[str]) -> bool:
    return row["user"] == user and row["session_date"] == day and row["task"] in tasks and row["status"] != "missed"


def _inputs(database: Database, before: Rows, user: str, session: date) -> dict[str, list[Row]]:
    """Return the rows before the session. Tables without a journal are read as they are now, up to the session."""
    found = {name: [row for row in rows.values() if name != _ACCOUNT or _of_login(row)] for name, rows in before.items()}
    found.pop("strategy_checks", None)  # the journal has no results of checks, and a replay uses the texts in use
    of_user, day = f"\"user\" = '{user}'", session.isoformat()
    since = (session - timedelta(days=OLDER)).isoformat()
    recent = f"{of_user} AND session_date < '{day}' AND session_date >= '{since}'"
    found["decisions"] = current_rows(database, schema.decisions, recent)
    found["daily_stats"] = current_rows(database, schema.daily_stats, f"{of_user} AND session_date < '{day}'")
    found["instruments"] = current_rows(database, schema.instruments, of_user)
    return found


def _sent_before(database: Database, user: str, moment: str) -> list[Row]:
    """Return the messages of the last days, without their texts: what was sent once is not sent again."""
    begin = datetime.fromisoformat(moment)
    rows = current_rows(database, schema.outbox, f"\"user\" = '{user}'")
    earlier = [row for row in rows if begin - timedelta(days=OLDER) <= datetime.fromisoformat(row["created_at"]) < begin]
    return [
        row | {"title": "", "body": "", "picture": "", "sent_at": row["created_at"], "claimed_until": None} for row in earlier
    ]


def _changes(journal: Sequence[Entry], user: str) -> list[tuple[str, str, Row]]:
    """Return the changes of settings, schedules and state by commands of a person. A setting that was unset has no value."""
    found = []
    for entry in journal:
        row = json.loads(entry.content)
        by_person = entry.record in BY_PEOPLE and entry.user == user and entry.actor.partition(": ")[2] in _COMMANDS
        login = entry.record == _ACCOUNT and entry.user == user and _of_login(row) and entry.change != DELETE
        armed = entry.record == "database_info" and row["key"] == f"{ARMED}{user}"
        if by_person or login or armed:
            found.append((entry.at, entry.record, row | {"value": None} if entry.change == DELETE else row))
    return found


def _of_login(row: Row) -> bool:
    """Return whether a row names the broker, or the end of its session: the tasks read these two."""
    return not row["secret"] and (row["key"] == BROKER or row["key"].endswith(f".{LOGGED_IN_UNTIL}"))


def _results(
    database: Database, before: Rows, after: Rows, user: str, session: date, *, messages: tuple[str, datetime | None] | None
) -> dict[str, list[Row]]:
    """Return what the runs wrote. `messages`: the span of the messages; None for none."""
    found = {name: [row for row in changed_rows(before, after, name) if row["user"] == user] for name in RESULTS}
    where = f"\"user\" = '{user}' AND session_date = '{session.isoformat()}'"
    until = messages[1] if messages is not None else None
    found["decisions"] = _written_by(current_rows(database, schema.decisions, where), "at", until)
    if messages is not None:
        since = datetime.fromisoformat(messages[0])
        sent = current_rows(database, schema.outbox, f"\"user\" = '{user}'")
        of_session = [row for row in sent if datetime.fromisoformat(row["created_at"]) >= since]
        found["outbox"] = _written_by(of_session, "created_at", until or _end_of(after, user, session))
    return found


def _written_by(rows: list[Row], column: str, until: datetime | None) -> list[Row]:
    """Return the rows that were written up to a moment."""
    return [row for row in rows if until is None or datetime.fromisoformat(row[column]) <= until]


def _end_of(after: Rows, user: str, session: date) -> datetime:
    """Return the last moment of the runs of a session."""
    day, runs = session.isoformat(), after["task_executions"].values()
    ends = [row["finished_at"] or row["started_at"] for row in runs if row["user"] == user and row["session_date"] == day]
    return max(map(datetime.fromisoformat, ends)) + timedelta(seconds=1)
