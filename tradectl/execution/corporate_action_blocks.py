"""Find corporate actions that block a held symbol: no sell rests, and the position is unprotected.

With a wrong number of shares a sell would offer missing shares, or a price of another scale. So nothing is sent from the ex-date
of an unknown action on, until a person decides about it. On the ex-date of a change of shares the broker must show
the number of shares before or after the change. Otherwise nothing is sent.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from tradectl.errors import BrokerUnavailable
from tradectl.execution import unreadable_rows
from tradectl.model.market import ActionKind

if TYPE_CHECKING:
    from tradectl.execution.trading_session import TradingSession
    from tradectl.ledger.rows import Position
    from tradectl.model.market import CorporateAction
    from tradectl.ports import MarketData

COMPARED = frozenset({ActionKind.SPLIT, ActionKind.BONUS, ActionKind.CONSOLIDATION, ActionKind.DEMERGER})
"""The actions on whose ex-date the broker's number of shares is compared with the book's."""


def unknown_action(market: MarketData, position: Position, session: date) -> str:
    """Return the unknown action since a position was opened, as the reason not to trade it; empty if there is none."""
    since = market.undecided().get(position.instrument_id)
    if since is None or since > session:
        return ""
    actions = market.actions(position.instrument_id, position.opened_session, session)
    unknown = [action for action in actions if action.kind is ActionKind.UNKNOWN]
    if not unknown:
        return ""
    return f"the corporate action of {unknown[0].ex_date} is unknown and may have changed the shares ({unknown[0].subject})"


def block_reason(trading: TradingSession, position: Position, session: date) -> str:
    """Return why nothing is sent for a position in a session; empty where nothing blocks it.

    The market data of a run do not change, so a position without an action is looked up once."""
    key = position.instrument_id, position.opened_session, session
    if key in trading.free_of_actions:
        return ""
    unknown = unknown_action(trading.market, position, session)
    if unknown:
        return unknown
    actions = trading.market.actions(position.instrument_id, session - timedelta(days=1), session)
    changed = [action for action in actions if action.kind in COMPARED]
    if not changed:
        trading.free_of_actions.add(key)
        return ""
    if position.opened_session >= session or _traded(trading, position, session):
        return ""
    try:
        holdings = trading.holdings()
    except BrokerUnavailable:
        return ""  # resting orders stay; without the holdings no sell is placed anyway
    if unreadable_rows.unreadable_holding(holdings, position.symbol) is not None:
        return ""
    shown = sum(item.quantity + item.t1_quantity + item.pledged for item in holdings if item.symbol == position.symbol)
    before = trading.book.shares_before(position.id, session)
    before = position.quantity if before is None else before
    if shown in _explained(before, position.quantity, trading.path.own_shares.get(position.symbol, 0)):
        return ""
    return (
        f"on its ex-date ({_subjects(changed)}) the broker shows {shown} shares, the ledger has {position.quantity} "
        f"({before} before it)"
    )


def _explained(before: int, now: int, own: int) -> set[int]:
    """Return the share counts that the broker may show, before or after the action.

    `own`: the user's declared own shares, which the action may have changed too."""
    return {before + own, now + own, now + own * now // before if before else now + own}


def _traded(trading: TradingSession, position: Position, session: date) -> bool:
    """Return whether shares of a position were traded in a session, which alone may explain a different number."""
    return any(row.instrument_id == position.instrument_id for row in trading.book.fills(session=session, ours=False))


def _subjects(actions: list[CorporateAction]) -> str:
    return " | ".join(action.subject or str(action.kind) for action in actions)
