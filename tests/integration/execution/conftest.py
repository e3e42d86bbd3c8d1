"""A trading world that agrees with its exchange to the paisa when the test is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.brokers.market import MarketListing
from tests.support.trading import Trading


@pytest.fixture
def trading(tmp_path: Path) -> Iterator[Callable[..., Trading]]:
    """Makes a trading world from listings, a moment and settings."""
    made: list[Trading] = []

    def make(*listings: MarketListing, **options: object) -> Trading:
        folder = tmp_path / f"home-{len(made)}"
        folder.mkdir()
        made.append(Trading(folder, *listings, **options))
        return made[-1]

    yield make
    for each in made:
        assert each.broker.statement().difference == 0
        each.broker.close()
        each.ledger.database.close()
