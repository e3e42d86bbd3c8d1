"""Hold an account: orders, trades, lots of shares and the cash entries, and the rows that changed since the last write.

Rows are frozen: a change replaces a row and adds it to the changes. Cash is the sum of the cash entries and has no column, so
every change of cash has a row with its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from tradectl.exchange.rates import ZERODHA, Tariff
from tradectl.model.order import ALIVE, OrderStatus, OrderType, Side, Variety

REMEMBERED = timedelta(days=10)
"""How long a finished order stays in the visible book."""


class EntryKind(StrEnum):
    """Name why cash changed. `SPUN_OFF` is an entry of zero paise: a demerger gives shares that this exchange does not trade."""

    DEPOSIT = "deposit"
    BUY = "buy"
    SELL = "sell"
    CHARGES = "charges"
    DIVIDEND = "dividend"
    CASH_IN_LIEU = "cash_in_lieu"
    SPUN_OFF = "spun_off"


class ExchangeOrder(Struct, frozen=True):
    """Hold one order. Prices are in paise.

    Args:
        active_at: The moment from which the order may fill.
        session: The session in which the order is live, None for an AMO that waits.
        passive: Whether the order rested at its limit when the price reached the limit.
        blocked: Cash in paise that is blocked for the order.
        out_of_auction: Whether the closing auction excluded the order.
    """

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
    out_of_auction: bool = False

    @property
    def remaining(self) -> int:
        """Return the shares that are not filled yet."""
        return self.quantity - self.filled

    @property
    def alive(self) -> bool:
        """Return whether the order may still fill."""
        return self.status in ALIVE


class ExchangeTrade(Struct, frozen=True):
    """Hold one execution, with amounts in paise.

    Args:
        realised: Proceeds of a sale less the cost of its shares, before charges.
        unsettled: The part of the proceeds that cannot be spent before the next session that settles.
    """

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


class Lot(Struct, frozen=True):
    """Hold shares that were bought or credited together.

    Args:
        cost: In paise, for all shares of the lot.
        delivered: Whether the shares are in the depository (T+1).
        locked: The number of settling sessions that must still start before the shares may be sold.
    """

    lot_id: int
    instrument_id: str
    quantity: int
    cost: int
    bought_on: date
    delivered: bool = False
    locked: int = 0


class CashEntry(Struct, frozen=True):
    """Hold one movement of cash. `amount` is in paise, positive if cash comes in."""

    entry_id: int
    at: datetime
    session: date
    kind: EntryKind
    amount: int
    instrument_id: str = ""
    symbol: str = ""
    note: str = ""


class AppliedAction(NamedTuple):
    """Identify a corporate action that changed an account."""

    instrument_id: str
    ex_date: date
    kind: str
    subject: str


@dataclass(slots=True)
class AccountChanges:
    """Hold the rows to write, the newest of each key."""

    orders: dict[str, ExchangeOrder] = field(default_factory=dict)
    trades: list[ExchangeTrade] = field(default_factory=list)
    lots: dict[int, Lot] = field(default_factory=dict)
    entries: list[CashEntry] = field(default_factory=list)
    charges: dict[tuple[date, str], int] = field(default_factory=dict)
    applied: list[AppliedAction] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.orders or self.trades or self.lots or self.entries or self.charges or self.applied)


class ExchangeAccount:
    """Hold one account in memory, with the orders and trades that its lists still show.

    `day` is the last session that was started. `settled_on` is the last session on which money and shares were delivered.
    `settled_at` is the moment up to which the account is settled. `tariff` is the table of charges.
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
        applied: Iterable[AppliedAction] = (),
    ) -> None:
        """Create an account from its stored rows.

        Args:
            cash: In paise.
            charges: Paise by session and instrument id.
            wanted: Tags of orders that stay in memory and in the lists, whatever their age.
            change_count: How often the account was written to the file.
            series: A part of each order and trade number, empty for none.
            applied: The corporate actions that changed the account.
        """
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
        self.applied = set(applied)
        self.changes = AccountChanges()
        self.change_count = change_count
        self._series = f"-{series}" if series else ""
        self._last_lot = last_lot
        self._last_entry = last_entry
        self._serials = Counter(name.rpartition("-")[0] for name in self.orders)
        self._trade_serials = Counter(trade.trade_id.rpartition("-")[0] for trade in self.trades)

    @property
    def blocked(self) -> int:
        """Return the cash (paise) that is blocked for live buy orders."""
        return sum(order.blocked for order in self.live.values())

    @property
    def unsettled(self) -> int:
        """Return the sale proceeds (paise) that cannot be spent before the next session that settles."""
        return sum(trade.unsettled for trade in reversed(self.trades) if trade.session >= self.settled_on)

    @property
    def available(self) -> int:
        """Return the cash (paise) that a new buy may spend."""
        return self.cash - self.blocked - self.unsettled

    def next_order_id(self, day: date) -> str:
        """Return a new order id of a date."""
        return self._name(self._serials, f"{self.account}-{day:%Y%m%d}{self._series}", "")

    def next_trade_id(self, day: date) -> str:
        """Return a new trade id of a date."""
        return self._name(self._trade_serials, f"{self.account}-{day:%Y%m%d}{self._series}", "T")

    @staticmethod
    def _name(serials: Counter[str], stem: str, letter: str) -> str:
        serials[stem] += 1
        return f"{stem}-{letter}{serials[stem]:04d}"

    def put_order(self, order: ExchangeOrder) -> None:
        """Add or replace an order."""
        self.orders[order.order_id] = order
        self.changes.orders[order.order_id] = order
        if order.alive:
            self.live[order.order_id] = order
        else:
            self.live.pop(order.order_id, None)

    def add_trade(self, trade: ExchangeTrade) -> None:
        """Add a trade."""
        self.trades.append(trade)
        self.changes.trades.append(trade)

    def add_lot(
        self, instrument_id: str, quantity: int, cost: int, bought_on: date, *, delivered: bool = False, locked: int = 0
    ) -> None:
        self._last_lot += 1
        self.put_lot(Lot(self._last_lot, instrument_id, quantity, cost, bought_on, delivered, locked))

    def put_lot(self, lot: Lot) -> None:
        """Store a lot. A lot without shares stays in the file only."""
        self.changes.lots[lot.lot_id] = lot
        if lot.quantity:
            self.lots[lot.lot_id] = lot
        else:
            self.lots.pop(lot.lot_id, None)

    def lots_of(self, instrument_id: str) -> list[Lot]:
        """Return the lots of an instrument, oldest first."""
        return [lot for lot in self.lots.values() if lot.instrument_id == instrument_id]

    def held(self) -> tuple[str, ...]:
        """Return the ids of the held instruments, in the order in which they were bought."""
        return tuple(dict.fromkeys(lot.instrument_id for lot in self.lots.values()))

    def post(
        self, at: datetime, kind: EntryKind, amount: int, *, instrument_id: str = "", symbol: str = "", note: str = ""
    ) -> None:
        """Add a cash entry (`amount` in paise, positive into the account)."""
        self._last_entry += 1
        self.cash += amount
        self.changes.entries.append(CashEntry(self._last_entry, at, self.day, kind, amount, instrument_id, symbol, note))

    def note_applied(self, action: AppliedAction) -> None:
        """Remember that a corporate action changed the account."""
        if action not in self.applied:
            self.applied.add(action)
            self.changes.applied.append(action)

    def set_charges(self, day: date, instrument_id: str, total: int) -> int:
        """Set an instrument's total charges (paise) of a session. Return the difference from the previous total (paise)."""
        before = self.charges.get((day, instrument_id), 0)
        self.charges[day, instrument_id] = self.changes.charges[day, instrument_id] = total
        return total - before

    def trades_of(self, instrument_id: str, day: date) -> list[ExchangeTrade]:
        """Return the trades of an instrument on a session."""
        return [trade for trade in self.trades if trade.session == day and trade.instrument_id == instrument_id]

    def shows(self, order: ExchangeOrder, since: datetime) -> bool:
        """Return whether the order list that goes back to `since` shows an order."""
        return order.alive or order.updated_at >= since or order.order_id in self.kept

    def forget_before(self, moment: datetime) -> None:
        """Drop from memory the rows that no list shows any more. The file keeps them."""
        self.orders = {key: order for key, order in self.orders.items() if self.shows(order, moment)}
        self.trades = [trade for trade in self.trades if trade.at >= moment or trade.order_id in self.kept]
        self.charges = {key: total for key, total in self.charges.items() if key[0] >= self.day}
