"""Whole sessions over real sockets: the adapter, Kite's wire format and the paper exchange, against the paper exchange alone.

Everything is the program's own: tasks, runner, ledger, and a login each morning. The exchange alone is told to promise no more
than Kite does (no pre-open prices, no refusal of a repeated tag). Nothing else needs to be made alike: a quote's source is not
kept, and in a simulation everything happens on whole seconds, which is all that Kite's times can say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.brokers.vault import MemoryVault
from tests.research.world import EAGER
from tests.sandbox.zerodha import KEY, SECRET, browse
from tradectl import bootstrap
from tradectl.brokers.adapter import Account, Session
from tradectl.brokers.kite import ADAPTER
from tradectl.brokers.paper import PaperBroker, Statement
from tradectl.drill.days import SCHEDULE
from tradectl.exchange.sessions import SessionTable
from tradectl.ledger.schema import metadata
from tradectl.marketdata.store import Store
from tradectl.marketdata.synthetic import make_market
from tradectl.model.moment import at_ist
from tradectl.ports import MarketData
from tradectl.runtime.registry import all_tasks
from tradectl.runtime.simulate import simulate
from tradectl.sandbox.kite import KiteSandbox
from tradectl.sandbox.server import Trouble
from tradectl.settings import Settings
from tradectl.task import World

LAST = date(2025, 11, 14)
"""The market's last session; a holiday (2025-11-05) and a split lie in the days before it."""
FIRST = date(2025, 10, 31)
EVERY = 125
"""Minutes between two steps of the monitor."""
CAPITAL = 5_00_000_00
TABLES = ("orders", "fills", "positions", "signals", "decisions", "task_executions", "daily_stats", "user_logs", "outbox")
MACHINE = {"owner", "beat_at"}
"""Columns that tell which process worked, and when in machine time."""
NAMES = {"trade_id"}
"""What a broker calls by a name of its own."""

Rows = dict[str, list[dict[str, Any]]]


class PlainPaper(PaperBroker):
    """The paper exchange with nothing that Kite does not have."""

    capabilities = ADAPTER.capabilities

    def preopen_prices(self, symbols: Sequence[str]) -> Mapping[str, int]:
        return {}


class EarlyRiser(MemoryVault):
    """A user who logs in whenever the day's session has ended."""

    account: Account

    def session(self) -> Session | None:
        if self.stored is None or self.account.clock.now() >= self.stored.expires_at:
            ADAPTER.login(self.account, browse)
        return self.stored


@dataclass
class Life:
    """A simulation that has ended: the ledger's rows, the exchange's own statement, and what went over the wire."""

    rows: Rows
    statement: Statement
    requests: list[tuple[str, str]]


class Stage:
    """A home with a market, and simulated worlds in it, each in a folder of its own."""

    def __init__(self, home: Path, folder: Path) -> None:
        files = {name: home / name for name in ("paper", "market", "sessions", "secret_key")}
        self.settings = Settings(home, f"sqlite:///{home / 'none.db'}", **files)
        self.folder = folder

    def alone(self, last: date) -> Life:
        """At the exchange itself."""
        folder = self.folder / "alone"
        world = self._world(folder)
        return self._lived(replace(world, broker=self._paper(world, folder, world.market)), folder, last, [])

    def at_kite(self, last: date, trouble: Callable[[KiteSandbox], None] = lambda _: None, *, late: bool = False) -> Life:
        """At the same exchange, behind Kite's wire."""
        folder = self.folder / "far"
        world = self._world(folder)

        def store() -> Store:
            return bootstrap.open_store(self.settings)

        near = partial(self._paper, world, folder)
        how: dict[str, Any] = {"universe": "demo", "late": late}
        with KiteSandbox(lambda: near(store()), store, world.clock, world.sessions, **how) as kite:
            trouble(kite)
            vault = EarlyRiser({"api_key": KEY, "api_secret": SECRET})
            addresses = {"api": kite.url, "login": f"{kite.url}/connect/login"}
            account = Account(world.user, world.clock, world.sessions, world.market, vault, folder / "kite", addresses=addresses)
            vault.account = account
            return self._lived(replace(world, broker=ADAPTER.open(account)), folder, last, kite.requests)

    def _world(self, folder: Path) -> Any:
        changes = {**EAGER, "universe": "demo"}
        start = at_ist(FIRST, time(7, 30))
        world = bootstrap.open_simulation(self.settings, folder, start=start, capital=CAPITAL, changes=changes, step=EVERY)
        for task, times in SCHEDULE.items():
            world.ledger.schedules.set(task, times=times)
        return world

    def _paper(self, world: World, folder: Path, market: MarketData) -> PlainPaper:
        how: dict[str, Any] = {"step": EVERY, "durable": False, "opening_cash": CAPITAL}
        return PlainPaper(folder / "paper.db", world.user, world.clock, market, world.sessions, **how)

    def _lived(self, world: World, folder: Path, last: date, requests: list[tuple[str, str]]) -> Life:
        simulate(world, all_tasks(), FIRST, last, every=EVERY * 60)
        found: Rows = {}
        with world.ledger.database.read() as connection:
            for name in TABLES:
                table = metadata.tables[name]
                rows = connection.execute(select(table).order_by(*table.primary_key)).mappings()
                found[name] = [{key: value for key, value in row.items() if key not in MACHINE} for row in rows]
        near = self._paper(world, folder, world.market)
        statement = near.statement()
        near.close()
        return Life(found, statement, requests)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, sessions: SessionTable) -> Path:
    folder = tmp_path_factory.mktemp("home")
    make_market(folder / "market", sessions, last=LAST)
    return folder


