"""A home is made once, by the first command of a person and by no timetable, however many commands are first."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.cases.processes import environment
from tests.integration.cli.conftest import Tradectl
from tests.support.program_server import Server

AT = ("--at", "2023-07-21 18:00")
Together = Callable[..., list[tuple[int, str]]]
BARS = "symbol,series,date,open,high,low,close,volume\nALPHA,EQ,2023-07-20,100,101,99,100,5000\n"


@pytest.fixture
def together(program_server: Server) -> Together:
    """`together(home, commands)`: exit code and stderr of commands that are started at once."""

    def run(home: Path, commands: Sequence[Sequence[str]], stdin: str = "") -> list[tuple[int, str]]:
        started = [program_server.start(words, environment(home), stdin=stdin) for words in commands]
        said = [program_server.wait(process) for process in started]
        return [(one.code, one.err) for one in said]

    return run


def users(home: Path) -> list[str]:
    with closing(sqlite3.connect(home / "ledger.db")) as ledger:
        assert ledger.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [row[0] for row in ledger.execute("SELECT user FROM users")]


def check(together: Together, folder: Path, commands: Sequence[Sequence[str]], *, rounds: int = 2) -> list[list[int]]:
    """The exit codes of each round, in a new home each."""
    found = []
    for number in range(rounds):
        said = together(folder / str(number), commands)
        assert not [text for _, text in said if "Traceback" in text or "bug" in text]
        assert users(folder / str(number)) == ["me"]
        found.append([code for code, _ in said])
    return found


def test_eight_looks_at_once_make_one_home(together: Together, tmp_path: Path):
    assert check(together, tmp_path, [("status",)] * 8) == [[0] * 8] * 2
    assert not list(tmp_path.rglob("*.key"))


def test_first_commands_of_all_kinds_agree_on_the_home(together: Together, tmp_path: Path):
    commands = [("status",), ("config", "set", "universe", "nifty50"), ("eod",), ("positions",), ("eod",), ("user", "list")]
    assert check(together, tmp_path, [(*words, *AT) for words in commands]) == [[0] * 6] * 2


def test_of_eight_inits_one_makes_the_home(together: Together, tmp_path: Path):
    for codes in check(together, tmp_path, [("init",)] * 8):
        assert sorted(codes) == [0] + [4] * 7


def test_first_secrets_at_once_share_one_key(together: Together, tmp_path: Path):
    words = ("broker", "set", "openalgo")
    assert together(tmp_path, [("init", "--mode", "live", "--broker", "openalgo")])[0][0] == 0
    assert [code for code, _ in together(tmp_path, [words] * 6, stdin="api_key=of-a-test\n")] == [0] * 6
    assert [file.name for file in tmp_path.glob("secret.key*")] == ["secret.key"]
    (code, said), = together(tmp_path, [("login",)])  # fmt: skip
    assert "with another key" not in said, code


def test_first_imports_at_once_make_one_market(together: Together, tmp_path: Path):
    file = tmp_path / "bars.csv"
    file.write_text(BARS, encoding="utf-8")
    home = tmp_path / "home"
    found = together(home, [("data", "import", str(file))] * 5 + [("data", "list")] * 3)
    assert [code for code, _ in found[:5]] == [0] * 5, found
    assert {code for code, _ in found[5:]} <= {0, 8}, found
    (listed,) = together(home, [("data", "list")])
    assert listed[0] == 0


def test_a_reader_of_a_market_that_is_being_made_finds_no_bars(together: Together, tmp_path: Path):
    """The first import has its file and its journal, and no table yet."""
    home = tmp_path / "home"
    (home / "market").mkdir(parents=True)
    for name in ("archive.db", "archive.db-journal"):
        (home / "market" / name).touch()
    ((code, said),) = together(home, [("data", "list")])
    assert code in {0, 8}, said


@pytest.mark.parametrize(
    "words",
    [
        ("buy", "--trigger", "cron", "-q"),
        ("sell-monitor", "--until", "last-fill", "--trigger", "cron", "-q"),
        ("eod", "--trigger", "daemon"),
        ("run-due",),
        ("run-due", "-q"),
        ("daemon",),
    ],
)
def test_a_timetable_never_makes_a_home(tradectl: Tradectl, home: Path, words: tuple[str, ...]):
    said = tradectl(*words)
    assert (said.code, said.out, home.exists()) == (4, "", False)
    assert f"there is no home in {home}" in said.err
    assert "nothing was traded" in said.err
    home.mkdir()
    assert (tradectl(*words).code, list(home.iterdir())) == (4, [])
    (home / "ledger.db").touch()
    assert tradectl(*words).code == 4
    with closing(sqlite3.connect(home / "ledger.db")) as ledger:
        assert ledger.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


def test_a_home_that_cannot_be_made_is_one_line(tradectl: Tradectl):
    said = tradectl("status", "--home", "/proc/home")
    assert (said.code, said.err) == (4, "tradectl: the home /proc/home cannot be created: No such file or directory\n")


def test_a_persons_task_makes_a_paper_home(tradectl: Tradectl, home: Path):
    said = tradectl("eod", *AT)
    assert (said.code, "created a paper account for me" in said.err) == (0, True)
    assert tradectl("run-due", *AT).code == 8
    assert users(home) == ["me"]
