"""`doctor`: one line for each thing that a day needs, and the exit code of what a task would end with."""

from __future__ import annotations

import gzip
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, date, time
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Said, Tradectl
from tradectl.bootstrap import open_world
from tradectl.brokers.account.credentials import StoredVault
from tradectl.brokers.adapter import LoginSession, adapter
from tradectl.brokers.kite.login import expiry
from tradectl.lab.sandboxes.kite import KiteSandbox
from tradectl.model.moment import at_ist
from tradectl.settings import load

pytestmark = pytest.mark.any_day

THEN = "2025-07-01 08:30"
"""The morning after the last bars of the real market."""
AT_THEN = pytest.mark.usefixtures("trading_hours")
"""For a test whose commands all have `--at`: the day of the machine is the same to it."""
PAPER = [
    "files",
    "ledger",
    "journal",
    "exchange",
    "key",
    "rights",
    "disk",
    "calendar",
    "trading",
    "orders",
    "timetable",
    "approval",
    "service",
    "cron",
    "jumps",
]
PAPER += ["messages", "fills", "charges", "prices", "sessions", "universe", "corporate actions", "closing auction"]
PAPER += ["surveillance", "data"]
ASKED = ["book", "shares", "funds", "quotes", "account"]


@pytest.fixture
def paper(home: Path, real_market: Path, tradectl: Tradectl) -> Tradectl:
    home.mkdir()
    (home / "tradectl.toml").write_text(f'market = "{real_market}"\n', encoding="utf-8")
    assert tradectl("config", "set", "universe", "nifty50", "--at", THEN).code == 0
    return tradectl


@pytest.fixture
def kite(tmp_path: Path, real_market: Path) -> Iterator[KiteSandbox]:
    """Kite Connect over a paper home in this process."""
    folder = tmp_path / "paper"
    folder.mkdir()
    (folder / "tradectl.toml").write_text(f'market = "{real_market}"\n', encoding="utf-8")
    world = open_world(load(home=str(folder), environment={}))
    with KiteSandbox(lambda: world.broker, lambda: world.market, world.clock, world.sessions) as server:
        yield server


@pytest.fixture
def live(tradectl: Tradectl, kite: KiteSandbox, home: Path, real_market: Path) -> Tradectl:
    home.mkdir()
    (home / "tradectl.toml").write_text(f'market = "{real_market}"\n', encoding="utf-8")
    assert tradectl("init", "--mode", "live", "--broker", "kite").code == 0
    tell(tradectl, kite)
    tradectl("config", "set", "universe", "nifty50")
    return tradectl


def tell(tradectl: Tradectl, kite: KiteSandbox) -> None:
    told = f"api_key={kite.tokens.key}\napi_secret={kite.tokens.secret}\n"
    addresses = ("--address", f"api={kite.url}", "--address", f"login={kite.url}/connect/login")
    assert tradectl("broker", "set", "kite", *addresses, stdin=told).code == 0


def states(said: Said) -> dict[str, str]:
    return {item["check"]: item["state"] for item in said.object["result"]}


@AT_THEN
def test_a_home_that_can_trade_has_nothing_wrong(paper: Tradectl) -> None:
    said = paper("doctor", "--json", "--at", THEN)
    assert (said.code, list(states(said))) == (0, PAPER)
    assert [name for name, state in states(said).items() if state != "fine"] == ["messages", "sessions", "surveillance"]
    assert "3 look" in paper("doctor", "--at", THEN).out.splitlines()[-1]


@AT_THEN
def test_prices_that_are_old_are_said_to_be(paper: Tradectl) -> None:
    said = paper("doctor", "--at", "2025-07-03 08:30")
    assert (said.code, "the newest bars are of 2025-06-30, and 2 sessions have ended since" in said.out) == (8, True)


def test_a_home_without_prices_is_not_fit(tradectl: Tradectl) -> None:
    tradectl("status")
    said = tradectl("doctor")
    assert (said.code, states(tradectl("doctor", "--json"))["prices"], said.out.count("no market data")) == (4, "wrong", 1)
    assert "surveillance       see prices" in said.out


def test_a_paper_home_that_trades_today_needs_prices_of_today(tradectl: Tradectl, home: Path, real_market: Path) -> None:
    home.mkdir()
    settings = home / "tradectl.toml"
    settings.write_text(f'market = "{real_market}"\n', encoding="utf-8")
    tradectl("init")
    said = tradectl("doctor", "--json")
    assert states(said)["fills"] == "wrong"
    assert said.code in {4, 8}
    assert "no source of quotes is set" in tradectl("doctor").out
    settings.write_text(f'market = "{real_market}"\nquotes = "yahoo"\n', encoding="utf-8")
    assert states(tradectl("doctor", "--offline", "--json"))["fills"] == "fine"


