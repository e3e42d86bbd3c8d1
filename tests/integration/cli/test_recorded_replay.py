"""`replay` of sessions of a live home at Kite's sandbox: all tasks run again, from what the home recorded."""

from __future__ import annotations

import json
import shutil
import sqlite3
import zipfile
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.conftest import Tradectl
from tests.support.live_kite_home import demo_market, live_kite_home
from tradectl.brokers.recording.file import lines_of, tidy
from tradectl.brokers.recording.reading import read_recording
from tradectl.errors import Ambiguous, OrderRefused
from tradectl.exchange.sessions import SessionTable
from tradectl.lab.sandboxes.server import Trouble

DAYS = [session.date for session in SessionTable.load().run_between(date(2025, 10, 28), date(2025, 10, 31))]
EVENING, BOUGHT, REFUSED, LAST = DAYS
ALL = {"premarket-retry", "amo-adjust", "sell-monitor", "position-monitor", "analyze", "buy", "eod"}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo_market(tmp_path_factory.mktemp("demo") / "home")


@pytest.fixture(scope="module")
def lived(market: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A live home after three days. The outcome of its first buy was unknown, and a sell was refused."""
    with (
        pytest.MonkeyPatch.context() as patch,
        live_kite_home(tmp_path_factory.mktemp("live"), market, EVENING, patch, universe="demo") as live,
    ):
        assert live("schedule", "set", "sell-monitor", "--every", "900").code == 0
        live.fail(Trouble.CUT)
        live.trade(EVENING, first=True)
        live.trade(BOUGHT)
        live.kite.refused = ["BRINDAVOX"]
        live.trade(REFUSED)
        live.trade(LAST)
        assert live.kite.broken == []
    return live.home


@pytest.fixture
def live(lived: Path, tradectl: Tradectl, monkeypatch: pytest.MonkeyPatch) -> Tradectl:
    monkeypatch.setenv("TRADECTL_HOME", str(lived))
    return tradectl


@pytest.fixture
def copied(lived: Path, tradectl: Tradectl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRADECTL_HOME", str(tmp_path / "copy"))
    return shutil.copytree(lived, tmp_path / "copy")


def recording_of(home: Path, day: date) -> Path:
    return home / "recordings" / f"{day}.me.jsonl"


def rows(home: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{home / 'ledger.db'}?mode=ro", uri=True)) as ledger:
        return ledger.execute(query).fetchall()


def test_the_days_had_what_a_replay_must_repeat(lived: Path) -> None:
    """An unknown outcome that was resolved, a refusal, sells that were lowered each minute, and fills of both sides."""
    found = read_recording(recording_of(lived, EVENING)), read_recording(recording_of(lived, REFUSED))
    errors = [
        {type(call.error) for run in recording.runs for step in run.steps for call in step.calls if call.error}
        for recording in found
        if recording is not None
    ]
    assert (Ambiguous in errors[0], OrderRefused in errors[1]) == (True, True)
    statuses = rows(lived, "SELECT json_extract(content, '$.status') FROM journal WHERE record = 'orders' AND row_key = '1'")
    assert next(status for (status,) in statuses if status in {"UNKNOWN", "EXECUTED"}) == "UNKNOWN"
    assert ("EXECUTED",) in statuses
    assert rows(lived, "SELECT count(*) FROM orders WHERE status = 'REJECTED'") == [(1,)]
    assert rows(lived, "SELECT max(modifications) FROM orders")[0][0] >= 4
    assert {side for (side,) in rows(lived, "SELECT side FROM fills")} == {"BUY", "SELL"}


def test_four_live_sessions_replay_identically(live: Tradectl) -> None:
    compared = 0
    for day in DAYS:
        said = live("replay", str(day), "--json")
        found = said.object["result"]
        assert (said.code, found["differences"], found["gaps"], found["unknown"]) == (0, [], [], {}), day
        tasks = {run["task"] for run in found["runs"]}
        assert tasks == ({"analyze", "buy", "eod"} if day == EVENING else ALL)
        compared += sum(found["compared"].values())
    assert compared > 150


@pytest.mark.slow
def test_a_setting_that_decides_nothing_shows_nothing(live: Tradectl) -> None:
    found = live("replay", str(REFUSED), "--set", "log_days=7", "--json").object["result"]
    assert (found["differences"], found["unknown"]) == ([], {})


@pytest.mark.slow
def test_a_buy_that_is_not_sent_leaves_no_order(live: Tradectl) -> None:
    """One buy instead of four: three commands, decisions and orders are missing; nothing else differs but the limit's message."""
    found = live("replay", str(EVENING), "--set", "max_buy_orders=1", "--json").object["result"]
    by_table = {name: [item for item in found["differences"] if item["table"] == name] for name in found["compared"]}
    commands = [item for item in found["differences"] if item["table"] == "commands"]
    assert len(commands) == len(by_table["orders"]) == len(by_table["decisions"]) == len(found["unknown"]) == 3
    assert {item["replayed"] for item in (*commands, *by_table["orders"])} == {None}
    assert {item["replayed"]["verdict"] for item in by_table["decisions"]} == {"skipped_limit"}
    assert [item["key"]["deduplicate"].partition(":")[0] for item in by_table["outbox"]] == ["reducing"]
    assert by_table["signals"] == by_table["fills"] == []


@pytest.mark.slow
def test_other_terms_show_as_unknown_without_a_fill(live: Tradectl) -> None:
    """With another target each sell has another price. What the broker would have answered is not known."""
    words = (str(REFUSED), "--set", "ema_fast=12")
    said = live("replay", *words, "--json")
    found = said.object["result"]
    assert said.code == 0
    commands = [item for item in found["differences"] if item["table"] == "commands"]
    assert {item["key"]["symbol"] for item in commands} == found["unknown"].keys() >= {"BRINDAVOX", "AMBERWELL"}
    for item in commands[:4]:
        assert item["recorded"]["quantity"] == item["replayed"]["quantity"]
        assert item["recorded"]["price"] != item["replayed"]["price"]
    fills = [item["replayed"] for item in found["differences"] if item["table"] == "fills"]
    assert fills
    assert {value for fill in fills for value in fill.values()} == {"unknown"}
    assert "BRINDAVOX: from 09:15:01 on the broker's answers are not known" in live("replay", *words).words


@pytest.mark.slow
def test_a_torn_recording_replays_up_to_the_gap(copied: Path, tradectl: Tradectl) -> None:
    path = recording_of(copied, REFUSED)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    said = tradectl("replay", str(REFUSED), "--json")
    found = said.object["result"]
    day = [item for item in found["differences"] if item["key"].get("task") not in {"analyze", "buy"}]
    assert (day, "eod" in found["not_replayed"]) == ([], True)
    assert {"premarket-retry", "sell-monitor", "analyze", "buy"} <= {run["task"] for run in found["runs"]}
    assert found["gaps"]
    assert found["compared"]["orders"] > 4
    assert "not recorded: " in tradectl("replay", str(REFUSED)).out


@pytest.mark.slow
def test_a_missing_recording_leaves_the_evening(copied: Path, tradectl: Tradectl) -> None:
    recording_of(copied, BOUGHT).unlink()
    found = tradectl("replay", str(BOUGHT), "--json").object["result"]
    assert [run["task"] for run in found["runs"]] == ["analyze", "buy"]
    assert found["gaps"] == ["the session has no recording"]
    assert "sell-monitor" in found["not_replayed"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "place", "name"), [("position-monitor", -1, "position-monitor 15:30"), ("sell-monitor", 0, "sell-monitor")]
)
def test_a_run_that_was_not_recorded_is_named(copied: Path, tradectl: Tradectl, task: str, place: int, name: str) -> None:
    """Without the lines of one process the replay ends where that process began."""
    path = recording_of(copied, BOUGHT)
    recording = read_recording(path)
    assert recording is not None
    number = [run.number for run in recording.runs if run.head.task == task][place]
    whole = path.read_bytes()
    path.write_bytes(b"\n".join(line for line in whole.split(b"\n") if f'"run":"{number}"'.encode() not in line))
    found = tradectl("replay", str(BOUGHT), "--json").object["result"]
    assert [gap.partition(": ")[2] for gap in found["gaps"]] == [f"{name} is not recorded"]
    assert {"task": "premarket-retry", "slot": "08:40"} in found["runs"]
    assert {"task": "position-monitor", "slot": "15:30"} not in found["runs"]
    assert [item for item in found["differences"] if item["key"].get("task") not in {"analyze", "buy"}] == []


