"""The settings of notifications and of the dead-man's switch, as a person types them; and what a halt queues."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Tradectl


def test_a_kind_is_switched_off_and_on(tradectl: Tradectl) -> None:
    assert tradectl("config", "set", "notify.buy_placed", "off").code == 0
    assert tradectl("config", "get", "notify.buy_placed", "--json").object["result"]["value"] == "off"
    assert [item["key"] for item in tradectl("config", "list", "--changed", "--json").object["result"]] == ["notify.buy_placed"]
    assert tradectl("config", "unset", "notify.buy_placed").code == 0
    assert tradectl("config", "get", "notify.buy_placed", "--json").object["result"]["value"] == "on"


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("notify.unprotected", "off", "stays on"),
        ("notify.unknown_order", "off", "stays on"),
        ("notify.halted", "off", "stays on"),
        ("notify.buy_placed", "maybe", "on or off"),
        ("notify.quiet_hours", "22-7", "22:00-07:00"),
        ("notify.gossip", "on", "no setting"),
        ("ping.url", "hc-ping.com/KEY", "ping.url is one address"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(tradectl: Tradectl, key: str, value: str, says: str) -> None:
    tradectl("user", "list")
    said = tradectl("config", "set", key, value)
    assert (said.code, says in said.err, said.err.count("\n")) == (2, True, 1)


def test_the_ping_address_is_secret(tradectl: Tradectl, home: Path) -> None:
    said = tradectl("config", "set", "ping.url", "-", stdin="https://hc-ping.com/KEYKEYKEY/{task}")
    assert (said.code, "KEYKEYKEY" in said.out + said.err) == (0, False)
    assert "KEYKEYKEY" not in tradectl("config", "list", "--json").out
    assert b"KEYKEYKEY" not in (home / "ledger.db").read_bytes()
    assert tradectl("config", "unset", "ping.url").code == 0


def test_a_halt_and_a_resume_are_queued_as_grave(tradectl: Tradectl, home: Path) -> None:
    tradectl("user", "list")
    tradectl("halt", "--reason", "storm")
    tradectl("resume")
    with sqlite3.connect(home / "ledger.db") as ledger:
        rows = ledger.execute("SELECT kind, title, body FROM outbox ORDER BY id").fetchall()
    ledger.close()
    assert [row[:2] for row in rows] == [("halted", "the account is HALTED"), ("halted", "the account is resumed")]
    assert "storm" in rows[0][2]
    assert "`tradectl resume`" in rows[0][2]
