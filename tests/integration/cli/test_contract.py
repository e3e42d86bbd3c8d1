"""What every command keeps to: one object with --json, one line for a mistake, the exit code of the mistake."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Said, Tradectl
from tradectl import __version__
from tradectl.cli.app import report_bug
from tradectl.cli.invocation import Answer, Invocation
from tradectl.settings import load

KEYS = ["command", "user", "mode", "session", "outcome", "exit_code", "result", "error"]
MISTAKES = [
    (("stats",), 2, "No such command 'stats'. Did you mean 'status', 'strategy'?"),
    (("orders", "list", "--limit", "many"), 2, "'many' is not a whole number"),
    (("orders", "list", "--nonsense"), 2, "No such option: --nonsense"),
    (("orders", "show"), 2, "Missing argument 'ORDER'"),
    (("orders", "--user"), 2, "Option '--user' requires an argument"),
    (("crontab", "--zone", "Mars/Olympus"), 2, "no time zone is called 'Mars/Olympus'"),
    (("crontab", "--at", "noon"), 2, "'noon' is not a moment"),
    (("data", "import", "no-such-file.csv"), 2, "there is no file no-such-file.csv"),
    (("data", "sessions", "remove", "2026-11-24"), 2, "2026-11-24 is not in"),
    (("data", "sessions", "add", "2026-11-24", "--kind", "strike"), 2, "a kind is one of closed, normal"),
]


@pytest.mark.parametrize(("words", "code", "line"), MISTAKES)
def test_a_mistake_is_one_line_and_no_traceback(tradectl: Tradectl, words: tuple[str, ...], code: int, line: str):
    said = tradectl(*words)
    assert (said.code, said.out) == (code, "")
    assert said.err.count("\n") == 1
    assert said.err.startswith("tradectl: ")
    assert line in said.err


@pytest.mark.parametrize(("words", "code", "line"), MISTAKES)
def test_a_mistake_with_json_is_one_object_all_the_same(tradectl: Tradectl, words: tuple[str, ...], code: int, line: str):
    said = tradectl("--json", *words)
    assert said.code == code
    assert said.err == ""
    assert list(said.object) == KEYS
    assert (said.object["outcome"], said.object["exit_code"]) == ("failed", code)
    assert line in said.object["error"]


def test_the_object_names_the_command_and_its_result(tradectl: Tradectl):
    said = tradectl("data", "sessions", "--json")
    assert list(said.object) == KEYS
    assert (said.object["command"], said.object["outcome"], said.object["exit_code"]) == ("data sessions list", "completed", 0)
    assert said.object["result"] == {"days": [], "years": [], "phases": []}
    assert said.out.count("\n") == 1


def test_a_damaged_configuration_is_exit_4(tradectl: Tradectl, home: Path):
    home.mkdir()
    (home / "tradectl.toml").write_text("user = ", encoding="utf-8")
    said = tradectl("crontab", "--json")
    assert (said.code, said.object["command"], said.object["exit_code"]) == (4, "crontab show", 4)
    assert "tradectl.toml" in said.object["error"]


def test_quiet_says_nothing_on_success(tradectl: Tradectl):
    assert tradectl("crontab", "-q") == Said(0, "", "")
    assert tradectl("crontab", "-q", "--zone", "nowhere").err


def test_the_version_is_told_both_ways(tradectl: Tradectl):
    assert tradectl("--version").out == f"tradectl {__version__}\n"
    assert tradectl("--version", "--json").object["result"] == {"version": __version__}


def test_every_commands_help_shows_the_global_options(tradectl: Tradectl):
    for words in (("orders", "list"), ("data", "sessions", "add"), ("crontab", "show")):
        said = tradectl(*words, "--help")
        assert said.code == 0
        for option in ("--user", "--db", "--home", "--at", "--json", "--quiet", "--verbose"):
            assert option in said.out


def test_a_bug_leaves_its_traceback_in_the_homes_log(home: Path, capsys: pytest.CaptureFixture[str]):
    invocation = Invocation(settings=load(home=str(home), environment={}), command="status")
    _fall(invocation)
    captured = capsys.readouterr()
    assert captured.err == f"tradectl: this is a bug: KeyError: 'x'; the traceback is in {home}/logs/bugs.log\n"
    assert "KeyError: 'x'" in (home / "logs" / "bugs.log").read_text(encoding="utf-8")


def test_a_bug_with_json_is_one_object_with_exit_code_1(home: Path, capsys: pytest.CaptureFixture[str]):
    invocation = Invocation(settings=load(home=str(home), environment={}), command="status", as_json=True)
    _fall(invocation)
    assert Said(1, capsys.readouterr().out, "").object["exit_code"] == 1


def test_a_bug_in_verbose_mode_shows_its_traceback(home: Path, capsys: pytest.CaptureFixture[str]):
    _fall(Invocation(settings=load(home=str(home), environment={}), verbose=True))
    assert "Traceback (most recent call last)" in capsys.readouterr().err
    assert not home.exists()


def _fall(invocation: Invocation) -> None:
    try:
        raise KeyError("x")
    except KeyError as error:
        report_bug(invocation, type(error), error, sys.exc_info()[2])


def test_the_text_for_people_is_made_only_for_people(capsys: pytest.CaptureFixture[str]):
    def never() -> str:
        raise AssertionError("nobody looks")

    assert Invocation(as_json=True).answer(Answer({"a": 1}, never)) == 0
    assert Invocation(quiet=True).answer(Answer({"a": 1}, never)) == 0
    assert Invocation().answer(Answer({"a": 1}, "seen", exit_code=9)) == 9
    assert capsys.readouterr().out.endswith("seen\n")
