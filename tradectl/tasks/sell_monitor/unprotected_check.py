"""Gather the facts about positions that have no live sell order after a step of the monitor.

`execution.unprotected_positions` derives the cause from them.

A covered position costs one pass over the snapshot. Only an uncovered one is looked at closer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any

from tradectl.errors import BrokerUnavailable, DatabaseError, Interrupted, LoginNeeded, TradectlError
from tradectl.exchange.sessions import Session
from tradectl.execution import unprotected_findings, unprotected_positions, unreadable_rows
from tradectl.execution.selling import Seller
from tradectl.execution.step_view import StepView
from tradectl.execution.unprotected_positions import Cause, Facts, Unprotected
from tradectl.ledger.executions import Fenced
from tradectl.ledger.rows import Order, Position
from tradectl.ledger.snapshot import Snapshot
from tradectl.model.order import Holding, OrderStatus, Side
from tradectl.task import Context

CREDIT = timedelta(days=7)
"""How long after its ex-date shares of a corporate action may not be credited at the depository."""

_LEFT_TO_OTHERS = (Fenced, Interrupted)
"""After these another process works on it."""

Exposed = Sequence[tuple[Position, int]]
"""Positions with how many of their shares no live sell covers."""


def look(context: Context, seller: Seller, seen: StepView, *, again: bool) -> tuple[tuple[Unprotected, ...], bool]:
    """Return the findings that are due after a step, and whether one of them is new or has ended; keep and announce these.

    `again`: a finding that was kept may have ended (the step changed something, or is the first of its process). After the
    market hours of a stock the finding with which they ended stands.
    """
    session = context.world.sessions.session(context.session)
    if session is None or context.dry_run:
        return (), False
    watch = _Watch(context, session)
    exposed = watch.exposed(seen.snapshot)
    if not exposed and not again and seen.now < min(map(session.continuous_end, (False, True))):
        return (), False
    return watch.kept(seen.snapshot, lambda before: watch.findings(_gathered(watch, seller, seen, exposed), before))


class Findings:
    """Around a step: where it fails, also by a bug, the positions without a sell are kept as findings. The error goes on."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, Exception) and not isinstance(error, _LEFT_TO_OTHERS):
            with suppress(DatabaseError):  # it may be the ledger that cannot be read or written
                after_failure(self._context, error)


def after_failure(context: Context, error: Exception) -> None:
    """Keep and announce, by the ledger alone, that a failed step leaves positions without a sell."""
    world = context.world
    session = world.sessions.session(context.session)
    if session is None or context.dry_run:
        return
    watch, snapshot = _Watch(context, session), world.ledger.book.snapshot()
    exposed = watch.exposed(snapshot)
    if exposed:
        halted, armed = unprotected_positions.halted_by(snapshot, world.marker), unprotected_positions.is_armed(world.ledger)
        facts = [
            (position, Facts(shares, position.quantity, halted, armed, _failure_of(watch, position, error)))
            for position, shares in exposed
        ]
        watch.kept(snapshot, lambda before: watch.findings(facts, before))


