"""Build temporary worlds in a folder, for simulations of past sessions with the settings of a home."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from msgspec.structs import replace

from tradectl.bootstrap.home_readings import DEFAULT_CAPITAL, DEFAULT_USER, home_ledger
from tradectl.bootstrap.renames import LedgerRenames
from tradectl.bootstrap.simulated_strategies import SimulatedStrategy, strategies_of_home, use_strategies
from tradectl.bootstrap.sources import open_store
from tradectl.bootstrap.tariffs import with_tariff
from tradectl.bootstrap.worlds import PaperWorld, paper_world
from tradectl.clock import VirtualClock
from tradectl.errors import ConfigurationError, DataError
from tradectl.halt_marker import MemoryMarker
from tradectl.lazy import resolved
from tradectl.model.moment import LAST_FILL, format_time, ist_date

if TYPE_CHECKING:
    from tradectl.brokers.paper import PaperBroker
    from tradectl.exchange.sessions import SessionTable
    from tradectl.ledger.store import Ledger
    from tradectl.marketdata.store import Store
    from tradectl.ports import Broker
    from tradectl.settings import Settings


def open_simulation(
    settings: Settings,
    folder: Path,
    *,
    start: datetime,
    capital: int | None,
    changes: dict[str, str],
    step: int,
    alone: bool = False,
    broker: Callable[[VirtualClock, Store, SessionTable, str], Broker] | None = None,
    strategies: Sequence[SimulatedStrategy] | None = None,
) -> PaperWorld:
    """Return a temporary world in `folder` that begins at `start` with the home's market data.

    Args:
        start: An aware moment.
        capital: In paise; None means that of the home's user.
        changes: Settings that replace those of the home's user.
        step: Minutes; the turning points of a daily price path move to multiples of it (`price_path.daily_path`).
        alone: No other process uses the folder, so its files are locked exclusively.
        broker: Called with the clock, market, session table and user; makes another broker than the paper exchange. It is used
            only as a `ports.Broker`.
        strategies: The strategies that run; None means those that the home uses.

    Raises:
        DataError: There is no bar from `start` on.
    """
    from tradectl.notify.console import SilentNotifier
    from tradectl.strategy.parameters import Parameters, with_changes

    market = open_store(settings)
    newest = market.last_session()
    if newest is None or newest < ist_date(start):
        raise DataError(f"there is no bar from {ist_date(start)} on; the newest bar: {newest or 'none'}")
    home = home_ledger(settings)
    own = (home.settings.list() if home is not None else {}) | changes
    parameters = with_tariff(with_changes(Parameters(), own), settings, home if "charges" not in changes else None, own)
    if parameters.charges != Parameters().charges:
        own |= {"charges": parameters.charges}
    user = home.user if home is not None else settings.user or DEFAULT_USER
    if capital is None:
        capital = home.users.get(user).capital if home is not None else DEFAULT_CAPITAL
    clock = VirtualClock(start)
    ledger = _ledger(folder, user, home, capital=capital, own=own, start=clock.now(), alone=alone)
    use_strategies(ledger, strategies_of_home(home) if strategies is None else strategies, clock.now())
    world = paper_world(
        ledger,
        clock,
        market,
        market.sessions,
        parameters,
        paper=folder / "paper.db",
        notifier=SilentNotifier(),
        marker=MemoryMarker(),
        mode="simulated",
        step=step,
        durable=False,
        alone=alone,
    )
    chosen = world.broker if broker is None else cast("PaperBroker", broker(clock, market, market.sessions, user))
    return replace(world, broker=resolved(chosen), readings=resolved(world.readings))


def _ledger(
    folder: Path, user: str, home: Ledger | None, *, capital: int, own: dict[str, str], start: datetime, alone: bool
) -> Ledger:
    """Return a new ledger with one user, the settings `own`, and the schedules of the home."""
    from tradectl.ledger.migrations import create_or_upgrade
    from tradectl.ledger.opening import open_database
    from tradectl.ledger.store import Ledger
    from tradectl.runtime.registry import all_tasks

    folder.mkdir(parents=True, exist_ok=True)
    database = open_database(folder / "ledger.db", durable=False, alone=alone)
    create_or_upgrade(database)
    ledger = Ledger(database, user)
    with database.write():
        ledger.users.add(user, capital=capital, created_at=start, role="admin")
        ledger.schedules.seed(all_tasks())
        for row in home.schedules.list() if home is not None else ():
            until = LAST_FILL if row.until is None else format_time(row.until)
            ledger.schedules.set(row.task, times=[format_time(at) for at in row.times], until=until, every=row.every)
            if not row.enabled:
                ledger.schedules.disable(row.task)
        for key, value in own.items():
            ledger.settings.set(key, value)
        for key, value in {"created_at": start.isoformat(), "clock": "virtual", "mode": "simulated"}.items():
            ledger.info.set(key, value)
    return ledger


def reopen_simulation(settings: Settings, folder: Path) -> PaperWorld:
    """Return the world of a stored simulation in `folder`, at its last moment. Raises ConfigurationError without one."""
    from tradectl.ledger.opening import open_database
    from tradectl.ledger.store import Info, Ledger
    from tradectl.ledger.users import Users
    from tradectl.notify.console import SilentNotifier
    from tradectl.strategy.parameters import Parameters, with_changes

    database = open_database(folder / "ledger.db", journal=False)
    ledger = Ledger(database, Users(database).list()[0].user)
    ended = Info(database).get("last_event_at")
    if ended is None:
        raise ConfigurationError(f"{folder} has no simulation")
    own, clock = ledger.settings.list(), VirtualClock(datetime.fromisoformat(ended))
    parameters = with_tariff(with_changes(Parameters(), own), settings, None, own)
    market = open_store(settings)
    LedgerRenames(settings.market, ledger, clock, writable=lambda: database).follow()
    return paper_world(
        ledger,
        clock,
        market,
        market.sessions,
        parameters,
        paper=folder / "paper.db",
        notifier=SilentNotifier(),
        marker=MemoryMarker(),
        mode="simulated",
    )
