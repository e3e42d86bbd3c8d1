"""What a task may touch outside the program, as Protocols. `bootstrap` fills them in."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from tradectl.model.market import Bar, CorporateAction, Instrument, Quote
from tradectl.model.order import Funds, Holding, OrderReport, OrderRequest, TradeReport
from tradectl.model.trading_state import TradingState

if TYPE_CHECKING:
    from tradectl.model.history import History
    from tradectl.model.panel import Panel
    from tradectl.model.surveillance import Spells, Surveillance


class Tell(Protocol):
    """Called by long work with what is being done, how much is done, and how much there is."""

    def __call__(self, name: str, done: int, total: int) -> None: ...


def silence(name: str, done: int, total: int) -> None:
    """For pipes, cron, and `-q`."""


class Clock(Protocol):
    """`now` is the time of the day that is traded; `machine_now` is the machine's, by which leases end. Both aware, UTC."""

    @property
    def virtual(self) -> bool: ...
    def now(self) -> datetime: ...
    def machine_now(self) -> datetime: ...
    def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an adapter declares about its broker; every rule about the unknown rests on it.

    `visibility_lag`: after this long an order that is absent from the book was never accepted (None: nobody promises that).
    `refuses_repeated_tag`: the same client tag a second time on the same day is refused. `preopen_prices`: it serves
    indicative pre-open prices. `quote_delay`: how old its quotes are by design. `max_modifications`: of one order.

    `amo`: it takes after-market orders. `tag_length`: characters of a client tag that its book shows again; 0 where it keeps
    none. `open_weekdays`: its market is open on every weekday that no list closes; without, a quote must show that it trades.
    `amo_changes`: a waiting after-market order may be changed; without, it can only be cancelled until the exchange has it.
    `tag_survives_modify`: a changed or cancelled order is still shown under its tag. `filled_in_book`: the order book says
    how much of an order is filled; without, only trades do. `trade_times`: its quotes say when the last price was traded;
    without, only when something in them changed.
    """

    visibility_lag: timedelta | None
    refuses_repeated_tag: bool
    preopen_prices: bool
    quote_delay: timedelta = timedelta(0)
    max_modifications: int = 25
    amo: bool = True
    amo_changes: bool = True
    tag_length: int = 20
    tag_survives_modify: bool = True
    filled_in_book: bool = True
    open_weekdays: bool = False
    trade_times: bool = True


class Broker(Protocol):
    """An account at a broker. Reads answer or raise `BrokerUnavailable`; never an empty answer for a failed read.

    Commands raise `OrderRefused` (proof of no), `Ambiguous` (sent, outcome unknown), or another error of ours: then the command
    was provably not carried out (`LoginNeeded`, `BrokerUnavailable`, `NotWhitelisted`, `DataError` for a symbol whose series is
    not what we know, `UsageError` for one that the broker does not know, `Blocked` for what it cannot do). `symbol` is always the
    exchange's symbol of the day, without a series suffix. Prices in paise.
    """

    @property
    def name(self) -> str: ...
    @property
    def capabilities(self) -> Capabilities: ...
    def place(self, request: OrderRequest) -> str:
        """Send an order; the broker order id."""
        ...

    def modify(self, broker_order_id: str, *, quantity: int, price: int) -> None: ...
    def cancel(self, broker_order_id: str) -> None: ...
    def orders(self) -> Sequence[OrderReport]:
        """The order book. The same object again where nothing changed since the last call."""
        ...

    def trades(self) -> Sequence[TradeReport]: ...
    def holdings(self) -> Sequence[Holding]: ...
    def funds(self) -> Funds: ...
    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """The last quotes; a symbol without one is absent."""
        ...

    def preopen_prices(self, symbols: Sequence[str]) -> Mapping[str, int]:
        """Indicative pre-open prices in paise; a symbol without one is absent."""
        ...


@dataclass(frozen=True, slots=True)
class OrderRules:
    """What a broker's list of instruments demands of the orders of one share.

    Attributes:
        tick_size: In paise.
        listed_on: The session that the list is of.
        most_shares: The largest quantity of one order, from the freeze quantity; None where the list has none.
    """

    tick_size: int
    listed_on: date
    most_shares: int | None = None


@runtime_checkable
class Closable(Protocol):
    """A broker, an exchange or a source of prices that holds connections or files."""

    def close(self) -> None:
        """Give them back."""
        ...


@runtime_checkable
class ListsOrderRules(Protocol):
    """What a broker with a list of instruments offers beside `Broker`. The paper exchange has none, and the exchange's rules."""

    def order_rules(self, symbol: str) -> OrderRules | None:
        """Return the rules of a symbol by the newest list; None where the broker tells none. Raises UsageError for a symbol that
        the list does not have, BrokerUnavailable without a list."""
        ...


