"""A database by its name: which driver, how durable, who waits for whom, and for how long."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, exc, pool
from sqlalchemy.engine import URL, make_url

from tradectl.errors import ConfigurationError
from tradectl.ledger.engine import BUSY_SECONDS, Database

IDLE_SECONDS = 20.0
"""PostgreSQL ends a transaction that does nothing for so long, before those who wait give up: a machine that went to sleep in
the middle of a write must not stop another one."""


def open_database(
    url_or_path: str | Path,
    *,
    durable: bool = True,
    read_only: bool = False,
    alone: bool = False,
    busy_seconds: float = BUSY_SECONDS,
) -> Database:
    """A database by path (SQLite) or URL (`sqlite:///`, `postgresql+psycopg://`). Connects at the first use.

    `durable=False` gives up surviving a power cut for speed: for throw-away simulations. `alone=True` keeps everybody else out
    of a SQLite file, other threads too, so that nobody need be asked whether he has written: for files that nobody else knows.
    Raises ConfigurationError for a URL that cannot be understood.
    """
    named = str(url_or_path)
    try:
        url = make_url(named) if "://" in named else URL.create("sqlite", database=str(Path(named)))
        name = url.render_as_string(hide_password=True) if url.host else str(url.database)
        if url.get_backend_name() != "sqlite":
            return Database(_postgres(url, read_only=read_only, busy_seconds=busy_seconds), name, read_only=read_only)
    except (exc.ArgumentError, exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigurationError(f"this is no database that tradectl can open: {error}") from error
    engine = _sqlite(url, durable=durable, read_only=read_only, alone=alone, busy_seconds=busy_seconds)
    queue_path = _queue_path(url) if durable and not read_only else None
    return Database(engine, name, read_only=read_only, alone=alone, queue_path=queue_path, busy_seconds=busy_seconds)


def without_password(url: str) -> str:
    """A database URL without the secrets in it, itself where it holds none. Raises ConfigurationError for no URL."""
    try:
        parsed = make_url(url)
    except exc.ArgumentError as error:
        raise ConfigurationError(f"this is no database that tradectl can open: {error}") from error
    secrets = [name for name in parsed.query if "password" in name]
    if parsed.password is None and not secrets:
        return url
    public = parsed.difference_update_query(secrets)
    return public._replace(password=None).render_as_string(hide_password=False)


def _queue_path(url: URL) -> str | None:
    """The file that writers queue for: one for all the names of a database, as SQLite has one log for them. None in memory."""
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
        if _nobody_can_write(file):
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
    """Use a write-ahead log: once in a file's life. SQLite does not wait for another process that does the same, so this does."""
    if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        return
    from tenacity import Retrying, retry_if_exception_message, stop_after_delay, wait_fixed

    locked = retry_if_exception_message(match="database is locked")
    for attempt in Retrying(stop=stop_after_delay(seconds), wait=wait_fixed(0.02), retry=locked, reraise=True):
        with attempt:
            connection.execute("PRAGMA journal_mode = WAL")


def _nobody_can_write(file: Path) -> bool:
    """A database that was left whole on a read-only disk: SQLite reads it only if it is told so, for it wants a file beside."""
    whole = file.exists() and not file.with_name(f"{file.name}-wal").exists()
    return whole and bool(os.statvfs(file.parent).f_flag & os.ST_RDONLY)
