"""Define the world of a task: everything outside it, for one user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from tradectl.exchange.sessions import SessionTable
    from tradectl.ledger.store import Ledger
    from tradectl.model.freshness import Freshness
    from tradectl.ports import Broker, Clock, DataFeed, HaltMarker, MarketData, Notifier, RunPings, StepRecorder, StrategyFiles
    from tradectl.screener.readings import Readings
    from tradectl.strategy.parameters import Parameters


class World(Struct, frozen=True):
    """Everything outside a task, for one user: live, paper or simulated. `bootstrap` builds it.

    Attributes:
        prices_of: The broker whose live prices a paper home uses; empty if none.
        feeds: The market data that `prices` keeps current, in the order of their fetch. A world of the past has none.
        freshness: The record of each kind of data.
        pings: Reports runs to a dead-man's switch; None if no address is set.
        write_report: Writes the report of a session and returns its path; None if the home has no `report_folder`.
        follow_renames: Reads the market data again if another process imported a new list of renames; returns whether it did.
            None where no other process can.
        draw_session: Draws a session as a PNG and returns its path; None in a world that sends no pictures.
        strategies: The strategy files of the home; None where the texts in the ledger are used, as in a simulation.
        recorder: Records what the runs read from the broker; None in a world whose sessions need no recording.
    """

    user: str
    mode: str
    clock: Clock
    sessions: SessionTable
    market: MarketData
    broker: Broker
    ledger: Ledger
    notifier: Notifier
    parameters: Parameters
    readings: Readings
    marker: HaltMarker
    prices_of: str = ""
    feeds: Callable[[], Sequence[DataFeed]] = tuple
    freshness: Callable[[], Mapping[str, Freshness]] = dict
    pings: RunPings | None = None
    write_report: Callable[[World, date], str] | None = None
    follow_renames: Callable[[], bool] | None = None
    draw_session: Callable[[World, date], str] | None = None
    strategies: StrategyFiles | None = None
    recorder: StepRecorder | None = None

    @property
    def attended(self) -> bool:
        """Return whether a person reads the messages of this world, and other processes run: not in a simulation."""
        return self.mode != "simulated"

    def close(self) -> None:
        """Close the ledger's database."""
        self.ledger.database.close()
