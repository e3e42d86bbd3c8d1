"""What an ex-date does to the shares held: dividends on the quantity of the evening before, then the change of shares.

Several actions of one day are one change: the ratios are multiplied and only one fraction is paid out. New shares come as lots
of their own, which may be sold when the depository would have credited them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from fractions import Fraction
from itertools import accumulate
from operator import mul

from tradectl.brokers.paper.book import Book, Kind, Lot
from tradectl.model.market import ActionKind, CorporateAction, Instrument, changes_shares
from tradectl.model.money import share_out

CREDIT_SESSIONS = 2
OLD_BONUS_SESSIONS = 15
FAST_BONUS_SINCE = date(2024, 10, 1)
"""Bonus shares have been tradable on the second session since then (strategy.md, Corporate actions)."""


def apply_actions(
    book: Book, instrument: Instrument, actions: Sequence[CorporateAction], *, previous_close: int | None, at: datetime
) -> None:
    """Carry out one instrument's actions of one ex-date. `previous_close` (paise, as traded) values the fraction."""
    instrument_id, symbol = instrument.instrument_id, instrument.symbol
    held = sum(lot.quantity for lot in book.lots_of(instrument_id))
    for action in actions:
        if action.dividend:
            book.post(at, Kind.DIVIDEND, held * action.dividend, instrument_id=instrument_id, symbol=symbol, note=action.subject)
        if action.kind is ActionKind.DEMERGER:
            book.post(at, Kind.SPUN_OFF, 0, instrument_id=instrument_id, symbol=symbol, note=f"{held} shares: {action.subject}")
    changing = [action for action in actions if changes_shares(action)]
    if changing:
        fraction = _change_shares(book, instrument_id, changing, held)
        ratio = _product(changing)
        if fraction and previous_close:
            amount = _half_up(fraction * previous_close / ratio)
            note = f"{fraction} of a share at {previous_close}/{ratio} paise"
            book.post(at, Kind.CASH_IN_LIEU, amount, instrument_id=instrument_id, symbol=symbol, note=note)


def _change_shares(book: Book, instrument_id: str, actions: Sequence[CorporateAction], held: int) -> Fraction:
    """New quantities at unchanged total cost; the fraction of a share that is left over."""
    ratios: list[Fraction] = list(accumulate((action.ratio for action in actions), mul))
    exact = held * ratios[-1]
    whole = int(exact)
    lots = book.lots_of(instrument_id)
    if whole <= held or min(ratios) < 1:
        _exchange(book, lots, whole)
        return exact - whole
    totals = [held, *(int(held * ratio) for ratio in ratios)]
    for action, before, after in zip(actions, totals, totals[1:], strict=False):
        _credit(book, book.lots_of(instrument_id), after - before, sessions_until_credit(action))
    return exact - whole


def _credit(book: Book, lots: Sequence[Lot], added: int, locked: int) -> None:
    """`added` new shares, a part of them beside every lot, which hands over that part of its cost."""
    for lot, new in zip(lots, share_out(added, [lot.quantity for lot in lots]), strict=True):
        if new:
            kept, given = share_out(lot.cost, [lot.quantity, new])
            book.put_lot(replace(lot, cost=kept))
            book.add_lot(lot.instrument_id, new, given, lot.bought_on, delivered=lot.delivered, locked=max(locked, lot.locked))


def _exchange(book: Book, lots: Sequence[Lot], whole: int) -> None:
    """A consolidation: the shares are exchanged at once. A lot that vanishes leaves its cost to the oldest that stays; where
    none stays the cost remains on lots without shares, which the statement counts as lost."""
    quantities = share_out(whole, [lot.quantity for lot in lots])
    orphaned = sum(lot.cost for lot, quantity in zip(lots, quantities, strict=True) if not quantity) if whole else 0
    for lot, quantity in zip(lots, quantities, strict=True):
        if quantity:
            book.put_lot(replace(lot, quantity=quantity, cost=lot.cost + orphaned))
            orphaned = 0
        else:
            book.put_lot(replace(lot, quantity=0, cost=0 if whole else lot.cost))


def sessions_until_credit(action: CorporateAction) -> int:
    """How many sessions after its ex-date an action's new shares may be sold."""
    if action.kind is ActionKind.BONUS and action.ex_date < FAST_BONUS_SINCE:
        return OLD_BONUS_SESSIONS
    return CREDIT_SESSIONS


def _product(actions: Sequence[CorporateAction]) -> Fraction:
    ratio = Fraction(1)
    for action in actions:
        ratio *= action.ratio
    return ratio


def _half_up(value: Fraction) -> int:
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)
