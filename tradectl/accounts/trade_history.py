"""Read what a user traded: fills, closed trades, open lots, dividends, each with its charges by line, exact to the paisa."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from sqlalchemy import select

from tradectl.accounts.charge_lines import ChargeLines, lines_of_day
from tradectl.accounts.charged_trades import BY_HAND, ChargedFill, ClosedTrade, OpenLot, charged_trades
from tradectl.ledger.positions import booked_charges, folded, whole_fill
from tradectl.ledger.statements import ADJUSTMENTS, FILLS, ORDERS, POSITIONS
from tradectl.model.market import ActionKind
from tradectl.model.money import Paise
from tradectl.model.order import Side

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row, Table

    from tradectl.exchange.rates import Tariff
    from tradectl.ledger.store import Ledger


class Credit(Struct, frozen=True):
    """Cash that a corporate action paid for a position, on its ex-date: a dividend, or cash for a fraction of a share."""

    instrument_id: str
    symbol: str
    ex_date: date
    dividend: Paise
    cash_in_lieu: Paise


class TradeHistory(Struct, frozen=True):
    """All that a user traded up to a date. Fills by time, trades by exit, lots by entry, credits by ex-date.

    `symbols`: the newest symbol of each instrument id. `strategies`: the strategy of each position id. `spun_off`: the cost
    that demergers moved to other shares (paise).
    """

    fills: tuple[ChargedFill, ...]
    trades: tuple[ClosedTrade, ...]
    lots: tuple[OpenLot, ...]
    credits: tuple[Credit, ...]
    symbols: Mapping[str, str]
    spun_off: Paise
    strategies: Mapping[int, str] = {}


def read_history(ledger: Ledger, *, through: date = date.max) -> TradeHistory:
    """Return the history of the ledger's user up to a date, included. Raises DatabaseError, UncoveredDate."""
    with ledger.database.read() as connection:
        rows, actions, held = (_rows(connection, table, ledger.user) for table in (FILLS, ADJUSTMENTS, POSITIONS))
        query = select(ORDERS.c.id, ORDERS.c.purpose).where(ORDERS.c.user == ledger.user)
        purposes = {row.id: str(row.purpose) for row in connection.execute(query)}
    rows = [row for row in rows if row.session_date <= through]
    actions = sorted((row for row in actions if row.ex_date <= through), key=lambda row: (row.ex_date, row.id))
    fills = _charged(rows, purposes, ledger.tariff)
    trades, lots, spun_off = _folded(rows, actions, {fill.id: fill for fill in fills})
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
        strategies={row.id: row.strategy for row in held},
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
    rows: Sequence[Row[Any]], actions: Sequence[Row[Any]], charged: Mapping[int, ChargedFill]
) -> tuple[list[ClosedTrade], list[OpenLot], Paise]:
    """Return the closed trades, the open lots, and the cost that left with demerged companies, of all positions."""
    actions_of = _by_position(actions)
    trades: list[ClosedTrade] = []
    lots: list[OpenLot] = []
    spun_off = 0
    for position_id, of_position in _by_position(rows).items():
        state = folded(of_position, actions_of.get(position_id, []))
        closed, held = charged_trades(position_id, state, {str(row.id): charged[row.id] for row in of_position})
        trades += closed
        lots += held
        spun_off += state.spun_off
    return trades, lots, spun_off


def _by_position(rows: Iterable[Row[Any]]) -> dict[int, list[Row[Any]]]:
    found: dict[int, list[Row[Any]]] = {}
    for row in rows:
        if row.position_id is not None:
            found.setdefault(row.position_id, []).append(row)
    return found


def _credit(row: Row[Any], symbol: str, instrument_id: str) -> Credit:
    dividend = row.cash if row.kind == ActionKind.DIVIDEND else 0
    return Credit(instrument_id, symbol, row.ex_date, dividend, row.cash - dividend)
