"""The feeds of a home, in the order in which `prices` fetches them: a later one may need what an earlier one brought."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING

from tradectl.bootstrap.sources import open_store
from tradectl.lazy import resolved

if TYPE_CHECKING:
    from tradectl.exchange.sessions import SessionTable
    from tradectl.marketdata.feeds.store_file import StoreFile
    from tradectl.marketdata.sources.download import Downloader
    from tradectl.model.market import Instrument
    from tradectl.ports import Clock, DataFeed, ListsOrderRules
    from tradectl.settings import Settings
    from tradectl.strategy.parameters import Parameters

Look = Callable[[], None]


def open_feeds(
    settings: Settings,
    clock: Clock,
    sessions: SessionTable,
    parameters: Parameters,
    broker: tuple[str, ListsOrderRules] | None = None,
) -> Sequence[DataFeed]:
    """Return the feeds of a user's home. `broker`: the name and the list of a live home's broker, read at their first use."""
    from tradectl.marketdata.feeds.actions import ActionsFeed
    from tradectl.marketdata.feeds.bars import BarsFeed
    from tradectl.marketdata.feeds.derivatives import DerivativesFeed
    from tradectl.marketdata.feeds.holidays import HolidaysFeed
    from tradectl.marketdata.feeds.lists import SECURITY_LIST, SYMBOL_CHANGES, ListFeed, index_members
    from tradectl.marketdata.feeds.store_file import StoreFile
    from tradectl.marketdata.feeds.surveillance import SurveillanceFeed
    from tradectl.marketdata.sources.nse import NseFiles
    from tradectl.marketdata.sources.surveillance_files import SurveillanceFiles
    from tradectl.marketdata.whole_sessions import whole_sessions

    store = StoreFile(settings.market, sessions, clock.machine_now)
    base, home, downloader = settings.nse, settings.nse_home, _downloaders(settings)
    lists = [SYMBOL_CHANGES, SECURITY_LIST, *filter(None, [index_members(parameters.universe)])]
    return (
        BarsFeed(
            store,
            lambda look: NseFiles(base, downloader(look), clock.now),
            lambda: whole_sessions(settings.market, open_store(settings)),
            parameters.backtest_years + 1,
        ),
        ActionsFeed(store, home, downloader, parameters.actions_max_age),
        *(ListFeed(file, store, base, downloader) for file in lists),
        SurveillanceFeed(store, home, lambda look: SurveillanceFiles(base, downloader(look), clock.now), downloader),
        DerivativesFeed(store, base, downloader),
        *(_instruments(settings, store, parameters, *broker) if broker is not None else ()),
        HolidaysFeed(store, home, settings.sessions, downloader),
    )


def _instruments(
    settings: Settings, store: StoreFile, parameters: Parameters, name: str, broker: ListsOrderRules
) -> tuple[DataFeed]:
    from tradectl.marketdata.feeds.instruments import InstrumentsFeed

    def members(session: date) -> list[Instrument]:
        market = open_store(settings)
        return [market.instrument(owner, session) for owner in market.universe(parameters.universe)]

    return (InstrumentsFeed(store, name, lambda: resolved(broker), members),)


def _downloaders(settings: Settings) -> Callable[[Look], Downloader]:
    """Return a function that returns the one downloader of this run: its pace and its cookies serve every file."""
    made: list[Downloader] = []

    def downloader(look: Look) -> Downloader:
        from tradectl.marketdata.sources import request_pacer
        from tradectl.marketdata.sources.download import Downloader

        if not made:
            made.append(Downloader("NSE", settings.nse_home, request_pacer.RequestPacer(request_pacer.DEFAULT_LIMITS, look)))
        return made[0]

    return downloader
