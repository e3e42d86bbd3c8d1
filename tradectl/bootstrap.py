"""Settings become a World here: live, paper or simulated. The one file that knows every adapter.

A database has one mode and one clock, written when it is made. A home on a virtual clock (`--at`) walks through past sessions
and never runs without one; a home on the machine's clock never pretends to be elsewhere once something has happened in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tradectl.clock import SystemClock, VirtualClock
from tradectl.deferred import deferred, itself, made
from tradectl.errors import ConfigurationError, DataError, TradectlError, UsageError
from tradectl.model.moment import LAST_FILL, format_time, ist_date, to_ist
from tradectl.model.money import show_rupees
from tradectl.task import World

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date

    from tradectl.brokers.faulty import Fault, FaultyBroker, Promise
    from tradectl.brokers.guard import GuardedBroker
    from tradectl.brokers.live import LiveAccount
    from tradectl.brokers.onlooker import Onlooker
    from tradectl.brokers.paper import PaperBroker
    from tradectl.exchange.sessions import SessionTable
    from tradectl.ledger.engine import Database
    from tradectl.ledger.store import Ledger
    from tradectl.marketdata.store import Store
    from tradectl.ports import Broker, Clock, MarketData, Notifier, PriceSource
    from tradectl.settings import Settings
    from tradectl.strategy.parameters import Parameters
    from tradectl.strategy.readings import Readings


@dataclass(frozen=True, slots=True)
class PaperWorld(World):
    """A world whose broker is the paper exchange, which can be asked for more than a broker."""

    broker: PaperBroker

    def close(self) -> None:
        """Close the ledger and the exchange."""
        if made(self.broker):
            self.broker.close()
        World.close(self)


@dataclass(frozen=True, slots=True)
class LiveWorld(World):
    """A world whose broker is a real one, behind the guard."""

    broker: GuardedBroker

    def close(self) -> None:
        """End the stream and the connections, and close the ledger."""
        if made(self.broker):
            self.broker.close()
        World.close(self)


PARTIAL = 0.002
"""The part of a minute's volume that one order takes in a drill of partial fills."""
CHANGES = 2
"""How often an order may be changed in a drill: so few that orders are replaced within a day."""
DEFAULT_USER = "me"
DEFAULT_CAPITAL = 1_000_000_00
"""Rs 10,00,000 in paise."""


def open_sessions(settings: Settings) -> SessionTable:
    """The exchange's sessions with the operator's own overrides."""
    from tradectl.exchange.sessions import SessionTable

    return SessionTable.load(settings.sessions if settings.sessions.exists() else None)


def open_store(settings: Settings, *, through: date | None = None) -> Store:
    """The market data beside the ledger; `through` a session it has no bar after it."""
    from tradectl.marketdata.store import Store

    return Store(settings.market, open_sessions(settings), through=through)


def open_prices(
    settings: Settings, mode: str, clock: SystemClock | VirtualClock, look: Callable[[], Onlooker]
) -> PriceSource | None:
    """The source of live prices that the settings choose, None for the stored bars; at a broker by who `look`s there.
    ConfigurationError for an unknown one, and for anything but paper: real money goes by the prices of where it trades."""
    if not settings.quotes:
        return None
    if mode != "paper":
        raise ConfigurationError(f"quotes from {settings.quotes} are for paper, not for mode {mode}")
    if settings.quotes != "yahoo":
        from tradectl.brokers.adapter import is_known, names

        if not is_known(settings.quotes):
            known = "'yahoo', from a broker (" + ", ".join(names()) + ")"
            raise ConfigurationError(f"quotes come from {known} or, left out, from the stored bars; not from {settings.quotes!r}")
        return deferred(lambda: look().quotes())
    from tradectl.marketdata.sources.delayed import YahooQuotes

    return YahooQuotes(settings.yahoo, settings.home / "yahoo", clock)


