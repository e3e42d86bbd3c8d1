"""Compute the lots and gains of a home's account from its ledger, its imported papers and its market data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from tradectl.errors import DataError, UsageError
from tradectl.ledger.store import Ledger
from tradectl.model.market import ActionKind, CorporateAction
from tradectl.model.money import to_rupees
from tradectl.papers.account_trades import FindInstrument, account_trades, fractions_paid, ledger_fills, with_series
from tradectl.papers.lists import read_fair_values, read_tax_actions
from tradectl.ports import MarketData
from tradectl.settings import FAIR_VALUES, TAX_ACTIONS
from tradectl.tax.account import AccountTax, account_tax
from tradectl.tax.events import ActionType, ShareAction, Trade
from tradectl.tax.lot import Lot
from tradectl.world import World

_KINDS = {
    ActionKind.SPLIT: ActionType.SPLIT,
    ActionKind.BONUS: ActionType.BONUS,
    ActionKind.CONSOLIDATION: ActionType.CONSOLIDATION,
    ActionKind.DEMERGER: ActionType.DEMERGER,
}
NEAR = timedelta(days=10)
"""Two actions of one kind and instrument within this time are one, of which one list has another date."""


class Account(Struct, frozen=True):
    """What an account's taxes are computed from, and the result. `notes`: what a person should know or decide."""

    tax: AccountTax
    trades: tuple[Trade, ...]
    actions: tuple[ShareAction, ...]
    tariff: str
    notes: tuple[str, ...]


def read_account(world: World, home: Path, today: date) -> Account:
    """Return the lots and gains of the user's account up to today. Raises DataError for a damaged list of the home."""
    find = _finder(world.market)
    trades = [trade for trade in account_trades(world.ledger, find) if trade.session <= today]
    trades = [with_series(_with_isin(trade, world.market), world.market) for trade in trades]
    own = [_by_instrument(item, find) for item in read_tax_actions(home / TAX_ACTIONS)]
    notes: list[str] = []
    announced = _announced(sorted({trade.instrument for trade in trades}), trades, world.market, today, notes)
    actions = _with_cash(_settled(own, announced), world.ledger)
    tariff, stored = world.ledger.tariff, ledger_fills(world.ledger).charges
    past = [item for item in actions if item.ex_date <= today]
    found = account_tax(trades, past, read_fair_values(home / FAIR_VALUES), tariff, stored)
    notes += _other_charges(found, tariff.title)
    lots = tuple(replace(lot, symbol=_present_symbol(lot, world.market, today)) for lot in found.matched.lots)
    named = replace(found, matched=replace(found.matched, lots=lots))
    return Account(named, tuple(trades), tuple(actions), tariff.title, tuple(notes))


def _present_symbol(lot: Lot, market: MarketData, today: date) -> str:
    """Return the symbol of an open lot today; that of its purchase if the market data do not have it."""
    try:
        return market.instrument(market.find(lot.symbol, lot.acquired or today), today).symbol
    except (UsageError, DataError):
        return lot.symbol


def check_tax_actions(actions: Sequence[ShareAction], market: MarketData) -> None:
    """Refuse a list with an action that is announced for another date near its own. Raises DataError."""
    find = _finder(market)
    for item in actions:
        own = _by_instrument(item, find)
        try:
            listed = market.actions(own.instrument, own.ex_date - NEAR - timedelta(days=1), own.ex_date + NEAR)
        except (UsageError, DataError):
            continue
        for other in (_share_action(known) for known in listed if known.kind in _KINDS):
            if _near(own, other):
                raise DataError(
                    f"{item.instrument}: the {item.kind} of {item.ex_date} is announced for {other.ex_date}; give that date "
                    "as its ex_date, or it would count twice"
                )


def _settled(own: Sequence[ShareAction], announced: Sequence[ShareAction]) -> list[ShareAction]:
    """Return the user's actions, and the announced ones that they do not replace."""
    actions = [
        replace(item, doubts=(*item.doubts, "action_date_unsure")) if any(_near(item, other) for other in announced) else item
        for item in own
    ]
    return [*actions, *(item for item in announced if not any(_near(item, other) or _same(item, other) for other in own))]


