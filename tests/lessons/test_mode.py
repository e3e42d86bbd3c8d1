"""A database has one mode: nothing that was practised can become real, or the other way round."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Tradectl, home, tradectl

__all__ = ["home", "tradectl"]

TODAY = ("buy", "sell-monitor", "run-due", "orders list", "reconcile")


@pytest.mark.parametrize(("mode", "line"), [("live", "has named no broker"), ("practice", "mode 'practice'")])
@pytest.mark.parametrize("words", TODAY)
def test_a_ledger_of_another_mode_is_refused(tradectl: Tradectl, home: Path, words: str, mode: str, line: str) -> None:
    """A paper ledger whose mode somebody has written over is no live one: it has no broker, and nobody has armed it."""
    assert tradectl("init").code == 0
    with closing(sqlite3.connect(home / "ledger.db")) as connection:
        connection.execute("UPDATE database_info SET value = ? WHERE key = 'mode'", (mode,))
        connection.commit()
    said = tradectl(*words.split(), "--json")
    assert (said.code, said.object["exit_code"]) == (4, 4), said
    assert line in said.object["error"]
