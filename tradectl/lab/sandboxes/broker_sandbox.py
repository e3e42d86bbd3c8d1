"""The interface of a broker's sandbox that a package provides: how to make the server, and how a client connects.

One such object is all that `tradectl sandbox NAME`, `tradectl drill --through NAME` and the comparison of sessions
(`lab.drill.session_comparison`) need. A package adds one by an entry point of the group `tradectl.sandboxes`, whose name is the
broker's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from tradectl.brokers.adapter import Field, loaded
from tradectl.errors import UsageError
from tradectl.exchange.sessions import SessionTable
from tradectl.lab.faults import Truth
from tradectl.lab.sandboxes.server import Sandbox
from tradectl.ledger.rows import Order
from tradectl.ports import Broker, Clock, MarketData

GROUP = "tradectl.sandboxes"
"""The entry points. Each names a class, or another callable without arguments, that returns a `BrokerSandbox`."""


class BrokerSandbox(Protocol):
    """The sandbox of one broker.

    `credentials`: what a client needs once, by the names of the adapter's fields.
    """

    @property
    def credentials(self) -> Mapping[str, str]: ...
    def sandbox(
        self,
        exchange: Callable[[], Broker],
        market: MarketData,
        clock: Clock,
        sessions: SessionTable,
        *,
        memory: Path | None = None,
        port: int = 0,
    ) -> Sandbox:
        """Make a server that is not started yet.

        Args:
            exchange: Opens the exchange; called in the server's thread.
            memory: A file for what the server must keep when it is stopped and started again (`server_state`).
            port: The port; 0 is any free one.
        """
        ...

    def addresses(self, url: str) -> Mapping[str, str]:
        """Return the adapter's addresses, where the server listens at `url`."""
        ...

    def answer(self, field: Field) -> str:
        """Return what a person would type where a login needs `field`. Raises LoginNeeded where no login needs it."""
        ...

    def as_told(self, truth: Truth, ours: Sequence[Order]) -> Truth:
        """Return the exchange's own book as the adapter reports it: trade ids and tags in the adapter's form.

        `ours`: the orders of the ledger, for a broker whose book has no tag.
        """
        ...


def brought() -> tuple[str, ...]:
    """Return the names of the sandboxes that installed packages bring."""
    from importlib.metadata import entry_points

    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def broker_sandbox(name: str) -> BrokerSandbox:
    """Return a new sandbox of a broker. Raises UsageError for a name that no package brings, ConfigurationError where its package
    cannot be loaded."""
    from importlib.metadata import entry_points

    for point in entry_points(group=GROUP, name=name):
        made: BrokerSandbox = loaded(point)()
        return made
    raise UsageError(f"no installed package brings a sandbox of {name!r}; there are {', '.join(brought()) or 'none'}")
