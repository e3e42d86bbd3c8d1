"""A stop that is not watched is reported, although the target rests: without a monitor, without a price, with failing steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from msgspec.structs import replace

from tests.integration.tasks.test_own_sells import BOTH, FLAT, held, on_offer
from tests.integration.tasks.test_unprotected import told
from tests.support.afar import Front, put
from tests.support.own_strategies import text_of
from tests.support.trading import AFTER, D, Trading, stock
from tradectl.errors import BrokerUnavailable
from tradectl.execution.unprotected_positions import Unprotected
from tradectl.model.market import Quote
from tradectl.model.odd_rows import Quotes
from tradectl.model.order import Holding
from tradectl.report.held_positions import held_positions
from tradectl.runtime.exposure import announce_unprotected, unprotected_now

Make = Callable[..., Trading]
FALLING = (9500, 9550, 8500, 8600)


def found(market: Trading) -> list[tuple[str, bool]]:
    return [(str(item.cause), item.grave) for item in unprotected_now(market.world)]


def watched(trading: Make, text: str = BOTH, candle: tuple[int, int, int, int] = FALLING) -> Trading:
    """100 ACME, whose stop at 93.10 and target the monitor has watched until 10:00."""
    market = held(trading, text, on={AFTER: candle})
    market.to(AFTER, "09:15")
    market.monitor(AFTER, "10:00")
    assert (found(market), len(market.positions)) == ([], 1)
    return market


def test_a_monitor_that_is_gone_leaves_the_stop_unwatched(trading: Make) -> None:
    market = watched(trading)
    market.to(AFTER, "10:02")
    assert found(market) == [], "the next step is not late yet"
    market.to(AFTER, "13:00")
    assert (market.broker.quotes(["ACME"])["ACME"].last, on_offer(market)) == (8710, 100)
    (item,) = announce_unprotected(market.world)
    assert (item.cause, item.grave, item.shares) == ("stop_not_watched", True, 100)
    assert item.text.startswith("ACME: nothing protects 100 shares below their stop (stop not watched): the stop of 93.10 is not")
    assert "sell-monitor did its last step at 10:00:00" in item.text
    assert told(market) == ["stop_not_watched"]
    (row,) = held_positions(market.world, [item], AFTER)
    assert (row["protected"], row["target"], row["stop"]) == (False, "99.75", "93.10")
    market.monitor(AFTER, "13:05")
    assert (found(market), market.positions) == ([], ())


def test_a_monitor_that_never_ran_leaves_the_stop_unwatched(trading: Make) -> None:
    market = watched(trading)
    market.ledger.decisions.replace_run("sell-monitor", AFTER, "", [], market.clock.now())
    market.to(AFTER, "10:10")
    (item,) = unprotected_now(market.world)
    assert "the stop 'entry * 0.98' is not watched" in item.detail


def no_quotes(_: object, symbols: Iterable[str]) -> Quotes:
    return Quotes({})


def test_a_monitor_without_a_price_says_so_and_takes_it_back(trading: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    market = watched(trading, candle=(9500, 9550, 9350, 9400))
    with monkeypatch.context() as mute:
        mute.setattr(type(market.broker), "quotes", no_quotes)
        early = market.monitor(AFTER, "10:01")
        assert (early.exit_code, found(market)) == (0, [])
        report = market.monitor(AFTER, "11:30")
    assert (report.exit_code, found(market), on_offer(market)) == (11, [("stop_not_watched", True)], 100)
    (item,) = unprotected_now(market.world)
    assert "the stop of 93.10 is not watched: sell-monitor has had no fresh price since 10:0" in item.detail
    assert report.unprotected == (item.text,)
    assert told(market) == ["stop_not_watched"] * 2, "and again after an hour"
    again = market.monitor(AFTER, "11:40")
    assert (again.exit_code, found(market)) == (0, [])


def test_steps_that_fail_leave_the_stop_unwatched(trading: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    market = watched(trading, candle=(9500, 9550, 9350, 9400))

    def unreachable(_: object, symbols: Iterable[str]) -> dict[str, Quote]:
        raise BrokerUnavailable("no route to the broker")

    with monkeypatch.context() as down:
        down.setattr(type(market.broker), "quotes", unreachable)
        market.monitor(AFTER, "11:30")
        (item,) = unprotected_now(market.world)
    assert (item.cause, item.grave) == ("stop_not_watched", True)
    assert found(market) == [("stop_not_watched", True)]
    market.monitor(AFTER, "11:40")
    assert found(market) == []


def test_without_a_stop_a_resting_target_protects(trading: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    market = watched(trading, text_of(target="entry * 1.05"))
    market.to(AFTER, "10:30")
    assert found(market) == []
    with monkeypatch.context() as mute:
        mute.setattr(type(market.broker), "quotes", no_quotes)
        assert market.monitor(AFTER, "12:00").exit_code == 0
    market.to(AFTER, "13:00")
    assert found(market) == []


def test_the_shipped_rule_has_no_stop_to_watch(trading: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    market: Trading = trading(stock(on={D: FLAT, AFTER: FLAT}))
    market.buy(100, 9600)
    market.to(D, "18:00")
    market.run("eod", force=True)
    market.to(AFTER, "09:15")
    market.monitor(AFTER, "10:00")
    market.to(AFTER, "10:30")
    assert (found(market), on_offer(market)) == ([], 100)
    with monkeypatch.context() as mute:
        mute.setattr(type(market.broker), "quotes", no_quotes)
        assert market.monitor(AFTER, "12:00").exit_code == 0
    assert found(market) == []


def test_a_simulation_reports_no_stop(trading: Make) -> None:
    market = watched(trading)
    market.ledger.info.set("mode", "simulated")
    market.to(AFTER, "13:00")
    assert findings_in(market, "simulated") == ()


def findings_in(market: Trading, mode: str) -> tuple[Unprotected, ...]:
    return unprotected_now(replace(market.world, mode=mode))


STOP_ONLY = text_of(exit="close < 0", stop="entry * 0.98")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([Holding("ACME", 100, 0, 100)], ("no_target", False)),
        ([Holding("ACME", 0, 100, 0)], ("no_target", False)),
        ([Holding("ACME", 60, 0, 60, pledged=40)], ("pledged", True)),
        ([], ("missing", True)),
        (None, ("no_target", False)),
    ],
    ids=["all may be sold", "not delivered yet", "pledged", "gone", "no answer"],
)
def test_a_stop_that_could_not_sell_is_reported(trading: Make, rows: list[Holding] | None, expected: tuple[str, bool]) -> None:
    """No sell rests, so before the stop is reached only the broker's list shows that the sale would be refused."""
    market = held(trading, STOP_ONLY, on={AFTER: (9500, 9550, 9400, 9450)})
    broker = Listing(market.broker)
    broker.rows = rows
    put(market, broker)
    market.to(AFTER, "09:15")
    report = market.monitor(AFTER, "09:20")
    assert (found(market), report.exit_code) == ([expected], 11 if expected[1] else 0)


class Listing(Front):
    """An exchange that lists other holdings; None: it does not answer."""

    rows: list[Holding] | None = None

    def holdings(self) -> list[Holding]:
        if self.rows is None:
            raise BrokerUnavailable("no answer")
        return self.rows