def init(
    settings: Settings, *, user: str = DEFAULT_USER, capital: int = DEFAULT_CAPITAL, mode: str = "paper", broker: str = ""
) -> World:
    """Make a home: the ledger with its first user, an admin, and his account: on paper, or live at a broker. ConfigurationError
    if there is one, UsageError for an unknown broker."""
    _check_mode(settings, mode, broker)
    settings.home.mkdir(parents=True, exist_ok=True)
    database = _open(settings)
    if _is_made(database):
        raise ConfigurationError(f"{database.name} is a tradectl database already")
    _make(settings, database, user=user, capital=capital, mode=mode, broker=broker)
    database.close()
    return open_world(settings, user)


def _check_mode(settings: Settings, mode: str, broker: str) -> None:
    if mode not in {"paper", "live"}:
        raise ConfigurationError(f"a home is paper or live, not {mode!r}")
    if mode == "live" and not broker:
        raise ConfigurationError("live at which broker? say --broker NAME")
    if mode == "live" and settings.at is not None:
        raise UsageError("a live home goes by the machine's clock: leave --at out")
    if mode == "paper" and broker:
        raise ConfigurationError(f"a paper home has no broker; --mode live makes one that trades at {broker}")
    if broker:
        from tradectl.brokers.adapter import adapter

        adapter(broker)


