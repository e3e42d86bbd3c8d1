"""Limits, quantity and buying power of a buy, shared by `buy`, `premarket-retry` and `amo-adjust`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from msgspec import Struct
from msgspec.structs import replace

from tradectl.exchange.bands import price_band
from tradectl.exchange.charges import buy_charges
from tradectl.exchange.rates import ZERODHA, Tariff
from tradectl.execution.trading_session import TradingSession
from tradectl.ledger.rows import Order
from tradectl.ledger.statistics import Statistics
from tradectl.model.broker_view import HOLDINGS
from tradectl.model.message_kind import MessageKind
from tradectl.model.moment import ist_date
from tradectl.model.order import OrderStatus, Purpose, Side
from tradectl.model.refusal import Refusal, RefusalCode
from tradectl.model.rule_names import REVERSION
from tradectl.strategy.parameters import Parameters
from tradectl.strategy.risk import Exposure, deny
from tradectl.strategy.sizing import Sizing, size_buy


@dataclass(slots=True)
class BuyingPower:
    """The funds left for new buys, reduced by each placed order (paise)."""

    available: int
    tariff: Tariff = ZERODHA

    def spend(self, session: date, quantity: int, price: int) -> None:
        """Subtract the cost of a buy with its charges. `price` in paise."""
        self.available -= quantity * price + buy_charges(session, quantity, price, self.tariff)


class PlannedBuy(Struct, frozen=True):
    """A buy that a list contains and that is not sent yet. `value`: quantity times limit, in paise."""

    instrument_id: str
    value: int
    reentry: bool
    strategy: str = REVERSION


class DayResult(Struct, frozen=True):
    """Equity and the session's result so far (paise); the result is 0 where no earlier day is known."""

    equity: int
    result: int
    proved: bool = True
    """False where a row of the holdings cannot be read: the equity is then a lower bound."""

    @property
    def loss(self) -> float:
        """Return the session's loss as a fraction of the equity before it; 0 for a gain."""
        before = self.equity - self.result
        return max(0.0, -self.result / before) if before > 0 else 0.0


def day_result(statistics: Statistics, trading: TradingSession, session: date) -> DayResult:
    """Return equity from the broker's cash and last prices, and the result against the end of the last session."""
    equity = trading.broker.funds().cash + holdings_value(trading) + trading.book.spun_off()
    before = statistics.before(session)
    proved = not trading.book.broker.odd.get(HOLDINGS)
    return DayResult(equity, equity - before.equity if before is not None else 0, proved)


def holdings_value(trading: TradingSession) -> int:
    """Return the value (paise) of all shares of the account at their last prices, including shares bought by hand.

    Without a price, shares of a position count at cost and other shares as 0. Shares in an unreadable row are left out."""
    held = {item.symbol: item.quantity + item.t1_quantity for item in trading.holdings()}
    costs = {position.symbol: position.cost for position in trading.snapshot.positions}
    quotes = trading.broker.quotes(list(held)) if held else {}
    return sum(quantity * quotes[symbol].last if symbol in quotes else costs.get(symbol, 0) for symbol, quantity in held.items())


def stopped_buys(trading: TradingSession) -> Refusal | None:
    """Return the trading state of a person that forbids buys; None if there is none.

    A state that a limit set does not count here: `breached_limit` checks each buy again and gives it its own reason."""
    found = trading.path.trading_state(trading.snapshot)
    if found.state == "ACTIVE" or found.by_limit:
        return None
    return found.refusal(Side.BUY)


def breached_limit(
    trading: TradingSession,
    parameters: Parameters,
    day: DayResult,
    *,
    instrument_id: str,
    session: date,
    price: int,
    quantity: int,
    last_close: int,
    reentry: bool,
    planned: Sequence[PlannedBuy] | None = None,
) -> Refusal | None:
    """Return the limit that a buy would breach; None if there is none. Prices in paise.

    The daily loss and the number of buy orders are limits of the account: a breach sets it to REDUCING. With `planned` the buy
    is only planned, after these others, and a breach changes nothing."""
    instrument = trading.market.instrument(instrument_id, session)
    exposed = exposure(trading, session, day, instrument_id)
    if planned is not None:
        exposed = _with_planned(exposed, planned)
    refusal = deny(
        exposed,
        parameters,
        instrument_id=instrument_id,
        price=price,
        quantity=quantity,
        last_close=last_close,
        band=price_band(last_close, instrument.tick_size, derivatives=instrument.derivatives),
        reentry=reentry,
    )
    if refusal is not None:
        if refusal.code is RefusalCode.DAILY_LOSS and not day.proved:
            return _unproved(trading)  # an unreadable row may hide value: the account does not become REDUCING
        if refusal.code in {RefusalCode.DAILY_LOSS, RefusalCode.BUY_ORDERS} and planned is None:
            _reduce(trading, refusal.code, exposed, parameters, session)
        return refusal
    most = trading.rules.most_shares(instrument.symbol)
    return Refusal(RefusalCode.FREEZE_QUANTITY) if most is not None and quantity > most else None


