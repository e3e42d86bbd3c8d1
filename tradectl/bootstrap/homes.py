"""Create and open homes. The database of a home has one mode and one clock, which are stored when it is created."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tradectl.bootstrap.home_clock import clock_of
from tradectl.bootstrap.home_readings import DEFAULT_CAPITAL, DEFAULT_USER
from tradectl.bootstrap.ledger_databases import open_home_database, upgrade_older
from tradectl.bootstrap.past_data import lacking_data
from tradectl.bootstrap.renames import LedgerRenames, RenameWatch
from tradectl.bootstrap.reports import draw_session, write_session_report
from tradectl.bootstrap.sources import open_prices, open_sessions, open_store
from tradectl.bootstrap.tariffs import with_tariff
from tradectl.bootstrap.worlds import live_world, notifier_of, paper_world, pings_of, read_only_account, strategies_of
from tradectl.clock import SystemClock, VirtualClock
from tradectl.errors import ConfigurationError, TradectlError, UsageError
from tradectl.file_permissions import LEDGER, close, close_home, make_home
from tradectl.freshness import read_freshness
from tradectl.halt_marker import PREFIX, MarkerFile, MemoryMarker
from tradectl.lazy import is_made, lazy
from tradectl.model.money import show_rupees
from tradectl.model.trading_state import ACTIVE, TradingState
from tradectl.settings import FILE, SQLITE
from tradectl.stored_renames import LOCK_SECONDS

if TYPE_CHECKING:
    from tradectl.exchange.sessions import SessionTable
    from tradectl.ledger.engine import Database
    from tradectl.ledger.store import Ledger
    from tradectl.ledger.users import User
    from tradectl.ports import Clock, DataFeed
    from tradectl.settings import Settings
    from tradectl.strategy.parameters import Parameters
    from tradectl.world import World


def init(
    settings: Settings, *, user: str = DEFAULT_USER, capital: int = DEFAULT_CAPITAL, mode: str = "paper", broker: str = ""
) -> World:
    """Create a home: the ledger, and its first user, who is an admin. `capital` is in paise.

    Raises:
        ConfigurationError: The database is a tradectl database already, or mode and broker do not fit.
        UsageError: The broker is unknown, or `--at` was given for a live home.
    """
    from tradectl.ledger.migrations import create_or_upgrade

    _check_mode(settings, mode, broker)
    _make_folder(settings)
    database = open_home_database(settings)
    create_or_upgrade(database)
    if not _make(settings, database, user=user, capital=capital, mode=mode, broker=broker):
        raise ConfigurationError(f"{database.name} is already a tradectl database")
    database.close()
    if mode == "paper":
        _make_exchange(settings)
    return open_world(settings, user)


def _check_mode(settings: Settings, mode: str, broker: str) -> None:
    if mode not in {"paper", "live"}:
        raise UsageError(f"the mode of a home must be paper or live, not {mode!r}")
    if mode == "live" and not broker:
        raise ConfigurationError("a live home needs a broker: use --broker NAME")
    if mode == "live" and settings.at is not None:
        raise UsageError("a live home uses the machine's clock: leave --at out")
    if mode == "paper" and broker:
        raise ConfigurationError(f"a paper home has no broker; use --mode live to trade at {broker}")
    if broker:
        from tradectl.brokers.adapter import adapter

        adapter(broker)


def open_world(
    settings: Settings,
    user: str | None = None,
    *,
    read_only: bool = False,
    past: bool = False,
    make: bool = True,
    follow: bool = True,
    tell: Callable[[str], None] = lambda _: None,
) -> World:
    """Return the world of a user. A missing home is created as a paper home.

    Args:
        user: None means the home's only user.
        read_only: Open the ledger only for reading.
        past: Allow a moment before the home's last event, for callers that check it themselves.
        make: If False, nothing is created, because a scheduled task must use the home that a person created.
        follow: Give the ledger's rows the ids of a new list of renames, also with `read_only`. Without it nothing is written.
        tell: Called with a line about a created home or a damaged file.

    Raises:
        UsageError: The user is unknown or not named, or `--at` does not fit the home's clock.
        ConfigurationError: Without `make`, the folder or the ledger is missing.
    """
    from tradectl.ledger.store import Ledger
    from tradectl.ledger.users import Users

    database = _opened(settings, user or DEFAULT_USER, read_only=read_only, make=make, tell=tell)
    try:
        users = Users(database)
        everyone = users.list()
        names = [item.user for item in everyone]
        if user is None and len(names) > 1:
            raise UsageError(f"this database has the users {', '.join(names)}: choose one with --user NAME")
        known = users.get(user or names[0])
        ledger = Ledger(database, known.user)
        clock = clock_of(settings, ledger, past=past, read_only=read_only)
        if database.journal is not None:
            database.journal.now = clock.now
        marker = MarkerFile(settings.home, known.user)
        if not read_only:
            _make_markers(settings, everyone, clock.now())
    except TradectlError:
        database.close()
        raise
    return _world(settings, ledger, clock, marker, read_only=read_only, tell=tell, make=make, follow=follow)


def _make_markers(settings: Settings, users: Iterable[User], now: datetime) -> None:
    """Create the missing halt marker of each user, in the ledger's state."""
    for item in users:
        lasting = item.trading_state != "ACTIVE" and item.state_until is None
        MarkerFile(settings.home, item.user).make(TradingState(item.trading_state, item.state_reason) if lasting else ACTIVE, now)


