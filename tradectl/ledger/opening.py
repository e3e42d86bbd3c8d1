"""Open a database by path or URL, with its driver, durability, waiting for other writers, and time limits."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, exc, pool
from sqlalchemy.engine import URL, make_url

from tradectl.errors import ConfigurationError
from tradectl.ledger.engine import BUSY_SECONDS, Database
from tradectl.ledger.journal import JournalWriter

IDLE_SECONDS = 20.0
"""Seconds after which PostgreSQL ends an idle transaction. It is shorter than `BUSY_SECONDS`.

So a computer that is suspended in the middle of a write does not stop the writers of others."""


def open_database(
    url_or_path: str | Path,
    *,
    durable: bool = True,
    read_only: bool = False,
    alone: bool = False,
    busy_seconds: float = BUSY_SECONDS,
    journal: bool | None = None,
) -> Database:
    """Return a database by path (SQLite) or URL (`sqlite:///`, `postgresql+psycopg://`). It connects at the first use.

    Args:
        durable: False for more speed, if a power cut may destroy the file, as in a simulation that is not kept.
        alone: Lock a SQLite file against every other connection, so that no read must check for other writes.
        busy_seconds: How long a write waits for other writers.
        journal: Write the journal of changes; None: exactly if the database is durable.

    Raises:
        ConfigurationError: The URL is not the URL of a supported database.
    """
    named = str(url_or_path)
    writer = JournalWriter() if (durable if journal is None else journal) and not read_only else None
    try:
        url = make_url(named) if "://" in named else URL.create("sqlite", database=str(Path(named)))
        name = url.render_as_string(hide_password=True) if url.host else str(url.database)
        if url.get_backend_name() != "sqlite":
            server = _postgres(url, read_only=read_only, busy_seconds=busy_seconds)
            return Database(server, name, read_only=read_only, journal=writer)
    except (exc.ArgumentError, exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigurationError(f"tradectl cannot open this database: {error}. {_KINDS}") from error
    engine = _sqlite(url, durable=durable, read_only=read_only, alone=alone, busy_seconds=busy_seconds)
    queue_path = _queue_path(url) if durable and not read_only else None
    return Database(
        engine, name, read_only=read_only, alone=alone, queue_path=queue_path, busy_seconds=busy_seconds, journal=writer
    )


_KINDS = "A database is a file, or a URL that begins with postgresql://"


def without_password(url: str) -> str:
    """Return a database URL without its secrets. Raises ConfigurationError for a text that is no URL."""
    try:
        parsed = make_url(url)
    except exc.ArgumentError as error:
        raise ConfigurationError(f"tradectl cannot open this database: {error}") from error
    secrets = [name for name in parsed.query if "password" in name]
    if parsed.password is None and not secrets:
        return url
    public = parsed.difference_update_query(secrets)
    return public._replace(password=None).render_as_string(hide_password=False)


def _queue_path(url: URL) -> str | None:
    """Return the real path of the file, so that all its names share one write queue; None for a database in memory."""
    path = url.database
    return None if path is None or path in {"", ":memory:"} or path.startswith("file:") else os.path.realpath(path)


def _postgres(url: URL, *, read_only: bool, busy_seconds: float) -> Engine:
    options = f"-c lock_timeout={int(busy_seconds * 1000)} -c idle_in_transaction_session_timeout={int(IDLE_SECONDS * 1000)}"
    options += " -c default_transaction_read_only=on" if read_only else ""
    return create_engine(url, pool_pre_ping=True, pool_size=2, connect_args={"options": options})


def _sqlite(url: URL, *, durable: bool, read_only: bool, alone: bool, busy_seconds: float) -> Engine:
    if read_only and url.database:
        file = Path(url.database).absolute()
        query = {"mode": "ro", "uri": "true"}
        if _is_on_read_only_disk(file):
            query["immutable"] = "1"
        url = URL.create("sqlite", database=f"file:{file}", query=query)
    connect = {"isolation_level": None, "timeout": busy_seconds}
    engine = create_engine(url, poolclass=pool.NullPool, connect_args=connect)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        if alone:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        if not read_only:
            _switch_to_wal(connection, busy_seconds)
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        connection.execute("PRAGMA foreign_keys = ON")

    return engine


def _switch_to_wal(connection: Any, seconds: float) -> None:
    """Switch a file to a write-ahead log, once in its life. Retry for `seconds`, because SQLite does not wait here itself."""
    if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        return
    from tenacity import Retrying, retry_if_exception_message, stop_after_delay, wait_fixed

    locked = retry_if_exception_message(match="database is locked")
    for attempt in Retrying(stop=stop_after_delay(seconds), wait=wait_fixed(0.02), retry=locked, reraise=True):
        with attempt:
            connection.execute("PRAGMA journal_mode = WAL")


def _is_on_read_only_disk(file: Path) -> bool:
    """Return whether a database without a `-wal` file is on a read-only disk. SQLite reads it only with a special flag."""
    whole = file.exists() and not file.with_name(f"{file.name}-wal").exists()
    return whole and bool(os.statvfs(file.parent).f_flag & os.ST_RDONLY)
