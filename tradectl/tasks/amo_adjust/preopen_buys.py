"""Send the buys that waited for the exchange to open: those of a broker that takes no after-market orders.

`buy` recorded them in the evening without sending, as regular orders. Here each is judged on the final bars, fitted to the price
and to the limits of the account, and sent under the tag that it was recorded with. What a process leaves behind that dies on the
way either never was marked as being sent, and is sent by the next one, or was, and then nobody sends it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tradectl.exchange.phases import PhaseKind
from tradectl.execution.buy_revalidation import Standing, again
from tradectl.execution.buying import UNPROVED, DayResult, Purse, day_result, quantity_for
from tradectl.execution.trading_session import TradingSession
from tradectl.ledger.rows import Order
from tradectl.model.order import Purpose, Side, Variety
from tradectl.strategy.entry import reward_gone
from tradectl.task import Context

PREOPEN = frozenset({PhaseKind.PRE_OPEN, PhaseKind.PRE_OPEN_LIMIT})


def waits_for_the_open(order: Order, context: Context) -> bool:
    """A regular buy of this session that is certainly not with the broker. What was refused in this very run waits on."""
    refused_now = context.steps and order.sending_at is not None and order.execution_id == context.claim.execution_id
    return (
        order.waiting
        and order.variety is Variety.REGULAR
        and order.side is Side.BUY
        and order.purpose in {Purpose.ENTRY, Purpose.REENTRY}
        and order.session == context.session
        and not refused_now
    )


def why_not_now(context: Context) -> str:
    """Empty, or why nothing that waits is sent: it is not the time for orders of the pre-open, or the user does not want it."""
    if not context.world.parameters.preopen_orders:
        return "the setting preopen_orders is off"
    session = context.world.sessions.session(context.session)
    phase = session.phase_at(context.now, closing_auction=False) if session is not None else None
    if phase is None or phase.kind not in PREOPEN:
        return "the exchange takes no orders of the pre-open now"
    return ""


@dataclass(frozen=True, slots=True)
class Opening:
    """What one pass shares: what still stands, the funds left, and what the day did so far."""

    context: Context
    trading: TradingSession
    standing: Standing
    purse: Purse
    day: DayResult

    @classmethod
    def of(cls, context: Context, trading: TradingSession, waiting: Sequence[Order], purse: Purse) -> Opening:
        """For these orders. Asks the broker for funds, holdings and quotes."""
        world = context.world
        standing = Standing.of(trading, world.readings, world.parameters, context.session, waiting, sessions=world.sessions)
        return cls(context, trading, standing, purse, day_result(world.ledger.statistics, trading, context.session))

    def plan(self, order: Order, price: int | None) -> tuple[str, str, int]:
        """What should become of one waiting buy: placed, skipped (it waits on, and the end of its session ends it) or cancelled;
        why; and how many shares. `price`: its pre-open price in paise, where there is one."""
        reading = self.standing.close_of(order).reading
        reason = self.standing.invalid(order) or self._reward_gone(order, price)
        if reason or reading is None:
            return "cancelled", reason or "no bar of its session", 0
        if not_now := why_not_now(self.context):
            return "skipped", not_now, 0
        sizing = quantity_for(
            min(price or order.price, order.price),
            session=self.context.session,
            parameters=self.context.world.parameters,
            average_turnover=reading.average_turnover,
            purse=self.purse,
            limit_price=order.price,
            reentry=order.purpose is Purpose.REENTRY,
        )
        if sizing.quantity == 0:
            return "skipped", sizing.reason, 0
        if limit := self.standing.denied(order, sizing.quantity, self.day):
            return "skipped" if limit.startswith(UNPROVED) else "cancelled", limit, 0
        return "placed", f"BUY {sizing.quantity} {order.symbol} at {order.price / 100:.2f}", sizing.quantity

    def place(self, order: Order, quantity: int, done: str) -> tuple[str, str]:
        """Send it; what became of it, and why. Raises what the order path raises."""
        answer = self.trading.buy(again(order, quantity))
        if not answer.ok:
            return answer.verdict, answer.reason
        self.purse.take(self.context.session, quantity, order.price)
        self.context.log("order_placed", f"{done}, before the open", order.symbol)
        return answer.verdict, done

    def _reward_gone(self, order: Order, price: int | None) -> str:
        """By the rule for an order that is with the exchange already."""
        world = self.context.world
        reading = world.readings.reading(order.instrument_id, order.decided)
        scale = world.market.multiplier(order.instrument_id, self.context.session, price)
        if price is None or reading is None or scale is None:
            return ""
        ema = reading.ema_fast_adjusted / scale
        gone = reward_gone(price, ema, world.parameters)
        return f"pre-open {price / 100:.2f} against EMA9 {ema:.2f}: the reward is gone" if gone else ""
