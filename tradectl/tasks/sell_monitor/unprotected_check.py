"""Gather the facts about positions that have no live sell order after a step of the monitor.

`execution.unprotected_positions` derives the cause from them.

A covered position costs one pass over the snapshot. Only uncovered positions are examined further.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from msgspec import Struct

from tradectl.context import Context
from tradectl.errors import BrokerUnavailable, DatabaseError, Interrupted, LoginNeeded, TradectlError
from tradectl.exchange.sessions import Session
from tradectl.execution import sell_coverage, unprotected_findings, unprotected_positions, unreadable_rows
from tradectl.execution.position_rules import RulesMissing, has_own_rules
from tradectl.execution.selling import Seller
from tradectl.execution.step_view import StepView
from tradectl.execution.unprotected_positions import Cause, ExposureFacts, Unprotected
from tradectl.ledger.executions import Fenced
from tradectl.ledger.rows import Order, Position
from tradectl.ledger.snapshot import Snapshot
from tradectl.model.market import Quote
from tradectl.model.order import Holding, OrderReport, OrderStatus, Side
from tradectl.tasks.sell_monitor.stop_watch import StopWatch

CREDIT_PERIOD = timedelta(days=7)
"""How long after its ex-date shares of a corporate action may not be credited at the depository."""

_LEFT_TO_OTHERS = (Fenced, Interrupted)
"""After these errors another process continues the work."""

Exposed = Sequence[tuple[Position, int]]
"""Positions with how many of their shares no live sell covers."""


class Checked(NamedTuple):
    """The result of a check.

    Attributes:
        unprotected: The findings that are due.
        news: Whether a finding is new or has ended.
        covered: Whether a live sell covers every share of every position, in or out of market hours.
    """

    unprotected: tuple[Unprotected, ...] = ()
    news: bool = False
    covered: bool = False


NOTHING = Checked(covered=True)
"""The result where nothing was found."""


def check(
    context: Context, session: Session, seller: Seller, seen: StepView, *, again: bool, unwatched: Sequence[Unprotected] = ()
) -> Checked:
    """Return the findings that are due after a step; store and announce them.

    `again`: findings may be stored, by the check before or by another process, or continuous trading has ended for some stocks.
    After the market hours of a stock the last finding of those hours stays. `unwatched`: findings of stops without a price.
    """
    current = _Check(context, session, context.world.clock.now())
    uncovered = current.uncovered(seen.snapshot)
    exposed = current.exposed(uncovered, seen.snapshot)
    covered = not uncovered and not unwatched and not context.world.ledger.book.broker.unread
    if not exposed and not unwatched and not again:
        return Checked(covered=covered)
    found, news = current.save(
        seen.snapshot,
        lambda before: [
            *current.findings_of(_gather_facts(current, seller, seen, exposed), before),
            *current.covered_only(unwatched, exposed, seen.snapshot),
        ],
    )
    return Checked(found, news, covered)


def after_failure(context: Context, error: Exception) -> None:
    """Store and announce, from the ledger alone, that a failed step leaves positions without a sell, or stops without a price."""
    if not isinstance(error, _LEFT_TO_OTHERS):
        with suppress(DatabaseError):  # the ledger itself may be what failed
            _store_failure(context, error)


def _store_failure(context: Context, error: Exception) -> None:
    world = context.world
    session = world.sessions.session(context.session)
    if session is None or context.dry_run:
        return
    current, snapshot = _Check(context, session, context.now), world.ledger.book.snapshot()
    exposed = current.exposed(current.uncovered(snapshot), snapshot)
    watch = context.part(StopWatch, lambda: StopWatch.of(context))
    unwatched = watch.findings(snapshot.positions, {}, context.now, _failure(error)[1])
    if exposed or unwatched:
        halted, armed = unprotected_positions.halted_by(snapshot, world.marker), unprotected_positions.is_armed(world.ledger)
        facts = [
            (position, ExposureFacts(shares, position.quantity, halted, armed, _failure_of(current, position, error)))
            for position, shares in exposed
        ]

        def found(before: Mapping[str, Unprotected]) -> list[Unprotected]:
            known = [item for item in before.values() if item.cause is Cause.STOP_NOT_WATCHED]
            named = {item.position_id for item in unwatched}
            stops = [*unwatched, *(item for item in known if item.position_id not in named)]
            return [*current.findings_of(facts, before), *current.covered_only(stops, exposed, snapshot)]

        current.save(snapshot, found)


class _Check(Struct, frozen=True):
    """One check of the positions of a session."""

    context: Context
    session: Session
    now: datetime

    def uncovered(self, snapshot: Snapshot) -> Sequence[Position]:
        """Return the positions of which no live sell covers some shares."""
        unread = self.context.world.ledger.book.broker.unread
        orders = sell_coverage.without_unread(snapshot.orders, unread) if unread else snapshot.orders
        return [item for item in snapshot.positions if sell_coverage.uncovered(item, orders, self.context.session)]

    def exposed(self, uncovered: Sequence[Position], snapshot: Snapshot) -> Exposed:
        """Return the uncovered positions that are in the market hours of their stock."""
        found = [(item, self._exposed(item, snapshot)) for item in uncovered]
        return [(item, shares) for item, shares in found if shares]

    def _exposed(self, position: Position, snapshot: Snapshot) -> int:
        book, kinds = self.context.world.ledger.book, self.kinds(position)
        orders = sell_coverage.without_unread(snapshot.orders, book.broker.unread)
        reports = (report for report in book.broker.reports if isinstance(report, OrderReport))  # a failed step may have others
        excluded = {report.broker_order_id for report in reports if report.out_of_auction}
        return sell_coverage.exposed_shares(book, position, orders, self.session, self.now, kinds=kinds, excluded=excluded)

    def in_hours(self, position: Position) -> bool:
        """Return whether a sell of the position may rest at the exchange now."""
        return sell_coverage.in_market_hours(self.session, self.now, self.kinds(position))

    def kinds(self, position: Position) -> tuple[bool, ...]:
        """Return whether the stock has a closing auction; both values where that is not known."""
        return sell_coverage.closing_auctions(self.context.world.market, position, self.context.session)[0]

    def continuous(self, position: Position) -> bool:
        """Return whether the position's stock is certainly in continuous trading now."""
        return self.session.takes_changes(self.now, self.kinds(position))

    def covered_only(self, stops: Iterable[Unprotected], exposed: Exposed, snapshot: Snapshot) -> list[Unprotected]:
        """Return the findings about stops of open positions that a live sell covers, while their stocks trade."""
        named, found = {position.id for position, _ in exposed}, []
        for item in stops:
            position = snapshot.position_of(item.instrument_id)
            if position is None or position.id != item.position_id or position.id in named:
                continue
            if any(self.session.takes_changes(self.now, (kind,)) for kind in self.kinds(position)):
                found.append(item)
        return found

    def findings_of(
        self, gathered: Iterable[tuple[Position, ExposureFacts]], before: Mapping[str, Unprotected]
    ) -> list[Unprotected]:
        """Return the current findings.

        A finding that was stored `before` keeps its start: another attempt to sell begins no new finding. The closing auction is
        no new cause. A position that rests no sell by its own rule begins a new finding when another cause comes."""
        book, now = self.context.world.ledger.book, self.now
        found = []
        for position, facts in gathered:
            cause, detail = unprotected_positions.cause_of(facts)
            known = before.get(position.instrument_id)
            if known is None or known.position_id != position.id or known.since > now:
                since = sell_coverage.exposed_since(book, position, self.context.session, self.session.open_at(), now)
                if facts.unread is not None:
                    since = max(since, min(now, book.broker.unread[facts.unread[0].id].updated_at))
            elif known.cause is Cause.NO_TARGET and cause is not Cause.NO_TARGET:
                since = now  # a position without a sell by its own rule was in order until now
            else:
                since = known.since
                if cause is Cause.AUCTION and known.cause is not Cause.STOP_NOT_WATCHED:
                    cause, detail = known.cause, known.detail
            of = (position.id, position.instrument_id, position.symbol, facts.shares, position.quantity)
            found.append(Unprotected(*of, cause, detail, since, now))
        return found

    def save(
        self, snapshot: Snapshot, find: Callable[[Mapping[str, Unprotected]], list[Unprotected]]
    ) -> tuple[tuple[Unprotected, ...], bool]:
        """Store the current findings that differ from the stored ones; return those due, and whether anything was written."""
        ledger, day, now = self.context.world.ledger, self.context.session, self.now
        before = unprotected_findings.load(ledger, day)
        found = find(before)
        due = [item for item in found if item.is_due(now)]
        named = {item.instrument_id for item in found}
        due += [item for name, item in before.items() if name not in named and self._is_still_unprotected(snapshot, item)]
        news = unprotected_findings.save(ledger, day, now, due, before)
        if due and self.context.world.attended:
            news = unprotected_findings.remind(ledger, day, now, due) or news
        return tuple(due), news

    def _is_still_unprotected(self, snapshot: Snapshot, item: Unprotected) -> bool:
        """Return whether a stock's market hours ended while its open position had no sell."""
        position = snapshot.position_of(item.instrument_id)
        if position is None or position.id != item.position_id or self.in_hours(position):
            return False
        ended, unread = max(map(self.session.continuous_end, self.kinds(position))), self.context.world.ledger.book.broker.unread
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
    """Return the cause and text of a failed step."""
    text = str(error).rstrip(".")
    if not isinstance(error, TradectlError) or not text:
        text = f"{type(error).__name__} {text}".rstrip()
    if isinstance(error, LoginNeeded):
        return Cause.LOGIN_NEEDED, text
    if isinstance(error, BrokerUnavailable):
        return Cause.BROKER_UNREACHABLE, text
    return Cause.FAILED, f"the step of sell-monitor failed: {text}"


