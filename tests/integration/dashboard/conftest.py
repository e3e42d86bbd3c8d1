"""`tradectl serve` in a process of its own, over a copy of a kept simulation that a test may write to."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, insert, select

from tests.conftest import ROOT, python_path
from tests.support.browsing import browser  # noqa: F401
from tests.support.kept_simulation import kept_simulation_in
from tradectl.clock import SystemClock
from tradectl.exchange.sessions import SessionTable
from tradectl.ledger import schema
from tradectl.ledger.opening import open_database

TOKEN = "a-token-of-a-test-0123456789"


@dataclass
class LedgerHome:
    """A home with the ledger of a simulation, at 10:00 of the session after its last one."""

    folder: Path
    session: date

    @property
    def at(self) -> str:
        return f"{self.session} 10:00"

    def place_order(self, symbol: str, **values: Any) -> int:
        """Write an order as a task of another process does, while the page is open."""
        now = SystemClock().now()
        usual = {
            "tag": f"TAG{symbol}", "instrument_id": symbol, "symbol": symbol, "side": "BUY", "purpose": "entry", "quantity": 10,
            "price": 101_05, "order_type": "LIMIT", "variety": "AMO", "status": "PENDING", "session_date": self.session,
            "decided": self.session, "leg": symbol, "generation": 0, "created_at": now, "updated_at": now, "sent_at": now,
        }  # fmt: skip
        return self._insert(schema.orders, usual | values)

    def hold(self) -> str:
        """Write a position without a sell order, in a symbol that has bars; return the symbol."""
        with closing(open_database(self.folder / "ledger.db", read_only=True)) as database, database.read() as connection:
            row = connection.execute(select(schema.positions).where(schema.positions.c.quantity == 0)).first()
            fill = connection.execute(select(schema.fills).where(schema.fills.c.position_id == row.id)).first()  # type: ignore[union-attr]
        assert row is not None
        assert fill is not None
        of = {"instrument_id": row.instrument_id, "symbol": row.symbol, "quantity": 10, "charges": 12_34}
        own = {"status": "open", "cost": 10 * fill.price, "bought": 10 * fill.price, "sold": 0, "buys": 1, "realised": 0}
        own |= {
            "level": 30,
            "level_session": row.opened_session,
            "opened_session": row.opened_session,
            "opened_at": row.opened_at,
        }
        position = self._insert(schema.positions, of | own)
        bought = {"trade_id": "HELD", "side": "BUY", "booked": 10, "price": fill.price, "position_id": position}
        self._insert(schema.fills, of | bought | {"session_date": row.opened_session, "at": row.opened_at})
        return str(row.symbol)

    def note_line(self, message: str) -> None:
        """Write a line of the log, as an earlier version might have."""
        self._insert(schema.user_logs, {"at": SystemClock().now(), "level": "info", "action": "note", "message": message})

    def _insert(self, table: Table, values: dict[str, Any]) -> int:
        with closing(open_database(self.folder / "ledger.db", journal=False)) as database, database.write() as connection:
            user = connection.execute(select(schema.users.c.user)).scalar_one()
            key = connection.execute(insert(table).values(user=user, **values)).inserted_primary_key
        return int(key[0]) if key else 0


@dataclass
class Reply:
    """What the page replied on a socket."""

    status: int
    head: str
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        lines = (line.split(": ", 1) for line in self.head.splitlines()[1:])
        return {name.lower(): value for name, value in lines}


@dataclass
class Serving:
    """A process of `serve`. `port`: where it listens."""

    process: subprocess.Popen[str]
    port: int
    note: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, *headers: str, method: str = "GET", host: str | None = None) -> Reply:
        """Send a request as it is written here: no client corrects its path or its headers."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host or f'127.0.0.1:{self.port}'}", "Connection: close", *headers]
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
            with connection.makefile("rb") as stream:
                head, _, body = stream.read().partition(b"\r\n\r\n")
        return Reply(int(head.split()[1]), head.decode("latin-1"), body)

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """End the process; return its exit code and its stdout."""
        self.process.send_signal(number)
        out, _ = self.process.communicate(timeout=20)
        return self.process.returncode, out


def serving(home: Path, *words: str, at: str = "") -> Serving:
    """Start `serve` at a free port of this machine, and return once it listens."""
    environment = {**os.environ, "PYTHONPATH": python_path(ROOT, os.environ["PYTHONPATH"]), "TRADECTL_HOME": str(home)}
    line = [sys.executable, "-m", "tradectl", "serve", "--port", "0", *words, *(("--at", at) if at else ())]
    process = subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    told = ""
    while not (found := re.search(r"is at http://[^/]*:(\d+)/", told)):
        told = process.stderr.readline()
        assert told, process.communicate()
    return Serving(process, int(found[1]), told)


@pytest.fixture(scope="session")
def kept_simulation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kept_simulation_in(tmp_path_factory)


@pytest.fixture(scope="module")
def ledger_home(kept_simulation: Path, tmp_path_factory: pytest.TempPathFactory) -> LedgerHome:
    home = tmp_path_factory.mktemp("serve") / "home"
    shutil.copytree(kept_simulation / "kept", home)
    own = kept_simulation / "home"
    lines = (f'market = "{own / "market"}"', f'sessions = "{own / "sessions.csv"}"')
    (home / "tradectl.toml").write_text("\n".join(lines), encoding="utf-8")
    with closing(open_database(home / "ledger.db", read_only=True)) as database, database.read() as connection:
        last = max(connection.scalars(select(schema.daily_stats.c.session_date)))
    return LedgerHome(home, SessionTable.load(own / "sessions.csv").next_run_session(last).date)


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[..., Serving]]:
    """Starts a page, which ends with the module."""
    started: list[Serving] = []

    def start(home: Path, *words: str, at: str = "") -> Serving:
        started.append(serving(home, *words, at=at))
        return started[-1]

    yield start
    for each in started:
        if each.process.returncode is None:
            each.stop()


@pytest.fixture(scope="module")
def page(serve: Callable[..., Serving], ledger_home: LedgerHome) -> Serving:
    """The page of a simulation, without a token."""
    return serve(ledger_home.folder, at=ledger_home.at)


@pytest.fixture(scope="module")
def closed_page(serve: Callable[..., Serving], ledger_home: LedgerHome, tmp_path_factory: pytest.TempPathFactory) -> Serving:
    """The same page, which needs a token."""
    file = tmp_path_factory.mktemp("token") / "token"
    file.write_text(TOKEN, encoding="utf-8")
    file.chmod(0o600)
    return serve(ledger_home.folder, "--token-file", str(file), at=ledger_home.at)
