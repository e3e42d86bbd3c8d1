"""Load accounts from the paper exchange's file and write their changes."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta

from tradectl.brokers.paper import instrument_ids
from tradectl.brokers.paper.account import REMEMBERED, AccountChanges, AppliedAction, CashEntry, EntryKind, ExchangeAccount
from tradectl.brokers.paper.exchange_file import ExchangeFile
from tradectl.brokers.paper.instrument_ids import FormerId
from tradectl.brokers.paper.quote_snapshots import QuoteSnapshot
from tradectl.brokers.paper.rows import (
    ENTRY_COLUMNS,
    LOT_COLUMNS,
    ORDER_COLUMNS,
    TRADE_COLUMNS,
    entry_of,
    entry_row,
    lot_of,
    lot_row,
    moment_of,
    order_of,
    order_row,
    text_of,
    trade_of,
    trade_row,
)  # fmt: skip
from tradectl.model.renames import Renames

SEEN_KEPT = timedelta(days=30)
"""How long the snapshots of a session are kept. The session is settled long before."""


class Store(ExchangeFile):
    """Read and write the accounts and the snapshots of one file."""

    def load(self, account: str, wanted: Collection[str] = ()) -> ExchangeAccount | None:
        """Return an account, None if it was never opened.

        The account has its lots, its live orders, and the orders and trades that are not older than `REMEMBERED`. `wanted`
        are tags of orders that it also has, with their trades, whatever their age.
        """
        with self._translated():
            query = self._connection.execute
            row = query("SELECT settled_at, day, changes, series FROM accounts WHERE account = ?", (account,)).fetchone()
            if row is None:
                return None
            settled_at, day = moment_of(row[0]), date.fromisoformat(row[1])
            since = text_of(settled_at - REMEMBERED)
            tags = ", ".join("?" * len(wanted))
            orders = query(
                f"SELECT {ORDER_COLUMNS} FROM orders WHERE account = ? AND (updated_at >= ? OR status IN ('PENDING', 'ONGOING') "
                f"OR tag IN ({tags})) ORDER BY placed_at, order_id",
                (account, since, *wanted),
            )
            trades = query(
                f"SELECT {TRADE_COLUMNS} FROM trades WHERE account = ? AND (at >= ? OR order_id IN "
                f"(SELECT order_id FROM orders WHERE account = ? AND tag IN ({tags}))) ORDER BY at, trade_id",
                (account, since, account, *wanted),
            )
            lots = query(f"SELECT {LOT_COLUMNS} FROM lots WHERE account = ? AND quantity > 0 ORDER BY lot_id", (account,))
            charges = query(
                "SELECT session, instrument_id, total FROM charges WHERE account = ? AND session >= ?", (account, row[1])
            )
            cash, last_entry = query(
                "SELECT coalesce(sum(amount), 0), coalesce(max(entry_id), 0) FROM cash_entries WHERE account = ?", (account,)
            ).fetchone()
            applied = query("SELECT instrument_id, ex_date, kind, subject FROM applied_actions WHERE account = ?", (account,))
            (last_lot,) = query("SELECT coalesce(max(lot_id), 0) FROM lots WHERE account = ?", (account,)).fetchone()
            return ExchangeAccount(
                account,
                settled_at,
                day,
                cash=cash,
                orders=map(order_of, orders),
                trades=map(trade_of, trades),
                lots=map(lot_of, lots),
                charges={(date.fromisoformat(session), instrument): total for session, instrument, total in charges},
                last_lot=last_lot,
                last_entry=last_entry,
                wanted=wanted,
                change_count=row[2],
                series=row[3],
                applied=(AppliedAction(name, date.fromisoformat(day), *rest) for name, day, *rest in applied.fetchall()),
            )

    def open(self, account: str, at: datetime, day: date) -> None:
        """Insert the account's row. Call it inside `writing`."""
        row = (account, text_of(at), text_of(at), day.isoformat())
        self._connection.execute("INSERT INTO accounts (account, opened_at, settled_at, day) VALUES (?, ?, ?, ?)", row)

    def open_with(
        self,
        account: str,
        at: datetime,
        day: date,
        cash: int,
        shares: Iterable[tuple[str, str, int, int]],
        *,
        bought: Sequence[date] = (),
    ) -> int:
        """Open an account with cash (paise) and shares that the ledger already has. Return the account's change count.

        `shares` holds (instrument id, symbol, quantity, cost in paise). `bought` has the date of each purchase; shares bought on
        `day` are not delivered yet. Without it all shares count as delivered. The corporate actions up to `day` count as applied.
        """
        book = ExchangeAccount(account, at, day)
        held = list(shares)
        dates = list(bought) or [day - timedelta(days=1)] * len(held)
        book.post(at, EntryKind.DEPOSIT, cash + sum(cost for *_, cost in held), note="carried over from the ledger")
        for (instrument_id, symbol, quantity, cost), bought_on in zip(held, dates, strict=True):
            book.add_lot(instrument_id, quantity, cost, bought_on, delivered=bought_on < day)
            book.post(at, EntryKind.BUY, -cost, instrument_id=instrument_id, symbol=symbol, note="carried over from the ledger")
        with self.writing():
            self.open(account, at, day)
            self.begin_series(account)
            self.write(book)
        return book.change_count

    def begin_series(self, account: str) -> None:
        """Begin a new series of order and trade numbers, so that no number is used twice. Call it inside `writing`."""
        self._connection.execute("UPDATE accounts SET series = ? WHERE account = ?", (secrets.token_hex(3), account))

    def write(self, book: ExchangeAccount) -> None:
        """Write the changes of an account and the moment up to which it is settled. Call it inside `writing`."""
        changes: AccountChanges = book.changes
        many, account = self._connection.executemany, book.account
        if changes.orders:
            many(_PUT_ORDER, [(account, *order_row(order)) for order in changes.orders.values()])
        if changes.trades:
            many(
                f"INSERT INTO trades (account, {TRADE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(account, *trade_row(trade)) for trade in changes.trades],
            )
        if changes.lots:
            many(
                f"INSERT OR REPLACE INTO lots (account, {LOT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(account, *lot_row(lot)) for lot in changes.lots.values()],
            )
        if changes.entries:
            many(
                f"INSERT INTO cash_entries (account, {ENTRY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(account, *entry_row(entry)) for entry in changes.entries],
            )
        if changes.charges:
            many(
                "INSERT OR REPLACE INTO charges VALUES (?, ?, ?, ?)",
                [(account, day.isoformat(), instrument, total) for (day, instrument), total in changes.charges.items()],
            )
        if changes.applied:
            many(
                "INSERT OR IGNORE INTO applied_actions VALUES (?, ?, ?, ?, ?)",
                [(account, item.instrument_id, item.ex_date.isoformat(), item.kind, item.subject) for item in changes.applied],
            )
        book.change_count += 1
        settled, day = text_of(book.settled_at), book.day.isoformat()
        self._connection.execute(
            "UPDATE accounts SET settled_at = ?, day = ?, changes = changes + 1 WHERE account = ?", (settled, day, account)
        )

    def former_ids(self, book: ExchangeAccount, renames: Renames) -> list[FormerId]:
        """Return the ids of an account's lots and live orders that are other ones by the present list of renames."""
        with self._translated():
            return instrument_ids.former_ids(self._connection, book, renames)

    def follow_renames(self, book: ExchangeAccount, renames: Renames, former: Sequence[FormerId]) -> None:
        """Give an account's rows of these ids the present ids. Call it inside `writing`, and read the account again."""
        instrument_ids.follow_renames(self._connection, book, renames, former)

    def remember(self, snapshots: Iterable[QuoteSnapshot]) -> None:
        """Store snapshots for all accounts of the file and delete old ones. The first snapshot of a moment is kept."""
        rows = [
            (
                item.session.isoformat(),
                item.instrument_id,
                text_of(item.at),
                item.last,
                item.open,
                item.high,
                item.low,
                item.volume,
            )
            for item in snapshots
        ]
        with self.writing():
            self._connection.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
            oldest = min(item[0] for item in rows)
            self._connection.execute("DELETE FROM seen WHERE session < ?", (_before(oldest),))

    def remember_untraded(self, instrument_ids: Iterable[str], session: date, at: datetime) -> None:
        """Store that instruments had no trade in a session up to `at`, and delete what is older than the snapshots."""
        rows = [(session.isoformat(), instrument_id, text_of(at)) for instrument_id in instrument_ids]
        with self.writing():
            self._connection.executemany("INSERT OR REPLACE INTO untraded VALUES (?, ?, ?)", rows)
            self._connection.execute("DELETE FROM untraded WHERE session < ?", (_before(session.isoformat()),))

    def untraded_until(self, instrument_id: str, session: date) -> datetime | None:
        """Return the last moment at which an instrument was read without a trade in a session, None if it never was."""
        query = "SELECT at FROM untraded WHERE session = ? AND instrument_id = ?"
        with self._translated():
            row = self._connection.execute(query, (session.isoformat(), instrument_id)).fetchone()
        return moment_of(row[0]) if row is not None else None

    def seen(self, instrument_id: str, session: date) -> tuple[QuoteSnapshot, ...]:
        """Return the snapshots of an instrument in a session, oldest first."""
        query = "SELECT at, last, open, high, low, volume FROM seen WHERE session = ? AND instrument_id = ? ORDER BY at"
        with self._translated():
            rows = self._connection.execute(query, (session.isoformat(), instrument_id)).fetchall()
        return tuple(QuoteSnapshot(instrument_id, session, moment_of(row[0]), *row[1:]) for row in rows)

    def cash_entries(self, account: str) -> list[CashEntry]:
        """Return every cash entry since the account was opened, oldest first."""
        with self._translated():
            query = f"SELECT {ENTRY_COLUMNS} FROM cash_entries WHERE account = ? ORDER BY entry_id"
            rows = self._connection.execute(query, (account,))
            return [entry_of(row) for row in rows]

    def realised(self, account: str) -> int:
        """Return the realised result (paise) before charges: of all sales, less the cost of shares that a consolidation ended."""
        with self._translated():
            query = self._connection.execute
            won = query("SELECT coalesce(sum(realised), 0) FROM trades WHERE account = ?", (account,)).fetchone()[0]
            lost = query("SELECT coalesce(sum(cost), 0) FROM lots WHERE account = ? AND quantity = 0", (account,)).fetchone()[0]
            return int(won) - int(lost)


_PUT_ORDER = f"INSERT OR REPLACE INTO orders (account, {ORDER_COLUMNS}) VALUES ({', '.join('?' * 21)})"


def _before(session: str) -> str:
    """Return the date (ISO) before which no snapshot is kept."""
    return (date.fromisoformat(session) - SEEN_KEPT).isoformat()