def _same(one: ShareAction, other: ShareAction) -> bool:
    return (one.instrument, one.ex_date, one.kind) == (other.instrument, other.ex_date, other.kind)


def _near(one: ShareAction, other: ShareAction) -> bool:
    """Return whether two actions are of one kind and instrument, and their dates differ by at most ten days."""
    same = (one.instrument, one.kind) == (other.instrument, other.kind)
    return same and one.ex_date != other.ex_date and abs(one.ex_date - other.ex_date) <= NEAR


def _with_cash(actions: Sequence[ShareAction], ledger: Ledger) -> list[ShareAction]:
    """Return the actions, those that the ledger applied to a position with the cash that it counted for a fraction of a share."""
    paid = {(item.instrument_id, item.ex_date, item.kind): item for item in fractions_paid(ledger)}
    found = []
    for action in actions:
        own = paid.get((action.instrument, action.ex_date, str(action.kind)))
        found.append(replace(action, cash=own.cash, held=own.held) if own is not None else action)
    return found


def _finder(market: MarketData) -> FindInstrument:
    def find(symbol: str, day: date) -> str:
        try:
            return market.find(symbol, day)
        except (UsageError, DataError):  # unknown there, or no market data at all
            return symbol

    return find


def _other_charges(tax: AccountTax, table: str) -> list[str]:
    """Return notes on charges of the ledger's fills that are by another table, and on those that no table gives."""
    found = [day for day in tax.charges if day.table not in {"", table}]
    notes = [
        f"{_days(own)}: the charges that the ledger has stored are those of the table {title}, which counts here"
        for title in sorted({day.table for day in found})
        if (own := [day.session for day in found if day.table == title])
    ]
    wrong = [day for day in tax.charges if day.difference]
    if wrong:
        total = to_rupees(sum(day.difference for day in wrong))
        notes.append(
            f"{_days([day.session for day in wrong])}: no table gives the charges that the ledger has stored. They count; the "
            f"{total} in all that they differ by from the table {table} are not deducted"
        )
    return notes


def _days(sessions: Sequence[date]) -> str:
    """Return dates as text: `2025-04-07`, or `3 days, 2025-04-07 to 2025-05-02`."""
    days = sorted(set(sessions))
    return f"{days[0]}" if len(days) == 1 else f"{len(days)} days, {days[0]} to {days[-1]}"


def _with_isin(trade: Trade, market: MarketData) -> Trade:
    """Return a trade with the ISIN of the imported instrument list, if it has none."""
    if trade.isin:
        return trade
    try:
        return replace(trade, isin=market.instrument(trade.instrument, trade.session).isin or "")
    except (UsageError, DataError):
        return trade


def _by_instrument(item: ShareAction, find: FindInstrument) -> ShareAction:
    """Return an action of the user's list under the instrument ids of its symbols."""
    to = find(item.to, item.ex_date) if item.to else ""
    return replace(item, instrument=find(item.instrument, item.ex_date), to=to)


def _announced(
    instruments: Sequence[str], trades: Sequence[Trade], market: MarketData, today: date, notes: list[str]
) -> list[ShareAction]:
    """Return the corporate actions of the market data since the first trade of each instrument."""
    found: list[ShareAction] = []
    unknown: list[str] = []
    for instrument in instruments:
        first = min(trade.session for trade in trades if trade.instrument == instrument)
        try:
            listed = market.actions(instrument, first, today)
        except (UsageError, DataError):
            unknown.append(instrument)
            continue
        for item in listed:
            if item.kind in _KINDS:
                found.append(_share_action(item))
            elif item.kind is ActionKind.UNKNOWN:
                notes.append(
                    f"{instrument} {item.ex_date}: {item.subject or 'a corporate action'} is not decided "
                    f"(`tradectl data actions list --symbol {instrument}`)"
                )
    if unknown:
        notes.append(
            f"no market data of {', '.join(unknown)}: splits, bonuses and demergers count only from `import tax-actions`"
        )
    return found


def _share_action(item: CorporateAction) -> ShareAction:
    ratio = Fraction(1) if item.kind is ActionKind.DEMERGER else item.ratio
    return ShareAction(item.instrument_id, item.ex_date, _KINDS[item.kind], ratio, source=item.subject)
