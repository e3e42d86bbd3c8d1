"""Read what a user traded: fills, closed trades, open lots, dividends, each with its charges by line, exact to the paisa.

A charge belongs to one trade only. The charges of a buy follow its shares: they are divided among the trades that sell them, and
the lots that are still held. The charges of a sale belong to the trades that it closes.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from tradectl.accounts.charge_lines import ChargeLines, lines_of_day, summed
from tradectl.ledger.positions import booked_charges, folded, whole_fill
from tradectl.ledger.statements import ADJUSTMENTS, FILLS, ORDERS, POSITIONS
from tradectl.model.market import ActionKind
from tradectl.model.money import Paise
from tradectl.model.order import Side
from tradectl.model.position import Lot, Trade

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row, Table

    from tradectl.exchange.rates import Tariff
    from tradectl.ledger.store import Ledger

BY_HAND, CORPORATE_ACTION = "by_hand", "corporate_action"
"""The purposes of exits without an order of ours: sold outside tradectl, and shares that a consolidation paid in cash."""


@dataclass(frozen=True, slots=True)
class ChargedFill:
    """A fill with its charges by line. Amounts in paise.

    Attributes:
        booked: The shares that change a position of ours; less than `quantity` for a sale outside tradectl.
        purpose: The purpose of its order; `by_hand` without an order.
        lines: The charges of the whole fill.
        booked_lines: The charges of the booked shares.
    """

    id: int
    trade_id: str
    order_id: int | None
    position_id: int | None
    instrument_id: str
    symbol: str
    side: Side
    quantity: int
    booked: int
    price: Paise
    session: date
    at: datetime
    external: bool
    purpose: str
    lines: ChargeLines
    booked_lines: ChargeLines


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """A lot, or a part of it, that was sold.

    Attributes:
        exit: None for shares that a consolidation paid in cash.
        lines: The charges of both sides; their sum is `trade.charges`.
    """

    position_id: int
    instrument_id: str
    trade: Trade
    entry: ChargedFill
    exit: ChargedFill | None
    lines: ChargeLines

    @property
    def id(self) -> str:
        """Return the id: the ids of the fills that bought and sold it, such as `12-15`."""
        return f"{self.entry.id}-{self.exit.id if self.exit else 0}"

    @property
    def exit_purpose(self) -> str:
        """Return the purpose of the sale."""
        return self.exit.purpose if self.exit else CORPORATE_ACTION


@dataclass(frozen=True, slots=True)
class OpenLot:
    """A lot that is held, with the charges of its buy by line."""

    position_id: int
    instrument_id: str
    lot: Lot
    entry: ChargedFill
    lines: ChargeLines


@dataclass(frozen=True, slots=True)
class Credit:
    """Cash that a corporate action paid for a position, on its ex-date: a dividend, or cash for a fraction of a share."""

    instrument_id: str
    symbol: str
    ex_date: date
    dividend: Paise
    cash_in_lieu: Paise


@dataclass(frozen=True, slots=True)
class TradeHistory:
    """All that a user traded up to a date. Fills by time, trades by exit, lots by entry, credits by ex-date.

    `symbols`: the newest symbol of each instrument id. `spun_off`: the cost that demergers moved to other shares (paise).
    """

    fills: tuple[ChargedFill, ...]
    trades: tuple[ClosedTrade, ...]
    lots: tuple[OpenLot, ...]
    credits: tuple[Credit, ...]
    symbols: Mapping[str, str]
    spun_off: Paise


def read_history(ledger: Ledger, *, through: date = date.max) -> TradeHistory:
    """Return the history of the ledger's user up to a date, included. Raises DatabaseError, UncoveredDate."""
    with ledger.database.read() as connection:
        rows, actions, held = (_rows(connection, table, ledger.user) for table in (FILLS, ADJUSTMENTS, POSITIONS))
        query = select(ORDERS.c.id, ORDERS.c.purpose).where(ORDERS.c.user == ledger.user)
        purposes = {row.id: str(row.purpose) for row in connection.execute(query)}
    rows = [row for row in rows if row.session_date <= through]
    actions = sorted((row for row in actions if row.ex_date <= through), key=lambda row: (row.ex_date, row.id))
    fills = _charged(rows, purposes, ledger.tariff)
    trades, lots, spun_off = _folded(rows, actions, {str(fill.id): fill for fill in fills})
    of_position = {row.id: row for row in held}
    return TradeHistory(
        fills=tuple(fills),
        trades=tuple(sorted(trades, key=lambda item: (item.trade.exit_session, item.exit.id if item.exit else 0, item.entry.id))),
        lots=tuple(sorted(lots, key=lambda item: (item.entry.at, item.entry.id))),
        credits=tuple(
            _credit(row, of_position[row.position_id].symbol, of_position[row.position_id].instrument_id)
            for row in actions
            if row.cash
        ),
        symbols={row.instrument_id: row.symbol for row in [*rows, *held]},
        spun_off=spun_off,
    )


def position_rows(ledger: Ledger) -> tuple[dict[int, list[Row[Any]]], dict[int, list[Row[Any]]]]:
    """Return the rows of `fills` and of `adjustments` by position id, each by time."""
    with ledger.database.read() as connection:
        rows, actions = (_rows(connection, table, ledger.user) for table in (FILLS, ADJUSTMENTS))
    return _by_position(rows), _by_position(actions)


