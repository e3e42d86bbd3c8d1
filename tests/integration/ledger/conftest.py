"""A real ledger with one admin, in a file and on a server: a test that asks for `ledger` or `database` runs on both.

A test of SQLite alone asks for `file_ledger` or `file_database`, and says why where that is not plain.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.addresses import address, path, server
from tradectl.ledger.engine import Database
from tradectl.ledger.migrations import create_or_upgrade
from tradectl.ledger.opening import open_database
from tradectl.ledger.store import Ledger

__all__ = ["address", "path", "server"]

NOW = datetime(2026, 1, 7, 4, 0, tzinfo=UTC)
"""09:30 in India on a Wednesday."""


@pytest.fixture
def database(address: str) -> Iterator[Database]:
    opened = open_database(address, durable=False)
    create_or_upgrade(opened)
    yield opened
    opened.close()


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return with_admin(database)


@pytest.fixture
def file_database(path: Path) -> Iterator[Database]:
    opened = open_database(path, durable=False)
    create_or_upgrade(opened)
    yield opened
    opened.close()


@pytest.fixture
def file_ledger(file_database: Database) -> Ledger:
    return with_admin(file_database)


def with_admin(database: Database) -> Ledger:
    made = Ledger(database, "asha")
    made.users.add("asha", capital=500_000_00, created_at=NOW, role="admin")
    return made
