"""Find unprotected positions that the program did not report, by comparing the exchange's book with `status` and exit codes.

After each complete step of the sell monitor, a live sell at the exchange covers every held share, or the program reports the
position. `status` must report it within two minutes, and the step's exit code must report it once the finding is due.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta

from tradectl.exchange.phases import PhaseKind
from tradectl.exchange.sessions import Session, SessionTable
from tradectl.execution.unprotected_findings import RULE
from tradectl.execution.unprotected_positions import REACTION
from tradectl.lab.faults import Fault
from tradectl.lab.faults.book_view import AT_ONCE
from tradectl.model.moment import at_ist, ist_date, to_ist
from tradectl.model.order import ALIVE, OrderReport, OrderStatus, Side
from tradectl.ports import Broker, MarketData
from tradectl.runtime.exposure import unprotected_now
from tradectl.task import Outcome
from tradectl.world import World

BEHIND: Mapping[Fault, timedelta] = {Fault.SLOWER_BOOK: timedelta(minutes=4), Fault.VANISHED: timedelta(minutes=2)}
"""How much longer than `UNSEEN` a fault may hide a change of the exchange's book from the program."""
OFTEN, LATELY = 10, timedelta(minutes=15)
"""A symbol must have a finding after this many sells within this time that ended without a trade.

Between two such steps it had no live sell."""
UNSEEN = timedelta(minutes=1)
"""How long a step may miss a fill or an order's end, because it read the book before."""


def unseen(faults: Iterable[Fault]) -> timedelta:
    """Return the age from which a step must have seen an event at the exchange."""
    return UNSEEN + max((BEHIND.get(fault, timedelta(0)) for fault in faults), default=timedelta(0))


def exposed_at(exchange: Broker, market: MarketData, sessions: SessionTable, now: datetime, hidden: timedelta) -> dict[str, int]:
    """Return, in trading hours, how many held shares of each symbol no live sell at the exchange covers.

    A symbol with a fill or an order's end within the last `hidden` is left out.
    """
    day = ist_date(now)
    session = sessions.session(day)
    if session is None or not session.runs or now < session.open_at():
        return {}
    orders, trades = exchange.orders(), exchange.trades()
    found = {}
    for held in exchange.holdings():
        auction = market.instrument(market.find(held.symbol, day), day).closing_auction
        sells = [report for report in orders if report.symbol == held.symbol and report.side is Side.SELL and _is_of(report, day)]
        on_sale = sum(report.quantity - report.filled_quantity for report in sells if report.status in ALIVE)
        shares = held.quantity + held.t1_quantity - on_sale
        if shares > 0 and _trades(session, now, closing_auction=auction):
            news = [*(trade.at for trade in trades if trade.symbol == held.symbol), *_ends(sells, now)]
            if not news or now - max(news) >= hidden:
                found[held.symbol] = shares
    return found


def _trades(session: Session, now: datetime, *, closing_auction: bool) -> bool:
    """Return whether a resting order may trade now or in the following auction.

    The exchange's phases decide this, not the program's own rule, which is being tested here.
    """
    phases = session.phases(closing_auction)
    opens = next(phase.start for phase in phases if phase.kind is PhaseKind.CONTINUOUS)
    closes = max(phase.end for phase in phases if phase.kind is not PhaseKind.POST_CLOSE)
    return opens <= now < closes


def silent(world: World, exchange: Broker, outcome: Outcome, hidden: timedelta) -> list[str]:
    """Return a line for each position without a live sell at the exchange that a step of the sell monitor did not report.

    Either `status` does not name the position within `REACTION`, or the step does not name it once the finding is due.
    """
    now = world.clock.now()
    exposed = exposed_at(exchange, world.market, world.sessions, now, hidden)
    lines = _taken_back_silently(world, exchange, now)
    if not exposed:
        return lines
    found = {item.symbol: item for item in unprotected_now(world, looked_at=now, within=REACTION)}
    unknown = {order.symbol for order in world.ledger.book.snapshot().unknown}
    for symbol, shares in exposed.items():
        item = found.get(symbol)
        where = f"{shares} {symbol} are not on sale at the exchange at {to_ist(now):%d %b %H:%M:%S}"
        if item is None and symbol not in unknown:
            lines.append(f"{where}: `status` does not report the position")
        elif item is not None and item.grave and item.is_due(now) and not _is_named(symbol, outcome):
            lines.append(f"{where}: the step's exit code does not report the position")
    return lines


def _taken_back_silently(world: World, exchange: Broker, now: datetime) -> list[str]:
    """Return a line for each held symbol with `OFTEN` sells in `LATELY` that ended without a trade, and without a finding.

    Each step may have placed a new sell, but between two steps no sell was live.
    """
    held = {row.symbol for row in exchange.holdings() if row.quantity + row.t1_quantity}
    ended: Counter[str] = Counter(
        report.symbol
        for report in exchange.orders()
        if report.side is Side.SELL and report.symbol in held and now - report.updated_at < LATELY and _ended_unsold(report)
    )
    often = [symbol for symbol, times in ended.items() if times >= OFTEN]
    today = at_ist(ist_date(now), time(0))
    named = {symbol for symbol in often if world.ledger.logs.list(action=RULE, symbol=symbol, since=today, limit=1)}
    return [
        f"{ended[symbol]} sells of {symbol} ended without a trade by {to_ist(now):%d %b %H:%M:%S}: no finding reports this"
        for symbol in often
        if symbol not in named
    ]


def _is_of(report: OrderReport, day: date) -> bool:
    """Return whether an order may be live on a day, or ended on it."""
    return report.status in ALIVE or ist_date(report.updated_at) == day


def _ended_unsold(report: OrderReport) -> bool:
    """Return whether a sell rested and was cancelled without a trade. An order that ended at once counts as rejected."""
    ended = report.status is OrderStatus.CANCELLED and not report.filled_quantity
    return ended and report.updated_at - report.placed_at >= AT_ONCE


def _ends(sells: Iterable[OrderReport], now: datetime) -> list[datetime]:
    """Return the ends of sells after which the program may need time to react.

    These are the ends of sells that traded, the first end without a trade, and an end at `now`, by a command of this step that
    the broker's list may not show yet. Other ends without a trade give no new delay. Otherwise a program that ignores them would
    never have to report the position.
    """
    traded = [report.updated_at for report in sells if report.filled_quantity and report.status not in ALIVE]
    unsold = sorted(report.updated_at for report in sells if _ended_unsold(report))
    return [*traded, *unsold[:1], *(at for at in unsold if at == now)]


def _is_named(symbol: str, outcome: Outcome) -> bool:
    return bool(outcome.unknown) or any(line.startswith(f"{symbol}: ") for line in outcome.unprotected)
