"""Run the commands of an account: place, modify, cancel, and a trade outside tradectl. Each checks first, then changes."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from tradectl.brokers.paper import acceptance
from tradectl.brokers.paper.account import ExchangeAccount, ExchangeOrder
from tradectl.brokers.paper.market_days import MarketDay, MarketDays
from tradectl.brokers.paper.settlement import fill
from tradectl.errors import OrderRefused, UsageError
from tradectl.exchange.phases import PhaseKind
from tradectl.exchange.sessions import Session, SessionTable
from tradectl.model.moment import ist_date
from tradectl.model.order import OrderRequest, OrderStatus, OrderType, Side, Variety
from tradectl.ports import MarketData


class OrderCommands:
    """Run commands on an account that is settled up to the moment of the command."""

    def __init__(self, market_days: MarketDays, market: MarketData, sessions: SessionTable, max_modifications: int) -> None:
        self._market_days = market_days
        self._market = market
        self._sessions = sessions
        self._max_modifications = max_modifications

    def place(self, book: ExchangeAccount, now: datetime, request: OrderRequest) -> str:
        """Accept an order and return its id. Raises OrderRefused; the account is unchanged then."""
        later = request.variety is Variety.AMO
        session = acceptance.target_session(self._sessions, now) if later else self._open_session(now)
        market_day = self._market_day(request.symbol, session, now)
        acceptance.check_quantity(request.quantity)
        if later:
            acceptance.check_price(request.order_type, request.price, market_day.instrument.tick_size)
        else:
            phase = acceptance.check_phase(market_day, now, request.order_type)
            acceptance.check_price(request.order_type, request.price, market_day.instrument.tick_size)
            acceptance.check_band(request.order_type, request.price, market_day, phase)
        acceptance.check_tag(book, request.tag, ist_date(now), session.date)
        order = ExchangeOrder(
            order_id="",
            tag=request.tag or None,
            instrument_id=market_day.instrument.instrument_id,
            symbol=request.symbol,
            side=request.side,
            quantity=request.quantity,
            price=request.price,
            order_type=request.order_type,
            variety=request.variety,
            status=OrderStatus.PENDING if later else OrderStatus.ONGOING,
            placed_at=now,
            updated_at=now,
            active_at=now,
            session=None if later else session.date,
        )
        blocked = self._cover(book, order, market_day, now, before=None)
        order = replace(order, order_id=book.next_order_id(ist_date(now)), blocked=blocked)
        book.put_order(order)
        return order.order_id

    def modify(self, book: ExchangeAccount, now: datetime, order_id: str, *, quantity: int, price: int) -> None:
        """Change the total quantity and the limit (paise) of a live order. Raises OrderRefused."""
        order, market_day, phase = self._changeable(book, order_id, now)
        if order.modifications >= self._max_modifications:
            raise OrderRefused(f"Maximum allowed order modifications exceeded ({self._max_modifications})", code="modifications")
        acceptance.check_change(order, quantity, price, market_day, phase)
        changed = replace(
            order, quantity=quantity, price=price, modifications=order.modifications + 1, updated_at=now,
            active_at=max(now, order.active_at), passive=False,
        )  # fmt: skip
        blocked = self._cover(book, changed, market_day, now, before=order)
        book.put_order(changed if changed.blocked == blocked else replace(changed, blocked=blocked))

    def cancel(self, book: ExchangeAccount, now: datetime, order_id: str) -> None:
        """Cancel a live order. Raises OrderRefused."""
        order, _, _ = self._changeable(book, order_id, now)
        book.put_order(replace(order, status=OrderStatus.CANCELLED, reason="cancelled by the client", blocked=0, updated_at=now))

    def manual_trade(self, book: ExchangeAccount, now: datetime, symbol: str, side: Side, *, quantity: int, price: int) -> str:
        """Fill an order without a tag at once at exactly this price (paise). Return its id.

        A sale may take the shares of a resting sell, which then sells only the rest.
        """
        session = self._open_session(now)
        market_day = self._market_day(symbol, session, now)
        acceptance.check_quantity(quantity)
        phase = acceptance.check_phase(market_day, now, OrderType.LIMIT)
        if phase not in {PhaseKind.CONTINUOUS, PhaseKind.POST_CLOSE}:
            raise OrderRefused("no order trades immediately in this phase", code="phase")
        acceptance.check_price(OrderType.LIMIT, price, market_day.instrument.tick_size)
        acceptance.check_band(OrderType.LIMIT, price, market_day)
        order = ExchangeOrder(
            order_id="",
            tag=None,
            instrument_id=market_day.instrument.instrument_id,
            symbol=market_day.instrument.symbol,
            side=side,
            quantity=quantity,
            price=price,
            order_type=OrderType.LIMIT,
            variety=Variety.REGULAR,
            status=OrderStatus.ONGOING,
            placed_at=now,
            updated_at=now,
            active_at=now,
            session=session.date,
        )
        if side is Side.SELL:
            acceptance.check_shares(book, order.instrument_id, quantity, trade_for_trade=market_day.trade_for_trade)
        else:
            self._cover(book, order, market_day, now, before=None)
        order = replace(order, order_id=book.next_order_id(ist_date(now)))
        book.put_order(order)
        fill(book, order, market_day, at=now, price=price, quantity=quantity)
        return order.order_id

    def _cover(
        self, book: ExchangeAccount, order: ExchangeOrder, market_day: MarketDay, now: datetime, before: ExchangeOrder | None
    ) -> int:
        """Check that cash or shares cover an order. Return the paise to block for it.

        `before` is the order before a modification, None for a new order.
        """
        if order.side is Side.SELL:
            later = order.status is OrderStatus.PENDING and market_day.session.date > book.day
            acceptance.check_holdings(
                book,
                order.instrument_id,
                order.remaining,
                trade_for_trade=market_day.trade_for_trade,
                later=later,
                apart_from=before,
            )
            return 0
        last = self._market_days.close_before(order.instrument_id, market_day.session.date)
        price = acceptance.worst_price(order.order_type, order.price, market_day, now, last)
        needed = acceptance.required(market_day.session.date, price, order.remaining, book.tariff)
        acceptance.check_funds(book, needed, before.blocked if before else 0)
        return needed

    def _changeable(
        self, book: ExchangeAccount, order_id: str, now: datetime
    ) -> tuple[ExchangeOrder, MarketDay, PhaseKind | None]:
        """Return a live order that may be changed now, its market day, and the current phase. Raises OrderRefused for others.

        A waiting AMO has the phase None. It can be changed in the AMO window only.
        """
        order = book.live.get(order_id)
        if order is None:
            ended = book.orders.get(order_id)
            if ended is None:
                raise OrderRefused(f"order {order_id} is not known", code="unknown_order")
            raise OrderRefused(f"order {order_id} is {ended.status.value}, it cannot be changed", code="finished")
        if order.status is OrderStatus.PENDING:
            session = acceptance.target_session(self._sessions, now)
            return order, self._market_days.market_day(order.instrument_id, session, now), None
        market_day = self._market_days.market_day(order.instrument_id, self._open_session(now), now)
        return order, market_day, acceptance.check_phase(market_day, now, order.order_type)

    def _open_session(self, now: datetime) -> Session:
        session = self._sessions.session(ist_date(now))
        if session is None:
            raise OrderRefused("Markets are closed right now", code="phase")
        return session

    def _market_day(self, symbol: str, session: Session, now: datetime) -> MarketDay:
        """Return the market day of a symbol. Today's symbol is tried first, then that of the session's date."""
        for day in dict.fromkeys((ist_date(now), session.date)):
            try:
                return self._market_days.market_day(self._market.find(symbol, day), session, now)
            except UsageError:
                continue
        raise OrderRefused(f"unknown symbol {symbol}", code="unknown_symbol")
