"""A home of an earlier state of the program, with orders that wait and a position: the day goes on as without an update.

The ledger is at revision 0003, the paper exchange's file at version 3.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.conftest import Homes, Once, home_with
from tests.acceptance.program import Server, Tradectl, rows
from tests.acceptance.test_kill import EXCHANGE, LEDGER, SCENES, exchange, ledger, run
from tests.support.earlier_formats import ledger_at_0003, paper_file_of_version

EVENING, MONITOR = SCENES["eod"].before[:2], SCENES["eod"].before[2]
EOD = (SCENES["eod"].at, ("eod",))
NEXT = (("2023-02-01 09:05", ("amo-adjust",)), ("2023-02-01 09:15", ("sell-monitor", "--until", "09:45")))


@pytest.fixture(scope="module")
def homes(server: Server, real_market: Path, once: Once) -> Path:
    """A folder with `evening`, whose buys wait; `monitored`, with positions, before `eod`; and `undisturbed`, a session later."""

    def build(work: Path) -> None:
        import shutil

        home = home_with(real_market, work / "undisturbed", server)
        run(home, (EVENING[0][0], ("config", "set", "universe", "nifty50")))
        for command in EVENING:
            run(home, command)
        shutil.copytree(home.home, work / "evening")
        run(home, MONITOR)
        shutil.copytree(home.home, work / "monitored")
        for command in (EOD, *NEXT):
            run(home, command)

    return once("earlier-home", build)


def made_earlier(home: Tradectl) -> None:
    """Give a home the files of the earlier formats."""
    ledger_at_0003(home.home / "ledger.db")
    paper_file_of_version(3, home.home / "paper.db")
    assert rows(home.home / "ledger.db", "SELECT version_num FROM alembic_version") == [{"version_num": "0003"}]
    with closing(sqlite3.connect(home.home / "ledger.db")) as file, pytest.raises(sqlite3.OperationalError, match="picture"):
        file.execute("SELECT picture FROM outbox")


def same_as(undisturbed: Path, home: Tradectl) -> None:
    other = Tradectl(undisturbed, home.server)
    for name in LEDGER:
        assert ledger(home, name) == ledger(other, name), name
    for name in EXCHANGE:
        assert exchange(home, name) == exchange(other, name), name


def test_buys_that_wait_are_filled_sold_and_summed_up(homes: Path, copied: Homes) -> None:
    home = copied(homes / "evening")
    made_earlier(home)
    said = home("status", "--json", at="2023-01-31 09:00")
    assert (said.code, said.object["outcome"]) == (0, "completed"), said
    for command in (MONITOR, EOD, *NEXT):
        run(home, command)
    same_as(homes / "undisturbed", home)
    assert home("audit", "verify", at="2023-02-01 10:00").code == 0


def test_a_position_goes_on_and_the_day_ends(homes: Path, copied: Homes) -> None:
    home = copied(homes / "monitored")
    made_earlier(home)
    for command in (EOD, *NEXT):
        run(home, command)
    same_as(homes / "undisturbed", home)