class HaltMarker(Protocol):
    """The trading state that a person has set outside the ledger. It is read before every send."""

    def read(self) -> TradingState:
        """Return the state that counts now. Raises Blocked where it cannot be read: then nothing may be sent."""
        ...

    def exists(self) -> bool:
        """Return whether a marker was ever made, as far as its files tell."""
        ...

    def since(self) -> str:
        """Return when the state was set, as ISO text; empty where that is not known."""
        ...


class PriceSource(Protocol):
    """Live prices without a broker behind them. `delay`: how old they are by design."""

    @property
    def delay(self) -> timedelta: ...
    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """As `Broker.quotes`. SourceUnavailable where the source cannot be read."""
        ...


class Candles(Protocol):
    """The past of shares as a broker tells it."""

    @property
    def name(self) -> str: ...
    def close(self) -> None: ...
    def daily(self, symbol: str, first: date, last: date) -> Sequence[Bar]:
        """Daily bars, adjusted perhaps. UsageError for a symbol that the broker does not list."""
        ...


class MarketData(Protocol):
    """History and facts of instruments. Never serves a bar of a later session than it is asked for."""

    def universe(self, name: str) -> tuple[str, ...]:
        """Instrument ids of a named list (`nifty50`, `all`), a file, or symbols joined by commas. UsageError if unknown."""
        ...

    def find(self, symbol: str, session: date) -> str:
        """The instrument id behind a symbol as named on a session (today's names are understood too). UsageError if unknown."""
        ...

    def instrument(self, instrument_id: str, session: date) -> Instrument: ...
    def history(self, instrument_id: str) -> History | None:
        """All stored bars, oldest first; None without any. Callers cut by session."""
        ...

    def verify(self) -> str:
        """Compare what is stored with its checksums and make it again where it is damaged; one line about that, else empty."""
        ...

    def panel(self) -> Panel:
        """All stored bars of everybody; never a later session than it was opened through."""
        ...

    def edition(self) -> str:
        """Names the stored history: as long as it is the same, bars have only been added behind the last session."""
        ...

    def stamp(self) -> str:
        """Changes with everything else that is known of instruments: actions, names, ticks, minute bars."""
        ...

    def names(self, instrument_ids: Sequence[str], session: date) -> Sequence[tuple[str, str | None]]:
        """The symbol on a session, and the ISIN, of each: what `instrument` says, for many and without the rest."""
        ...

    def actions(self, instrument_id: str, after: date, through: date) -> tuple[CorporateAction, ...]:
        """Actions with after < ex-date <= through, oldest first."""
        ...

    def surveillance(self, session: date) -> Surveillance:
        """The surveillance lists in force on a session: of each measure the newest that is not later."""
        ...

    def excluded(self, instrument_id: str) -> Spells:
        """The dates on which a surveillance list excludes an instrument, by the lists' own dates."""
        ...

    def undecided(self) -> Mapping[str, date]:
        """The first ex-date of an unknown action that no person has decided, by instrument: from then on it is not traded."""
        ...

    def multiplier(self, instrument_id: str, session: date, open_price: int | None) -> float | None:
        """M of that session: the product of 1/price factor of every action with ex-date <= session. A demerger whose
        ex-date is the session itself needs the session's open (paise): None while it is not known."""
        ...

    def minutes(self, instrument_id: str, session: date) -> Sequence[tuple[int, int, int, int, int, int]]:
        """Minute bars (minutes after 09:15, open, high, low, close in paise, volume), empty where there are none."""
        ...

    def minute_sessions(self, instrument_id: str) -> frozenset[date]:
        """The sessions of which there are minute bars."""
        ...


class Cache(Protocol):
    """Results that took long to compute, stored for the next process. A missing or damaged entry is None; one that cannot be
    stored is computed again."""

    def get(self, name: str) -> bytes | None: ...
    def put(self, name: str, content: bytes) -> None: ...
    def clear(self, prefix: str, keep: Container[str]) -> None:
        """Remove every entry whose name begins with `prefix`, except those in `keep`."""
        ...

    def prune(self) -> None:
        """Remove the entries that were not stored again for a long time."""
        ...


class Notifier(Protocol):
    """Tells people. It never raises for a service that is down: a message that cannot be sent stays in the outbox.

    `trouble` says in one line, without secrets, why the last message did not arrive; empty if it did.
    """

    @property
    def trouble(self) -> str: ...
    def send(self, title: str, body: str) -> bool: ...
