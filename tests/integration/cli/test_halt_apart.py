"""`halt` works whatever becomes of the ledger: locked by a stopped process, damaged, or a server that does not answer."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Tradectl
from tests.integration.execution.conftest import trading  # noqa: F401
from tests.support.hands import operate, result_of
from tests.support.trading import T, Trading, entry, stock

Make = Callable[..., Trading]
ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(not Path("/proc/locks").exists(), reason="needs /proc/locks")

LOCK = """
import os, signal, sqlite3, sys
from tradectl.ledger.write_queue import WriteQueue
what, file = sys.argv[1:]
if what == "turn":
    queue = WriteQueue(file, 5)
    queue.acquire()
else:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
"""


@contextmanager
def stopped(ledger: Path, what: str = "write") -> Iterator[int]:
    """A process that is stopped while it holds SQLite's write lock, or the turn of the writers; its id."""
    with subprocess.Popen(
        [sys.executable, "-c", LOCK, what, str(ledger)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        os.waitpid(process.pid, os.WUNTRACED)
        try:
            yield process.pid
        finally:
            process.kill()


@pytest.fixture
def made(tradectl: Tradectl, home: Path, set_clock: Callable[[str], None]) -> Path:
    """A home with its ledger, on a Sunday of a listed year: nothing is due."""
    set_clock("2026-11-29 12:00")
    assert tradectl("init").code == 0
    assert tradectl("executions").code == 0
    return home


@pytest.mark.parametrize("what", ["write", "turn"])
def test_halt_does_not_wait_for_a_stopped_process(tradectl: Tradectl, made: Path, what: str):
    with stopped(made / "ledger.db", what) as pid:
        said = tradectl("halt", "--reason", "now")
        assert said.code == 0
        first, account, follows = said.out.splitlines()
        assert (first, account) == ("HALTED, now: only cancels are sent", f"account me in {made}")
        assert follows.startswith("the marker is set, and every send reads it; ")
        assert (
            f"the ledger could not be written (the next task does it): {made}/ledger.db is locked by process {pid} (" in said.out
        )
        assert f"which is stopped: nothing can be written until that process continues (`kill -CONT {pid}`)" in said.out
        status = tradectl("status")
        assert "trading   HALTED, now" in status.out
        assert "and the ledger has ACTIVE: the stricter applies until `tradectl resume`" in status.words
        assert f"locked {made}/ledger.db is locked by process {pid}" in status.words
        refused = tradectl("resume")
        assert (refused.code, f"is locked by process {pid}" in refused.err, refused.out) == (10, True, "")
        assert tradectl("status", "--json").object["result"]["trading_state"] == "HALTED"
    assert tradectl("run-due").code == 0
    shown = tradectl("status", "--json").object["result"]
    assert (shown["ledger_state"], shown["marker"]["state"], shown["state_reason"]) == ("HALTED", "HALTED", "now")
    assert tradectl("resume").out == f"ACTIVE: everything may be sent\naccount me in {made}\n"
    assert tradectl("status", "--json").object["result"]["trading_state"] == "ACTIVE"


@pytest.mark.parametrize("what", ["write", "turn"])
def test_a_write_names_the_stopped_process(tradectl: Tradectl, made: Path, what: str):
    with stopped(made / "ledger.db", what) as pid:
        said = tradectl("run-due", "-q")
        assert said.code == 10
        assert f"is locked by process {pid}" in said.err
        assert f"`kill -KILL {pid}`" in said.err
        assert len(said.err.splitlines()) == 1


def test_halt_with_a_damaged_ledger(tradectl: Tradectl, made: Path):
    (made / "ledger.db").write_bytes(b"no database at all, " * 1000)
    said = tradectl("halt", "--reason", "now")
    assert said.code == 0
    assert "HALTED, now: only cancels are sent" in said.out
    assert "the ledger could not be written (the next task does it)" in said.out
    status = tradectl("status")
    assert (status.code, status.out) == (10, "me: the halt marker is HALTED, now\n")
    assert "is not a database" in status.err
    assert tradectl("resume").code == 10
    assert (made / "halt-me.halted").exists()


def undecodable_schema(ledger: Path) -> None:
    with closing(sqlite3.connect(ledger, isolation_level=None)) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = ledger.read_bytes()
    assert content.count(b"CREATE TABLE users") == 1
    for part in ledger.parent.glob("ledger.db*"):
        part.unlink()
    ledger.write_bytes(content.replace(b"CREATE TABLE users", b"CREATE T\xffBLE users"))


def absurd_moment(ledger: Path) -> None:
    with closing(sqlite3.connect(ledger, isolation_level=None)) as file:
        file.execute("UPDATE users SET state_until = 'soon'")


@pytest.mark.parametrize("damage", [undecodable_schema, absurd_moment])
def test_halt_says_so_whatever_a_damaged_ledger_raises(tradectl: Tradectl, made: Path, damage: Callable[[Path], None]):
    damage(made / "ledger.db")
    said = tradectl("halt", "--reason", "now")
    assert (said.code, "other users cannot be read" in said.err) == (0, damage is undecodable_schema)
    assert said.out.startswith("HALTED, now: only cancels are sent\n")
    (told,) = [line for line in said.out.splitlines() if "the ledger could not be written (the next task does it)" in line]
    assert "damaged" in told
    assert (made / "halt-me.halted").exists()
    assert tradectl("halt", "--json").object["result"]["marker"] == "HALTED"


def test_a_schema_that_cannot_be_decoded_is_told_in_one_line(tradectl: Tradectl, made: Path):
    undecodable_schema(made / "ledger.db")
    for words in (("status",), ("resume",), ("run-due",)):
        said = tradectl(*words)
        damaged = f"tradectl: {made}/ledger.db is damaged: `tradectl help back-up` shows how to restore a backup\n"
        assert (said.code, said.err) == (10, damaged)


@contextmanager
def silent_server() -> Iterator[int]:
    """A port at which connections are taken and nothing is ever answered, as by a server that is stopped."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


def test_halt_with_a_silent_database_server(tradectl: Tradectl, made: Path):
    with silent_server() as port:
        said = tradectl("--db", f"postgresql+psycopg://u:p@127.0.0.1:{port}/d", "halt")
    assert said.code == 0
    assert "the ledger could not be written (the next task does it): the database server does not reply within" in said.out
    assert (made / "halt-me.halted").exists()


def test_halt_with_a_database_server_that_is_down(tradectl: Tradectl, made: Path):
    with silent_server() as port:
        pass
    said = tradectl("--db", f"postgresql+psycopg://u:p@127.0.0.1:{port}/d", "halt")
    assert said.code == 0
    assert "the ledger could not be written (the next task does it): " in said.out
    assert (made / "halt-me.halted").exists()


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (b"Z\xfcrich", "Zürich"),
        ("Zürich".encode(), "Zürich"),
        (b"\xff\xfe\x80", "ÿþ"),
        (b"two\nlines\x1b[31m red", "two lines [31m red"),
        (b"\xed\xa0\x80", "í"),
        (b"x" * 5000, "x" * 500),
        (b" ", "by hand"),
    ],
    ids=["latin-1", "utf-8", "bytes", "control", "surrogate", "long", "blank"],
)
def test_halt_takes_any_bytes_as_a_reason(made: Path, said: bytes, shown: str):
    env = {**os.environ, "TRADECTL_HOME": str(made)}
    line = [os.fsencode(sys.executable), b"-m", b"tradectl", b"halt", b"--reason", said]
    done = subprocess.run(line, env=env, cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().startswith(f"HALTED, {shown}")
    assert (made / "halt-me.halted").exists()


def test_a_halt_is_not_restored_away(tradectl: Tradectl, made: Path, tmp_path: Path):
    assert tradectl("backup", str(tmp_path / "safe")).code == 0
    (backup,) = (tmp_path / "safe").iterdir()
    assert tradectl("halt", "--reason", "now").code == 0
    for file in made.glob("ledger.db*"):
        file.unlink()
    for file in backup.iterdir():
        shutil.copy2(file, made / file.name)
    shown = tradectl("status", "--json").object["result"]
    assert (shown["trading_state"], shown["ledger_state"]) == ("HALTED", "ACTIVE")


def test_a_home_without_a_marker_takes_its_ledgers_state(tradectl: Tradectl, made: Path):
    assert tradectl("halt", "--reason", "first").code == 0
    for file in made.glob("halt-*"):
        file.unlink()
    assert tradectl("status", "--json").object["result"]["marker"]["state"] is None
    assert tradectl("run-due").code == 0
    assert tradectl("status", "--json").object["result"]["marker"]["reason"] == "first"


def test_a_marker_that_is_lost_stops_everything_until_resume(trading: Make):  # noqa: F811
    market = trading(stock())
    (market.folder / "halt-asha.active").unlink()
    assert "the halt marker of asha is missing" in operate(market, "status").out
    sender = market.trading(market.claim("test", T)).path
    assert sender.place(entry(10, 10000)).order is None
    assert result_of(market, "resume")["changed"] is True
    assert sender.place(entry(10, 10000)).ok


def test_halt_knows_its_user(tradectl: Tradectl, made: Path):
    assert tradectl("user", "add", "bo").code == 0
    unclear = tradectl("halt")
    assert (unclear.code, "--user NAME" in unclear.err) == (2, True)
    assert not list(made.glob("halt-*ed"))
    assert tradectl("--user", "nobody", "halt").code == 2
    assert tradectl("--user", "bo", "halt").code == 0
    assert {path.name for path in made.glob("halt-*ed")} == {"halt-bo.halted"}


@pytest.mark.parametrize("words", [("halt",), ("halt", "--cancel"), ("--user", "me", "halt", "--reducing"), ("resume",)])
def test_a_home_that_is_not_there_is_neither_made_nor_halted(tradectl: Tradectl, made: Path, words: tuple[str, ...]):
    for wrong in (made.parent / "typo", made.parent / "empty"):
        (made.parent / "empty").mkdir(exist_ok=True)
        said = tradectl("--home", str(wrong), *words)
        assert (said.code, said.out) == (4, "")
        assert f"there is no home in {wrong}" in said.err
        assert ("NOTHING is halted" if "halt" in words else "nothing is resumed") in said.err
        elsewhere = tradectl("--home", str(made.parent / "typo"), "--db", str(made / "ledger.db"), *words)
        assert (elsewhere.code, elsewhere.out) == (4, "")
    assert {path.name for path in made.parent.iterdir()} == {"home", "empty"}
    assert list((made.parent / "empty").iterdir()) == []
    assert not list(made.glob("halt-*ed"))


def test_halt_with_a_missing_ledger_makes_none(tradectl: Tradectl, made: Path):
    for file in made.glob("ledger.db*"):
        file.unlink()
    said = tradectl("halt", "--cancel")
    assert said.code == 4
    assert "the account is HALTED, but no order was cancelled: there is no home in" in said.err
    assert f"the ledger could not be written (the next task does it): there is no ledger in {made}/ledger.db" in said.out
    assert (made / "halt-me.halted").exists()
    assert not list(made.glob("ledger.db*"))


def test_halt_and_resume_name_home_and_user(tradectl: Tradectl, made: Path):
    for words in (("halt",), ("halt",), ("resume",), ("halt", "--reducing")):
        assert tradectl(*words).out.splitlines()[1] == f"account me in {made}"
    result = tradectl("halt", "--json").object["result"]
    assert (result["user"], result["home"]) == ("me", str(made))


def test_halt_asks_whose_account_where_one_marker_is_missing(
    tradectl: Tradectl, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a home of several users that an earlier version made."""
    monkeypatch.setattr("tradectl.cli.halt.USERS_WAIT", 60.0)
    assert tradectl("user", "add", "bo").code == 0
    for file in made.glob("halt-bo.*"):
        file.unlink()
    unclear = tradectl("halt")
    assert (unclear.code, unclear.out) == (2, "")
    assert f"{made} has the users bo, me: NOTHING is halted; choose one with --user NAME" in unclear.err
    assert not list(made.glob("halt-*ed"))
    assert tradectl("--user", "bo", "halt").out.splitlines()[1] == f"account bo in {made}"


def test_halt_says_that_it_does_not_know_of_other_users(tradectl: Tradectl, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine that is too busy to read the ledger in time: one account is halted, and that is said."""
    assert tradectl("user", "add", "bo").code == 0
    for file in made.glob("halt-bo.*"):
        file.unlink()
    monkeypatch.setattr("tradectl.cli.halt.USERS_WAIT", 0.0)
    said = tradectl("halt")
    assert (said.code, said.out.splitlines()[1]) == (0, f"account me in {made}")
    assert f"only me has a marker in {made}; other users cannot be read: " in said.err


def test_a_command_that_writes_makes_the_markers_of_all_users(tradectl: Tradectl, made: Path):
    assert tradectl("user", "add", "bo").code == 0
    assert tradectl("--user", "bo", "halt", "--reason", "first").code == 0
    for file in made.glob("halt-*"):
        file.unlink()
    assert tradectl("--user", "me", "run-due").code == 0
    found = {path.name for path in made.glob("halt-*") if path.suffix != ".reason"}
    assert found == {"halt-bo.halted", "halt-me.active"}


def test_halt_takes_the_only_marker_without_a_ledger(tradectl: Tradectl, made: Path):
    (made / "ledger.db").write_bytes(b"no database at all, " * 1000)
    assert tradectl("halt").out.splitlines()[1] == f"account me in {made}"


@pytest.mark.parametrize("damage", ["user = me", "users = 'me'", "\xff"])
def test_halt_works_with_damaged_settings(tradectl: Tradectl, made: Path, damage: str):
    (made / "tradectl.toml").write_bytes(damage.encode("latin-1"))
    said = tradectl("halt", "--reason", "now")
    assert (said.code, said.out.splitlines()[:2]) == (0, ["HALTED, now: only cancels are sent", f"account me in {made}"])
    assert f"{made}/tradectl.toml" in said.err
    assert "the account is HALTED nevertheless" in said.err
    assert "the ledger could not be written (the next task does it): the ledger is not known" in said.out
    assert (made / "halt-me.halted").exists()
    assert tradectl("status").code == tradectl("resume").code == 4
    cancelled = tradectl("halt", "--cancel", "--json")
    assert (cancelled.code, cancelled.object["result"]["marker"]) == (4, "HALTED")
    assert "tradectl.toml" in cancelled.object["result"]["settings_error"]
    named = tradectl("--db", str(made / "ledger.db"), "halt")
    assert (named.code, "the ledger could not be written (the next task does it)" in named.out) == (0, False)


def test_halt_asks_for_the_user_where_settings_are_damaged(tradectl: Tradectl, made: Path):
    assert tradectl("user", "add", "bo").code == 0
    (made / "tradectl.toml").write_text("user = bo")
    unclear = tradectl("halt")
    assert (unclear.code, "tradectl.toml" in unclear.err, "NOTHING is halted" in unclear.err) == (2, True, True)
    assert tradectl("--user", "bo", "halt").code == 0
    assert (made / "halt-bo.halted").exists()


@pytest.mark.parametrize("named", ["environment", "option"])
def test_halt_works_with_a_moment_that_cannot_be_read(
    tradectl: Tradectl, made: Path, named: str, monkeypatch: pytest.MonkeyPatch
):
    words = ("halt", "--at", "soon") if named == "option" else ("halt",)
    if named == "environment":
        monkeypatch.setenv("TRADECTL_AT", "soon")
    said = tradectl(*words)
    assert (said.code, said.out.splitlines()[0]) == (0, "HALTED, by hand: only cancels are sent")
    assert "'soon' is not a moment" in said.err
    assert (made / "halt-me.halted").exists()
    monkeypatch.delenv("TRADECTL_AT", raising=False)
    assert tradectl("status", "--json").object["result"]["ledger_state"] == "HALTED"
    assert tradectl("status", "--at", "soon").code == 2


def test_an_interrupted_resume_leaves_the_account_halted(tradectl: Tradectl, made: Path):
    tradectl("halt")
    (made / "halt-me.halted").rename(made / "halt-me.resuming")
    assert "trading   HALTED" in tradectl("status").out
    assert tradectl("resume").code == 0
    assert [path.name for path in sorted(made.glob("halt-*"))] == ["halt-me.active", "halt-me.reason"]


def test_status_exits_7_on_an_order_of_unknown_outcome(trading: Make):  # noqa: F811
    market = trading(stock())
    order = market.record(market.claim("test", T), entry(10, 10000), "A" * 15)
    assert operate(market, "status").code == 0
    market.ledger.book.intents.mark_unknown(order, "no answer", market.clock.now(), absent_since=None)
    said = operate(market, "status")
    assert said.code == 7
    assert "UNKNOWN   BUY 10 ACME" in said.out
    assert operate(market, "status", "--json").object["exit_code"] == 7


def test_halt_tells_of_orders_that_were_being_sent(trading: Make):  # noqa: F811
    market = trading(stock())
    market.record(market.claim("test", T), entry(10, 10000), "A" * 15)
    assert "1 order was being sent and may still arrive: `tradectl reconcile` shows" in operate(market, "halt").out


def test_a_failed_cancel_does_not_hide_the_halt(tradectl: Tradectl, made: Path):
    (made / "ledger.db").write_bytes(b"no database at all, " * 1000)
    said = tradectl("halt", "--cancel")
    assert said.code == 10
    assert "the account is HALTED, but no order was cancelled" in said.err
    assert (made / "halt-me.halted").exists()
