"""Build the tables that can be exported. Every column has a kind, so that a number stays a number in every format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from sqlalchemy import Boolean, Date, Float, Integer, select

from tradectl.accounts.charge_lines import LINES, ChargeLines
from tradectl.accounts.charged_trades import ChargedFill
from tradectl.accounts.noted import Noted, tags, texts
from tradectl.accounts.trade_history import TradeHistory
from tradectl.ledger.notes import Note
from tradectl.ledger.schema import orders
from tradectl.ledger.types import Moment, Paise

if TYPE_CHECKING:
    from tradectl.accounts.profit_and_loss import Span
    from tradectl.ledger.store import Ledger


class Kind(Enum):
    """The kind of a column. MONEY: paise. DAY: a date. MOMENT: aware, UTC. RATIO: a float."""

    TEXT = "text"
    WHOLE = "whole"
    MONEY = "money"
    DAY = "day"
    MOMENT = "moment"
    RATIO = "ratio"
    YES_NO = "yes_no"


class Table(Struct, frozen=True):
    """A table to export: the kind of each column by name, and the values of each row by column; None for no value."""

    name: str
    columns: Mapping[str, Kind]
    rows: Sequence[Mapping[str, Any]]


_TEXT, _WHOLE, _MONEY, _DAY, _MOMENT = Kind.TEXT, Kind.WHOLE, Kind.MONEY, Kind.DAY, Kind.MOMENT
_CHARGES = {**dict.fromkeys(LINES, _MONEY), "charges": _MONEY}
_NOTES = {"notes": _TEXT, "tags": _TEXT}
TRADE_COLUMNS: Mapping[str, Kind] = {
    "id": _TEXT, "symbol": _TEXT, "instrument_id": _TEXT, "entry_session": _DAY, "exit_session": _DAY, "quantity": _WHOLE,
    "entry_quantity": _WHOLE, "entry_price": _MONEY, "exit_price": _MONEY, "cost": _MONEY, "proceeds": _MONEY, "gross": _MONEY,
    **_CHARGES, "net": _MONEY, "entry_purpose": _TEXT, "exit_purpose": _TEXT, "entry_order": _WHOLE, "exit_order": _WHOLE,
    "entry_trade_id": _TEXT, "exit_trade_id": _TEXT, **_NOTES,
}  # fmt: skip
FILL_COLUMNS: Mapping[str, Kind] = {
    "id": _WHOLE, "trade_id": _TEXT, "order_id": _WHOLE, "symbol": _TEXT, "instrument_id": _TEXT, "session": _DAY, "at": _MOMENT,
    "side": _TEXT, "purpose": _TEXT, "quantity": _WHOLE, "booked": _WHOLE, "price": _MONEY, "value": _MONEY, **_CHARGES,
    "external": Kind.YES_NO,
}  # fmt: skip
LOT_COLUMNS: Mapping[str, Kind] = {
    "fill_id": _WHOLE, "symbol": _TEXT, "instrument_id": _TEXT, "entry_session": _DAY, "quantity": _WHOLE,
    "entry_quantity": _WHOLE, "entry_price": _MONEY, "cost": _MONEY, **_CHARGES, "purpose": _TEXT, "order_id": _WHOLE,
    "trade_id": _TEXT,
}  # fmt: skip
RETURN_COLUMNS: Mapping[str, Kind] = {"date": _DAY, "return": Kind.RATIO, "equity": _MONEY}


def trades(history: TradeHistory, span: Span, noted: Noted) -> Table:
    """Return the trades whose sale is in a span."""
    rows = [
        {
            "id": item.id,
            "symbol": history.symbols[item.instrument_id],
            "instrument_id": item.instrument_id,
            "entry_session": item.trade.entry_session,
            "exit_session": item.trade.exit_session,
            "quantity": item.trade.quantity,
            "entry_quantity": item.trade.entry_quantity,
            "entry_price": item.trade.entry_price,
            "exit_price": item.trade.exit_price,
            "cost": item.trade.cost,
            "proceeds": item.trade.exit_price * item.trade.quantity,
            "gross": item.trade.gross,
            **_charges(item.lines),
            "net": item.trade.net,
            "entry_purpose": item.entry.purpose,
            "exit_purpose": item.exit_purpose,
            "entry_order": item.entry.order_id,
            "exit_order": item.exit.order_id if item.exit else None,
            "entry_trade_id": item.entry.trade_id,
            "exit_trade_id": item.exit.trade_id if item.exit else None,
            **_cells(noted.of_trade(item)),
        }
        for item in history.trades
        if span.contains(item.trade.exit_session, item.instrument_id)
    ]
    return Table("trades", TRADE_COLUMNS, rows)


def fills(history: TradeHistory, span: Span) -> Table:
    """Return the fills of a span, with the charges of all of their shares."""
    within = [item for item in history.fills if span.contains(item.session, item.instrument_id)]
    return Table("fills", FILL_COLUMNS, fill_rows(within))


def fill_rows(items: Iterable[ChargedFill]) -> list[dict[str, Any]]:
    """Return fills as rows of `FILL_COLUMNS`."""
    return [
        {
            **{name: getattr(item, name) for name in FILL_COLUMNS if name in item.__struct_fields__},
            "side": str(item.side),
            "value": item.quantity * item.price,
            **_charges(item.lines),
        }
        for item in items
    ]


def lots(history: TradeHistory, span: Span) -> Table:
    """Return the lots that are held at the end of a span, whenever they were bought, with the charges of their buys."""
    rows = [
        {
            "fill_id": item.entry.id,
            "symbol": history.symbols[item.instrument_id],
            "instrument_id": item.instrument_id,
            "entry_session": item.lot.session,
            "quantity": item.lot.quantity,
            "entry_quantity": item.lot.entry_quantity,
            "entry_price": item.lot.entry_price,
            "cost": item.lot.cost,
            **_charges(item.lines),
            "purpose": item.entry.purpose,
            "order_id": item.entry.order_id,
            "trade_id": item.entry.trade_id,
        }
        for item in history.lots
        if span.instrument_id in {"", item.instrument_id}
    ]
    return Table("lots", LOT_COLUMNS, rows)


def order_table(ledger: Ledger, span: Span, noted: Noted) -> Table:
    """Return the orders for the sessions of a span, with every column of the ledger."""
    kinds = {column.name: _kind(column.type) for column in orders.columns if column.name != "user"}
    query = select(orders).where(orders.c.user == ledger.user).order_by(orders.c.id)
    with ledger.database.read() as connection:
        found = [dict(row) for row in connection.execute(query).mappings()]
    rows = [
        {name: row[name] for name in kinds} | _cells(noted.of_order(row["id"]))
        for row in found
        if span.contains(row["session_date"], row["instrument_id"])
    ]
    return Table("orders", kinds | _NOTES, rows)


def returns(ledger: Ledger, span: Span) -> Table:
    """Return the daily return of the equity by the statistics of `eod`: equity / equity before - 1. The first compares with the
    capital."""
    days = ledger.statistics.all()
    equity = [ledger.users.get(ledger.user).capital, *(day.equity for day in days)]
    rows = [
        {"date": day.session_date, "return": now / before - 1, "equity": now}
        for day, (before, now) in zip(days, pairwise(equity), strict=True)
        if span.first <= day.session_date <= span.last and before
    ]
    return Table("returns", RETURN_COLUMNS, rows)


def _cells(notes: Sequence[Note]) -> dict[str, str]:
    return {"notes": texts(notes), "tags": " ".join(tags(notes))}


def _charges(lines: ChargeLines) -> dict[str, int]:
    return {**lines.by_name(), "charges": lines.total}


def _kind(stored: object) -> Kind:
    """Return the kind of a column of the ledger."""
    kinds: Iterable[tuple[type, Kind]] = (
        (Paise, _MONEY), (Moment, _MOMENT), (Date, _DAY), (Boolean, Kind.YES_NO), (Integer, _WHOLE), (Float, Kind.RATIO),
    )  # fmt: skip
    return next((kind for column, kind in kinds if isinstance(stored, column)), _TEXT)