def open_world(
    settings: Settings,
    user: str | None = None,
    *,
    read_only: bool = False,
    past: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> World:
    """The world of a user; a home that does not exist yet becomes a paper home, and `tell` is told so.

    Raises UsageError for an unknown user, and where `--at` and the home's clock do not fit; `past` lets a moment before the
    home's last event through, for callers that decide themselves what may be done then.
    """
    from tradectl.ledger.store import Ledger
    from tradectl.ledger.users import Users

    if not read_only or not _exists(settings):
        settings.home.mkdir(parents=True, exist_ok=True)
    database = _open(settings, read_only=read_only and _exists(settings))
    try:
        if not _is_made(database):
            _make(settings, database, user=user or DEFAULT_USER, capital=DEFAULT_CAPITAL, mode="paper")
            tell(f"made a paper account for {user or DEFAULT_USER} with Rs {show_rupees(DEFAULT_CAPITAL)} in {settings.home}")
        users = Users(database)
        names = [item.user for item in users.list()]
        if user is None and len(names) > 1:
            raise UsageError(f"whose account? this database has the users {', '.join(names)}: say --user NAME")
        ledger = Ledger(database, users.get(user or names[0]).user)
        clock = _clock(settings, ledger, past=past, read_only=read_only)
    except TradectlError:
        database.close()
        raise
    return _world(settings, ledger, clock, read_only=read_only)


def _open(settings: Settings, *, read_only: bool = False) -> Database:
    from tradectl.ledger.engine import open_database

    return open_database(settings.database, read_only=read_only)


def _exists(settings: Settings) -> bool:
    prefix = "sqlite:///"
    return not settings.database.startswith(prefix) or Path(settings.database.removeprefix(prefix)).exists()


def _is_made(database: Database) -> bool:
    from tradectl.ledger.migrations import create_or_upgrade
    from tradectl.ledger.store import Info

    create_or_upgrade(database)

    return Info(database).get("mode") is not None


def _make(settings: Settings, database: Database, *, user: str, capital: int, mode: str, broker: str = "") -> None:
    from tradectl.ledger.store import Ledger
    from tradectl.runtime.registry import all_tasks

    clock = VirtualClock(settings.at) if settings.at else SystemClock()
    ledger = Ledger(database, user)
    with database.write():
        ledger.users.add(user, capital=capital, created_at=clock.now(), role="admin")
        ledger.schedules.seed(all_tasks())
        ledger.info.set("created_at", clock.now().isoformat())
        ledger.info.set("clock", "virtual" if settings.at else "system")
        ledger.info.set("mode", mode)
        if broker:
            from tradectl.ledger.arming import BROKER

            ledger.settings.credentials(settings.secret_key).set(BROKER, broker, secret=False)


def _clock(settings: Settings, ledger: Ledger, *, past: bool, read_only: bool) -> SystemClock | VirtualClock:
    kind = ledger.info.get("clock")
    if settings.at is not None and ledger.info.get("mode") == "live":
        raise ConfigurationError("a live home goes by the machine's clock: leave --at out")
    if settings.at is None:
        if kind == "virtual":
            raise UsageError(f"{settings.home} is on a virtual clock: say when it is with --at 'YYYY-MM-DD HH:MM'")
        return SystemClock()
    last = ledger.info.get("last_event_at")
    if kind != "virtual":
        if last is not None or ledger.executions.last_session() is not None:
            raise UsageError(f"{settings.home} has run on the machine's clock: --at needs a home of its own (--home)")
        if not read_only:
            ledger.info.set("clock", "virtual")
            ledger.users.begin_by(settings.at)
    if last is not None and not past and settings.at < (ended := datetime.fromisoformat(last)):
        raise UsageError(before_the_last_event(settings.at, ended))
    return VirtualClock(settings.at)


def before_the_last_event(at: datetime, last: datetime) -> str:
    """One line for a moment that a home on a virtual clock has passed."""
    return (
        f"{to_ist(at):%Y-%m-%d %H:%M} is before this home's last event, {to_ist(last):%Y-%m-%d %H:%M:%S}: time does not go back"
    )


def _world(settings: Settings, ledger: Ledger, clock: SystemClock | VirtualClock, *, read_only: bool) -> World:
    from tradectl.strategy.parameters import Parameters, with_changes

    mode = ledger.info.get("mode") or ""
    kept = read_only and mode == "simulated"
    if mode not in {"paper", "live"} and not kept:
        raise ConfigurationError(f"this database is in mode {mode!r}, which this version does not trade")
    parameters = with_changes(Parameters(), ledger.settings.list())
    notifier = _notifier(settings, ledger)
    market = deferred(lambda: open_store(settings))
    sessions = open_sessions(settings)
    prices = open_prices(settings, mode, clock, lambda: onlooker(settings, ledger, clock, market, sessions)) if not kept else None
    if mode == "live":
        return _live(settings, ledger, clock, market=market, sessions=sessions, parameters=parameters, notifier=notifier)
    return _filled(
        ledger,
        clock,
        market,
        sessions,
        parameters,
        paper=settings.paper if not kept else Path(ledger.database.name).with_name("paper.db"),
        notifier=notifier,
        mode=mode,
        shelf=settings.market / "kept",
        prices=prices,
    )


def _filled(
    ledger: Ledger,
    clock: SystemClock | VirtualClock,
    market: Store,
    sessions: SessionTable,
    parameters: Parameters,
    *,
    paper: Path,
    notifier: Notifier,
    mode: str,
    step: int = 1,
    durable: bool = True,
    alone: bool = False,
    shelf: Path | None = None,
    prices: PriceSource | None = None,
) -> PaperWorld:
    """A world that trades on paper, on live prices where there is a source of them; `shelf` is the folder where scans are kept
    for the next process. Most commands only look into the ledger, so exchange and readings are made when asked."""

    def broker() -> PaperBroker:
        from tradectl.brokers.paper import PaperBroker

        return PaperBroker(
            paper,
            ledger.user,
            clock,
            market,
            sessions,
            step=step,
            participation=parameters.participation,
            durable=durable,
            alone=alone,
            opening_cash=ledger.users.get(ledger.user).capital,
            prices=prices,
        )

    readings = _readings(market, parameters, shelf)
    return PaperWorld(ledger.user, mode, clock, sessions, market, deferred(broker), ledger, notifier, parameters, readings)


def _live(
    settings: Settings,
    ledger: Ledger,
    clock: SystemClock | VirtualClock,
    *,
    market: Store,
    sessions: SessionTable,
    parameters: Parameters,
    notifier: Notifier,
) -> LiveWorld:
    """A world that trades at the user's broker. ConfigurationError on a virtual clock: real money knows only one time."""
    if clock.virtual:
        raise ConfigurationError("a live home goes by the machine's clock")
    broker = deferred(lambda: live_account(settings, ledger, clock, market, sessions).open())
    return LiveWorld(
        ledger.user,
        "live",
        clock,
        sessions,
        market,
        broker,
        ledger,
        notifier,
        parameters,
        _readings(market, parameters, settings.market / "kept"),
    )


def live_account(settings: Settings, ledger: Ledger, clock: Clock, market: MarketData, sessions: SessionTable) -> LiveAccount:
    """A user's account at his broker, for who logs in, arms or looks."""
    from tradectl.brokers.live import LiveAccount

    folder = settings.home / "brokers"
    return LiveAccount(ledger, clock, market, sessions, key_file=settings.secret_key, folder=folder)


def onlooker(settings: Settings, ledger: Ledger, clock: Clock, market: MarketData, sessions: SessionTable) -> Onlooker:
    """A paper user at the broker whose prices he trades on, for who logs in or looks."""
    from tradectl.brokers.onlooker import Onlooker

    folder = settings.home / "brokers"
    return Onlooker(ledger, clock, market, sessions, key_file=settings.secret_key, folder=folder, name=settings.quotes)


def _readings(market: Store, parameters: Parameters, shelf: Path | None) -> Readings:
    """Made when first asked; `shelf` is the folder where scans are kept for the next process."""

    def readings() -> Readings:
        from tradectl.marketdata.shelf import FolderShelf
        from tradectl.strategy.readings import Readings

        return Readings(market, parameters, FolderShelf(shelf) if shelf is not None else None)

    return deferred(readings)


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
) -> PaperWorld:
    """A throw-away world in `folder` that begins at `start` with the home's market data, and with the settings, schedules and
    capital of the home's user where there is one. `changes` are settings on top; `step` is in minutes. `alone`: nobody else knows
    the folder, and nobody is let into its files. `broker` makes another broker than the paper exchange, for this clock, market,
    session table and user; who puts one in asks it for no more than a `ports.Broker`."""
    from tradectl.ledger.engine import open_database
    from tradectl.ledger.migrations import create_or_upgrade
    from tradectl.ledger.store import Ledger
    from tradectl.notify.console import SilentNotifier
    from tradectl.runtime.registry import all_tasks
    from tradectl.strategy.parameters import Parameters, with_changes

    market = open_store(settings)
    newest = market.last_session()
    if newest is None or newest < ist_date(start):
        raise DataError(f"there is no bar from {ist_date(start)} on: the newest is of {newest or 'no session'}")
    home = _home_ledger(settings)
    user = home.user if home is not None else settings.user or DEFAULT_USER
    own = home.settings.list() if home is not None else {}
    if capital is None:
        capital = home.users.get(user).capital if home is not None else DEFAULT_CAPITAL
    folder.mkdir(parents=True, exist_ok=True)
    database = open_database(folder / "ledger.db", durable=False, alone=alone)
    create_or_upgrade(database)
    ledger, clock = Ledger(database, user), VirtualClock(start)
    with database.write():
        ledger.users.add(user, capital=capital, created_at=clock.now(), role="admin")
        ledger.schedules.seed(all_tasks())
        for row in home.schedules.list() if home is not None else ():
            until = LAST_FILL if row.until is None else format_time(row.until)
            ledger.schedules.set(row.task, times=[format_time(at) for at in row.times], until=until, every=row.every)
            if not row.enabled:
                ledger.schedules.disable(row.task)
        for key, value in (own | changes).items():
            ledger.settings.set(key, value)
        ledger.info.set("created_at", clock.now().isoformat())
        ledger.info.set("clock", "virtual")
        ledger.info.set("mode", "simulated")
    parameters = with_changes(Parameters(), own | changes)
    world = _filled(
        ledger,
        clock,
        market,
        market.sessions,
        parameters,
        paper=folder / "paper.db",
        notifier=SilentNotifier(),
        mode="simulated",
        step=step,
        durable=False,
        alone=alone,
    )
    chosen = world.broker if broker is None else cast("PaperBroker", broker(clock, market, market.sessions, user))
    return replace(world, broker=itself(chosen), readings=itself(world.readings))


