"""The pages of a home whose ledger is on a real PostgreSQL server: they show it, follow it, and write nothing into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, text

from tests.integration.dashboard.conftest import Serving
from tests.support.addresses import on_server, server
from tradectl import bootstrap
from tradectl.clock import stopwatch
from tradectl.ledger import schema
from tradectl.ledger.opening import open_database
from tradectl.model.moment import IST
from tradectl.settings import load

__all__ = ["server"]
AT = "2025-10-28 16:30"
PAGES = ("", "positions", "orders", "reports", "log", "charts")
Serve = Callable[..., Serving]


@pytest.fixture
def url(server: str) -> str:
    return on_server(server)


@pytest.fixture
def home(url: str, tmp_path: Path) -> Path:
    """A paper home on a virtual clock that names the server in its settings."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    (folder / "tradectl.toml").write_text(f'database = "{url}"\n', encoding="utf-8")
    bootstrap.init(load(home=str(folder), at=AT, environment={}), user="asha").close()
    return folder


@pytest.fixture
def page(serve: Serve, home: Path) -> Iterator[Serving]:
    started = serve(home, at=AT)
    yield started
    if started.process.returncode is None:
        started.stop()


def place_order(url: str, symbol: str, **values: Any) -> None:
    """Write an order as a task on another machine does, while the page is open."""
    settings = load(at=AT, environment={})
    assert settings.at is not None
    now, session = settings.at, settings.at.astimezone(IST).date()
    usual = {
        "user": "asha", "tag": f"TAG{symbol}", "instrument_id": symbol, "symbol": symbol, "side": "BUY", "purpose": "entry",
        "quantity": 10, "price": 101_05, "order_type": "LIMIT", "variety": "AMO", "status": "PENDING", "session_date": session,
        "decided": session, "leg": symbol, "generation": 0, "created_at": now, "updated_at": now, "sent_at": now,
    }  # fmt: skip
    with closing(open_database(url, journal=False)) as database, database.write() as connection:
        connection.execute(insert(schema.orders).values(usual | values))


def content_of(url: str) -> dict[str, list[Any]]:
    """Return the rows of every table."""

    def rows(connection: Connection, name: str) -> list[Any]:
        return sorted(map(repr, connection.execute(text(f'SELECT * FROM "{name}"'))))

    with closing(open_database(url, read_only=True)) as database, database.read() as connection:
        names = connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
        return {name: rows(connection, name) for name in names}


def test_each_page_shows_the_ledger_and_writes_nothing(url: str, page: Serving) -> None:
    place_order(url, "ITC")
    before = content_of(url)
    assert len(before["orders"]) == 1
    for path in PAGES:
        reply = page.get(f"/{path}")
        assert (path, reply.status) == (path, 200), reply.body
    shown = page.get("/orders").body.decode()
    assert "ITC" in shown
    assert "101.05" in shown
    assert content_of(url) == before


def test_an_order_of_another_machine_appears(url: str, page: Serving) -> None:
    assert "NEWCOMER" not in page.get("/orders").body.decode()
    place_order(url, "NEWCOMER", status="UNKNOWN", previous="PENDING", reason="the reply was lost")
    shown = page.get("/orders").body.decode()
    assert "NEWCOMER" in shown
    assert "the reply was lost" in shown
    assert "(1!)" in shown


def test_many_requests_leave_no_connection_to_the_server(url: str, page: Serving) -> None:
    for _ in range(10):
        assert page.get("/").status == 200
    of_this = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
    until = stopwatch() + 10
    left = None
    while left != 0 and stopwatch() < until:  # the server ends the process of a closed connection some time later
        with closing(open_database(url, read_only=True)) as database, database.read() as connection:
            left = connection.scalar(of_this)
    assert left == 0
    assert page.stop()[0] == 0
