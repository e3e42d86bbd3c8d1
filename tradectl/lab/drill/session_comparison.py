"""Run whole sessions through an adapter and its sandbox, and compare them with the same sessions at the paper exchange.

Tasks, runner and ledger are the program's own. The adapter logs in whenever its login has ended. In the direct run the paper
exchange has the capabilities that the adapter declares, and no pre-open prices if the adapter has none. Then every row of every
table, every message and the exchange's own statement must be equal. Trade ids are not compared, because each broker has its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, time
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import select

from tradectl import bootstrap
from tradectl.brokers.adapter import Adapter, BrokerAccount, LoginSession, adapter
from tradectl.brokers.paper import PaperBroker, Statement
from tradectl.lab.conformance.memory_vault import MemoryVault
from tradectl.lab.drill.broker_sandboxes import sandbox_entry
from tradectl.lab.drill.days import SCHEDULE
from tradectl.lab.sandboxes.broker_sandbox import BrokerSandbox
from tradectl.lab.sandboxes.server import Sandbox
from tradectl.ledger.schema import metadata
from tradectl.model.moment import at_ist
from tradectl.ports import Capabilities, MarketData
from tradectl.runtime.registry import all_tasks
from tradectl.runtime.simulate import simulate
from tradectl.settings import Settings
from tradectl.world import World

TABLES = ("orders", "fills", "positions", "signals", "decisions", "task_executions", "daily_stats", "user_logs", "outbox")
MACHINE = frozenset({"owner", "beat_at"})
"""Columns with a process or a machine time, which differ between the runs."""
NAMES = frozenset({"trade_id"})
"""Columns with ids that the broker makes."""
EVERY = 125
"""Minutes between two steps of the sell monitor."""
CAPITAL = 5_00_000_00

Rows = dict[str, list[dict[str, Any]]]


class PlainPaper(PaperBroker):
    """The paper exchange, limited to the capabilities that another broker declares."""

    def __init__(self, declared: Capabilities, *words: Any, **names: Any) -> None:
        self.capabilities = declared
        super().__init__(*words, **names)

    def preopen_prices(self, symbols: Sequence[str]) -> Mapping[str, int]:
        return super().preopen_prices(symbols) if self.capabilities.preopen_prices else {}


class SelfLoginVault(MemoryVault):
    """A MemoryVault that logs in automatically when the session has ended."""

    def __init__(self, found: Adapter, entry: BrokerSandbox) -> None:
        defaults = {field.name: field.default for field in found.fields if field.default is not None}
        super().__init__({**defaults, **entry.credentials})
        self._adapter, self._entry = found, entry
        self.account: BrokerAccount | None = None

    def session(self) -> LoginSession | None:
        ended = self.stored is None or (self.account is not None and self.account.clock.now() >= self.stored.expires_at)
        if ended and self.account is not None:
            self._adapter.login(self.account, self._entry.answer)
        return self.stored


class SessionsRun(Struct, frozen=True):
    """The result of a run: the ledger's rows, the exchange's statement, and method and path of each request."""

    rows: Rows
    statement: Statement
    requests: tuple[tuple[str, str], ...] = ()


class SessionComparison:
    """Two runs of the sessions `first` to `last`, each in its own folder below `folder`.

    `settings` names the market; `changes` are the user's settings.
    """

    def __init__(self, settings: Settings, folder: Path, first: date, last: date, changes: Mapping[str, str]) -> None:
        self._settings, self._folder, self._first, self._last = settings, folder, first, last
        self._changes = dict(changes)

    def alone(self, name: str) -> SessionsRun:
        """Run the sessions directly at the paper exchange, with the capabilities that the broker `name` declares."""
        folder = self._folder / "alone"
        world = self._world(folder)
        return self._lived(replace(world, broker=self._paper(name, world, folder, world.market)), name, folder)

    def through(self, name: str, trouble: Callable[[Sandbox], None] = lambda _: None) -> SessionsRun:
        """Run the sessions at the same exchange, through the adapter and the sandbox of the broker `name`.

        `trouble` is called with the sandbox before the first session, to make some requests fail.
        """
        folder, found, entry = self._folder / "through", adapter(name), sandbox_entry(name)
        world = self._world(folder)
        near = partial(self._paper, name, world, folder, bootstrap.open_store(self._settings))
        with entry.sandbox(near, world.market, world.clock, world.sessions, memory=folder / "memory") as server:
            trouble(server)
            vault = SelfLoginVault(found, entry)
            vault.account = BrokerAccount(
                world.user,
                world.clock,
                world.sessions,
                world.market,
                vault,
                folder / "lists",
                addresses=entry.addresses(server.url),
            )
            lived = self._lived(replace(world, broker=found.open(vault.account)), name, folder)
        return replace(lived, requests=tuple(server.requests))

    def _world(self, folder: Path) -> Any:
        start = at_ist(self._first, time(7, 30))
        world = bootstrap.open_simulation(self._settings, folder, start=start, capital=CAPITAL, changes=self._changes, step=EVERY)
        for task, times in SCHEDULE.items():
            world.ledger.schedules.set(task, times=times)
        return world

    def _paper(self, name: str, world: World, folder: Path, market: MarketData) -> PlainPaper:
        how: dict[str, Any] = {"step": EVERY, "durable": False, "opening_cash": CAPITAL}
        declared = adapter(name).capabilities
        return PlainPaper(declared, folder / "paper.db", world.user, world.clock, market, world.sessions, **how)

    def _lived(self, world: World, name: str, folder: Path) -> SessionsRun:
        simulate(world, all_tasks(), self._first, self._last, every=EVERY * 60)
        found: Rows = {}
        with world.ledger.database.read() as connection:
            for table in TABLES:
                columns = metadata.tables[table]
                rows = connection.execute(select(columns).order_by(*columns.primary_key)).mappings()
                found[table] = [{key: value for key, value in row.items() if key not in MACHINE} for row in rows]
        near = self._paper(name, world, folder, world.market)
        statement = near.statement()
        near.close()
        return SessionsRun(found, statement)


def differences(near: SessionsRun, far: SessionsRun) -> Iterator[str]:
    """Yield one line for each difference: a table with its first different row, or the exchange's statement."""
    for table in TABLES:
        ours, theirs = (_unnamed(process.rows[table]) for process in (near, far))
        if ours != theirs:
            number = next((at for at, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), None)
            where = f"row {number}: {_changed(ours[number], theirs[number])}" if number is not None else "one has more rows"
            yield f"{table}: {len(ours)} rows without the adapter, {len(theirs)} through it; {where}"
    if near.statement != far.statement:
        yield "the exchange's statements differ"


def _changed(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {ours[key]!r} / {theirs[key]!r}" for key in ours if ours[key] != theirs[key])


def _unnamed(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key not in NAMES} for row in rows]
