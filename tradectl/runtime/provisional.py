"""Admit provisional sessions: in a year without a list of holidays, sells go on if the broker shows that the market is open.

A session is never guessed. On a weekday beyond the list the quotes of held shares are read. A share that traded today, in the
hours of an ordinary session, proves that the exchange is open. The day is then a provisional session: held shares are sold as
on any other, and nothing is bought. From 1 December the user is warned.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from tradectl.errors import UncoveredDate
from tradectl.exchange.sessions import FILL_YEAR, Session
from tradectl.model.message_kind import MessageKind
from tradectl.model.moment import ist_date, to_ist

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradectl.exchange.sessions import SessionTable
    from tradectl.model.market import Quote
    from tradectl.world import World

BETWEEN = timedelta(seconds=15)
"""The pause between two reads of quotes, for a broker whose quotes have no trade time."""
_LAST_STEP = timedelta(minutes=1)
"""How long after the last fill the last step of the sell monitor may begin."""
WARN_FROM, URGENT_FROM = (12, 1), (12, 20)
"""Month and day from which the missing list of the next year is a warning, and from which it is an error of each day. NSE
publishes the list in the first half of December. On the evening of the last listed session nothing can be bought."""


def admit_today(world: World) -> bool:
    """Make today a provisional session if that is needed and proved; return whether today is one. Raises the broker's errors."""
    table, now = world.sessions, world.clock.now()
    today = ist_date(now)
    if today <= table.listed_through:
        return False
    if today in table.provisional:
        return True
    candidate = table.candidate(today)
    if candidate is None or not candidate.begins_at() <= now < candidate.last_fill_at() + _LAST_STEP:
        return False
    proof = _proof(world, candidate, now)
    if not proof:
        return False
    table.admit(today, proof)
    return True


def _proof(world: World, candidate: Session, now: datetime) -> str:
    """Return what proves that the market is open: the broker declares it, or a held share traded today in ordinary hours.

    Empty if nothing is held or ordered, or if no quote proves it. An adapter that cannot date a quote without the session table
    proves nothing.
    """
    symbols = _symbols(world)
    if not symbols:
        return ""
    if world.broker.capabilities.open_weekdays:
        return f"{world.broker.name} declares that it is open on weekdays"
    try:
        quotes = world.broker.quotes(symbols)
    except UncoveredDate:
        return ""
    traded = {symbol: quote for symbol, quote in quotes.items() if _traded_at(quote, candidate, now) is not None}
    if not traded:
        return ""
    if not world.broker.capabilities.trade_times:
        return _growth(world, traded) if now >= candidate.open_at() else ""
    symbol, quote = next(iter(traded.items()))
    return f"{symbol} traded at {to_ist(quote.last_trade_at or now):%H:%M:%S}, by {quote.source}"


def _traded_at(quote: Quote, candidate: Session, now: datetime) -> datetime | None:
    """Return when a price was traded; None if that is not today in the hours of an ordinary session."""
    at = quote.last_trade_at
    return at if at is not None and ist_date(at) == candidate.date and candidate.begins_at() <= at <= now else None


def _growth(world: World, before: Mapping[str, Quote]) -> str:
    """Return the proof from two reads of quotes that have no trade time; empty if no volume grows.

    The time of such a quote may be that of an update on a closed day, but a volume that grows is a trade.
    """
    world.clock.sleep(BETWEEN.total_seconds())
    for symbol, quote in world.broker.quotes(list(before)).items():
        earlier = before[symbol].volume or 0
        if quote.volume is not None and quote.volume > earlier > 0:
            at = to_ist(world.clock.now())
            return f"the volume of {symbol} grew from {earlier} to {quote.volume} by {at:%H:%M:%S}, by {quote.source}"
    return ""


def _symbols(world: World) -> list[str]:
    """Return the symbols that may need a sell: of open positions and unfinished orders, which may have filled.

    If there are none, return the symbols of the broker's holdings: this ledger may have lost their positions.
    """
    snapshot = world.ledger.book.snapshot()
    symbols = {item.symbol for item in snapshot.positions} | {order.symbol for order in snapshot.orders}
    return sorted(symbols or {item.symbol for item in world.broker.holdings() if item.quantity + item.t1_quantity > 0})


def note_today(world: World) -> None:
    """Report once a day and user that today is provisional, and why: in the log and as a message."""
    now = world.clock.now()
    today = ist_date(now)
    text = (
        f"{today} is a provisional session ({world.sessions.provisional[today]}): no list of {today.year}'s holidays is known. "
        f"Positions are sold as in any session; no buy is sent. {FILL_YEAR}{_gap(world.sessions, today)}"
    )
    if world.ledger.outbox.add(
        now, f"{today} is a provisional session", text, f"provisional:{today}", kind=MessageKind.MISSING_DATA
    ):
        world.ledger.logs.append(now, "warning", "provisional_session", text)


def missing_year(table: SessionTable, today: date) -> str:
    """Return what a missing list of holidays means, in one line; empty if no list is missing that is needed now."""
    listed = table.listed_through
    if today > listed:
        sold = "held shares are sold only once a broker has shown that the market is open"
        return f"no list of {today.year}'s holidays is known: nothing is bought, and {sold}. {FILL_YEAR}{_gap(table, today)}"
    if listed.year == today.year and (today.month, today.day) >= WARN_FROM:
        following = listed.year + 1
        return f"no list of {following}'s holidays is known: from {listed} on nothing is bought for {following}. {FILL_YEAR}"
    return ""


def is_urgent(table: SessionTable, today: date) -> bool:
    """Return whether `missing_year` reports a list of holidays that must not be missing any more: an error, no warning."""
    return bool(missing_year(table, today)) and (today > table.listed_through or (today.month, today.day) >= URGENT_FROM)


def _gap(table: SessionTable, today: date) -> str:
    """Return what to do about weekdays before today that were never decided, in one sentence; empty if there are none."""
    days = table.undecided(today)
    if not days:
        return ""
    named = ", ".join(map(str, days[-3:]))
    more = f" and {len(days) - 3} before" if len(days) > 3 else ""
    return (
        f". It is not known whether the exchange was open on {named}{more}; each counts as closed: it has no bar, and settlement "
        "and holding periods skip it. `tradectl data import` of NSE's bhavcopy of the day proves a session"
    )


def warn(world: World) -> None:
    """Send the warning about a missing list once a week; from `URGENT_FROM` on once a day, as an error."""
    now = world.clock.now()
    today = ist_date(now)
    text = missing_year(world.sessions, today)
    if not text:
        return
    urgent = is_urgent(world.sessions, today)
    key = f"calendar:{today}" if urgent else f"calendar:{today.isocalendar().year}-{today.isocalendar().week}"
    title = "ERROR: the holidays of a new year are missing" if urgent else "The holidays of a new year are missing"
    if world.ledger.outbox.add(now, title, text, key, kind=MessageKind.MISSING_DATA):
        world.ledger.logs.append(now, "error" if urgent else "warning", "year_missing", text)
