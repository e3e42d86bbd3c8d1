"""Settle an account up to a moment: apply each start of a session and each step of an order, in order of time.

The next step of an order depends only on the order and its market day, so it is computed once and cached. A call with
nothing due costs one comparison with `due`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby

from msgspec.structs import replace

from tradectl.brokers.paper.acceptance import check_band, check_holdings, check_price, required, sellable_lots
from tradectl.brokers.paper.account import REMEMBERED, EntryKind, ExchangeAccount, ExchangeOrder, ExchangeTrade, Lot
from tradectl.brokers.paper.corporate import applied_action, apply_actions
from tradectl.brokers.paper.instrument_ids import FormerId
from tradectl.brokers.paper.market_days import REREAD, MarketDay, MarketDays
from tradectl.brokers.paper.matching import Step, StepKind, next_step, resume_at
from tradectl.errors import DataError, OrderRefused
from tradectl.exchange.charges import day_charges
from tradectl.exchange.rates import Tariff
from tradectl.exchange.sessions import Session, SessionTable
from tradectl.model.moment import at_ist, ist_date
from tradectl.model.money import share_out
from tradectl.model.order import Fill, OrderStatus, OrderType, Side
from tradectl.model.renames import Renames
from tradectl.ports import MarketData

_DAY = timedelta(days=1)


class Settlement:
    """Settle accounts. The only state is the cache of computed steps."""

    def __init__(self, market_days: MarketDays, market: MarketData, sessions: SessionTable, participation: float) -> None:
        self._market_days = market_days
        self._market = market
        self._sessions = sessions
        self._participation = participation
        self._steps: dict[str, tuple[ExchangeOrder, MarketDay, Step | None]] = {}
        self._end = (date.min, datetime.min.replace(tzinfo=UTC))

    def settle(self, book: ExchangeAccount, until: datetime) -> datetime:
        """Apply everything that is due up to and including `until`. Return the next moment at which something may be due.

        After the end of the session table no session starts: the account does not change until those days are known.
        """
        while True:
            start = self._next_start(book, until)
            step = self._next_step(book, until)
            if step and step.at <= until and (start is None or step.at <= _midnight(start.date)):
                self._apply(book, step)
            elif start is not None:
                self._start_day(book, start)
            else:
                break
        book.settled_at = max(book.settled_at, until)
        return self._due_after(book, until, step)

    def rewind(self, book: ExchangeAccount, now: datetime) -> None:
        """Set the account back to `now` after the machine's clock was ahead.

        Trades and ended orders of the time after `now` stay. Orders that were live only in that time are cancelled.

        Raises:
            DataError: A corporate action of that time changed shares or cash. It would be applied twice.
        """
        day = min(book.day, ist_date(now))
        for instrument_id in book.held():
            if self._market.actions(instrument_id, day, book.day):
                raise DataError(
                    f"the machine's clock was ahead, and a corporate action up to {book.day} has already changed the shares at "
                    "the paper exchange. No order is sent before that day, unless you restore an earlier backup "
                    "(`tradectl help back-up`)"
                )
        for order in list(book.live.values()):
            if order.active_at > now and order.status is OrderStatus.ONGOING:
                reason = "the machine's clock was ahead: this order became live at a time that is still in the future"
                book.put_order(replace(order, status=OrderStatus.CANCELLED, reason=reason, blocked=0, updated_at=now))
        book.day, book.settled_at = day, now
        self._steps.clear()

    def due(self, book: ExchangeAccount, after: datetime) -> datetime:
        """Return the first moment after `after` at which something may be due. The account is settled up to `after`."""
        return self._due_after(book, after, self._next_step(book, after))

    def _due_after(self, book: ExchangeAccount, after: datetime, step: Step | None) -> datetime:
        moment = self._end_of(book.day)
        if after >= moment:  # a day without a session
            moment = _midnight(ist_date(after) + _DAY)
        if step:
            moment = min(moment, step.at)
        return moment if self._market_days.complete or not book.live else min(moment, after + REREAD)

    def _end_of(self, day: date) -> datetime:
        """Return the end of a date in India (midnight)."""
        if self._end[0] != day:
            self._end = (day, _midnight(day + _DAY))
        return self._end[1]

    def note_settled(self, book: ExchangeAccount) -> None:
        """Set the last settled session of an account that was read from the file. Earlier sale proceeds may be spent."""
        day, first = book.day, self._sessions.first
        while (session := self.session_of(day)) is None or not session.settles:
            if day <= first or book.day - day > REMEMBERED:
                break
            day -= _DAY
        book.settled_on = day

    def catch_up(self, book: ExchangeAccount, former: Iterable[FormerId], renames: Renames) -> None:
        """Apply the corporate actions since a rename, of shares that the account held under the former id until now.

        Those of the new symbol were not found at the start of their sessions. Those of the old symbol may have been applied."""
        for item in former:
            bought = [lot.bought_on for lot in book.lots_of(item.now)]
            rename = renames.leave_after(item.before, min(bought)) if bought else None
            actions = self._market.actions(item.now, rename.dated - _DAY, book.day) if rename is not None else ()
            missed = [action for action in actions if applied_action(action, item.now) not in book.applied]
            for ex_date, of_day in groupby(missed, key=lambda action: action.ex_date):
                instrument = self._market.instrument(item.now, ex_date)
                close = self._market_days.close_before(item.now, ex_date)
                apply_actions(book, instrument, list(of_day), previous_close=close, at=book.settled_at)

    def forget(self) -> None:
        """Drop the cached steps after another process has changed the account."""
        self._steps.clear()

    def session_of(self, day: date) -> Session | None:
        """Return the session of a date. None for a closed date or a date outside the table."""
        return self._sessions.session(day) if self._sessions.first <= day <= self._sessions.last else None

    def _next_start(self, book: ExchangeAccount, until: datetime) -> Session | None:
        """Return the next session that starts up to `until`, None if there is none or the table ends before."""
        if until < self._end_of(book.day):
            return None
        day = min(ist_date(until), self._sessions.last)
        if day <= book.day:
            return None
        following = self._sessions.between(max(book.day + _DAY, self._sessions.first), day)
        return following[0] if following else None

    def _next_step(self, book: ExchangeAccount, now: datetime) -> Step | None:
        steps = [(step.at, step.kind, order.placed_at, step.order_id, step) for order, step in self._live_steps(book, now)]
        return min(steps)[-1] if steps else None

    def _live_steps(self, book: ExchangeAccount, now: datetime) -> Iterable[tuple[ExchangeOrder, Step]]:
        current = self.session_of(book.day) if book.live else None
        if current is None:
            return
        for order in book.live.values():
            market_day = self._market_days.market_day(order.instrument_id, current, now)
            kept = self._steps.get(order.order_id)
            if kept is None or kept[0] is not order or kept[1] is not market_day:
                kept = self._steps[order.order_id] = (order, market_day, next_step(order, market_day, self._participation))
            if kept[2] is not None:
                yield order, kept[2]

    def _apply(self, book: ExchangeAccount, step: Step) -> None:
        order, market_day, _ = self._steps.pop(step.order_id)
        match step.kind:
            case StepKind.RELEASE:
                self._release(book, order, market_day, step.at)
            case StepKind.FILL if quantity := min(step.quantity, _deliverable(book, order, market_day)):
                part = replace(order, passive=step.passive)
                if quantity < order.remaining:
                    part = replace(part, active_at=resume_at(market_day, step.at))
                fill(book, part, market_day, at=step.at, price=step.price, quantity=quantity)
            case StepKind.FILL:
                reason = "insufficient holdings: the shares were sold by hand"
                book.put_order(replace(order, status=OrderStatus.CANCELLED, reason=reason, blocked=0, updated_at=step.at))
            case StepKind.DROP | StepKind.END:
                ended = replace(order, status=OrderStatus.CANCELLED, reason=step.reason, blocked=0, updated_at=step.at)
                book.put_order(replace(ended, out_of_auction=step.kind is StepKind.DROP))

    def _release(self, book: ExchangeAccount, order: ExchangeOrder, market_day: MarketDay, at: datetime) -> None:
        """Release an after-market order into the session, whose rules may reject it."""
        released = replace(order, session=market_day.session.date, active_at=at, updated_at=at)
        try:
            check_price(order.order_type, order.price, market_day.instrument.tick_size)
            check_band(order.order_type, order.price, market_day)
            if order.side is Side.SELL:
                restricted = market_day.trade_for_trade
                check_holdings(book, order.instrument_id, order.remaining, trade_for_trade=restricted, apart_from=order)
        except OrderRefused as refusal:
            book.put_order(replace(released, status=OrderStatus.REJECTED, reason=refusal.reason, blocked=0))
        else:
            book.put_order(replace(released, status=OrderStatus.ONGOING))

    def _start_day(self, book: ExchangeAccount, session: Session) -> None:
        """Apply T+1 delivery, unlocking of new shares, corporate actions and symbol changes, at midnight before the session."""
        before, day, at = book.day, session.date, _midnight(session.date)
        book.day = day
        if session.settles:
            book.settled_on = day
        for lot in list(book.lots.values()):
            delivered = lot.delivered or (session.settles and lot.bought_on < day)
            locked = max(0, lot.locked - 1) if session.settles else lot.locked
            if (delivered, locked) != (lot.delivered, lot.locked):
                book.put_lot(replace(lot, delivered=delivered, locked=locked))
        for instrument_id in book.held():
            actions = self._market.actions(instrument_id, before, day)
            if actions:
                instrument = self._market.instrument(instrument_id, day)
                apply_actions(book, instrument, actions, previous_close=self._market_days.close_before(instrument_id, day), at=at)
        for order in list(book.live.values()):
            symbol = self._market.instrument(order.instrument_id, day).symbol
            if symbol != order.symbol:
                book.put_order(replace(order, symbol=symbol, updated_at=at))
        self._market_days.forget_before(before)
        self._steps.clear()
        book.forget_before(at - REMEMBERED)


def fill(book: ExchangeAccount, order: ExchangeOrder, market_day: MarketDay, *, at: datetime, price: int, quantity: int) -> None:
    """Fill a part or all of an order: add the trade, move shares and cash, book charges, and change the order."""
    day = market_day.session.date
    value = quantity * price
    realised = unsettled = 0
    if order.side is Side.BUY:
        book.add_lot(order.instrument_id, quantity, value, day)
    else:
        lots = sellable_lots(book, order.instrument_id, day, trade_for_trade=market_day.trade_for_trade)
        cost, undelivered = _take(book, lots, quantity)
        realised, unsettled = value - cost, undelivered * price
    trade_id = book.next_trade_id(day)
    trade = ExchangeTrade(
        trade_id=trade_id,
        order_id=order.order_id,
        instrument_id=order.instrument_id,
        symbol=order.symbol,
        side=order.side,
        quantity=quantity,
        price=price,
        at=at,
        session=day,
        realised=realised,
        unsettled=unsettled,
    )
    book.add_trade(trade)
    buying = order.side is Side.BUY
    names = {"instrument_id": order.instrument_id, "symbol": order.symbol}
    book.post(at, EntryKind.BUY if buying else EntryKind.SELL, -value if buying else value, note=trade_id, **names)
    more = book.set_charges(day, order.instrument_id, _charges(book.trades_of(order.instrument_id, day), day, book.tariff))
    if more:
        book.post(at, EntryKind.CHARGES, -more, note=trade_id, **names)
    filled = order.filled + quantity
    done = filled == order.quantity
    status = OrderStatus.EXECUTED if done else OrderStatus.ONGOING
    book.put_order(
        replace(order, filled=filled, status=status, updated_at=at, blocked=_still_blocked(order, day, quantity, book.tariff))
    )


def _deliverable(book: ExchangeAccount, order: ExchangeOrder, market_day: MarketDay) -> int:
    """Return how many shares of an order can be delivered. For a sell it may be fewer after a sale outside tradectl."""
    if order.side is Side.BUY:
        return order.remaining
    lots = sellable_lots(book, order.instrument_id, market_day.session.date, trade_for_trade=market_day.trade_for_trade)
    return sum(lot.quantity for lot in lots)


def _still_blocked(order: ExchangeOrder, day: date, quantity: int, tariff: Tariff) -> int:
    """Return the paise to block for the rest of a buy after a fill of `quantity` shares."""
    left = order.remaining - quantity
    if order.side is Side.SELL or not left:
        return 0
    if order.order_type is OrderType.LIMIT:
        return required(day, order.price, left, tariff)
    return order.blocked * left // order.remaining


def _take(book: ExchangeAccount, lots: Iterable[Lot], quantity: int) -> tuple[int, int]:
    """Take shares out of lots in their order. Return their cost in paise, and how many were not delivered yet."""
    cost = undelivered = 0
    for lot in lots:
        part = min(quantity, lot.quantity)
        if not part:
            continue
        part_cost, rest = share_out(lot.cost, [part, lot.quantity - part])
        book.put_lot(replace(lot, quantity=lot.quantity - part, cost=rest))
        cost += part_cost
        undelivered += 0 if lot.delivered else part
        quantity -= part
    if quantity:
        raise AssertionError(f"{quantity} more shares were sold than the lots hold")
    return cost, undelivered


def _charges(trades: list[ExchangeTrade], day: date, tariff: Tariff) -> int:
    """Return the charges in paise of one instrument's trades of a session."""
    orders = {order_id: number for number, order_id in enumerate(dict.fromkeys(trade.order_id for trade in trades), 1)}
    fills = [
        Fill(item.trade_id, item.instrument_id, item.side, item.quantity, item.price, day, item.at, orders[item.order_id])
        for item in trades
    ]
    return day_charges(day, fills, tariff).total


def _midnight(day: date) -> datetime:
    """Return the start of a date in India, in UTC."""
    return at_ist(day, time(0)).astimezone(UTC)
