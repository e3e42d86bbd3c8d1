"""The account: orders, trades, lots of shares and the cash journal, and which of them have changed since they were stored.

Rows are frozen; a change replaces one and marks it. Cash has no column: it is the sum of the journal, so every change of it
has a row with its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from tradectl.exchange.rates import ZERODHA, Tariff
from tradectl.model.order import ALIVE, OrderStatus, OrderType, Side, Variety

REMEMBERED = timedelta(days=10)
"""How long a finished order stays in the visible book."""


class EntryKind(StrEnum):
    """Why cash changed. `SPUN_OFF` is an entry of zero paise: a demerger leaves shares that this exchange does not trade."""

    DEPOSIT = "deposit"
    BUY = "buy"
    SELL = "sell"
    CHARGES = "charges"
    DIVIDEND = "dividend"
    CASH_IN_LIEU = "cash_in_lieu"
    SPUN_OFF = "spun_off"


@dataclass(frozen=True, slots=True)
class ExchangeOrder:
    """One order. `session` is the session it lives in (None: an AMO that waits). It may fill from `active_at` on.
    `passive`: it waited at its limit when the price reached it. `blocked` are the paise held for it."""

    order_id: str
    tag: str | None
    instrument_id: str
    symbol: str
    side: Side
    quantity: int
    price: int
    order_type: OrderType
    variety: Variety
    status: OrderStatus
    placed_at: datetime
    updated_at: datetime
    active_at: datetime
    session: date | None
    filled: int = 0
    passive: bool = False
    modifications: int = 0
    blocked: int = 0
    reason: str = ""

    @property
    def remaining(self) -> int:
        return self.quantity - self.filled

    @property
    def alive(self) -> bool:
        return self.status in ALIVE


@dataclass(frozen=True, slots=True)
class ExchangeTrade:
    """One execution. `realised` is a sale's proceeds less the cost of its shares, before charges; `unsettled` is the part of the
    proceeds that buys nothing before the next session."""

    trade_id: str
    order_id: str
    instrument_id: str
    symbol: str
    side: Side
    quantity: int
    price: int
    at: datetime
    session: date
    realised: int = 0
    unsettled: int = 0


@dataclass(frozen=True, slots=True)
class Lot:
    """Shares bought or credited together. `cost` in paise for all of them; `locked` counts the sessions that must still start
    before they may be sold."""

    lot_id: int
    instrument_id: str
    quantity: int
    cost: int
    bought_on: date
    delivered: bool = False
    locked: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the cash journal; `amount` in paise, positive into the account."""

    entry_id: int
    at: datetime
    session: date
    kind: EntryKind
    amount: int
    instrument_id: str = ""
    symbol: str = ""
    note: str = ""


@dataclass(slots=True)
class AccountChanges:
    """The rows to write: the newest of each key."""

    orders: dict[str, ExchangeOrder] = field(default_factory=dict)
    trades: list[ExchangeTrade] = field(default_factory=list)
    lots: dict[int, Lot] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    charges: dict[tuple[date, str], int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.orders or self.trades or self.lots or self.entries or self.charges)


