"""Store signals and decisions: the buys that the strategy wants, and why each symbol was chosen or left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from typing import Any

from msgspec.structs import asdict
from sqlalchemy import BindParameter, bindparam, delete, func, insert, or_, select, update

from tradectl.ledger import schema
from tradectl.ledger.compiled import CompiledStatement
from tradectl.ledger.engine import Database
from tradectl.ledger.rows import Decision, Signal
from tradectl.ledger.upserts import insert_many, upsert_rows


class Signals:
    """The signals of one user."""

    def __init__(self, database: Database, user: str) -> None:
        self._database = database
        self._user = user

    def replace(self, analysed: date, signals: Sequence[Signal], now: datetime) -> None:
        """Replace the signals of the session `analysed`. Signals that have an order stay unchanged."""
        with self._database.note() as connection:
            mine = {"of_user": self._user, "of_analysed": analysed}
            used = set(_USED.scalars(connection, mine))
            _DELETE_UNUSED.execute(connection, mine)
            rows = [
                asdict(signal) | {"user": self._user, "created_at": now} for signal in signals if signal.instrument_id not in used
            ]
            for row in rows:
                del row["id"]
            _INSERT.execute_many(connection, rows)

    def for_session(self, session: date, *, of_user: str | None = None) -> list[Signal]:
        """Return the active and used signals for a run session, best rank first. `of_user` None: this user."""
        with self._database.read() as connection:
            rows = _ACTIVE_OR_USED.all(connection, {"of_user": of_user or self._user, "of_session": session})
        return [Signal(*(getattr(row, name) for name in Signal.__struct_fields__)) for row in rows]

    def decided_by(self, instrument_id: str, analysed: date) -> tuple[str, str] | None:
        """Return the name and the hash of the strategy whose signal an analysis stored; None without a signal."""
        key = {"of_user": self._user, "of_instrument": instrument_id, "of_analysed": analysed}
        with self._database.read() as connection:
            row = _STRATEGY.first(connection, key)
        return (row.strategy, row.strategy_hash) if row is not None else None

    def expire(self, through: date) -> int:
        """Expire active signals for sessions up to `through`; return how many signals for the session `through` are expired."""
        key = {"of_user": self._user, "of_session": through}
        with self._database.note() as connection:
            _EXPIRE.execute(connection, {**key, "status": "expired"})
            return int(_EXPIRED.scalar(connection, key) or 0)


_TABLE = schema.signals
_ORDERED = _TABLE.c.id.in_(select(schema.orders.c.signal_id).where(schema.orders.c.signal_id.is_not(None)))
_ANALYSIS = (_TABLE.c.user == bindparam("of_user"), _TABLE.c.analysed == bindparam("of_analysed"))
_USED = CompiledStatement(select(_TABLE.c.instrument_id).where(*_ANALYSIS, _ORDERED))
_DELETE_UNUSED = CompiledStatement(delete(_TABLE).where(*_ANALYSIS, ~_ORDERED))
_INSERT = CompiledStatement(insert(_TABLE).inline())
_MINE = _TABLE.c.user == bindparam("of_user")
_FOR: BindParameter[Any] = bindparam("of_session")
_ACTIVE_OR_USED = CompiledStatement(
    select(_TABLE)
    .where(_MINE, _TABLE.c.for_session == _FOR, or_(_TABLE.c.status == "active", _TABLE.c.status == "used"))
    .order_by(_TABLE.c.rank)
)
_STRATEGY = CompiledStatement(
    select(_TABLE.c.strategy, _TABLE.c.strategy_hash).where(*_ANALYSIS, _TABLE.c.instrument_id == bindparam("of_instrument"))
)
_EXPIRE = CompiledStatement(update(_TABLE).where(_MINE, _TABLE.c.for_session <= _FOR, _TABLE.c.status == "active"))
_EXPIRED = CompiledStatement(select(func.count()).where(_MINE, _TABLE.c.for_session == _FOR, _TABLE.c.status == "expired"))
_OWN = ("instrument_id", "symbol", "verdict", "rule", "reason", "inputs")
_VERDICTS = CompiledStatement(
    select(schema.decisions.c.instrument_id, schema.decisions.c.verdict).where(
        schema.decisions.c.user == bindparam("of_user"),
        schema.decisions.c.session_date == bindparam("of_session"),
        schema.decisions.c.task == bindparam("of_task"),
        schema.decisions.c.slot == bindparam("of_slot"),
    )
)
_BY_RULE = CompiledStatement(
    select(*(schema.decisions.c[name] for name in ("instrument_id", "symbol", "verdict", "reason", "inputs", "at"))).where(
        schema.decisions.c.user == bindparam("of_user"),
        schema.decisions.c.task == bindparam("of_task"),
        schema.decisions.c.session_date == bindparam("of_session"),
        schema.decisions.c.slot == bindparam("of_slot"),
        schema.decisions.c.rule == bindparam("of_rule"),
    )
)
_OF_SESSION = CompiledStatement(
    select(*(schema.decisions.c[name] for name in ("instrument_id", "symbol", "verdict", "reason", "inputs", "at")))
    .where(
        schema.decisions.c.user == bindparam("of_user"),
        schema.decisions.c.task == bindparam("of_task"),
        schema.decisions.c.session_date == bindparam("of_session"),
        schema.decisions.c.rule == bindparam("of_rule"),
    )
    .order_by(schema.decisions.c.at)
)
_DELETE_RUN = CompiledStatement(
    delete(schema.decisions).where(
        *(schema.decisions.c[name] == bindparam(f"of_{name}") for name in ("user", "session_date", "task", "slot"))
    )
)
_KEY = ("user", "task", "session_date", "slot", "instrument_id", "rule")


class Decisions:
    """The decisions of one user."""

    def __init__(self, database: Database, user: str) -> None:
        self._database = database
        self._user = user
        self._by_rule: tuple[tuple[object, ...], Sequence[Any]] = ((), ())

    def record(self, task: str, session: date, slot: str, decisions: Iterable[Decision], now: datetime) -> None:
        """Store decisions, and replace earlier ones of the same task, session, slot, instrument and rule."""
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
            self._drop_cached({rule for _, rule in rows})
            with self._database.note() as connection:
                upsert_rows(connection, schema.decisions, _KEY, list(rows.values()))

    def verdicts(self, task: str, session: date, slot: str) -> dict[str, str]:
        """Return the verdicts that a run has stored so far, by instrument id."""
        key = {"of_user": self._user, "of_session": session, "of_task": task, "of_slot": slot}
        with self._database.read() as connection:
            return {row.instrument_id: row.verdict for row in _VERDICTS.all(connection, key)}

    def by_rule(self, task: str, session: date, slot: str, rule: str) -> Sequence[Any]:
        """Return the rows that a run has written under one rule: instrument_id, symbol, verdict, reason, inputs, at.

        The last result is cached until this object writes a decision under that rule, or another connection writes.
        """
        key = {"of_user": self._user, "of_session": session, "of_task": task, "of_slot": slot, "of_rule": rule}
        version = self._database.version_token()
        state = (rule, version.others, version.connection, *key.values())
        if self._by_rule[0] != state:
            with self._database.read() as connection:
                self._by_rule = (state, _BY_RULE.all(connection, key))
        return self._by_rule[1]

    def of_session(self, task: str, session: date, rule: str) -> Sequence[Any]:
        """Return the rows of all slots of a task in a session under one rule, with the columns of `by_rule`, by time."""
        key = {"of_user": self._user, "of_session": session, "of_task": task, "of_rule": rule}
        with self._database.read() as connection:
            return _OF_SESSION.all(connection, key)

    def _drop_cached(self, rules: AbstractSet[str]) -> None:
        if self._by_rule[0] and self._by_rule[0][0] in rules:
            self._by_rule = ((), ())

    def replace_run(self, task: str, session: date, slot: str, decisions: Iterable[Decision], now: datetime) -> None:
        """Replace all decisions of a run; of several for one instrument and rule, the last is stored."""
        table = schema.decisions
        rows = {(item.instrument_id, item.rule): item for item in decisions}
        run = {"user": self._user, "session_date": session, "task": task, "slot": slot}
        self._by_rule = ((), ())
        with self._database.note() as connection:
            _DELETE_RUN.execute(connection, {f"of_{name}": value for name, value in run.items()})
            values = ((x.instrument_id, x.symbol, x.verdict, x.rule, x.reason, dict(x.inputs)) for x in rows.values())
            insert_many(connection, table, run | {"at": now}, _OWN, values)
