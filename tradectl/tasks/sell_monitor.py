"""From the open to the last fill: rest a sell at EMA9 for every position, follow orders, and lower targets that froze.

Each step makes the actual sell orders equal the desired ones, which follow from positions and prices alone, so the monitor may
die and start again at any minute. A target is lowered with the price and never raised within the session.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from fractions import Fraction
from typing import Any

from tradectl.exchange.sessions import PhaseKind
from tradectl.execution.desk import Desk
from tradectl.execution.orders import Answer, Sent
from tradectl.execution.reconcile import Changes
from tradectl.ledger.rows import Decision, Intent, Order, Position
from tradectl.model.market import Quote
from tradectl.model.moment import ist_date
from tradectl.model.order import OrderStatus, Purpose, Side
from tradectl.strategy import exits
from tradectl.task import Context, Outcome, Schedule, Task

RESULT_KEYS = ("placed", "checked", "updated", "executed", "rejected", "cancelled", "closed")


@dataclass(frozen=True, slots=True)
class Desired:
    """The sell order that a position should have now. `price` in paise."""

    purpose: Purpose
    price: int
    reason: str


def run(context: Context) -> Outcome:
    """One step. Its result holds the session's totals, read from the book, so an interrupted monitor counts the same."""
    desk = context.desk()
    opens = _opens(context, desk)
    changes = desk.reconcile(opens)
    positions = desk.snapshot.positions
    quotes = _quotes(context, desk, positions)
    touched = bool(changes)
    touched |= _cancel_rest_of_sold(context, desk)
    touched |= _withdraw_strays(desk)
    for position in positions:
        quote = quotes.get(position.symbol)
        if quote is not None and _may_change(context, position):
            touched |= _step(context, desk, position, quote)
    if touched:
        desk.follow()
        _cancel_rest_of_sold(context, desk)
    if not touched and context.steps:
        return Outcome(changed=False)
    return _outcome(context, desk, positions, quotes, changes)


def _opens(context: Context, desk: Desk) -> dict[str, int]:
    """Opens of the day for positions whose demerger waits for one."""
    today = context.session
    waiting = [
        position
        for position in desk.snapshot.positions
        if context.world.market.multiplier(position.instrument_id, today, None) is None
    ]
    if not waiting:
        return {}
    quotes = context.world.broker.quotes([position.symbol for position in waiting])
    return {
        position.instrument_id: quote.open
        for position in waiting
        if (quote := quotes.get(position.symbol)) is not None and quote.open is not None and _traded_today(quote, today)
    }


def _traded_today(quote: Quote, today: date) -> bool:
    return quote.last_trade_at is not None and ist_date(quote.last_trade_at) == today


def _quotes(context: Context, desk: Desk, positions: tuple[Position, ...]) -> dict[str, Quote]:
    """Fresh prices of today for the positions; a stale one, or yesterday's, changes nothing."""
    age = timedelta(seconds=context.world.parameters.quote_max_age)
    fresh = desk.fresh_quotes([position.symbol for position in positions], age)
    return {symbol: quote for symbol, quote in fresh.items() if _traded_today(quote, context.session)}


def _may_change(context: Context, position: Position) -> bool:
    """Whether the exchange takes changes for this stock now: continuous trading only."""
    session = context.world.sessions.session(context.session)
    instrument = context.world.market.instrument(position.instrument_id, context.session)
    phase = session.phase_at(context.now, instrument.closing_auction) if session is not None else None
    return phase is not None and phase.kind is PhaseKind.CONTINUOUS


def _step(context: Context, desk: Desk, position: Position, quote: Quote) -> bool:
    """Make one position's sell order what it should be; whether anything was asked of the broker."""
    wanted = _desired(context, position, quote)
    if wanted is None or not _fits(wanted.price, quote):
        return False
    live = [order for order in desk.snapshot.alive(position.instrument_id, Side.SELL) if not order.waiting]
    if any(order.status is OrderStatus.UNKNOWN for order in live):
        return False
    resting = live[0] if live else None
    if resting is not None and resting.remaining == position.quantity and wanted.price >= resting.price:
        return False
    quantity = desk.sellable(position, bought_today=_tied(context, desk, position))
    if resting is None:
        return quantity > 0 and _place(context, desk, position, wanted, quantity)
    return _change(context, desk, position, resting, wanted, quantity)


