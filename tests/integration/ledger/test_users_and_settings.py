"""Users, their settings, and their secrets."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from tests.integration.ledger.conftest import NOW
from tradectl.errors import ConfigurationError, UsageError
from tradectl.ledger.store import Ledger


def test_an_unknown_user_is_a_usage_error(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="no user 'ravi'"):
        ledger.users.get("ravi")


def test_a_user_is_added_once(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="already"):
        ledger.users.add("asha", capital=1, created_at=NOW)
    assert [(user.user, user.role, user.capital) for user in ledger.users.list()] == [("asha", "admin", 500_000_00)]


@pytest.mark.parametrize(
    ("name", "role", "capital"), [("", "user", 1), ("a b", "user", 1), ("ravi", "king", 1), ("ravi", "user", -1)]
)
def test_a_bad_user_is_refused(ledger: Ledger, name: str, role: str, capital: int) -> None:
    with pytest.raises(UsageError):
        ledger.users.add(name, capital=capital, created_at=NOW, role=role)


def test_a_trading_state_comes_with_its_reason(ledger: Ledger) -> None:
    halted = ledger.users.set_trading_state("asha", "HALTED", "on holiday")
    assert (halted.trading_state, halted.state_reason) == ("HALTED", "on holiday")
    with pytest.raises(UsageError):
        ledger.users.set_trading_state("asha", "ASLEEP", "")
    with pytest.raises(UsageError):
        ledger.users.set_trading_state("ravi", "HALTED", "")


def test_settings_are_kept_for_each_user(ledger: Ledger) -> None:
    ledger.users.add("ravi", capital=1, created_at=NOW)
    ledger.settings.set("max_positions", "4")
    ledger.settings.set("max_positions", "5")
    ledger.for_user("ravi").settings.set("max_positions", "9")
    assert ledger.settings.list() == {"max_positions": "5"}
    assert ledger.settings.unset("max_positions")
    assert not ledger.settings.unset("max_positions")
    assert ledger.settings.get("max_positions") is None


def test_a_secret_is_nowhere_in_clear(file_ledger: Ledger, tmp_path: Path, path: Path) -> None:
    credentials = file_ledger.settings.credentials(tmp_path / "keys" / "secret.key")
    credentials.set("kite.api_secret", "hunter2-hunter2")
    credentials.set("kite.user_id", "AB1234", secret=False)
    assert credentials.list() == {"kite.api_secret": "********", "kite.user_id": "AB1234"}
    assert credentials.get("kite.api_secret") == "hunter2-hunter2"
    file_ledger.database.close()
    assert all(b"hunter2" not in file.read_bytes() for file in path.parent.rglob("*") if file.is_file())
    assert (tmp_path / "keys" / "secret.key").stat().st_mode & 0o777 == 0o600


def test_another_key_does_not_open_a_secret(ledger: Ledger, tmp_path: Path) -> None:
    ledger.settings.credentials(tmp_path / "a.key").set("token", "x")
    ledger.settings.credentials(tmp_path / "b.key").set("other", "y")
    with pytest.raises(ConfigurationError, match="was encrypted with another key"):
        ledger.settings.credentials(tmp_path / "b.key").get("token")
    with pytest.raises(ConfigurationError, match="cannot be used"):
        ledger.settings.credentials(tmp_path / "none.key").get("token")


def test_a_key_that_others_may_read_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    credentials = ledger.settings.credentials(tmp_path / "a.key")
    credentials.set("token", "x")
    (tmp_path / "a.key").chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        credentials.get("token")


def test_a_credential_that_is_not_set_says_so(ledger: Ledger, tmp_path: Path) -> None:
    credentials = ledger.settings.credentials(tmp_path / "a.key")
    assert credentials.get("token") is None
    with pytest.raises(ConfigurationError, match="'token' of asha is not set"):
        credentials.require("token")
    with pytest.raises(UsageError):
        credentials.unset("token")


def test_money_of_a_user_is_integer_paise(ledger: Ledger) -> None:
    kind = {"sqlite": "typeof", "postgresql": "pg_typeof"}[ledger.database.engine.dialect.name]
    with ledger.database.read() as connection:
        capital, type_name = connection.execute(text(f"SELECT capital, CAST({kind}(capital) AS text) FROM users")).one()
    assert (capital, type_name) in {(50_000_000, "integer"), (50_000_000, "bigint")}
