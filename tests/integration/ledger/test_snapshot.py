"""The cached snapshot of the book, and the writes that invalidate it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from msgspec.structs import replace

from tests.integration.ledger.conftest import NOW
from tradectl.ledger import records
from tradectl.ledger.engine import Database
from tradectl.ledger.executions import Claim
from tradectl.ledger.opening import open_database
from tradectl.ledger.process_identity import current_identity
from tradectl.ledger.rows import Decision, Intent, Order
from tradectl.ledger.schema import database_info
from tradectl.ledger.store import Info, Ledger
from tradectl.ledger.upserts import upsert_rows
from tradectl.model.order import OrderStatus, Purpose, Side

DAY = date(2026, 1, 7)


@pytest.fixture
def claim(ledger: Ledger) -> Claim:
    taken = ledger.executions.claim("buy", DAY, "", owner=current_identity(), trigger="manual", machine_now=NOW, now=NOW)
    assert isinstance(taken, Claim)
    return taken


def ordered(ledger: Ledger, claim: Claim, symbol: str) -> Order:
    intent = Intent(
        instrument_id=symbol,
        symbol=symbol,
        side=Side.BUY,
        purpose=Purpose.ENTRY,
        quantity=10,
        price=100_00,
        session=DAY,
        decided=DAY,
        leg="entry:1",
    )
    return ledger.book.intents.record(
        claim, intent, f"tag-{symbol}", 0, now=NOW, machine_now=NOW, status=OrderStatus.PENDING, sending=True
    )


@pytest.fixture
def elsewhere(address: str) -> Iterator[Ledger]:
    """The same user seen through another connection."""
    database = open_database(address, durable=False)
    yield Ledger(database, "asha")
    database.close()


def test_notes_leave_the_cached_snapshot_valid(ledger: Ledger, claim: Claim) -> None:
    ordered(ledger, claim, "ACME")
    kept = ledger.book.snapshot()
    ledger.logs.append(NOW, "info", "test", "nothing happened")
    ledger.decisions.record("buy", DAY, "", [Decision("ACME", "ACME", "placed", "entry", "because", {})], NOW)
    ledger.executions.beat(claim, NOW, steps=1)
    ledger.outbox.add(NOW, "test", "nothing happened", "test")
    ledger.info.set("last_event_at", NOW.isoformat())
    assert (ledger.book.snapshot() is kept) == ledger.database.sqlite  # PostgreSQL is asked each time
    with ledger.database.write():
        ledger.logs.append(NOW, "info", "test", "a part of a write is a write")
    assert ledger.book.snapshot() is not kept


def test_what_another_connection_notes_is_looked_at(ledger: Ledger, elsewhere: Ledger, claim: Claim) -> None:
    kept = ledger.book.snapshot()
    elsewhere.logs.append(NOW, "info", "test", "from outside")
    assert ledger.book.snapshot() is not kept


def test_a_modified_order_is_in_the_snapshot_as_in_the_database(ledger: Ledger, elsewhere: Ledger, claim: Claim) -> None:
    one, two = (ordered(ledger, claim, symbol) for symbol in ("ACME", "BETA"))
    ledger.book.snapshot()
    later = NOW + timedelta(minutes=1)
    changed = ledger.book.note_modified(one, 20, 99_00, later)
    assert changed == replace(one, quantity=20, price=99_00, modifications=1, updated_at=later)
    assert ledger.book.snapshot().orders == (changed, two)
    assert ledger.book.snapshot() == elsewhere.book.snapshot()
    assert ledger.book.order(one.id) == changed


def test_a_modification_and_what_goes_with_it_are_one_write(ledger: Ledger, elsewhere: Ledger, claim: Claim) -> None:
    one = ordered(ledger, claim, "ACME")
    kept = ledger.book.snapshot()

    def fails() -> None:
        ledger.decisions.record("sell-monitor", DAY, "", [Decision("ACME", "ACME", "resting", "target", "at 99", {})], NOW)
        raise KeyError("a process that dies here")

    with pytest.raises(KeyError):
        ledger.book.note_modified(one, 20, 99_00, NOW, fails)
    assert ledger.book.snapshot() == kept == elsewhere.book.snapshot()
    assert elsewhere.decisions.verdicts("sell-monitor", DAY, "") == {}


def test_a_modification_inside_a_write_leaves_no_cache(ledger: Ledger, elsewhere: Ledger, claim: Claim) -> None:
    one, two = (ordered(ledger, claim, symbol) for symbol in ("ACME", "BETA"))
    ledger.book.snapshot()
    with ledger.database.write():
        ledger.book.intents.move(two, OrderStatus.UNKNOWN, "a timeout", NOW)
        ledger.book.note_modified(one, 20, 99_00, NOW)
    assert [order.status for order in ledger.book.snapshot().orders] == [OrderStatus.PENDING, OrderStatus.UNKNOWN]
    assert ledger.book.snapshot() == elsewhere.book.snapshot()


def test_a_modification_does_not_hide_another_connections_write(ledger: Ledger, elsewhere: Ledger, claim: Claim) -> None:
    one, two = (ordered(ledger, claim, symbol) for symbol in ("ACME", "BETA"))
    ledger.book.snapshot()
    elsewhere.book.intents.move(two, OrderStatus.UNKNOWN, "from outside", NOW)
    ledger.book.note_modified(one, 20, 99_00, NOW)
    assert [order.status for order in ledger.book.snapshot().orders] == [OrderStatus.PENDING, OrderStatus.UNKNOWN]
    assert ledger.book.snapshot() == elsewhere.book.snapshot()


def test_orders_of_a_session_are_cached_until_a_write(
    ledger: Ledger, elsewhere: Ledger, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Order] = []
    made = records.order_of
    monkeypatch.setattr(records, "order_of", lambda row: reads.append(made(row)) or reads[-1])
    one = ordered(ledger, claim, "ACME")
    seen = ledger.book.orders(session=DAY)
    seen.clear()
    assert ledger.book.orders(session=DAY) == [one]
    assert len(reads) == (1 if ledger.database.sqlite else 2)  # PostgreSQL is asked each time
    assert ledger.book.orders(session=DAY + timedelta(days=1)) == []
    two = ordered(ledger, claim, "BETA")
    assert ledger.book.orders(session=DAY) == [one, two]
    elsewhere.book.intents.move(two, OrderStatus.UNKNOWN, "from outside", NOW)
    assert [order.status for order in ledger.book.orders(session=DAY)] == [OrderStatus.PENDING, OrderStatus.UNKNOWN]
    changed = ledger.book.note_modified(one, 20, 99_00, NOW)
    assert ledger.book.orders(session=DAY)[0] == changed


def test_an_upserted_row_keeps_its_id(database: Database, ledger: Ledger) -> None:
    decision = Decision("ACME", "ACME", "resting", "target", "at 100", {"price": 100_00})
    for price in (100_00, 99_00):
        now = replace(decision, reason=f"at {price // 100}", inputs={"price": price})
        ledger.decisions.record("sell-monitor", DAY, "", [now, replace(decision, instrument_id="BETA", symbol="BETA")], NOW)
    with database.read() as connection:
        rows = connection.exec_driver_sql("SELECT id, symbol, reason, inputs FROM decisions ORDER BY id").all()
    assert [tuple(row) for row in rows] == [(1, "ACME", "at 99", '{"price":9900}'), (2, "BETA", "at 100", '{"price":10000}')]


def test_a_key_alone_may_be_put_again(database: Database) -> None:
    for value in ("one", "two"):
        with database.write() as connection:
            upsert_rows(connection, database_info, ("key",), [{"key": "mode", "value": value}])
    assert Info(database).all() == {"mode": "two"}
