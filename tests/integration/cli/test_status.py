"""The page of `status`: within 80 columns, findings first with the command that helps, positions with what they are worth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from tests.integration.cli.conftest import Tradectl
from tests.integration.execution.conftest import trading  # noqa: F401
from tests.support.hands import operate, result_of
from tests.support.trading import AFTER, D, Trading, stock
from tradectl.cli.status_page import _positions, wrapped
from tradectl.model.market import ActionKind, CorporateAction
from tradectl.report.result_sentences import sentence
from tradectl.report.status_findings import missed_by_session

FLAT = (9500, 9600, 9300, 9400)
"""A day on which nothing reaches the target."""


def held(make: Callable[..., Trading]) -> Trading:
    """100 ACME, bought on D; on the next day both monitors have run."""
    market = make(stock(on={D: FLAT, AFTER: FLAT}))
    market.buy(100, 9600)
    market.to(D, "18:00")
    market.run("eod", force=True)
    market.to(AFTER, "09:30")
    market.run("sell-monitor", once=True)
    market.run("position-monitor", slot="09:30")
    return market


def test_a_position_has_price_target_and_result_after_charges(trading) -> None:  # noqa: F811
    market = held(trading)
    (position,) = result_of(market, "status")["positions"]
    (order,) = result_of(market, "orders", "list", "--status", "ONGOING")
    assert (position["symbol"], position["quantity"], position["protected"], position["why_not"]) == ("ACME", 100, True, "")
    assert (position["target"], position["last_at"][11:16]) == (order["price"], "09:30")
    last, target = float(position["last"]), float(position["target"])
    assert position["distance"] == round(target / last - 1, 4)
    gross = 100 * (last - float(position["average"]))
    assert gross - 60 < float(position["pnl"]) < gross
    line = next(line for line in operate(market, "status").out.splitlines() if line.startswith("ACME"))
    assert line.split()[:3] == ["ACME", "100", "live"]


def test_a_position_without_a_sell_comes_first_with_its_reason(trading) -> None:  # noqa: F811
    market: Trading = trading(stock(on={D: FLAT, AFTER: FLAT}))
    market.buy(100, 9600)
    market.to(D, "18:00")
    market.run("eod", force=True)
    market.to(AFTER, "10:00")
    said = operate(market, "status")
    assert said.code == 11
    assert said.out.startswith("UNPROTECTED  ACME: 100 of 100 shares")
    assert "NONE" in next(line for line in said.out.splitlines() if line.startswith("ACME"))
    (position,) = result_of(market, "status", code=11)["positions"]
    assert (position["protected"], position["last"], position["last_at"][:16]) == (False, "94.00", f"{D}T15:30")
    assert "sell-monitor" in position["why_not"]


def test_the_newest_price_of_the_home_is_shown(trading) -> None:  # noqa: F811
    """Position-monitor runs on no day: sell-monitor's price counts while it is newest, then the stored close."""
    market: Trading = trading(stock(on={D: FLAT, AFTER: FLAT}))
    market.buy(100, 9600)
    market.to(D, "18:00")
    market.run("eod", force=True)
    seen = []
    for task, at in (("", "08:00"), ("sell-monitor", "09:30"), ("", "15:29"), ("", "15:30")):
        market.to(AFTER, at)
        if task:
            market.run(task, once=True)
        (position,) = operate(market, "status", "--json").object["result"]["positions"]
        seen.append((position["last"], position["last_at"][:16]))
        assert position["pnl"] is not None
    assert seen == [
        ("94.00", f"{D}T15:30"),
        (seen[1][0], f"{AFTER}T09:30"),
        (seen[1][0], f"{AFTER}T09:30"),
        ("94.00", f"{AFTER}T15:30"),
    ]


def test_a_price_from_before_a_split_is_not_shown(trading) -> None:  # noqa: F811
    split = CorporateAction("ACME", AFTER, ActionKind.SPLIT, Fraction(2))
    market: Trading = trading(replace(stock(on={D: FLAT}), actions=[split]))
    market.buy(100, 9600)
    market.to(D, "18:00")
    market.run("eod", force=True)
    market.to(AFTER, "08:00")
    (position,) = operate(market, "status", "--json").object["result"]["positions"]
    assert (position["last"], position["last_at"], position["pnl"]) == (None, None, None)


