"""Case 09: a slot that a wrong clock closed runs once time is inside its window again; the clock's jump is recorded and reported.

The home is on the machine's clock and holds two positions with a sell each; every command is a process of its own, whose machine
has the time that the test says.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.acceptance.cases.processes import clock_at
from tests.acceptance.conftest import server
from tests.acceptance.program import Row, Said, Server, Tradectl, rows
from tradectl.model.moment import IST

__all__ = ["server"]

DAY, NEXT = "2023-03-02", "2023-03-03"
Command = Callable[[str, str], Said]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=IST).astimezone(UTC)


def command(server: Server, home: Path) -> Command:
    def run(at: str, words: str) -> Said:
        return Tradectl(home, server)(*words.split(), env=clock_at(moment(at)))

    return run


@pytest.fixture(scope="module")
def morning(server: Server, real_market: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home at 11:00: it bought two stocks after the close of the day before, and both sells rest."""
    home = tmp_path_factory.mktemp("clock") / "home"
    home.mkdir()
    (home / "tradectl.toml").write_text(f'market = "{real_market}"\n', encoding="utf-8")
    at = command(server, home)
    steps = [
        ("2023-02-28 20:00", "init", 0),
        ("2023-02-28 20:00", "config set universe nifty50", 0),
        ("2023-03-01 16:00", "analyze -q", 0),
        ("2023-03-01 16:05", "buy -q", 0),
        (f"{DAY} 09:05", "amo-adjust -q", 0),
        (f"{DAY} 11:00", "run-due -q", 12),
    ]
    for when, words, code in steps:
        done = at(when, words)
        assert done.code == code, (when, words, done)
    assert len(sells(home, DAY)) == 2
    return home


@pytest.fixture
def home(morning: Path, tmp_path: Path) -> Path:
    return shutil.copytree(morning, tmp_path / "home")


@pytest.fixture
def at(server: Server, home: Path) -> Command:
    """Runs a command at a time of the machine: `at("2023-03-02 11:01", "run-due -q")`."""
    return command(server, home)


def sells(home: Path, session: str) -> list[Row]:
    """The live sells of a session at the exchange itself."""
    query = "SELECT symbol, quantity FROM orders WHERE side = 'SELL' AND status = 'ONGOING' AND session = ? ORDER BY symbol"
    return rows(home / "paper.db", query, session)


def status_of(home: Path, task: str, session: str = DAY) -> str:
    query = "SELECT status FROM task_executions WHERE task = ? AND session_date = ? ORDER BY slot DESC LIMIT 1"
    return str(rows(home / "ledger.db", query, task, session)[0]["status"])


def jumps(home: Path) -> list[str]:
    query = "SELECT message FROM user_logs WHERE action = 'clock_jumped' ORDER BY id"
    return [str(row["message"]) for row in rows(home / "ledger.db", query)]


@pytest.mark.parametrize(
    ("wrong", "length"), [(f"{DAY} 16:30", "5:"), (f"{NEXT} 10:30", "23:"), ("2023-03-01 10:30", "1 day, 0:")]
)
def test_the_monitor_sells_again_once_the_time_is_right(at: Command, home: Path, wrong: str, length: str):
    at(wrong, "run-due -q")
    done = at(f"{DAY} 11:01", "run-due -q")
    assert done.code in {0, 12}
    assert "the machine's clock went" in done.err
    assert [row["symbol"] for row in sells(home, DAY)] == ["CIPLA", "SUNPHARMA"]
    assert status_of(home, "sell-monitor") == "running"
    assert any(f"by {length}" in line for line in jumps(home))
    said = at(f"{DAY} 11:02", "status")
    assert "clock     the machine's clock went" in said.out
    titles = [row["title"] for row in rows(home / "ledger.db", "SELECT title FROM outbox")]
    assert "the machine's clock jumped" in titles


def test_a_command_alone_runs_its_missed_slot_too(at: Command, home: Path):
    """With a line of cron for each task nothing else looks."""
    at(f"{DAY} 16:30", "eod --trigger cron -q")
    assert status_of(home, "sell-monitor") == "completed"
    assert at(f"{DAY} 11:01", "sell-monitor --once --trigger cron -q").code == 0
    assert len(sells(home, DAY)) == 2


def test_status_says_so_before_any_task_has_run(at: Command, home: Path):
    at(f"{DAY} 16:30", "run-due -q")
    said = at(f"{DAY} 11:01", "status")
    assert "clock     the machine's clock went back by 5:" in said.out
    (monitor,) = [line for line in said.out.splitlines() if line.startswith("09:15 ")]
    assert monitor.split()[2] == "due"
    assert f"position-monitor 15:30 of {DAY}" not in json.loads(at(f"{DAY} 11:01", "status --json").out)["result"]["missed"]


def test_the_message_says_what_runs_again_and_what_is_not_undone(at: Command, home: Path):
    at(f"{DAY} 16:30", "run-due -q")
    at(f"{DAY} 11:01", "run-due -q")
    message = jumps(home)[-1]
    assert "Runs again in its window: sell-monitor of 2023-03-02, position-monitor 11:30 of 2023-03-02" in message
    assert "Completed with a future time: buy of 2023-03-02; `tradectl buy --session 2023-03-02 --force` runs it again" in message
    assert "Orders with a future time: BUY 79 M&M" in message


def test_the_evening_comes_in_time_and_buys_nothing_twice(at: Command, home: Path):
    at(f"{DAY} 16:30", "run-due -q")
    for when in ("11:01", "16:00", "16:06", "18:01"):
        at(f"{DAY} {when}", "run-due -q")
    found = rows(home / "ledger.db", "SELECT task, attempt FROM task_executions WHERE task IN ('analyze', 'buy') ORDER BY task")
    assert [tuple(row.values()) for row in found if row["attempt"]][-1] == ("buy", 1)
    assert {row["attempt"] for row in found if row["task"] == "analyze"} == {1, 2}
    bought = rows(home / "paper.db", "SELECT symbol FROM orders WHERE side = 'BUY' ORDER BY symbol")
    assert [row["symbol"] for row in bought] == ["CIPLA", "M&M", "SUNPHARMA"]


def test_tomorrow_is_traded_though_a_part_of_it_was_before(at: Command, home: Path):
    at(f"{NEXT} 11:00", "run-due -q")
    for when in (f"{DAY} 11:01", f"{DAY} 18:01", f"{NEXT} 08:01", f"{NEXT} 09:05", f"{NEXT} 09:16"):
        at(when, "run-due -q")
    assert [row["symbol"] for row in sells(home, NEXT)] == ["CIPLA", "SUNPHARMA"]
    assert (status_of(home, "premarket-retry", NEXT), status_of(home, "amo-adjust", NEXT)) == ("missed", "completed")
