"""A ledger with a day in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, insert

from tradectl.ledger import schema
from tradectl.ledger.opening import open_database
from tradectl.ledger.store import Ledger

DAY = date(2023, 7, 20)
NEXT = date(2023, 7, 21)
NOW = datetime(2023, 7, 20, 11, 0, tzinfo=UTC)


class Rows:
    """Writes rows of the schema with sensible values for what a test does not care about."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.count = 0

    def _insert(self, table: Table, values: dict[str, Any]) -> int:
        with self.ledger.database.write() as connection:
            key = connection.execute(insert(table).values(user=self.ledger.user, **values)).inserted_primary_key
        return int(key[0]) if key else 0

    def order(self, **values: Any) -> int:
        self.count += 1
        usual = {
            "tag": f"TAG{self.count:012}", "instrument_id": "INE001", "symbol": "ACME", "side": "BUY", "purpose": "entry",
            "quantity": 10, "price": 101_05, "order_type": "LIMIT", "variety": "AMO", "status": "PENDING", "session_date": NEXT,
            "decided": DAY, "leg": f"leg{self.count}", "generation": 0, "created_at": NOW, "updated_at": NOW,
        }  # fmt: skip
        return self._insert(schema.orders, usual | values)

    def fill(self, **values: Any) -> int:
        self.count += 1
        usual = {
            "trade_id": f"T{self.count}", "instrument_id": "INE001", "symbol": "ACME", "side": "BUY", "quantity": 10,
            "booked": 10, "price": 100_00, "charges": 12_34, "session_date": NEXT, "at": NOW,
        }  # fmt: skip
        return self._insert(schema.fills, usual | values)

    def position(self, **values: Any) -> int:
        usual = {
            "instrument_id": "INE001", "symbol": "ACME", "status": "open", "quantity": 10, "cost": 1000_00, "bought": 10,
            "sold": 0, "buys": 1, "level": 30, "level_session": DAY, "realised": 0, "charges": 12_34, "opened_session": DAY,
            "opened_at": NOW,
        }  # fmt: skip
        return self._insert(schema.positions, usual | values)

    def decision(self, **values: Any) -> int:
        usual = {
            "at": NOW, "session_date": DAY, "task": "analyze", "slot": "", "instrument_id": "INE001", "symbol": "ACME",
            "verdict": "AVOID", "rule": "volume", "reason": "volume 0.31 of average, 0.5 needed",
            "inputs": {"volume_ratio": 0.31},
        }  # fmt: skip
        return self._insert(schema.decisions, usual | values)

    def execution(self, **values: Any) -> int:
        usual = {
            "task": "buy", "session_date": DAY, "slot": "", "status": "completed", "attempt": 1, "started_at": NOW,
            "finished_at": NOW, "duration": 1.5, "steps": 1, "trigger": "manual", "result": {"placed": 1},
        }  # fmt: skip
        return self._insert(schema.task_executions, usual | values)

    def signal(self, **values: Any) -> int:
        usual = {
            "instrument_id": "INE001", "symbol": "ACME", "analysed": DAY, "for_session": NEXT, "verdict": "BUY", "rank": 1,
            "close": 100_50, "limit_price": 101_00, "rsi": 24.1, "ema9": 104.2, "level": 30, "strength": 60.0, "backtest": 70.0,
            "combined": 63.0, "trades": 7, "bars": 900, "average_turnover": 10_000_000_00, "data_state": "final",
            "data_date": DAY, "status": "active", "created_at": NOW,
        }  # fmt: skip
        return self._insert(schema.signals, usual | values)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    database = open_database(tmp_path / "ledger.db", durable=False)
    with database.write() as connection:
        schema.metadata.create_all(connection)
    ledger = Ledger(database, "asha")
    for user in ("asha", "ravi"):
        ledger.users.add(user, capital=1_000_000_00, created_at=NOW, role="admin")
    yield ledger
    database.close()


@pytest.fixture
def rows(ledger: Ledger) -> Rows:
    return Rows(ledger)
