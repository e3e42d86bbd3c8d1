"""Define the interface of a broker's sandbox that a package provides: how to make the server, and how a client connects.

`tradectl sandbox NAME`, `tradectl drill --through NAME` and the comparison of sessions (`lab.drill.session_comparison`) need only
this object. A package adds one by an entry point of the group `tradectl.sandboxes`, with the name of the broker.
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
"""The group of entry points. Each names a class, or another callable without arguments, that returns a `BrokerSandbox`."""


class BrokerSandbox(Protocol):
    """The sandbox of one broker.

    `credentials`: the permanent credentials of a client, by the names of the adapter's fields.
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
            memory: A file for the state that the server must keep over a restart (`server_state`); None: keep no state.
            port: The port; 0 for any free port.
        """
        ...

    def addresses(self, url: str) -> Mapping[str, str]:
        """Return the addresses for the adapter, by name, of a server that listens at `url`."""
        ...

    def answer(self, field: Field) -> str:
        """Return the value that a person would enter for a login's `field`. Raises LoginNeeded if no login needs the field."""
        ...

    def as_reported(self, truth: Truth, ours: Sequence[Order]) -> Truth:
        """Return the exchange's own book with trade ids and tags in the form in which the adapter reports them.

        `ours`: the orders of the ledger, for a broker whose book has no tags.
        """
        ...


def packaged_sandboxes() -> tuple[str, ...]:
    """Return the names of the sandboxes that installed packages provide."""
    from importlib.metadata import entry_points

    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def broker_sandbox(name: str) -> BrokerSandbox:
    """Return a new sandbox of a broker.

    Raises:
        UsageError: No installed package provides a sandbox of this name.
        ConfigurationError: The package cannot be loaded.
    """
    from importlib.metadata import entry_points

    for point in entry_points(group=GROUP, name=name):
        made: BrokerSandbox = loaded(point)()
        return made
    raise UsageError(
        f"no installed package provides a sandbox of {name!r}; available: {', '.join(packaged_sandboxes()) or 'none'}"
    )
