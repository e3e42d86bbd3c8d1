"""`replay` of ten sessions of a paper home that ran them: identical, and with a setting changed exactly what that changes."""

from __future__ import annotations

import json
import shutil
import zipfile
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.integration.cli.conftest import Tradectl
from tradectl import bootstrap
from tradectl.cli.app import app
from tradectl.exchange.sessions import SessionTable
from tradectl.ledger.audit import verify
from tradectl.runtime.registry import all_tasks
from tradectl.runtime.simulate import simulate
from tradectl.settings import load

FIRST, LAST = date(2025, 10, 29), date(2025, 11, 12)
CHANGED = date(2025, 10, 28)
"""The session in which a person changed a setting between `analyze` and `buy`."""
STEP = 1500
"""Seconds between two steps of the sell monitor: the record and the replay follow the home's timetable."""


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a virtual clock that has run ten sessions, with a journal."""
    home = tmp_path_factory.mktemp("lived") / "home"
    _call(home, "init", "--demo-data")
    for moment, *words in (("16:00", "analyze"), ("16:03", "config", "set", "max_buy_orders", "2"), ("16:05", "buy")):
        _call(home, "--at", f"{CHANGED} {moment}", *words)
    world = bootstrap.open_world(load(user=None, database=None, home=str(home), at=f"{FIRST} 07:00"))
    world.ledger.schedules.set("sell-monitor", every=STEP)
    done = simulate(world, all_tasks(), FIRST, LAST)
    assert len(done.sessions) == 10
    assert len(world.ledger.book.fills()) > 5
    assert verify(world.ledger.database).findings == ()
    assert not (home / "recordings").exists()  # stored bars need no recording
    world.close()
    return home


def _call(home: Path, *words: str) -> None:
    said = CliRunner().invoke(app, ["--home", str(home), *words], catch_exceptions=False)
    assert said.exit_code == 0, said.stderr


@pytest.fixture
def ten(lived: Path, tradectl: Tradectl, monkeypatch: pytest.MonkeyPatch) -> Tradectl:
    monkeypatch.setenv("TRADECTL_HOME", str(lived))
    return tradectl


def sessions() -> list[date]:
    return [session.date for session in SessionTable.load().run_between(FIRST, LAST)]


def test_ten_replays_are_identical(ten: Tradectl) -> None:
    compared = 0
    for session in sessions():
        said = ten("replay", str(session), "--json")
        found = said.object["result"]
        assert (said.code, found["differences"], found["same_code"]) == (0, [], True), session
        assert {run["task"] for run in found["runs"]} >= {"analyze", "buy", "eod", "sell-monitor"}
        compared += sum(found["compared"].values())
    assert compared > 250


def test_a_setting_that_was_changed_in_between_is_changed_again(ten: Tradectl) -> None:
    found = ten("replay", str(CHANGED), "--json").object["result"]
    assert found["differences"] == []
    assert [run["task"] for run in found["runs"]] == ["analyze", "buy"]
    more = ten("replay", str(CHANGED), "--set", "max_buy_orders=9", "--json").object["result"]["differences"]
    verdicts = [(item["recorded"]["verdict"], item["replayed"]["verdict"]) for item in more if item["table"] == "decisions"]
    assert verdicts == [("skipped_limit", "placed")] * 2


def test_a_changed_setting_shows_just_its_differences(ten: Tradectl) -> None:
    """No buy instead of two: both are skipped, and their orders are missing. Nothing else differs."""
    words = ("replay", str(CHANGED), "--set", "max_buy_orders=0")
    said = ten(*words, "--json")
    found = said.object["result"]
    assert (said.code, found["set"]) == (0, {"max_buy_orders": "0"})
    decisions, orders = found["differences"][:2], found["differences"][2:]
    assert [(item["table"], item["key"]["task"]) for item in decisions] == [("decisions", "buy")] * 2
    assert {(item["recorded"]["verdict"], item["replayed"]["verdict"]) for item in decisions} == {("placed", "skipped_limit")}
    assert [(item["table"], item["replayed"]) for item in orders] == [("orders", None)] * 2
    assert {item["key"]["symbol"] for item in orders} == {item["key"]["symbol"] for item in decisions}
    assert "4 differ of" in ten(*words).words


def test_a_setting_that_decides_nothing_changes_nothing(ten: Tradectl) -> None:
    assert ten("replay", str(CHANGED), "--set", "log_days=7", "--json").object["result"]["differences"] == []


def test_a_bundle_reproduces_the_session_without_the_home(
    ten: Tradectl, lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "session.zip"
    assert ten("replay", "2025-10-30", "--bundle", str(file)).code == 0
    with zipfile.ZipFile(file) as bundle:
        record = bundle.read("record.json").decode()
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(record)["user"] == "user1"
    assert '"user": "me"' not in record
    assert "me-2025" not in record
    assert all(row["owner"] is None for row in json.loads(record)["before"]["task_executions"])
    monkeypatch.setenv("TRADECTL_HOME", str(tmp_path / "elsewhere"))
    said = ten("replay", str(file), "--json")
    assert (said.code, said.object["result"]["differences"]) == (0, [])
    assert not (tmp_path / "elsewhere").exists()


def test_a_home_with_live_quotes_replays_the_evening_only(
    ten: Tradectl, lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The quotes of its minutes are not recorded. The book of the afternoon comes from the journal."""
    home = tmp_path / "quoted"
    shutil.copytree(lived, home)
    with (home / "tradectl.toml").open("a", encoding="utf-8") as file:
        file.write('\nquotes = "yahoo"\n')
    monkeypatch.setenv("TRADECTL_HOME", str(home))
    for session in sessions()[:3]:
        found = ten("replay", str(session), "--json").object["result"]
        assert [run["task"] for run in found["runs"]] == ["analyze", "buy"]
        assert (found["differences"], "sell-monitor" in found["not_replayed"]) == ([], True)


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("2025-09-01",), 2, "the journal has no run of 2025-09-01"),
        (("yesterday",), 2, "'yesterday' is not a date"),
        (("nowhere.zip",), 2, "nowhere.zip cannot be read"),
        (("2025-10-29", "--set", "rsi=4"), 2, "no setting is called 'rsi'"),
    ],
)
def test_bad_input_gets_one_line(ten: Tradectl, words: tuple[str, ...], code: int, text: str) -> None:
    said = ten("replay", *words)
    assert (said.code, said.err.count("\n")) == (code, 1)
    assert text in said.err


def test_a_damaged_bundle_is_refused(ten: Tradectl, tmp_path: Path) -> None:
    file = tmp_path / "broken.zip"
    file.write_bytes(b"PK\x03\x04 no bundle")
    said = ten("replay", str(file))
    assert (said.code, "is not a bundle" in said.err) == (2, True)
