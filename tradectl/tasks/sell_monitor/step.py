"""From the open to the last fill: rest a sell at EMA9 for every position, follow orders, and lower targets.

Each step changes the actual sell orders to the desired ones, which follow from positions and prices alone. So the monitor may
stop and start again at any minute.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import partial

from msgspec.structs import replace

from tradectl.context import Context
from tradectl.exchange.sessions import Session
from tradectl.execution.changes import Changes
from tradectl.execution.position_rules import has_own_rules
from tradectl.execution.selling import Seller
from tradectl.execution.step_view import StepView
from tradectl.execution.stray_orders import cancel_buys_of_sold, cancel_strays
from tradectl.execution.trading_session import TradingSession
from tradectl.execution.unprotected_positions import Unprotected
from tradectl.lazy import resolved
from tradectl.ledger.rows import Position
from tradectl.model.market import Quote
from tradectl.model.moment import at_ist
from tradectl.model.rule_names import REVERSION
from tradectl.ports import Broker, ReportsStream
from tradectl.task import Outcome
from tradectl.tasks.sell_monitor import unprotected_check
from tradectl.tasks.sell_monitor.stop_watch import StopWatch
from tradectl.tasks.sell_monitor.unprotected_check import Checked

MOST_MISSED = 3
"""How many of the newest sessions the store may lack until no sell is priced by the last bar."""
A_MONTH = timedelta(days=31)
_UNCHANGED = Outcome(changed=False)
RESULT_KEYS = ("placed", "checked", "updated", "executed", "rejected", "cancelled", "closed")


def run(context: Context) -> Outcome:
    """Run one step. Its result has the session's totals from the book, so an interrupted monitor counts the same.

    A step that fails stores a finding for every position without a sell."""
    try:
        return _step(context)
    except Exception as error:
        unprotected_check.after_failure(context, error)
        raise


class _Stream:
    """The broker's price stream, where the broker has one. Prices are right without it, but each costs a request."""

    def __init__(self, broker: Broker) -> None:
        made = resolved(broker)  # from Python 3.12 on, isinstance with a Protocol does not work on a proxy
        self._broker = made if isinstance(made, ReportsStream) else None

    @property
    def trouble(self) -> str | None:
        """Return why the stream is not connected; empty while it is, None where there is no stream."""
        return self._broker.stream_trouble if self._broker is not None else None

    def log_news(self, context: Context) -> None:
        """Log that the stream lost or gained its connection since the last step."""
        trouble = self._broker.stream_news() if self._broker is not None else None
        if trouble:
            context.log("stream", f"the price stream is not connected, so each price is requested: {trouble}", level="warning")
        elif trouble is not None:
            context.log("stream", "the price stream is connected")