def test_eight_sessions_at_kite_are_eight_sessions_at_the_exchange_behind_it(home: Path, tmp_path: Path) -> None:
    """Every row of every table, every message, and the exchange's statement to the paisa; refusals come late, as at Kite."""
    stage = Stage(home, tmp_path)
    last = date(2025, 11, 12)
    near, far = stage.alone(last), stage.at_kite(last, late=True)
    for name in TABLES:
        assert unnamed(far.rows[name]) == unnamed(near.rows[name]), name
    days: dict[date, list[str]] = {}
    for row in far.rows["fills"]:
        days.setdefault(row["session_date"], []).append(row["trade_id"])
    assert len(days) > 2
    for day, names in days.items():  # the exchange's numbers begin anew each day
        assert set(names) == {f"{day:%Y%m%d}-NSE-{number}" for number in range(10_000_001, 10_000_001 + len(names))}
    assert far.statement == near.statement
    assert len(near.rows["fills"]) >= 15
    assert {row["variety"] for row in near.rows["orders"]} == {"AMO", "REGULAR"}
    sent = {f"{method} {path.rpartition('/')[0] if method in {'PUT', 'DELETE'} else path}" for method, path in far.requests}
    assert {"POST /orders/amo", "POST /orders/regular"} <= sent
    assert far.requests.count(("POST", "/session/token")) == 8  # one a session


def test_answers_that_are_lost_cost_no_order_and_no_share(home: Path, tmp_path: Path) -> None:
    """Orders whose answer never came are found in the book by their tag; nothing is bought or sold twice."""
    last = date(2025, 11, 4)

    def trouble(kite: KiteSandbox) -> None:
        kite.trouble(Trouble.CUT, method="POST", path="/orders", times=4)
        kite.trouble(Trouble.BAD_GATEWAY, method="POST", path="/orders/regular", times=2)
        kite.trouble(Trouble.MALFORMED, method="GET", path="/orders", times=2)
        kite.trouble(Trouble.HALF, method="GET", path="/trades", times=2)

    stage = Stage(home, tmp_path)
    near, far = stage.alone(last), stage.at_kite(last, trouble)
    assert [deed(row) for row in far.rows["fills"]] == [deed(row) for row in near.rows["fills"]]
    assert len(near.rows["fills"]) >= 6
    assert executed(far) == executed(near)
    assert sum(row["action"] == "order_unknown" for row in far.rows["user_logs"]) == 2  # the monitor's; `buy` counts its own
    assert far.statement == near.statement


def unnamed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key not in NAMES} for row in rows]


def executed(life: Life) -> list[tuple[Any, ...]]:
    """Orders that were executed. One that was refused for want of money may have been tried again under another tag."""
    return [
        (row["symbol"], row["side"], row["quantity"], row["price"]) for row in life.rows["orders"] if row["status"] == "EXECUTED"
    ]


def deed(row: dict[str, Any]) -> tuple[Any, ...]:
    """A fill without the numbers of rows and orders."""
    return tuple(row[name] for name in ("symbol", "side", "quantity", "price", "at", "charges"))
