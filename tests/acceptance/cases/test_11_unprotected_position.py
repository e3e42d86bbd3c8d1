"""Case 11: the book holds 117 ALPHA, and the broker says that all of them are pledged."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.cases.at_kite import OddHoldings, at_kite
from tests.integration.cli.conftest import Said
from tests.integration.execution.conftest import trading
from tests.support.hands import operate, result_of
from tests.support.trading import AFTER, D, Trading, stock
from tradectl.ledger.arming import Arming

__all__ = ["trading"]

FOLDER = Path(__file__).parent / "11-unprotected-position"
PLEDGED: list[dict[str, Any]] = json.loads((FOLDER / "holdings.json").read_text(encoding="utf-8"))["data"]
FLAT = (9500, 9600, 9300, 9400)
"""A day on which nothing reaches the target."""
WHAT = "ALPHA: 117 of 117 shares have no live sell order"


@pytest.fixture
def held(trading: Callable[..., Trading]) -> Trading:
    """117 ALPHA, bought yesterday; it is 10:00, and the sell monitor has not run today."""
    market: Trading = trading(stock("ALPHA", on={D: FLAT, AFTER: FLAT}))
    market.buy(117, 9600, symbol="ALPHA")
    market.to(D, "18:00")
    market.run("eod")
    market.to(AFTER, "10:00")
    assert [position.quantity for position in market.positions] == [117]
    return market


@pytest.fixture
def kite(held: Trading) -> Iterator[OddHoldings]:
    with at_kite(held) as sandbox:
        yield sandbox


def step(market: Trading, at: str, *words: str) -> Said:
    market.to(AFTER, at)
    return operate(market, "sell-monitor", "--once", *words)


def messages(market: Trading) -> list[str]:
    """The titles of the messages about unprotected positions."""
    with market.ledger.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT title FROM outbox WHERE deduplicate LIKE 'unprotected:%' ORDER BY id")
        return list(rows.scalars())


def causes(market: Trading, code: int = 11) -> list[str]:
    return [item["cause"] for item in result_of(market, "status", code=code)["unprotected"]]


def test_a_pledged_position_is_named_everywhere(held: Trading, kite: OddHoldings) -> None:
    kite.held = PLEDGED
    said = step(held, "10:01")
    assert (said.code, f"{WHAT} (pledged): the broker lists 117 shares as pledged, 0 of 117" in said.err) == (11, True)
    answer = step(held, "10:02", "--json").object
    assert (answer["exit_code"], answer["outcome"], WHAT in answer["error"]) == (11, "completed", True)
    (finding,) = answer["result"]["unprotected"]
    assert (finding["symbol"], finding["shares"], finding["cause"], finding["grave"]) == ("ALPHA", 117, "pledged", True)

    status = operate(held, "status")
    assert (status.code, status.words.startswith(f"UNPROTECTED {WHAT} (pledged)")) == (11, True)
    shown = result_of(held, "status", code=11)["unprotected"]
    assert [(item["symbol"], item["cause"], item["since"][11:16]) for item in shown] == [("ALPHA", "pledged", "09:15")]
    positions = operate(held, "positions")
    assert positions.out.startswith(f"UNPROTECTED  {WHAT} (pledged)")
    assert result_of(held, "positions")[0]["unprotected"]["cause"] == "pledged"
    assert messages(held) == ["ALPHA is unprotected"]
    (line,) = held.ledger.logs.list(action="unprotected")
    assert (line.level, line.symbol) == ("error", "ALPHA")
    assert "pledged" in operate(held, "why", "ALPHA").out


def test_it_is_told_once_and_again_for_another_cause(held: Trading, kite: OddHoldings) -> None:
    kite.held = PLEDGED
    for minute in range(1, 6):
        assert step(held, f"10:0{minute}").code == 11
    assert messages(held) == ["ALPHA is unprotected"]
    operate(held, "halt", "--reason", "a look")
    assert step(held, "10:06").code == 11
    assert (causes(held), len(messages(held))) == (["halted"], 2)
    operate(held, "resume")
    step(held, "10:07")
    assert (causes(held), len(messages(held))) == (["pledged"], 2)


def test_released_shares_are_sold_and_the_finding_ends(held: Trading, kite: OddHoldings) -> None:
    kite.held = PLEDGED
    assert step(held, "10:01").code == 11
    kite.held = None
    assert step(held, "10:02").code == 0
    assert causes(held, code=0) == []
    assert [line.symbol for line in held.ledger.logs.list(action="protected")] == ["ALPHA"]
    assert "UNPROTECTED" not in operate(held, "status").out + operate(held, "positions").out


def test_a_part_that_is_pledged_is_counted(held: Trading, kite: OddHoldings) -> None:
    kite.held = [PLEDGED[0] | {"quantity": 100, "realised_quantity": 100, "collateral_quantity": 17}]
    said = step(held, "10:01")
    assert (said.code, "ALPHA: 17 of 117 shares have no live sell order (pledged)" in said.err) == (11, True)
    kite.held = [PLEDGED[0] | {"quantity": 50, "realised_quantity": 50, "collateral_quantity": 67}]
    assert step(held, "10:02").code == 11
    assert [item["shares"] for item in result_of(held, "status", code=11)["unprotected"]] == [67]


def test_the_finding_at_the_close_is_the_days_exit_code(held: Trading, kite: OddHoldings) -> None:
    kite.held = PLEDGED
    held.to(AFTER, "15:20")
    said = operate(held, "sell-monitor", "--until", "last-fill")
    assert (said.code, WHAT in said.err) == (11, True)
    assert operate(held, "status").code == 0  # after the close nothing can rest
    assert messages(held) == ["ALPHA is unprotected"]


def test_shares_that_the_broker_does_not_list_are_missing(held: Trading, kite: OddHoldings) -> None:
    kite.held = []
    said = step(held, "10:01")
    assert (said.code, f"{WHAT} (missing): the broker lists 0 of 117 shares under this symbol" in said.err) == (11, True)


def test_a_sale_that_wants_authorisation_says_so(held: Trading, kite: OddHoldings) -> None:
    kite.refuses = "117 quantity needs authorisation at depository."
    said = step(held, "10:01")
    assert (said.code, f"{WHAT} (authorisation)" in said.err, "TPIN" in said.err) == (11, True, True)
    assert causes(held) == ["authorisation"]


def test_another_refusal_is_told_with_the_brokers_reason(held: Trading, kite: OddHoldings) -> None:
    kite.refuses = "RMS: scrip blocked for the day"
    said = step(held, "10:01")
    assert (said.code, "(refused): the broker refused the sell: RMS: scrip blocked for the day" in said.err) == (11, True)


def test_an_unarmed_account_is_blocked_and_names_positions(held: Trading, kite: OddHoldings) -> None:
    Arming(held.ledger, "kite").disarm()
    assert step(held, "10:01").code == 9
    assert (causes(held), messages(held)) == (["not_armed"], ["ALPHA is unprotected"])


def test_a_broker_that_cannot_be_reached_is_told_by_the_ledger(held: Trading, kite: OddHoldings) -> None:
    kite.stop()
    assert step(held, "10:01").code == 6
    assert (causes(held), messages(held)) == (["broker_unreachable"], ["ALPHA is unprotected"])


def test_a_stopped_monitor_is_reported_by_status_and_run_due(held: Trading) -> None:
    operate(held, "schedule", "disable", "sell-monitor")
    assert (causes(held), messages(held)) == (["monitor_not_running"], [])
    what = f"{WHAT} (monitor not running): sell-monitor is disabled"
    said = operate(held, "run-due")
    assert (said.code, "missed: " in said.err, what in said.err) == (12, True, True)  # what was missed is graver, once
    said = operate(held, "run-due")
    assert (said.code, what in said.err) == (11, True)
    assert messages(held) == ["ALPHA is unprotected"]


def test_run_due_answers_with_what_its_monitor_found(held: Trading, kite: OddHoldings) -> None:
    kite.held = PLEDGED
    for minute, code in (("10:01", 12), ("10:02", 11)):  # what was missed before is graver, and told once
        held.to(AFTER, minute)
        answer = operate(held, "run-due", "--json").object
        assert (answer["exit_code"], WHAT in answer["error"]) == (code, True)


def test_on_paper_a_halt_leaves_no_position_silent(held: Trading) -> None:
    operate(held, "halt", "--reason", "a look")
    said = step(held, "10:01")
    assert (said.code, f"{WHAT} (halted): the account is halted, a look" in said.err) == (9, True)  # blocked is graver
    assert operate(held, "status").words.startswith(f"UNPROTECTED {WHAT} (halted)")
    assert messages(held) == ["ALPHA is unprotected"]
