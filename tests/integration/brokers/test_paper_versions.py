"""A paper exchange's file of each earlier version goes on in this one: nothing of the account is lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date

import pytest

from tests.support.brokers.exchange import Floor, ist, quiet
from tests.support.earlier_formats import paper_file_of_version
from tradectl.brokers.paper.schema import VERSION
from tradectl.brokers.paper.store import Store
from tradectl.model.order import OrderStatus

DAYS = [date(2023, 7, day) for day in (14, 17, 18)]
D = DAYS[1]
TABLES = ("accounts", "orders", "trades", "lots", "charges", "cash_entries")


@pytest.fixture
def market(floor: Callable[..., Floor]) -> Floor:
    """An account with a filled and a waiting order, a lot, its charges and its cash."""
    made = floor(quiet("ACME", DAYS), at=ist(D, "10:00"))
    made.buy(10, 10000)
    made.buy(10, 9900)
    return made


def layout(file: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    names = [row[0] for row in file.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    found = {name: file.execute(f"PRAGMA table_info({name})").fetchall() for name in names}
    return found | {
        "indexes": file.execute("SELECT name, tbl_name FROM sqlite_master WHERE type = 'index' ORDER BY 1").fetchall()
    }


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_file_of_an_earlier_version_goes_on(market: Floor, version: int) -> None:
    broker = market.broker
    before = broker.orders(), broker.trades(), broker.holdings(), broker.funds()
    broker.close()
    with closing(sqlite3.connect(market.file)) as file:
        rows = {name: file.execute(f"SELECT * FROM {name}").fetchall() for name in TABLES}
        tables = layout(file)
    assert len(rows["cash_entries"]) >= 2
    paper_file_of_version(version, market.file)
    with closing(sqlite3.connect(market.file)) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (version,)
        assert not {"cash_entries", "untraded", "applied_actions"} & {
            row[0] for row in file.execute("SELECT name FROM sqlite_master")
        }
        assert file.execute("SELECT * FROM journal").fetchall() == rows["cash_entries"]
    market.broker = again = market.another()
    assert (again.orders(), again.trades(), again.holdings(), again.funds()) == before
    assert {order.status for order in again.orders()} == {OrderStatus.EXECUTED, OrderStatus.ONGOING}
    with closing(sqlite3.connect(market.file)) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert layout(file) == tables
        found = {name: file.execute(f"SELECT * FROM {name}").fetchall() for name in TABLES}
    if version == 3:
        assert found == rows
    else:
        assert found["cash_entries"] == rows["cash_entries"]
    market.buy(10, 10000)
    store = Store(market.file)
    assert len(store.cash_entries(store_account(market))) > len(rows["cash_entries"])
    store.close()


def store_account(market: Floor) -> str:
    with closing(sqlite3.connect(market.file)) as file:
        return str(file.execute("SELECT account FROM accounts").fetchone()[0])
