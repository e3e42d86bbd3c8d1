"""Adopt orders at the broker that carry a tag of tradectl and are missing in the ledger.

A restored backup, a lost reply or a wrong refusal leaves such an order. It may trade, or has traded already. So it must
count before anything else is sent for its symbol. If its tag is the tag of a possible intent, it is recorded as the order of
that intent. If not, it is recorded as UNIDENTIFIED and UNKNOWN, and blocks its symbol until a person decides.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

from tradectl.errors import UsageError
from tradectl.execution.tags import identify
from tradectl.ledger.book import Book
from tradectl.ledger.rows import Intent, Order, OrderOrigin
from tradectl.model.moment import ist_date
from tradectl.model.order import OrderReport, Purpose, ReasonCode, Side
from tradectl.ports import MarketData

OriginOf = Callable[[Purpose, str, date], OrderOrigin | None]
"""Returns what decided a buy, from its purpose, its instrument and the session whose close decided it."""


def no_origin(purpose: Purpose, instrument_id: str, decided: date) -> OrderOrigin | None:  # noqa: ARG001 - an `OriginOf`
    """Return the shipped rule with no level."""
    return OrderOrigin()


def adopt(book: Book, report: OrderReport, now: datetime, *, market: MarketData, origin_of: OriginOf) -> Order:
    """Record an order of the broker's book that carries a tag of tradectl; return its row, with status UNKNOWN.

    The caller applies the report to the row, unless its purpose is UNIDENTIFIED.
    """
    placed = ist_date(report.placed_at)
    instrument_id = instrument_of(market, report.symbol, placed)
    ids = dict.fromkeys((instrument_id, *market.renames().names_of(instrument_id)))  # the tag has the id of the order's day
    named = (identify(book.user, report, name, positions=book.last_position_id()) for name in ids)
    found = next((intent for intent in named if intent is not None), None)
    if found is None or book.tagged([report.tag or ""]):
        unidentified = _unidentified(report, instrument_id, placed)
        return book.intents.adopt(unidentified, _own_tag(book, report), report, now, code=ReasonCode.UNEXPLAINED)
    purpose, session, leg, generation = found
    decided = _decided(market, report.side, instrument_id, placed, session)
    position = book.snapshot().position_of(instrument_id) if purpose is not Purpose.ENTRY else None
    origin = origin_of(purpose, instrument_id, decided) if report.side is Side.BUY else OrderOrigin.of_sell(position)
    if origin is None:  # no strategy is known to have decided it, so a person decides
        unidentified = _unidentified(report, instrument_id, placed)
        return book.intents.adopt(unidentified, _own_tag(book, report), report, now, code=ReasonCode.UNEXPLAINED)
    intent = Intent(
        instrument_id=instrument_id,
        symbol=report.symbol,
        side=report.side,
        quantity=report.quantity,
        price=report.price,
        variety=report.variety,
        purpose=purpose,
        session=session,
        decided=decided,
        leg=leg,
        level=origin.level,
        position_id=position.id if position is not None else None,
        strategy=origin.strategy,
        strategy_hash=origin.strategy_hash,
    )
    return book.intents.adopt(intent, report.tag or "", report, now, generation=generation)


def instrument_of(market: MarketData, symbol: str, session: date) -> str:
    """Return the instrument behind a symbol of the broker; the symbol itself if the market data lack it.

    For some days after a rename a broker may still report the former symbol."""
    try:
        return market.find(symbol, session)
    except UsageError:
        return market.renames().owner(symbol, session)


def _unidentified(report: OrderReport, instrument_id: str, placed: date) -> Intent:
    return Intent(
        instrument_id=instrument_id,
        symbol=report.symbol,
        side=report.side,
        quantity=report.quantity,
        price=report.price,
        variety=report.variety,
        purpose=Purpose.UNIDENTIFIED,
        session=placed,
        decided=placed,
        leg=f"at {report.broker_order_id}"[:32],
    )


def _own_tag(book: Book, report: OrderReport) -> str:
    """Return the tag of the row. Tags are unique in the ledger, so a second order under a tag gets its broker order id."""
    tag = report.tag or ""
    return f"~{report.broker_order_id}"[:20] if book.tagged([tag]) else tag


def _decided(market: MarketData, side: Side, instrument_id: str, placed: date, session: date) -> date:
    """Return the session whose close decided an order: for a buy of the morning, the last session with a bar."""
    if side is Side.SELL:
        return session - timedelta(days=1)
    if placed < session:
        return placed
    history = market.history(instrument_id)
    last = history.last_index(session - timedelta(days=1)) if history is not None else -1
    return history.session(last) if history is not None and last >= 0 else session - timedelta(days=1)