@dataclass(slots=True)
class _Run:
    """The data that the steps of one run share.

    Attributes:
        session: None where the session table does not have it.
        day: The first moments of the session's date and of the next date.
        first_close: The earliest end of continuous trading; from then on findings change without a command.
        stops: Knows since when a position with a stop has had no price.
        quote_age: An older quote changes no order: the setting `quote_max_age` and the delay of the broker's quotes.
        kinds: By instrument, whether the stock has a closing auction; both values where that is not known.
        unprotected: The findings that the last check stored.
        covered: The revisions of the book and of the broker's lists for which every position had a live sell.
        tidy: The revision of the book for which no order was found that must be cancelled.
    """

    trading: TradingSession
    seller: Seller
    session: Session | None
    day: tuple[datetime, datetime]
    first_close: datetime
    quote_age: timedelta
    stream: _Stream
    stops: StopWatch
    kinds: dict[str, tuple[bool, ...]] = field(default_factory=dict)
    unprotected: tuple[Unprotected, ...] = ()
    covered: tuple[int, int] | None = None
    tidy: int | None = None

    @classmethod
    def of(cls, context: Context) -> _Run:
        """Return the state of a run before its first step."""
        world, trading = context.world, context.trading()
        decisions, run = world.ledger.decisions, (context.claim.task, context.session)
        seller = Seller(
            trading,
            world.readings,
            world.parameters,
            context.session,
            context.decide,
            _priced_since(context),
            strategies=world.ledger.strategies,
            stored=partial(decisions.of_session, *run),
        )
        session, begin = world.sessions.session(context.session), at_ist(context.session, time(0))
        end = begin + timedelta(days=1)
        first_close = min(map(session.continuous_end, (False, True))) if session is not None else end
        return cls(
            trading=trading,
            seller=seller,
            session=session,
            day=(begin, end),
            first_close=first_close,
            quote_age=timedelta(seconds=world.parameters.quote_max_age) + world.broker.capabilities.quote_delay,
            stream=_Stream(world.broker),
            stops=context.part(StopWatch, lambda: StopWatch.of(context)),
        )

    def kinds_of(self, position: Position) -> tuple[bool, ...]:
        """Return `kinds` of a position's stock, read once: the market data of a run do not change."""
        found = self.kinds.get(position.instrument_id)
        if found is None:
            instrument = self.trading.market.instrument(position.instrument_id, self.seller.session)
            found = self.kinds[position.instrument_id] = instrument.closing_auctions
        return found

    def check(self, context: Context, seen: StepView, *, worked: bool) -> Checked:
        """Check for positions without a sell, where that can have changed since the last check."""
        if self.session is None or context.dry_run:
            return Checked()
        state = seen.snapshot.revision, seen.broker.revision
        closing = seen.now >= self.first_close
        own = [item for item in seen.snapshot.positions if item.strategy != REVERSION] if self.stops.opened is not None else []
        stops = self.stops.findings(own, seen.quotes, seen.now) if own else ()
        if not stops and self.covered == state and not (closing or worked or context.first):
            return unprotected_check.NOTHING
        again = context.first or closing or bool(self.unprotected)
        found = unprotected_check.check(context, self.session, self.seller, seen, again=again, unwatched=stops)
        self.covered, self.unprotected = state if found.covered else None, found.unprotected
        return found


def _step(context: Context) -> Outcome:
    run = context.part(_Run, lambda: _Run.of(context))
    trading = run.trading
    run.stream.log_news(context)
    changes, seen = trading.begin_step(trading.open_of)
    if seen.snapshot.positions:
        seen = seen.with_quotes(_quotes(context, run, seen))
    worked = not changes.quiet and bool(changes)
    if run.tidy != seen.snapshot.revision:
        cancelled = cancel_strays(trading, seen.snapshot, context.session)
        run.tidy, worked = None if cancelled else seen.snapshot.revision, worked or cancelled
    if worked:
        seen = seen._replace(snapshot=trading.snapshot)
    if (seen.quotes and _adjust_sells(run, seen)) or worked:
        after, worked = trading.follow(), True
        if cancel_buys_of_sold(trading, after, context.session):
            after = trading.snapshot
        seen = seen._replace(snapshot=after)
    found = run.check(context, seen, worked=worked)
    lines = tuple(item.text for item in found.unprotected if item.grave) if found.unprotected else ()
    if not worked and not context.first and not found.news:
        if not lines and not seen.snapshot.unknown:
            return _UNCHANGED
        unknown, again_after = trading.unresolved(seen)
        return Outcome(again_after=again_after, unknown=unknown, changed=False, unprotected=lines)
    outcome = _outcome(context, run, seen, changes, changed=worked or found.news or not context.steps)
    shown = {"unprotected": [item.shown for item in found.unprotected]} if found.unprotected else {}
    return replace(outcome, result={**outcome.result, **shown}, unprotected=lines)


