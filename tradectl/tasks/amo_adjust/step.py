"""At 09:05: fit the quantities of the waiting buys to the pre-open prices; cancel those whose reward is gone.

Only the quantity changes; the limit stays (unless `amo_adjust_reprice` is on). The orders are live at the exchange by now. From
this minute on only limit orders may be changed, and all changes must be done by 09:07:30. Buys for a broker without after-market
orders are sent now (`preopen_buys`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from tradectl.context import Context
from tradectl.errors import DataError
from tradectl.exchange.charges import buy_charges
from tradectl.exchange.ticks import round_down
from tradectl.execution.approved_quantity import approved_quantity
from tradectl.execution.buy_revalidation import priority
from tradectl.execution.buying import BuyingPower, DayResult, day_result, pending_buys, quantity_for, stopped_buys
from tradectl.execution.own_strategies import OwnBuys
from tradectl.execution.strategy_shares import NO_SHARES, StrategyShares
from tradectl.execution.trading_session import TradingSession
from tradectl.ledger.rows import Decision, Order
from tradectl.model.money import to_rupees
from tradectl.model.order import OrderStatus, Purpose
from tradectl.strategy.sizing import worth_changing
from tradectl.task import Outcome
from tradectl.tasks.amo_adjust.preopen_buys import PreopenPass, spent_reward, waits_for_the_open

RESULT_KEYS = ("total", "adjusted", "unchanged", "price_unavailable", "modification_failed", "cancelled")
"""The keys of the result. Buys that waited for the exchange to open add `placed`, `skipped` and `failed`."""


def run(context: Context) -> Outcome:
    """Process our own waiting buys once. Raises DataError (exit 8) if a broker that has pre-open prices returns none."""
    world = context.world
    trading = context.trading()
    trading.reconcile()
    counts: Counter[str] = Counter(dict.fromkeys(RESULT_KEYS, 0))
    stopped = stopped_buys(trading)
    orders = [order for order in pending_buys(trading, context.session) if order.purpose is not Purpose.SEED]
    waiting = sorted((order for order in trading.snapshot.orders if waits_for_the_open(order, context)), key=priority)
    everything = [*orders, *waiting]
    counts["total"] = len(everything)
    prices = world.broker.preopen_prices([order.symbol for order in everything]) if everything else {}
    if everything and not prices and world.broker.capabilities.preopen_prices:
        raise DataError(f"no pre-open price for any of the {len(everything)} waiting orders")
    buying_power = BuyingPower(world.broker.funds().available, world.parameters.tariff)
    made = context.decided()
    adjusting = AdjustPass.of(context, trading, orders, buying_power)
    for order in orders:
        if order.execution_id == context.claim.execution_id:
            counts["placed"] += 1  # sent by an earlier step of this run, or by a process that died
            continue
        price = prices.get(order.symbol)
        verdict, reason = _adjust(adjusting, order, price, only_cancel=stopped is not None)
        if verdict == "unchanged" and made.get(order.instrument_id) == "adjusted":
            verdict = "adjusted"  # by a process that died before it could count it
        else:
            requested, _ = trading.path.requested.get(order.id, (None, None))
            _store_decision(context, order, price, verdict, reason, quantity=requested)
        counts[verdict] += 1
    if waiting and stopped is None:
        counts.update(_send(context, PreopenPass.of(context, trading, waiting, buying_power), waiting, prices))
    known = {order.instrument_id for order in everything}
    ended = [_current_verdict(trading, instrument_id, made[instrument_id]) for instrument_id in made.keys() - known]
    counts.update(ended)
    counts["total"] += len(ended)
    trading.follow()
    unknown, again_after = trading.unresolved()
    refused = counts["modification_failed"] + counts["failed"] if again_after is None else 0
    counts["skipped"] += len(waiting) if stopped is not None else 0
    result = {name: count for name, count in counts.items() if name in RESULT_KEYS or (count and name != "unknown")}
    return Outcome(result, again_after, refused=refused, unknown=unknown, blocked=str(stopped or ""))


def _send(context: Context, preopen: PreopenPass, waiting: Sequence[Order], prices: Mapping[str, int]) -> Iterator[str]:
    """Send the buys that waited for the exchange to open; yield the verdict on each."""
    for order in waiting:
        price = prices.get(order.symbol)
        verdict, reason, quantity = preopen.plan(order, price)
        _store_decision(context, order, price, verdict, reason)
        if verdict == "cancelled":
            preopen.trading.path.cancel(order)
        elif verdict == "placed":
            verdict, reason = preopen.place(order, quantity, reason)
            if verdict != "placed":
                _store_decision(context, order, price, verdict, reason)
        yield verdict


def _current_verdict(trading: TradingSession, instrument_id: str, verdict: str) -> str:
    """Return the verdict of an earlier step or a dead process, corrected by what is now known of the order."""
    doubtful = any(order.instrument_id == instrument_id for order in trading.snapshot.unknown)
    return {"placed": "unknown" if doubtful else "placed", "unknown": "unknown" if doubtful else "placed"}.get(verdict, verdict)


def _store_decision(
    context: Context, order: Order, price: int | None, verdict: str, reason: str, *, quantity: int | None = None
) -> None:
    """Store a decision, also before its command is sent, so that a process that takes over can count it.

    `quantity`: the requested shares."""
    inputs: dict[str, object] = {"preopen_price": to_rupees(price) if price is not None else None}
    inputs |= {"quantity": quantity} if quantity is not None else {}
    context.decide([Decision(order.instrument_id, order.symbol, verdict, "preopen", reason, inputs)])


class AdjustPass(Struct, frozen=True):
    """The state of one pass: the funds left, what own strategies decided, and their shares of the capital.

    `day`: None without a choice of strategies; nothing limits them then."""

    context: Context
    trading: TradingSession
    buying_power: BuyingPower
    own: OwnBuys
    shares: StrategyShares
    day: DayResult | None

    @classmethod
    def of(cls, context: Context, trading: TradingSession, orders: Sequence[Order], buying_power: BuyingPower) -> AdjustPass:
        """Return the state for these orders; reads holdings and quotes of the broker if the capital is shared."""
        world = context.world
        own = OwnBuys.before(world, orders, context.session)
        shares = (
            StrategyShares.of(world.ledger, world.ledger.signals_owner(world.parameters.signals_from)) if orders else NO_SHARES
        )
        day = day_result(world.ledger.statistics, trading, context.session) if shares.limits else None
        return cls(context, trading, buying_power, own, shares, day)

    def fits(self, order: Order, quantity: int) -> bool:
        """Return whether more shares of an order fit into the share of its strategy. Fewer always do."""
        if self.day is None or quantity <= order.quantity:
            return True
        more = quantity - order.filled_quantity
        return self.shares.refusal(self.trading, self.day, order, more, order.price, instead_of=order.id) is None


def _adjust(adjusting: AdjustPass, order: Order, price: int | None, *, only_cancel: bool) -> tuple[str, str]:
    """Adjust one order; return a result key and the reason. `only_cancel`: the trading state allows only cancels."""
    context, trading, buying_power = adjusting.context, adjusting.trading, adjusting.buying_power
    world, parameters = context.world, adjusting.own.parameters(order, context.world.parameters)
    reading = world.readings.reading(order.instrument_id, order.decided)
    scale = world.market.multiplier(order.instrument_id, context.session, price)
    if price is None or reading is None or scale is None:
        return "price_unavailable", "no pre-open price: the order stays unchanged"
    if parameters is None:
        return "unchanged", f"{adjusting.own.trouble(order)}: the order stays unchanged"
    if (spent := spent_reward(context, adjusting.own, order, price=price, reading=reading, scale=scale)) is not None:
        _store_decision(context, order, price, "cancelled", str(spent))
        return "cancelled" if trading.cancel_confirmed(order) else "modification_failed", str(spent)
    if only_cancel:
        return "unchanged", "the account's trading state allows only cancels"
    blocked = order.quantity * order.price + buy_charges(context.session, order.quantity, order.price, parameters.tariff)
    sizing = quantity_for(
        min(price, order.price),
        session=context.session,
        parameters=parameters,
        average_turnover=reading.average_turnover,
        buying_power=BuyingPower(buying_power.available + blocked, parameters.tariff),
        limit_price=order.price,
    )
    most = trading.rules.most_shares(order.symbol)
    quantity, limit = sizing.quantity if most is None else min(sizing.quantity, most), order.price
    quantity = approved_quantity(world.ledger, parameters, order, quantity)
    if parameters.amo_adjust_reprice and price < limit:
        limit = round_down(price, trading.rules.tick_size(order.instrument_id, context.session))
    enough = worth_changing(order.quantity, quantity, parameters) and adjusting.fits(order, quantity)
    if quantity == 0 or (not enough and limit == order.price):
        return "unchanged", f"quantity {order.quantity} is not changed at pre-open {price / 100:.2f}"
    if order.status is OrderStatus.PENDING and not world.broker.capabilities.amo_changes:
        return "unchanged", f"{world.broker.name} cannot modify an AMO before it reaches NSE: order unchanged"
    quantity = quantity if enough else order.quantity
    change = f"{order.quantity} becomes {quantity}" if enough else f"limit {order.price / 100:.2f} becomes {limit / 100:.2f}"
    reason = f"{change} at pre-open {price / 100:.2f}"
    _store_decision(context, order, price, "adjusted", reason, quantity=quantity)
    answer = trading.path.modify(order, quantity=quantity, price=limit)
    if not answer.ok:
        return "modification_failed", answer.reason
    buying_power.available += blocked - quantity * limit - buy_charges(context.session, quantity, limit, parameters.tariff)
    context.log("order_modified", f"{order.symbol}: {reason}", order.symbol)
    return "adjusted", reason
