"""The paper exchange's own SQLite file: loading a book and writing what changed in it.

WAL, explicit transactions (`BEGIN IMMEDIATE` before anything is decided), synchronous=FULL unless the file is to be thrown
away. Another process's commit is noticed by `PRAGMA data_version`, which costs a few microseconds and no transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from tradectl.brokers.paper.book import REMEMBERED, Book, Changes, Entry, Kind, Lot, Order, Trade
from tradectl.errors import DatabaseError
from tradectl.model.order import OrderStatus, OrderType, Side, Variety

VERSION = 1
BUSY_SECONDS = 10.0

SCHEMA = """
CREATE TABLE accounts (
    account TEXT PRIMARY KEY,
    opened_at TEXT NOT NULL,
    settled_at TEXT NOT NULL,
    day TEXT NOT NULL
);
CREATE TABLE orders (
    account TEXT NOT NULL REFERENCES accounts,
    order_id TEXT NOT NULL,
    tag TEXT,
    instrument_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('BUY', 'SELL')),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    price INTEGER NOT NULL CHECK (price >= 0),
    order_type TEXT NOT NULL CHECK (order_type IN ('LIMIT', 'MARKET')),
    variety TEXT NOT NULL CHECK (variety IN ('REGULAR', 'AMO')),
    status TEXT NOT NULL CHECK (status IN ('PENDING', 'ONGOING', 'EXECUTED', 'REJECTED', 'CANCELLED')),
    placed_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    active_at TEXT NOT NULL,
    session TEXT,
    filled INTEGER NOT NULL CHECK (filled BETWEEN 0 AND quantity),
    passive INTEGER NOT NULL CHECK (passive IN (0, 1)),
    modifications INTEGER NOT NULL,
    blocked INTEGER NOT NULL CHECK (blocked >= 0),
    reason TEXT NOT NULL,
    PRIMARY KEY (account, order_id)
);
CREATE INDEX orders_by_update ON orders (account, updated_at);
CREATE TABLE trades (
    account TEXT NOT NULL REFERENCES accounts,
    trade_id TEXT NOT NULL,
    order_id TEXT NOT NULL,
    instrument_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('BUY', 'SELL')),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    price INTEGER NOT NULL CHECK (price > 0),
    at TEXT NOT NULL,
    session TEXT NOT NULL,
    realised INTEGER NOT NULL,
    unsettled INTEGER NOT NULL,
    PRIMARY KEY (account, trade_id),
    FOREIGN KEY (account, order_id) REFERENCES orders
);
CREATE INDEX trades_by_time ON trades (account, at);
CREATE TABLE lots (
    account TEXT NOT NULL REFERENCES accounts,
    lot_id INTEGER NOT NULL,
    instrument_id TEXT NOT NULL,
    quantity INTEGER NOT NULL CHECK (quantity >= 0),
    cost INTEGER NOT NULL CHECK (cost >= 0),
    bought_on TEXT NOT NULL,
    delivered INTEGER NOT NULL CHECK (delivered IN (0, 1)),
    locked INTEGER NOT NULL CHECK (locked >= 0),
    PRIMARY KEY (account, lot_id)
);
CREATE TABLE journal (
    account TEXT NOT NULL REFERENCES accounts,
    entry_id INTEGER NOT NULL,
    at TEXT NOT NULL,
    session TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('deposit', 'buy', 'sell', 'charges', 'dividend', 'cash_in_lieu', 'spun_off')),
    amount INTEGER NOT NULL,
    instrument_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (account, entry_id)
);
CREATE TABLE charges (
    account TEXT NOT NULL REFERENCES accounts,
    session TEXT NOT NULL,
    instrument_id TEXT NOT NULL,
    total INTEGER NOT NULL CHECK (total >= 0),
    PRIMARY KEY (account, session, instrument_id)
);
"""

ORDER_COLUMNS = (
    "order_id, tag, instrument_id, symbol, side, quantity, price, order_type, variety, status, placed_at, updated_at, active_at, "
    "session, filled, passive, modifications, blocked, reason"
)
TRADE_COLUMNS = "trade_id, order_id, instrument_id, symbol, side, quantity, price, at, session, realised, unsettled"
LOT_COLUMNS = "lot_id, instrument_id, quantity, cost, bought_on, delivered, locked"
ENTRY_COLUMNS = "entry_id, at, session, kind, amount, instrument_id, symbol, note"


class Store:
    """One connection to one file. Every sqlite error leaves as a `DatabaseError` of one line."""

    def __init__(self, file: Path, *, durable: bool = True) -> None:
        self._file = file
        with self._translated():
            self._connection = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None, cached_statements=64)
        try:
            self._prepare(durable)
        except DatabaseError:
            self._connection.close()
            raise

    def _prepare(self, durable: bool) -> None:
        with self._translated():
            execute = self._connection.execute
            version = execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise DatabaseError(f"{self._file} was written by a newer version ({version}, this one knows {VERSION})")
            if execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                execute("PRAGMA journal_mode = WAL")
            execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
            execute("PRAGMA foreign_keys = ON")
        if version == 0:
            with self.writing():
                if not self._connection.execute("PRAGMA user_version").fetchone()[0]:
                    self._create()

    def _create(self) -> None:
        if self._connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise DatabaseError(f"{self._file} is a database of something else")
        for statement in SCHEMA.split(";"):
            self._connection.execute(statement)
        self._connection.execute(f"PRAGMA user_version = {VERSION}")

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise DatabaseError(f"paper exchange {self._file}: {error}") from error

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction that holds the file's only write lock from its first moment; all of it happens or nothing."""
        with self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One unchanging view of the file for several reads."""
        with self._translated():
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("ROLLBACK")

    def version(self) -> int:
        """A number that changes when another connection has committed."""
        try:
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error as error:
            raise DatabaseError(f"paper exchange {self._file}: {error}") from error

    def load(self, account: str) -> Book | None:
        """The account's book, with what is alive, held, or not older than `REMEMBERED`; None if it was never opened."""
        with self._translated():
            query = self._connection.execute
            row = query("SELECT settled_at, day FROM accounts WHERE account = ?", (account,)).fetchone()
            if row is None:
                return None
            settled_at, day = _moment(row[0]), date.fromisoformat(row[1])
            since = _text(settled_at - REMEMBERED)
            orders = query(
                f"SELECT {ORDER_COLUMNS} FROM orders WHERE account = ? AND (updated_at >= ? OR status IN ('PENDING', 'ONGOING')) "
                "ORDER BY placed_at, order_id",
                (account, since),
            )
            trades = query(
                f"SELECT {TRADE_COLUMNS} FROM trades WHERE account = ? AND at >= ? ORDER BY at, trade_id", (account, since)
            )
            lots = query(f"SELECT {LOT_COLUMNS} FROM lots WHERE account = ? AND quantity > 0 ORDER BY lot_id", (account,))
            charges = query(
                "SELECT session, instrument_id, total FROM charges WHERE account = ? AND session >= ?", (account, row[1])
            )
            cash, last_entry = query(
                "SELECT coalesce(sum(amount), 0), coalesce(max(entry_id), 0) FROM journal WHERE account = ?", (account,)
            ).fetchone()
            (last_lot,) = query("SELECT coalesce(max(lot_id), 0) FROM lots WHERE account = ?", (account,)).fetchone()
            return Book(
                account,
                settled_at,
                day,
                cash=cash,
                orders=map(_order, orders),
                trades=map(_trade, trades),
                lots=map(_lot, lots),
                charges={(date.fromisoformat(session), instrument): total for session, instrument, total in charges},
                last_lot=last_lot,
                last_entry=last_entry,
            )

    def open(self, account: str, at: datetime, day: date) -> None:
        """Write the account's first row; inside `writing`."""
        self._connection.execute("INSERT INTO accounts VALUES (?, ?, ?, ?)", (account, _text(at), _text(at), day.isoformat()))

    def write(self, book: Book) -> None:
        """Write what changed in a book, and how far it has come; inside `writing`."""
        changes: Changes = book.changes
        many, account = self._connection.executemany, book.account
        if changes.orders:
            marks = ", ".join("?" * 20)
            many(
                f"INSERT OR REPLACE INTO orders (account, {ORDER_COLUMNS}) VALUES ({marks})",
                [(account, *_order_row(order)) for order in changes.orders.values()],
            )
        if changes.trades:
            many(
                f"INSERT INTO trades (account, {TRADE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(account, *_trade_row(trade)) for trade in changes.trades],
            )
        if changes.lots:
            many(
                f"INSERT OR REPLACE INTO lots (account, {LOT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(account, *_lot_row(lot)) for lot in changes.lots.values()],
            )
        if changes.entries:
            many(
                f"INSERT INTO journal (account, {ENTRY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(account, *_entry_row(entry)) for entry in changes.entries],
            )
        if changes.charges:
            many(
                "INSERT OR REPLACE INTO charges VALUES (?, ?, ?, ?)",
                [(account, day.isoformat(), instrument, total) for (day, instrument), total in changes.charges.items()],
            )
        settled, day = _text(book.settled_at), book.day.isoformat()
        self._connection.execute("UPDATE accounts SET settled_at = ?, day = ? WHERE account = ?", (settled, day, account))

    def journal(self, account: str) -> list[Entry]:
        """Every movement of cash since the account was opened, oldest first."""
        with self._translated():
            query = f"SELECT {ENTRY_COLUMNS} FROM journal WHERE account = ? ORDER BY entry_id"
            rows = self._connection.execute(query, (account,))
            return [_entry(row) for row in rows]

    def realised(self, account: str) -> int:
        """Paise won or lost so far, before charges: by all sales, and by shares that a consolidation wiped out."""
        with self._translated():
            query = self._connection.execute
            won = query("SELECT coalesce(sum(realised), 0) FROM trades WHERE account = ?", (account,)).fetchone()[0]
            lost = query("SELECT coalesce(sum(cost), 0) FROM lots WHERE account = ? AND quantity = 0", (account,)).fetchone()[0]
            return int(won) - int(lost)


