"""Store the trades of a broker's tradebook, or entered by hand. They count for lots and taxes and change no position."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from msgspec import Struct
from sqlalchemy import and_, select

from tradectl.ledger.engine import Database
from tradectl.ledger.schema import outside_trades as rows
from tradectl.ledger.upserts import upsert_rows
from tradectl.model.money import Paise
from tradectl.model.order import Side

KEY = ("user", "session_date", "exchange", "trade_id")


class OutsideTrade(Struct, frozen=True):
    """One trade of the account. `source` and `row`: the file and its line, or `by hand` and 0. `price` in paise.

    `series`: that of the exchange on the day, or empty."""

    session: date
    exchange: str
    trade_id: str
    symbol: str
    side: Side
    quantity: int
    price: Paise
    at: datetime
    isin: str = ""
    order_id: str = ""
    buyback: bool = False
    series: str = ""
    source: str = "by hand"
    row: int = 0

    @property
    def key(self) -> tuple[date, str, str]:
        """Return what identifies the trade: an exchange gives an id once a day."""
        return self.session, self.exchange, self.trade_id

    def is_same(self, other: OutsideTrade) -> bool:
        """Return whether another record has the same content, wherever it was recorded."""
        names = [name for name in self.__struct_fields__ if name not in {"source", "row"}]
        return all(getattr(self, name) == getattr(other, name) for name in names)


class Merge(Struct, frozen=True):
    """What an import would change: new trades, equal ones, and pairs (stored, read) that differ."""

    new: tuple[OutsideTrade, ...]
    same: tuple[OutsideTrade, ...]
    differing: tuple[tuple[OutsideTrade, OutsideTrade], ...]


class OutsideTrades:
    """The outside trades of one user."""

    def __init__(self, database: Database, user: str) -> None:
        self._database = database
        self._user = user

    def all(self) -> list[OutsideTrade]:
        """Return every trade, oldest first."""
        with self._database.read() as connection:
            found = connection.execute(select(rows).where(rows.c.user == self._user).order_by(rows.c.at, rows.c.trade_id)).all()
        return [
            OutsideTrade(
                session=row.session_date,
                exchange=row.exchange,
                trade_id=row.trade_id,
                symbol=row.symbol,
                side=Side(row.side),
                quantity=row.quantity,
                price=row.price,
                at=row.at,
                isin=row.isin,
                order_id=row.order_id,
                buyback=row.buyback,
                series=row.series,
                source=row.source,
                row=row.row,
            )
            for row in found
        ]

    def compare(self, trades: Sequence[OutsideTrade]) -> Merge:
        """Return what storing these trades would change."""
        stored = {trade.key: trade for trade in self.all()}
        known = [(stored[trade.key], trade) for trade in trades if trade.key in stored]
        return Merge(
            tuple(trade for trade in trades if trade.key not in stored),
            tuple(trade for old, trade in known if old.is_same(trade)),
            tuple((old, trade) for old, trade in known if not old.is_same(trade)),
        )

    def store(self, trades: Sequence[OutsideTrade], now: datetime) -> None:
        """Store trades in one transaction, in place of those with the same key."""
        values = [
            {
                "user": self._user, "session_date": trade.session, "exchange": trade.exchange, "trade_id": trade.trade_id,
                "symbol": trade.symbol, "isin": trade.isin, "side": trade.side, "quantity": trade.quantity, "price": trade.price,
                "at": trade.at, "order_id": trade.order_id, "buyback": trade.buyback, "series": trade.series,
                "source": trade.source, "row": trade.row, "imported_at": now,
            }
            for trade in trades
        ]  # fmt: skip
        if values:
            with self._database.write() as connection:
                upsert_rows(connection, rows, KEY, values)

    def remove(self, session: date, trade_id: str) -> int:
        """Remove a trade of a session; return how many were removed."""
        mine = and_(rows.c.user == self._user, rows.c.session_date == session, rows.c.trade_id == trade_id)
        with self._database.write() as connection:
            return connection.execute(rows.delete().where(mine)).rowcount