def _failure_of(current: _Check, position: Position, error: Exception) -> tuple[Cause, str]:
    """Return the cause and text of a failed step for one position; DATA_MISSING if its market data cannot be read."""
    world = current.context.world
    _, damaged = sell_coverage.closing_auctions(world.market, position, current.context.session)
    return (Cause.DATA_MISSING, damaged) if damaged else _failure(error)


def _gather_facts(current: _Check, seller: Seller, seen: StepView, exposed: Exposed) -> Iterator[tuple[Position, ExposureFacts]]:
    """Yield the positions with their facts. The broker's holdings are read once, and only where they matter."""
    world, snapshot, unread = current.context.world, seen.snapshot, seller.trading.book.broker.unread
    if not exposed:
        return
    armed = not world.attended or unprotected_positions.is_armed(world.ledger)  # a simulation runs this each minute
    halted = unprotected_positions.halted_by(snapshot, world.marker)
    held: Mapping[str, Holding] | None = None
    listed: Sequence[Holding] = ()
    failure: tuple[Cause, str] | None = None
    for position, shares in exposed:
        known: dict[str, Any] = {"shares": shares, "quantity": position.quantity, "halted": halted, "armed": armed}
        known["unknown"] = sell_coverage.unresolved_sell(position, snapshot.orders)
        sell = sell_coverage.unread_sell(position, snapshot.orders, unread, current.context.session) if unread else None
        if sell is not None:
            known["unread"] = (sell, unread[sell.id].unknown_word)
        if halted is not None or not armed or known["unknown"] is not None or sell is not None:
            yield position, ExposureFacts(**known)
            continue
        known |= _own_facts(seller, seen, position)
        if known.get("strategy_missing"):
            yield position, ExposureFacts(**known)
            continue
        if held is None and failure is None:
            try:
                listed = seller.trading.holdings()
                held = {item.symbol: item for item in listed}
            except (BrokerUnavailable, LoginNeeded) as error:
                failure = _failure(error)
        if held is None:
            yield position, ExposureFacts(**known, failure=None if known.get("without_target") else failure)
            continue
        odd = unreadable_rows.unreadable_holding(listed, position.symbol) or unreadable_rows.blocking_row(
            seller.trading.book, position.symbol, Side.SELL
        )
        if odd is not None:
            yield position, ExposureFacts(**known, failure=(Cause.UNREADABLE_ROW, odd.text))
            continue
        if position.symbol not in held and (renamed := seller.trading.probable_renames().get(position.symbol)) is not None:
            known["renamed"] = renamed.text
        known |= {"read": True, "held": held.get(position.symbol), "trade_for_trade": seller.trade_for_trade_shares(position)}
        known["credited"] = _uncredited(current, seller, position, known["held"])
        known["stopped"] = seller.action_block(position, snapshot)
        prices = {} if known.get("without_target") else _price_facts(current, seller, seen, position)
        yield position, ExposureFacts(**known, **prices)


