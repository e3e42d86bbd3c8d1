"""Send the buys that wait for the exchange to open, at a broker that takes no after-market orders.

`buy` recorded them in the evening as regular orders without sending them. Here each is revalidated on the final bars, fitted to
the price and the limits of the account, and sent under its recorded tag. If the process dies, an order that was not marked as
being sent is sent by the next process. A marked order is sent again only after a temporary refusal.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from tradectl.context import Context
from tradectl.exchange.phases import PRE_OPEN_ENTRY
from tradectl.execution.approved_quantity import approved_quantity
from tradectl.execution.buy_revalidation import BuyRevalidation
from tradectl.execution.buying import BuyingPower, DayResult, day_result, quantity_for
from tradectl.execution.own_strategies import OwnBuys
from tradectl.execution.trading_session import TradingSession
from tradectl.ledger.rows import Intent, Order
from tradectl.model.order import Purpose, Side, Variety
from tradectl.model.refusal import Refusal, RefusalCode
from tradectl.model.rule_names import REVERSION
from tradectl.strategy.entry import reward_gone
from tradectl.strategy.features import Reading


def waits_for_the_open(order: Order, context: Context) -> bool:
    """Return whether an order is a regular buy of this session that is certainly not at the broker and may be sent.

    A buy that was refused in this run is not sent again."""
    refused_now = context.steps and order.sending_at is not None and order.execution_id == context.claim.execution_id
    return (
        order.waiting
        and order.variety is Variety.REGULAR
        and order.side is Side.BUY
        and order.purpose in {Purpose.ENTRY, Purpose.REENTRY}
        and order.session == context.session
        and not refused_now
    )


def not_preopen(context: Context) -> Refusal | None:
    """Return why no waiting buy is sent: it is not the pre-open, or the setting is off; None if they are sent."""
    if not context.world.parameters.preopen_orders:
        return Refusal(RefusalCode.NOT_PREOPEN, "the setting preopen_orders is off")
    session = context.world.sessions.session(context.session)
    phase = session.phase_at(context.now, closing_auction=False) if session is not None else None
    if phase is None or phase.kind not in PRE_OPEN_ENTRY:
        return Refusal(RefusalCode.NOT_PREOPEN, "the exchange takes no pre-open orders now")
    return None


def spent_reward(context: Context, own: OwnBuys, order: Order, *, price: int, reading: Reading, scale: float) -> Refusal | None:
    """Return why a buy is no longer worth its pre-open price (paise); None if it still is.

    `reading`: of the bar on which it was decided. `scale`: M of the session."""
    if order.strategy != REVERSION:
        decided = own.of(order)
        if decided is None or not decided.reward_gone(price, order.price, scale):
            return None
        return Refusal(RefusalCode.REWARD_GONE, f"pre-open {price / 100:.2f} is not below the target of {order.strategy}")
    ema_level = reading.ema_fast_at(scale)
    if not reward_gone(price, ema_level, context.world.parameters):
        return None
    return Refusal(RefusalCode.REWARD_GONE, f"pre-open {price / 100:.2f} is not far enough below the target EMA9 {ema_level:.2f}")


class PreopenPass(Struct, frozen=True):
    """The state of one pass: the revalidation, the funds left and the day's result so far."""

    context: Context
    trading: TradingSession
    revalidation: BuyRevalidation
    buying_power: BuyingPower
    day: DayResult

    @classmethod
    def of(cls, context: Context, trading: TradingSession, waiting: Sequence[Order], buying_power: BuyingPower) -> PreopenPass:
        """Return the state for these orders; reads funds, holdings and quotes of the broker."""
        world = context.world
        revalidation = BuyRevalidation.of(trading, world, context.session, waiting)
        return cls(context, trading, revalidation, buying_power, day_result(world.ledger.statistics, trading, context.session))

    def plan(self, order: Order, price: int | None) -> tuple[str, str, int]:
        """Return the verdict on a waiting buy, its reason and the number of shares.

        The verdict is placed, skipped (the order waits and ends with its session) or cancelled. `price`: the pre-open price in
        paise; None without one."""
        reading = self.revalidation.close_of(order).reading
        invalid = self.revalidation.refusal_to_send(order) or self._reward_gone(order, price)
        if invalid is not None or reading is None:
            return "cancelled", str(invalid or "no bar of its session"), 0
        if (not_now := not_preopen(self.context)) is not None:
            return "skipped", str(not_now), 0
        parameters = self.revalidation.own.parameters(order, self.context.world.parameters)
        if parameters is None:
            return "cancelled", self.revalidation.own.trouble(order), 0
        sizing = quantity_for(
            min(price or order.price, order.price),
            session=self.context.session,
            parameters=parameters,
            average_turnover=reading.average_turnover,
            buying_power=self.buying_power,
            limit_price=order.price,
            reentry=order.purpose is Purpose.REENTRY,
        )
        if sizing.refusal is not None:
            return "skipped", str(sizing.refusal), 0
        quantity = approved_quantity(self.context.world.ledger, self.context.world.parameters, order, sizing.quantity)
        limit = self.revalidation.breached_limit(order, quantity, self.day)
        if limit is not None:
            return "skipped" if limit.code is RefusalCode.EQUITY_UNPROVED else "cancelled", str(limit), 0
        return "placed", f"BUY {quantity} {order.symbol} at {order.price / 100:.2f}", quantity

    def place(self, order: Order, quantity: int, done: str) -> tuple[str, str]:
        """Send a buy; return its verdict and the reason. Raises what the order path raises."""
        answer = self.trading.buy(Intent.again(order, quantity))
        if not answer.ok:
            return answer.verdict, answer.reason
        self.buying_power.spend(self.context.session, quantity, order.price)
        self.context.log("order_placed", f"{done}, before the open", order.symbol)
        return answer.verdict, done

    def _reward_gone(self, order: Order, price: int | None) -> Refusal | None:
        """Return why a buy is no longer wanted: its reward is gone at the pre-open price (paise). None otherwise."""
        reading = self.context.world.readings.reading(order.instrument_id, order.decided)
        scale = self.context.world.market.multiplier(order.instrument_id, self.context.session, price)
        if price is None or reading is None or scale is None:
            return None
        return spent_reward(self.context, self.revalidation.own, order, price=price, reading=reading, scale=scale)
