"""Put strategies into the ledger of a simulation: those that a person names, or those that the home uses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec import Struct

from tradectl.ledger.strategies import StoredStrategy, UsedStrategy

if TYPE_CHECKING:
    from tradectl.ledger.store import Ledger
    from tradectl.strategy.strategy import Strategy


class SimulatedStrategy(Struct, frozen=True):
    """A strategy with its share of the capital. `text`: None for the shipped rule."""

    name: str
    share: Decimal
    text: StoredStrategy | None = None

    @classmethod
    def of(cls, strategy: Strategy, share: Decimal) -> SimulatedStrategy:
        """Return an own strategy with the text that it has now. No check is needed: nothing real is bought."""
        stored = StoredStrategy(strategy.hash, strategy.name, strategy.form, strategy.text)
        return cls(strategy.name, share, stored)


def strategies_of_home(home: Ledger | None) -> list[SimulatedStrategy]:
    """Return the strategies that the home uses, with their stored texts; empty before the first choice."""
    if home is None:
        return []
    found = home.strategies
    return [SimulatedStrategy(used.name, used.share, found.stored(used.hash) if used.hash else None) for used in found.chosen()]


def use_strategies(ledger: Ledger, strategies: Sequence[SimulatedStrategy], now: datetime) -> None:
    """Use some strategies in a ledger, in their order."""
    for number, item in enumerate(strategies):
        if item.text is not None:
            ledger.strategies.store(item.text, now)
        hash_ = item.text.hash if item.text is not None else ""
        ledger.strategies.use(UsedStrategy(item.name, hash_, item.share), now + timedelta(microseconds=number))
