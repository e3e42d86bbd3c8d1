"""A home that slept with resting orders learns their true ends from its own exchange, however long it slept."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.conftest import Once, home_with
from tests.acceptance.program import Row, Server, Tradectl
from tests.acceptance.test_kill import SCENES, nothing_twice, run

SCENE = SCENES["buy"]
MORNING = (("2023-02-09 09:05", ("amo-adjust",)), ("2023-02-09 09:15", ("sell-monitor", "--until", "09:20")))
WATCHED = ("2023-02-09 16:00", "2023-02-10 16:00", "2023-02-13 16:00", "2023-02-14 10:00")


@pytest.fixture(scope="module")
def resting(server: Server, real_market: Path, once: Once) -> Callable[[], Path]:
    """Folders `bought`, whose after-market buys wait, and `selling`, whose sells rest."""

    def build(work: Path) -> None:
        home = home_with(real_market, work / "bought", server)
        run(home, (SCENE.before[0][0], ("config", "set", "universe", SCENE.universe)))
        for command in (*SCENE.before, (SCENE.at, ("buy",))):
            run(home, command)
        selling = Tradectl(shutil.copytree(home.home, work / "selling"), server)
        for command in MORNING:
            run(selling, command)

    return lambda: once("resting", build)


def told(home: Tradectl) -> tuple[list[Row], list[Row], list[Row]]:
    """What the ledger knows of orders, fills and positions, but for when it learned it."""
    orders = home.ledger("SELECT symbol, side, quantity, filled_quantity, price, status, reason FROM orders ORDER BY id")
    fills = home.ledger("SELECT trade_id, symbol, side, quantity, price, at, charges FROM fills ORDER BY trade_id")
    return orders, fills, home.ledger("SELECT symbol, status, quantity, cost, level FROM positions ORDER BY symbol")


@pytest.mark.parametrize("stage", ["bought", "selling"])
def test_four_sessions_later_the_book_is_that_of_daily_looks(
    resting: Callable[[], Path], server: Server, tmp_path: Path, stage: str
) -> None:
    watched = Tradectl(shutil.copytree(resting() / stage, tmp_path / "watched"), server)
    slept = Tradectl(shutil.copytree(resting() / stage, tmp_path / "slept"), server)
    for at in WATCHED:
        assert watched("reconcile", "--json", at=at).code == 0
    assert slept("reconcile", "--json", at=WATCHED[-1]).code == 0
    assert told(slept) == told(watched)
    orders, fills, _ = told(slept)
    assert {row["status"] for row in orders} <= {"EXECUTED", "CANCELLED", "REJECTED"}
    assert fills
    nothing_twice(slept)


@pytest.mark.parametrize("stage", ["bought", "selling"])
@pytest.mark.parametrize("first", [("status",), ("reconcile",), ("sell-monitor", "--once"), ("amo-adjust",)])
def test_forty_days_later_every_end_is_known(
    resting: Callable[[], Path], server: Server, tmp_path: Path, stage: str, first: tuple[str, ...]
) -> None:
    watched = Tradectl(shutil.copytree(resting() / stage, tmp_path / "watched"), server)
    slept = Tradectl(shutil.copytree(resting() / stage, tmp_path / "slept"), server)
    for at in WATCHED:
        assert watched("reconcile", "--json", at=at).code == 0
    at = "2023-03-21 09:06" if first[0] == "amo-adjust" else "2023-03-21 11:00"
    slept(*first, at=at)
    assert slept("reconcile", "--json", at=at).code == 0
    known, (orders, fills, _) = told(watched), told(slept)
    assert orders[: len(known[0])] == known[0]
    assert [row for row in fills if row["at"] < "2023-03"] == known[1]
    assert slept.ledger("SELECT count(*) AS n FROM orders WHERE status = 'UNKNOWN'") == [{"n": 0}]


def test_a_death_between_exchange_and_ledger_loses_no_end(resting: Callable[[], Path], server: Server, tmp_path: Path) -> None:
    """The exchange has settled forty days and committed; the ledger has not heard of it."""
    slept = Tradectl(shutil.copytree(resting() / "bought", tmp_path / "slept"), server)
    killed = slept.hooked("die", "commit", 2, "before", str(tmp_path / "died"))
    for _ in range(2):
        assert killed("sell-monitor", "--once", at="2023-03-21 11:00").code < 0
    [row] = slept.exchange("SELECT settled_at FROM accounts")
    assert row["settled_at"] > "2023-03"
    assert slept("reconcile", "--json", at="2023-04-28 11:00").code == 0
    orders, fills, _ = told(slept)
    assert {row["status"] for row in orders} <= {"EXECUTED", "CANCELLED", "REJECTED"}
    assert fills
