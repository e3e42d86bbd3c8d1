"""A ledger whose fills a test writes through the book, so that positions and charges follow as in trading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from tradectl.ledger import schema
from tradectl.ledger.migrations import create_or_upgrade
from tradectl.ledger.opening import open_database
from tradectl.ledger.rows import NewTrade
from tradectl.ledger.store import Ledger
from tradectl.model.market import ActionKind
from tradectl.model.moment import at_ist
from tradectl.model.order import OrderStatus, Purpose, Side, TradeReport
from tradectl.model.position import Adjustment, shares_after
from tradectl.papers.account_trades import ledger_fills
from tradectl.tax.account import AccountTax, account_tax
from tradectl.tax.events import ActionType, ShareAction

CAPITAL = 1_000_000_00
"""Paise."""
ENTRY, REENTRY, TARGET, RSI_EXIT = Purpose.ENTRY, Purpose.REENTRY, Purpose.TARGET, Purpose.RSI_EXIT


@dataclass
class Accounts:
    """One user's ledger; `buy` and `sell` write an order and its fill. Prices in paise."""

    ledger: Ledger
    count: int = 0
    minutes: dict[date, int] = field(default_factory=dict)

    @classmethod
    def in_folder(cls, folder: Path, user: str = "asha") -> Accounts:
        database = open_database(folder / "ledger.db", durable=False)
        create_or_upgrade(database)
        return cls(Ledger(database, user)).open()

    def open(self) -> Accounts:
        self.ledger.users.add(self.ledger.user, capital=CAPITAL, created_at=datetime(2020, 1, 1, tzinfo=UTC), role="admin")
        return self

    def for_user(self, user: str) -> Accounts:
        """Return the accounts of a new user of the same ledger."""
        return Accounts(Ledger(self.ledger.database, user)).open()

    def buy(self, day: date, quantity: int, price: int, symbol: str = "ACME", purpose: Purpose = ENTRY) -> int:
        return self.fill(day, Side.BUY, quantity, price, symbol, purpose)

    def sell(self, day: date, quantity: int, price: int, symbol: str = "ACME", purpose: Purpose | None = TARGET) -> int:
        return self.fill(day, Side.SELL, quantity, price, symbol, purpose)

    def fill(self, day: date, side: Side, quantity: int, price: int, symbol: str, purpose: Purpose | None) -> int:
        """Write a fill and return its order's id; with a purpose of None it belongs to no order, and the id is 0."""
        self.count += 1
        self.minutes[day] = self.minutes.get(day, 0) + 1
        at = (at_ist(day, time(9, 15)) + timedelta(minutes=self.minutes[day])).astimezone(UTC)
        order = None if purpose is None else self.ledger.book.order(self._order(day, side, quantity, price, symbol, purpose, at))
        report = TradeReport(
            f"X{self.count}", "" if order is None else order.broker_order_id or "", symbol, side, quantity, price, at
        )
        self.ledger.book.follow([], [NewTrade(report, symbol, day, order)], at)
        return 0 if order is None else order.id

    def _order(self, day: date, side: Side, quantity: int, price: int, symbol: str, purpose: Purpose, at: datetime) -> int:
        values: dict[str, Any] = {
            "tag": f"TAG{self.count:012}", "instrument_id": symbol, "symbol": symbol, "side": side, "purpose": purpose,
            "quantity": quantity, "price": price, "order_type": "LIMIT", "variety": "REGULAR", "status": OrderStatus.ONGOING,
            "session_date": day, "decided": day, "leg": f"leg{self.count}", "generation": 0, "created_at": at, "updated_at": at,
            "broker_order_id": f"B{self.count}",
        }  # fmt: skip
        with self.ledger.database.write() as connection:
            key = connection.execute(insert(schema.orders).values(user=self.ledger.user, **values)).inserted_primary_key
        assert key is not None
        return int(key[0])

    def act(
        self, day: date, kind: ActionKind, symbol: str = "ACME", *, ratio: Fraction = Fraction(1), kept: Fraction = Fraction(1),
        cash: int = 0,
    ) -> None:  # fmt: skip
        """Apply a corporate action before the day's trading to the open position of a symbol, if there is one."""
        for position in self.ledger.book.snapshot().positions:
            if position.symbol == symbol:
                at = at_ist(day, time(8)).astimezone(UTC)
                action = Adjustment(kind, day, at, ratio, kept, cash)
                self.ledger.book.adjust(position, action, position.quantity, shares_after(position.quantity, ratio))

    def held(self, symbol: str = "ACME") -> int:
        return sum(position.quantity for position in self.ledger.book.snapshot().positions if position.symbol == symbol)


def rows_of(ledger: Ledger) -> Sequence[Any]:
    """Return the user's rows of `fills`, by time, as stored."""
    return ledger.book.fills()


def tax_of(ledger: Ledger) -> AccountTax:
    """Return the lots and gains of a ledger's fills, with the corporate actions that it applied to its positions."""
    with ledger.database.read() as connection:
        table, positions = schema.adjustments, schema.positions
        query = select(table, positions.c.instrument_id).join(positions, positions.c.id == table.c.position_id)
        rows = connection.execute(query.where(table.c.user == ledger.user, table.c.kind != ActionKind.DIVIDEND)).all()
    actions = [
        ShareAction(
            row.instrument_id,
            row.ex_date,
            ActionType(row.kind),
            Fraction(row.ratio),
            cash=row.cash,
            held=row.quantity_before,
        )
        for row in rows
    ]
    fills = ledger_fills(ledger)
    return account_tax(fills.trades, actions, {}, ledger.tariff, fills.charges)