def test_every_line_fits_80_columns(trading) -> None:  # noqa: F811
    market = held(trading)
    market.to(AFTER, "18:30")
    for said in (operate(market, "status"), operate(market, "halt", "--reason", "a reason " * 20), operate(market, "status")):
        assert not [line for line in said.out.splitlines() if len(line) > 80 and said.out.startswith("asha")]
    page = operate(market, "status").out
    assert max(map(len, page.splitlines())) <= 80
    assert "{" not in page
    assert page.startswith("halted    No order is sent, only cancels: `tradectl resume`")


def test_a_narrow_terminal_breaks_no_row_of_a_position() -> None:
    held = {"symbol": "NIFTYNEXT50BEES", "quantity": 100, "last": "1234567.50", "last_at": "2023-07-21T09:30:00+05:30"}
    held |= {"target": "1234570.00", "distance": 0.01, "pnl": "-123.45", "protected": True}
    held |= {"strategy": "ema9-reversion", "stop_note": ""}
    found = {"positions": [held], "unprotected": [], "open_positions": 1, "live_orders": 1, "waiting_orders": 0}
    for width in (45, 60, 80, 120):
        shown = _positions(found, width)
        assert max(map(len, shown)) <= width
        (row,) = (line for line in shown if line.startswith("NIFTYNEXT50BEES"))
        assert row.split()[:3] == ["NIFTYNEXT50BEES", "100", "live"]
        assert "12,34,567.50" in row


def test_next_slots_disk_and_backup_are_named(tradectl: Tradectl) -> None:
    found = tradectl("status", "--json").object["result"]
    assert len(found["next_slots"]) == 3
    assert found["disk"]["free_bytes"] > 0
    assert found["last_backup"] is None
    page = tradectl("status").out
    assert "none yet: `tradectl backup`" in page
    assert tradectl("backup", "-q").code == 0
    assert tradectl("status", "--json").object["result"]["last_backup"]["days"] == 0


def test_watch_needs_a_terminal_and_the_machines_clock(tradectl: Tradectl) -> None:
    for words in (("status", "--watch"), ("status", "--watch", "--json")):
        said = tradectl(*words)
        assert (said.code, "--watch needs a terminal" in said.err + said.out) == (2, True)


def test_a_result_is_told_in_words() -> None:
    assert sentence({"placed": 3, "skipped_funds": 1, "refused": 0, "for_session": "2023-07-24"}) == (
        "3 placed, 1 skipped (funds), for 2023-07-24"
    )
    assert sentence({"placed": 0, "failed": 0}) == "nothing to do"
    assert sentence({"realised_pnl": "-1234567.50", "closed": 1}) == "realised -12,34,567.50, 1 closed"
    assert sentence({"scanned": 200, "avoid": 190, "buy": 2, "data": "stale"}) == (
        "200 scanned, 190 avoid, 2 buy; the data are stale"
    )
    assert sentence({}) == ""


def test_a_long_line_is_broken_below_its_label() -> None:
    text = wrapped("calendar  " + "word " * 30, 80)
    assert max(map(len, text.splitlines())) <= 80
    assert all(line.startswith(" " * 10 + "word") for line in text.splitlines()[1:])


def test_missed_slots_are_grouped_by_session_and_task() -> None:
    slots = [
        "position-monitor 10:30 of 2025-11-14",
        "eod of 2025-11-14",
        "position-monitor 09:30 of 2025-11-14",
        "buy of 2025-11-13",
    ]
    assert missed_by_session(slots) == {"2025-11-14": ["position-monitor 09:30 10:30", "eod"], "2025-11-13": ["buy"]}


def test_prices_and_a_waiting_list_are_sentences() -> None:
    kinds = {
        "bars": {"as_of": "2025-11-14", "new": 1500, "note": ""},
        "holidays": {"as_of": None, "new": 0, "note": "is current"},
    }
    assert sentence({"through": "2025-11-14", "kinds": kinds}) == "1500 new bars"
    assert sentence({"kinds": {"holidays": kinds["holidays"]}}) == "nothing new"
    waits = {"for_session": "2025-11-17", "waits_for_approval": 2, "list": "7F3A", "approval_until": "2025-11-14T21:00:00+05:30"}
    assert sentence(waits) == "2 wait for /approve 7F3A until 21:00, for 2025-11-17"
