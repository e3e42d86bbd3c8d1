"""Declare the protocols of everything outside the program that a task uses. `bootstrap` supplies the implementations."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tradectl.model.freshness import Freshness
    from tradectl.model.history import History
    from tradectl.model.market import Bar, CorporateAction, Instrument, Quote
    from tradectl.model.order import Funds, Holding, OrderReport, OrderRequest, TradeReport
    from tradectl.model.panel import Panel
    from tradectl.model.recording import RunHead
    from tradectl.model.renames import Renames
    from tradectl.model.surveillance import Spells, Surveillance
    from tradectl.model.trading_state import TradingState


class Tell(Protocol):
    """Report the progress of long work: the name of its current part, the number of parts done, and the total."""

    def __call__(self, name: str, done: int, total: int) -> None: ...


def silence(name: str, done: int, total: int) -> None:
    """Report no progress, for pipes, cron and `-q`."""


class Clock(Protocol):
    """Return the time, aware and in UTC.

    `now` is the time by which tradectl trades; `--at` or a simulation may set it. `machine_now` is the machine's time, by which
    the lease of a claim ends.
    """

    @property
    def virtual(self) -> bool: ...
    def now(self) -> datetime: ...
    def machine_now(self) -> datetime: ...
    def sleep(self, seconds: float) -> None: ...


class Capabilities(Struct, frozen=True):
    """Properties of a broker, which its adapter declares. The rules for orders of unknown outcome use them.

    Attributes:
        visibility_lag: An order still missing from the broker's list after this time was not accepted; None: no guarantee.
        refuses_repeated_tag: The broker rejects a client tag that was used before on the same day.
        preopen_prices: The broker publishes indicative pre-open prices.
        quote_delay: The age of its quotes by design.
        max_modifications: How often one order may be modified.
        amo: The broker accepts after-market orders.
        amo_changes: A waiting after-market order may be modified. If False, it can only be cancelled before the exchange has it.
        tag_length: The number of characters of a client tag that the order book shows; 0 if it shows none.
        tag_survives_modify: A modified or cancelled order keeps its tag.
        filled_in_book: The order book shows the filled quantity of an order. If False, only the trades do.
        open_weekdays: The market is open on each weekday after the last list of holidays. If False, a quote must prove that.
        trade_times: Quotes have the time of the last trade. If False, only the time of the last update.
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
    """An account at a broker. Prices are in paise. `symbol` is the exchange's symbol of the day, without a series suffix.

    A read returns a whole result or raises BrokerUnavailable. A failed read never returns an empty result.

    Commands raise:
        OrderRefused: The broker rejected the command.
        Ambiguous: The command was sent and its outcome is unknown.
        LoginNeeded, BrokerUnavailable, NotWhitelisted: The command was provably not carried out.
        DataError: Not carried out: the series of the symbol is not the expected one.
        UsageError: Not carried out: the broker does not list the symbol.
        Blocked: Not carried out: the broker does not accept this command, or not now.
    """

    @property
    def name(self) -> str: ...
    @property
    def capabilities(self) -> Capabilities: ...
    def place(self, request: OrderRequest) -> str:
        """Send an order and return the broker order id."""
        ...

    def modify(self, broker_order_id: str, *, quantity: int, price: int) -> None: ...
    def cancel(self, broker_order_id: str) -> None: ...
    def orders(self) -> Sequence[OrderReport]:
        """Return the order book; the same object as before if nothing changed since the last call."""
        ...

    def trades(self) -> Sequence[TradeReport]: ...
    def holdings(self) -> Sequence[Holding]: ...
    def funds(self) -> Funds: ...
    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Return the last quotes; a symbol without one is absent."""
        ...

    def preopen_prices(self, symbols: Sequence[str]) -> Mapping[str, int]:
        """Return indicative pre-open prices in paise; a symbol without one is absent."""
        ...


class OrderRules(Struct, frozen=True):
    """Rules for orders in one instrument, from a broker's list of instruments.

    Attributes:
        tick_size: In paise.
        listed_on: The date of the list.
        most_shares: The largest quantity of one order, from the freeze quantity; None if the list has none.
    """

    tick_size: int
    listed_on: date
    most_shares: int | None = None


@runtime_checkable
class Closable(Protocol):
    """A broker, an exchange or a source of prices that holds connections or files."""

    def close(self) -> None:
        """Close the connections and files."""
        ...


@runtime_checkable
class ListsOrderRules(Protocol):
    """Further methods of a `Broker` that has a list of instruments. The paper exchange uses NSE's rules instead."""

    def order_rules(self, symbol: str) -> OrderRules | None:
        """Return the rules of a symbol by the newest list; None if the list has no rules for it.

        Raises UsageError for a symbol that is not in the list, BrokerUnavailable without a list.
        """
        ...