class ExchangeAccount:
    """One account in memory, as far back as its reads show.

    `day` is the last session that was started, `settled_on` the last one on which money and shares were delivered,
    `settled_at` the moment up to which it was settled. `tariff`: the table of the charges.
    """

    tariff: Tariff = ZERODHA

    def __init__(
        self,
        account: str,
        settled_at: datetime,
        day: date,
        *,
        cash: int = 0,
        orders: Iterable[ExchangeOrder] = (),
        trades: Iterable[ExchangeTrade] = (),
        lots: Iterable[Lot] = (),
        charges: dict[tuple[date, str], int] | None = None,
        last_lot: int = 0,
        last_entry: int = 0,
        wanted: Container[str] = (),
        change_count: int = 0,
        series: str = "",
    ) -> None:
        """`wanted`: tags of orders that stay in memory and in view however old they are. `change_count`: how often the account
        was written. `series`: a part of every number that is given out."""
        self.account = account
        self.settled_at = settled_at
        self.day = day
        self.settled_on = day
        self.cash = cash
        self.orders = {order.order_id: order for order in orders}
        self.live = {order.order_id: order for order in self.orders.values() if order.alive}
        self.trades = list(trades)
        self.lots = {lot.lot_id: lot for lot in lots}
        self.kept = frozenset(order.order_id for order in self.orders.values() if order.tag and order.tag in wanted)
        self.charges = dict(charges or {})
        self.changes = AccountChanges()
        self.change_count = change_count
        self._series = f"-{series}" if series else ""
        self._last_lot = last_lot
        self._last_entry = last_entry
        self._serials = Counter(name.rpartition("-")[0] for name in self.orders)
        self._trade_serials = Counter(trade.trade_id.rpartition("-")[0] for trade in self.trades)

    @property
    def blocked(self) -> int:
        """Return the paise held for live buy orders."""
        return sum(order.blocked for order in self.live.values())

    @property
    def unsettled(self) -> int:
        """Return the paise of sale proceeds that buy nothing before the next session that settles."""
        return sum(trade.unsettled for trade in reversed(self.trades) if trade.session >= self.settled_on)

    @property
    def available(self) -> int:
        return self.cash - self.blocked - self.unsettled

    def next_order_id(self, day: date) -> str:
        return self._name(self._serials, f"{self.account}-{day:%Y%m%d}{self._series}", "")

    def next_trade_id(self, day: date) -> str:
        return self._name(self._trade_serials, f"{self.account}-{day:%Y%m%d}{self._series}", "T")

    @staticmethod
    def _name(serials: Counter[str], stem: str, letter: str) -> str:
        serials[stem] += 1
        return f"{stem}-{letter}{serials[stem]:04d}"

    def put_order(self, order: ExchangeOrder) -> None:
        self.orders[order.order_id] = order
        self.changes.orders[order.order_id] = order
        if order.alive:
            self.live[order.order_id] = order
        else:
            self.live.pop(order.order_id, None)

    def add_trade(self, trade: ExchangeTrade) -> None:
        self.trades.append(trade)
        self.changes.trades.append(trade)

    def add_lot(
        self, instrument_id: str, quantity: int, cost: int, bought_on: date, *, delivered: bool = False, locked: int = 0
    ) -> None:
        self._last_lot += 1
        self.put_lot(Lot(self._last_lot, instrument_id, quantity, cost, bought_on, delivered, locked))

    def put_lot(self, lot: Lot) -> None:
        """Store a lot; one without shares is kept in the file only."""
        self.changes.lots[lot.lot_id] = lot
        if lot.quantity:
            self.lots[lot.lot_id] = lot
        else:
            self.lots.pop(lot.lot_id, None)

    def lots_of(self, instrument_id: str) -> list[Lot]:
        """Return the lots of an instrument, oldest first."""
        return [lot for lot in self.lots.values() if lot.instrument_id == instrument_id]

    def held(self) -> tuple[str, ...]:
        """Return the instruments with shares, in the order in which they were bought."""
        return tuple(dict.fromkeys(lot.instrument_id for lot in self.lots.values()))

    def post(
        self, at: datetime, kind: EntryKind, amount: int, *, instrument_id: str = "", symbol: str = "", note: str = ""
    ) -> None:
        """Add an entry to the cash journal (`amount` in paise, positive into the account)."""
        self._last_entry += 1
        self.cash += amount
        self.changes.entries.append(Entry(self._last_entry, at, self.day, kind, amount, instrument_id, symbol, note))

    def set_charges(self, day: date, instrument_id: str, total: int) -> int:
        """Set the total of charges of an instrument on a session; return the difference to the total before (paise)."""
        before = self.charges.get((day, instrument_id), 0)
        self.charges[day, instrument_id] = self.changes.charges[day, instrument_id] = total
        return total - before

    def trades_of(self, instrument_id: str, day: date) -> list[ExchangeTrade]:
        return [trade for trade in self.trades if trade.session == day and trade.instrument_id == instrument_id]

    def shows(self, order: ExchangeOrder, since: datetime) -> bool:
        """Return whether an order is in the visible book that goes back to `since`."""
        return order.alive or order.updated_at >= since or order.order_id in self.kept

    def forget_before(self, moment: datetime) -> None:
        """Drop from memory what no read shows any more; the file keeps it."""
        self.orders = {key: order for key, order in self.orders.items() if self.shows(order, moment)}
        self.trades = [trade for trade in self.trades if trade.at >= moment or trade.order_id in self.kept]
        self.charges = {key: total for key, total in self.charges.items() if key[0] >= self.day}
