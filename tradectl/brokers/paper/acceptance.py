"""Check orders as the exchange does, with a broker's texts. Each check returns normally or raises `OrderRefused`."""

from __future__ import annotations

from datetime import date, datetime

from tradectl.brokers.paper.account import ExchangeAccount, ExchangeOrder, Lot
from tradectl.brokers.paper.market_days import MarketDay
from tradectl.brokers.paper.matching import auction_holds, price_now
from tradectl.errors import OrderRefused
from tradectl.exchange.amo_windows import CUTOFF, next_with_hours
from tradectl.exchange.charges import buy_charges
from tradectl.exchange.phases import CLOSING_ENTRY, LIMIT_ONLY, TAKES_NOTHING, PhaseKind
from tradectl.exchange.rates import Tariff
from tradectl.exchange.sessions import Session, SessionTable
from tradectl.exchange.ticks import on_tick
from tradectl.model.moment import ist_date
from tradectl.model.money import show_rupees
from tradectl.model.order import OrderType, Side

MARKET_MARGIN_PERCENT = 110
"""The percentage of the last price that is blocked for a market buy without a band: the dynamic range starts at 10 %."""


def target_session(sessions: SessionTable, moment: datetime) -> Session:
    """Return the session in which an after-market order of this moment is released. Raises OrderRefused outside the window."""
    day = ist_date(moment)
    today = sessions.session(day)
    if today is not None and today.hours_known:
        if moment < today.begins_at() - CUTOFF:
            return today
        if moment < today.ends_at():
            raise OrderRefused("after market orders are not accepted now", code="phase")
    return next_with_hours(sessions, day)


def check_phase(market_day: MarketDay, moment: datetime, order_type: OrderType) -> PhaseKind:
    """Return the phase of a moment. Raises OrderRefused if the phase accepts no order of this type."""
    phase = market_day.session.phase_at(moment, market_day.instrument.closing_auction)
    if phase is None:
        raise OrderRefused("Markets are closed right now", code="phase")
    if phase.kind in TAKES_NOTHING:
        raise OrderRefused(f"orders are not accepted now: {TAKES_NOTHING[phase.kind]}", code="phase")
    if phase.kind in LIMIT_ONLY and order_type is OrderType.MARKET:
        raise OrderRefused("Market orders are currently not allowed.", code="phase")
    return phase.kind


def check_quantity(quantity: int) -> None:
    """Raise OrderRefused for a quantity below 1."""
    if quantity <= 0:
        raise OrderRefused("quantity must be more than zero", code="quantity")


def check_price(order_type: OrderType, price: int, tick: int) -> None:
    """Raise OrderRefused unless a limit order has a price on the tick, and a market order has none."""
    if order_type is OrderType.MARKET:
        if price:
            raise OrderRefused("a market order has no price", code="price")
        return
    if price <= 0:
        raise OrderRefused("price must be more than zero", code="price")
    if not on_tick(price, tick):
        raise OrderRefused(f"price is not a multiple of the tick size {tick / 100:.2f}", code="tick")


def check_band(order_type: OrderType, price: int, market_day: MarketDay, phase: PhaseKind | None = None) -> None:
    """Raise OrderRefused for a limit outside the session's band, or in the closing auction outside the auction's band."""
    if order_type is OrderType.MARKET:
        return
    band = market_day.band
    if band is not None and not band.holds(price):
        limits = f"{show_rupees(band.low)} to {show_rupees(band.high)}"
        raise OrderRefused(f"RMS:Rule: Check circuit limit: {show_rupees(price)} is outside {limits}", code="band")
    if phase in CLOSING_ENTRY and market_day.reference is not None and not auction_holds(price, market_day.reference):
        raise OrderRefused(f"{show_rupees(price)} is outside the closing auction's price band", code="band")


def check_change(order: ExchangeOrder, quantity: int, price: int, market_day: MarketDay, phase: PhaseKind | None) -> None:
    """Raise OrderRefused for a quantity or a limit that a live order may not have. `phase` is None for a waiting AMO."""
    check_quantity(quantity)
    if quantity <= order.filled:
        raise OrderRefused(f"{order.filled} shares are filled already", code="quantity")
    check_price(order.order_type, price, market_day.instrument.tick_size)
    if phase is not None:
        check_band(order.order_type, price, market_day, phase)


