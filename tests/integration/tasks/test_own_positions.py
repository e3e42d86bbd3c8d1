"""What position-monitor, `buy` and `status` do with positions of own strategies."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from tests.integration.tasks.test_own_sells import BOTH, FLAT, NEXT, day, held
from tests.support.own_strategies import text_of
from tests.support.trading import AFTER, Trading
from tradectl.ledger.strategies import UsedStrategy
from tradectl.model.order import Purpose, Side
from tradectl.report.held_positions import held_positions
from tradectl.runtime.exposure import unprotected_now

Make = Callable[..., Trading]


def seen(market: Trading, at: str = "13:30", session: date = AFTER) -> dict[str, Any]:
    market.to(session, at)
    (row,) = market.run("position-monitor", slot=at).result["positions"]
    found: dict[str, Any] = row
    return found


def test_position_monitor_holds_with_both_distances(trading: Make) -> None:
    found = seen(held(trading, BOTH, on={AFTER: FLAT}))
    assert (found["recommendation"], found["distance_to_target"]) == ("HOLD", 0.05)
    assert found["reason"] == "dip: 5.00 % to the target, 2.00 % above the stop"


def test_position_monitor_knows_a_stop_and_an_exit(trading: Make) -> None:
    low = (9500, 9500, 9300, 9300)
    stopped = seen(held(trading, BOTH, on={AFTER: low}))
    assert stopped["recommendation"] == "EXIT"
    assert "stop of 93.10" in stopped["reason"]


def test_position_monitor_uses_the_price_of_today_for_the_exit(trading: Make) -> None:
    found = seen(held(trading, text_of(exit="close < prev(close, 1)"), on={AFTER: (9500, 9500, 9400, 9400)}))
    assert (found["recommendation"], found["distance_to_target"]) == ("EXIT", None)
    assert found["reason"] == "dip: exit close < prev(close, 1)"


def test_a_second_buy_follows_its_condition(trading: Make) -> None:
    """The first condition is for the second buy; there is no third."""
    text = 'entry = "close > 0"\nexit = "close < 0"\nreentry = ["close < entry * 0.99"]\n'
    market = held(trading, text, on={AFTER: (9400, 9400, 9400, 9400), NEXT: (9300, 9300, 9300, 9300)}, average_window="10")
    assert seen(market)["recommendation"] == "REENTER"
    (position,) = market.positions
    market.ledger.strategies.use(UsedStrategy("dip", position.strategy_hash, Decimal(1)), market.clock.now())
    market.to(AFTER, "20:00")
    market.run("analyze", force=True)
    market.run("buy", force=True)
    (again,) = [order for order in market.orders(Side.BUY, NEXT) if order.purpose is Purpose.REENTRY]
    (position,) = market.positions
    assert (again.strategy, again.strategy_hash, again.level, again.leg) == (
        "dip",
        position.strategy_hash,
        2,
        f"P{position.id}:2",
    )
    market.to(NEXT, "09:16")
    market.monitor(NEXT, "09:20")
    assert [item.buys for item in market.positions] == [2]
    assert seen(market, session=NEXT)["recommendation"] == "HOLD"


def test_a_position_above_the_condition_is_not_bought_again(trading: Make) -> None:
    text = 'entry = "close > 0"\nexit = "close < 0"\nreentry = ["close < entry * 0.95"]\n'
    market = held(trading, text, on={AFTER: (9400, 9400, 9400, 9400)})
    market.to(AFTER, "20:00")
    market.run("analyze", force=True)
    market.run("buy", force=True)
    assert [order for order in market.orders(Side.BUY, NEXT) if order.purpose is Purpose.REENTRY] == []


def test_status_says_that_a_stop_needs_the_monitor(trading: Make) -> None:
    market = held(trading, BOTH, on={AFTER: FLAT})
    day(market, until="10:00")
    (row,) = held_positions(market.world, unprotected_now(market.world), AFTER)
    assert (row["stop"], row["stop_note"]) == ("93.10", "stop at 93.10; it protects only while sell-monitor runs")
    assert (row["target"], row["protected"]) == ("99.75", True)
    run = market.ledger.executions.get("sell-monitor", AFTER, "")
    assert run is not None
    assert run.result["first_step"]["stops"] == 1