def _files(settings: Settings) -> Iterator[Path]:
    """Yield the files of a home that an earlier version, or a person, may have left open to other accounts."""
    yield from (settings.home / FILE, settings.sessions, settings.logs / "bugs.log", *settings.home.glob(f"{PREFIX}*"))
    databases = [settings.paper]
    if settings.database.startswith(SQLITE):
        databases.append(Path(settings.database.removeprefix(SQLITE)))
    for file in databases:
        yield from (file.with_name(f"{file.name}{ending}") for ending in ("", "-wal", "-shm", ".lock", ".next"))


def _opened(settings: Settings, user: str, *, read_only: bool, make: bool, tell: Callable[[str], None]) -> Database:
    """Return the home's database, which has a mode. If two processes create the same home, it is created once."""
    from tradectl.ledger.migrations import create_or_upgrade

    if not make and settings.missing_home:
        raise ConfigurationError(_not_made(settings.missing_home))
    reading = read_only and exists(settings)
    if not reading:
        _make_folder(settings)
    database = open_home_database(settings, read_only=reading)
    try:
        if _is_made(settings, database, create=make and not reading):
            return database
        if not make:
            raise ConfigurationError(_not_made(f"there is no home in {settings.home} (no ledger in {database.name})"))
        if reading:
            database.close()
            database = open_home_database(settings)
            create_or_upgrade(database)
        if _make(settings, database, user=user, capital=DEFAULT_CAPITAL, mode="paper"):
            _make_exchange(settings)
            tell(f"created a paper account for {user} with Rs {show_rupees(DEFAULT_CAPITAL)} in {settings.home}")
    except TradectlError:
        database.close()
        raise
    return database


def _make_folder(settings: Settings) -> None:
    try:
        if not (settings.home.exists() and exists(settings)):
            make_home(settings.home)
        elif any(file.parent == settings.home and file.exists() for file in (settings.secret_key, _ledger_file(settings))):
            close_home(settings.home)
        close(_files(settings))
    except OSError as error:
        raise ConfigurationError(f"the home {settings.home} cannot be created: {error.strerror}") from error


def _ledger_file(settings: Settings) -> Path:
    """Return the path of the ledger's file; if a database server has the ledger, the usual path in the home."""
    if settings.database.startswith(SQLITE):
        return Path(settings.database.removeprefix(SQLITE))
    return settings.home / LEDGER


def _not_made(missing: str) -> str:
    """Return the error message of a call that must not create a home."""
    return (
        f"{missing}: no task ran, nothing was traded. `tradectl init` creates a home; `tradectl crontab install` writes lines "
        "that name it"
    )


def exists(settings: Settings) -> bool:
    """Return whether there is a ledger; True for a database server, because only a connection can show it."""
    return settings.has_ledger


def _is_made(settings: Settings, database: Database, *, create: bool) -> bool:
    """Return whether the database has a mode; an empty database gets a schema only with `create`."""
    from tradectl.ledger.migrations import create_or_upgrade
    from tradectl.ledger.store import Info

    if not upgrade_older(settings, database):
        if not create:
            return False
        create_or_upgrade(database)
    return Info(database).get("mode") is not None