@dataclass(frozen=True, slots=True)
class _Watch:
    """One look at the positions of a session."""

    context: Context
    session: Session

    def exposed(self, snapshot: Snapshot) -> Exposed:
        """Return the positions that are not covered, in the market hours of their stock."""
        book, day = self.context.world.ledger.book, self.context.session
        if not book.unread and book.covered == (snapshot.revision, day):
            return ()
        orders = unprotected_positions.proved(snapshot.orders, book.unread) if book.unread else snapshot.orders
        uncovered = [item for item in snapshot.positions if unprotected_positions.uncovered(item, orders, day)]
        if not uncovered and not book.unread:
            book.covered = (snapshot.revision, day)
        found = [(item, self._exposed(item, snapshot)) for item in uncovered]
        return [(item, shares) for item, shares in found if shares]

    def _exposed(self, position: Position, snapshot: Snapshot) -> int:
        book, kinds = self.context.world.ledger.book, self.kinds(position)
        orders = unprotected_positions.proved(snapshot.orders, book.unread)
        return unprotected_positions.exposed_shares(book, position, orders, self.session, self.context.now, kinds=kinds)

    def in_hours(self, position: Position) -> bool:
        return unprotected_positions.in_market_hours(self.session, self.context.now, self.kinds(position))

    def kinds(self, position: Position) -> tuple[bool, ...]:
        """Return whether the stock has a closing auction: both answers where that is not known."""
        return unprotected_positions.closing_auctions(self.context.world.market, position, self.context.session)[0]

    def continuous(self, position: Position) -> bool:
        return self.session.takes_changes(self.context.now, self.kinds(position))

    def findings(self, gathered: Iterable[tuple[Position, Facts]], before: Mapping[str, Unprotected]) -> list[Unprotected]:
        """Return the findings of now. One that was kept `before` goes on: another attempt to sell is no new beginning, and the
        closing auction no new cause."""
        book, now = self.context.world.ledger.book, self.context.now
        found = []
        for position, facts in gathered:
            cause, detail = unprotected_positions.cause_of(facts)
            known = before.get(position.instrument_id)
            if known is None or known.position_id != position.id or known.since > now:
                since = unprotected_positions.exposed_since(book, position, self.context.session, self.session.open_at(), now)
                if facts.unread is not None:
                    since = max(since, min(now, book.unread[facts.unread[0].id].updated_at))
            else:
                since = known.since
                if cause is Cause.AUCTION:
                    cause, detail = known.cause, known.detail
            of = (position.id, position.instrument_id, position.symbol, facts.shares, position.quantity)
            found.append(Unprotected(*of, cause, detail, since, now))
        return found

    def kept(
        self, snapshot: Snapshot, find: Callable[[Mapping[str, Unprotected]], list[Unprotected]]
    ) -> tuple[tuple[Unprotected, ...], bool]:
        """Compare the findings of now with those that were kept, and write what differs."""
        ledger, day, now = self.context.world.ledger, self.context.session, self.context.now
        before = unprotected_findings.known(ledger, day)
        found = find(before)
        due = [item for item in found if item.is_due(now)]
        named = {item.instrument_id for item in found}
        due += [item for name, item in before.items() if name not in named and self._stands(snapshot, item)]
        return tuple(due), unprotected_findings.keep(ledger, day, now, due, before)

    def _stands(self, snapshot: Snapshot, item: Unprotected) -> bool:
        """Return whether the market hours of a stock ended while its position, still open, had no sell."""
        position = snapshot.position_of(item.instrument_id)
        if position is None or position.id != item.position_id or self.in_hours(position):
            return False
        ended, unread = max(map(self.session.continuous_end, self.kinds(position))), self.context.world.ledger.book.unread
        rested = [
            order.quantity - order.filled_quantity
            for order in self.context.world.ledger.book.orders(session=self.context.session)
            if order.instrument_id == item.instrument_id and order.id not in unread and _rested_until(order, ended)
        ]
        return sum(rested) < position.quantity


def _rested_until(order: Order, ended: datetime) -> bool:
    """Return whether a sell order was live when continuous trading ended."""
    known = order.side is Side.SELL and order.broker_order_id is not None and order.status is not OrderStatus.UNKNOWN
    return known and (order.alive or (order.status is OrderStatus.CANCELLED and order.updated_at >= ended))


def _failure(error: Exception) -> tuple[Cause, str]:
    text = str(error).rstrip(".")
    if not isinstance(error, TradectlError) or not text:
        text = f"{type(error).__name__} {text}".rstrip()
    if isinstance(error, LoginNeeded):
        return Cause.LOGIN_NEEDED, text
    if isinstance(error, BrokerUnavailable):
        return Cause.BROKER_UNREACHABLE, text
    return Cause.FAILED, f"the step of sell-monitor failed: {text}"


