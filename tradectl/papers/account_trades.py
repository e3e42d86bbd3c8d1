"""Collect every trade of one account: the ledger's fills, and the outside trades that are not among them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import and_, func, select

from tradectl.errors import DataError, UsageError
from tradectl.ledger import schema
from tradectl.ledger.outside_trades import OutsideTrade, OutsideTrades
from tradectl.ledger.rows import BY_HAND
from tradectl.ledger.store import Ledger
from tradectl.model.market import ActionKind
from tradectl.model.money import to_rupees
from tradectl.model.order import Side
from tradectl.ports import MarketData
from tradectl.tax.events import Trade

FindInstrument = Callable[[str, date], str]
"""Return the instrument id of a symbol on a day."""


class LedgerFills(Struct, frozen=True):
    """The ledger's fills as trades, and the stored charges (paise) of each by trade id."""

    trades: tuple[Trade, ...]
    charges: Mapping[str, int]


def ledger_fills(ledger: Ledger) -> LedgerFills:
    """Return every fill of the user's account, also of trades that other programs made while tradectl ran."""
    rows = ledger.book.fills()
    numbers = {order.id: order.broker_order_id or "" for order in ledger.book.orders()}
    isins = _isins(ledger)
    trades = tuple(
        Trade(
            row.trade_id,
            row.instrument_id,
            row.symbol,
            Side(row.side),
            row.quantity,
            row.price,
            row.session_date,
            row.at,
            order_id=numbers.get(row.order_id, "") or (f"order {row.order_id}" if row.order_id else ""),
            isin=isins.get(row.instrument_id) or "",
        )
        for row in rows
    )
    return LedgerFills(trades, {row.trade_id: row.charges for row in rows})


def account_trades(ledger: Ledger, find: FindInstrument) -> list[Trade]:
    """Return every trade of the account once: fills, then outside trades that no fill records."""
    fills = ledger_fills(ledger).trades
    known = {(fill.session, fill.instrument, fill.side, name) for fill in fills for name in trade_names(fill.trade_id)}
    by_hand = {(fill.session, fill.order_id) for fill in fills if fill.trade_id.startswith(BY_HAND) and fill.order_id}
    found = list(fills)
    for item in OutsideTrades(ledger.database, ledger.user).all():
        instrument = find(item.symbol, item.session)
        recorded = (item.session, instrument, item.side, item.trade_id) in known
        if not recorded and (item.session, item.order_id) not in by_hand:
            found.append(as_trade(item, instrument))
    return found


def as_trade(item: OutsideTrade, instrument: str) -> Trade:
    """Return an outside trade as the tax computation takes it."""
    return Trade(
        trade_id=f"{item.exchange} {item.session} {item.trade_id}",
        instrument=instrument,
        symbol=item.symbol,
        side=item.side,
        quantity=item.quantity,
        price=item.price,
        session=item.session,
        at=item.at,
        order_id=item.order_id,
        isin=item.isin,
        source=f"{item.source} row {item.row}" if item.row else item.source,
        buyback=item.buyback,
        series=item.series,
    )


def with_series(trade: Trade, market: MarketData) -> Trade:
    """Return a trade with the series of its session's bar, if it has none and such a bar is stored."""
    if trade.series:
        return trade
    try:
        history = market.history(trade.instrument)
    except (UsageError, DataError):
        return trade
    index = history.index(trade.session) if history is not None else None
    return replace(trade, series=history.bar(index).series) if history is not None and index is not None else trade


def trade_names(trade_id: str) -> tuple[str, ...]:
    """Return the ids by which a paper may name a fill: the adapter of Kite writes `20250602-NSE-TRADE` for `TRADE`."""
    head, _, rest = trade_id.partition("-")
    exchange, _, bare = rest.partition("-")
    prefixed = len(head) == 8 and head.isdecimal() and exchange.isalpha() and bare
    return (trade_id, bare) if prefixed else (trade_id,)


def _isins(ledger: Ledger) -> dict[str, str | None]:
    table = schema.instruments
    with ledger.database.read() as connection:
        query = select(table.c.instrument_id, table.c.isin).where(table.c.user == ledger.user)
        return {row.instrument_id: row.isin for row in connection.execute(query)}


class FractionPaid(Struct, frozen=True):
    """The cash (paise) that the ledger counted for the fraction of a share that an action left of `held` shares; 0 for none."""

    instrument_id: str
    ex_date: date
    kind: str
    held: int
    cash: int


def fractions_paid(ledger: Ledger) -> list[FractionPaid]:
    """Return each action that changed the shares of a position, with its cash for a fraction of a share."""
    table, positions = schema.adjustments, schema.positions
    columns = (positions.c.instrument_id, table.c.ex_date, table.c.kind, table.c.quantity_before, table.c.cash)
    mine = and_(table.c.user == ledger.user, table.c.kind != ActionKind.DIVIDEND, table.c.kind != ActionKind.DEMERGER)
    with ledger.database.read() as connection:
        query = select(*columns).join(positions, positions.c.id == table.c.position_id).where(mine)
        return [FractionPaid(*row) for row in connection.execute(query)]


def dividends(ledger: Ledger, first: date, last: date) -> str:
    """Return the dividends (rupees as text) of the ledger's positions with an ex-date in a span."""
    table = schema.adjustments
    mine = and_(table.c.user == ledger.user, table.c.kind == ActionKind.DIVIDEND, table.c.ex_date.between(first, last))
    with ledger.database.read() as connection:
        return to_rupees(int(connection.scalar(select(func.sum(table.c.cash)).where(mine)) or 0))
