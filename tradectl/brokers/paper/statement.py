"""Compute the statement of an account. Every figure is a sum over stored rows; together they must give the cash to the paisa."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from msgspec import Struct

from tradectl.brokers.paper.account import CashEntry, EntryKind, ExchangeAccount


class HoldingLine(Struct, frozen=True):
    """Hold the shares of one symbol and their cost in paise, without charges."""

    symbol: str
    quantity: int
    cost: int

    @property
    def average(self) -> int:
        """Return the cost per share (paise), rounded half-up, to show to people."""
        return (2 * self.cost + self.quantity) // (2 * self.quantity)


class Statement(Struct, frozen=True):
    """Hold the statement of an account, in paise.

    Args:
        charges: By session and symbol.
        realised: Proceeds less cost of all sales before charges, less the cost of shares that a consolidation ended.
        cash_entries: Every movement of cash since the account was opened.
    """

    account: str
    at: datetime
    cash: int
    deposits: int
    holdings: tuple[HoldingLine, ...]
    charges: dict[tuple[date, str], int]
    dividends: int
    cash_in_lieu: int
    realised: int
    cash_entries: tuple[CashEntry, ...]

    @property
    def charges_total(self) -> int:
        return sum(self.charges.values())

    @property
    def difference(self) -> int:
        """Return cash plus holdings at cost, less deposits and results (paise): 0 if the account is consistent."""
        owned = self.cash + sum(line.cost for line in self.holdings)
        return owned - (self.deposits + self.realised + self.dividends + self.cash_in_lieu - self.charges_total)


def draw_up(
    book: ExchangeAccount, symbols: dict[str, str], realised: int, entries: Sequence[CashEntry], *, at: datetime
) -> Statement:
    """Return the statement. `symbols` maps each held instrument id to its symbol; `realised` is as in `Statement` (paise)."""
    holdings: dict[str, HoldingLine] = {}
    for lot in book.lots.values():
        line = holdings.get(lot.instrument_id, HoldingLine(symbols[lot.instrument_id], 0, 0))
        holdings[lot.instrument_id] = HoldingLine(line.symbol, line.quantity + lot.quantity, line.cost + lot.cost)
    charges: dict[tuple[date, str], int] = {}
    for entry in entries:
        if entry.kind is EntryKind.CHARGES:
            key = entry.session, entry.symbol
            charges[key] = charges.get(key, 0) - entry.amount

    def total(kind: EntryKind) -> int:
        return sum(entry.amount for entry in entries if entry.kind is kind)

    return Statement(
        account=book.account,
        at=at,
        cash=book.cash,
        deposits=total(EntryKind.DEPOSIT),
        holdings=tuple(sorted(holdings.values(), key=lambda line: line.symbol)),
        charges=charges,
        dividends=total(EntryKind.DIVIDEND),
        cash_in_lieu=total(EntryKind.CASH_IN_LIEU),
        realised=realised,
        cash_entries=tuple(entries),
    )
