"""Every "no" of a task has its own word and exit code, says nothing where nothing is wrong, and is the same in any time zone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.acceptance.program import ROOT, Tradectl

KEYS = ["command", "user", "mode", "session", "outcome", "exit_code", "result", "error"]
ZONES = ("America/New_York", "Asia/Kolkata")
SKIPPED, STRICT = 0, 3
MISSED, BLOCKED, NO_DATA = 12, 9, 8
WEDNESDAY = "2023-08-16"

NOES = {
    "a holiday": (("buy",), "2023-08-15 16:05", "not_a_session", SKIPPED),
    "a Saturday": (("sell-monitor", "--once"), "2023-08-12 09:15", "not_a_session", SKIPPED),
    "a Sunday": (("premarket-retry",), "2023-08-13 08:00", "not_a_session", SKIPPED),
    "a Muhurat day": (("buy",), "2024-11-01 18:30", "not_a_session", SKIPPED),
    "before its window": (("amo-adjust",), f"{WEDNESDAY} 09:04", "outside_window", SKIPPED),
    "a minute before the open": (("sell-monitor",), f"{WEDNESDAY} 09:14", "outside_window", SKIPPED),
    "after its window": (("amo-adjust",), f"{WEDNESDAY} 09:08", "missed", MISSED),
    "after the last minute": (("sell-monitor",), f"{WEDNESDAY} 15:31", "missed", MISSED),
    "without what it needs": (("buy",), f"{WEDNESDAY} 16:05", "blocked", BLOCKED),
    "without data": (("analyze",), f"{WEDNESDAY} 16:00", "failed", NO_DATA),
    "a year without a session table": (("buy",), "2031-08-13 16:05", "failed", NO_DATA),
}


@pytest.fixture(params=ZONES)
def zoned(request: pytest.FixtureRequest, tradectl: Tradectl) -> Tradectl:
    """The command line on a machine in another time zone."""
    tradectl.env["TZ"] = request.param
    return tradectl


@pytest.mark.parametrize("name", NOES)
def test_a_no_has_its_word_and_its_code(zoned: Tradectl, name: str):
    words, at, outcome, code = NOES[name]
    said = zoned(*words, "--json", at=at)
    assert said.outcome == (outcome, code)
    assert list(said.object) == KEYS
    assert said.out.count("\n") == 1
    assert said.object["exit_code"] == code
    assert (said.object["command"], said.object["session"]) == (words[0], at[:10])
    assert "Traceback" not in said.err


@pytest.mark.parametrize("name", NOES)
def test_strict_makes_a_skip_3_and_leaves_the_rest(tradectl: Tradectl, name: str):
    words, at, outcome, code = NOES[name]
    said = tradectl(*words, "--strict", "--json", at=at)
    assert said.outcome == (outcome, STRICT if code == SKIPPED else code)


@pytest.mark.parametrize("name", NOES)
def test_quiet_says_nothing_unless_something_is_wrong(tradectl: Tradectl, name: str):
    words, at, _, code = NOES[name]
    said = tradectl(*words, "-q", at=at)
    assert said.code == code
    assert said.out == ""
    assert bool(said.err) == (code != SKIPPED)
    assert "Traceback" not in said.err


@pytest.mark.parametrize("name", NOES)
def test_a_person_is_told_which_day_it_is_about(tradectl: Tradectl, name: str):
    words, at, _, code = NOES[name]
    tradectl("init", at=f"{at[:10]} 00:00")
    said = tradectl(*words, at=at)
    told = said.out if code == SKIPPED else said.err
    assert said.code == code
    assert told.strip()
    assert at[:10] in told


@pytest.mark.parametrize("zone", ZONES)
def test_a_disabled_task_says_so(tradectl: Tradectl, zone: str):
    tradectl.env["TZ"] = zone
    at = f"{WEDNESDAY} 16:05"
    assert tradectl("schedule", "disable", "buy", at=at).code == 0
    assert tradectl("buy", "--json", at=at).outcome == ("disabled", SKIPPED)
    assert tradectl("buy", "--json", "--strict", at=at).outcome == ("disabled", STRICT)
    quiet = tradectl("buy", "-q", at=at)
    assert (quiet.code, quiet.out, quiet.err) == (SKIPPED, "", "")


def test_what_has_completed_says_so_and_does_it_quietly(zoned: Tradectl):
    at = f"{WEDNESDAY} 08:00"
    assert zoned("premarket-retry", "--json", at=at).outcome == ("completed", 0)
    again = zoned("premarket-retry", "--json", at=at)
    assert again.outcome == ("already_completed", 0)
    assert list(again.object) == KEYS
    quiet = zoned("premarket-retry", "-q", at=at)
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


@contextmanager
def holder(tradectl: Tradectl, *words: str, at: str) -> Iterator[subprocess.Popen[str]]:
    """A second process that has claimed a slot and works on it until it is given a line."""
    program = "from tests.acceptance import hooks; hooks.hold(); from tradectl.cli.app import main; main()"
    line = [sys.executable, "-c", program, *tradectl.argv(*words, at=at)]
    process = subprocess.Popen(
        line,
        cwd=ROOT,
        env=tradectl.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_a_slot_that_another_process_holds_is_busy(zoned: Tradectl):
    at = f"{WEDNESDAY} 08:00"
    with holder(zoned, "premarket-retry", "--json", at=at) as other:
        said = zoned("premarket-retry", "--json", at=at)
        assert said.outcome == ("busy", SKIPPED)
        assert list(said.object) == KEYS
        assert zoned("premarket-retry", "--json", "--strict", at=at).outcome == ("busy", STRICT)
        assert zoned("premarket-retry", "--json", "--force", at=at).outcome == ("busy", SKIPPED)
        quiet = zoned("premarket-retry", "-q", at=at)
        assert (quiet.code, quiet.out, quiet.err) == (SKIPPED, "", "")
        out, _ = other.communicate("go on\n", timeout=60)
        assert (other.returncode, json.loads(out)["outcome"]) == (0, "completed")
    assert zoned("premarket-retry", "--json", at=at).outcome == ("already_completed", 0)


def test_a_slot_whose_holder_was_killed_is_taken_over_at_once(tradectl: Tradectl):
    at = f"{WEDNESDAY} 08:00"
    with holder(tradectl, "premarket-retry", at=at) as other:
        os.kill(other.pid, signal.SIGKILL)
        other.communicate(timeout=60)
        assert tradectl("premarket-retry", "--json", at=at).outcome == ("completed", 0)
    [row] = tradectl.ledger("SELECT status, attempt FROM task_executions WHERE slot = '08:00'")
    assert row == {"status": "completed", "attempt": 2}


def test_a_new_interpreter_in_another_zone_gives_the_same_object(tradectl: Tradectl):
    words, at, _, _ = NOES["a holiday"]
    tradectl("init", at=at)
    said = [tradectl.cold(*words, "--json", at=at, env={"TZ": zone}) for zone in ZONES]
    assert said[0] == said[1]
    assert said[0].outcome == ("not_a_session", SKIPPED)
