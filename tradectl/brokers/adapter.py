"""Declare what a broker's adapter is: a declaration of the broker, and functions that open an account of it.

An adapter is an object with the attributes of `Adapter`. The built-in ones are in `ADAPTERS`. Another package adds one by an
entry point of the group `tradectl.brokers`, whose name is the broker's; Dhan is registered that way too. All of them pass the
same cards (`tradectl.lab.conformance`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

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
"""Our own adapters: the broker's name, and the module that has its ADAPTER."""
GROUP = "tradectl.brokers"
"""The entry points of others."""


@dataclass(frozen=True, slots=True)
class Field:
    """One value that a user must enter once before the first login. `secret`: it is encrypted at rest and never shown."""

    name: str
    question: str
    secret: bool = True
    default: str | None = None


@dataclass(frozen=True, slots=True)
class LoginSession:
    """A login as it is stored, one for a user and broker, for all processes.

    Attributes:
        tokens: Secrets by name.
        expires_at: When the broker ends it at the latest, as far as is known.
        seen_ip: The address that the broker reports of this machine; None where it reports none.
    """

    tokens: Mapping[str, str]
    logged_in_at: datetime
    expires_at: datetime
    seen_ip: str | None = None

    def is_same(self, other: LoginSession) -> bool:
        """Return whether both are of one login, whenever either has ended."""
        return (dict(self.tokens), self.logged_in_at) == (dict(other.tokens), other.logged_in_at)


class Vault(Protocol):
    """The credentials of one user at one broker, and the session."""

    def get(self, name: str) -> str | None:
        """Return a credential in clear; None where the user has not entered it and it has no default."""
        ...

    def require(self, name: str) -> str:
        """Return the same. Raises ConfigurationError where it is missing."""
        ...

    def session(self) -> LoginSession | None:
        """Return the stored session; None before the first login. It is read each time, so that a login of another process
        counts."""
        ...

    def keep_session(self, session: LoginSession) -> None: ...

    def end_session(self, session: LoginSession) -> None:
        """End a session that the broker does not know, where it is still the stored one, so that the next login makes a new
        one.

        A session that another process has stored meanwhile stays.
        """
        ...


class Limiter(Protocol):
    """The broker's limits on requests, shared by all processes of a user."""

    def take(self, bucket: str) -> None:
        """Wait until one more request of this kind may be made, and count it."""
        ...


ORDERS = "orders"
"""The kind of request that is about an order: placing, changing, cancelling. Every adapter sends those, and only those, as it."""


class ReadsOnly:
    """The limits of an account that only reads: no command about an order passes.

    It relies on the bucket that the adapter names, so it is the second guard. The first is that an adapter's `prices` have a
    `transport.ReadTransport`, which sends no commands.
    """

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter

    def take(self, bucket: str) -> None:
        """Wait for the limit. Raises Blocked for a command about an order."""
        if bucket == ORDERS:
            raise Blocked("this broker account is read-only: no order is sent, changed or cancelled")
        self._limiter.take(bucket)


class Unlimited:
    """No limit: for sandboxes on a virtual clock."""

    def take(self, bucket: str) -> None:
        """Return at once."""


def always(side: Side) -> None:
    """Let every order out: for accounts without a halt marker, of sandboxes and tests."""


@dataclass(frozen=True, slots=True)
class BrokerAccount:
    """What an adapter gets to open an account.

    Attributes:
        clock: The only source of time.
        folder: For files that may be lost (lists of instruments).
        addresses: Replace the broker's own, as for a sandbox.
        timeout: Seconds for a connection, and for a reply; None: those of `Transport`.
        check_send: Raises Blocked where an order of this side may not leave now. An adapter gives it to its `Transport`, or
            calls it immediately before the bytes of an order or a change leave. Cancels always pass.
    """

    user: str
    clock: Clock
    sessions: SessionTable
    market: MarketData
    vault: Vault
    folder: Path
    limiter: Limiter = field(default_factory=Unlimited)
    addresses: Mapping[str, str] = field(default_factory=dict)
    timeout: tuple[float, float] | None = None
    check_send: Callable[[Side], None] = always


@dataclass(frozen=True, slots=True)
class ChargeLine:
    """A line of one order's charges, by the broker and by our table. Paise. `tolerance`: what rounding alone explains."""

    broker_order_id: str
    symbol: str
    line: str
    theirs: int
    ours: int
    tolerance: int = 0

    @property
    def equal(self) -> bool:
        """Whether both are the same, but for rounding."""
        return abs(self.theirs - self.ours) <= self.tolerance


@runtime_checkable
class ReportsCharges(Protocol):
    """A broker that calculates the charges of orders itself, line by line."""

    def charge_lines(self, orders: Sequence[OrderReport], tariff: Tariff) -> list[ChargeLine]:
        """Return every line of each order that has trades, beside the line of our table."""
        ...


@dataclass(frozen=True, slots=True)
class Remark:
    """A fact that a broker reports of an account and no task needs. Not `fine`: a person should check it."""

    text: str
    fine: bool = True


@runtime_checkable
class HasRemarks(Protocol):
    """A broker that reports facts of an account which no task needs."""

    def remarks(self) -> Sequence[Remark]:
        """Return them, for `doctor`."""
        ...


Ask = Callable[[Field], str]
"""Asks the user for a value that is needed now (a request token, a TOTP). Raises LoginNeeded where no person can answer."""


class Adapter(Protocol):
    """A broker.

    Attributes:
        fields: The values that `broker set` asks for.
        addresses: The names of its addresses, with their defaults.
        limits: Requests by bucket, as (how many, in how many seconds) pairs that all hold.

    `open` makes the account without a request. `login` makes a session and stores it; it raises LoginNeeded, ConfigurationError
    or BrokerUnavailable.
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
    """An adapter that can also open an account for its prices alone, without a request.

    The object reads the market and cannot send an order. Only such a broker's quotes are for paper homes.
    """

    def prices(self, account: BrokerAccount) -> PriceSource: ...


@runtime_checkable
class HolidayAdapter(Protocol):
    """An adapter whose broker documents a list of trading holidays. `holidays` returns that of one year; it raises LoginNeeded,
    BrokerUnavailable, or DataError for a list that is not of a whole year."""

    def holidays(self, account: BrokerAccount, year: int) -> HolidayList: ...


@runtime_checkable
class NamesTariff(Protocol):
    """An adapter that names its broker's table of charges (`exchange.rates`, or the operator's file).

    An empty name: it stands before another broker, which the user's setting `charges` names. Without this attribute the table
    has the adapter's own name.
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
    """Return what an entry point names. Raises ConfigurationError where its package cannot be loaded."""
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        where = f"the package that brings {point.name} ({point.group}) cannot be loaded"
        raise ConfigurationError(f"{where}: {error}; install it again, or remove it") from error


def adapter(name: str) -> Adapter:
    """Return the adapter of a broker. Raises UsageError for an unknown one, ConfigurationError for one that cannot be loaded."""
    if name in ADAPTERS:
        found: Adapter = import_module(ADAPTERS[name]).ADAPTER
        return found
    from importlib.metadata import entry_points

    for point in entry_points(group=GROUP, name=name):
        other: Adapter = loaded(point)
        return other
    raise UsageError(f"there is no broker {name!r}; there are {', '.join(names())}")
