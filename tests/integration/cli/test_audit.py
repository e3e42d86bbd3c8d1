"""The commands of `audit`, on the journal that a home keeps by itself."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Tradectl


@pytest.fixture
def changed(tradectl: Tradectl) -> Tradectl:
    assert tradectl("init", "--mode", "paper").code == 0
    assert tradectl("config", "set", "max_positions", "3").code == 0
    assert tradectl("halt", "--reason", "to look").code == 0
    return tradectl


def test_list_shows_who_changed_what(changed: Tradectl) -> None:
    halted, setting = changed("audit", "list", "--limit", "2", "--json").object["result"]
    assert (halted["record"], halted["values"]["trading_state"]) == ("users", "HALTED")
    assert halted["actor"].endswith(": halt")
    assert (setting["key"], setting["values"]["value"]) == ("me max_positions", "3")
    assert setting["actor"].endswith(": config set")
    assert "max_positions" in changed("audit", "--record", "user_trading_config").out


def test_verify_and_export_agree_on_the_head(changed: Tradectl, tmp_path: Path) -> None:
    found = changed("audit", "verify", "--json").object["result"]
    assert (found["intact"], found["findings"]) == (True, [])
    file = tmp_path / "journal.jsonl"
    assert changed("audit", "export", str(file)).code == 0
    read = changed("audit", "verify", str(file), "--head", found["head"], "--json").object["result"]
    assert (read["intact"], read["head"], read["entries"]) == (True, found["head"], found["entries"])


def test_verify_names_a_change_and_fails(changed: Tradectl, home: Path) -> None:
    with closing(sqlite3.connect(home / "ledger.db")) as ledger:
        ledger.execute("DROP TRIGGER journal_users_update")
        ledger.execute("UPDATE users SET trading_state = 'ACTIVE'")
        ledger.commit()
    said = changed("audit", "verify")
    assert said.code == 10
    assert "the trigger journal_users_update is missing or altered" in said.words
    assert "users me is not what its last entry" in said.words
    assert changed("audit", "verify", "-q").err.startswith("tradectl: the journal is not whole: ")
    assert changed("audit", "verify", "--json").object["exit_code"] == 10


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("list", "--record", "logs"), 2, "the journal has no table 'logs'"),
        (("verify", "--head", "7"), 2, "is not the head of a journal"),
        (("verify", "nowhere.jsonl"), 2, "nowhere.jsonl cannot be read"),
        (("export", "/nowhere/journal.jsonl"), 2, "cannot be written"),
    ],
)
def test_bad_input_gets_one_line(changed: Tradectl, words: tuple[str, ...], code: int, text: str) -> None:
    said = changed("audit", *words)
    assert said.code == code
    assert text in said.err
    assert said.err.count("\n") == 1


def test_doctor_looks_at_the_journal(changed: Tradectl, home: Path) -> None:
    def found() -> tuple[str, str]:
        [item] = [item for item in changed("doctor", "--json").object["result"] if item["check"] == "journal"]
        return item["state"], item["text"]

    assert found()[0] == "fine"
    with closing(sqlite3.connect(home / "ledger.db")) as ledger:
        ledger.execute("DROP TRIGGER journal_users_update")
        ledger.commit()
    state, text = found()
    assert (state, "`tradectl audit verify` lists all" in text) == ("look", True)
