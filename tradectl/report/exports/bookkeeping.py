"""Keep books by double entry: capital, buys, sales, charges by account, dividends and corporate actions, exact to the paisa.

`beancount` and `ledger_cli` write it. A lot has the id of the fill that bought it. A sale takes each lot at its cost,
so its result is the gross of `pnl`. After a split, bonus or demerger the cost of one share may have more decimals than a paisa:
the fraction of a paisa that a part of such a lot leaves is in `Equity:Rounding`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from fractions import Fraction
from typing import TYPE_CHECKING

from msgspec import Struct

from tradectl.accounts.charge_lines import ChargeLines
from tradectl.accounts.charged_trades import ChargedFill, ClosedTrade
from tradectl.accounts.lot_changes import LotChange, lot_changes
from tradectl.accounts.noted import Noted, tags, texts
from tradectl.accounts.trade_history import TradeHistory, read_history
from tradectl.model.moment import ist_date
from tradectl.model.money import Paise
from tradectl.model.order import Side

if TYPE_CHECKING:
    from tradectl.ledger.store import Ledger

CASH, SHARES, SPUN_OFF = "Assets:Broker:Cash", "Assets:Broker:Shares", "Assets:Broker:Spun-Off"
GAINS, DIVIDENDS, IN_LIEU = "Income:Trading:Gains", "Income:Trading:Dividends", "Income:Trading:Cash-In-Lieu"
CAPITAL, ROUNDING, OUTSIDE = "Equity:Capital", "Equity:Rounding", "Equity:Outside-Tradectl"
CHARGES = {
    "brokerage": "Expenses:Charges:Brokerage", "stt": "Expenses:Charges:STT", "exchange": "Expenses:Charges:Exchange",
    "sebi": "Expenses:Charges:SEBI", "stamp": "Expenses:Charges:Stamp-Duty", "gst": "Expenses:Charges:GST",
    "dp": "Expenses:Charges:DP", "ipft": "Expenses:Charges:IPFT", "other": "Expenses:Charges:Other",
}  # fmt: skip
ACCOUNTS = (CASH, SHARES, SPUN_OFF, GAINS, DIVIDENDS, IN_LIEU, *CHARGES.values(), CAPITAL, ROUNDING, OUTSIDE)


class LotPart(Struct, frozen=True):
    """Shares of one lot, put in (quantity above 0) or taken out.

    Attributes:
        lot: The id of the fill that bought it.
        unit: The exact cost of one share in paise.
        total: The cost of all shares put in (paise).
        price: The price of a trade (paise); None for a corporate action.
    """

    symbol: str
    quantity: int
    lot: str
    bought: date
    unit: Fraction
    total: Paise = 0
    price: Paise | None = None


class Posting(Struct, frozen=True):
    """An amount on an account (paise) or shares. Without both it is what the others leave: a fraction of a paisa."""

    account: str
    amount: Paise | None = None
    part: LotPart | None = None


class Transaction(Struct, frozen=True):
    """A transaction. `facts`: order, trade id, purpose and notes."""

    day: date
    text: str
    postings: tuple[Posting, ...]
    facts: dict[str, str] = {}
    tags: tuple[str, ...] = ()


class Bookkeeping(Struct, frozen=True):
    """All entries by time, and what the ledger has at the end: cash (paise) and shares by symbol."""

    entries: tuple[Transaction, ...]
    symbols: tuple[str, ...]
    cash: Paise
    shares: dict[str, int]


def bookkeeping(ledger: Ledger) -> Bookkeeping:
    """Return the whole bookkeeping of the ledger's user. Raises DatabaseError, UncoveredDate."""
    history, noted = read_history(ledger), Noted(ledger.notes.all())
    user = ledger.users.get(ledger.user)
    entries = _Transactions(history, noted)
    events: list[tuple[datetime, int, ChargedFill | LotChange]] = [(item.at, 0, item) for item in lot_changes(ledger)]
    events += [(item.at, 1, item) for item in history.fills]
    for _, _, event in sorted(events, key=lambda event: event[:2]):
        entries.add(event)
    found = sorted([*entries.found, *_credits(history)], key=lambda item: item.day)
    begins = min([ist_date(user.created_at), *(item.day for item in found)])
    found.insert(0, Transaction(begins, "Capital", _two(CASH, CAPITAL, user.capital)))
    shares: defaultdict[str, int] = defaultdict(int)
    for item in history.lots:
        shares[history.symbols[item.instrument_id]] += item.lot.quantity
    traded = sorted({history.symbols[item.instrument_id] for item in history.fills if item.booked})
    return Bookkeeping(tuple(found), tuple(traded), ledger.book.cash(), {symbol: shares[symbol] for symbol in traded})


