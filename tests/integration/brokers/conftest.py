"""One small exchange for every test: a market in memory, a virtual clock in Indian time, an account with Rs 10,00,000."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date, datetime
from pathlib import Path

import pytest

from tests.support.brokers.exchange import CASH, Floor
from tests.support.brokers.kotak import MakeNeo, Neo, neo_over
from tests.support.brokers.market import MarketListing, MemoryMarket


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Callable[..., Floor]]:
    """Makes a floor: listings, the moment at which the account is opened, and the broker's options."""
    made: list[Floor] = []

    def make(*listings: MarketListing, at: datetime, cash: int = CASH, **options: object) -> Floor:
        new = Floor(tmp_path / f"paper-{len(made)}.sqlite", MemoryMarket(*listings), at, cash, **options)
        made.append(new)
        return new

    yield make
    for each in made:
        each.check_money()
        each.broker.close()


@pytest.fixture
def weekdays() -> list[date]:
    """Thursday and Friday, then Monday to Friday, of July 2023: ordinary sessions."""
    return [date(2023, 7, day) for day in (13, 14, 17, 18, 19, 20, 21)]


@pytest.fixture
def neo(floor: Callable[..., Floor], tmp_path: Path) -> Iterator[MakeNeo]:
    """Makes a floor as `floor` does, with Kotak's sandbox over it, and logs in."""
    with ExitStack() as stack:

        def make(*listings: MarketListing, allowed: tuple[str, ...] = (), **options: object) -> Neo:
            return stack.enter_context(neo_over(floor(*listings, **options), tmp_path / "scrips", allowed=allowed))

        yield make
