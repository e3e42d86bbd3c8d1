"""Place after-market buys for the next run session: re-entries first, then the signals by rank, within every limit.

If a session that we do not run (Muhurat, a drill) lies before the next run session, brokers would release the orders into it;
so nothing is sent then and the intents wait for 08:00 of the run session.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time

from tradectl.execution.buying import DayResult, Purse, day_result, denied, forbidden, quantity_for
from tradectl.execution.closing import closes
from tradectl.execution.desk import Desk
from tradectl.execution.orders import Answer, Sent
from tradectl.execution.reentries import wanted
from tradectl.ledger.rows import Decision, Intent
from tradectl.model.order import Purpose, Side, Variety
from tradectl.strategy.exits import entry_limit
from tradectl.task import Context, Outcome, Schedule, Task

RESULT_KEYS = ("placed", "skipped_duplicate", "skipped_limit", "skipped_data", "skipped_quantity", "skipped_funds")


@dataclass(frozen=True, slots=True)
class Want:
    """A buy that the strategy wants, before limits and funds. Prices and turnover in paise."""

    instrument_id: str
    symbol: str
    purpose: Purpose
    limit_price: int
    last_close: int
    average_turnover: int
    level: int
    leg: str
    position_id: int | None = None
    signal_id: int | None = None


def run(context: Context) -> Outcome:
    """One pass over everything wanted for the next run session; orders that an interrupted run placed count as placed."""
    world = context.world
    desk = context.desk()
    desk.reconcile()
    if state := forbidden(desk):
        return Outcome(dict.fromkeys(RESULT_KEYS, 0), blocked=state)
    session = world.sessions.next_run_session(context.session)
    if context.now >= session.phases(closing_auction=False)[0].start:
        return Outcome(dict.fromkeys(RESULT_KEYS, 0), blocked=f"{session.date}, for which it would buy, has begun")
    following = session.date
    wait = world.sessions.next_session(context.session).date != following
    purse = Purse(world.broker.funds().available)
    counts: Counter[str] = Counter(dict.fromkeys(RESULT_KEYS, 0))
    decisions: list[Decision] = []
    traded = desk.book.traded(context.session)
    day = day_result(world.ledger.statistics, desk, context.session)
    for want in _wants(context, desk, following):
        verdict, reason = _buy_one(context, desk, want, following, purse, traded, day, wait=wait)
        counts[verdict] += 1
        decisions.append(Decision(want.instrument_id, want.symbol, verdict, str(want.purpose), reason, _inputs(want)))
    context.decide(decisions)
    desk.follow()
    return Outcome(dict(counts) | {"for_session": following.isoformat()}, refused=counts["refused"], unknown=counts["unknown"])


def _wants(context: Context, desk: Desk, following: date) -> Iterator[Want]:
    world, parameters = context.world, context.world.parameters
    positions = desk.snapshot.positions
    seen = closes(
        [item.instrument_id for item in positions],
        context.session,
        broker=world.broker,
        market=world.market,
        readings=world.readings,
        clock=world.clock,
    )
    for again in wanted(positions, seen, world.readings, parameters):
        position = again.position
        tick = world.market.instrument(position.instrument_id, following).tick_size
        yield Want(
            position.instrument_id,
            position.symbol,
            Purpose.REENTRY,
            entry_limit(again.reading.close, tick, parameters),
            again.reading.close,
            again.reading.average_turnover,
            again.level,
            f"P{position.id}:{position.buys + 1}",
            position.id,
        )
    for signal in world.ledger.signals.for_session(following, of_user=signals_owner(context)):
        yield Want(
            signal.instrument_id,
            signal.symbol,
            Purpose.ENTRY,
            signal.limit_price,
            signal.close,
            signal.average_turnover,
            signal.level,
            "entry:1",
            signal_id=signal.id,
        )


def signals_owner(context: Context) -> str:
    """Whose signals this user's buy uses: as set, else his own if his analyze is enabled, else the admin's."""
    return context.world.ledger.signals_owner(context.world.parameters.signals_from)


def _buy_one(
    context: Context, desk: Desk, want: Want, following: date, purse: Purse, traded: set[str], day: DayResult, *, wait: bool
) -> tuple[str, str]:
    """What became of one want: the result key it counts under, and why."""
    parameters = context.world.parameters
    snapshot = desk.snapshot
    mine = [order for order in snapshot.orders if order.instrument_id == want.instrument_id and order.side is Side.BUY]
    for order in mine:
        if order.execution_id == context.claim.execution_id and order.purpose is want.purpose and order.sending_at is not None:
            return ("placed" if order.alive else "skipped_funds"), f"order {order.id} of this run is {order.status}"
    with_broker = next((order for order in mine if order.alive and not order.waiting), None)
    if with_broker is not None:
        return "skipped_duplicate", f"order {with_broker.id} is {with_broker.status}"
    if want.purpose is Purpose.ENTRY and snapshot.position_of(want.instrument_id) is not None:
        return "skipped_duplicate", "held"
    if want.purpose is Purpose.ENTRY and want.instrument_id in traded:
        return "skipped_duplicate", "traded in this session"
    sizing = quantity_for(
        want.limit_price,
        session=following,
        parameters=parameters,
        average_turnover=want.average_turnover,
        purse=purse,
        reentry=want.purpose is Purpose.REENTRY,
    )
    short = sizing.quantity == 0 and sizing.reason == "funds"
    if sizing.quantity == 0 and not short:
        return "skipped_quantity", sizing.reason
    if short:
        sizing = quantity_for(
            want.limit_price,
            session=following,
            parameters=parameters,
            average_turnover=want.average_turnover,
            purse=None,
            reentry=want.purpose is Purpose.REENTRY,
        )
    limit = denied(
        desk,
        parameters,
        day,
        instrument_id=want.instrument_id,
        session=following,
        price=want.limit_price,
        quantity=sizing.quantity,
        last_close=want.last_close,
        reentry=want.purpose is Purpose.REENTRY,
    )
    if limit:
        return "skipped_limit", limit
    answer = desk.path.place(_intent(context, want, following, sizing.quantity), send=not (wait or short))
    return _told(context, want, answer, following, sizing.quantity, purse, short=short)


def _intent(context: Context, want: Want, following: date, quantity: int) -> Intent:
    named = context.world.market.instrument(want.instrument_id, following)
    return Intent(
        want.instrument_id,
        named.symbol,
        Side.BUY,
        want.purpose,
        quantity,
        want.limit_price,
        following,
        context.session,
        want.leg,
        Variety.AMO,
        want.level,
        want.position_id,
        want.signal_id,
    )


def _told(
    context: Context, want: Want, answer: Answer, following: date, quantity: int, purse: Purse, *, short: bool
) -> tuple[str, str]:
    match answer.sent:
        case Sent.PLACED | Sent.EXISTS | Sent.DRY:
            purse.take(following, quantity, want.limit_price)
            context.log(
                "order_placed", f"BUY {quantity} {want.symbol} at {want.limit_price / 100:.2f} for {following}", want.symbol
            )
            return "placed", f"BUY {quantity} at {want.limit_price / 100:.2f}"
        case Sent.WAITING:
            reason = "short of funds" if short else "waits for 08:00: a session that is not run lies between"
            return ("skipped_funds" if short else "waiting"), reason
        case Sent.RETRY:
            return "skipped_funds", answer.reason
        case Sent.BLOCKED:
            return "skipped_limit", answer.reason
        case Sent.UNKNOWN:
            return "unknown", answer.reason
        case Sent.REFUSED:
            context.log("order_refused", f"BUY {quantity} {want.symbol}: {answer.reason}", want.symbol, level="warning")
            return "refused", answer.reason


def _inputs(want: Want) -> dict[str, object]:
    return {
        "limit_price": want.limit_price,
        "last_close": want.last_close,
        "average_turnover": want.average_turnover,
        "level": want.level,
    }


TASK = Task(
    name="buy",
    summary="Place after-market buys for the next session, within the portfolio's limits.",
    schedule=Schedule((time(16, 5),), until=time(23, 0)),
    needs=("analyze",),
    run=run,
)