def _fits(price: int, quote: Quote) -> bool:
    """Whether the exchange takes this price today. An exit is never clamped to the band: it waits until it fits."""
    too_low = quote.lower_band is not None and price < quote.lower_band
    return not too_low and (quote.upper_band is None or price <= quote.upper_band)


def _desired(context: Context, position: Position, quote: Quote) -> Desired | None:
    """Target or RSI exit, from yesterday's completed bar at today's scale and the last price."""
    world, parameters = context.world, context.world.parameters
    instrument = world.market.instrument(position.instrument_id, context.session)
    reading = world.readings.reading(position.instrument_id, context.session - timedelta(days=1))
    scale = world.market.multiplier(position.instrument_id, context.session, quote.open)
    if reading is None or scale is None:
        return None
    if reading.session >= position.opened_session and exits.rsi_exit_due(reading.rsi, parameters):
        price = exits.rsi_exit_price(quote.last, instrument.tick_size, parameters)
        return Desired(Purpose.RSI_EXIT, price, f"RSI {reading.rsi:.1f} closed above {parameters.rsi_exit:g}")
    ema = reading.ema_fast_adjusted / scale
    price = exits.target_price(ema, quote.last, instrument.tick_size, parameters)
    if parameters.freeze == "position":
        before = _last_target(context, position, scale, instrument.tick_size)
        price = min(price, before) if before is not None else price
    return Desired(Purpose.TARGET, price, f"EMA9 {ema:.2f}, last {quote.last / 100:.2f}")


