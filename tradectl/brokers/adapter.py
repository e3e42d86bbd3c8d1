"""Define the interface of a broker's adapter, and find an adapter by the broker's name.

An adapter is an object with the attributes of `Adapter`. The built-in adapters are in `ADAPTERS`. Another package adds one by
an entry point of the group `tradectl.brokers` with the broker's name; Dhan is registered that way too. All adapters pass the
same acceptance cards (`tradectl.lab.conformance`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from msgspec import Struct, field

from tradectl.errors import Blocked, ConfigurationError, UsageError
from tradectl.exchange.rates import Tariff
from tradectl.exchange.sessions import SessionTable
from tradectl.model.order import OrderReport, Side
from tradectl.ports import Broker, Capabilities, Clock, MarketData, PriceSource

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from tradectl.exchange.holiday_list import HolidayList

ADAPTERS = {
    "kite": "tradectl.brokers.kite",
    "kotak_neo": "tradectl.brokers.kotak_neo",
    "openalgo": "tradectl.brokers.openalgo",
}
"""The built-in adapters: the broker's name, and the module with its ADAPTER."""
GROUP = "tradectl.brokers"
"""The entry-point group of adapters from packages."""


class Field(Struct, frozen=True):
    """Describe a value that a user must enter once before the first login. A `secret` is stored encrypted and never shown.

    `default` is used if the user enters nothing; None means that a value is required.
    """

    name: str
    question: str
    secret: bool = True
    default: str | None = None


class LoginSession(Struct, frozen=True):
    """Hold the stored login of one user at one broker, for all processes.

    Attributes:
        tokens: Secrets by name.
        expires_at: The latest time at which the broker ends the session, as far as is known.
        seen_ip: The IP address of this machine that the broker reports, None if it reports none.
    """

    tokens: Mapping[str, str]
    logged_in_at: datetime
    expires_at: datetime
    seen_ip: str | None = None

    def is_same(self, other: LoginSession) -> bool:
        """Return whether both come from the same login. `expires_at` may differ."""
        return (dict(self.tokens), self.logged_in_at) == (dict(other.tokens), other.logged_in_at)


class Vault(Protocol):
    """Store the credentials and the session of one user at one broker."""

    def get(self, name: str) -> str | None:
        """Return a credential in clear text, None if the user has not entered it and it has no default."""
        ...

    def require(self, name: str) -> str:
        """Return a credential in clear text. Raises ConfigurationError if it is missing."""
        ...

    def session(self) -> LoginSession | None:
        """Return the stored session, None before the first login. Each call reads it again, to find a login of another
        process."""
        ...

    def keep_session(self, session: LoginSession) -> None:
        """Store a session in place of the last one."""
        ...

    def end_session(self, session: LoginSession) -> None:
        """End a session that the broker rejected, if it is still the stored one, so that the next login makes a new session.

        A session that another process has stored in the meantime stays.
        """
        ...


class Limiter(Protocol):
    """Keep the broker's rate limits, shared by all processes of a user."""

    def take(self, bucket: str) -> None:
        """Wait until one more request of this bucket may be sent, and count it. May raise RateLimited."""
        ...


ORDERS = "orders"
"""The bucket of commands about orders: place, modify, cancel. Every adapter uses it for these requests and for no others."""


class ReadsOnly:
    """Apply rate limits and block every command about an order, for a read-only account.

    It relies on the bucket that the adapter passes, so it is the second guard. The first guard is the
    `transport.ReadTransport` of an adapter's `prices`, which cannot send commands.
    """

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter

    def take(self, bucket: str) -> None:
        """Wait for the rate limit. Raises Blocked for a command about an order."""
        if bucket == ORDERS:
            raise Blocked("this broker account is read-only: no order is sent, changed or cancelled")
        self._limiter.take(bucket)


class Unlimited:
    """Apply no limit. It is for sandboxes with a virtual clock."""

    def take(self, bucket: str) -> None:
        """Return at once."""


def always(side: Side) -> None:
    """Allow every order. It is for accounts without a halt marker, in sandboxes and tests."""


class BrokerAccount(Struct, frozen=True):
    """Hold what an adapter needs to open an account.

    Attributes:
        clock: The only source of time.
        folder: A directory for files that may be lost, such as lists of instruments.
        addresses: The broker's addresses by name, or those of a sandbox.
        timeout: Seconds for a connection and for one part of a reply, None for the defaults of `Transport`.
        check_send: Raises Blocked or Forbidden if an order of this side may not be sent now. An adapter passes it to its
            `Transport`, or calls it immediately before it sends an order or a change. Cancels are not checked.
    """

    user: str
    clock: Clock
    sessions: SessionTable
    market: MarketData
    vault: Vault
    folder: Path
    limiter: Limiter = field(default_factory=Unlimited)
    addresses: Mapping[str, str] = {}
    timeout: tuple[float, float] | None = None
    check_send: Callable[[Side], None] = always