def _make(settings: Settings, database: Database, *, user: str, capital: int, mode: str, broker: str = "") -> bool:
    """Create the home in an empty database. Return False if another process created it before."""
    from tradectl.ledger.store import Ledger
    from tradectl.runtime.registry import all_tasks

    clock = VirtualClock(settings.at) if settings.at else SystemClock()
    ledger = Ledger(database, user)
    with database.write():
        if ledger.info.get("mode") is not None:
            return False
        ledger.users.add(user, capital=capital, created_at=clock.now(), role="admin")
        ledger.schedules.seed(all_tasks())
        ledger.info.set("created_at", clock.now().isoformat())
        ledger.info.set("clock", "virtual" if settings.at else "system")
        ledger.info.set("mode", mode)
        if broker:
            from tradectl.ledger.arming import BROKER

            ledger.settings.credentials(settings.secret_key).set(BROKER, broker, secret=False)
    return True


def _make_exchange(settings: Settings) -> None:
    """Make the file of the paper exchange: a task that cron or the daemon starts makes none. Raises DatabaseError."""
    from tradectl.brokers.paper.store import Store

    Store(settings.paper).close()


def _world(
    settings: Settings,
    ledger: Ledger,
    clock: SystemClock | VirtualClock,
    marker: MarkerFile,
    *,
    read_only: bool,
    tell: Callable[[str], None],
    make: bool,
    follow: bool,
) -> World:
    from tradectl.strategy.parameters import Parameters, with_changes

    mode = ledger.info.get("mode") or ""
    kept = read_only and mode == "simulated"
    if mode not in {"paper", "live"} and not kept:
        raise ConfigurationError(f"this database is in mode {mode!r}, in which this version cannot trade")
    changed = ledger.settings.list()
    account = ledger if mode != "simulated" else None
    parameters = with_tariff(with_changes(Parameters(), changed), settings, account, changed, tell)
    notifier = notifier_of(settings, ledger)
    renames = LedgerRenames(settings.market, ledger, clock, partial(open_home_database, settings, busy_seconds=LOCK_SECONDS))
    if follow:
        renames.follow()
    market = lazy(lambda: renames.follow_market(open_store(settings)) if follow else open_store(settings))
    sessions = open_sessions(settings)
    prices = (
        open_prices(settings, mode, clock, lambda: read_only_account(settings, ledger, clock, market, sessions))
        if not kept
        else None
    )
    fresh = partial(read_freshness, settings.market)
    reports = partial(write_session_report, settings.reports) if settings.report_folder and not read_only else None
    picture = partial(draw_session, settings.reports) if not read_only else None
    pings = pings_of(settings, ledger) if not (read_only or clock.virtual) else None
    if mode == "live":
        live = live_world(
            settings,
            ledger,
            clock,
            market=market,
            sessions=sessions,
            parameters=parameters,
            notifier=notifier,
            marker=marker,
            freshness=fresh,
        )
        watch = RenameWatch(renames, market, live.readings, lambda: None)
        return replace(
            live,
            pings=pings,
            write_report=reports,
            draw_session=picture,
            follow_renames=watch,
            strategies=strategies_of(settings),
        )
    lacking = partial(lacking_data, fresh, market, sessions, parameters.actions_max_age)
    paper = paper_world(
        ledger,
        clock,
        market,
        sessions,
        parameters,
        paper=settings.paper if not kept else Path(ledger.database.name).with_name("paper.db"),
        notifier=notifier,
        marker=MemoryMarker() if kept else marker,
        mode=mode,
        prices=prices,
        make=make,
        lacking=lacking if prices is not None and not clock.virtual else None,
    )
    broker = paper.broker
    watch = RenameWatch(
        renames,
        market,
        paper.readings,
        lambda: broker.forget_names() if is_made(broker) else None,
    )
    quoted = settings.quotes if prices is not None and settings.quotes != "yahoo" else ""
    return replace(
        paper,
        feeds=partial(_feeds, settings, clock, sessions, parameters),
        freshness=fresh,
        prices_of=quoted,
        pings=pings,
        write_report=reports,
        follow_renames=watch,
        draw_session=picture,
        strategies=strategies_of(settings) if not kept else None,
    )


def _feeds(settings: Settings, clock: Clock, sessions: SessionTable, parameters: Parameters) -> Sequence[DataFeed]:
    """Return the feeds of a paper home."""
    from tradectl.bootstrap.feeds import open_feeds

    return open_feeds(settings, clock, sessions, parameters)
