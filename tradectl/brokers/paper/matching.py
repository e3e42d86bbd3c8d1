"""What happens next to one order: a pure function of the order and its reel, so that it cannot matter how often anybody asks.

An order that is in the book before the opening match takes part in it at the opening price. In the continuous market an order
whose limit the price has already reached when it comes in trades at once at the price of that moment; one that waits
trades at its limit in the second in which the price first reaches it. Closing-auction stocks then match at the official
close. What is left of the day's orders ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from tradectl.brokers.paper.book import Order
from tradectl.brokers.paper.tape import Reel
from tradectl.exchange.ticks import round_down, round_up
from tradectl.model.order import OrderStatus, OrderType, Side

AUCTION_PERCENT = 3
"""Width of the closing auction's band around its reference price (market.md 6.2)."""


class What(IntEnum):
    """Kinds of step, in the order in which those of one moment happen."""

    RELEASE = 1
    FILL = 2
    DROP = 3
    END = 4


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that will happen to an order at a moment; `price` and `quantity` only for a fill."""

    at: datetime
    what: What
    order_id: str
    price: int = 0
    quantity: int = 0
    passive: bool = False
    reason: str = ""


def next_step(order: Order, reel: Reel, participation: float) -> Step | None:
    """The next thing that happens to a live order on the reel's session; None for an AMO that is placed for a later one."""
    if order.status is OrderStatus.PENDING:
        due = reel.hours.release_at
        return Step(due, What.RELEASE, order.order_id) if due > order.placed_at else None
    found = [step for step in (_trade(order, reel, participation), _out_of_auction(order, reel)) if step]
    return min([*found, _end(order, reel)], key=lambda step: (step.at, step.what))


def _trade(order: Order, reel: Reel, participation: float) -> Step | None:
    hours = reel.hours
    if reel.path is None:
        return None
    if hours.post_close and order.active_at >= hours.post_close[0]:
        return _fill_at(order, order.active_at, reel.close)
    opening = order.active_at <= hours.opening_match_at and order.active_at < hours.open_at
    found = _fill_at(order, hours.opening_match_at, reel.open) if opening else None
    return found or _continuous(order, reel, participation) or _fill_at(order, hours.closing_match_at, reel.close)


def _fill_at(order: Order, at: datetime | None, price: int | None) -> Step | None:
    """All of the order at one price of a match, where it takes part."""
    if at is None or price is None or at < order.active_at or not reached(order, price):
        return None
    return Step(at, What.FILL, order.order_id, price, order.remaining)


def reached(order: Order, price: int) -> bool:
    """Whether the order may trade at a price."""
    if order.order_type is OrderType.MARKET:
        return True
    return price <= order.price if order.side is Side.BUY else price >= order.price


def _continuous(order: Order, reel: Reel, participation: float) -> Step | None:
    since = reel.hours.trading_from(order.active_at)
    if since is None or since >= reel.hours.continuous_end:
        return None
    start = reel.hours.second(since)
    second = _first_second(order, reel, start)
    quantity = order.remaining
    if participation < 1:
        while second is not None and not _capacity(reel, second, participation):
            later = (second // 60 + 1) * 60
            second = _first_second(order, reel, later) if later < reel.seconds else None
        quantity = min(quantity, _capacity(reel, second, participation)) if second is not None else 0
    if second is None:
        return None
    passive = order.passive or second > start
    price = order.price if passive and order.order_type is OrderType.LIMIT else price_now(order.side, order.price, reel, second)
    return Step(max(since, reel.hours.moment(second)), What.FILL, order.order_id, price, quantity, passive)


def _first_second(order: Order, reel: Reel, start: int) -> int | None:
    if reel.path is None:
        return None
    if order.order_type is OrderType.MARKET:
        return start
    if order.side is Side.BUY:
        return reel.path.first_at_or_below(order.price, start, reel.seconds)
    return reel.path.first_at_or_above(order.price, start, reel.seconds)


def price_now(side: Side, limit: int, reel: Reel, second: int) -> int:
    """What an incoming order trades at: the path's price on the tick, against the order but inside the session's range and
    never worse than its limit (0: none). At the very open it is the open."""
    if reel.path is None:
        raise ValueError("there is no price without a path")
    price = reel.path.price_at(second)
    if second == 0:
        return price
    tick = reel.instrument.tick_size
    if side is Side.BUY:
        price = min(round_up(price, tick), max(price, reel.high))
        return min(price, limit) if limit else price
    price = max(round_down(price, tick), min(price, reel.low))
    return max(price, limit)


def _capacity(reel: Reel, second: int, participation: float) -> int:
    """Shares that one order may take in a minute: its part of the minute's volume, or of the average minute's on a daily bar."""
    minute = min(second, reel.seconds - 1) // 60
    volumes = {bar[0]: bar[5] for bar in reel.minutes}
    known = volumes.get(minute, 0) if volumes else reel.volume * 60 // reel.seconds
    return max(int(participation * known), 1) if known else 0


def resume_at(reel: Reel, at: datetime) -> datetime:
    """When an order that has had its part of a minute may have more: the start of the next minute of trading."""
    return reel.hours.moment((reel.hours.second(at) // 60 + 1) * 60)


def auction_holds(price: int, reference: int) -> bool:
    """Whether the closing auction takes a price."""
    return abs(price - reference) * 100 <= reference * AUCTION_PERCENT


def _out_of_auction(order: Order, reel: Reel) -> Step | None:
    """Orders too far from the reference price do not go into the closing auction."""
    at = reel.hours.reference_end
    if at is None or reel.reference is None or order.active_at > at or order.order_type is OrderType.MARKET:
        return None
    if auction_holds(order.price, reel.reference):
        return None
    return Step(at, What.DROP, order.order_id, reason="outside the closing auction's price band")


def _end(order: Order, reel: Reel) -> Step:
    hours = reel.hours
    late = hours.post_close is not None and order.active_at >= hours.post_close[0]
    at = hours.post_close[1] if late and hours.post_close else hours.close_at
    return Step(max(at, order.active_at), What.END, order.order_id, reason="day ended")