def _failure_of(watch: _Watch, position: Position, error: Exception) -> tuple[Cause, str]:
    """Return what a failed step means for one position: its market data may be what is missing."""
    world = watch.context.world
    _, damaged = unprotected_positions.closing_auctions(world.market, position, watch.context.session)
    return (Cause.DATA_MISSING, damaged) if damaged else _failure(error)


def _gathered(watch: _Watch, seller: Seller, seen: StepView, exposed: Exposed) -> Iterator[tuple[Position, Facts]]:
    """Yield the positions with what is known of each. The broker's holdings are read once, and only where they can matter."""
    world, snapshot, unread = watch.context.world, seen.snapshot, seller.trading.book.unread
    if not exposed:
        return
    armed = world.mode == "simulated" or unprotected_positions.is_armed(
        world.ledger
    )  # a simulation is asked each minute of each day
    halted = unprotected_positions.halted_by(snapshot, world.marker)
    held: Mapping[str, Holding] | None = None
    listed: Sequence[Holding] = ()
    failure: tuple[Cause, str] | None = None
    for position, shares in exposed:
        known: dict[str, Any] = {"shares": shares, "quantity": position.quantity, "halted": halted, "armed": armed}
        known["unknown"] = unprotected_positions.unresolved_sell(position, snapshot.orders)
        sell = unprotected_positions.unread_sell(position, snapshot.orders, unread, watch.context.session) if unread else None
        if sell is not None:
            known["unread"] = (sell, unread[sell.id].unknown_word)
        if halted is not None or not armed or known["unknown"] is not None or sell is not None:
            yield position, Facts(**known)
            continue
        if held is None and failure is None:
            try:
                listed = seller.trading.holdings()
                held = {item.symbol: item for item in listed}
            except (BrokerUnavailable, LoginNeeded) as error:
                failure = _failure(error)
        if held is None:
            yield position, Facts(**known, failure=failure)
            continue
        odd = unreadable_rows.unreadable_holding(listed, position.symbol) or unreadable_rows.stop_of(
            seller.trading.book, position.symbol, Side.SELL
        )
        if odd is not None:
            yield position, Facts(**known, failure=(Cause.UNREADABLE_ROW, odd.text))
            continue
        known |= {"read": True, "held": held.get(position.symbol), "tied": seller.tied(position)}
        known["stopped"] = seller.stopped(position, snapshot)
        yield position, Facts(**known, **_priced(watch, seller, seen, position, known["held"]))


def _priced(watch: _Watch, seller: Seller, seen: StepView, position: Position, held: Holding | None) -> dict[str, Any]:
    """Return what the price says, and what became of the last sell order, by the names of `Facts`."""
    quote = seen.quotes.get(position.symbol)
    book, day = seller.trading.book, watch.context.session
    sells = unprotected_positions.sells_of(book, position, day)
    found = {
        "credited": book.new_shares(position.id, day - CREDIT) if held is None or held.sellable < position.quantity else 0,
        "continuous": watch.continuous(position),
        "refused": sells[-1].reason if sells and sells[-1].status is OrderStatus.REJECTED else None,
        "taken_back": unprotected_positions.taken_back(sells),
    }
    if quote is None and seller.trading.is_unlisted(position.symbol):
        return {**found, "missing": f"{seller.trading.broker.name}'s list of the day does not have {position.symbol}"}
    if quote is None:
        age = watch.context.world.parameters.quote_max_age
        return {**found, "missing": f"there is no price of today that is younger than {age:g} s"}
    price = seller.price(position, quote)
    if price is None:
        return {**found, "missing": "there is no EMA9 of the session before, or no open price on the day of a demerger"}
    buys = seen.snapshot.alive(position.instrument_id, Side.BUY)
    own = next((order for order in buys if order.price >= price and order.session >= day), None)
    most = seller.trading.most_shares(position.symbol)
    return {**found, "price": price, "band": (quote.lower_band, quote.upper_band), "own_buy": own, "most": most}
