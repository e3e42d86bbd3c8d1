"""`doctor --preflight`: what today's first order needs, one message about what is wrong, nothing on a closed day."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.cli.conftest import Tradectl
from tests.integration.execution.conftest import trading  # noqa: F401
from tests.support.hands import operate, result_of
from tests.support.trading import AFTER, D, T, Trading, entry, stock
from tradectl.doctor.finding import Finding, State, run
from tradectl.doctor.preflight import checks, todays_session
from tradectl.errors import Missed

Make = Callable[..., Trading]


def found(market: Trading) -> dict[str, Finding]:
    session = todays_session(market.world)
    assert session is not None
    return {item.check: item for item in run(checks(market.world, session))}


def test_a_quiet_morning_names_the_first_slot(trading: Make) -> None:  # noqa: F811
    market = trading(stock())
    market.to(D, "07:45")
    seen = found(market)
    assert (seen["first order"].state, "premarket-retry 08:00 at 08:00" in seen["first order"].text) == (State.FINE, True)
    assert [seen[name].state for name in ("waiting buys", "positions")] == [State.FINE] * 2


def test_an_evening_that_did_not_complete_is_named(trading: Make) -> None:  # noqa: F811
    market = trading(stock())
    market.to(D, "07:45")
    evening = found(market)["evening"]
    assert (evening.state, f"analyze, buy, eod of {T} did not complete" in evening.text) == (State.LOOK, True)
    assert f"`tradectl executions --session {T}`" in evening.text


def test_waiting_buys_beyond_the_cash_are_named(trading: Make) -> None:  # noqa: F811
    market = trading(stock())
    claim = market.claim("buy", T)
    market.world.ledger.book.snapshot()
    path = market.trading(claim).path
    path.place(entry(20_000, 10050), send=False)
    market.to(D, "07:45")
    waiting = found(market)["waiting buys"]
    assert (waiting.state, "Rs 20,10,000.00 wait to be sent" in waiting.text) == (State.LOOK, True)


def test_a_disabled_sell_monitor_with_a_position_is_named(trading: Make) -> None:  # noqa: F811
    flat = (9500, 9600, 9300, 9400)
    market = trading(stock(on={D: flat, AFTER: flat}))
    market.buy(100, 9600)
    market.to(D, "18:00")
    market.run("eod", force=True)
    market.ledger.schedules.disable("sell-monitor")
    market.to(AFTER, "07:45")
    positions = found(market)["positions"]
    assert (positions.state, "`tradectl schedule enable sell-monitor`" in positions.text) == (State.WRONG, True)


def test_a_sell_monitor_that_misses_market_hours_is_named(trading: Make) -> None:  # noqa: F811
    flat = (9500, 9600, 9300, 9400)
    market = trading(stock(on={D: flat, AFTER: flat}))
    market.buy(100, 9600)
    market.to(D, "18:00")
    market.run("eod", force=True)
    market.ledger.schedules.set("sell-monitor", ["10:30"])
    market.to(AFTER, "07:45")
    positions = found(market)["positions"]
    assert positions.state is State.WRONG
    assert positions.text.startswith("1 position is open and sell-monitor runs from 10:30 to 15:30")
    assert "`tradectl schedule set sell-monitor --times 09:15 --until last-fill`" in positions.text
    (problem,) = result_of(market, "status")["problems"]
    assert problem == positions.text


def test_after_the_last_slot_nothing_can_be_sent(trading: Make) -> None:  # noqa: F811
    market = trading(stock())
    market.to(D, "23:30")
    first = found(market)["first order"]
    assert (first.state, first.exit_code) == (State.WRONG, Missed.exit_code)


@pytest.mark.parametrize(("at", "checked"), [("2023-07-22 07:45", 1), ("2023-07-21 07:45", 20)])
def test_a_closed_day_is_not_checked(tradectl: Tradectl, at: str, checked: int) -> None:
    tradectl("init", "--at", "2023-07-20 18:00")
    said = tradectl("doctor", "--preflight", "--at", at, "--json")
    rows = said.object["result"]
    assert (len(rows) >= checked, len(rows) == 1, said.code == 0) == (True, checked == 1, checked == 1)


def test_what_is_wrong_goes_out_once_a_day(tradectl: Tradectl) -> None:
    tradectl("init", "--at", "2023-07-20 18:00")
    first = tradectl("doctor", "--preflight", "--at", "2023-07-21 07:45")
    second = tradectl("doctor", "--preflight", "--at", "2023-07-21 07:50")
    assert (first.code, second.code) == (8, 8)
    assert "The day cannot be traded as it is" in first.err
    assert "`tradectl doctor --preflight` checks again" in first.err
    assert "The day cannot be traded" not in second.err


def test_quietly_only_what_is_wrong_is_printed(trading: Make) -> None:  # noqa: F811
    flat = (9500, 9600, 9300, 9400)
    market = trading(stock(on={D: flat, AFTER: flat}))
    market.buy(100, 9600)
    market.to(D, "18:00")
    market.run("eod", force=True)
    market.to(AFTER, "07:45")
    market.ledger.schedules.disable("sell-monitor")
    said = operate(market, "doctor", "--preflight", "-q")
    lines = [line for line in said.out.splitlines() if "sell-monitor" in line]
    assert len(lines) == 1
    assert lines[0].startswith("positions: 1 position is open and sell-monitor is disabled")
    assert not any("fine" in line or "look" in line for line in said.out.splitlines())