def drill_exchange(
    file: Path,
    ledger: Ledger,
    clock: Clock,
    market: Store,
    *,
    faults: Collection[Fault],
    promise: Promise,
    seed: int,
    step: int,
    on_call: Callable[[str], None] = lambda _: None,
) -> Callable[[], FaultyBroker]:
    """What opens the paper exchange of a drill (in `file`), in the thread that calls it: behind faults that follow from `seed`.
    Orders fill in parts where the faults say so."""
    from tradectl.brokers.faulty import Fault, FaultyBroker
    from tradectl.brokers.paper import PaperBroker

    participation = PARTIAL if Fault.PARTIAL_FILLS in faults else 1.0
    user, capital = ledger.user, ledger.users.get(ledger.user).capital

    def opened() -> FaultyBroker:
        paper = PaperBroker(
            file,
            user,
            clock,
            market,
            market.sessions,
            step=step,
            participation=participation,
            durable=False,
            opening_cash=capital,
        )
        state = file.with_name("faults.json")
        broker = FaultyBroker(paper, clock, faults, promise, seed=seed, state=state, on_call=on_call)
        broker.capabilities = replace(broker.capabilities, max_modifications=CHANGES)
        return broker

    return opened


def drill_world(
    ledger: Ledger, clock: VirtualClock, market: Store, broker: Broker, *, parameters: Parameters, readings: Readings
) -> World:
    """The world of a drill; market and readings are shared by many of them."""
    from tradectl.notify.console import SilentNotifier

    notifier = SilentNotifier()
    return World(ledger.user, "simulated", clock, market.sessions, market, broker, ledger, notifier, parameters, readings)


