"""Keep the buys of each strategy within its share of the capital."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec import Struct

from tradectl.model.money import show_rupees
from tradectl.model.order import Side
from tradectl.model.refusal import Refusal, RefusalCode
from tradectl.model.rule_names import REVERSION

if TYPE_CHECKING:
    from tradectl.execution.buying import DayResult, PlannedBuy
    from tradectl.execution.trading_session import TradingSession
    from tradectl.ledger.rows import Order, OrderTerms
    from tradectl.ledger.store import Ledger


class StrategyShares(Struct, frozen=True):
    """The shares of the used strategies, by name. Empty: none was chosen, so the shipped rule has all the capital."""

    shares: Mapping[str, Decimal] = {}

    @classmethod
    def of(cls, ledger: Ledger, owner: str) -> StrategyShares:
        """Return the shares that a user chose; without a choice those of the user `owner`, whose signals are bought."""
        chosen = ledger.strategies.chosen()
        if not chosen and owner != ledger.user:
            chosen = ledger.for_user(owner).strategies.chosen()
        return cls({item.name: item.share for item in chosen})

    def refusal(
        self,
        trading: TradingSession,
        day: DayResult,
        buy: OrderTerms,
        quantity: int,
        price: int,
        *,
        planned: Sequence[PlannedBuy] = (),
        instead_of: int | None = None,
    ) -> Refusal | None:
        """Return why a buy would take a strategy above its share; None if it would not. `price` in paise.

        Args:
            planned: The buys of a list before it, while the list is made.
            instead_of: The id of the live order that the buy changes.
        """
        name = buy.strategy
        if not self.shares and name == REVERSION:
            return None
        share = self.shares.get(name)
        if share is None:
            text = f"{name} is not used any more, so it buys nothing; `tradectl strategy use {name}` uses it again"
            return Refusal(RefusalCode.STRATEGY_DROPPED, text)
        if share >= 1:
            return None
        held = sum(position.cost for position in trading.snapshot.positions if position.strategy == name)
        live = sum(order.remaining * order.price for order in self._live(trading, buy) if order.id != instead_of)
        listed = sum(item.value for item in planned if item.strategy == name)
        most, cost = int(share * day.equity), quantity * price
        if held + live + listed + cost <= most:
            return None
        text = (
            f"{name} may use {share * 100:g} % of {show_rupees(day.equity)}, that is {show_rupees(most)}: it has "
            f"{show_rupees(held + live + listed)} in shares and buys, and this buy costs {show_rupees(cost)}"
        )
        return Refusal(RefusalCode.STRATEGY_SHARE, text)

    @property
    def limits(self) -> bool:
        """Return whether a strategy has only a part of the capital."""
        return any(share < 1 for share in self.shares.values())

    @staticmethod
    def _live(trading: TradingSession, buy: OrderTerms) -> list[Order]:
        """Return the live buys of the strategy of a buy. An order of unknown outcome that is the buy itself is left out."""
        mine = (order for order in trading.snapshot.orders if order.strategy == buy.strategy and order.side is Side.BUY)
        live = (order for order in mine if order.alive and not order.waiting)
        return [order for order in live if order.instrument_id != buy.instrument_id or not trading.may_repeat(order)]


NO_SHARES = StrategyShares()
"""No strategy was chosen."""
