"""From the open to the last fill: rest a sell at EMA9 for every position, follow orders, and lower targets that froze.

Each step makes the actual sell orders equal the desired ones, which follow from positions and prices alone, so the monitor may
die and start again at any minute.
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
from tradectl.task import Context, Outcome
from tradectl.tasks.sell_monitor import unprotected_check

RESULT_KEYS = ("placed", "checked", "updated", "executed", "rejected", "cancelled", "closed")


def run(context: Context) -> Outcome:
    """One step. Its result holds the session's totals, read from the book, so an interrupted monitor counts the same.

    A step that fails, for whatever reason, leaves every position that no sell covers as a finding."""
    with unprotected_check.Findings(context):
        return _step(context)


def _step(context: Context) -> Outcome:
    world, trading = context.world, context.trading()
    _tell_stream(context)
    changes, seen = trading.begin_step(trading.open_of)
    seen = seen.with_quotes(_quotes(context, trading, seen))
    seller = context.part(Seller, lambda: Seller(trading, world.readings, world.parameters, context.session, context.decide))
    touched = [bool(changes), seller.cancel_rest_of_sold(seen.snapshot), seller.withdraw_strays(seen.snapshot)]
    touched += _attend(context, seller, seen.with_snapshot(trading.snapshot) if any(touched) else seen)
    worked = any(touched)
    if worked:
        trading.follow()
        seller.cancel_rest_of_sold(trading.snapshot)
        seen = seen.with_snapshot(trading.snapshot)
    again = worked or context.first
    unprotected, news = unprotected_check.look(context, seller, seen, again=again)
    lines = tuple(item.text for item in unprotected if item.grave)
    if not again and not news:
        unknown, again_after = trading.doubts(seen)
        return Outcome(again_after=again_after, unknown=unknown, changed=False, unprotected=lines)
    outcome = _outcome(context, trading, seen, changes, changed=worked or news or not context.steps)
    shown = {"unprotected": [item.shown for item in unprotected]} if unprotected else {}
    return replace(outcome, result={**outcome.result, **shown}, unprotected=lines)


def _tell_stream(context: Context) -> None:
    """A broker whose stream of prices this process holds: say when it breaks and when it is there. Prices are right without it,
    and cost requests."""
    news = getattr(context.world.broker, "stream_news", None)
    trouble = news() if news is not None else None
    if trouble:
        context.log("stream", f"no stream of prices, each is asked for: {trouble}", level="warning")
    elif trouble is not None:
        context.log("stream", "the stream of prices is connected")


def _attend(context: Context, seller: Seller, seen: StepView) -> Iterator[bool]:
    """Yield for each position whose sell is not as it should be whether a command was sent. A command for one may have shown
    something new of the others."""
    continuous = _Continuous(context, seen.now)
    snapshot = seen.snapshot
    for position in snapshot.positions:
        quote = seen.quotes.get(position.symbol)
        if quote is not None and continuous.of(position) and not seller.may_leave(position, quote, snapshot):
            yield seller.attend(position, quote)
            snapshot = seller.trading.snapshot


def _quotes(context: Context, trading: TradingSession, seen: StepView) -> dict[str, Quote]:
    """Return fresh prices of today for the positions; a stale one, or yesterday's, changes nothing."""
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
    """Whether the exchange takes changes for a stock now: continuous trading only. Found out once for all stocks of a kind; a
    stock of unknown kind is changed only while both kinds trade."""

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
    """The session's totals; the first step adds what it found and warmed, and what troubles the stream of prices (empty: nothing,
    None: none is held). The first step of each process reads them anew, since the one before it may have died before it wrote
    them down."""
    totals = trading.book.sell_totals(context.session)
    result: dict[str, object] = {key: totals[key] for key in RESULT_KEYS}
    if not context.steps:
        result["first_step"] = {
            "reconciled": changes.trades + changes.ended,
            "placed": totals["placed"],
            "subscribed": len(seen.snapshot.positions),
            "warmed": len(seen.quotes),
            "stale": _stale(context, seen),
            "stream": getattr(context.world.broker, "stream_trouble", None),
        }
    unknown, again_after = trading.doubts(seen)
    return Outcome(result, again_after, refused=totals["rejected"], unknown=unknown, changed=changed)


def _stale(context: Context, seen: StepView) -> int:
    """Positions whose EMA9 is not of the last session: its bars were not imported, or the stock did not trade. Said once."""
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
