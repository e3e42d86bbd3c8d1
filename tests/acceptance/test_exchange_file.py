"""The paper exchange's file is deleted, replaced or rolled back alone: the next command notices, and no order is doubled."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.conftest import Homes, Once, home_with
from tests.acceptance.program import Server, Tradectl
from tests.acceptance.test_kill import EXCHANGE, SCENES, exchange, nothing_twice, run

DATABASE = 10
SCENE = SCENES["buy"]
MORNING, MONITOR = SCENE.after
Damage = Callable[[Tradectl, Path], None]


@pytest.fixture(scope="module")
def bought(server: Server, real_market: Path, once: Once) -> Callable[[], Path]:
    """A folder with `home`, after the buys of an evening, `undisturbed`, after the next morning, and earlier and other files."""

    def build(work: Path) -> None:
        home = home_with(real_market, work / "home", server)
        run(home, (SCENE.before[0][0], ("config", "set", "universe", SCENE.universe)))
        for command in SCENE.before:
            run(home, command)
        other = Tradectl(shutil.copytree(home.home, work / "other"), server)
        deleted(other, work)
        with closing(sqlite3.connect(other.home / "ledger.db", isolation_level=None)) as file:
            file.execute("DELETE FROM database_info WHERE key LIKE 'exchange:%'")
        for each in (home, other):
            run(each, (SCENE.at, ("buy",)))
        run(home, (SCENE.at, ("reconcile",)))
        shutil.copytree(home.home, work / "evening")
        undisturbed = Tradectl(shutil.copytree(home.home, work / "undisturbed"), server)
        for command in SCENE.after:
            run(undisturbed, command)

    return lambda: once("exchange-file", build)


def deleted(home: Tradectl, _folder: Path) -> None:
    for file in home.home.glob("paper.db*"):
        file.unlink()


def emptied(home: Tradectl, folder: Path) -> None:
    deleted(home, folder)
    (home.home / "paper.db").touch()


def replaced(home: Tradectl, folder: Path) -> None:
    deleted(home, folder)
    shutil.copy(folder / "other" / "paper.db", home.home / "paper.db")


def foreign(home: Tradectl, folder: Path) -> None:
    deleted(home, folder)
    shutil.copy(home.home / "ledger.db", home.home / "paper.db")


def without_account(home: Tradectl, _folder: Path) -> None:
    with closing(sqlite3.connect(home.home / "paper.db", isolation_level=None)) as file:
        for table in ("charges", "cash_entries", "lots", "trades", "orders", "accounts"):
            file.execute(f"DELETE FROM {table}")


DAMAGES = {
    "deleted": (deleted, "is missing"),
    "emptied": (emptied, "is empty"),
    "replaced": (replaced, "it was replaced"),
    "foreign": (foreign, "is not a paper exchange"),
    "without account": (without_account, "is older than the ledger"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_an_exchange_that_is_not_ours_stops_the_day(bought: Callable[[], Path], copied: Homes, tmp_path: Path, name: str) -> None:
    folder = bought()
    home = copied(folder / "home")
    whole = shutil.copytree(home.home, tmp_path / "whole")
    damage, words = DAMAGES[name]
    damage(home, folder)
    before = sorted((path.name, path.stat().st_size) for path in home.home.glob("paper.db"))
    for words_of_command in (("amo-adjust",), ("buy", "--session", SCENE.session, "--force"), ("reconcile",), ("doctor",)):
        said = home(*words_of_command, "--json", at=MORNING[0])
        assert said.code == DATABASE, said
        told = said.object["error"] or str(said.object["result"])
        assert words in told
        if name != "foreign":
            assert "No order is sent" in told
            assert "tradectl sandbox accept" in told
    assert sorted((path.name, path.stat().st_size) for path in home.home.glob("paper.db")) == before
    deleted(home, folder)
    shutil.copy(whole / "paper.db", home.home / "paper.db")
    assert home("amo-adjust", "--force", "--json", at=MORNING[0]).outcome == ("completed", 0)
    run(home, MONITOR)
    for table in EXCHANGE:
        assert exchange(home, table) == exchange(Tradectl(folder / "undisturbed", home.server), table), table
    nothing_twice(home)


def test_an_exchange_rolled_back_alone_stops_the_day(bought: Callable[[], Path], copied: Homes, tmp_path: Path) -> None:
    folder = bought()
    home = copied(folder / "home")
    for command in SCENE.after:
        run(home, command)
    deleted(home, folder)
    shutil.copy(folder / "evening" / "paper.db", home.home / "paper.db")
    said = home("sell-monitor", "--json", "--once", at="2023-02-09 09:30")
    assert said.code == DATABASE
    assert "is older than the ledger" in said.object["error"]
    assert said.err.count("\n") <= 4


def test_a_ledger_and_an_exchange_of_one_moment_may_both_go_back(bought: Callable[[], Path], copied: Homes) -> None:
    folder = bought()
    home = copied(folder / "home")
    for command in SCENE.after:
        run(home, command)
    for name in ("ledger.db", "paper.db"):
        for file in home.home.glob(f"{name}*"):
            file.unlink()
        shutil.copy(folder / "evening" / name, home.home / name)
    for command in SCENE.after:
        run(home, command)
    for table in EXCHANGE:
        assert exchange(home, table) == exchange(Tradectl(folder / "undisturbed", home.server), table), table


def test_a_ledger_behind_its_exchange_is_no_alarm(bought: Callable[[], Path], copied: Homes) -> None:
    folder = bought()
    home = copied(folder / "home")
    for command in SCENE.after:
        run(home, command)
    for file in home.home.glob("ledger.db*"):
        file.unlink()
    shutil.copy(folder / "evening" / "ledger.db", home.home / "ledger.db")
    assert home("reconcile", "--json", at="2023-02-09 09:21").code != DATABASE
    assert home("sell-monitor", "--json", "--until", "09:25", at="2023-02-09 09:21").code != DATABASE
    nothing_twice(home)


def test_a_home_of_the_version_before_is_watched_too(bought: Callable[[], Path], copied: Homes) -> None:
    """Its ledger has no mark; its orders say that there was an exchange."""
    folder = bought()
    home = copied(folder / "home")
    with closing(sqlite3.connect(home.home / "ledger.db", isolation_level=None)) as file:
        assert file.execute("DELETE FROM database_info WHERE key LIKE 'exchange:%'").rowcount == 1
    deleted(home, folder)
    said = home("amo-adjust", "--json", at=MORNING[0])
    assert said.code == DATABASE
    assert "is missing" in said.object["error"]
    assert not (home.home / "paper.db").exists()


def test_a_step_that_changes_nothing_stores_no_mark(bought: Callable[[], Path], copied: Homes, tmp_path: Path) -> None:
    folder = bought()
    home = copied(folder / "home")
    for command in SCENE.after:
        run(home, command)
    [before] = home.ledger("SELECT value FROM database_info WHERE key = 'exchange:me'")
    [account] = home.exchange("SELECT changes FROM accounts")
    assert int(before["value"].split()[1]) == account["changes"]
    run(home, ("2023-02-09 09:21", ("reconcile",)))
    assert home.ledger("SELECT value FROM database_info WHERE key = 'exchange:me'") == [before]


def test_a_new_exchange_goes_on_with_the_ledgers_cash_and_shares(bought: Callable[[], Path], copied: Homes) -> None:
    folder = bought()
    home = copied(folder / "home")
    for command in SCENE.after:
        run(home, command)
    positions = home.ledger("SELECT symbol, quantity, cost FROM positions WHERE status = 'open' ORDER BY symbol")
    assert positions
    resting = "SELECT symbol FROM orders WHERE side = 'SELL' AND status = 'ONGOING' ORDER BY symbol"
    before = home.exchange(resting)
    assert before
    [cash] = home.exchange("SELECT sum(amount) AS cash FROM cash_entries")
    deleted(home, folder)
    at = "2023-02-09 09:30"
    refused = home("sandbox", "accept", "--json", at=at)
    assert refused.code == 2
    assert "--new" in refused.object["error"]
    made = home("sandbox", "accept", "--new", "--json", at=at)
    assert made.outcome == ("completed", 0), made
    assert made.object["result"]["positions"] == len(positions)
    assert home.exchange("SELECT sum(amount) AS cash FROM cash_entries") == [cash]
    assert home.exchange("SELECT sum(quantity) AS q, sum(cost) AS c FROM lots") == [
        {"q": sum(row["quantity"] for row in positions), "c": sum(row["cost"] for row in positions)}
    ]
    assert home("reconcile", "--json", at=at).code == 0
    run(home, ("2023-02-09 09:31", ("sell-monitor", "--until", "09:35")))
    assert home.exchange(resting) == before
    assert home.ledger("SELECT count(*) AS n FROM orders WHERE status = 'UNKNOWN'") == [{"n": 0}]


def test_a_replaced_exchange_is_accepted_by_the_owner(bought: Callable[[], Path], copied: Homes) -> None:
    folder = bought()
    home = copied(folder / "home")
    replaced(home, folder)
    assert home("reconcile", at=MORNING[0]).code == DATABASE
    assert home("sandbox", "accept", at=MORNING[0]).code == 0
    assert home("reconcile", "--json", at=MORNING[0]).code != DATABASE


def test_a_new_exchange_is_that_of_every_user(bought: Callable[[], Path], copied: Homes) -> None:
    folder = bought()
    home = copied(folder / "home")
    at = MORNING[0]
    assert home("user", "add", "anna", at=at).code == 0
    assert home("user", "add", "bimal", "--user", "me", at=at).code == 0
    assert home("reconcile", "--user", "anna", at=at).code == 0
    deleted(home, folder)
    for user in ("me", "anna"):
        assert home("reconcile", "--user", user, at=at).code == DATABASE
    assert home("sandbox", "accept", "--new", "--user", "anna", at=at).code == 0
    for user in ("me", "anna", "bimal"):
        assert home("reconcile", "--user", user, "--json", at=at).code == 0, user
    assert {row["account"] for row in home.exchange("SELECT account FROM accounts")} == {"me", "anna", "bimal"}


def test_a_process_that_uses_the_file_notices_its_end(bought: Callable[[], Path], copied: Homes, tmp_path: Path) -> None:
    """It has the old file open: what it wrote there would be read by no other process."""
    folder = bought()
    home = copied(folder / "home")
    watched = home.hooked("replace_exchange", 3, str(home.home / "paper.db"), str(folder / "other" / "paper.db"))
    said = watched("amo-adjust", "--json", at=MORNING[0])
    assert said.code == DATABASE, said
    assert "was deleted or replaced while it was in use" in said.object["error"]
    orders = "SELECT order_id, quantity, price FROM orders ORDER BY order_id"
    assert home.exchange(orders) == Tradectl(folder / "other", home.server).exchange(orders)
