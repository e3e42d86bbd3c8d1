"""Make the exchange and the world of a drill: the paper exchange with faults, and a ledger on SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tradectl.halt_marker import MemoryMarker
from tradectl.world import World

if TYPE_CHECKING:
    from collections.abc import Collection

    from tradectl.clock import VirtualClock
    from tradectl.lab.faults import Fault, FaultyBroker, Promise
    from tradectl.ledger.store import Ledger
    from tradectl.marketdata.store import Store
    from tradectl.ports import Broker, Clock
    from tradectl.screener.readings import Readings
    from tradectl.strategy.parameters import Parameters


PARTIAL = 0.002
"""The fraction of a minute's volume that one order takes in a drill of partial fills."""
CHANGES = 2
"""How often an order may be changed in a drill. The number is small, so that orders are replaced within a day."""


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
    witnessed: bool = False,
) -> Callable[[], FaultyBroker]:
    """Return a function that opens the paper exchange of a drill in the calling thread.

    Args:
        file: The exchange's file.
        faults: The faults that may happen. With PARTIAL_FILLS, orders fill in parts.
        seed: Decides when faults happen.
        step: Minutes between two steps of the sell monitor.
        on_call: Called with the name of each call.
        witnessed: Store an ExchangeMark in the ledger, as in a paper home. Only if ledger and exchange are in one process.
    """
    from tradectl.brokers.paper import PaperBroker
    from tradectl.lab.faults import Fault, FaultyBroker
    from tradectl.ledger.exchange_mark import ExchangeMark

    class DyingMark(ExchangeMark):
        """The mark of a process that a fault may kill: it stores nothing when the process ends."""

        def store(self) -> None:
            """Store nothing, because a dead process cannot."""

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
            marks=DyingMark(ledger.database, user) if witnessed else None,
        )
        state = file.with_name("faults.json")
        broker = FaultyBroker(paper, clock, faults, promise, seed=seed, state=state, on_call=on_call)
        broker.capabilities = replace(broker.capabilities, max_modifications=CHANGES)
        return broker

    return opened


def drill_world(
    ledger: Ledger, clock: VirtualClock, market: Store, broker: Broker, *, parameters: Parameters, readings: Readings
) -> World:
    """Return the world of a drill. Many worlds share one market and one `readings`."""
    from tradectl.notify.console import SilentNotifier

    notifier, marker = SilentNotifier(), MemoryMarker()
    return World(
        user=ledger.user,
        mode="simulated",
        clock=clock,
        sessions=market.sessions,
        market=market,
        broker=broker,
        ledger=ledger,
        notifier=notifier,
        parameters=parameters,
        readings=readings,
        marker=marker,
    )
