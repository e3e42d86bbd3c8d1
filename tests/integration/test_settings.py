"""Settings come from tradectl.toml, then the environment, then the command line; nothing else reads the environment."""

from __future__ import annotations

import ast
from datetime import UTC, datetime
from pathlib import Path

import pytest

import tradectl
from tradectl.errors import ConfigurationError, UsageError
from tradectl.settings import load, parse_moment


def test_everything_lies_in_the_home(tmp_path: Path):
    settings = load(home=str(tmp_path), environment={})
    assert settings.database == f"sqlite:///{tmp_path}/ledger.db"
    assert (settings.paper, settings.market) == (tmp_path / "paper.db", tmp_path / "market")
    assert (settings.sessions, settings.secret_key) == (tmp_path / "sessions.csv", tmp_path / "secret.key")
    assert (settings.user, settings.at, settings.color) == (None, None, True)


def test_the_home_is_in_the_users_directory_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load(environment={}).home == tmp_path / ".tradectl"


def test_command_line_overrides_environment_overrides_file(tmp_path: Path):
    (tmp_path / "tradectl.toml").write_text('user = "file"\n', encoding="utf-8")
    assert load(home=str(tmp_path), environment={}).user == "file"
    environment = {"TRADECTL_HOME": str(tmp_path), "TRADECTL_USER": "environment", "NO_COLOR": "1"}
    assert load(environment=environment).user == "environment"
    assert load(user="line", environment=environment).user == "line"
    assert load(environment=environment).color is False


def test_a_database_is_a_url_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "tradectl.toml").write_text('database = "other.db"\n', encoding="utf-8")
    monkeypatch.chdir("/")
    home = str(tmp_path)
    assert load(home=home, environment={}).database == f"sqlite:///{tmp_path}/other.db"
    assert load(home=home, database="here.db", environment={}).database == "sqlite:////here.db"
    url = "postgresql+psycopg://trader@server/ledger"
    assert load(home=home, environment={"TRADECTL_DB": url}).database == url


@pytest.mark.parametrize("content", ["user = ", "nonsense = 'x'", "user = 3", "\xff"])
def test_a_damaged_file_is_a_configuration_error(tmp_path: Path, content: str):
    (tmp_path / "tradectl.toml").write_bytes(content.encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"tradectl\.toml"):
        load(home=str(tmp_path), environment={})


@pytest.mark.parametrize(
    ("text", "hour", "minute", "second"),
    [
        ("2023-07-21 09:15", 3, 45, 0),
        ("2023-07-21 09:15:30", 3, 45, 30),
        ("2023-07-21T09:15", 3, 45, 0),
        ("2023-07-21T09:15:00+00:00", 9, 15, 0),
        ("2023-07-21T09:15Z", 9, 15, 0),
        ("2023-07-20 23:45:00-04:00", 3, 45, 0),
    ],
)
def test_a_moment_is_indian_time_unless_it_has_an_offset(text: str, hour: int, minute: int, second: int):
    assert parse_moment(text).astimezone(UTC) == datetime(2023, 7, 21, hour, minute, second, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["2023-07-21", "09:15", "yesterday", "2023-02-30 09:15", "2023-07-21 25:00", "20230721T0915", " "]
)
def test_a_bad_moment_is_the_operators_mistake(text: str):
    with pytest.raises(UsageError, match="is not a moment"):
        parse_moment(text)


def test_nothing_else_reads_the_environment():
    package = Path(tradectl.__file__).parent
    readers = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"} and ast.unparse(node.value) == "os")
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and {"environ", "getenv"} & {name.name for name in node.names}
        )
    }
    assert readers == {"settings.py"}
