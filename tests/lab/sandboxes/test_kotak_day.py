"""Days with the Kotak adapter over real sockets, and the same days with the paper exchange itself: the same in every table.

Both exchanges promise what Kotak promises and serve no pre-open prices, so that whatever differed would be the wire's doing. What
may differ are the names that a broker gives to its orders and trades.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration.research.world import EAGER, Rows, Run
from tests.support.brokers.kotak import CLIENT, Listening, MemoryVault, credentials, nobody
from tradectl import bootstrap
from tradectl.brokers.adapter import BrokerAccount
from tradectl.brokers.kotak_neo import ADAPTER, paths
from tradectl.brokers.kotak_neo.broker import KotakNeoBroker
from tradectl.brokers.kotak_neo.declaration import CAPABILITIES
from tradectl.brokers.paper import PaperBroker
from tradectl.clock import VirtualClock
from tradectl.exchange.sessions import SessionTable
from tradectl.lab.sandboxes.server import Request, Trouble
from tradectl.marketdata.store import Store
from tradectl.marketdata.synthetic import make_market
from tradectl.model.moment import at_ist
from tradectl.ports import Broker
from tradectl.runtime.registry import all_tasks
from tradectl.runtime.simulate import Simulated, simulate
from tradectl.settings import Settings

FIRST, LAST = date(2025, 10, 9), date(2025, 10, 15)
EVERY = 45
"""Minutes between two looks of the sell monitor."""
CAPITAL = 300_000_00
TABLES = (
    "orders", "fills", "positions", "signals", "decisions", "adjustments", "daily_stats", "task_executions", "user_logs",
    "outbox",
)  # fmt: skip
NAMES = {"broker_order_id", "trade_id"}


class Silent(PaperBroker):
    """The paper exchange with what Kotak promises, and no more."""

    capabilities = CAPABILITIES

    def preopen_prices(self, symbols: Sequence[str]) -> Mapping[str, int]:
        return {}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory, sessions: SessionTable) -> Path:
    folder = tmp_path_factory.mktemp("kotak") / "market"
    make_market(folder, sessions, last=date(2025, 10, 31), symbols=10)
    return folder


class Directly:
    """The exchange itself, on which orders fill in parts."""

    def __init__(self, folder: Path, capital: int = CAPITAL) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.capital = folder, capital

    def exchange(self, clock: VirtualClock, market: Store, sessions: SessionTable, user: str) -> PaperBroker:
        options: dict[str, Any] = {"step": EVERY, "participation": 0.002, "durable": False, "opening_cash": self.capital}
        return Silent(self.folder / "exchange.db", user, clock, market, sessions, **options)

    def broker(self, clock: VirtualClock, market: Store, sessions: SessionTable, user: str) -> Broker:
        return self.exchange(clock, market, sessions, user)

    def morning(self) -> None:
        """Nobody logs in at the paper exchange."""


class OverTheWire(Directly):
    """The exchange in the sandbox's thread, with a view of the market of its own, and the adapter before it."""

    kind = Listening

    def broker(self, clock: VirtualClock, market: Store, sessions: SessionTable, user: str) -> Broker:
        def view() -> Store:
            return Store(market.folder, sessions)

        def behind() -> PaperBroker:
            return self.exchange(clock, view(), sessions, user)

        self.sandbox = self.kind(behind, clock=clock, market=view, client=CLIENT)
        self.sandbox.start()
        vault, addresses = MemoryVault(credentials()), {"login": self.sandbox.url}
        self.account = BrokerAccount(user, clock, sessions, market, vault, self.folder / "scrips", addresses=addresses)
        return KotakNeoBroker(self.account)

    def morning(self) -> None:
        ADAPTER.login(self.account, nobody)


class AnswersLost(Listening):
    """The answer to every order that is placed for the next day is lost once, and the book shows an order after a minute and a
    half: as late as has been seen at Kotak."""

    def __init__(self, *words: Any, **names: Any) -> None:
        super().__init__(*words, **names, lag=timedelta(seconds=90))
        self.lost: list[str] = []

    def _trouble_of(self, request: Request) -> Trouble | None:
        asked = json.loads(request.form["jData"]) if request.path == paths.PLACE else {"am": "NO"}
        if asked["am"] == "YES" and asked["ig"] not in self.lost:
            self.lost.append(asked["ig"])
            return Trouble.CUT
        return super()._trouble_of(request)


