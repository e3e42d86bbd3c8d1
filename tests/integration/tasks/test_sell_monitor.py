"""The sell monitor: every share of ours is on sale once, none that is not, and never at more than it was offered for today."""

from datetime import timedelta
from fractions import Fraction

import pytest
from sqlalchemy import update

from tests.support.trading import AFTER, DAYS, D, Trading, stock
from tradectl.execution.tags import client_tag
from tradectl.ledger.executions import Fenced
from tradectl.ledger.rows import Intent, Position
from tradectl.ledger.schema import users
from tradectl.model.market import ActionKind, CorporateAction
from tradectl.model.order import OrderStatus, Purpose, Side
from tradectl.tasks.sell_monitor import step

DIPS = {D: (9500, 9600, 9300, 9400)}
"""Opens at 95, falls to 93 first... a day on which nothing reaches the target."""


def test_a_sale_by_hand_lowers_the_position_and_the_sell(trading) -> None:
    market = trading(stock(on=DIPS))
    market.buy(100, 9600)
    market.to(D, "09:15")
    market.monitor(D, "10:00")
    (resting,) = market.orders(Side.SELL)
    assert (resting.status, resting.remaining) == (OrderStatus.ONGOING, 100)
    market.broker.manual_trade("ACME", Side.SELL, 40, market.broker.quotes(["ACME"])["ACME"].last // 5 * 5)
    market.monitor(D, "10:02")
    assert [position.quantity for position in market.positions] == [60]
    (resting,) = market.orders(Side.SELL)
    assert (resting.status, resting.remaining) == (OrderStatus.ONGOING, 60)
    assert any(line.action == "external_trade" for line in market.ledger.logs.list(limit=50))
    market.to(D, "18:00")
    assert market.run("eod").result["mismatches"] == 0


def test_a_sell_whose_position_was_sold_by_hand_is_cancelled(trading) -> None:
    market = trading(stock(on=DIPS))
    market.buy(100, 9600)
    market.to(D, "09:15")
    market.monitor(D, "10:00")
    price = market.broker.quotes(["ACME"])["ACME"].last // 5 * 5
    market.broker.manual_trade("ACME", Side.BUY, 30, price)
    market.broker.manual_trade("ACME", Side.SELL, 130, price)
    market.monitor(D, "10:02")
    assert market.positions == ()
    (resting,) = market.orders(Side.SELL)
    assert resting.status is OrderStatus.CANCELLED


def test_a_sale_by_hand_takes_shares_bought_by_hand_before_ours(trading) -> None:
    market = trading(stock(on=DIPS))
    market.buy(100, 9600)
    market.to(D, "09:15")
    market.monitor(D, "10:00")
    price = market.broker.quotes(["ACME"])["ACME"].last // 5 * 5
    market.broker.manual_trade("ACME", Side.BUY, 50, price)
    market.broker.manual_trade("ACME", Side.SELL, 50, price)
    market.monitor(D, "10:02")
    assert [position.quantity for position in market.positions] == [100]
    market.broker.manual_trade("ACME", Side.SELL, 10, price)
    market.monitor(D, "10:04")
    assert [position.quantity for position in market.positions] == [90]
    assert [order.remaining for order in market.orders(Side.SELL)] == [90]


def test_a_sell_recorded_and_never_sent_is_sent_next(trading) -> None:
    market = trading(stock(on=DIPS))
    market.buy(100, 9600)
    market.to(D, "09:15")
    trading_session = market.trading(market.claim("sell-monitor", D))
    trading_session.reconcile()
    (position,) = market.positions
    intent = sell_of(position, 100, 9900)
    claim = market.claim_of("sell-monitor")
    tag = client_tag("asha", intent, 0)
    market.record(claim, intent, tag)
    market.ledger.executions.release(claim, 0, {})
    market.monitor(D, "09:17")
    (order,) = market.orders(Side.SELL)
    assert (order.tag, order.status, order.remaining) == (tag, OrderStatus.ONGOING, 100)
    assert [report.tag for report in market.broker.orders() if report.side is Side.SELL] == [tag]


def test_trade_for_trade_shares_of_yesterday_are_all_offered(trading) -> None:
    market = trading(stock(series="BE", on={D: (9500, 9500, 9300, 9400), AFTER: (9500, 9600, 9300, 9400)}))
    market.buy(100, 9600)
    market.to(D, "16:30")
    market.run("eod", force=True)
    market.buy(50, 9600, session=AFTER)
    market.to(AFTER, "09:15")
    market.monitor(AFTER, "10:00")
    assert [position.quantity for position in market.positions] == [150]
    assert [order.quantity for order in market.orders(Side.SELL, AFTER)] == [100]


def test_what_is_left_of_a_buy_goes_whoever_finds_the_sale(trading) -> None:
    rises = {D: (9500, 10000, 9500, 9900)}
    market = trading(stock(on=rises), participation="0.001")
    market.buy(100, 9400)
    market.to(D, "09:16")
    market.broker.manual_trade("ACME", Side.BUY, 1, 9500)
    market.broker.manual_trade("ACME", Side.SELL, 1, 9500)
    market.to(D, "09:30")
    market.run("position-monitor", slot="09:30")
    assert market.orders(Side.BUY)[0].status is OrderStatus.ONGOING
    market.monitor(D, "09:32")
    assert market.orders(Side.BUY)[0].status is OrderStatus.CANCELLED


def test_a_target_is_not_raised_after_the_broker_cancelled(trading) -> None:
    market = trading(stock(on={D: (9500, 9700, 9300, 9650)}))
    market.buy(100, 9600)
    market.to(D, "09:15")
    market.monitor(D, "11:30")
    (resting,) = market.orders(Side.SELL)
    market.to(D, "13:30")
    market.broker.cancel(resting.broker_order_id)
    market.monitor(D, "13:31")
    first, second = market.orders(Side.SELL)
    assert first.status is OrderStatus.CANCELLED
    assert second.price == first.price
    assert second.purpose is Purpose.TARGET


def test_a_halted_account_offers_no_more_than_it_has(trading) -> None:
    market = trading(stock(on=DIPS))
    market.buy(100, 9600)
    market.to(D, "09:15")
    market.monitor(D, "10:00")
    halt(market)
    market.monitor(D, "12:00")
    assert not [line for line in market.ledger.logs.list(limit=500) if line.action == "order_blocked"]
    market.broker.manual_trade("ACME", Side.SELL, 40, market.broker.quotes(["ACME"])["ACME"].last // 5 * 5)
    market.monitor(D, "12:02")
    assert [position.quantity for position in market.positions] == [60]
    assert [order.status for order in market.orders(Side.SELL)] == [OrderStatus.CANCELLED]


@pytest.mark.parametrize("stored", [True, False])
def test_a_share_of_a_weekly_auction_is_on_sale(trading, monkeypatch: pytest.MonkeyPatch, stored: bool) -> None:
    weekly, *others = (stock(symbol, on=DIPS) for symbol in ("ACME", "BETA", "CRUX"))
    between = DAYS[DAYS.index(D) - 4 : DAYS.index(D)]
    for listing in [weekly] if stored else [weekly, *others]:
        listing.bars[:] = [bar for bar in listing.bars if bar.session not in between]
    monkeypatch.setattr(step, "_priced_since", lambda _context: between[0])
    market = trading(weekly, *others)
    market.buy(100, 9600)
    market.to(D, "09:15")
    market.monitor(D, "09:20")
    assert [position.quantity for position in market.positions] == [100]
    assert [order.remaining for order in market.orders(Side.SELL)] == [100] * stored
    [stale] = [line.message for line in market.ledger.logs.list(limit=50) if line.action == "stale_data"]
    assert ("the target uses the EMA9 of" in stale) is stored


def halt(market: Trading) -> None:
    with market.ledger.database.write() as connection:
        connection.execute(update(users).values(trading_state="HALTED", state_reason="a test"))


def sell_of(position: Position, quantity: int, price: int) -> Intent:
    return Intent(
        instrument_id=position.instrument_id,
        symbol=position.symbol,
        side=Side.SELL,
        purpose=Purpose.TARGET,
        quantity=quantity,
        price=price,
        session=D,
        decided=D - timedelta(days=1),
        leg=f"P{position.id}",
        position_id=position.id,
    )


def test_a_target_frozen_for_the_position_follows_a_split(trading) -> None:
    split = CorporateAction("ACME", AFTER, ActionKind.SPLIT, ratio=Fraction(5))
    listing = stock(on={D: (9500, 9500, 9000, 9000), AFTER: (1800, 1860, 1800, 1850)})
    listing.actions = [split]
    listing.bars = [bar for bar in listing.bars if bar.session <= AFTER]
    market = trading(listing, freeze="position")
    market.buy(100, 9600)
    market.to(D, "09:15")
    market.run("sell-monitor")
    frozen = market.orders(Side.SELL)[0].price
    market.to(AFTER, "09:15")
    market.monitor(AFTER, "15:00")
    (after,) = market.orders(Side.SELL, AFTER)
    assert after.quantity <= 500
    assert after.price <= -(-frozen // 25) * 5


def test_a_position_above_the_rsi_exit_is_sold_at_the_open(trading) -> None:
    rises = {day: (9000 + 40 * i, 9000 + 40 * i, 9000 + 40 * i, 9000 + 40 * i) for i, day in enumerate(DAYS)}
    market = trading(stock(on=rises), rsi_exit="50")
    opened = rises[D][0]
    market.buy(100, -(-opened // 50) * 50 + 100)
    market.to(D, "15:30")
    market.run("position-monitor", slot="15:30")
    market.to(AFTER, "09:15")
    market.monitor(AFTER, "09:20")
    (sold,) = market.orders(Side.SELL, AFTER)
    assert (sold.purpose, sold.status) == (Purpose.RSI_EXIT, OrderStatus.EXECUTED)
    assert market.positions == ()


def test_a_monitor_whose_claim_was_taken_over_changes_no_order(trading) -> None:
    market = trading(stock(on=DIPS))
    market.buy(100, 9600)
    market.to(D, "09:15")
    trading_session = market.trading(market.claim("sell-monitor", D))
    trading_session.reconcile()
    (position,) = market.positions
    assert trading_session.path.place(sell_of(position, 100, 9900)).ok
    market.ledger.executions.release(market.claim_of("sell-monitor"), 1, {})
    (resting,) = market.orders(Side.SELL)
    with pytest.raises(Fenced):
        trading_session.path.modify(resting, quantity=50, price=9800)
    assert [report.quantity for report in market.broker.orders() if report.side is Side.SELL] == [100]