def _credits(history: TradeHistory) -> list[Transaction]:
    found: list[Transaction] = []
    for item in history.credits:
        symbol = history.symbols[item.instrument_id]
        for text, account, amount in (("Dividend", DIVIDENDS, item.dividend), ("Cash in lieu", IN_LIEU, item.cash_in_lieu)):
            if amount:
                found.append(Transaction(item.ex_date, f"{text} {symbol}", _two(CASH, account, amount)))
    return found


def _two(to: str, source: str, amount: Paise) -> tuple[Posting, ...]:
    return Posting(to, amount), Posting(source, -amount)


class _Transactions:
    """Makes the entries of fills and corporate actions in the order of time, and knows the cost of each lot meanwhile."""

    def __init__(self, history: TradeHistory, noted: Noted) -> None:
        self.found: list[Transaction] = []
        self._symbols, self._noted = history.symbols, noted
        self._sold: defaultdict[int, list[ClosedTrade]] = defaultdict(list)
        for item in history.trades:
            if item.exit is not None:
                self._sold[item.exit.id].append(item)
        self._units: dict[str, Fraction] = {}
        self._bought: dict[str, date] = {}

    def add(self, event: ChargedFill | LotChange) -> None:
        """Add the entry of an event."""
        self.found.append(self._change(event) if isinstance(event, LotChange) else self._fill(event))

    def _fill(self, fill: ChargedFill) -> Transaction:
        sign = -1 if fill.side is Side.BUY else 1
        postings = self._bought_part(fill) if fill.side is Side.BUY else self._sold_parts(fill)
        postings += [Posting(account, amount) for account, amount in _charged(fill.booked_lines)]
        outside = fill.lines.total - fill.booked_lines.total - sign * (fill.quantity - fill.booked) * fill.price
        if outside:
            postings.append(Posting(OUTSIDE, outside))
        postings.append(Posting(CASH, sign * fill.quantity * fill.price - fill.lines.total))
        trades = self._sold[fill.id]
        if any(self._units[item.trade.entry_fill].denominator > 1 for item in trades):
            postings.append(Posting(ROUNDING))
        notes = sorted(
            {note.id: note for item in trades for note in self._noted.of_trade(item)}.values(), key=lambda note: note.id
        )
        notes = notes or self._noted.of_order(fill.order_id)
        facts = {"trade_id": fill.trade_id, "order": str(fill.order_id or ""), "purpose": fill.purpose, "note": texts(notes)}
        text = f"{fill.side} {fill.quantity} {self._symbols[fill.instrument_id]}"
        return Transaction(
            fill.session, text, tuple(postings), {name: fact for name, fact in facts.items() if fact}, tuple(tags(notes))
        )

    def _bought_part(self, fill: ChargedFill) -> list[Posting]:
        if not fill.booked:
            return []
        lot, symbol = str(fill.id), self._symbols[fill.instrument_id]
        self._units[lot], self._bought[lot] = Fraction(fill.price), fill.session
        total = fill.booked * fill.price
        return [Posting(SHARES, part=LotPart(symbol, fill.booked, lot, fill.session, self._units[lot], total, fill.price))]

    def _sold_parts(self, fill: ChargedFill) -> list[Posting]:
        found = [
            Posting(SHARES, part=self._taken(item.instrument_id, item.trade.entry_fill, item.trade.quantity, fill.price))
            for item in self._sold[fill.id]
        ]
        gross = sum(item.trade.gross for item in self._sold[fill.id])
        return [*found, Posting(GAINS, -gross)] if found else []

    def _taken(self, instrument_id: str, lot: str, quantity: int, price: Paise | None) -> LotPart:
        return LotPart(self._symbols[instrument_id], -quantity, lot, self._bought[lot], self._units[lot], 0, price)

    def _change(self, change: LotChange) -> Transaction:
        """Return the entry that replaces all lots of a position."""
        symbol = self._symbols[change.instrument_id]
        postings = [
            Posting(SHARES, part=self._taken(change.instrument_id, lot.fill_id, lot.quantity, None)) for lot in change.before
        ]
        for lot in change.after:
            self._units[lot.fill_id] = Fraction(lot.cost, lot.quantity)
            bought = self._bought[lot.fill_id]
            postings.append(
                Posting(SHARES, part=LotPart(symbol, lot.quantity, lot.fill_id, bought, self._units[lot.fill_id], lot.cost))
            )
        postings += [Posting(account, cost) for account, cost in ((SPUN_OFF, change.spun_off), (GAINS, change.ended)) if cost]
        return Transaction(change.ex_date, f"{change.kind} {symbol}", (*postings, Posting(ROUNDING)))


def _charged(lines: ChargeLines) -> Sequence[tuple[str, Paise]]:
    return [(CHARGES[name], amount) for name, amount in lines.by_name().items() if amount]