def _rows(connection: Connection, table: Table, user: str) -> Sequence[Row[Any]]:
    by_time = [table.c[name] for name in ("at", "id") if name in table.c]
    return connection.execute(select(table).where(table.c.user == user).order_by(*by_time)).all()


def _charged(rows: Iterable[Row[Any]], purposes: Mapping[int, str], tariff: Tariff) -> list[ChargedFill]:
    """Return the fills with their lines, in the order of `rows`."""
    days: defaultdict[tuple[str, date], list[Row[Any]]] = defaultdict(list)
    for row in rows:
        days[row.instrument_id, row.session_date].append(row)
    lines: dict[str, ChargeLines] = {}
    for (_, day), of_day in days.items():
        stored = {str(row.id): int(row.charges) for row in of_day}
        lines |= lines_of_day(day, [whole_fill(row) for row in of_day], stored, tariff)
    return [_charged_fill(row, lines[str(row.id)], purposes.get(row.order_id, BY_HAND)) for row in rows]


def _charged_fill(row: Row[Any], lines: ChargeLines, purpose: str) -> ChargedFill:
    booked = lines.part(booked_charges(row)) if row.booked else ChargeLines()
    return ChargedFill(
        id=row.id,
        trade_id=row.trade_id,
        order_id=row.order_id,
        position_id=row.position_id,
        instrument_id=row.instrument_id,
        symbol=row.symbol,
        side=Side(row.side),
        quantity=row.quantity,
        booked=row.booked,
        price=row.price,
        session=row.session_date,
        at=row.at,
        external=row.external,
        purpose=purpose,
        lines=lines,
        booked_lines=booked,
    )


def _folded(
    rows: Sequence[Row[Any]], actions: Sequence[Row[Any]], charged: Mapping[str, ChargedFill]
) -> tuple[list[ClosedTrade], list[OpenLot], Paise]:
    """Return the closed trades, the open lots, and the cost that left with demerged companies, of all positions."""
    fills_of, actions_of = _by_position(rows), _by_position(actions)
    trades: list[ClosedTrade] = []
    lots: list[OpenLot] = []
    spun_off = 0
    for position_id, of_position in fills_of.items():
        state = folded(of_position, actions_of.get(position_id, []))
        buys = [charged[str(row.id)].booked_lines for row in of_position if row.side == Side.BUY]
        paid = _drawn(buys, [trade.entry_charges for trade in state.trades] + [lot.charges for lot in state.lots])
        sold = _sale_lines(state.trades, charged)
        trades += [
            ClosedTrade(position_id, charged[trade.entry_fill].instrument_id, trade, charged[trade.entry_fill],
                        charged.get(trade.exit_fill), bought + sale)
            for trade, bought, sale in zip(state.trades, paid, sold, strict=False)
        ]  # fmt: skip
        held = zip(state.lots, paid[len(state.trades) :], strict=True)
        lots += [OpenLot(position_id, charged[lot.fill_id].instrument_id, lot, charged[lot.fill_id], part) for lot, part in held]
        spun_off += state.spun_off
    return trades, lots, spun_off


def _by_position(rows: Iterable[Row[Any]]) -> dict[int, list[Row[Any]]]:
    found: dict[int, list[Row[Any]]] = {}
    for row in rows:
        if row.position_id is not None:
            found.setdefault(row.position_id, []).append(row)
    return found


def _drawn(buys: Iterable[ChargeLines], amounts: Iterable[Paise]) -> list[ChargeLines]:
    """Divide the charges of a position's buys, the oldest first, into parts of these amounts, which sum to all charges.

    Shares are sold first in, first out, so each part comes from the buy of its shares. Only a lot that a consolidation merged
    into another one has its charges in the next part.
    """
    rest = deque(buys)
    parts: list[ChargeLines] = []
    for amount in amounts:
        part = ChargeLines()
        while rest and rest[0].total <= amount - part.total:
            part += rest.popleft()
        if rest and (left := amount - part.total):
            taken = rest[0].part(left)
            rest[0] -= taken
            part += taken
        parts.append(part)
    if parts and rest:  # lines that sum to 0: a levy that the table has and the ledger has not
        parts[-1] += summed(rest)
    return parts


def _sale_lines(trades: Sequence[Trade], charged: Mapping[str, ChargedFill]) -> list[ChargeLines]:
    """Return the charges of the sale of each trade. One fill may close several lots."""
    by_fill: dict[str, list[int]] = {}
    for place, trade in enumerate(trades):
        by_fill.setdefault(trade.exit_fill, []).append(place)
    found = [ChargeLines()] * len(trades)
    for fill_id, places in by_fill.items():
        if fill_id:
            amounts = [trades[place].charges - trades[place].entry_charges for place in places]
            for place, part in zip(places, charged[fill_id].booked_lines.divided(amounts), strict=True):
                found[place] = part
    return found


def _credit(row: Row[Any], symbol: str, instrument_id: str) -> Credit:
    dividend = row.cash if row.kind == ActionKind.DIVIDEND else 0
    return Credit(instrument_id, symbol, row.ex_date, dividend, row.cash - dividend)
