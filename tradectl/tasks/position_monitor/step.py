"""Report the value of each position and a recommendation at the current price; nothing is traded here.

Orders are decided on completed bars only, so REENTER and EXIT are information for a person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from msgspec import Struct
from msgspec.structs import replace

from tradectl.context import Context
from tradectl.execution.position_rules import PositionRules, has_own_rules
from tradectl.execution.reentries import distrusted
from tradectl.execution.sale_result import result_of_sale
from tradectl.execution.surveillance_findings import known_by_morning
from tradectl.ledger.rows import Decision, Position
from tradectl.model.history import History
from tradectl.model.market import Bar, Quote
from tradectl.model.moment import ist_date, to_ist
from tradectl.model.money import to_rupees
from tradectl.strategy import exits
from tradectl.strategy.features import Reading
from tradectl.strategy.reentry import next_level
from tradectl.task import Outcome
from tradectl.tasks.position_monitor.own_positions import Advice, OwnView, own_recommendation


class PositionAssessment(Struct, frozen=True):
    """A position at the current price. Prices and P&L in paise.

    `rsi` and `ema9` (rupees) use today's price as the close. `distance`: from the price to the target, as a fraction; None for a
    position whose own strategy has no target.
    """

    position: Position
    last: int
    rsi: float
    ema9: float
    distance: float | None
    unrealised: int
    recommendation: str
    reason: str


def run(context: Context) -> Outcome:
    """Report one row for each position; positions without a price of today count as `price_unavailable`."""
    trading = context.trading()
    trading.reconcile()
    positions = trading.snapshot.positions
    age = timedelta(seconds=context.world.parameters.quote_max_age)
    quotes = trading.fresh_quotes([position.symbol for position in positions], age)
    found = [assessment for position in positions if (assessment := _assess(context, position, quotes.get(position.symbol)))]
    assessments = _with_surveillance_all(context, found) if found else []
    context.decide([_decision(context, item) for item in assessments])
    count = Counter(item.recommendation for item in assessments)
    return Outcome(
        {
            "positions": [_row(item) for item in assessments],
            "hold": count["HOLD"],
            "reenter": count["REENTER"],
            "exit": count["EXIT"],
            "price_unavailable": len(positions) - len(assessments),
        }
    )


def _assess(context: Context, position: Position, quote: Quote | None) -> PositionAssessment | None:
    """Return the assessment of a position; None without a price of today or without its bars."""
    world, parameters = context.world, context.world.parameters
    if quote is None or quote.open is None or quote.last_trade_at is None or ist_date(quote.last_trade_at) != context.session:
        return None
    instrument = world.market.instrument(position.instrument_id, context.session)
    scale = world.market.multiplier(position.instrument_id, context.session, quote.open)
    if scale is None:
        return None
    high, low = max(quote.high or quote.last, quote.last), min(quote.low or quote.last, quote.last)
    bar = Bar(context.session, quote.open, high, low, quote.last, quote.volume or 0, instrument.series, provisional=True)
    found = world.readings.reading_with(position.instrument_id, bar, scale)
    if found is None:
        return None
    history, reading = found
    tick = context.trading().rules.tick_size(position.instrument_id, context.session)
    if has_own_rules(position):
        rules = PositionRules(world.ledger.book, world.ledger.strategies, world.market, parameters.universe)
        advice = own_recommendation(OwnView(position, history, quote.last, scale, tick, context.session), rules, world.market)
    else:
        advice = _recommendation(context, position, found, quote.last, (scale, tick))
    return PositionAssessment(
        position,
        quote.last,
        reading.rsi,
        reading.ema_fast_at(scale),
        advice.target / quote.last - 1 if advice.target is not None else None,
        result_of_sale(
            world.ledger.book.folded(position.id), quote.last, context.session, context.now, context.world.parameters.tariff
        ),
        advice.recommendation,
        advice.reason,
    )


def _recommendation(
    context: Context, position: Position, found: tuple[History, Reading], last: int, rounding: tuple[float, int]
) -> Advice:
    """Return the recommendation of the shipped rule. `rounding`: the multiplier and the tick of the session."""
    world, parameters = context.world, context.world.parameters
    (history, reading), (scale, tick) = found, rounding
    yesterday = world.readings.reading(position.instrument_id, context.session - timedelta(days=1))
    target = exits.target_price((yesterday or reading).ema_fast_at(scale), last, tick, parameters)
    since = world.readings.rsi_between(history, position.level_session, context.session)
    level = 0
    if position.buys < parameters.max_buys:
        level = next_level(position.level, since, reading.rsi, reading.above_slow, parameters)
    untrusted = distrusted(world.market, history.through(context.session), context.session) if level else ""
    if exits.rsi_exit_due(reading.rsi, parameters):
        recommendation, reason = "EXIT", f"RSI {reading.rsi:.1f} is above {parameters.rsi_exit:g}"
    elif untrusted:
        recommendation, reason = "HOLD", untrusted
    elif level:
        recommendation, reason = "REENTER", f"RSI {reading.rsi:.1f} is below level {level}"
    else:
        recommendation, reason = "HOLD", f"RSI {reading.rsi:.1f}, {(target / last - 1) * 100:.2f} % to the target"
    return Advice(recommendation, reason, target)


def _with_surveillance_all(context: Context, found: Sequence[PositionAssessment]) -> list[PositionAssessment]:
    surveillance = context.world.market.surveillance(known_by_morning(context.session, context.world.clock))
    return [_with_surveillance(item, surveillance.excluding(item.position.instrument_id)) for item in found]


def _with_surveillance(item: PositionAssessment, excluding: str) -> PositionAssessment:
    """Return the assessment without a re-entry if a surveillance list names the stock; its sells go on."""
    if not excluding:
        return item
    recommendation = "HOLD" if item.recommendation == "REENTER" else item.recommendation
    return replace(item, recommendation=recommendation, reason=f"{item.reason}; no re-entry, under surveillance: {excluding}")


def _row(item: PositionAssessment) -> dict[str, object]:
    return {
        "symbol": item.position.symbol,
        "quantity": item.position.quantity,
        "cost": to_rupees(item.position.cost),
        "last": to_rupees(item.last),
        "rsi10": round(item.rsi, 2),
        "ema9": round(item.ema9, 2),
        "distance_to_target": round(item.distance, 4) if item.distance is not None else None,
        "unrealised_pnl": to_rupees(item.unrealised),
        "recommendation": item.recommendation,
        "reason": item.reason,
    }


def _decision(context: Context, item: PositionAssessment) -> Decision:
    reason = f"{item.recommendation} at {to_ist(context.now):%H:%M}: {item.reason}"
    return Decision(item.position.instrument_id, item.position.symbol, item.recommendation, "monitor", reason, _row(item))