class Lossy(OverTheWire):
    kind = AnswersLost


def traded(way: Directly, market: Path, last: date = LAST) -> Rows:
    """The tables of a home that has traded from the first session to the last."""
    home = way.folder / "home"
    settings = Settings(home, f"sqlite:///{home / 'ledger.db'}", home / "paper.db", market, home / "sessions.csv", home / "key")
    world = bootstrap.open_simulation(
        settings,
        way.folder / "run",
        start=at_ist(FIRST, time(7, 30)),
        capital=way.capital,
        changes={**EAGER, "universe": "demo", "capital_per_trade": "40000", "max_positions": "6"},
        step=EVERY,
        broker=way.broker,
    )
    assert isinstance(world.clock, VirtualClock)
    assert world.broker.capabilities == CAPABILITIES
    done = Simulated()
    for session in world.sessions.run_between(FIRST, last):
        world.clock.move_to(at_ist(session.date, time(7, 30)))
        way.morning()
        day = simulate(world, all_tasks(), session.date, session.date, every=EVERY * 60)
        done.troubles += day.troubles
    assert done.troubles == []
    rows = Run(world, done).rows(*TABLES)
    world.close()
    return rows


def without(rows: list[dict[str, Any]], names: Collection[str]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in names} for row in rows]


@pytest.fixture(scope="module")
def both(market: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Rows, Rows]:
    """The tables of the exchange itself, and those over the wire."""
    wired = OverTheWire(tmp_path_factory.mktemp("kotak"))
    reference = traded(Directly(tmp_path_factory.mktemp("paper")), market)
    try:
        return reference, traded(wired, market)
    finally:
        wired.sandbox.stop()


@pytest.mark.parametrize("table", TABLES)
def test_every_table_is_the_same(both: tuple[Rows, Rows], table: str) -> None:
    reference, wired = both
    assert without(wired[table], NAMES) == without(reference[table], NAMES)


def test_the_days_held_enough_to_differ_in(both: tuple[Rows, Rows]) -> None:
    """Orders of the night and of the day, changed, cancelled, filled in parts, waiting for money in the morning; and the numbers
    over the wire are Kotak's."""
    _, wired = both
    orders, fills = wired["orders"], wired["fills"]
    assert {(order["side"], order["variety"]) for order in orders} == {("BUY", "AMO"), ("SELL", "REGULAR")}
    assert {order["status"] for order in orders} >= {"EXECUTED", "CANCELLED"}
    assert max(order["modifications"] for order in orders) > 1
    assert len(fills) > 2 * len([order for order in orders if order["status"] == "EXECUTED"])
    assert {position["status"] for position in wired["positions"]} == {"open", "closed"}
    assert all(fill["trade_id"].startswith(f"{fill['session_date']:%Y%m%d}-") for fill in fills)
    assert any(day["realised"] for day in wired["daily_stats"])
    assert any("RETRY_PENDING" in (order["status"], order["previous"]) for order in orders)
    assert any(row["task"] == "premarket-retry" and row["result"]["retried"] for row in wired["task_executions"])


def test_answers_that_are_lost_in_the_evening_change_no_fill(market: Path, tmp_path: Path) -> None:
    """Every order of three evenings is of unknown outcome. It is asked for again, which Kotak refuses; at last it is found in the
    book by its tag, and is there once. There is money for all: a rejection that is learned from the book alone is not taken for
    one that may pass."""
    last = date(2025, 10, 13)
    lossy, directly = Lossy(tmp_path / "kotak", 10 * CAPITAL), Directly(tmp_path / "paper", 10 * CAPITAL)
    reference = traded(directly, market, last)
    try:
        wired = traded(lossy, market, last)
    finally:
        lossy.sandbox.stop()
    assert isinstance(lossy.sandbox, AnswersLost)
    assert lossy.sandbox.lost == [order["tag"] for order in wired["orders"] if order["variety"] == "AMO"]
    assert len(lossy.sandbox.lost) > 5
    asked = [words["ig"] for path, words in lossy.sandbox.heard if path == paths.PLACE and words["am"] == "YES"]
    assert min(asked.count(tag) for tag in lossy.sandbox.lost) > 1
    for table in ("fills", "positions", "daily_stats"):
        assert without(wired[table], NAMES) == without(reference[table], NAMES)
