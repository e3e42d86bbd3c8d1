"""Apply the corporate actions of an ex-date to held shares.

Dividends are paid first, on the quantity of the evening before; then the shares change. Several actions of one day apply in
sequence, and each pays cash for its own fraction. New shares are separate lots, which may be sold when the depository would
have credited them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction

from msgspec.structs import replace

from tradectl.brokers.paper.account import AppliedAction, EntryKind, ExchangeAccount, Lot
from tradectl.exchange.bonus_lockup import sessions_locked
from tradectl.model.market import ActionKind, CorporateAction, Instrument, changes_shares
from tradectl.model.money import share_out
from tradectl.model.position import fraction_cash, shares_after


def apply_actions(
    book: ExchangeAccount, instrument: Instrument, actions: Sequence[CorporateAction], *, previous_close: int | None, at: datetime
) -> None:
    """Apply one instrument's actions of one ex-date. `previous_close` (paise, as traded) is the price of a fraction."""
    instrument_id, symbol = instrument.instrument_id, instrument.symbol
    held = sum(lot.quantity for lot in book.lots_of(instrument_id))
    for action in actions:
        book.note_applied(applied_action(action, instrument_id))
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


def applied_action(action: CorporateAction, instrument_id: str) -> AppliedAction:
    """Return what identifies an action of an instrument."""
    return AppliedAction(instrument_id, action.ex_date, str(action.kind), action.subject)


def _change_shares(book: ExchangeAccount, instrument_id: str, action: CorporateAction, added: int) -> None:
    """Change the quantities of all lots by `added` shares in total. The total cost stays."""
    lots = book.lots_of(instrument_id)
    if added > 0:
        _credit(book, lots, added, sessions_locked(action))
    else:
        _exchange(book, lots, sum(lot.quantity for lot in lots) + added)


def _credit(book: ExchangeAccount, lots: Sequence[Lot], added: int, locked: int) -> None:
    """Add new shares: one new lot for each lot, with its part of the shares and of the cost."""
    for lot, new in zip(lots, share_out(added, [lot.quantity for lot in lots]), strict=True):
        if new:
            kept, given = share_out(lot.cost, [lot.quantity, new])
            book.put_lot(replace(lot, cost=kept))
            book.add_lot(lot.instrument_id, new, given, lot.bought_on, delivered=lot.delivered, locked=max(locked, lot.locked))


def _exchange(book: ExchangeAccount, lots: Sequence[Lot], whole: int) -> None:
    """Consolidate the lots to `whole` shares. The cost of a lot that ends goes to the oldest lot that stays.

    If no lot stays, the cost remains on lots without shares, and the statement counts it as a loss.
    """
    quantities = share_out(whole, [lot.quantity for lot in lots])
    orphaned = sum(lot.cost for lot, quantity in zip(lots, quantities, strict=True) if not quantity) if whole else 0
    for lot, quantity in zip(lots, quantities, strict=True):
        if quantity:
            book.put_lot(replace(lot, quantity=quantity, cost=lot.cost + orphaned))
            orphaned = 0
        else:
            book.put_lot(replace(lot, quantity=0, cost=0 if whole else lot.cost))
