"""What a broker's adapter is: a declaration of the broker, and functions that make an account of it.

An adapter is an object with the attributes of `Adapter`. Our own are in `ADAPTERS`; another package adds one by an entry point
of the group `tradectl.brokers`, whose name is the broker's; Dhan is brought that way too. All of them pass the same cards
(`tradectl.lab.conformance`).
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
    """One thing that a user must tell once before the first login. `secret`: it is encrypted at rest and never shown."""

    name: str
    question: str
    secret: bool = True
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A login as it is stored, one for a user and broker, for all processes. `tokens` are secrets by name; `expires_at` is when
    the broker ends it at the latest, as far as is known. `seen_ip`: from where the broker saw us, if it tells."""

    tokens: Mapping[str, str]
    logged_in_at: datetime
    expires_at: datetime
    seen_ip: str | None = None

    def is_same(self, other: Session) -> bool:
        """Whether both are of one login, however it has ended meanwhile."""
        return (dict(self.tokens), self.logged_in_at) == (dict(other.tokens), other.logged_in_at)


class Vault(Protocol):
    """The credentials of one user at one broker, and his session."""

    def get(self, name: str) -> str | None:
        """A credential in clear; None where the user has not told it and it has no default."""
        ...

    def require(self, name: str) -> str:
        """The same; ConfigurationError where it is missing."""
        ...

    def session(self) -> Session | None:
        """The stored session, read anew each time, so that a login of another process is seen; None before the first login."""
        ...

    def keep_session(self, session: Session) -> None: ...

    def end_session(self, session: Session) -> None:
        """The broker says that it does not know this session: where it is still the stored one it ends now, so that the next
        login is one. A session that another process has made meanwhile stays."""
        ...


class Limiter(Protocol):
    """The broker's limits on requests, shared by all processes of a user."""

    def take(self, bucket: str) -> None:
        """Wait until one more request of this kind may be made, and count it."""
        ...


ORDERS = "orders"
"""The kind of request that is about an order: placing, changing, cancelling. Every adapter sends those, and only those, as it."""


class ReadsOnly:
    """The limits of an account that only looks: no command that says that it is about an order gets past here.

    It believes the word of who asks, so it is the second wall. The first is that what an adapter's `prices` are made of has a
    `transport.ReadTransport`, which sends no commands."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter

    def take(self, bucket: str) -> None:
        """Blocked for a command about an order."""
        if bucket == ORDERS:
            raise Blocked("this account at a broker is for looking: no order is sent, changed or cancelled there")
        self._limiter.take(bucket)


class Unlimited:
    """No limit: for sandboxes on a virtual clock."""

    def take(self, bucket: str) -> None:
        """Never waits."""


def always(side: Side) -> None:
    """Let every order out: for accounts without a halt marker, of sandboxes and tests."""


@dataclass(frozen=True, slots=True)
class Account:
    """What an adapter is given. `folder` is for files that may be lost (lists of instruments); `addresses` replace the broker's
    own (a sandbox); times come from `clock` alone. `timeout`: seconds for a connection, and for an answer; None: those of
    `Transport`. `check_send` raises Blocked where an order of this side may not leave now: an adapter gives it to its
    `Transport`, or calls it itself immediately before the bytes of an order or a change leave; cancels always pass."""

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
class ChargesTold(Protocol):
    """A broker that reckons the charges of orders itself, line by line."""

    def charge_lines(self, orders: Sequence[OrderReport], tariff: Tariff) -> list[ChargeLine]:
        """Return every line of each order that has trades, beside the line of our table."""
        ...


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that a broker tells of an account and no task asks; not `fine`: a person should look at it."""

    text: str
    fine: bool = True


Ask = Callable[[Field], str]
"""Asks the user something that is needed now (a request token, a TOTP). Raises LoginNeeded where nobody is there to answer."""


class Adapter(Protocol):
    """A broker.

    `fields`: what `broker set` asks. `addresses`: the names of its addresses with their defaults. `limits`: requests by bucket,
    as (how many, in how many seconds) pairs that all hold. `open` makes the account without a request; `login` makes a session
    and stores it (LoginNeeded, ConfigurationError, BrokerUnavailable).
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
    def open(self, account: Account) -> Broker: ...
    def login(self, account: Account, ask: Ask) -> Session: ...


@runtime_checkable
class Onlooking(Protocol):
    """An adapter that can also open an account for its prices alone, without a request: an object that reads the market and has
    no way to an order. Only such a broker's quotes are for paper homes."""

    def prices(self, account: Account) -> PriceSource: ...


@runtime_checkable
class Charging(Protocol):
    """An adapter that names its broker's table of charges (`exchange.rates`, or the operator's file). An empty name: it stands
    before another broker, which the user's setting `charges` names. Without it the table has the adapter's own name."""

    @property
    def charges(self) -> str: ...


def names() -> tuple[str, ...]:
    """Every broker there is an adapter of."""
    from importlib.metadata import entry_points

    return (*ADAPTERS, *sorted(point.name for point in entry_points(group=GROUP) if point.name not in ADAPTERS))


def is_known(name: str) -> bool:
    """Whether there is an adapter of that name."""
    return name in ADAPTERS or name in names()


def loaded(point: EntryPoint) -> Any:
    """Return what an entry point names. Raises ConfigurationError where its package cannot be loaded."""
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        where = f"the package that brings {point.name} ({point.group}) cannot be loaded"
        raise ConfigurationError(f"{where}: {error}; install it again, or remove it") from error


def adapter(name: str) -> Adapter:
    """The adapter of a broker. UsageError for an unknown one, ConfigurationError for one that cannot be loaded."""
    if name in ADAPTERS:
        found: Adapter = import_module(ADAPTERS[name]).ADAPTER
        return found
    from importlib.metadata import entry_points

    for point in entry_points(group=GROUP, name=name):
        other: Adapter = loaded(point)
        return other
    raise UsageError(f"there is no broker {name!r}; there are {', '.join(names())}")
