"""Signals and decisions: what the strategy wanted, and why each symbol was taken or left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date, datetime

from sqlalchemy import and_, bindparam, delete, func, insert, select, update

from tradectl.ledger import schema
from tradectl.ledger.engine import Database, insert_many, put_rows
from tradectl.ledger.prepared import Prepared
from tradectl.ledger.rows import Decision, Signal


class Signals:
    """The signals of one user."""

    def __init__(self, database: Database, user: str) -> None:
        self._database = database
        self._user = user

    def replace(self, analysed: date, signals: Sequence[Signal], now: datetime) -> None:
        """The signals of one analysis; those that an earlier run of the same analysis left go, but for those that somebody's
        order was made of: they stay as they were."""
        table, orders = schema.signals, schema.orders
        ordered = table.c.id.in_(select(orders.c.signal_id).where(orders.c.signal_id.is_not(None)))
        with self._database.write() as connection:
            mine = and_(table.c.user == self._user, table.c.analysed == analysed)
            used = set(connection.scalars(select(table.c.instrument_id).where(mine, ordered)))
            connection.execute(delete(table).where(mine, ~ordered))
            rows = [
                asdict(signal) | {"user": self._user, "created_at": now} for signal in signals if signal.instrument_id not in used
            ]
            for row in rows:
                del row["id"]
            if rows:
                connection.execute(insert(table), rows)

    def for_session(self, session: date, *, of_user: str | None = None) -> list[Signal]:
        """The living signals for a run session, best rank first."""
        table = schema.signals
        query = select(table).where(
            table.c.user == (of_user or self._user), table.c.for_session == session, table.c.status.in_(("active", "used"))
        )
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(table.c.rank)).mappings().all()
        return [Signal(**{name: row[name] for name in Signal.__slots__}) for row in rows]

    def expire(self, through: date) -> int:
        """Signals for sessions up to `through` are over; how many of that session have expired, now or before."""
        table = schema.signals
        mine = table.c.user == self._user
        with self._database.write() as connection:
            over = update(table).where(mine, table.c.for_session <= through, table.c.status == "active")
            connection.execute(over.values(status="expired"))
            expired = select(func.count()).where(mine, table.c.for_session == through, table.c.status == "expired")
            return int(connection.scalar(expired) or 0)


_OWN = ("instrument_id", "symbol", "verdict", "rule", "reason", "inputs")
_VERDICTS = Prepared(
    select(schema.decisions.c.instrument_id, schema.decisions.c.verdict).where(
        schema.decisions.c.user == bindparam("of_user"),
        schema.decisions.c.session_date == bindparam("of_session"),
        schema.decisions.c.task == bindparam("of_task"),
        schema.decisions.c.slot == bindparam("of_slot"),
    )
)
_KEY = ("user", "session_date", "task", "slot", "instrument_id", "rule")


class Decisions:
    """The decisions of one user."""

    def __init__(self, database: Database, user: str) -> None:
        self._database = database
        self._user = user

    def record(self, task: str, session: date, slot: str, decisions: Iterable[Decision], now: datetime) -> None:
        """Write decisions; one that the same task, slot, symbol and rule made before is replaced, so a rerun leaves one."""
        rows = {
            (item.instrument_id, item.rule): {
                "user": self._user,
                "at": now,
                "session_date": session,
                "task": task,
                "slot": slot,
                "instrument_id": item.instrument_id,
                "symbol": item.symbol,
                "verdict": item.verdict,
                "rule": item.rule,
                "reason": item.reason,
                "inputs": dict(item.inputs),
            }
            for item in decisions
        }
        if rows:
            with self._database.note() as connection:
                put_rows(connection, schema.decisions, _KEY, list(rows.values()))

    def verdicts(self, task: str, session: date, slot: str) -> dict[str, str]:
        """What a run has decided so far, by instrument."""
        key = {"of_user": self._user, "of_session": session, "of_task": task, "of_slot": slot}
        with self._database.read() as connection:
            return {row.instrument_id: row.verdict for row in _VERDICTS.all(connection, key)}

    def replace_run(self, task: str, session: date, slot: str, decisions: Iterable[Decision], now: datetime) -> None:
        """The decisions of a scan, all at once, in the place of what the same run decided before; one a symbol and rule."""
        table = schema.decisions
        rows = {(item.instrument_id, item.rule): item for item in decisions}
        run = {"user": self._user, "session_date": session, "task": task, "slot": slot}
        with self._database.note() as connection:
            connection.execute(delete(table).where(*(table.c[name] == value for name, value in run.items())))
            values = ((x.instrument_id, x.symbol, x.verdict, x.rule, x.reason, dict(x.inputs)) for x in rows.values())
            insert_many(connection, table, run | {"at": now}, _OWN, values)