def reopen_simulation(settings: Settings, folder: Path) -> PaperWorld:
    """The world that a simulation left in `folder`, at its last moment."""
    from tradectl.ledger.engine import open_database
    from tradectl.ledger.store import Info, Ledger
    from tradectl.ledger.users import Users
    from tradectl.notify.console import SilentNotifier
    from tradectl.strategy.parameters import Parameters, with_changes

    database = open_database(folder / "ledger.db")
    ledger = Ledger(database, Users(database).list()[0].user)
    ended = Info(database).get("last_event_at")
    if ended is None:
        raise ConfigurationError(f"{folder} holds no simulation")
    parameters, clock = with_changes(Parameters(), ledger.settings.list()), VirtualClock(datetime.fromisoformat(ended))
    paper, market = folder / "paper.db", open_store(settings)
    silent = SilentNotifier()
    return _filled(ledger, clock, market, market.sessions, parameters, paper=paper, notifier=silent, mode="simulated")


def capital_of(settings: Settings) -> int:
    """The capital (paise) of the home's user, where there is one."""
    home = _home_ledger(settings)
    return home.users.get(home.user).capital if home is not None else DEFAULT_CAPITAL


def parameters_of(settings: Settings, changes: dict[str, str]) -> Parameters:
    """The settings of the home's user, where there is one, with `changes` on top."""
    from tradectl.strategy.parameters import Parameters, with_changes

    home = _home_ledger(settings)
    return with_changes(Parameters(), (home.settings.list() if home is not None else {}) | changes)


def _home_ledger(settings: Settings) -> Ledger | None:
    """The home's ledger for reading, None where there is no home yet."""
    from tradectl.ledger.engine import open_database
    from tradectl.ledger.store import Ledger
    from tradectl.ledger.users import Users

    if not _exists(settings):
        return None
    database = open_database(settings.database, read_only=True)
    names = [item.user for item in Users(database).list()]
    if not names:
        return None
    return Ledger(database, Users(database).get(settings.user or names[0]).user)


def _notifier(settings: Settings, ledger: Ledger) -> Notifier:
    from tradectl.notify.console import ConsoleNotifier

    credentials = ledger.settings.credentials(settings.secret_key)
    if "notify.urls" not in credentials.list():
        return ConsoleNotifier()
    from tradectl.notify.services import ServiceNotifier

    return ServiceNotifier(credentials.require("notify.urls").split())
