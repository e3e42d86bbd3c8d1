"""What the paper exchange refuses, in the words of a broker. Each check raises `OrderRefused` or lets the order pass."""

from __future__ import annotations

from datetime import date, datetime

from tradectl.brokers.paper.book import Book, Lot, Order
from tradectl.brokers.paper.matching import auction_holds, price_now
from tradectl.brokers.paper.tape import Reel
from tradectl.errors import OrderRefused
from tradectl.exchange.amo_windows import CUTOFF
from tradectl.exchange.charges import buy_charges
from tradectl.exchange.phases import TAKES_NOTHING, PhaseKind
from tradectl.exchange.rates import Tariff
from tradectl.exchange.sessions import Session, SessionTable
from tradectl.exchange.ticks import on_tick
from tradectl.model.moment import ist_date
from tradectl.model.money import show_rupees
from tradectl.model.order import OrderType, Side

MARKET_MARGIN_PERCENT = 110
"""What a market order without a band may cost at most, of the last price: the dynamic range starts at 10 %."""

_LIMIT_ONLY = {PhaseKind.PRE_OPEN_LIMIT, PhaseKind.CLOSING_AUCTION_LIMIT}
_CLOSING = {PhaseKind.CLOSING_AUCTION, PhaseKind.CLOSING_AUCTION_LIMIT}


def target_session(sessions: SessionTable, moment: datetime) -> Session:
    """The session into which an after-market order of this moment would be released. OrderRefused outside the window."""
    day = ist_date(moment)
    today = sessions.session(day)
    if today is not None:
        phases = today.phases(closing_auction=True)
        if moment < phases[0].start - CUTOFF:
            return today
        if moment < phases[-1].end:
            raise OrderRefused("after market orders are not accepted now", code="phase")
    return sessions.next_session(day)


def check_phase(reel: Reel, moment: datetime, order_type: OrderType) -> PhaseKind:
    """The phase that takes, changes or cancels an order of this type now."""
    phase = reel.session.phase_at(moment, reel.instrument.closing_auction)
    if phase is None:
        raise OrderRefused("Markets are closed right now", code="phase")
    if phase.kind in TAKES_NOTHING:
        raise OrderRefused(f"orders are not accepted now: {TAKES_NOTHING[phase.kind]}", code="phase")
    if phase.kind in _LIMIT_ONLY and order_type is OrderType.MARKET:
        raise OrderRefused("Market orders are currently not allowed.", code="phase")
    return phase.kind


def check_quantity(quantity: int) -> None:
    if quantity <= 0:
        raise OrderRefused("quantity must be more than zero", code="quantity")


def check_price(order_type: OrderType, price: int, tick: int) -> None:
    """A limit order has a price on the tick; a market order has none."""
    if order_type is OrderType.MARKET:
        if price:
            raise OrderRefused("a market order has no price", code="price")
        return
    if price <= 0:
        raise OrderRefused("price must be more than zero", code="price")
    if not on_tick(price, tick):
        raise OrderRefused(f"price is not a multiple of the tick size {tick / 100:.2f}", code="tick")


def check_band(order_type: OrderType, price: int, reel: Reel, phase: PhaseKind | None = None) -> None:
    """A limit price is inside the session's band, and inside the closing auction's own while that is on."""
    if order_type is OrderType.MARKET:
        return
    band = reel.band
    if band is not None and not band.holds(price):
        limits = f"{show_rupees(band.low)} to {show_rupees(band.high)}"
        raise OrderRefused(f"RMS:Rule: Check circuit limit: {show_rupees(price)} is outside {limits}", code="band")
    if phase in _CLOSING and reel.reference is not None and not auction_holds(price, reel.reference):
        raise OrderRefused(f"{show_rupees(price)} is outside the closing auction's price band", code="band")