def _own_facts(seller: Seller, seen: StepView, position: Position) -> dict[str, str]:
    """Return the facts of a position of an own strategy, by the names of `ExposureFacts`; none while an action blocks it."""
    if not has_own_rules(position):
        return {}
    rule = seller.own.rules.rule_of(position)
    if isinstance(rule, RulesMissing):
        return {"strategy_missing": rule.reason}
    quote = seen.quotes.get(position.symbol)
    if quote is None or seller.action_block(position, seen.snapshot):
        return {}
    return {"without_target": seller.own.without_target(position, quote)}


def _uncredited(current: _Check, seller: Seller, position: Position, held: Holding | None) -> int:
    """Return the new shares of recent corporate actions, if the broker lists fewer shares than the position has."""
    if held is not None and held.sellable >= position.quantity:
        return 0
    return seller.trading.book.new_shares(position.id, current.context.session - CREDIT_PERIOD)


def _price_facts(current: _Check, seller: Seller, seen: StepView, position: Position) -> dict[str, Any]:
    """Return the facts from the quote and the session's sell orders, by the names of `ExposureFacts`."""
    quote = seen.quotes.get(position.symbol)
    book, day = seller.trading.book, current.context.session
    sells = sell_coverage.sells_of(book, position, day)
    found = {
        "continuous": current.continuous(position),
        "refused": sells[-1].reason if sells and sells[-1].status is OrderStatus.REJECTED else None,
        "cancelled_by_broker": sell_coverage.cancelled_by_broker(sells),
    }
    if quote is None and seller.trading.rules.is_unlisted(position.symbol):
        return {**found, "missing": f"{seller.trading.broker.name}'s list of the day does not have {position.symbol}"}
    if quote is None:
        age = current.context.world.parameters.quote_max_age
        return {**found, "missing": f"there is no price of today that is younger than {age:g} s"}
    price = seller.price(position, quote)
    if price is None:
        return {**found, "missing": _why_unpriced(seller, position, quote)}
    buys = seen.snapshot.alive(position.instrument_id, Side.BUY)
    own = next((order for order in buys if order.price >= price and order.session >= day), None)
    max_quantity = seller.trading.rules.most_shares(position.symbol)
    return {**found, "price": price, "band": (quote.lower_band, quote.upper_band), "own_buy": own, "max_quantity": max_quantity}


def _why_unpriced(seller: Seller, position: Position, quote: Quote) -> str:
    """Return which data the price of a position's sell lacks, as text."""
    if has_own_rules(position):
        terms = seller.own.terms(position, quote)
        return terms.reason if isinstance(terms, RulesMissing) else "its strategy has no price for it"
    reading = seller.readings.reading(position.instrument_id, seller.session - timedelta(days=1))
    if reading is not None and seller.outdated(reading.session):
        return f"the last bar is of {reading.session}, too old for a price of today; `tradectl prices --force` fetches bars"
    return "there is no EMA9 of the session before, or no open price on the day of a demerger"
