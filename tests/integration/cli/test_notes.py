"""Notes on orders and trades: stored once, and shown where a reader looks for them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Tradectl
from tests.support.accounts import Accounts
from tradectl.ledger.opening import open_database
from tradectl.ledger.store import Ledger

APRIL, MAY = date(2026, 4, 2), date(2026, 5, 4)


@pytest.fixture
def accounts(tradectl: Tradectl, home: Path) -> Iterator[Accounts]:
    """A home with one closed trade in ACME (fills 1 and 2, orders 1 and 2) and a lot of BETA (fill and order 3)."""
    assert tradectl("init", "--mode", "paper", "--capital", "1000000").code == 0
    database = open_database(home / "ledger.db", durable=False)
    user = Accounts(Ledger(database, tradectl("config", "list", "--json").object["user"]))
    user.buy(APRIL, 100, 1_000_00)
    user.sell(MAY, 100, 1_100_00)
    user.buy(MAY, 10, 200_00, "BETA")
    yield user
    database.close()


def test_a_note_on_an_order_is_shown_with_the_order(tradectl: Tradectl, accounts: Accounts) -> None:
    said = tradectl("note", "3", "bought  on a\nrumour", "--tag", "rumour", "--tag", "rumour", "--json").object["result"]
    assert (said["symbol"], said["order_id"], said["trade"], said["text"], said["tags"]) == (
        "BETA", 3, None, "bought on a rumour", ["rumour"],
    )  # fmt: skip
    assert "bought on a rumour #rumour" in tradectl("orders", "show", "3").words
    [row] = [row for row in tradectl("orders", "list", "--json").object["result"] if row["notes"]]
    assert (row["id"], row["notes"][0]["text"]) == (3, "bought on a rumour")
    assert "NOTE" in tradectl("orders", "list").out.splitlines()[0]
    assert "NOTE" not in tradectl("orders", "list", "--symbol", "ACME").out.splitlines()[0]


def test_a_trade_has_its_notes_and_those_of_its_orders(tradectl: Tradectl, accounts: Accounts) -> None:
    [trade] = tradectl("trades", "--json").object["result"]
    assert (trade["id"], trade["gross"], trade["notes"]) == ("1-2", "10000.00", [])
    assert tradectl("note", "1-2", "too early", "--tag", "exit").out == "note 1 on trade 1-2 ACME\n"
    assert tradectl("note", "2", "slippage").code == 0
    [trade] = tradectl("trades", "--json").object["result"]
    assert [note["text"] for note in trade["notes"]] == ["too early", "slippage"]
    assert "too early #exit; slippage" in tradectl("trades").out
    assert tradectl("trades", "--to", "2026-05-03", "--json").object["result"] == []


def test_why_tells_notes_among_the_decisions(tradectl: Tradectl, accounts: Accounts) -> None:
    tradectl("note", "1-2", "too early", "--tag", "exit")
    [row] = tradectl("why", "acme", "--json").object["result"]
    assert (row["task"], row["reason"], row["inputs"]["tags"], row["symbol"]) == ("note", "too early", ["exit"], "ACME")
    assert "too early" in tradectl("why", "ACME").out
    assert tradectl("why", "ACME", "--session", row["session_date"], "--json").object["result"] == [row]


def test_notes_are_listed_newest_first_by_symbol_and_tag(tradectl: Tradectl, accounts: Accounts) -> None:
    for words in (("1-2", "first", "--tag", "a"), ("3", "second", "--tag", "b"), ("1", "third", "--tag", "a")):
        assert tradectl("note", *words).code == 0
    found = tradectl("notes", "--json").object["result"]
    assert [(row["text"], row["order_id"], row["trade"]) for row in found] == [
        ("third", 1, None), ("second", 3, None), ("first", None, "1-2"),
    ]  # fmt: skip
    assert [row["text"] for row in tradectl("notes", "--tag", "a", "--json").object["result"]] == ["third", "first"]
    assert [row["text"] for row in tradectl("notes", "--symbol", "beta", "--json").object["result"]] == ["second"]
    assert "trade 1-2" in tradectl("notes").out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("9-9", "text"), "has no trade 9-9; see `tradectl trades`"),
        (("99", "text"), "has no order 99; see `tradectl orders list`"),
        (("1", "  "), "a note has 1 to 2000 characters, not 0"),
        (("1", "text", "--tag", "two words"), "'two words' is not a tag"),
        (("1", "text", "--tag", "=cmd"), "'=cmd' is not a tag"),
    ],
)
def test_a_mistake_writes_no_note(tradectl: Tradectl, accounts: Accounts, words: tuple[str, ...], line: str) -> None:
    said = tradectl("note", *words)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert line in said.err
    assert accounts.ledger.notes.all() == []


def test_a_note_stays_with_its_trade_when_fills_are_booked_anew(tradectl: Tradectl, accounts: Accounts) -> None:
    """A fill that is removed and booked again has another id, but the broker's trade id stays."""
    from sqlalchemy import update

    from tradectl.ledger.schema import fills

    tradectl("note", "1-2", "kept")
    with accounts.ledger.database.write() as connection:
        connection.execute(update(fills).where(fills.c.id == 2).values(id=77))
    [trade] = tradectl("trades", "--json").object["result"]
    assert (trade["id"], trade["notes"][0]["text"]) == ("1-77", "kept")
    assert tradectl("notes", "--json").object["result"][0]["trade"] == "1-77"
