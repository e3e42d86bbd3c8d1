"""The exchange's own rows after a change of the list of renames."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tradectl.brokers.paper.account import EntryKind, ExchangeOrder, ExchangeTrade
from tradectl.brokers.paper.quote_snapshots import QuoteSnapshot
from tradectl.brokers.paper.store import Store
from tradectl.model.order import OrderStatus, OrderType, Side, Variety
from tradectl.model.renames import Rename, Renames

BEFORE, DAY = date(2025, 4, 8), date(2025, 4, 9)
LATER = DAY + timedelta(days=60)
AT = datetime(2025, 4, 8, 10, tzinfo=UTC)
ONCE = Renames([Rename("A", "B", DAY)])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "paper.db", durable=False)
    yield opened
    opened.close()


def with_shares(store: Store, *bought: tuple[str, date], account: str = "asha") -> None:
    shares = [(symbol, symbol, 10, 1000) for symbol, _ in bought]
    store.open_with(account, AT, BEFORE, 100_000, shares, bought=[day for _, day in bought])


def traded(store: Store, symbol: str, day: date, number: int, *, account: str = "asha", live: bool = False) -> None:
    """An order and its trade, with charges and a snapshot of the price."""
    book = store.load(account)
    assert book is not None
    at = datetime(day.year, day.month, day.day, 5, tzinfo=UTC)
    status = OrderStatus.ONGOING if live else OrderStatus.EXECUTED
    order = ExchangeOrder(
        f"O{number}",
        f"T{number}",
        symbol,
        symbol,
        Side.SELL,
        5,
        100,
        OrderType.LIMIT,
        Variety.REGULAR,
        status,
        at,
        at,
        at,
        day,
        2,
    )
    book.put_order(order)
    book.add_trade(ExchangeTrade(f"X{number}", order.order_id, symbol, symbol, Side.SELL, 2, 100, at, day))
    book.set_charges(day, symbol, 7)
    with store.writing():
        store.write(book)
    store.remember([QuoteSnapshot(symbol, day, at, 100, 100, 100, 100, 1)])


def follow(store: Store, renames: Renames, account: str = "asha") -> list[tuple[str, str]]:
    book = store.load(account)
    assert book is not None
    former = store.former_ids(book, renames)
    with store.writing():
        store.follow_renames(book, renames, former)
    again = store.load(account)
    assert again is not None
    assert store.former_ids(again, renames) == []
    return [(item.before, item.now) for item in former]


def ids(store: Store, table: str, account: str = "asha") -> list[str]:
    query = f"SELECT instrument_id FROM {table} WHERE account = ? AND instrument_id <> '' ORDER BY rowid"
    return [row[0] for row in store._connection.execute(query, (account,))]


def test_every_table_follows(store: Store) -> None:
    with_shares(store, ("A", BEFORE), ("OTHER", BEFORE))
    traded(store, "A", BEFORE, 1, live=True)
    assert follow(store, ONCE) == [("A", "B")]
    assert ids(store, "lots") == ["B", "OTHER"]
    assert (ids(store, "orders"), ids(store, "trades"), ids(store, "charges")) == (["B"], ["B"], ["B"])
    assert set(ids(store, "cash_entries")) == {"B", "OTHER"}
    assert (store.seen("A", BEFORE), len(store.seen("B", BEFORE))) == ((), 1)
    book = store.load("asha")
    assert book is not None
    assert [(order.instrument_id, order.symbol) for order in book.live.values()] == [("B", "A")]  # its day is before the rename


def test_a_chain_learned_at_once_ends_at_its_last_name(store: Store) -> None:
    with_shares(store, ("A", date(2025, 3, 3)))
    assert follow(store, Renames([Rename("A", "B", date(2025, 4, 1)), Rename("B", "C", DAY)])) == [("A", "C")]


def test_a_symbol_used_again_stays_with_its_new_company(store: Store) -> None:
    with_shares(store, ("A", BEFORE))
    book = store.load("asha")
    assert book is not None
    book.day = LATER
    book.add_lot("A", 10, 1000, LATER)
    book.post(AT + (LATER - BEFORE), EntryKind.BUY, -1000, instrument_id="A", symbol="A")
    with store.writing():
        store.write(book)
    assert follow(store, ONCE) == [("A", "B")]
    assert ids(store, "lots") == ["B", "A"]


def test_charges_of_both_ids_in_one_session_are_added_up(store: Store) -> None:
    with_shares(store, ("A", BEFORE))
    traded(store, "A", BEFORE, 1)
    traded(store, "B", BEFORE, 2)
    follow(store, ONCE)
    [(total,)] = store._connection.execute("SELECT total FROM charges").fetchall()
    assert total == 14


def test_each_account_of_a_file_follows(store: Store) -> None:
    with_shares(store, ("A", BEFORE))
    with_shares(store, ("A", BEFORE), account="ravi")
    follow(store, ONCE)
    assert (ids(store, "lots"), ids(store, "lots", "ravi")) == (["B"], ["A"])
    follow(store, ONCE, "ravi")
    assert ids(store, "lots", "ravi") == ["B"]


def test_an_older_list_takes_nothing_back(store: Store) -> None:
    with_shares(store, ("A", BEFORE))
    follow(store, ONCE)
    assert follow(store, Renames([])) == []
    assert ids(store, "lots") == ["B"]