def _text(moment: datetime) -> str:
    """A moment as sortable text in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


Row = tuple[object, ...]


def _order_row(order: Order) -> Row:
    return (
        order.order_id, order.tag, order.instrument_id, order.symbol, order.side.value, order.quantity, order.price,
        order.order_type.value, order.variety.value, order.status.value, _text(order.placed_at), _text(order.updated_at),
        _text(order.active_at), order.session.isoformat() if order.session else None, order.filled, int(order.passive),
        order.modifications, order.blocked, order.reason,
    )  # fmt: skip


def _order(row: sqlite3.Row) -> Order:
    (order_id, tag, instrument_id, symbol, side, quantity, price, order_type, variety, status, placed, updated, active, session,
     filled, passive, modifications, blocked, reason) = row  # fmt: skip
    return Order(
        order_id, tag, instrument_id, symbol, Side(side), quantity, price, OrderType(order_type), Variety(variety),
        OrderStatus(status), _moment(placed), _moment(updated), _moment(active),
        date.fromisoformat(session) if session else None, filled, bool(passive), modifications, blocked, reason,
    )  # fmt: skip


def _trade_row(trade: Trade) -> Row:
    return (
        trade.trade_id, trade.order_id, trade.instrument_id, trade.symbol, trade.side.value, trade.quantity, trade.price,
        _text(trade.at), trade.session.isoformat(), trade.realised, trade.unsettled,
    )  # fmt: skip


def _trade(row: sqlite3.Row) -> Trade:
    trade_id, order_id, instrument_id, symbol, side, quantity, price, at, session, realised, unsettled = row
    return Trade(
        trade_id, order_id, instrument_id, symbol, Side(side), quantity, price, _moment(at), date.fromisoformat(session),
        realised, unsettled,
    )  # fmt: skip


def _lot_row(lot: Lot) -> Row:
    return (lot.lot_id, lot.instrument_id, lot.quantity, lot.cost, lot.bought_on.isoformat(), int(lot.delivered), lot.locked)


def _lot(row: sqlite3.Row) -> Lot:
    lot_id, instrument_id, quantity, cost, bought_on, delivered, locked = row
    return Lot(lot_id, instrument_id, quantity, cost, date.fromisoformat(bought_on), bool(delivered), locked)


def _entry_row(entry: Entry) -> Row:
    return (
        entry.entry_id, _text(entry.at), entry.session.isoformat(), entry.kind.value, entry.amount, entry.instrument_id,
        entry.symbol, entry.note,
    )  # fmt: skip


def _entry(row: sqlite3.Row) -> Entry:
    entry_id, at, session, kind, amount, instrument_id, symbol, note = row
    return Entry(entry_id, _moment(at), date.fromisoformat(session), Kind(kind), amount, instrument_id, symbol, note)
