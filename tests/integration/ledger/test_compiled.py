"""A compiled statement behaves as SQLAlchemy does: the same values in and out, the same errors, on both databases."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import bindparam, delete, exc, func, insert, select, update

from tests.integration.ledger.conftest import NOW
from tests.integration.ledger.test_engine import count
from tradectl.ledger.compiled import CompiledStatement
from tradectl.ledger.engine import Database
from tradectl.ledger.schema import adjustments, database_info, decisions, fills, orders, outbox, positions, task_executions
from tradectl.ledger.store import Ledger

DECISION: dict[str, Any] = {
    "user": "asha",
    "at": NOW,
    "session_date": date(2026, 1, 7),
    "task": "buy",
    "slot": "",
    "instrument_id": "ACME",
    "symbol": "ACME",
    "verdict": "HOLD",
    "rule": "100 % sure",
    "reason": "it's said: \u20b9 5",
    "inputs": {"price": 1.25, "none": None},
}
"""A moment, a date, JSON, and text with what a driver might take for its own."""
INSERT = CompiledStatement(insert(decisions).inline())
ALL = CompiledStatement(select(decisions).order_by(decisions.c.id))


def test_values_are_converted_as_sqlalchemy_converts_them(ledger: Ledger) -> None:
    in_india = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    with ledger.database.write() as connection:
        assert INSERT.execute(connection, {**DECISION, "at": in_india}) == 1
        connection.execute(insert(decisions).values({**DECISION, "rule": "another"}))
    with ledger.database.read() as connection:
        ours, theirs = ALL.all(connection), connection.execute(select(decisions).order_by(decisions.c.id)).all()
    assert [tuple(row) for row in ours] == [tuple(row) for row in theirs]
    first, second = ours
    assert first.at == second.at == NOW
    assert isinstance(first.at, datetime)
    assert (first.inputs, first.session_date, first.reason) == tuple(
        DECISION[key] for key in ("inputs", "session_date", "reason")
    )


@pytest.mark.parametrize("table", [orders, fills, positions, adjustments, task_executions, outbox], ids=lambda table: table.name)
def test_every_table_is_read(ledger: Ledger, table: Any) -> None:
    with ledger.database.read() as connection:
        assert CompiledStatement(select(table)).all(connection) == []
        assert CompiledStatement(select(func.count()).select_from(table)).scalar(connection) == 0


def test_execute_returns_the_number_of_changed_rows(database: Database) -> None:
    put, change = CompiledStatement(insert(database_info).inline()), CompiledStatement(update(database_info))
    drop = CompiledStatement(delete(database_info).where(database_info.c.key == bindparam("of_key")))
    with database.write() as connection:
        put.execute_many(connection, [{"key": key, "value": "1"} for key in "abc"])
        put.execute_many(connection, [])
        assert change.execute(connection, {"value": "2"}) == 3
        assert drop.execute(connection, {"of_key": "a"}) == 1
        assert drop.execute(connection, {"of_key": "a"}) == 0
    assert count(database) == 2


def test_values_may_be_named_in_any_order(database: Database) -> None:
    """Two callers may name the same columns in different orders: each gets its own."""
    put = CompiledStatement(insert(database_info).inline())
    with database.write() as connection:
        put.execute(connection, {"key": "mode", "value": "paper"})
        put.execute(connection, {"value": "system", "key": "clock"})
    with database.read() as connection:
        rows = connection.execute(select(database_info.c.key, database_info.c.value)).all()
    assert {tuple(row) for row in rows} == {("mode", "paper"), ("clock", "system")}


def test_missing_or_unknown_values_raise_before_the_query(database: Database) -> None:
    by_key = CompiledStatement(select(database_info).where(database_info.c.key == bindparam("of_key")))
    with database.read() as connection:
        with pytest.raises(TypeError, match="of_key"):
            by_key.all(connection)
        with pytest.raises((TypeError, exc.CompileError), match="of_name"):
            by_key.all(connection, {"of_key": "mode", "of_name": "x"})
        with pytest.raises(TypeError, match="no fixed text"):
            CompiledStatement(select(database_info).where(database_info.c.key.in_(["mode"]))).all(connection)


def test_values_are_checked_by_their_columns(ledger: Ledger) -> None:
    with pytest.raises(TypeError, match="time zone"), ledger.database.write() as connection:
        INSERT.execute(connection, {**DECISION, "at": NOW.replace(tzinfo=None)})


def test_a_broken_constraint_raises_integrity_error(database: Database) -> None:
    put = CompiledStatement(insert(database_info).inline())
    row = {"key": "mode", "value": "paper"}
    with pytest.raises(exc.IntegrityError), database.write() as connection:
        assert [put.execute(connection, row) for _ in range(2)]
    with pytest.raises(exc.IntegrityError), database.write() as connection:
        put.execute_many(connection, [row, row])
    assert count(database) == 0
