"""Unprotected positions that the program did not report: the exchange's own book, against what `status` and the exit code say.

After each step of the sell monitor that came to its end, every share at the exchange is on sale there, or the program names the
position: `status` within the time that it may take to react, and the step's exit code once the finding is due.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from tradectl.brokers.faulty import Fault
from tradectl.exchange.sessions import SessionTable
from tradectl.execution.protection import REACTION, in_market_hours
from tradectl.model.moment import ist_date, to_ist
from tradectl.model.order import ALIVE, OrderReport, OrderStatus, Side
from tradectl.ports import Broker, MarketData
from tradectl.runtime.exposure import unprotected_now
from tradectl.task import Outcome, World

BEHIND: Mapping[Fault, timedelta] = {Fault.SLOWER_BOOK: timedelta(minutes=4), Fault.REPORTS_OUT_OF_ORDER: timedelta(minutes=1)}
"""How long a book may hide from the program what is there, by fault; others hide it for less than `REACTION`."""


def reaction(faults: Iterable[Fault]) -> timedelta:
    """Return how long a position may be uncovered at the exchange before the program must have reported it."""
    return REACTION + max((BEHIND.get(fault, timedelta(0)) for fault in faults), default=timedelta(0))


def exposed_at(exchange: Broker, market: MarketData, sessions: SessionTable, now: datetime) -> dict[str, datetime]:
    """Return the symbols of which shares are held and not on sale at the exchange in their market hours, and since when."""
    day = ist_date(now)
    session = sessions.session(day)
    if session is None or not session.runs or now < session.open_at():
        return {}
    orders, trades = exchange.orders(), exchange.trades()
    found = {}
    for held in exchange.holdings():
        auction = market.instrument(market.find(held.symbol, day), day).closing_auction
        sells = [report for report in orders if report.symbol == held.symbol and report.side is Side.SELL]
        on_sale = sum(report.quantity - report.filled_quantity for report in sells if report.status in ALIVE)
        shares = held.quantity + held.t1_quantity
        if shares > on_sale and in_market_hours(session, now, closing_auction=auction):
            bought = [trade.at for trade in trades if trade.symbol == held.symbol and trade.side is Side.BUY]
            found[held.symbol] = max([session.open_at(), *bought, *_ends(sells)])
    return found


def silent(world: World, exchange: Broker, outcome: Outcome, allowed: timedelta) -> list[str]:
    """Return a line for each position that is uncovered at the exchange for longer than `allowed`, and not reported after a step
    of the sell monitor."""
    now = world.clock.now()
    exposed = exposed_at(exchange, world.market, world.sessions, now)
    late = [symbol for symbol, since in exposed.items() if now - since >= allowed]
    if not late:
        return []
    found = {item.symbol: item for item in unprotected_now(world, looked_at=now, within=REACTION)}
    unknown = {order.symbol for order in world.ledger.book.snapshot().unknown}
    lines = []
    for symbol in late:
        item = found.get(symbol)
        where = f"{symbol} has no sell at the exchange since {to_ist(exposed[symbol]):%H:%M:%S}, at {to_ist(now):%d %b %H:%M:%S}"
        if item is None and symbol not in unknown:
            lines.append(f"{where}: status does not name it")
        elif item is not None and item.grave and item.is_due(now) and not _told(symbol, outcome):
            lines.append(f"{where}: the step ends as if nothing were wrong")
    return lines


def _ends(sells: Iterable[OrderReport]) -> list[datetime]:
    """Return when orders that were on sale ended."""
    return [report.updated_at for report in sells if report.status in {OrderStatus.CANCELLED, OrderStatus.EXECUTED}]


def _told(symbol: str, outcome: Outcome) -> bool:
    return bool(outcome.unknown) or any(line.startswith(f"{symbol}: ") for line in outcome.unprotected)
