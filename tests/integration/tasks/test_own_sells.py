"""The sells of own strategies: a fixed target, an exit at the open, and a stop that the monitor watches; one sell at a time."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from tests.support.own_strategies import keep, own_buy, text_of
from tests.support.trading import AFTER, DAYS, D, Trading, stock
from tradectl.backtest.session import SessionPlan, closed_form
from tradectl.ledger.strategies import UsedStrategy
from tradectl.model.market import ActionKind, Bar, CorporateAction
from tradectl.model.order import OrderStatus, Purpose, Side
from tradectl.runtime.exposure import unprotected_now
from tradectl.strategy.parameters import Parameters

Make = Callable[..., Trading]
FLAT = (9500, 9500, 9500, 9500)
NEXT, LATER = DAYS[DAYS.index(AFTER) + 1 : DAYS.index(AFTER) + 3]


def held(trading: Make, text: str, *, on: dict[date, tuple[int, int, int, int]], **options: str) -> Trading:
    """100 ACME of an own strategy, bought at 95 on the flat day D; it is the evening of D."""
    series = options.pop("series", "EQ")
    market: Trading = trading(stock(series=series, on={D: FLAT, **on}), **options)
    own_buy(market, keep(market, text), 100, 9600)
    market.to(D, "18:00")
    market.run("eod", force=True)
    return market


def day(market: Trading, session: date = AFTER, until: str = "15:29") -> None:
    """Run the monitor from the open of a session."""
    market.to(session, "09:15")
    market.monitor(session, until)


def sold(market: Trading, session: date = AFTER) -> list[tuple[Purpose, int, int]]:
    """Purpose, shares and price of each sale of a session."""
    purposes = {order.id: order.purpose for order in market.ledger.book.orders()}
    rows = market.ledger.book.fills(session=session)
    return [(purposes[row.order_id], row.quantity, row.price) for row in rows if row.side == Side.SELL]


def on_offer(market: Trading) -> int:
    """How many shares the exchange has on sale."""
    return sum(
        row.quantity - row.filled_quantity for row in market.broker.orders() if row.side is Side.SELL and row.status == "ONGOING"
    )


def verdicts(market: Trading, session: date = AFTER) -> list[str]:
    return [row.verdict for row in market.ledger.decisions.by_rule("sell-monitor", session, "", "dip:stop-level")]


BOTH = text_of(target="entry * 1.05", stop="entry * 0.98")


@pytest.mark.parametrize(
    ("candle", "purpose"),
    [
        ((9500, 9550, 9200, 9400), Purpose.STOP),
        ((9200, 9550, 9100, 9400), Purpose.STOP),
        ((9500, 10000, 9200, 9400), Purpose.STOP),
        ((9500, 10000, 8000, 9400), Purpose.TARGET),
        ((9500, 9990, 9400, 9990), Purpose.TARGET),
        ((9990, 9995, 9000, 9100), Purpose.TARGET),
    ],
    ids=["between two steps", "gap at the open", "low first", "high first", "target", "open above the target"],
)
def test_a_session_sells_as_the_backtest_does(trading: Make, candle: tuple[int, int, int, int], purpose: Purpose) -> None:
    market = held(trading, BOTH, on={AFTER: candle})
    day(market)
    plan = SessionPlan(held=100, ema_level=0.0, tick=5, fixed_target=9975, stop=9310, low=candle[2])
    expected = closed_form(Bar(AFTER, *candle, 375_000), 375, plan, Parameters())
    assert sold(market) == [(purpose, 100, expected.executions[0].price)]
    assert market.positions == ()
    assert verdicts(market) == (["reached"] if purpose is Purpose.STOP else ["watched"])


def test_the_target_rests_fixed_while_the_price_falls(trading: Make) -> None:
    market = held(trading, BOTH, on={AFTER: (9500, 9550, 9350, 9400)})
    day(market)
    (resting,) = market.orders(Side.SELL, AFTER)
    assert (resting.purpose, resting.price, resting.modifications) == (Purpose.TARGET, 9975, 0)
    assert (resting.strategy, resting.strategy_hash[:4]) == ("dip", market.positions[0].strategy_hash[:4])


def test_a_reached_stop_sells_all_after_the_price_recovers(trading: Make) -> None:
    """Few shares trade a minute, so the sale lasts longer than the dip, and each run of the monitor is a new process."""
    market = held(trading, BOTH, on={AFTER: (9500, 9900, 9305, 9500)}, participation="0.005")
    market.to(AFTER, "09:15")
    for until in ("10:00", "11:18", "11:25", "12:00"):
        market.monitor(AFTER, until)
        assert on_offer(market) == sum(position.quantity for position in market.positions)
    parts = sold(market)
    assert {purpose for purpose, _, _ in parts} == {Purpose.STOP}
    assert (sum(shares for _, shares, _ in parts), market.positions) == (100, ())
    assert parts[0][2] <= 9310 < parts[-1][2], "the last shares were sold above the stop"


def test_a_stop_seen_before_a_restart_still_sells(trading: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies after it saw the stop, before its first command. The price is above the stop when it starts again."""
    market = held(trading, BOTH, on={AFTER: (9500, 9900, 9200, 9900)})
    market.to(AFTER, "09:15")
    market.monitor(AFTER, "10:00")
    market.to(AFTER, "11:20")
    with monkeypatch.context() as dying:
        dying.setattr(type(market.broker), "cancel", _dies)
        with pytest.raises(KeyboardInterrupt):
            market.monitor(AFTER, "11:21")
    market.ledger.executions.release(market.claim_of("sell-monitor"), 1, {})
    assert verdicts(market) == ["reached"]
    assert on_offer(market) == 100
    market.to(AFTER, "12:30")
    assert market.broker.quotes(["ACME"])["ACME"].last > 9310
    market.monitor(AFTER, "12:40")
    (sale,) = sold(market)
    assert sale[:2] == (Purpose.STOP, 100)
    assert sale[2] > 9310


