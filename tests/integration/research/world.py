"""Simulations in this process, over the market folder of a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Any

from sqlalchemy import select

from tradectl import bootstrap
from tradectl.bootstrap import PaperWorld
from tradectl.bootstrap.simulated_strategies import SimulatedStrategy
from tradectl.ledger.schema import metadata
from tradectl.model.moment import at_ist
from tradectl.report import simulation
from tradectl.runtime.registry import all_tasks
from tradectl.runtime.runner import Runner
from tradectl.runtime.simulate import Seed, Simulated, simulate
from tradectl.settings import Settings
from tradectl.strategy.parameters import WITHOUT_LIMITS

EAGER = {
    "rsi_entry_above": "45",
    "rsi_entry_below": "45",
    "reentry_first": "45",
    "reentry_second": "40",
    "reentry_third": "35",
    "buy_score": "0",
    "min_quality": "0",
    "min_volume_ratio": "0",
}
"""Settings with which nearly every session has an order, so that a short simulation decides a lot."""
MACHINE_TIME = {"owner", "beat_at"}
"""Columns with the process and the machine's time."""

Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Run:
    """A finished simulation: its world at the last moment, and its result."""

    world: PaperWorld
    done: Simulated

    def result(self) -> dict[str, Any]:
        """Return the JSON result, as `simulate --json` prints it."""
        return simulation.result(self.world, self.done, self.world.broker.statement(), 0.0)

    def rows(self, *tables: str) -> Rows:
        """Return the rows of tables of the ledger, oldest first, without the columns of the machine."""
        found: Rows = {}
        with self.world.ledger.database.read() as connection:
            for name in tables:
                table = metadata.tables[name]
                rows = connection.execute(select(table).order_by(*table.primary_key)).mappings()
                found[name] = [{key: value for key, value in row.items() if key not in MACHINE_TIME} for row in rows]
        return found

    def morning(self, task: str, slot: str) -> None:
        """Go on to one slot of the next run session and run its task."""
        hour, minute = map(int, slot.split(":"))
        session = self.world.sessions.next_run_session(self.done.sessions[-1].date).date
        self.world.clock.move_to(at_ist(session, time(hour, minute)))  # type: ignore[attr-defined]
        tasks = all_tasks()
        Runner(self.world, tasks, trigger="manual").run(
            next(item for item in tasks if item.name == task), session=session, slot=slot
        )


def simulated(
    folder: Path,
    market: Path,
    first: date,
    last: date,
    *,
    universe: str | Sequence[str] = "nifty50",
    capital: int = 1_000_000_00,
    changes: Mapping[str, str] | None = None,
    limits: bool = True,
    every: int = 1,
    seeds: Sequence[Seed] = (),
    strategies: Sequence[SimulatedStrategy] = (),
) -> Run:
    """Simulate in `folder` on the prices of `market`, with a sell monitor step every `every` minutes. `capital` in paise."""
    home = folder / "home"
    settings = Settings(home, f"sqlite:///{home / 'ledger.db'}", home / "paper.db", market, home / "sessions.csv", home / "key")
    names = universe if isinstance(universe, str) else ",".join(universe)
    world = bootstrap.open_simulation(
        settings,
        folder / "run",
        start=at_ist(first, time(7, 30)),
        capital=capital,
        changes={**({} if limits else WITHOUT_LIMITS), "universe": names, **(changes or {})},
        step=every,
        strategies=strategies,
    )
    return Run(world, simulate(world, all_tasks(), first, last, seeds=seeds, every=every * 60))
