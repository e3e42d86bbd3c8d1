"""Make the exchange and the world of a drill: the paper exchange behind faults, and a ledger on SQLite or a server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tradectl.halt_marker import MemoryMarker
from tradectl.task import World

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
"""The part of a minute's volume that one order takes in a drill of partial fills."""
CHANGES = 2
"""How often an order may be changed in a drill: so few that orders are replaced within a day."""


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
    """Return a function that opens the paper exchange of a drill in the thread that calls it.

    Args:
        file: The exchange's file.
        seed: Decides which faults happen when. Orders fill in parts where the faults include it.
        on_call: Called with the name of each call.
        witnessed: The ledger notes what it has seen of the exchange, as in a paper home. Only for an exchange in the ledger's
            process.
    """
    from tradectl.brokers.paper import PaperBroker
    from tradectl.lab.faults import Fault, FaultyBroker
    from tradectl.ledger.exchange_mark import ExchangeMark

    class DyingMark(ExchangeMark):
        """The mark of a process that may be dead: it stores nothing at its end."""

        def store(self) -> None:
            """Store nothing: only what a write has carried was stored."""

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
    """Return the world of a drill. Many worlds share one market and its readings."""
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