def _adjust_sells(run: _Run, seen: StepView) -> bool:
    """Adjust the sell of each position that differs from the desired one; return whether a command was sent.

    Only stocks in continuous trading are adjusted: the exchange takes changes then. Where it is not known whether a stock has a
    closing auction, both kinds must trade. The snapshot and the clock are read again after each command. The read-back may show
    changes of other positions. With a slow broker a quote may have become stale, or the phase may have ended."""
    snapshot, now, sent, outdated = seen.snapshot, seen.now, False, False
    trades: dict[tuple[bool, ...], bool] = {}
    for position in snapshot.positions:
        quote = seen.quotes.get(position.symbol)
        if quote is None:
            continue
        if outdated:
            snapshot, now, outdated = run.trading.book.snapshot(), run.trading.clock.now(), False
            trades.clear()
        kinds = run.kinds_of(position)
        if kinds not in trades:
            trades[kinds] = run.session is not None and run.session.takes_changes(now, kinds)
        if trades[kinds] and quote.at >= now - run.quote_age and run.seller.adjust(position, quote, snapshot):
            sent = outdated = True
    return sent


def _quotes(context: Context, run: _Run, seen: StepView) -> dict[str, Quote]:
    """Return today's fresh quotes for the positions; a stale quote or one of an earlier day is left out."""
    positions = seen.snapshot.positions
    age = timedelta(seconds=context.world.parameters.quote_max_age)
    return run.trading.fresh_quotes([position.symbol for position in positions], age, seen.now, run.day)


def _outcome(context: Context, run: _Run, seen: StepView, changes: Changes, *, changed: bool) -> Outcome:
    """Return the outcome with the session's totals.

    The first step adds its counts and the error of the price stream (empty: connected; None: there is no stream). The first step
    of each process reports the totals again, because the process before may have ended without storing them."""
    totals = run.trading.book.sell_totals(context.session, seen.snapshot)
    result: dict[str, object] = {key: totals[key] for key in RESULT_KEYS}
    if not context.steps:
        result["first_step"] = {
            "reconciled": changes.trades + changes.ended,
            "placed": totals["placed"],
            "subscribed": len(seen.snapshot.positions),
            "warmed": len(seen.quotes),
            "stale": _stale(context, run.seller, seen),
            "stream": run.stream.trouble,
            **_stops(context, run.seller, seen),
        }
    unknown, again_after = run.trading.unresolved(seen) if seen.snapshot.unknown else (0, None)
    return Outcome(result, again_after, refused=totals["rejected"], unknown=unknown, changed=changed)


def _priced_since(context: Context) -> date:
    """Return the first session whose bar may price a sell where the bars since are not stored: `MOST_MISSED` sessions may lack.

    On a virtual clock every bar may: the stored bars are then as complete as they will ever be."""
    table = context.world.sessions
    first, last = max(table.first, context.session - A_MONTH), min(table.last, context.session - timedelta(days=1))
    if context.world.clock.virtual or first > last:
        return date.min
    return ([date.min] * (MOST_MISSED + 1) + [session.date for session in table.run_between(first, last)])[-MOST_MISSED - 1]


def _stops(context: Context, seller: Seller, seen: StepView) -> dict[str, int]:
    """Return the number of positions whose rule has a stop, and log that it protects only while this task runs."""
    stops = [item.symbol for item in seen.snapshot.positions if has_own_rules(item) and seller.own.rules.has_stop(item)]
    if not stops:
        return {}
    text = (
        f"watching the stops of {', '.join(stops)}: a stop protects only while sell-monitor runs, it is no order at the exchange"
    )
    context.log("stops_watched", text)
    return {"stops": len(stops)}


def _stale(context: Context, seller: Seller, seen: StepView) -> int:
    """Return the number of positions whose EMA9 is not of the last session, and log each.

    Its bars were not imported, or the stock did not trade."""
    last, found = context.world.sessions.previous_session(context.session).date, 0
    for position in seen.snapshot.positions:
        reading = context.world.readings.reading(position.instrument_id, context.session - timedelta(days=1))
        if reading is None or reading.session < last:
            found += 1
            used = "without a newer EMA9 no sell is placed"
            if reading is not None and not seller.outdated(reading.session):
                used = f"the target uses the EMA9 of {reading.session}"
            if has_own_rules(position):
                used = used.replace("EMA9", "bar")
            context.log("stale_data", f"{position.symbol}: there is no bar of {last}; {used}", position.symbol, level="warning")
    return found
