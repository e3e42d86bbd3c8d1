"""A ledger that cannot be used is one clear line and exit 10, for commands that look and for those that work."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Tradectl

COMMANDS = [("status",), ("buy",), ("config", "list")]


def refused(tradectl: Tradectl, *words: str) -> None:
    said = tradectl(*words)
    assert (said.code, said.out, said.err.count("\n")) == (10, "", 1), said
    assert tradectl(*words, "--json").object["exit_code"] == 10


@pytest.mark.parametrize("words", COMMANDS)
def test_a_file_that_is_no_database(tradectl: Tradectl, home: Path, words: tuple[str, ...]):
    home.mkdir()
    (home / "ledger.db").write_text("these are not the pages of a database " * 100, encoding="utf-8")
    refused(tradectl, *words)


@pytest.mark.parametrize("words", COMMANDS)
def test_a_database_of_something_else(tradectl: Tradectl, home: Path, words: tuple[str, ...]):
    home.mkdir()
    with sqlite3.connect(home / "ledger.db") as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()
    refused(tradectl, *words)


@pytest.mark.parametrize("words", COMMANDS)
def test_a_database_of_a_newer_version(tradectl: Tradectl, home: Path, words: tuple[str, ...]):
    tradectl("user", "list")
    with sqlite3.connect(home / "ledger.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    refused(tradectl, *words)