def _with_planned(exposed: Exposure, planned: Sequence[PlannedBuy]) -> Exposure:
    """Return the exposure as it will be once the planned buys are sent."""
    invested = dict(exposed.invested)
    for buy in planned:
        invested[buy.instrument_id] = invested.get(buy.instrument_id, 0) + buy.value
    entries = sum(not buy.reentry for buy in planned)
    return replace(
        exposed, positions=exposed.positions + entries, buy_orders=exposed.buy_orders + len(planned), invested=invested
    )


def _unproved(trading: TradingSession) -> Refusal:
    """Return the refusal of a buy because the daily loss is not proved; count the unreadable holdings as blocked symbols."""
    trading.note_unreadable_holdings()
    rows = trading.book.broker.odd.get(HOLDINGS, ())
    more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
    text = rows[0].text if rows else "a row of the holdings could not be read"
    return Refusal(RefusalCode.EQUITY_UNPROVED, f"{RefusalCode.EQUITY_UNPROVED}: {text}{more}")


def _reduce(trading: TradingSession, code: RefusalCode, exposed: Exposure, parameters: Parameters, session: date) -> None:
    """Set the account to REDUCING and report it once.

    After a daily loss REDUCING lasts for the day. With too many buy orders it lasts until the day before their session. So
    resting orders may be changed in the pre-open of that session."""
    today = ist_date(trading.clock.now())
    daily = code is RefusalCode.DAILY_LOSS
    if daily:
        until = today
        reason = f"daily loss {exposed.loss * 100:.1f} % of equity, {parameters.daily_loss_limit * 100:g} % allowed"
    else:
        until = session - timedelta(days=1)
        reason = f"{exposed.buy_orders} buy orders for {session}, {parameters.max_buy_orders} allowed"
    if trading.dry_run or trading.snapshot.trading_state != "ACTIVE":
        return
    text = f"only sells and cancels are sent through {until}: {reason}. `tradectl status` shows the account"
    trading.notify("the account is REDUCING", text, f"reducing:{code}:{today if daily else session}", MessageKind.HALTED)
    if trading.book.set_reducing(reason, until):
        trading.log("reducing", text, level="warning")


def exposure(trading: TradingSession, session: date, day: DayResult, instrument_id: str) -> Exposure:
    """Return the account's exposure without a buy of an instrument.

    Entries in flight count as positions, resting buys as invested. An UNKNOWN order of the instrument that may be sent again
    is left out: it is the buy itself."""
    snapshot = trading.snapshot
    again = {order.id for order in snapshot.unknown if order.instrument_id == instrument_id and trading.may_repeat(order)}
    live = [order for order in snapshot.orders if order.id not in again and order.alive and not order.waiting]
    buys = [order for order in live if order.side is Side.BUY]
    held = {position.instrument_id for position in snapshot.positions}
    invested = {position.instrument_id: position.cost for position in snapshot.positions}
    for order in buys:
        invested[order.instrument_id] = invested.get(order.instrument_id, 0) + order.remaining * order.price
    sent = [
        order
        for order in trading.book.orders(session=session)
        if order.side is Side.BUY and order.purpose is not Purpose.SEED and order.sending_at is not None and order.id not in again
    ]
    return Exposure(len(held | {order.instrument_id for order in buys}), len(sent), invested, day.loss)


def quantity_for(
    price: int,
    *,
    session: date,
    parameters: Parameters,
    average_turnover: int,
    buying_power: BuyingPower | None,
    limit_price: int | None = None,
    reentry: bool = False,
) -> Sizing:
    """Return the number of shares of a buy, or 0 shares with a refusal. Prices and turnover in paise.

    `buying_power` None: the funds do not limit the buy."""
    return size_buy(
        price,
        session=session,
        parameters=parameters,
        average_turnover=average_turnover,
        funds=max(0, buying_power.available) if buying_power is not None else None,
        limit_price=limit_price,
        reentry=reentry,
    )


def pending_buys(trading: TradingSession, session: date) -> list[Order]:
    """Return our buys for a session that wait as AMO or are live, oldest first; UNKNOWN orders are left out."""
    return [
        order
        for order in trading.live(Side.BUY, session)
        if order.status in {OrderStatus.PENDING, OrderStatus.ONGOING} and order.broker_order_id is not None
    ]
