"""A trading world whose broker is far away: its paper exchange behind a network that may fail, or behind small lies of a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from tests.support.trading import Trading
from tradectl.brokers.paper import PaperBroker
from tradectl.lab.faults import Fault, FaultyBroker, Promise


def put(market: Trading, broker: Any) -> None:
    """What the world's tasks trade through from now on."""
    market.world = replace(market.world, broker=broker)


def far(market: Trading, *faults: Fault, on_call: Callable[[str], None] = lambda _: None) -> FaultyBroker:
    """Put a network before the exchange in which these faults befall every call."""
    state = market.folder / "faults.json"
    broker = FaultyBroker(market.broker, market.clock, faults, Promise.REFUSES, seed=1, state=state, rate=1.0, on_call=on_call)
    put(market, broker)
    return broker


class Front:
    """The exchange itself; a test's own class hides or changes one answer of it."""

    def __init__(self, exchange: PaperBroker) -> None:
        self.exchange = exchange

    def __getattr__(self, name: str) -> Any:
        return getattr(self.exchange, name)