def _dies(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_partly_filled_target_leaves_the_rest_to_the_stop(trading: Make) -> None:
    market = held(trading, BOTH, on={AFTER: (9500, 9980, 9000, 9100)}, participation="0.002")
    day(market)
    parts = sold(market)
    assert {purpose for purpose, _, _ in parts} == {Purpose.TARGET, Purpose.STOP}
    assert sum(shares for _, shares, _ in parts) + sum(position.quantity for position in market.positions) == 100
    assert all(price <= 9310 for purpose, _, price in parts if purpose is Purpose.STOP)


def test_an_exit_condition_sells_at_the_next_open(trading: Make) -> None:
    market = held(trading, text_of(exit="days_held >= 1", stop="entry * 0.5"), on={AFTER: FLAT, NEXT: (9600, 9700, 9300, 9400)})
    day(market)
    assert (sold(market), len(market.positions)) == ([], 1)
    market.to(AFTER, "18:00")
    market.run("eod", force=True)
    day(market, NEXT, "09:20")
    assert sold(market, NEXT) == [(Purpose.EXIT, 100, 9600)]
    (why,) = market.ledger.decisions.by_rule("sell-monitor", NEXT, "", "dip:exit")
    assert "days_held >= 1" in why.reason
    assert why.inputs["strategy"] == "dip"


def test_an_exit_of_a_session_without_a_monitor_stays_due(trading: Make) -> None:
    """The condition is true on the close of one session only. The backtest has sold at the open after it."""
    falls = {AFTER: (9500, 9500, 9400, 9400), NEXT: (8600, 8600, 8550, 8550), LATER: (8700, 8800, 8600, 8700)}
    market = held(trading, text_of(exit="close == 94", stop="entry * 0.5"), on=falls)
    day(market)
    for session in (AFTER, NEXT):
        market.to(session, "18:00")
        market.run("eod", force=True)
    assert len(market.positions) == 1
    day(market, LATER, "09:20")
    assert sold(market, LATER) == [(Purpose.EXIT, 100, 8700)]
    (why,) = market.ledger.decisions.by_rule("sell-monitor", LATER, "", "dip:exit")
    assert f"close == 94, true on the close of {AFTER}" in why.reason


def test_an_exit_and_a_buy_of_one_close_sell_all_at_the_open(trading: Make) -> None:
    """As the backtest does: the shares of the second buy are sold with the others, before or after they fill."""
    rule = text_of(exit="close == 94", reentry=["close < entry"], stop="entry * 0.5")
    market = held(trading, rule, on={AFTER: (9500, 9500, 9400, 9400), NEXT: (9000, 9000, 8900, 8900)})
    (position,) = market.positions
    market.to(AFTER, "18:00")
    market.run("eod", force=True)
    own_buy(market, position.strategy_hash, 50, 9400, session=NEXT, position_id=position.id, decided=AFTER)
    market.to(NEXT, "09:16")
    market.monitor(NEXT, "09:30")
    assert (sum(shares for _, shares, _ in sold(market, NEXT)), market.positions) == (150, ())
    assert {purpose for purpose, _, _ in sold(market, NEXT)} == {Purpose.EXIT}


def test_nothing_is_bought_while_a_sale_is_due(trading: Make) -> None:
    """The monitor missed the session after the exit; the condition of the second buy is true on its close."""
    rule = text_of(exit="close == 94", reentry=["close < 90"], stop="entry * 0.5")
    falls = {AFTER: (9500, 9500, 9400, 9400), NEXT: (9000, 9000, 8900, 8900), LATER: (8900, 8950, 8850, 8900)}
    market = held(trading, rule, on=falls, average_window="10")
    day(market)
    market.ledger.strategies.use(UsedStrategy("dip", market.positions[0].strategy_hash, Decimal(1)), market.clock.now())
    market.to(NEXT, "20:00")
    market.run("analyze", force=True)
    market.run("buy", force=True)
    assert market.orders(Side.BUY, LATER) == []
    day(market, LATER, "09:20")
    assert sold(market, LATER) == [(Purpose.EXIT, 100, 8900)]


def test_no_target_is_shown_and_is_grave_only_without_a_monitor(trading: Make) -> None:
    market = held(trading, text_of(exit="close < 0", stop="entry * 0.5"), on={AFTER: FLAT})
    market.to(AFTER, "09:15")
    report = market.monitor(AFTER, "10:00")
    (found,) = unprotected_now(market.world)
    assert (str(found.cause), found.grave, report.exit_code) == ("no_target", False, 0)
    assert "stop of 47.50: it protects only while sell-monitor runs" in found.detail
    assert market.orders(Side.SELL, AFTER) == []
    market.to(AFTER, "10:10")
    (late,) = unprotected_now(market.world)
    assert (str(late.cause), late.grave) == ("monitor_not_running", True)


def test_a_missing_text_is_grave_and_sells_nothing(trading: Make) -> None:
    market: Trading = trading(stock(on={D: FLAT, AFTER: FLAT}))
    own_buy(market, "f" * 64, 100, 9600)
    day(market, D, "09:30")
    (found,) = unprotected_now(market.world)
    assert (str(found.cause), found.grave) == ("strategy_missing", True)
    assert "ffffffffffff" in found.detail
    assert market.orders(Side.SELL, D) == []


def test_an_unknown_stop_is_told(trading: Make) -> None:
    market = held(trading, text_of(target="entry * 2", stop="entry - atr(100)"), on={AFTER: FLAT})
    day(market, until="09:20")
    assert verdicts(market) == ["unknown"]
    lines = [line.message for line in market.ledger.logs.list(limit=50) if line.action == "stop_unknown"]
    assert ["no stop protects it today" in line for line in lines] == [True]


def test_a_split_moves_the_stop_and_sells_once(trading: Make) -> None:
    listing = stock(on={D: FLAT, AFTER: (1900, 1910, 1800, 1850)})
    listing.actions = [CorporateAction("ACME", AFTER, ActionKind.SPLIT, ratio=Fraction(5))]
    listing.bars = [bar for bar in listing.bars if bar.session <= AFTER]
    market: Trading = trading(listing)
    own_buy(market, keep(market, BOTH), 100, 9600)
    market.to(D, "18:00")
    market.run("eod", force=True)
    day(market)
    plan = SessionPlan(held=500, ema_level=0.0, tick=5, fixed_target=1995, stop=1860, low=1800)
    (expected,) = closed_form(Bar(AFTER, 1900, 1910, 1800, 1850, 1), 375, plan, Parameters()).executions
    assert [(purpose, price) for purpose, _, price in sold(market)] == [(Purpose.STOP, expected.price)]


def test_the_average_after_a_second_buy_moves_the_levels(trading: Make) -> None:
    market = held(trading, BOTH, on={AFTER: (9400, 9400, 9400, 9400), NEXT: FLAT})
    (position,) = market.positions
    own_buy(market, position.strategy_hash, 100, 9450, session=AFTER, position_id=position.id)
    day(market)
    (first,) = [order for order in market.orders(Side.SELL, AFTER) if order.alive or order.price == 9975]
    assert first.price == 9975, "the levels of a session do not change with a buy in it"
    market.to(AFTER, "18:00")
    market.run("eod", force=True)
    assert [item.buys for item in market.positions] == [2]
    day(market, NEXT, "09:20")
    assert [order.price for order in market.orders(Side.SELL, NEXT)] == [9925]
    (row,) = market.ledger.decisions.by_rule("sell-monitor", NEXT, "", "dip:stop-level")
    assert row.inputs["stop"] == "92.60"


def test_trade_for_trade_shares_of_today_are_not_stopped(trading: Make) -> None:
    market: Trading = trading(stock(series="BE", on={D: (9500, 9500, 9000, 9000), AFTER: (9000, 9010, 8990, 9000)}))
    own_buy(market, keep(market, BOTH), 100, 9600)
    day(market, D)
    assert (sold(market, D), [item.quantity for item in market.positions]) == ([], [100])
    market.to(D, "18:00")
    market.run("eod", force=True)
    day(market)
    assert sold(market) == [(Purpose.STOP, 100, 9000)]


def test_a_stop_near_the_lower_band_sells_at_the_band(trading: Make) -> None:
    market = held(trading, BOTH, on={AFTER: (9500, 9500, 7605, 7610)})
    day(market)
    assert [purpose for purpose, _, _ in sold(market)] == [Purpose.STOP]


def test_at_each_minute_at_most_the_held_shares_are_on_sale(trading: Make) -> None:
    market = held(trading, BOTH, on={AFTER: (9500, 9600, 9000, 9300)}, participation="0.0004")
    market.to(AFTER, "09:15")
    for minute in range(17, 60, 2):
        market.monitor(AFTER, f"09:{minute}")
        assert on_offer(market) == sum(position.quantity for position in market.positions)
    for hour in (11, 12, 14):
        market.monitor(AFTER, f"{hour}:30")
        assert on_offer(market) <= sum(position.quantity for position in market.positions)
    assert len([order for order in market.orders(Side.SELL, AFTER) if order.status is OrderStatus.ONGOING]) <= 1


@pytest.mark.parametrize("seed", range(12))
def test_random_days_with_restarts_sell_as_the_backtest(trading: Make, seed: int) -> None:
    """The monitor ends and starts again at random minutes; the fill is that of a backtest, which knows no restart."""
    rng = random.Random(seed)
    opened = 9500 + 5 * rng.randint(-30, 40)
    high, low = opened + rng.randint(0, 500), opened - rng.randint(0, 500)
    candle = opened, high, low, rng.randint(low, high)
    market = held(trading, BOTH, on={AFTER: candle})
    market.to(AFTER, "09:15")
    for minute in sorted(rng.sample(range(16, 390), 3)):
        market.monitor(AFTER, f"{9 + minute // 60:02}:{minute % 60:02}")
        assert on_offer(market) == sum(position.quantity for position in market.positions)
    market.monitor(AFTER, "15:30")
    plan = SessionPlan(held=100, ema_level=0.0, tick=5, fixed_target=9975, stop=9310, low=low)
    expected = closed_form(Bar(AFTER, *candle, 375_000), 375, plan, Parameters())
    assert [(shares, price) for _, shares, price in sold(market)] == [(item.quantity, item.price) for item in expected.executions]
