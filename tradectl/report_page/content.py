"""Hold the values of a report. Amounts are in paise, prices are as traded, moments are aware and in UTC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum

from msgspec import Struct

from tradectl.accounts.charged_trades import ChargedFill
from tradectl.model.money import Paise
from tradectl.model.order import OrderStatus


class Source(StrEnum):
    """Where the trades of a report come from."""

    LEDGER = "ledger"
    SIMULATION = "simulation"
    BACKTEST = "backtest"


class Day(Struct, frozen=True):
    """The account at the end of one session.

    Attributes:
        holdings: The value of the shares at their last prices.
        charges: Of the fills of this session.
        received: Dividends and cash in lieu of this session.
    """

    session: date
    equity: Paise
    holdings: Paise
    charges: Paise
    received: Paise = 0
    closed: int = 0
    open_positions: int = 0


class Target(Struct, frozen=True):
    """The limit of a position's sell order at the end of one session."""

    session: date
    price: Paise
    changes: int = 0


class TradeLine(Struct, frozen=True):
    """Shares of one buy that one fill sold, or that are still held (`exit_session` is None).

    Attributes:
        entry_price, exit_price: As traded; `exit_price` of shares still held is the last price.
        gross, charges, net: Of shares still held: at the last price, with the charges paid so far.
        cost: Of these shares, without charges.
        entry_rule, exit_rule: The purposes of the orders, such as `entry` and `target`; `external` without an order;
            `NAME: entry` of an own strategy.
        why: The reason that the rules stored for the buy.
        minutes: Of the session of the exit: the minute after the open, the price, and the target then.
    """

    symbol: str
    instrument_id: str
    entry_session: date
    exit_session: date | None
    quantity: int
    entry_price: Paise
    exit_price: Paise | None
    cost: Paise
    gross: Paise
    charges: Paise
    net: Paise
    entry_rule: str = ""
    exit_rule: str = ""
    entry_at: datetime | None = None
    exit_at: datetime | None = None
    why: str = ""
    targets: tuple[Target, ...] = ()
    minutes: tuple[tuple[int, Paise, Paise], ...] = ()

    @property
    def percent(self) -> float:
        """Return the net result in per cent of the cost; 0 for shares that cost nothing."""
        return 100 * self.net / self.cost if self.cost else 0.0

    def days(self, end: date) -> int:
        """Return the calendar days of the holding, until `end` if the shares are still held."""
        return ((self.exit_session or end) - self.entry_session).days


class Candles(Struct, frozen=True):
    """The bars of one instrument around its trades, as columns, oldest first.

    Prices and EMAs are in paise at the scale of the last bar, so that a split makes no jump. `scale` converts a price as traded
    on a session to that scale. `ema_fast`, `ema_slow` and `rsi` (0 to 100) are NaN while they are undefined.
    """

    sessions: Sequence[date]
    open: Sequence[int]
    high: Sequence[int]
    low: Sequence[int]
    close: Sequence[int]
    volume: Sequence[int]
    ema_fast: Sequence[float]
    ema_slow: Sequence[float]
    rsi: Sequence[float]
    scale: Sequence[float]


class Skipped(Struct, frozen=True):
    """A buy that the rules wanted and a task did not place, with the reason."""

    session: date
    task: str
    symbol: str
    verdict: str
    reason: str


class Event(Struct, frozen=True):
    """A line of the timeline: the run of a task, a command to the broker, or a fill.

    `kind` is task, order, fill or log; `outcome` is empty for fills.
    """

    at: datetime
    kind: str
    what: str
    outcome: str = ""
    detail: str = ""


class Alert(Struct, frozen=True):
    """What a person must look at first. `command` shows more of it."""

    title: str
    text: str
    command: str = ""


class OrderCount(Struct, frozen=True):
    """How many orders of the period have a status."""

    status: OrderStatus
    count: int


class Content(Struct, frozen=True):
    """Everything that a report shows.

    Attributes:
        before: The equity before the first session.
        fills: All fills of the period, also of shares that are in no position, with their charges by line.
        charge_lines: The charges of all fills of the period by kind (`stt`, `brokerage` ...).
        benchmarks: By name: the worth of the same capital at the end of each session of `days`.
        considered: How many analysed symbols each rule left out, by rule.
        candles: By instrument id.
        names: The settings that name the indicators, such as EMA9.
    """

    title: str
    source: Source
    user: str
    mode: str
    first: date
    last: date
    made_at: datetime
    before: Paise
    days: tuple[Day, ...]
    trades: tuple[TradeLine, ...]
    held: tuple[TradeLine, ...] = ()
    fills: tuple[ChargedFill, ...] = ()
    charge_lines: Mapping[str, Paise] = {}
    benchmarks: Mapping[str, Sequence[float]] = {}
    orders: tuple[OrderCount, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    skipped_total: int = 0
    considered: Mapping[str, int] = {}
    events: tuple[Event, ...] = ()
    alerts: tuple[Alert, ...] = ()
    candles: Mapping[str, Candles] = {}
    names: Mapping[str, str] = {}
    notes: tuple[str, ...] = ()

    @property
    def has_account(self) -> bool:
        """Return whether the trades had one account with an equity; those of symbols that are tested alone had not."""
        return self.source is not Source.BACKTEST or bool(self.days)

    @property
    def one_session(self) -> bool:
        """Return whether the report is of one date."""
        return self.first == self.last

    @property
    def equity(self) -> Paise:
        """Return the equity at the end of the period."""
        return self.days[-1].equity if self.days else self.before
