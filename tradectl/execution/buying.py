"""Limits, quantity and buying power of a buy, shared by `buy`, `premarket-retry` and `amo-adjust`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from tradectl.exchange.bands import price_band
from tradectl.exchange.charges import buy_charges
from tradectl.exchange.rates import ZERODHA, Tariff
from tradectl.execution.trading_session import TradingSession
from tradectl.ledger.rows import Order
from tradectl.ledger.statistics import Statistics
from tradectl.model.broker_view import HOLDINGS
from tradectl.model.moment import ist_date
from tradectl.model.order import OrderStatus, Purpose, Side
from tradectl.model.refusal import Refusal, RefusalCode
from tradectl.strategy.parameters import Parameters
from tradectl.strategy.risk import Exposure, deny
from tradectl.strategy.sizing import Sizing, size_buy


@dataclass(slots=True)
class BuyingPower:
    """The funds left for new buys, reduced by each placed order (paise)."""

    available: int
    tariff: Tariff = ZERODHA

    def spend(self, session: date, quantity: int, price: int) -> None:
        self.available -= quantity * price + buy_charges(session, quantity, price, self.tariff)


@dataclass(frozen=True, slots=True)
class DayResult:
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
    """Return the value of all shares of the account at their last price, those bought by hand too (paise).

    Positions without a price count at cost. Shares in an unreadable row are left out."""
    held = {item.symbol: item.quantity + item.t1_quantity for item in trading.holdings()}
    costs = {position.symbol: position.cost for position in trading.snapshot.positions}
    quotes = trading.broker.quotes(list(held)) if held else {}
    return sum(quantity * quotes[symbol].last if symbol in quotes else costs.get(symbol, 0) for symbol, quantity in held.items())


def stopped_buys(trading: TradingSession) -> Refusal | None:
    """Return why a person has stopped buys; None otherwise.

    A limit that stopped them is found again by `breached_limit`, so that each buy has its own reason, also after an
    interruption."""
    found = trading.path.trading_state(trading.snapshot)
    if found.state == "ACTIVE" or found.by_limit:
        return None
    code = RefusalCode.HALTED if found.state == "HALTED" else RefusalCode.REDUCING
    return Refusal(code, f"the account is {found.state}: {found.reason}")


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
) -> Refusal | None:
    """Return the limit that a buy would breach; None if none. A limit of the whole account blocks all buys (`_reduce`)."""
    instrument = trading.market.instrument(instrument_id, session)
    exposed = exposure(trading, session, day, instrument_id)
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
            return _unproved(trading)  # an unreadable row may hide the missing value: nothing is decided for the day
        if refusal.code in {RefusalCode.DAILY_LOSS, RefusalCode.BUY_ORDERS}:
            _reduce(trading, refusal.code, exposed, parameters, session)
        return refusal
    most = trading.most_shares(instrument.symbol)
    return Refusal(RefusalCode.FREEZE_QUANTITY) if most is not None and quantity > most else None


def _unproved(trading: TradingSession) -> Refusal:
    """Return why a buy is denied whose daily loss is not proved; the unreadable rows of the holdings are reported as blocking."""
    trading.note_unreadable_holdings()
    rows = trading.book.broker.odd.get(HOLDINGS, ())
    more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
    text = rows[0].text if rows else "a row of the holdings could not be read"
    return Refusal(RefusalCode.EQUITY_UNPROVED, f"{RefusalCode.EQUITY_UNPROVED}: {text}{more}")


def _reduce(trading: TradingSession, code: RefusalCode, exposed: Exposure, parameters: Parameters, session: date) -> None:
    """Set the account to REDUCING and report it once.

    After a daily loss it lasts for the day. With too many buy orders it lasts until the session they are for begins; orders that
    rest for that session may still be fitted then."""
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
    text = f"only exits from now on: {reason}"
    trading.notify("the account is REDUCING", text, f"reducing:{code}:{today if daily else session}")
    if trading.book.set_reducing(reason, until):
        trading.log("reducing", text, level="warning")


def exposure(trading: TradingSession, session: date, day: DayResult, instrument_id: str) -> Exposure:
    """Return the account's exposure without a buy of an instrument.

    Entries in flight count as positions, resting buys as invested. An UNKNOWN order of the instrument that is about to be sent
    again is the buy itself."""
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
    """Return the number of shares; zero with a refusal. `buying_power` None: funds are not limited."""
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
    """Return our buys for a session that wait as AMO or are live, oldest first; UNKNOWN ones are left out."""
    return [
        order
        for order in trading.live(Side.BUY, session)
        if order.status in {OrderStatus.PENDING, OrderStatus.ONGOING} and order.broker_order_id is not None
    ]
