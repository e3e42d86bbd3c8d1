"""A ledger that is restored from an earlier moment, while the broker's book went on, adopts its orders and buys nothing twice.

Through the real command line. The paper exchange keeps its file, as a broker would; only the ledger goes back. From there the day
must end at the exchange exactly as it ends where nothing was restored.
"""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.conftest import Homes, Once, home_with
from tests.acceptance.program import Row, Server, Tradectl
from tests.acceptance.test_kill import EXCHANGE, Command, exchange, nothing_twice, run

EVENING, MORNING = "2023-02-08", "2023-02-09"
STEPS: dict[str, Command] = {
    "before analyze": (f"{EVENING} 16:00", ("config", "set", "universe", "nifty200")),
    "after analyze": (f"{EVENING} 16:00", ("analyze",)),
    "after buy": (f"{EVENING} 16:05", ("buy",)),
    "after premarket-retry": (f"{MORNING} 08:00", ("premarket-retry",)),
    "after amo-adjust": (f"{MORNING} 09:05", ("amo-adjust",)),
    "after the first sells": (f"{MORNING} 09:15", ("sell-monitor", "--until", "09:16")),
    "mid-morning": (f"{MORNING} 09:17", ("sell-monitor", "--until", "10:29")),
}
"""The day until the restore; a moment is the ledger after its step."""
DEATHS = {
    "before the first order of buy": ("after analyze", "after buy", 1, "before"),
    "after the second order of buy": ("after analyze", "after buy", 2, "after"),
    "after the first sell": ("after amo-adjust", "after the first sells", 1, "after"),
}
"""Moments inside a task: the ledger before, the task, and the command to the broker at which it dies."""
REST: tuple[Command, ...] = (
    (f"{MORNING} 11:00", ("sell-monitor",)),
    (f"{MORNING} 16:00", ("analyze",)),
    (f"{MORNING} 16:05", ("buy",)),
    (f"{MORNING} 18:00", ("eod",)),
)
RESTORED = f"{MORNING} 10:45"
POSITIONS = "symbol, status, quantity, cost, bought, sold, buys, level, realised, charges"


@pytest.fixture(scope="module")
def restorable(server: Server, real_market: Path, once: Once) -> Callable[[], Path]:
    """A folder: `home` at the moment of the restore, `ledgers` of earlier moments, and `undisturbed` at the end of the day."""

    def build(work: Path) -> None:
        home, ledgers = home_with(real_market, work / "home", server), work / "ledgers"
        ledgers.mkdir()
        before = ""
        for name, step in STEPS.items():
            for moment, (earlier, task, number, place) in DEATHS.items():
                if task == name:
                    assert before == earlier
                    dying = Tradectl(shutil.copytree(home.home, work / "dying"), server)
                    killed = dying.hooked("die", "command", number, place, str(work / "died"))(*step[1], at=step[0])
                    assert killed.code == -signal.SIGKILL
                    shutil.copytree(dying.home, ledgers / moment, ignore=_all_but_the_ledger)
                    shutil.rmtree(dying.home)
            if step[1][0] == "config":
                assert home(*step[1], at=step[0]).code == 0
            else:
                run(home, step)
            shutil.copytree(home.home, ledgers / name, ignore=_all_but_the_ledger)
            before = name
        undisturbed = Tradectl(shutil.copytree(home.home, work / "undisturbed"), server)
        for step in REST:
            run(undisturbed, step)

    return lambda: once("restorable", build)


def _all_but_the_ledger(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if not name.startswith("ledger.db") or name.endswith((".lock", ".next"))]


ALWAYS = {"before analyze", "after the second order of buy", "after the first sell"}
"""Moments that each run tries; the others are in the slow suite."""


