"""Compute the next event of one order: a pure function of the order, its market day and the participation.

The participation is the largest part of a minute's volume that one order may take.

An order that is in the book before the opening match takes part in it at the opening price. In continuous trading, an order
whose limit the price has already reached trades at once at the current price. A resting order trades at its limit in the
second in which the price first reaches it. Stocks with a closing auction then match at the official close. Orders that are
still live then end.
"""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum

from msgspec import Struct

from tradectl.brokers.paper.account import ExchangeOrder
from tradectl.brokers.paper.market_days import MarketDay
from tradectl.exchange.ticks import round_down, round_up
from tradectl.model.order import OrderStatus, OrderType, Side

AUCTION_PERCENT = 3
"""Largest distance of a price from the closing auction's reference price, in percent.

Sources: SEBI HO/47/11/11(3)2025-MRD-POD2/I/2765/2026 of 2026-01-16, NSE/CMTR/73362."""


class StepKind(IntEnum):
    """Name the kinds of step. Steps of the same moment happen in this order."""

    RELEASE = 1
    FILL = 2
    DROP = 3
    END = 4


class Step(Struct, frozen=True):
    """Hold one future event of an order. Only a fill has a `price` (paise) and a `quantity`."""

    at: datetime
    kind: StepKind
    order_id: str
    price: int = 0
    quantity: int = 0
    passive: bool = False
    reason: str = ""


def next_step(order: ExchangeOrder, market_day: MarketDay, participation: float) -> Step | None:
    """Return the next step of a live order on a market day, None for an AMO that waits for a later session."""
    if order.status is OrderStatus.PENDING:
        due = market_day.hours.release_at
        return Step(due, StepKind.RELEASE, order.order_id) if takes_part(order, market_day) else None
    found = [step for step in (_trade(order, market_day, participation), _out_of_auction(order, market_day)) if step]
    end = Step(ends_at(order, market_day), StepKind.END, order.order_id, reason="day ended")
    return min([*found, end], key=lambda step: (step.at, step.kind))


def _trade(order: ExchangeOrder, market_day: MarketDay, participation: float) -> Step | None:
    hours = market_day.hours
    if market_day.path is None:
        return None
    if hours.post_close and order.active_at >= hours.post_close[0]:
        return _fill_at(order, order.active_at, market_day.close)
    opening = order.active_at <= hours.opening_match_at and order.active_at < hours.open_at
    found = _fill_at(order, hours.opening_match_at, market_day.open) if opening else None
    return found or _continuous(order, market_day, participation) or _fill_at(order, hours.closing_match_at, market_day.close)


def _fill_at(order: ExchangeOrder, at: datetime | None, price: int | None) -> Step | None:
    """Return a fill of the whole remaining quantity at the price of a match; None if the order does not take part."""
    if at is None or price is None or at < order.active_at or not reached(order, price):
        return None
    return Step(at, StepKind.FILL, order.order_id, price, order.remaining)


def reached(order: ExchangeOrder, price: int) -> bool:
    """Return whether the order may trade at a price."""
    if order.order_type is OrderType.MARKET:
        return True
    return price <= order.price if order.side is Side.BUY else price >= order.price


def _continuous(order: ExchangeOrder, market_day: MarketDay, participation: float) -> Step | None:
    found = market_day.hours.trading_from(order.active_at)
    if found is None:
        return None
    since, start = found
    second = _first_second(order, market_day, start)
    quantity = order.remaining
    if participation < 1:
        while second is not None and not _capacity(market_day, second, participation):
            later = (second // 60 + 1) * 60
            second = _first_second(order, market_day, later) if later < market_day.seconds else None
        quantity = min(quantity, _capacity(market_day, second, participation)) if second is not None else 0
    if second is None:
        return None
    passive = order.passive or second > start
    price = (
        order.price if passive and order.order_type is OrderType.LIMIT else price_now(order.side, order.price, market_day, second)
    )
    return Step(max(since, market_day.hours.moment(second)), StepKind.FILL, order.order_id, price, quantity, passive)


def _first_second(order: ExchangeOrder, market_day: MarketDay, start: int) -> int | None:
    if market_day.path is None:
        return None
    if order.order_type is OrderType.MARKET:
        return start
    if order.side is Side.BUY:
        return market_day.path.first_at_or_below(order.price, start, market_day.seconds)
    return market_day.path.first_at_or_above(order.price, start, market_day.seconds)


def price_now(side: Side, limit: int, market_day: MarketDay, second: int) -> int:
    """Return the price (paise) at which an incoming order trades.

    It is the price of the path, rounded to the tick against the order. It stays within the session's range and is not worse
    than `limit` (0 for no limit). At second 0 it is the opening price.

    Raises:
        ValueError: The market day has no path.
    """
    if market_day.path is None:
        raise ValueError("the market day has no price path")
    price = market_day.path.price_at(second)
    if second == 0:
        return price
    tick = market_day.instrument.tick_size
    if side is Side.BUY:
        price = min(round_up(price, tick), max(price, market_day.high))
        return min(price, limit) if limit else price
    price = max(round_down(price, tick), min(price, market_day.low))
    return max(price, limit)


def _capacity(market_day: MarketDay, second: int, participation: float) -> int:
    """Return the shares that one order may take in a minute: its part of the volume of that minute.

    With a daily bar, the volume of an average minute is used.
    """
    minute = min(second, market_day.seconds - 1) // 60
    volumes = {bar[0]: bar[5] for bar in market_day.minutes}
    known = volumes.get(minute, 0) if volumes else market_day.volume * 60 // market_day.seconds
    return max(int(participation * known), 1) if known else 0


def resume_at(market_day: MarketDay, at: datetime) -> datetime:
    """Return the moment at which a partly filled order may trade again: the start of the next minute of trading."""
    return market_day.hours.moment((market_day.hours.second(at) // 60 + 1) * 60)


def auction_holds(price: int, reference: int) -> bool:
    """Return whether the closing auction accepts a price (paise)."""
    return abs(price - reference) * 100 <= reference * AUCTION_PERCENT


def _out_of_auction(order: ExchangeOrder, market_day: MarketDay) -> Step | None:
    """Return the step that ends an order too far from the closing auction's reference price, None for other orders."""
    at = market_day.hours.reference_end
    if at is None or market_day.reference is None or order.active_at > at or order.order_type is OrderType.MARKET:
        return None
    if auction_holds(order.price, market_day.reference):
        return None
    return Step(at, StepKind.DROP, order.order_id, reason="outside the closing auction's price band")


def takes_part(order: ExchangeOrder, market_day: MarketDay) -> bool:
    """Return whether a live order is in the market on a market day.

    An AMO that was placed after the release waits for a later session. No AMO is released in a session without hours."""
    if order.status is not OrderStatus.PENDING:
        return True
    return market_day.session.hours_known and market_day.hours.release_at > order.placed_at


def ends_at(order: ExchangeOrder, market_day: MarketDay) -> datetime:
    """Return the moment at which an order that did not fill ends on a market day."""
    hours = market_day.hours
    late = hours.post_close is not None and order.active_at >= hours.post_close[0]
    return max(hours.post_close[1] if late and hours.post_close else hours.close_at, order.active_at)
