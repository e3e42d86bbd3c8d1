"""The commands of an account: place, modify, cancel, and a trade by hand. Each checks everything first, then changes the book."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from tradectl.brokers.paper import acceptance
from tradectl.brokers.paper.book import Book, Order
from tradectl.brokers.paper.settlement import fill
from tradectl.brokers.paper.tape import Reel, Tape
from tradectl.errors import OrderRefused, UsageError
from tradectl.exchange.phases import PhaseKind
from tradectl.exchange.sessions import Session, SessionTable
from tradectl.model.moment import ist_date
from tradectl.model.order import OrderRequest, OrderStatus, OrderType, Side, Variety
from tradectl.ports import MarketData


class Desk:
    """Takes commands for a book that is settled up to the moment of the command."""

    def __init__(self, tape: Tape, market: MarketData, sessions: SessionTable, max_modifications: int) -> None:
        self._tape = tape
        self._market = market
        self._sessions = sessions
        self._max_modifications = max_modifications

    def place(self, book: Book, now: datetime, request: OrderRequest) -> str:
        """Accept an order into the book; its id. OrderRefused leaves the book as it was."""
        later = request.variety is Variety.AMO
        session = acceptance.target_session(self._sessions, now) if later else self._open_session(now)
        reel = self._reel(request.symbol, session, now)
        acceptance.check_quantity(request.quantity)
        if later:
            acceptance.check_price(request.order_type, request.price, reel.instrument.tick_size)
        else:
            phase = acceptance.check_phase(reel, now, request.order_type)
            acceptance.check_price(request.order_type, request.price, reel.instrument.tick_size)
            acceptance.check_band(request.order_type, request.price, reel, phase)
        acceptance.check_tag(book, request.tag, ist_date(now), session.date)
        order = Order(
            "", request.tag or None, reel.instrument.instrument_id, request.symbol, request.side, request.quantity,
            request.price, request.order_type, request.variety, OrderStatus.PENDING if later else OrderStatus.ONGOING,
            now, now, now, None if later else session.date,
        )  # fmt: skip
        blocked = self._cover(book, order, reel, now, before=None)
        order = replace(order, order_id=book.next_order_id(ist_date(now)), blocked=blocked)
        book.put_order(order)
        return order.order_id

    def modify(self, book: Book, now: datetime, order_id: str, *, quantity: int, price: int) -> None:
        """Change the total quantity and the limit of a live order."""
        order, reel = self._changeable(book, order_id, now)
        if order.modifications >= self._max_modifications:
            raise OrderRefused(f"Maximum allowed order modifications exceeded ({self._max_modifications})", code="modifications")
        acceptance.check_quantity(quantity)
        if quantity <= order.filled:
            raise OrderRefused(f"{order.filled} shares are filled already", code="quantity")
        acceptance.check_price(order.order_type, price, reel.instrument.tick_size)
        if order.status is OrderStatus.ONGOING:
            phase = acceptance.check_phase(reel, now, order.order_type)
            acceptance.check_band(order.order_type, price, reel, phase)
        changed = replace(
            order, quantity=quantity, price=price, modifications=order.modifications + 1, updated_at=now,
            active_at=max(now, order.active_at), passive=False,
        )  # fmt: skip
        blocked = self._cover(book, changed, reel, now, before=order)
        book.put_order(changed if changed.blocked == blocked else replace(changed, blocked=blocked))

    def cancel(self, book: Book, now: datetime, order_id: str) -> None:
        order, _ = self._changeable(book, order_id, now)
        book.put_order(replace(order, status=OrderStatus.CANCELLED, reason="cancelled by the client", blocked=0, updated_at=now))

    def manual_trade(self, book: Book, now: datetime, symbol: str, side: Side, *, quantity: int, price: int) -> str:
        """A trade at exactly this price by the account's owner: an order without a tag, filled at once; its id. A sale may take
        shares that a resting sell waits with; that one then sells what is left."""
        session = self._open_session(now)
        reel = self._reel(symbol, session, now)
        acceptance.check_quantity(quantity)
        phase = acceptance.check_phase(reel, now, OrderType.LIMIT)
        if phase not in {PhaseKind.CONTINUOUS, PhaseKind.POST_CLOSE}:
            raise OrderRefused("nothing trades at once in this phase", code="phase")
        acceptance.check_price(OrderType.LIMIT, price, reel.instrument.tick_size)
        acceptance.check_band(OrderType.LIMIT, price, reel)
        order = Order(
            "", None, reel.instrument.instrument_id, reel.instrument.symbol, side, quantity, price, OrderType.LIMIT,
            Variety.REGULAR, OrderStatus.ONGOING, now, now, now, session.date,
        )  # fmt: skip
        if side is Side.SELL:
            acceptance.check_shares(book, order.instrument_id, quantity, trade_for_trade=reel.trade_for_trade)
        else:
            self._cover(book, order, reel, now, before=None)
        order = replace(order, order_id=book.next_order_id(ist_date(now)))
        book.put_order(order)
        fill(book, order, reel, at=now, price=price, quantity=quantity)
        return order.order_id

    def _cover(self, book: Book, order: Order, reel: Reel, now: datetime, before: Order | None) -> int:
        """Check that the account can carry an order; the paise to block for it. `before`: the order as it was."""
        if order.side is Side.SELL:
            later = order.status is OrderStatus.PENDING and reel.session.date > book.day
            acceptance.check_holdings(
                book, order.instrument_id, order.remaining, trade_for_trade=reel.trade_for_trade, later=later, apart_from=before
            )  # fmt: skip
            return 0
        last = self._tape.close_before(order.instrument_id, reel.session.date)
        price = acceptance.worst_price(order.order_type, order.price, reel, now, last)
        needed = acceptance.required(reel.session.date, price, order.remaining, book.tariff)
        acceptance.check_funds(book, needed, before.blocked if before else 0)
        return needed

    def _changeable(self, book: Book, order_id: str, now: datetime) -> tuple[Order, Reel]:
        """A live order that may be changed now, and its reel. An AMO that waits is changed in the AMO window only."""
        order = book.orders.get(order_id)
        if order is None:
            raise OrderRefused(f"order {order_id} is not known", code="unknown_order")
        if not order.alive:
            raise OrderRefused(f"order {order_id} is {order.status.value}, it cannot be changed", code="finished")
        if order.status is OrderStatus.PENDING:
            session = acceptance.target_session(self._sessions, now)
            return order, self._tape.reel(order.instrument_id, session, now)
        reel = self._tape.reel(order.instrument_id, self._open_session(now), now)
        acceptance.check_phase(reel, now, order.order_type)
        return order, reel

    def _open_session(self, now: datetime) -> Session:
        session = self._sessions.session(ist_date(now))
        if session is None:
            raise OrderRefused("Markets are closed right now", code="phase")
        return session

    def _reel(self, symbol: str, session: Session, now: datetime) -> Reel:
        """The reel of a symbol as it is named today, or will be on the session."""
        for day in dict.fromkeys((ist_date(now), session.date)):
            try:
                return self._tape.reel(self._market.find(symbol, day), session, now)
            except UsageError:
                continue
        raise OrderRefused(f"unknown symbol {symbol}", code="unknown_symbol")