class ChargeLine(Struct, frozen=True):
    """Hold one charge line of an order, by the broker (`theirs`) and by the table (`ours`), in paise.

    `tolerance` is the largest difference that rounding can cause.
    """

    broker_order_id: str
    symbol: str
    line: str
    theirs: int
    ours: int
    tolerance: int = 0

    @property
    def equal(self) -> bool:
        """Return whether both amounts agree within the tolerance."""
        return abs(self.theirs - self.ours) <= self.tolerance


@runtime_checkable
class ReportsCharges(Protocol):
    """Mark a broker that reports its own calculation of an order's charges, line by line."""

    def charge_lines(self, orders: Sequence[OrderReport], tariff: Tariff) -> list[ChargeLine]:
        """Return every charge line of the orders with trades, with the amounts of the broker and of the table."""
        ...


class Remark(Struct, frozen=True):
    """Hold a fact that a broker reports of an account, for people. If it is not `fine`, a person should check it."""

    text: str
    fine: bool = True


@runtime_checkable
class HasRemarks(Protocol):
    """Mark a broker that reports facts of an account for people."""

    def remarks(self) -> Sequence[Remark]:
        """Return the facts that `doctor` shows."""
        ...


Ask = Callable[[Field], str]
"""Prompts the user for a value of this login (a request token, a TOTP). Raises LoginNeeded without a terminal."""


class Adapter(Protocol):
    """Declare a broker and open accounts of it.

    Attributes:
        fields: The values that `broker set` prompts for.
        addresses: The names of its addresses, with their defaults.
        limits: Rate limits by bucket, as pairs (requests, seconds) that apply together.

    `open` returns the account and sends no request. `login` creates a session and stores it; it raises LoginNeeded,
    ConfigurationError or BrokerUnavailable.
    """

    @property
    def name(self) -> str: ...
    @property
    def capabilities(self) -> Capabilities: ...
    @property
    def fields(self) -> tuple[Field, ...]: ...
    @property
    def addresses(self) -> Mapping[str, str]: ...
    @property
    def limits(self) -> Mapping[str, tuple[tuple[int, float], ...]]: ...
    def open(self, account: BrokerAccount) -> Broker: ...
    def login(self, account: BrokerAccount, ask: Ask) -> LoginSession: ...


@runtime_checkable
class PriceAdapter(Protocol):
    """Mark an adapter that can open an account for prices alone. `prices` sends no request.

    The price source reads the market and cannot send an order. Paper homes use the quotes of such brokers only.
    """

    def prices(self, account: BrokerAccount) -> PriceSource: ...


@runtime_checkable
class HolidayAdapter(Protocol):
    """Define an adapter whose broker documents a list of trading holidays."""

    def holidays(self, account: BrokerAccount, year: int) -> HolidayList:
        """Return the list of a year. Raises LoginNeeded, BrokerUnavailable, or DataError for an incomplete list."""
        ...


@runtime_checkable
class NamesTariff(Protocol):
    """Mark an adapter that names its broker's table of charges (`exchange.rates`, or the operator's file).

    With an empty name, the adapter connects to another broker, and the user's setting `charges` names the table. Without
    this attribute the table has the adapter's name.
    """

    @property
    def charges(self) -> str: ...


def names() -> tuple[str, ...]:
    """Return the names of all brokers that have an adapter."""
    from importlib.metadata import entry_points

    return (*ADAPTERS, *sorted(point.name for point in entry_points(group=GROUP) if point.name not in ADAPTERS))


def is_known(name: str) -> bool:
    """Return whether there is an adapter of that name."""
    return name in ADAPTERS or name in names()


def loaded(point: EntryPoint) -> Any:
    """Return the object of an entry point. Raises ConfigurationError if its package cannot be loaded."""
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        where = f"the package that provides {point.name} ({point.group}) cannot be loaded"
        raise ConfigurationError(f"{where}: {error}; install it again, or remove it") from error


def adapter(name: str) -> Adapter:
    """Return the adapter of a broker. Raises UsageError for an unknown broker, ConfigurationError if it cannot be loaded."""
    if name in ADAPTERS:
        found: Adapter = import_module(ADAPTERS[name]).ADAPTER
        return found
    from importlib.metadata import entry_points

    for point in entry_points(group=GROUP, name=name):
        other: Adapter = loaded(point)
        return other
    raise UsageError(f"there is no broker {name!r}; there are {', '.join(names())}")
