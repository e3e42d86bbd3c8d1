"""Derive the instrument ids in the exchange's file again after the list of renames has changed.

As in the ledger (`ledger/instrument_ids.py`), the symbol of a row and its day are the facts. A lot has no symbol: the trade or
the cash entry of its day has it. The exchange does this on its own, each time it reads an account, because it shares no
transaction with the ledger.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import date

from msgspec import Struct

from tradectl.brokers.paper.account import ExchangeAccount
from tradectl.brokers.paper.rows import moment_of
from tradectl.model.moment import ist_date
from tradectl.model.renames import Renames


class FormerId(Struct, frozen=True):
    """An id of an account's lots or live orders that is another one by the present list."""

    before: str
    now: str


def former_ids(connection: sqlite3.Connection, book: ExchangeAccount, renames: Renames) -> list[FormerId]:
    """Return the ids of an account's lots and live orders that are other ones now. Raises sqlite3.Error."""
    found: dict[FormerId, None] = {}
    for lot in book.lots.values():
        if renames.may_be_former(lot.instrument_id):
            names = _Names(connection, book.account, lot.instrument_id, renames)
            found[FormerId(lot.instrument_id, names.owner(lot.bought_on))] = None
    for order in book.live.values():
        now = renames.owner_of(order.instrument_id, order.symbol, ist_date(order.placed_at))
        found[FormerId(order.instrument_id, now)] = None
    return [item for item in found if item.before != item.now]


def follow_renames(connection: sqlite3.Connection, book: ExchangeAccount, renames: Renames, former: Sequence[FormerId]) -> None:
    """Give all rows of these ids the present ids, inside the caller's transaction. The account must be read again afterwards."""
    for before in dict.fromkeys(item.before for item in former):
        names = _Names(connection, book.account, before, renames)
        key = {"account": book.account, "before": before}
        for table, day in (("trades", "session"), ("cash_entries", "session"), ("orders", "placed_at")):
            _change_symbols(connection, table, day, key, renames)
        for table, day in (("lots", "bought_on"), ("charges", "session"), ("applied_actions", "ex_date")):
            _change_days(connection, table, day, key, names)
        _change_snapshots(connection, before, renames)
    for order in book.live.values():
        now = renames.owner_of(order.instrument_id, order.symbol, ist_date(order.placed_at))
        connection.execute(
            "UPDATE orders SET symbol = ? WHERE account = ? AND order_id = ?",
            (renames.name_on(now, book.day), book.account, order.order_id),
        )


class _Names:
    """The symbols under which an account traded one id."""

    def __init__(self, connection: sqlite3.Connection, account: str, instrument_id: str, renames: Renames) -> None:
        query = (
            "SELECT session, symbol FROM trades WHERE account = :account AND instrument_id = :before "
            "UNION SELECT session, symbol FROM cash_entries WHERE account = :account AND instrument_id = :before AND kind = 'buy'"
        )
        rows = connection.execute(query, {"account": account, "before": instrument_id})
        self._symbols = {date.fromisoformat(session): str(symbol) for session, symbol in rows}
        self._instrument_id, self._renames = instrument_id, renames

    def owner(self, day: date) -> str:
        """Return the present id of what the account had of this id on a day."""
        known = [session for session in self._symbols if session <= day]
        symbol, named = (self._symbols[max(known)], max(known)) if known else (self._instrument_id, day)
        return self._renames.owner_of(self._instrument_id, symbol, named)


def _change_symbols(connection: sqlite3.Connection, table: str, day: str, key: dict[str, str], renames: Renames) -> None:
    """Change the rows of a table with symbols."""
    query = f"SELECT DISTINCT symbol, {day} FROM {table} WHERE account = :account AND instrument_id = :before"
    for symbol, text in connection.execute(query, key).fetchall():
        on = ist_date(moment_of(text)) if "T" in text else date.fromisoformat(text)
        connection.execute(
            f"UPDATE {table} SET instrument_id = :now WHERE account = :account AND instrument_id = :before "
            f"AND symbol = :symbol AND {day} = :day",
            {**key, "now": renames.owner_of(key["before"], symbol, on), "symbol": symbol, "day": text},
        )


def _change_days(connection: sqlite3.Connection, table: str, day: str, key: dict[str, str], names: _Names) -> None:
    """Change the rows of a table without symbols. Charges of one session under both ids are added up."""
    query = f"SELECT DISTINCT {day} FROM {table} WHERE account = :account AND instrument_id = :before"
    for (text,) in connection.execute(query, key).fetchall():
        now = names.owner(date.fromisoformat(text))
        row = {**key, "now": now, "day": text}
        if now == key["before"]:
            continue
        of_day = f"account = :account AND instrument_id = :before AND {day} = :day"
        if table == "charges":
            connection.execute(
                "INSERT INTO charges SELECT account, session, :now, total FROM charges "
                f"WHERE {of_day} ON CONFLICT DO UPDATE SET total = total + excluded.total",
                row,
            )
            connection.execute(f"DELETE FROM charges WHERE {of_day}", row)
        else:
            connection.execute(f"UPDATE OR IGNORE {table} SET instrument_id = :now WHERE {of_day}", row)


def _change_snapshots(connection: sqlite3.Connection, before: str, renames: Renames) -> None:
    """Change the quote snapshots, which have the id only: under a former id it is the symbol of their session."""
    for (session,) in connection.execute("SELECT DISTINCT session FROM seen WHERE instrument_id = ?", (before,)).fetchall():
        row = {"now": renames.owner(before, date.fromisoformat(session)), "before": before, "session": session}
        query = "UPDATE OR IGNORE seen SET instrument_id = :now WHERE instrument_id = :before AND session = :session"
        connection.execute(query, row)
