"""A position without a live sell is named by the monitor and by whatever looks later; what is in order stays quiet."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest
from msgspec.structs import replace
from sqlalchemy import update

from tests.support.afar import Front, put
from tests.support.hands import operate, result_of
from tests.support.trading import AFTER, DAYS, D, Trading, ist, stock
from tradectl.clock import VirtualClock
from tradectl.ledger.executions import Claim
from tradectl.ledger.process_identity import current_identity
from tradectl.ledger.schema import orders, task_executions, users
from tradectl.model.market import Quote
from tradectl.model.order import OrderStatus, Purpose, Side
from tradectl.runtime.daemon import Daemon
from tradectl.runtime.exposure import unprotected_now
from tradectl.runtime.registry import all_tasks
from tradectl.runtime.runner import Runner

FLAT = (9500, 9600, 9300, 9400)
"""A day on which nothing reaches the target."""
Make = Callable[..., Trading]


def bought(trading: Make, at: str = "10:00", **options: object) -> Trading:
    """100 ACME, bought yesterday; the sell monitor has not run today."""
    series = str(options.pop("series", "EQ"))
    market: Trading = trading(stock(series=series, on={D: FLAT, AFTER: FLAT}), **options)
    market.buy(100, 9600)
    market.to(D, "18:00")
    market.run("eod", force=True)
    market.to(AFTER, at)
    return market


def causes(market: Trading) -> list[str]:
    """What `status` names, by the ledger alone."""
    return [str(item.cause) for item in unprotected_now(market.world)]


def told(market: Trading) -> list[str]:
    """The keys of the messages about unprotected positions."""
    with market.ledger.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT deduplicate FROM outbox WHERE deduplicate LIKE 'unprotected:%' ORDER BY id")
        return [key.split(":")[3] for key in rows.scalars()]


# what is in order


def test_a_covered_position_is_quiet_in_every_minute_of_the_day(trading: Make) -> None:
    market = bought(trading, "09:15")
    named: list[str] = []
    for _ in range(376):
        report = market.run("sell-monitor", once=True)
        named += [*causes(market), *([report.error] if report.exit_code else [])]
        market.clock.sleep(60)
    assert (named, told(market)) == ([], [])
    assert [order.status for order in market.orders(Side.SELL, AFTER)] != []


@pytest.mark.parametrize("at", ["08:30", "09:14:59", "15:30", "18:00"])
def test_outside_market_hours_nothing_is_unprotected(trading: Make, at: str) -> None:
    assert causes(bought(trading, at)) == []


def test_shares_just_bought_are_quiet_until_a_step_is_late(trading: Make) -> None:
    market = trading(stock(on={D: FLAT}))
    market.buy(100, 9600)
    market.to(D, "09:15")
    market.run("sell-monitor", once=True)
    assert causes(market) == []
    trading_session = market.trading(market.claim("test", D))
    (resting,) = market.orders(Side.SELL)
    market.to(D, "11:00")
    assert trading_session.cancel_confirmed(resting)
    assert causes(market) == []  # the next step may place it
    market.to(D, "11:01:59")
    assert causes(market) == []
    market.to(D, "11:02")
    assert causes(market) == ["monitor_not_running"]


def test_an_rsi_exit_in_flight_is_a_sell(trading: Make) -> None:
    rises = {day: (9000 + 40 * i, 9000 + 40 * i, 9000 + 40 * i, 9000 + 40 * i) for i, day in enumerate(DAYS)}
    market = trading(stock(on=rises), rsi_exit="50")
    opened = rises[D][0]
    market.buy(100, -(-opened // 50) * 50 + 100)
    market.to(D, "15:30")
    market.run("position-monitor", slot="15:30")
    market.to(AFTER, "09:15")
    report = market.monitor(AFTER, "09:20")
    assert [order.purpose for order in market.orders(Side.SELL, AFTER)] == [Purpose.RSI_EXIT]
    assert (report.exit_code, told(market)) == (0, [])


def test_trade_for_trade_shares_of_today_are_told_once(trading: Make) -> None:
    market = trading(stock(series="BE", on={D: FLAT}))
    market.buy(100, 9600)
    market.to(D, "09:15")
    report = market.monitor(D, "10:00")
    (item,) = report.result["unprotected"]
    assert (report.exit_code, item["cause"], item["grave"]) == (0, "not_yet_sellable", False)
    assert told(market) == ["not_yet_sellable"]
    said = operate(market, "status")
    assert (said.code, said.out.startswith("not yet sellable  ACME: 100 of 100 shares")) == (0, True)


# what the monitor finds


class Quotes(Front):
    """The exchange with other quotes."""

    change: Callable[[Quote], Quote | None] = staticmethod(lambda quote: quote)

    def quotes(self, symbols: list[str]) -> Mapping[str, Quote]:
        found = {symbol: self.change(quote) for symbol, quote in self.exchange.quotes(symbols).items()}
        return {symbol: quote for symbol, quote in found.items() if quote is not None}


def with_quotes(market: Trading, change: Callable[[Quote], Quote | None]) -> None:
    broker = Quotes(market.broker)
    broker.change = change  # type: ignore[method-assign]
    put(market, broker)


def test_a_target_outside_the_band_is_named_until_it_fits(trading: Make) -> None:
    market = bought(trading)
    with_quotes(market, lambda quote: replace(quote, upper_band=9550))
    report = market.run("sell-monitor", once=True)
    assert (report.exit_code, "ACME: 100 of 100" in report.error, "(off band)" in report.error) == (11, True, True)
    assert causes(market) == ["off_band"]
    with_quotes(market, lambda quote: quote)
    market.to(AFTER, "10:01")
    assert market.run("sell-monitor", once=True).exit_code == 0
    assert causes(market) == []


def test_a_missing_price_is_named_after_two_minutes(trading: Make) -> None:
    market = bought(trading, "09:15")
    with_quotes(market, lambda _: None)
    codes = []
    for _ in range(4):
        codes.append(market.run("sell-monitor", once=True).exit_code)
        market.clock.sleep(60)
    assert (codes, causes(market), told(market)) == ([0, 0, 11, 11], ["data_missing"], ["data_missing"])


def test_a_missing_ema_is_named(trading: Make) -> None:
    market = trading(stock(on={D: FLAT}))
    market.buy(100, 9600)
    market.to(D, "09:18")
    market.world = replace(market.world, readings=NoReadings())
    report = market.run("sell-monitor", once=True)
    assert (report.exit_code, "(data missing): there is no EMA9" in report.error) == (11, True)


class OddAnswer(Front):
    """An exchange whose order book is of a kind that no part of ours expects: a bug in the step."""

    def orders(self) -> object:
        return [None]


def test_a_bug_in_a_step_leaves_the_position_as_a_finding(trading: Make) -> None:
    market = bought(trading)
    put(market, OddAnswer(market.broker))
    report = market.run("sell-monitor", once=True)
    assert (report.exit_code, report.outcome, report.error.split(":")[0]) == (1, "failed", "AttributeError")
    assert (causes(market), told(market)) == (["failed"], ["failed"])
    said = operate(market, "status")
    assert (said.code, "the step of sell-monitor failed: AttributeError" in said.out) == (11, True)


class NoReadings:
    """A market whose bars were never imported."""

    def reading(self, instrument_id: str, session: object) -> None:
        return None


def test_one_of_two_positions_is_named_and_the_other_is_sold(trading: Make) -> None:
    market = trading(stock(on={D: FLAT}), stock("OTHER", on={D: FLAT}))
    market.buy(100, 9600)
    market.buy(50, 9600, symbol="OTHER")
    market.to(D, "09:20")
    with_quotes(market, lambda quote: None if quote.symbol == "OTHER" else quote)
    report = market.run("sell-monitor", once=True)
    assert (report.exit_code, [item["symbol"] for item in report.result["unprotected"]]) == (11, ["OTHER"])
    assert [order.symbol for order in market.orders(Side.SELL)] == ["ACME"]


def test_the_same_cause_is_told_again_in_the_next_session(trading: Make) -> None:
    day = {DAYS[-2]: FLAT}
    market = trading(stock(on={D: FLAT, AFTER: FLAT, **day}))
    market.buy(100, 9600)
    for session in (D, AFTER):
        market.to(session, "10:00")
        halt(market, "HALTED")
        report = market.run("sell-monitor", once=True)
        assert (report.outcome, report.exit_code, [item["symbol"] for item in report.result["unprotected"]]) == (
            "blocked",
            9,
            ["ACME"],
        )
        halt(market, "ACTIVE")
    assert told(market) == ["halted", "halted"]


def test_a_dry_run_finds_and_writes_nothing(trading: Make) -> None:
    market = bought(trading)
    report = market.run("sell-monitor", dry_run=True)
    assert (report.exit_code, told(market)) == (0, [])
    assert [(item["side"], item["symbol"], item["quantity"]) for item in report.result["would_send"]] == [("SELL", "ACME", 100)]


def halt(market: Trading, state: str) -> None:
    with market.ledger.database.write() as connection:
        connection.execute(update(users).values(trading_state=state, state_reason="a test"))


# what is known without the monitor


def test_a_monitor_that_did_not_begin_is_named_after_2_minutes(trading: Make) -> None:
    market = bought(trading, "09:16:59")
    assert causes(market) == []
    market.to(AFTER, "09:17")
    (item,) = unprotected_now(market.world)
    assert (item.cause, item.detail) == ("monitor_not_running", "sell-monitor has done no step since 09:15:00")
    said = operate(market, "status")
    assert (said.code, said.out.startswith("UNPROTECTED  ACME: 100 of 100")) == (11, True)


def test_a_stopped_monitor_is_named_with_its_last_finding(trading: Make) -> None:
    market = bought(trading)
    with_quotes(market, lambda quote: replace(quote, upper_band=9550))
    market.run("sell-monitor", once=True)
    market.to(AFTER, "10:02:59")
    assert causes(market) == ["off_band"]
    assert result_of(market, "status", code=11)["unprotected"][0]["age"] == 179
    market.to(AFTER, "10:03")
    (item,) = unprotected_now(market.world)
    assert item.cause == "monitor_not_running"
    assert item.detail.startswith("sell-monitor did its last step at 10:00:00; its last finding was off band: the sell at")


def test_a_sell_that_ended_in_a_time_to_come_hides_nothing(trading: Make) -> None:
    """The clock was hours ahead when the sell ended, and is right again."""
    market = bought(trading)
    market.run("sell-monitor", once=True)
    (resting,) = market.orders(Side.SELL, AFTER)
    assert market.trading(market.claim("test", AFTER)).cancel_confirmed(resting)
    with market.ledger.database.write() as connection:
        connection.execute(update(orders).where(orders.c.id == resting.id).values(updated_at=ist(AFTER, "15:20")))
    market.to(AFTER, "10:05")
    assert causes(market) == ["monitor_not_running"]


def test_a_step_of_a_time_to_come_is_no_step_of_the_monitor(trading: Make) -> None:
    market = bought(trading)
    market.ledger.executions.finish(
        market.claim("sell-monitor", AFTER), "failed", {}, error="a bug", now=ist(AFTER, "15:20"), steps=1
    )
    (item,) = unprotected_now(market.world)
    assert (item.cause, item.detail) == ("monitor_not_running", "sell-monitor has done no step since 09:15:00")


def test_a_finding_of_a_time_to_come_is_not_the_cause_of_now(trading: Make) -> None:
    market = bought(trading, "15:20")
    with_quotes(market, lambda quote: replace(quote, upper_band=9550))
    assert market.run("sell-monitor", once=True).exit_code == 11
    market.clock = VirtualClock(ist(AFTER, "10:00"))
    market.world = replace(market.world, clock=market.clock)
    assert causes(market) == ["monitor_not_running"]


def test_a_monitor_that_failed_is_named_with_its_error(trading: Make) -> None:
    market = bought(trading)
    claim = market.claim("sell-monitor", AFTER)
    market.ledger.executions.finish(claim, "failed", {}, error="a full disk.", now=market.clock.now(), steps=1)
    market.to(AFTER, "10:10")
    (item,) = unprotected_now(market.world)
    assert (item.cause, item.detail) == ("monitor_not_running", "sell-monitor failed at 10:00:00: a full disk")


def test_a_step_that_failed_just_now_is_named_with_its_error(trading: Make) -> None:
    market = bought(trading)
    claim = market.claim("sell-monitor", AFTER)
    market.ledger.executions.finish(claim, "failed", {}, error="a bug", now=market.clock.now(), steps=1)
    (item,) = unprotected_now(market.world)
    assert (item.cause, item.detail) == ("failed", "the last step of sell-monitor failed: a bug")


def test_the_daemon_tells_of_a_monitor_that_does_not_run(trading: Make) -> None:
    market = bought(trading)
    market.ledger.schedules.disable("sell-monitor")
    daemon = Daemon(Runner(market.world, all_tasks(), trigger="daemon"), lambda _: (sys.executable, "-c", ""))
    for _ in range(2):
        daemon.check_once()
    for child in daemon.children.values():
        child.process.wait()
    assert told(market) == ["monitor_not_running"]


def test_a_window_that_closed_without_a_run_is_named(trading: Make) -> None:
    market = bought(trading, "09:10")
    market.ledger.schedules.set("sell-monitor", until="09:45")
    market.to(AFTER, "10:00")
    market.run("position-monitor", slot="09:30")
    assert causes(market) == ["missed_window"]


def without_its_sell(market: Trading, until: str) -> None:
    """The monitor does its window; then the sell ends, and tradectl has no step to place it again."""
    market.ledger.schedules.set("sell-monitor", until=until)
    assert market.run("sell-monitor").outcome == "completed"
    (resting,) = market.orders(Side.SELL, AFTER)
    assert market.trading(market.claim("test", AFTER)).cancel_confirmed(resting)


def over(market: Trading) -> None:
    market.ledger.schedules.set("sell-monitor", until="09:45")


def not_begun(market: Trading) -> None:
    market.ledger.schedules.set("sell-monitor", times=["11:00"])


def completed(market: Trading) -> None:
    without_its_sell(market, "09:45")


def extended(market: Trading) -> None:
    without_its_sell(market, "09:45")
    market.ledger.schedules.set("sell-monitor", until="last-fill")


def disabled(market: Trading) -> None:
    over(market)
    market.ledger.schedules.disable("sell-monitor")


@pytest.mark.parametrize(("state", "detail"), [
    (over, "the window of sell-monitor closed at 09:45:00"),
    (not_begun, "the window of sell-monitor opens at 11:00:00"),
    (completed, "the window of sell-monitor closed at 09:45:00"),
    (extended, "sell-monitor completed at 09:45:00, before its window was extended"),
    (disabled, "sell-monitor is disabled; first run `tradectl schedule enable sell-monitor`"),
])  # fmt: skip
def test_outside_the_window_the_advised_command_sells(trading: Make, state: Callable[[Trading], None], detail: str) -> None:
    market = bought(trading, "09:40")
    state(market)
    market.to(AFTER, "10:00")
    before = len(market.orders(Side.SELL, AFTER))
    (item,) = unprotected_now(market.world)
    assert (item.cause, item.detail) == ("not_scheduled", detail)
    operate(market, "sell-monitor", "--until", "last-fill")  # refused without --force
    assert len(market.orders(Side.SELL, AFTER)) == before
    commands = [part.split()[1:] for part in item.text.split("`")[1::2]]
    for command in commands[:-1]:  # the last one changes the hours of the next sessions
        operate(market, *command)
    assert commands[-2:] == [["sell-monitor", "--force"], ["schedule", "set"]]
    assert len(market.orders(Side.SELL, AFTER)) == before + 1


def test_an_order_of_unknown_outcome_does_not_count_as_a_sell(trading: Make) -> None:
    market = bought(trading)
    assert market.run("sell-monitor", once=True).exit_code == 0
    (resting,) = market.orders(Side.SELL, AFTER)
    market.ledger.book.intents.mark_unknown(resting, "a timeout", market.clock.now(), absent_since=None)
    market.to(AFTER, "10:02")
    (item,) = unprotected_now(market.world)
    assert (item.cause, f"order {resting.id} is not known (a timeout)" in item.detail) == ("outcome_unknown", True)
    assert market.ledger.book.order(resting.id).status is OrderStatus.UNKNOWN


def test_a_beat_of_the_machine_tells_of_a_working_monitor(trading: Make) -> None:
    """By the machine's clock: a process that holds the claim beats; one that is stopped does not."""
    market = bought(trading)
    world = replace(market.world, clock=RealLike(market))
    machine = world.clock.machine_now()
    taken = market.ledger.executions.claim(
        "sell-monitor", AFTER, "", owner=current_identity(), trigger="cron", machine_now=machine, now=market.clock.now()
    )
    assert isinstance(taken, Claim)
    assert [str(item.cause) for item in unprotected_now(world)] == ["unexplained"]
    with market.ledger.database.write() as connection:
        connection.execute(update(task_executions).values(beat_at=machine - timedelta(minutes=3)))
    assert [str(item.cause) for item in unprotected_now(world)] == ["monitor_not_running"]
    market.ledger.executions.release(dataclasses.replace(taken), 1, {})
    row = market.ledger.executions.get("sell-monitor", AFTER, "")
    assert row is not None
    assert row.beat_at == machine - timedelta(minutes=3), "what the last step of a cron line was, stays known"


class RealLike:
    """A clock that is the machine's: its time of the day and of the leases are one."""

    virtual = False

    def __init__(self, market: Trading) -> None:
        self._market = market

    def now(self):
        return self._market.clock.now()

    def machine_now(self):
        return self._market.clock.now()

    def sleep(self, seconds: float) -> None:
        self._market.clock.sleep(seconds)