@runtime_checkable
class ReportsStream(Protocol):
    """Further attributes of a `Broker` that can get quotes from a stream. The paper exchange does not have them."""

    @property
    def stream_trouble(self) -> str | None:
        """Return why the stream has no connection; empty while it has one, None if there is no stream."""
        ...

    def stream_news(self) -> str | None:
        """Return `stream_trouble` once after each change; None if it has not changed."""
        ...


class HaltMarker(Protocol):
    """A trading state that is stored outside the ledger. It is read before every command to the broker."""

    def read(self) -> TradingState:
        """Return the current state. Raises Blocked if it cannot be read: then nothing may be sent."""
        ...

    def exists(self) -> bool:
        """Return whether any file of the marker exists."""
        ...

    def since(self) -> str:
        """Return the moment at which the state was set, as ISO text; empty if it is not known."""
        ...


class PriceSource(Protocol):
    """Live prices without a way to send orders. `delay` is their age by design."""

    @property
    def delay(self) -> timedelta: ...
    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Return quotes as `Broker.quotes` does. Raises SourceUnavailable if the source cannot be read."""
        ...


@runtime_checkable
class Candles(Protocol):
    """Historical bars from a broker. A `PriceSource` that also has these attributes can supply bars to `data fetch`."""

    @property
    def name(self) -> str: ...
    def close(self) -> None: ...
    def daily(self, symbol: str, first: date, last: date) -> Sequence[Bar]:
        """Return daily bars, which may be adjusted. Raises UsageError for a symbol that the broker does not list."""
        ...


class FeedRequest(Struct, frozen=True):
    """A call of a feed.

    Attributes:
        through: The last session whose trading has ended; data of it are wanted.
        now: The moment of the call, aware.
        tell: Called with the progress.
        look: Called between requests; raises where the process is asked to end.
    """

    through: date
    now: datetime
    tell: Tell = silence
    look: Callable[[], None] = lambda: None


class Brought(Struct, frozen=True):
    """What one part of a feed's work stored.

    Attributes:
        as_of: The date up to which the stored data are complete; None where nothing is stored.
        new: How many rows are new or changed.
        note: What a person may want to know, such as why nothing came; empty for none.
    """

    as_of: date | None
    new: int = 0
    note: str = ""


class DataFeed(Protocol):
    """One kind of market data that the task `prices` keeps current.

    Attributes:
        kind: The name of its record in `freshness`.
        title: What messages call it.
        meaning: What it means for trading if it is missing.
        remedy: The command that helps.
        tolerance: How many sessions old it may be before that is a finding.
    """

    @property
    def kind(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def meaning(self) -> str: ...
    @property
    def remedy(self) -> str: ...
    @property
    def tolerance(self) -> int: ...
    def is_due(self, known: Freshness | None, through: date) -> bool:
        """Return whether there is something to fetch; `known` is the record of the stored data."""
        ...

    def bring(self, request: FeedRequest) -> Iterator[Brought]:
        """Fetch and store what is missing, part by part; what is stored stays stored when a later part fails.

        Raises SourceUnavailable (try again later), DataError (the reply is invalid or something is missing), LoginNeeded.
        """
        ...


class MarketData(Protocol):
    """Bars and properties of instruments. No method returns a bar that is later than its argument allows."""

    def universe(self, name: str) -> tuple[str, ...]:
        """Return the instrument ids of a named list (`nifty50`, `all`), a file, or symbols joined by commas."""
        ...

    def find(self, symbol: str, session: date) -> str:
        """Return the instrument id of a symbol of a session, or of today. Raises UsageError if it is unknown."""
        ...

    def renames(self) -> Renames:
        """Return the list of renames by which these data name their instruments."""
        ...

    def instrument(self, instrument_id: str, session: date) -> Instrument: ...
    def history(self, instrument_id: str) -> History | None:
        """Return all stored bars, oldest first; None if there are none. The caller cuts them at its session."""
        ...

    def verify(self) -> str:
        """Compare the stored data with their checksums and rebuild damaged parts.

        Return one line about the damage; empty if there is none."""
        ...

    def panel(self) -> Panel:
        """Return all stored bars of all instruments, up to the session for which the data were opened."""
        ...

    def edition(self) -> str:
        """Return an id of the stored history. While it stays the same, stored bars never change; later bars may be added."""
        ...

    def names(self, instrument_ids: Sequence[str], session: date) -> Sequence[tuple[str, str | None]]:
        """Return the symbol on a session and the ISIN (or None) of each instrument, as `instrument` does."""
        ...

    def actions(self, instrument_id: str, after: date, through: date) -> tuple[CorporateAction, ...]:
        """Return the corporate actions with after < ex-date <= through, oldest first."""
        ...

    def surveillance(self, session: date) -> Surveillance:
        """Return the surveillance lists in force on a session: for each measure the newest list up to that date."""
        ...

    def excluded(self, instrument_id: str) -> Spells:
        """Return the dates on which a surveillance list excludes an instrument, by the lists' own dates."""
        ...

    def undecided(self) -> Mapping[str, date]:
        """Return, by instrument, the first ex-date of an action that a person must decide. From then on it is not traded."""
        ...

    def multiplier(self, instrument_id: str, session: date, open_price: int | None) -> float | None:
        """Return the multiplier of a session: the product of 1 / price factor of every action with ex-date <= session.

        A demerger with its ex-date on this session needs the session's open (paise). Return None while that is not known.
        """
        ...

    def minutes(self, instrument_id: str, session: date) -> Sequence[tuple[int, int, int, int, int, int]]:
        """Return minute bars (minutes after 09:15, open, high, low, close in paise, volume in shares); empty if none."""
        ...

    def minute_sessions(self, instrument_id: str) -> frozenset[date]:
        """Return the sessions for which there are minute bars."""
        ...


