"""From the open to the last fill: rest a sell at EMA9 for every position, follow orders, and lower targets that froze.

Each step changes the actual sell orders to the desired ones, which follow from positions and prices alone. So the monitor may
stop and start again at any minute.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, time, timedelta

from tradectl.execution.reconcile import Changes
from tradectl.execution.selling import Seller
from tradectl.execution.step_view import StepView
from tradectl.execution.trading_session import TradingSession
from tradectl.ledger.rows import Position
from tradectl.model.market import Quote
from tradectl.model.moment import at_ist
from tradectl.ports import Broker, ReportsStream
from tradectl.task import Context, Outcome
from tradectl.tasks.sell_monitor import unprotected_check

RESULT_KEYS = ("placed", "checked", "updated", "executed", "rejected", "cancelled", "closed")


def run(context: Context) -> Outcome:
    """Run one step. Its result has the session's totals from the book, so an interrupted monitor counts the same.

    A step that fails stores a finding for every position without a sell."""
    with unprotected_check.RecordOnFailure(context):
        return _step(context)


def _step(context: Context) -> Outcome:
    world, trading = context.world, context.trading()
    _stream(context).log_news(context)
    changes, seen = trading.begin_step(trading.open_of)
    seen = seen.with_quotes(_quotes(context, trading, seen))
    seller = context.part(Seller, lambda: Seller(trading, world.readings, world.parameters, context.session, context.decide))
    touched = [bool(changes), seller.cancel_buys_of_sold(seen.snapshot), seller.cancel_orphan_sells(seen.snapshot)]
    touched += _adjust_sells(context, seller, seen.with_snapshot(trading.snapshot) if any(touched) else seen)
    worked = any(touched)
    if worked:
        trading.follow()
        seller.cancel_buys_of_sold(trading.snapshot)
        seen = seen.with_snapshot(trading.snapshot)
    again = worked or context.first
    unprotected, news = unprotected_check.check(context, seller, seen, again=again)
    lines = tuple(item.text for item in unprotected if item.grave)
    if not again and not news:
        unknown, again_after = trading.unresolved(seen)
        return Outcome(again_after=again_after, unknown=unknown, changed=False, unprotected=lines)
    outcome = _outcome(context, trading, seen, changes, changed=worked or news or not context.steps)
    shown = {"unprotected": [item.shown for item in unprotected]} if unprotected else {}
    return replace(outcome, result={**outcome.result, **shown}, unprotected=lines)


class _Stream:
    """The broker's price stream, where the broker has one. Prices are right without it, but each costs a request."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker if isinstance(broker, ReportsStream) else None

    @property
    def trouble(self) -> str | None:
        """Why the stream has no connection; empty while it has one, None where there is no stream."""
        return self._broker.stream_trouble if self._broker is not None else None

    def log_news(self, context: Context) -> None:
        """Log that the stream has broken or connected since the last step."""
        trouble = self._broker.stream_news() if self._broker is not None else None
        if trouble:
            context.log("stream", f"there is no stream of prices, each is requested: {trouble}", level="warning")
        elif trouble is not None:
            context.log("stream", "the stream of prices is connected")


def _stream(context: Context) -> _Stream:
    """Return the stream of the run's broker. Its type is checked in the first step alone: the check is slow."""
    return context.part(_Stream, lambda: _Stream(context.world.broker))


def _adjust_sells(context: Context, seller: Seller, seen: StepView) -> Iterator[bool]:
    """Adjust the sell of each position that differs from the desired one; yield whether a command was sent.

    The snapshot is taken again after each, because a read-back may show changes of other positions."""
    continuous = _Continuous(context, seen.now)
    snapshot = seen.snapshot
    for position in snapshot.positions:
        quote = seen.quotes.get(position.symbol)
        if quote is not None and continuous.of(position) and not seller.is_in_place(position, quote, snapshot):
            yield seller.adjust(position, quote)
            snapshot = seller.trading.snapshot


def _quotes(context: Context, trading: TradingSession, seen: StepView) -> dict[str, Quote]:
    """Return today's fresh quotes for the positions; a stale quote or one of an earlier day is left out."""
    positions = seen.snapshot.positions
    if not positions:
        return {}
    age = timedelta(seconds=context.world.parameters.quote_max_age)
    begin = at_ist(context.session, time(0))
    end = begin + timedelta(days=1)
    fresh = trading.fresh_quotes([position.symbol for position in positions], age, seen.now)
    return {
        symbol: quote for symbol, quote in fresh.items() if quote.last_trade_at is not None and begin <= quote.last_trade_at < end
    }


class _Continuous:
    """Whether the exchange takes changes for a stock now, which is in continuous trading only.

    Computed once for stocks with and once for stocks without a closing auction. Where that is not known, both must trade."""

    def __init__(self, context: Context, now: datetime) -> None:
        self._context = context
        self._moment = now
        self._now: dict[tuple[bool, ...], bool] = {}

    def of(self, position: Position) -> bool:
        kinds = self._context.world.market.instrument(position.instrument_id, self._context.session).closing_auctions
        if kinds not in self._now:
            session = self._context.world.sessions.session(self._context.session)
            self._now[kinds] = session is not None and session.takes_changes(self._moment, kinds)
        return self._now[kinds]


def _outcome(context: Context, trading: TradingSession, seen: StepView, changes: Changes, *, changed: bool) -> Outcome:
    """Return the outcome with the session's totals.

    The first step adds what it found, and the trouble of the price stream (empty: none; None: there is no stream). The first step
    of each process reads the totals again, since the process before may have ended before it stored them."""
    totals = trading.book.sell_totals(context.session)
    result: dict[str, object] = {key: totals[key] for key in RESULT_KEYS}
    if not context.steps:
        result["first_step"] = {
            "reconciled": changes.trades + changes.ended,
            "placed": totals["placed"],
            "subscribed": len(seen.snapshot.positions),
            "warmed": len(seen.quotes),
            "stale": _stale(context, seen),
            "stream": _stream(context).trouble,
        }
    unknown, again_after = trading.unresolved(seen)
    return Outcome(result, again_after, refused=totals["rejected"], unknown=unknown, changed=changed)


def _stale(context: Context, seen: StepView) -> int:
    """Return the number of positions whose EMA9 is not of the last session, and log each.

    Its bars were not imported, or the stock did not trade."""
    last = context.world.sessions.previous_session(context.session).date
    found = 0
    for position in seen.snapshot.positions:
        reading = context.world.readings.reading(position.instrument_id, context.session - timedelta(days=1))
        if reading is None or reading.session < last:
            found += 1
            of = f"of {reading.session}" if reading is not None else "unknown"
            context.log(
                "stale_data", f"{position.symbol}: EMA9 is {of}, there is no bar of {last}", position.symbol, level="warning"
            )
    return found