def check_tag(book: Book, tag: str | None, day: date, target: date) -> None:
    """A tag is used once a trading day: not twice on one date, nor twice for one session, nor while its order lives."""
    if not tag:
        return
    for order in book.orders.values():
        if order.tag == tag and (order.alive or order.session == target or ist_date(order.placed_at) == day):
            raise OrderRefused(f"Client OrderID already exists: {tag}", code="repeated_tag")


def required(day: date, price: int, quantity: int, tariff: Tariff) -> int:
    """Paise that a buy of `quantity` at `price` takes with its charges."""
    return price * quantity + buy_charges(day, quantity, price, tariff)


def worst_price(order_type: OrderType, price: int, reel: Reel, moment: datetime, last: int | None) -> int:
    """Paise a share that a buy may come to cost. In continuous trading a market order trades at once, so its price is known."""
    if order_type is OrderType.LIMIT:
        return price
    trading = reel.session.phase_at(moment, reel.instrument.closing_auction)
    if trading is not None and reel.path is not None:
        if trading.kind is PhaseKind.CONTINUOUS:
            return price_now(Side.BUY, 0, reel, reel.hours.second(moment))
        if trading.kind is PhaseKind.POST_CLOSE and reel.close is not None:
            return reel.close
    if reel.band is not None:
        return reel.band.high
    known = last or reel.previous_close
    if known is None:
        raise OrderRefused("there is no price to reckon a market order with", code="price")
    return -(-known * MARKET_MARGIN_PERCENT // 100)


def check_funds(book: Book, needed: int, freed: int = 0) -> None:
    """`freed`: paise that the same command gives back."""
    available = book.available + freed
    if needed > available:
        shown = f"Required: {show_rupees(needed)}, Available: {show_rupees(available)}"
        raise OrderRefused(f"RMS:Margin Exceeds, {shown}", code="funds", passing=True)


def sellable_lots(book: Book, instrument_id: str, day: date, *, trade_for_trade: bool, later: bool = False) -> list[Lot]:
    """Lots that may be sold on the session `day`, in the order in which a sale takes them: the day's own first (they net
    out as intraday), then the oldest. `later`: one more session starts before the sale."""
    found = [
        lot
        for lot in book.lots_of(instrument_id)
        if lot.locked <= int(later) and not (trade_for_trade and not later and lot.bought_on == day)
    ]
    return sorted(found, key=lambda lot: (lot.bought_on != day, lot.bought_on, lot.lot_id))


def check_shares(book: Book, instrument_id: str, quantity: int, *, trade_for_trade: bool) -> None:
    """No more is sold by hand than there is, whatever waits to be sold."""
    lots = sellable_lots(book, instrument_id, book.day, trade_for_trade=trade_for_trade)
    sellable = sum(lot.quantity for lot in lots)
    if quantity > sellable:
        raise OrderRefused(f"insufficient holdings: {sellable} may be sold, {quantity} asked", code="holdings")


def check_holdings(
    book: Book, instrument_id: str, quantity: int, *, trade_for_trade: bool, later: bool = False, apart_from: Order | None = None
) -> None:
    """No more is sold than may be sold, what other live sells wait to sell taken off."""
    lots = sellable_lots(book, instrument_id, book.day, trade_for_trade=trade_for_trade, later=later)
    sellable = sum(lot.quantity for lot in lots)
    resting = sum(
        order.remaining
        for order in book.live.values()
        if order.side is Side.SELL and order.instrument_id == instrument_id and order is not apart_from
    )
    if quantity <= sellable - resting:
        return
    bought_today = sum(lot.quantity for lot in book.lots_of(instrument_id) if lot.bought_on == book.day)
    if trade_for_trade and not later and quantity <= sellable + bought_today - resting:
        raise OrderRefused("trade-for-trade: shares bought today cannot be sold today", code="trade_for_trade")
    raise OrderRefused(f"insufficient holdings: {max(0, sellable - resting)} may be sold, {quantity} asked", code="holdings")
