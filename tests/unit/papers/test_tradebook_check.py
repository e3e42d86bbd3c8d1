"""A tradebook of 300 trades, disturbed in ten ways: exactly the ten are found, and each as what it is."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from tests.unit.papers.disturbed import DISTURBANCES, rows_of, written
from tradectl.ledger.rows import BY_HAND
from tradectl.model.order import Side
from tradectl.papers.findings import Finding, Outcome
from tradectl.papers.tradebook import read_tradebook
from tradectl.papers.tradebook_check import compare_tradebook
from tradectl.tax.events import Trade

Row = dict[str, str]
FIRST = date(2023, 1, 2)


def made(count: int = 300) -> list[Trade]:
    """Return trades as an adapter of Kite stores them, several a day in few symbols, some of one order."""
    chance, found = random.Random(17), []
    for i in range(count):
        day = FIRST + timedelta(days=i)
        at = datetime.combine(day, time(3, 45), UTC) + timedelta(seconds=chance.randrange(22_000), milliseconds=250)
        symbol = chance.choice(["RELIANCE", "TCS", "M&M", "BAJAJ-AUTO", "ITC"])
        side = chance.choice(list(Side))
        price, quantity = chance.randrange(5_000, 500_000, 5), chance.randrange(1, 400)
        number = f"{1_000_000 + i}"
        found.append(Trade(f"{day:%Y%m%d}-NSE-{number}", symbol, symbol, side, quantity, price, day, at, f"22{i // 2:08}"))
    return found


FILLS = made()


def same(symbol: str, _: date) -> str:
    return symbol


def compared(folder: Path, rows: list[Row], fills: list[Trade] = FILLS, **spelling: object) -> list[Finding]:
    path = written(folder / "tradebook.csv", rows, **spelling)  # type: ignore[arg-type]
    return compare_tradebook(read_tradebook(path), fills, same)


def wrong(findings: list[Finding]) -> list[Finding]:
    return [item for item in findings if item.outcome is not Outcome.EQUAL]


@pytest.mark.parametrize(
    "spelling",
    [{}, {"start": "\ufeff"}, {"end": "\r\n"}, {"reverse": True}, {"grouped": True}, {"zone": "+05:30"}, {"delimiter": ";"}],
    ids=["plain", "bom", "crlf", "order", "grouped", "zone", "semicolon"],
)
def test_an_undisturbed_tradebook_agrees_in_any_spelling(tmp_path: Path, spelling: dict[str, object]) -> None:
    findings = compared(tmp_path, rows_of(FILLS), **spelling)
    assert (len(findings), wrong(findings)) == (300, [])


def test_exactly_the_ten_disturbances_are_found(tmp_path: Path) -> None:
    rows = rows_of(FILLS)
    for place, (disturb, _) in zip(range(7, 300, 29), DISTURBANCES, strict=False):
        disturb(rows, place)
    found = {
        (str(item.outcome), tuple(part.field for part in item.differences)): item for item in wrong(compared(tmp_path, rows))
    }
    assert len(wrong(compared(tmp_path, rows))) == len(DISTURBANCES) == 10
    assert set(found) == {expected for _, expected in DISTURBANCES}
    assert sum(item.outcome is Outcome.EQUAL for item in compared(tmp_path, rows)) == 300 - 9


@pytest.mark.parametrize("number", range(10))
def test_each_disturbance_alone_is_one_finding(tmp_path: Path, number: int) -> None:
    disturb, expected = DISTURBANCES[number]
    rows = rows_of(FILLS)
    disturb(rows, 41)
    (found,) = wrong(compared(tmp_path, rows))
    assert (str(found.outcome), tuple(part.field for part in found.differences)) == expected


def test_without_trade_ids_the_content_decides(tmp_path: Path) -> None:
    rows = [{name: text for name, text in row.items() if name != "trade_id"} for row in rows_of(FILLS)]
    assert wrong(compared(tmp_path, rows)) == []


def test_without_times_and_orders_the_rest_is_compared(tmp_path: Path) -> None:
    left_out = {"order_execution_time", "order_id"}
    rows = [{name: text for name, text in row.items() if name not in left_out} for row in rows_of(FILLS)]
    assert wrong(compared(tmp_path, rows)) == []


def test_an_order_entered_by_hand_is_compared_as_a_whole(tmp_path: Path) -> None:
    """The paper has two trades of an order, the ledger one fill that a person entered at the average price."""
    at = datetime.combine(FIRST, time(4), UTC)
    rows = rows_of(
        [Trade(f"T{i}", "ITC", "ITC", Side.BUY, 10, price, FIRST, at, "77") for i, price in enumerate((100_00, 101_00))]
    )
    entered = Trade(f"{BY_HAND}77:1", "ITC", "ITC", Side.BUY, 20, 100_50, FIRST, at, "77")
    (whole,) = compared(tmp_path, rows, [entered])
    assert (whole.outcome, whole.line) == (Outcome.EQUAL, "order")
    rows[0]["price"] = "100.10"
    (whole,) = compared(tmp_path, rows, [entered])
    assert [(part.field, part.by) for part in whole.differences] == [("value", 1_00)]


def test_one_trade_id_on_two_exchanges_is_two_trades(tmp_path: Path) -> None:
    at = datetime.combine(FIRST, time(4), UTC)
    fills = [
        Trade(f"{FIRST:%Y%m%d}-{name}-55", "ITC", "ITC", Side.BUY, count, 100_00, FIRST, at, str(count))
        for count, name in ((10, "NSE"), (20, "BSE"))
    ]
    rows = rows_of(reversed(fills))
    rows[0]["exchange"] = "BSE"
    assert wrong(compared(tmp_path, rows, fills)) == []


def test_fills_outside_the_days_of_the_paper_are_not_missing(tmp_path: Path) -> None:
    assert wrong(compared(tmp_path, rows_of(FILLS[100:200]))) == []