def check_tag(book: ExchangeAccount, tag: str | None, day: date, target: date) -> None:
    """Raise OrderRefused for a tag that was used on the same date or for the same session, or whose order is live."""
    if not tag:
        return
    for order in book.orders.values():
        if order.tag == tag and (order.alive or order.session == target or ist_date(order.placed_at) == day):
            raise OrderRefused(f"Client OrderID already exists: {tag}", code="repeated_tag")


def required(day: date, price: int, quantity: int, tariff: Tariff) -> int:
    """Return the value and the charges, in paise, of a buy of `quantity` at `price` (paise)."""
    return price * quantity + buy_charges(day, quantity, price, tariff)


def worst_price(order_type: OrderType, price: int, market_day: MarketDay, moment: datetime, last: int | None) -> int:
    """Return the highest price per share (paise) that a buy may cost. In continuous trading a market order trades at once,
    so its price is known.

    Raises:
        OrderRefused: No price is known for a market order.
    """
    if order_type is OrderType.LIMIT:
        return price
    trading = market_day.session.phase_at(moment, market_day.instrument.closing_auction)
    if trading is not None and market_day.path is not None:
        if trading.kind is PhaseKind.CONTINUOUS:
            return price_now(Side.BUY, 0, market_day, market_day.hours.second(moment))
        if trading.kind is PhaseKind.POST_CLOSE and market_day.close is not None:
            return market_day.close
    if market_day.band is not None:
        return market_day.band.high
    known = last or market_day.previous_close
    if known is None:
        raise OrderRefused("no price is known for a market order", code="price")
    return -(-known * MARKET_MARGIN_PERCENT // 100)


def check_funds(book: ExchangeAccount, needed: int, freed: int = 0) -> None:
    """Raise OrderRefused if the funds do not cover a buy. `needed` and `freed` are in paise; the command itself frees `freed`."""
    available = book.available + freed
    if needed > available:
        shown = f"Required: {show_rupees(needed)}, Available: {show_rupees(available)}"
        raise OrderRefused(f"RMS:Margin Exceeds, {shown}", code="funds", passing=True)


def sellable_lots(
    book: ExchangeAccount, instrument_id: str, day: date, *, trade_for_trade: bool, later: bool = False
) -> list[Lot]:
    """Return the lots that may be sold on the session `day`, in the order in which a sale takes them.

    Lots bought on that day come first, because the exchange nets them as intraday; then the oldest. With `later`, one more
    session starts before the sale.
    """
    found = [
        lot
        for lot in book.lots_of(instrument_id)
        if lot.locked <= int(later) and not (trade_for_trade and not later and lot.bought_on == day)
    ]
    return sorted(found, key=lambda lot: (lot.bought_on != day, lot.bought_on, lot.lot_id))


def check_shares(book: ExchangeAccount, instrument_id: str, quantity: int, *, trade_for_trade: bool) -> None:
    """Raise OrderRefused if a sale outside tradectl exceeds the sellable shares. Resting sells are not subtracted."""
    lots = sellable_lots(book, instrument_id, book.day, trade_for_trade=trade_for_trade)
    sellable = sum(lot.quantity for lot in lots)
    if quantity > sellable:
        raise OrderRefused(f"insufficient holdings: {sellable} may be sold, {quantity} ordered", code="holdings")


def check_holdings(
    book: ExchangeAccount,
    instrument_id: str,
    quantity: int,
    *,
    trade_for_trade: bool,
    later: bool = False,
    apart_from: ExchangeOrder | None = None,
) -> None:
    """Raise OrderRefused if a sale exceeds the sellable shares less those of other live sells.

    `apart_from` is a live order whose shares are not subtracted: the order that the command changes. `later` as in
    `sellable_lots`.
    """
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
    raise OrderRefused(f"insufficient holdings: {max(0, sellable - resting)} may be sold, {quantity} ordered", code="holdings")
