"""Apply splits, bonuses, dividends, demergers and new names to open positions, each once and in order."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from datetime import date, datetime, timedelta
from fractions import Fraction

from tradectl.exchange.corporate_actions import BEFORE_THE_DAY
from tradectl.execution.step_view import StepView
from tradectl.ledger.book import Book
from tradectl.ledger.rows import Position
from tradectl.model.market import ActionKind, CorporateAction
from tradectl.model.moment import at_ist
from tradectl.model.position import Adjustment, fraction_cash, shares_after
from tradectl.ports import MarketData

OpenOf = Callable[[Position], int | None]
"""Returns the day's open (paise) of a position's instrument; None while it has not traded today."""


def none_pending(seen: StepView, market: MarketData) -> bool:
    """Return whether no open position has had a corporate action or a new name since it was opened."""
    today = seen.today
    return not any(
        market.actions(position.instrument_id, position.opened_session, today)
        or market.instrument(position.instrument_id, today).symbol != position.symbol
        for position in seen.snapshot.positions
    )


def first_action(book: Book, seen: StepView, market: MarketData) -> datetime | None:
    """Return the moment of the first corporate action not yet applied to an open position; None where all are applied."""
    today = seen.today
    waiting = []
    for position in seen.snapshot.positions:
        actions = market.actions(position.instrument_id, position.opened_session, today)
        done = {ex_date for _, ex_date in book.applied(position.id)} if actions else set()
        waiting += [action.ex_date for action in actions if action.ex_date not in done and _touches(action)]
    return at_ist(min(waiting), BEFORE_THE_DAY) if waiting else None


def _touches(action: CorporateAction) -> bool:
    """Return whether an action changes shares that are held."""
    return action.ratio != 1 or action.dividend > 0 or action.kind is ActionKind.DEMERGER


def apply_actions(book: Book, seen: StepView, market: MarketData, open_of: OpenOf) -> list[str]:
    """Apply corporate actions and renames up to today to open positions; return lines to log.

    `open_of` is called where a demerger waits for the day's open.
    """
    lines = []
    today = seen.today
    for position in seen.snapshot.positions:
        named = market.instrument(position.instrument_id, today)
        if named.symbol != position.symbol:
            book.rename(position.instrument_id, named.symbol)
            lines.append(f"{position.symbol} has the new symbol {named.symbol}")
        actions = market.actions(position.instrument_id, position.opened_session, today)
        if not actions:
            continue
        done = book.applied(position.id)
        for adjustment in _adjustments(position, market, today, open_of, done):
            before = book.folded(position.id).quantity
            book.adjust(position, adjustment, before, shares_after(before, adjustment.ratio))
            lines.append(f"{position.symbol}: {adjustment.kind} of {adjustment.ex_date}")
    return lines


def _adjustments(
    position: Position, market: MarketData, today: date, open_of: OpenOf, done: AbstractSet[tuple[str, date]]
) -> list[Adjustment]:
    """Return the adjustments of a position that have not been applied.

    Dividends come first, on the quantity before the day's change of shares. Splits and bonuses of one day are applied one after
    the other. A demerger is applied once the day's open is known."""
    actions = market.actions(position.instrument_id, position.opened_session, today)
    found: list[Adjustment] = []
    quantity = position.quantity
    for ex_date in sorted({action.ex_date for action in actions}):
        of_day = [action for action in actions if action.ex_date == ex_date]
        at = at_ist(ex_date, BEFORE_THE_DAY)
        dividend = sum(action.dividend for action in of_day)
        if dividend and ("dividend", ex_date) not in done:
            found.append(Adjustment(ActionKind.DIVIDEND, ex_date, at, Fraction(1), Fraction(1), dividend * quantity))
        history = market.history(position.instrument_id)
        index = history.last_index(ex_date - timedelta(days=1)) if history else -1
        close = Fraction(int(history.close[index])) if history is not None and index >= 0 else Fraction(0)
        for action in of_day:
            if action.ratio != 1 and (str(action.kind), ex_date) not in done:
                cash = fraction_cash(quantity, action.ratio, close)
                found.append(Adjustment(action.kind, ex_date, at + timedelta(seconds=1), action.ratio, Fraction(1), cash))
                quantity = shares_after(quantity, action.ratio)
            close /= action.ratio
        if any(action.kind is ActionKind.DEMERGER for action in of_day) and ("demerger", ex_date) not in done:
            opened = open_of(position) if ex_date == today else _stored_open(market, position.instrument_id, ex_date)
            if opened is not None and close:
                kept = min(Fraction(1), opened / close)
                found.append(Adjustment(ActionKind.DEMERGER, ex_date, at + timedelta(seconds=2), Fraction(1), kept, 0))
    return found


def _stored_open(market: MarketData, instrument_id: str, session: date) -> int | None:
    """Return the open (paise) of a session's stored bar; None without a bar."""
    history = market.history(instrument_id)
    index = history.index(session) if history is not None else None
    return int(history.open[index]) if history is not None and index is not None else None
