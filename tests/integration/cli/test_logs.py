"""The log: searched by words, followed by a process, one line for each run of a task, kept as long as the setting says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Tradectl
from tests.integration.execution.conftest import trading  # noqa: F401
from tests.support.trading import D
from tradectl import bootstrap
from tradectl.cli.logs import canonical
from tradectl.ledger.opening import open_database
from tradectl.ledger.store import Ledger
from tradectl.settings import load

NOW = datetime(2026, 11, 25, 4, 30, tzinfo=UTC)
LINES = [
    ("info", "order_placed", "BUY 10 ACME at 100.50", "buy", "ACME"),
    ("warning", "order_refused", "SELL 5 BETA: 100% of margin is used", "sell-monitor", "BETA"),
    ("error", "task_failed", "analyze: no bars of ACME", "analyze", ""),
]


@pytest.fixture
def logged(tradectl: Tradectl, home: Path) -> Tradectl:
    ledger = bootstrap.init(load(home=str(home), environment={})).ledger
    for number, (level, action, message, task, symbol) in enumerate(LINES):
        ledger.logs.append(NOW + timedelta(minutes=number), level, action, message, task=task, symbol=symbol)
    ledger.database.close()
    return tradectl


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("acme", [0, 2]),
        ("ACME bars", [2]),
        ("bars acme", [2]),
        ("100%", [1]),
        ("order_", [0, 1]),
        ("sell-monitor", [1]),
        ("nothing", []),
    ],
)
def test_a_search_finds_lines_with_every_word(logged: Tradectl, words: str, found: list[int]) -> None:
    rows = logged("logs", "--search", words, "--json").object["result"]
    assert [row["message"] for row in rows] == [LINES[number][2] for number in found]


def test_json_lines_are_one_object_a_line(logged: Tradectl) -> None:
    said = logged("logs", "--jsonl", "--level", "warning")
    rows = [json.loads(line) for line in said.out.splitlines()]
    assert [row["action"] for row in rows] == ["order_refused", "task_failed"]
    assert rows[0]["at"] == "2026-11-25T10:01:00+05:30"
    assert logged("logs", "--jsonl", "--json").code == 2


def test_a_run_of_a_task_is_one_canonical_line(tradectl: Tradectl) -> None:
    assert tradectl("init", "--at", "2023-07-21 07:00").code == 0
    assert tradectl("buy", "--session", "2023-07-21", "--at", "2023-07-21 23:30").code == 12
    lines = tradectl("logs", "--executions", "--at", "2023-07-21 23:30").out.splitlines()
    rows = tradectl("logs", "--executions", "--at", "2023-07-21 23:30", "--json").object["result"]
    assert len(lines) == len(rows) > 3
    for line in lines:
        assert line.startswith("at=2023-07-21T23:30:00+05:30 task=")
        assert " session=2023-07-21 " in line
        assert " status=missed " in line
    assert tradectl("logs", "--executions", "--search", "x").code == 2


def test_values_of_a_canonical_line_are_quoted_where_needed() -> None:
    row = {"finished_at": None, "task": "buy", "session_date": "2026-11-25", "slot": "", "status": "failed", "attempt": 2}
    row |= {"trigger": "cron", "duration": 1.5, "steps": 1, "error": 'a "b"', "result": {"placed": 0, "rules": {}, "ok": True}}
    head = "task=buy session=2026-11-25 status=failed attempt=2 trigger=cron seconds=1.5 steps=1"
    assert canonical(row) == rf'{head} placed=0 ok=true error="a \"b\""'


def test_follow_prints_what_another_process_writes(logged: Tradectl, home: Path) -> None:
    environment = {**os.environ, "TRADECTL_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    words = [sys.executable, "-m", "tradectl", "logs", "--follow", "--jsonl"]
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        before = [json.loads(following.stdout.readline())["message"] for _ in LINES]
        ledger = Ledger(open_database(f"sqlite:///{home / 'ledger.db'}"), "me")
        ledger.logs.append(NOW + timedelta(hours=1), "info", "halted", "a new line")
        ledger.database.close()
        assert json.loads(following.stdout.readline())["message"] == "a new line"
        following.send_signal(signal.SIGINT)
        assert following.wait(timeout=30) == 130
    assert before == [line[2] for line in LINES]


def test_lines_are_kept_as_long_as_the_setting_says(trading) -> None:  # noqa: F811
    market = trading(log_days="3")
    market.to(D, "18:00")
    for days in (2, 4):
        market.ledger.logs.append(market.clock.now() - timedelta(days=days), "info", "kept", f"{days} days old")
    market.run("eod", force=True)
    assert [line.message for line in market.ledger.logs.list(action="kept")] == ["2 days old"]