@pytest.mark.parametrize(
    "moment", [pytest.param(name, marks=() if name in ALWAYS else pytest.mark.slow) for name in (*STEPS, *DEATHS)]
)
def test_a_ledger_restored_from(restorable: Callable[[], Path], copied: Homes, moment: str):
    folder = restorable()
    home = copied(folder / "home")
    undisturbed = Tradectl(folder / "undisturbed", home.server)
    for path in home.home.glob("ledger.db*"):
        path.unlink()
    shutil.copytree(folder / "ledgers" / moment, home.home, dirs_exist_ok=True)

    found = home("reconcile", "--json", at=RESTORED)
    assert found.outcome == ("completed", 0), found
    assert found.object["result"]["agrees"] is True
    theirs = {row["tag"] for row in home.exchange("SELECT tag FROM orders")}
    assert {row["tag"] for row in home.ledger("SELECT tag FROM orders WHERE broker_order_id IS NOT NULL")} == theirs
    for step in REST:
        run(home, step)

    for table in EXCHANGE:
        assert exchange(home, table) == exchange(undisturbed, table), table
    assert _positions(home) == _positions(undisturbed)
    assert json.loads(home("reconcile", "--json", at=f"{MORNING} 18:30").out)["result"]["agrees"] is True
    nothing_twice(home)


NEXT = "2023-02-10"
LATER: tuple[Command, ...] = (
    (f"{NEXT} 15:50", ("config", "set", "universe", "ADANIGREEN,DIXON,SOLARINDS")),
    (f"{NEXT} 16:00", ("analyze",)),
)
"""The evening after, whose signals name symbols that were bought the day before."""
LOST = {"ADANIGREEN": 129, "ADANIPOWER": 578, "ADANITRANS": 77, "ATGL": 75, "DIXON": 36, "SOLARINDS": 25}
WANTED = {"ADANIGREEN", "DIXON", "SOLARINDS"}


def test_a_ledger_restored_after_the_broker_emptied_its_book(restorable: Callable[[], Path], copied: Homes):
    """The shares are in the holdings alone: no tag leads back to them, so nothing of them is bought, and each is named."""
    folder = restorable()
    home = copied(folder / "undisturbed").hooked("forget_earlier_days")
    for path in home.home.glob("ledger.db*"):
        path.unlink()
    shutil.copytree(folder / "ledgers" / "after analyze", home.home, dirs_exist_ok=True)

    found = home("reconcile", "--json", at=f"{NEXT} 07:30")
    assert {row["symbol"]: row["beyond"] for row in found.object["result"]["shares"]} == LOST
    for at, words in LATER:
        assert home(*words, at=at).code == 0
    bought = home.exchange("SELECT order_id FROM orders WHERE side = 'BUY'")
    said = home("buy", "--json", at=f"{NEXT} 16:05")
    assert (said.code, said.object["result"]["placed"], said.object["result"]["refused"]) == (11, 0, len(WANTED))
    for symbol in WANTED:
        assert f"the broker holds {LOST[symbol]} {symbol}, the ledger has 0" in home("why", symbol, at=f"{NEXT} 16:06").out
    assert home("eod", at=f"{NEXT} 18:00").code == 0
    titles = {row["title"] for row in home.ledger("SELECT title FROM outbox")}
    assert titles >= {f"{symbol}: the broker holds unexplained shares" for symbol in LOST}
    assert home("premarket-retry", "--json", at="2023-02-13 08:00").object["result"]["failed"] == len(WANTED)
    assert home.exchange("SELECT order_id FROM orders WHERE side = 'BUY'") == bought

    assert home("config", "set", "own_shares", "DIXON:36,SOLARINDS:24", at="2023-02-13 08:10").code == 0
    said = home("premarket-retry", "--json", at="2023-02-13 08:40")
    assert (said.code, said.object["result"]["placed"], said.object["result"]["failed"]) == (11, 1, 2)
    more = home.exchange("SELECT symbol FROM orders WHERE side = 'BUY' AND placed_at > '2023-02-13'")
    assert [row["symbol"] for row in more] == ["DIXON"]


def _positions(home: Tradectl) -> list[Row]:
    return sorted(home.ledger(f"SELECT {POSITIONS} FROM positions"), key=str)
