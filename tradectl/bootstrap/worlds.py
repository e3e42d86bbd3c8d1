"""Build live and paper worlds.

Most commands only read the ledger, so the broker and the readings of the market are created at their first use.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tradectl.errors import ConfigurationError
from tradectl.lazy import is_made, lazy
from tradectl.stored_renames import can_be_read
from tradectl.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tradectl.brokers.account.guard import GuardedBroker
    from tradectl.brokers.account.live_account import LiveAccount
    from tradectl.brokers.account.read_only_account import ReadOnlyAccount
    from tradectl.brokers.paper import PaperBroker
    from tradectl.brokers.paper.unobserved import DataLacking
    from tradectl.clock import SystemClock, VirtualClock
    from tradectl.exchange.sessions import SessionTable
    from tradectl.ledger.store import Ledger
    from tradectl.marketdata.store import Store
    from tradectl.model.freshness import Freshness
    from tradectl.ports import Clock, DataFeed, HaltMarker, MarketData, Notifier, PriceSource, RunPings, StrategyFiles
    from tradectl.screener.readings import Readings
    from tradectl.settings import Settings
    from tradectl.strategy.parameters import Parameters


class PaperWorld(World, frozen=True):
    """A world with the paper exchange as its broker. The paper exchange has more methods than `ports.Broker`."""

    broker: PaperBroker

    def close(self) -> None:
        """Close the ledger and the exchange."""
        if is_made(self.broker):
            self.broker.close()
        World.close(self)


class LiveWorld(World, frozen=True):
    """A world with a real broker, wrapped in `GuardedBroker`."""

    broker: GuardedBroker

    def close(self) -> None:
        """Close the stream, the connections and the ledger."""
        if is_made(self.broker):
            self.broker.close()
        World.close(self)


def paper_world(
    ledger: Ledger,
    clock: SystemClock | VirtualClock,
    market: Store,
    sessions: SessionTable,
    parameters: Parameters,
    *,
    paper: Path,
    notifier: Notifier,
    marker: HaltMarker,
    mode: str,
    step: int = 1,
    durable: bool = True,
    alone: bool = False,
    prices: PriceSource | None = None,
    make: bool = True,
    lacking: DataLacking | None = None,
) -> PaperWorld:
    """Return a world that trades on paper, with the live prices of `prices` or, if it is None, the stored bars.

    Most commands only read the ledger, so exchange and readings are created at their first use. Without `make` an exchange
    that has no file raises ConfigurationError there. `lacking`: see `PaperBroker`.
    """

    ledger.tariff = parameters.tariff

    def broker() -> PaperBroker:
        from tradectl.brokers.paper import PaperBroker
        from tradectl.ledger.exchange_mark import ExchangeMark

        mark = ExchangeMark(ledger.database, ledger.user)
        if not make and not paper.exists() and mark.last() is None and not mark.orders_placed():
            raise ConfigurationError(
                f"there is no paper exchange {paper}: no task traded. Mount its disk, or correct `paper` in tradectl.toml; "
                "`tradectl sandbox accept --new` begins one from the ledger"
            )
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
            marks=mark if mode == "paper" else None,
            tariff=parameters.tariff,
            lacking=lacking,
        )

    readings = readings_of(market, parameters)
    return PaperWorld(
        user=ledger.user,
        mode=mode,
        clock=clock,
        sessions=sessions,
        market=market,
        broker=lazy(broker),
        ledger=ledger,
        notifier=notifier,
        parameters=parameters,
        readings=readings,
        marker=marker,
    )


def live_world(
    settings: Settings,
    ledger: Ledger,
    clock: SystemClock | VirtualClock,
    *,
    market: Store,
    sessions: SessionTable,
    parameters: Parameters,
    notifier: Notifier,
    marker: HaltMarker,
    freshness: Callable[[], Mapping[str, Freshness]],
) -> LiveWorld:
    """Return a world that trades at the user's broker. Raises ConfigurationError on a virtual clock."""
    if clock.virtual:
        raise ConfigurationError("a live home uses the machine's clock")
    ledger.tariff = parameters.tariff
    broker = lazy(
        lambda: live_account(settings, ledger, clock, market, sessions).open(marker, partial(can_be_read, settings.market))
    )

    def feeds() -> Sequence[DataFeed]:
        from tradectl.bootstrap.feeds import open_feeds

        name = live_account(settings, ledger, clock, market, sessions).broker_name()
        return open_feeds(settings, clock, sessions, parameters, (name, broker))

    return LiveWorld(
        user=ledger.user,
        mode="live",
        clock=clock,
        sessions=sessions,
        market=market,
        broker=broker,
        ledger=ledger,
        notifier=notifier,
        parameters=parameters,
        readings=readings_of(market, parameters),
        marker=marker,
        feeds=feeds,
        freshness=freshness,
    )


def live_account(settings: Settings, ledger: Ledger, clock: Clock, market: MarketData, sessions: SessionTable) -> LiveAccount:
    """Return a user's account at the broker, to log in, arm, read or trade."""
    from tradectl.brokers.account.live_account import LiveAccount

    folder = settings.home / "brokers"
    return LiveAccount(ledger, clock, market, sessions, key_file=settings.secret_key, folder=folder)


def read_only_account(
    settings: Settings, ledger: Ledger, clock: Clock, market: MarketData, sessions: SessionTable
) -> ReadOnlyAccount:
    """Return a paper user's account at the broker that supplies its prices, to log in and read."""
    from tradectl.brokers.account.read_only_account import ReadOnlyAccount

    folder = settings.home / "brokers"
    return ReadOnlyAccount(ledger, clock, market, sessions, key_file=settings.secret_key, folder=folder, name=settings.quotes)


def readings_of(market: Store, parameters: Parameters) -> Readings:
    """Return the readings of the market, which are made at their first use."""

    def readings() -> Readings:
        from tradectl.screener.readings import Readings

        return Readings(market, parameters)

    return lazy(readings)


def pings_of(settings: Settings, ledger: Ledger) -> RunPings | None:
    """Return the user's dead-man's pings; None if no address is set."""
    credentials = ledger.settings.credentials(settings.secret_key)
    if "ping.url" not in credentials.list():
        return None
    from tradectl.notify.healthchecks import HealthchecksPings

    return HealthchecksPings(lambda: credentials.require("ping.url"))


def strategies_of(settings: Settings) -> StrategyFiles:
    """Return the strategy files of the home, which are looked up at their first use."""

    def folder() -> StrategyFiles:
        from tradectl.bootstrap.strategies import StrategyFolder

        return StrategyFolder(settings.home)

    return lazy(folder)


def notifier_of(settings: Settings, ledger: Ledger) -> Notifier:
    """Return the user's notification services; the console if none is configured."""
    from tradectl.notify.console import ConsoleNotifier

    credentials = ledger.settings.credentials(settings.secret_key)
    if "notify.urls" not in credentials.list():
        return ConsoleNotifier()
    from tradectl.notify.services import ServiceNotifier

    return ServiceNotifier(credentials.require("notify.urls").split())