def _last_target(context: Context, position: Position, scale: float, tick: int) -> int | None:
    """Where the position's last target rested, at today's scale (`scale`: today's multiplier), on the tick; None: nowhere."""
    found = context.world.ledger.book.last_target(position.id)
    history = context.world.market.history(position.instrument_id)
    if found is None or history is None:
        return None
    price, session = found
    index = history.index(session)
    then = float(history.multiplier[index]) if index is not None and session != context.session else scale
    return -int(-Fraction(price) * Fraction(then) / Fraction(scale) // tick) * tick


def _frozen(context: Context, position: Position, wanted: Desired) -> Desired:
    """A new order at target is no higher than one that rested earlier in the session, however that one ended."""
    if wanted.purpose is not Purpose.TARGET:
        return wanted
    lowest = context.world.ledger.book.lowest_target(position.instrument_id, context.session)
    return wanted if lowest is None or lowest >= wanted.price else replace(wanted, price=lowest)


def _tied(context: Context, desk: Desk, position: Position) -> int:
    """Shares that a trade-for-trade series keeps from being sold on the day they were bought."""
    instrument = context.world.market.instrument(position.instrument_id, context.session)
    return desk.bought_on(position.instrument_id, context.session) if instrument.series in {"BE", "BZ"} else 0


def _place(context: Context, desk: Desk, position: Position, wanted: Desired, quantity: int) -> bool:
    wanted = _frozen(context, position, wanted)
    if not _clear_the_way(desk, position, wanted.price):
        return True
    intent = Intent(
        position.instrument_id,
        position.symbol,
        Side.SELL,
        wanted.purpose,
        quantity,
        wanted.price,
        context.session,
        context.session - timedelta(days=1),
        f"P{position.id}",
        position_id=position.id,
    )
    answer = desk.path.place(intent)
    if answer.sent is Sent.PLACED:
        context.log("order_placed", f"SELL {quantity} {position.symbol} at {wanted.price / 100:.2f}", position.symbol)
    _tell(context, position, answer, f"SELL {quantity} {position.symbol} at {wanted.price / 100:.2f}", wanted)
    return answer.sent is not Sent.DRY


def _change(context: Context, desk: Desk, position: Position, resting: Order, wanted: Desired, quantity: int) -> bool:
    """Lower the price or fit the quantity of a resting sell; at the last modification it is replaced by a new order."""
    price = min(wanted.price, resting.price)
    if quantity == 0:
        return desk.cancel_confirmed(resting)
    if price == resting.price and quantity == resting.remaining:
        return False
    if resting.purpose is not wanted.purpose or resting.modifications >= desk.broker.capabilities.max_modifications - 1:
        return desk.cancel_confirmed(resting) and _place(context, desk, position, wanted, quantity)
    if not _clear_the_way(desk, position, price):
        return True
    answer = desk.path.modify(resting, quantity=resting.filled_quantity + quantity, price=price)
    _tell(context, position, answer, f"SELL {quantity} {position.symbol} now at {price / 100:.2f}", wanted)
    if not answer.ok and quantity < resting.remaining:
        desk.cancel_confirmed(resting)  # more shares on sale than are ours: a cancel always passes
    return answer.sent is not Sent.DRY


def _clear_the_way(desk: Desk, position: Position, price: int) -> bool:
    """A sell at or below one of our own resting buys would trade with ourselves: the buy is cancelled first, and confirmed."""
    crossing = [order for order in desk.snapshot.alive(position.instrument_id, Side.BUY) if order.price >= price]
    return all([desk.cancel_confirmed(order) for order in crossing])


def _cancel_rest_of_sold(context: Context, desk: Desk) -> bool:
    """Once a sell of a symbol has filled, what is left of its buys goes; asked of the book, whoever found the fill."""
    buys = [order for order in desk.live(Side.BUY, context.session) if not order.waiting]
    sold = desk.book.sold(context.session) if buys else set()
    crossing = [order for order in buys if order.instrument_id in sold]
    for order in crossing:
        desk.cancel_confirmed(order)
    return bool(crossing)


def _withdraw_strays(desk: Desk) -> bool:
    """A sell whose position is gone, sold by hand, offers shares that are not ours."""
    held = {position.instrument_id for position in desk.snapshot.positions}
    strays = [
        order
        for order in desk.snapshot.orders
        if order.side is Side.SELL and order.broker_order_id is not None and order.instrument_id not in held
    ]
    for order in strays:
        desk.cancel_confirmed(order)
    return bool(strays)


def _tell(context: Context, position: Position, answer: Answer, done: str, wanted: Desired) -> None:
    """Keep what was decided and why; a refusal also goes to the log (a lowered target would only fill it)."""
    if not answer.ok:
        context.log(f"order_{answer.sent}", f"{done}: {answer.reason}", position.symbol, level="warning")
    verdict = "resting" if answer.ok else str(answer.sent)
    reason = f"{done}: {wanted.reason if answer.ok else answer.reason}"
    context.decide(
        [Decision(position.instrument_id, position.symbol, verdict, str(wanted.purpose), reason, {"price": wanted.price})]
    )


def _outcome(
    context: Context, desk: Desk, positions: tuple[Position, ...], quotes: dict[str, Quote], changes: Changes
) -> Outcome:
    """The session's totals; the first step adds what it found and warmed."""
    totals = desk.book.sell_totals(context.session)
    result: dict[str, object] = {key: totals[key] for key in RESULT_KEYS}
    if not context.steps:
        result["first_step"] = {
            "reconciled": changes.trades + len(changes.executed) + len(changes.rejected) + len(changes.cancelled),
            "placed": totals["placed"],
            "subscribed": len(positions),
            "warmed": len(quotes),
        }
    return Outcome(result, refused=totals["rejected"], unknown=totals["unknown"])


def keep_first_step(before: Mapping[str, Any], after: Mapping[str, Any]) -> Mapping[str, Any]:
    """Later steps replace the totals; what the first step found stays."""
    if not after:
        return before
    return {**({"first_step": before["first_step"]} if "first_step" in before else {}), **after}


TASK = Task(
    name="sell-monitor",
    summary="Rest sells at EMA9; each minute follow orders, lower targets, sell new fills, close positions.",
    schedule=Schedule((time(9, 15),), until=None, every=60),
    run=run,
    merge=keep_first_step,
)
