"""A database has one mode: nothing that was practised can become real, or the other way round."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Tradectl, home, tradectl

__all__ = ["home", "tradectl"]

TODAY = ("buy", "sell-monitor", "run-due", "orders list", "reconcile")


@pytest.mark.parametrize("words", TODAY)
def test_a_ledger_of_another_mode_is_refused(tradectl: Tradectl, home: Path, words: str) -> None:
    over = written_over(tradectl, home, "practice")
    said = over(*words.split(), "--json")
    assert (said.code, said.object["exit_code"]) == (4, 4), said
    assert "mode 'practice'" in said.object["error"]


@pytest.mark.parametrize("words", ["reconcile", "orders cancel --all"])
def test_a_paper_ledger_that_is_called_live_has_no_broker(tradectl: Tradectl, home: Path, words: str) -> None:
    """Somebody has written over its mode: there is nobody to send an order to, and nobody has armed it."""
    said = written_over(tradectl, home, "live")(*words.split(), "--json")
    assert (said.code, "has set no broker" in said.object["error"]) == (4, True), said


def written_over(tradectl: Tradectl, home: Path, mode: str) -> Tradectl:
    assert tradectl("init").code == 0
    with closing(sqlite3.connect(home / "ledger.db")) as connection:
        connection.execute("UPDATE database_info SET value = ? WHERE key = 'mode'", (mode,))
        connection.commit()
    return tradectl