class StrategyText(Struct, frozen=True):
    """The file of an own strategy. `form`: that of its text. `file`: what an error names."""

    name: str
    form: str
    text: str
    file: str


class StrategyFiles(Protocol):
    """The strategy files of a home. They are read anew at each call, since a person edits them."""

    def text_of(self, name: str) -> StrategyText:
        """Return a file whose text can be read. Raises UsageError or ConfigurationError in one line."""
        ...


class Notifier(Protocol):
    """Send messages to people. If a service is down, `send` returns False and the message stays in the outbox.

    `trouble` is one line without secrets: why the last message did not arrive; empty if it arrived.
    `interrupts`: a message reaches a person at once, as on a phone, so the quiet hours count.
    """

    @property
    def trouble(self) -> str: ...
    @property
    def interrupts(self) -> bool: ...
    def send(self, title: str, body: str) -> bool: ...
    def send_picture(self, title: str, body: str, picture: Path) -> str:
        """Send a PNG once, with a text as its caption; return why it did not arrive, empty if it did."""
        ...


class StepRecorder(Protocol):
    """Be called at the begin and the end of each run and step. A recording of a run stores them; a replay follows them."""

    def begin_run(self, run: RunHead) -> None:
        """Begin a run. The calls to the broker before belong to it."""
        ...

    def begin_step(self) -> None:
        """Begin a step. A replay raises Interrupted where the recorded run made no further step."""
        ...

    def end_step(self) -> None:
        """End the step."""
        ...

    def end_run(self) -> None:
        """End the run."""
        ...

    def trouble(self) -> str:
        """Return, once, why nothing is recorded any more, in one line; empty while all is well."""
        ...


class RunPings(Protocol):
    """Report the start and the end of each run of a task to a dead-man's switch. No method raises for a server that is down."""

    def start(self, task: str) -> None:
        """Send the start of a run without waiting."""
        ...

    def end(self, task: str, exit_code: int, text: str) -> None:
        """Send the end of a run without waiting."""
        ...

    def finish(self) -> str:
        """Wait some seconds for the replies; return why a ping did not arrive, in one line without secrets, else empty."""
        ...