@pytest.mark.slow
def test_a_bundle_has_the_recording_without_numbers(
    live: Tradectl, lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "session.zip"
    assert live("replay", str(REFUSED), "--bundle", str(file)).code == 0
    with zipfile.ZipFile(file) as bundle:
        texts = {name: bundle.read(name).decode() for name in ("record.json", "recording.jsonl")}
    numbers = {number for (number,) in rows(lived, "SELECT broker_order_id FROM orders WHERE broker_order_id IS NOT NULL")}
    numbers |= {number for (number,) in rows(lived, "SELECT trade_id FROM fills")}
    assert len(numbers) > 20
    for text in texts.values():
        assert [number for number in numbers if number in text] == []
        assert "sandboxsecret" not in text
    assert json.loads(texts["record.json"])["user"] == "user1"
    monkeypatch.setenv("TRADECTL_HOME", str(tmp_path / "elsewhere"))
    said = live("replay", str(file), "--json")
    found = said.object["result"]
    assert (said.code, found["differences"], {run["task"] for run in found["runs"]}) == (0, [], ALL)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.slow
def test_a_recording_has_no_secret(lived: Path) -> None:
    for day in DAYS:
        lines = list(lines_of(recording_of(lived, day)))
        assert None not in lines
        for word in ("sandboxkey", "sandboxsecret", "token", "enctoken"):
            assert not any(word in line for line in lines if line)


@pytest.mark.slow
def test_an_old_recording_is_replayed_from_its_packed_form(copied: Path, tradectl: Tradectl) -> None:
    tidy(copied / "recordings", date(2025, 11, 20), keep_days=60)
    assert not recording_of(copied, BOUGHT).exists()
    found = tradectl("replay", str(BOUGHT), "--json").object["result"]
    assert (found["differences"], found["gaps"]) == ([], [])
