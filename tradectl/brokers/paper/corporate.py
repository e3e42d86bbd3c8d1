"""What an ex-date does to the shares held: dividends on the quantity of the evening before, then the change of shares.

Several actions of one day come one after the other, each paying its own fraction. New shares come as lots
of their own, which may be sold when the depository would have credited them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction

from tradectl.brokers.paper.account import EntryKind, ExchangeAccount, Lot
from tradectl.exchange.bonus_lockup import sessions_locked
from tradectl.model.market import ActionKind, CorporateAction, Instrument, changes_shares
from tradectl.model.money import share_out
from tradectl.model.position import fraction_cash, shares_after


def apply_actions(
    book: ExchangeAccount, instrument: Instrument, actions: Sequence[CorporateAction], *, previous_close: int | None, at: datetime
) -> None:
    """Carry out one instrument's actions of one ex-date. `previous_close` (paise, as traded) values the fraction."""
    instrument_id, symbol = instrument.instrument_id, instrument.symbol
    held = sum(lot.quantity for lot in book.lots_of(instrument_id))
    for action in actions:
        if action.dividend:
            book.post(
                at, EntryKind.DIVIDEND, held * action.dividend, instrument_id=instrument_id, symbol=symbol, note=action.subject
            )
        if action.kind is ActionKind.DEMERGER:
            book.post(
                at, EntryKind.SPUN_OFF, 0, instrument_id=instrument_id, symbol=symbol, note=f"{held} shares: {action.subject}"
            )
    close = Fraction(previous_close or 0)
    for action in filter(changes_shares, actions):
        held = sum(lot.quantity for lot in book.lots_of(instrument_id))
        amount = fraction_cash(held, action.ratio, close)
        _change_shares(book, instrument_id, action, shares_after(held, action.ratio) - held)
        close /= action.ratio
        if amount:
            book.post(
                at,
                EntryKind.CASH_IN_LIEU,
                amount,
                instrument_id=instrument_id,
                symbol=symbol,
                note=f"a fraction of {action.kind}",
            )


def _change_shares(book: ExchangeAccount, instrument_id: str, action: CorporateAction, added: int) -> None:
    """Set new quantities at unchanged total cost."""
    lots = book.lots_of(instrument_id)
    if added > 0:
        _credit(book, lots, added, sessions_locked(action))
    else:
        _exchange(book, lots, sum(lot.quantity for lot in lots) + added)


def _credit(book: ExchangeAccount, lots: Sequence[Lot], added: int, locked: int) -> None:
    """Add new shares: a lot beside every lot, with its part of the shares and of the cost."""
    for lot, new in zip(lots, share_out(added, [lot.quantity for lot in lots]), strict=True):
        if new:
            kept, given = share_out(lot.cost, [lot.quantity, new])
            book.put_lot(replace(lot, cost=kept))
            book.add_lot(lot.instrument_id, new, given, lot.bought_on, delivered=lot.delivered, locked=max(locked, lot.locked))


def _exchange(book: ExchangeAccount, lots: Sequence[Lot], whole: int) -> None:
    """Consolidate the lots. A lot that vanishes leaves its cost to the oldest that stays. Where none stays, the cost remains on
    lots without shares, which the statement counts as lost."""
    quantities = share_out(whole, [lot.quantity for lot in lots])
    orphaned = sum(lot.cost for lot, quantity in zip(lots, quantities, strict=True) if not quantity) if whole else 0
    for lot, quantity in zip(lots, quantities, strict=True):
        if quantity:
            book.put_lot(replace(lot, quantity=quantity, cost=lot.cost + orphaned))
            orphaned = 0
        else:
            book.put_lot(replace(lot, quantity=0, cost=0 if whole else lot.cost))
