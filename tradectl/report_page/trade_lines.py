"""Make the lines of a report from the accounts: closed trades, shares that are held, and the charges of all fills by kind.

The accounts of a ledger and those of a backtest give the same lines.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import asdict

from tradectl.accounts.charge_lines import in_table, summed
from tradectl.accounts.charged_trades import BY_HAND, CORPORATE_ACTION, ChargedFill, ClosedTrade, OpenLot
from tradectl.model.money import Paise
from tradectl.report_page.content import TradeLine

RULES = {BY_HAND: "external", CORPORATE_ACTION: "corporate action"}
"""What a report writes for a purpose that is of no order."""


def closed_line(item: ClosedTrade) -> TradeLine:
    """Return the line of a closed trade."""
    trade = item.trade
    return TradeLine(
        symbol=trade.symbol,
        instrument_id=item.instrument_id,
        entry_session=trade.entry_session,
        exit_session=trade.exit_session,
        quantity=trade.quantity,
        entry_price=trade.entry_price,
        exit_price=trade.exit_price,
        cost=trade.cost,
        gross=trade.gross,
        charges=trade.charges,
        net=trade.net,
        entry_rule=_rule(item.entry.purpose),
        exit_rule=_rule(item.exit_purpose),
        entry_at=item.entry.at,
        exit_at=item.exit.at if item.exit is not None else None,
    )


def held_line(item: OpenLot, symbol: str, last: Paise | None) -> TradeLine:
    """Return the line of shares that are still held, at their last price (paise), or at cost without one."""
    lot = item.lot
    gross = lot.quantity * last - lot.cost if last is not None else 0
    return TradeLine(
        symbol=symbol,
        instrument_id=item.instrument_id,
        entry_session=lot.session,
        exit_session=None,
        quantity=lot.quantity,
        entry_price=lot.entry_price,
        exit_price=last,
        cost=lot.cost,
        gross=gross,
        charges=lot.charges,
        net=gross - lot.charges,
        entry_rule=_rule(item.entry.purpose),
        entry_at=item.entry.at,
    )


def charges_by_kind(fills: Iterable[ChargedFill]) -> dict[str, Paise]:
    """Return the charges of the fills of positions by kind, without kinds of zero. They sum to the stored charges."""
    total = summed([item.lines for item in fills if item.position_id is not None])
    by_kind = {**asdict(in_table(total)), "other": total.other}
    return {kind: amount for kind, amount in by_kind.items() if amount}


def _rule(purpose: str) -> str:
    return RULES.get(purpose, purpose)