@AT_THEN
def test_a_session_without_bars_is_wrong(tradectl: Tradectl, home: Path, shared_data: Path, tmp_path: Path) -> None:
    """The bars of two weeks, one day of which was not fetched."""
    head, *lines = gzip.decompress((shared_data / "daily" / "nse-daily-2025.csv.gz").read_bytes()).decode().splitlines()
    file = tmp_path / "daily.csv"
    kept = [line for line in lines if line[:10] >= "2025-06-16" and line[:10] != "2025-06-24"]
    file.write_text("\n".join([head, *(line for line in kept if ",RELIANCE," in line)]) + "\n", encoding="utf-8")
    assert tradectl("data", "import", str(file)).code == 0
    tradectl("config", "set", "universe", "RELIANCE", "--at", THEN)
    said = tradectl("doctor", "--at", THEN)
    assert (said.code, "a session has no bars, or bars of few stocks (2025-06-24)" in said.out) == (8, True)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user reaches; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder


@contextmanager
def another_user() -> Iterator[None]:
    """Not root, for whom no file is closed."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.usefixtures("trading_hours")  # who owns a file does not depend on the day
@pytest.mark.parametrize(
    "closed",
    ["ledger.db", "ledger.db-wal", "paper.db", "market", "market/archive.db", "ledger.db.lock", "brokers/login.lock", "."],
)
def test_a_file_that_this_user_cannot_write_is_wrong(
    tradectl: Tradectl, open_folder: Path, closed: str, stack: ExitStack
) -> None:
    """Somebody ran a command as root."""
    home = open_folder / "home"
    words = ("doctor", "--json", "--home", str(home))
    tradectl("init", "--home", str(home))
    tradectl("doctor", "--home", str(home))
    held = stack.enter_context(closing(sqlite3.connect(home / "ledger.db")))  # the last connection that ends deletes the log
    held.execute("SELECT count(*) FROM users").fetchall()
    file = home / closed
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        file.touch() if "." in file.name else file.mkdir()
    for path in [home, *home.rglob("*")]:
        path.chmod(0o777 if path.is_dir() else 0o666)
    file.chmod(0o555 if file.is_dir() else 0o444)
    with another_user():
        said = tradectl(*words)
    file.chmod(0o777)
    found = next(item for item in said.object["result"] if item["check"] == "files")
    assert (found["state"], said.code) == ("wrong", 10)
    assert f"cannot use {file.resolve()} (of " in found["text"]
    assert f"`chown -R USER {home}`" in found["text"]
    assert states(tradectl(*words))["files"] == "fine"


def test_where_no_home_is_none_is_made(tradectl: Tradectl, home: Path) -> None:
    said = tradectl("doctor")
    assert (said.code, "there is no home in" in said.err, home.exists()) == (2, True, False)


@AT_THEN
def test_what_a_person_has_stopped_is_to_be_looked_at(paper: Tradectl) -> None:
    paper("schedule", "disable", "buy", "--at", THEN)
    paper("halt", "--reducing", "--reason", "a test", "--at", THEN)
    said = paper("doctor", "--json", "--at", THEN)
    assert (said.code, states(said)["trading"], states(said)["timetable"]) == (0, "look", "look")
    paper("halt", "--reason", "a test", "--at", THEN)
    said = paper("doctor", "--json", "--at", THEN)
    assert (said.code, states(said)["trading"]) == (9, "wrong")


@AT_THEN
def test_a_damaged_ledger_is_found(paper: Tradectl, home: Path) -> None:
    with closing(sqlite3.connect(home / "ledger.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [size] = database.execute("PRAGMA page_size").fetchone()
        [page] = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'user_logs'").fetchone()
    with (home / "ledger.db").open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    said = paper("doctor", "--at", THEN)
    assert (said.code, "ledger.db is damaged" in said.out) == (10, True)


def test_a_key_that_others_can_read_or_that_is_gone_is_wrong(tradectl: Tradectl, home: Path) -> None:
    tradectl("init", "--mode", "live", "--broker", "openalgo")
    tradectl("broker", "set", "openalgo", stdin="api_key=something\n")
    key = home / "secret.key"
    key.chmod(0o644)
    assert f"`chmod 600 {key}`" in tradectl("doctor", "--offline").out
    key.unlink()
    said = tradectl("doctor", "--offline", "--json")
    assert (said.code, states(said)["key"]) == (4, "wrong")


def test_without_a_session_only_the_clock_is_compared(live: Tradectl) -> None:
    said = live("doctor", "--json")
    found = states(said)
    assert list(found)[len(PAPER) :] == ["credentials", "session", "armed", "clock"]
    assert (found["credentials"], found["session"], found["armed"], found["clock"]) == ("fine", "wrong", "wrong", "fine")
    assert "there is no session at kite: `tradectl login`" in said.out


def test_everything_that_tasks_will_ask_the_broker_is_asked(live: Tradectl, kite: KiteSandbox) -> None:
    live("login", stdin=f"{kite.tokens.request()}\n")
    said = live("doctor", "--json")
    found = states(said)
    assert list(found)[-len(ASKED) :] == ASKED
    assert [found[name] for name in ("book", "shares", "funds", "account")] == ["fine"] * 4
    assert found["session"] != "wrong"  # by the time of the day it is over before the next task
    assert (found["armed"], said.code) == ("wrong", 8)  # 8: the stored prices are old
    assert "demat consent is 'consent'" in said.out
    assert live("orders", "list", "--json").object["result"] == []


def test_offline_nobody_is_asked(live: Tradectl, kite: KiteSandbox) -> None:
    live("login", stdin=f"{kite.tokens.request()}\n")
    kite.stop()
    assert list(states(live("doctor", "--offline", "--json")))[-1] == "armed"
    said = live("doctor", "--json")
    assert list(states(said).items())[-1] == ("clock", "wrong")
    assert (said.code, "kite sends no date" in said.out) == (6, True)
    assert list(states(said))[-1] == "clock"


def test_a_paper_home_on_live_prices_is_asked_about_those(
    tradectl: Tradectl, kite: KiteSandbox, home: Path, real_market: Path
) -> None:
    home.mkdir()
    (home / "tradectl.toml").write_text(f'market = "{real_market}"\nquotes = "kite"\n', encoding="utf-8")
    tell(tradectl, kite)
    assert list(states(tradectl("doctor", "--json")))[len(PAPER) :] == ["credentials", "session", "clock"]
    assert "\nme, paper, on the live prices of kite, " in f"\n{tradectl('status').out}"
    tradectl("login", stdin=f"{kite.tokens.request()}\n")
    found = states(tradectl("doctor", "--json"))
    assert list(found)[len(PAPER) :] == ["credentials", "session", "clock", "quotes"]
    assert found["session"] != "wrong"


def test_a_session_that_cannot_be_read_is_made_anew(live: Tradectl, kite: KiteSandbox, home: Path) -> None:
    world = open_world(load(home=str(home), environment={}))
    world.ledger.settings.credentials(home / "secret.key").set("kite.session", "half of a sess")
    world.close()
    said = live("doctor", "--json")
    assert (said.code, states(said)["session"]) == (4, "wrong")
    assert "`tradectl login --again`" in live("login", stdin=f"{kite.tokens.request()}\n").err
    assert live("login", "--again", stdin=f"{kite.tokens.request()}\n").code == 0
    assert states(live("doctor", "--json"))["session"] != "wrong"


def test_a_live_home_without_bars_is_examined_to_the_end(tradectl: Tradectl, kite: KiteSandbox) -> None:
    tradectl("init", "--mode", "live", "--broker", "kite")
    tell(tradectl, kite)
    tradectl("login", stdin=f"{kite.tokens.request()}\n")
    found = states(tradectl("doctor", "--json"))
    assert list(found)[-len(ASKED) :] == ASKED
    assert (found["prices"], found["quotes"], found["book"]) == ("wrong", "wrong", "fine")


@AT_THEN
@pytest.mark.parametrize(("at", "state"), [("07:10", "look"), ("07:40", "wrong"), ("16:10", "fine")])
def test_a_session_may_end_before_the_next_task_is_due(
    tradectl: Tradectl, home: Path, real_market: Path, at: str, state: str
) -> None:
    """In the morning the one of yesterday still holds, and is over at 07:30."""
    home.mkdir()
    (home / "tradectl.toml").write_text(f'market = "{real_market}"\nquotes = "kite"\n', encoding="utf-8")
    when = f"2025-07-01 {at}"
    assert tradectl("broker", "set", "kite", "--at", when, stdin="api_key=k\napi_secret=secret-of-a-test\n").code == 0
    world = open_world(load(home=str(home), at=when, environment={}))
    vault = StoredVault(world.ledger.settings.credentials(home / "secret.key"), adapter("kite"))
    began = at_ist(date(2025, 6, 30) if at < "08:00" else date(2025, 7, 1), time(7, 45)).astimezone(UTC)
    vault.keep_session(LoginSession({"access_token": "token-of-a-test"}, began, expiry(began)))
    world.close()
    said = tradectl("doctor", "--offline", "--json", "--at", when)
    assert states(said)["session"] == state
    assert ("but premarket-retry 08:00 needs a session later" in said.out) is (state == "look")
