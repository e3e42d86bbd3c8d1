"""The ids of stored rows after a change of the list of renames: each company keeps its rows, its position and its history."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from tests.integration.ledger.conftest import NOW
from tradectl.ledger import audit, schema
from tradectl.ledger.engine import Database
from tradectl.ledger.instrument_ids import are_followed, follow_renames
from tradectl.ledger.migrations import create_or_upgrade
from tradectl.ledger.opening import open_database
from tradectl.ledger.positions import Positions
from tradectl.ledger.rows import Decision
from tradectl.ledger.store import Ledger
from tradectl.model.renames import Rename, Renames

BEFORE, DAY, AFTER = date(2025, 4, 8), date(2025, 4, 9), date(2025, 4, 11)
RENAMED = Renames([Rename("ZOMATO", "ETERNAL", DAY)])
IDS = (schema.positions, schema.orders, schema.fills, schema.signals, schema.decisions)


@pytest.fixture
def database(address: str) -> Iterator[Database]:
    """A ledger with a journal."""
    opened = open_database(address)
    create_or_upgrade(opened)
    yield opened
    opened.close()


def at(day: date) -> datetime:
    return datetime.combine(day, time(6), UTC)


class Account:
    """The rows of one user, written as tasks write them."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.made = ledger, 0

    def add(self, table: Any, **values: Any) -> int:
        with self.ledger.database.write() as connection:
            key = connection.execute(insert(table).values(user=self.ledger.user, **values)).inserted_primary_key
        return int(key[0]) if key else 0

    def order(self, symbol: str, session: date, *, side: str = "BUY", position: int | None = None, **more: Any) -> int:
        self.made += 1
        values = {
            "tag": f"{self.ledger.user} {self.made}",
            "instrument_id": symbol,
            "symbol": symbol,
            "side": side,
            "purpose": "entry",
            "quantity": 10,
            "price": 100_00,
            "order_type": "LIMIT",
            "variety": "AMO",
            "status": "PENDING",
            "session_date": session,
            "decided": session - timedelta(days=1),
            "leg": "entry:1",
            "generation": 0,
            "position_id": position,
            "created_at": NOW,
            "updated_at": NOW,
        }
        return self.add(schema.orders, **values | more)

    def position(self, symbol: str, opened: date, *, sold: date | None = None) -> int:
        """A position of 10 shares with its orders and fills; its symbol is the one of its opening."""
        values = {
            "instrument_id": symbol,
            "symbol": symbol,
            "status": "open",
            "quantity": 0,
            "cost": 0,
            "bought": 0,
            "sold": 0,
            "buys": 0,
            "level": 30,
            "level_session": opened,
            "realised": 0,
            "charges": 0,
            "opened_session": opened,
            "opened_at": at(opened),
        }
        position = self.add(schema.positions, **values)
        for side, day in (("BUY", opened), ("SELL", sold)):
            if day is not None:
                order = self.order(symbol, day, side=side, leg=f"{side} {position}", status="EXECUTED", filled_quantity=10)
                self.fill(symbol, side, day, order=order, position=position)
        with self.ledger.database.write() as connection:
            Positions(self.ledger.user).recompute(connection, position)
        return position

    def fill(self, symbol: str, side: str, day: date, *, order: int | None = None, position: int | None = None) -> int:
        self.made += 1
        values = {
            "trade_id": f"{self.ledger.user} T{self.made}",
            "order_id": order,
            "position_id": position,
            "instrument_id": symbol,
            "symbol": symbol,
            "side": side,
            "quantity": 10,
            "booked": 10 if position else 0,
            "price": 100_00,
            "session_date": day,
            "at": at(day) + timedelta(seconds=self.made),
            "external": order is None,
        }
        return self.add(schema.fills, **values)

    def ids(self, table: Any = schema.positions) -> list[str]:
        """The ids of a table's rows of this user, in their order."""
        with self.ledger.database.read() as connection:
            order = table.c.id if "id" in table.c else table.c.instrument_id
            return list(connection.scalars(select(table.c.instrument_id).where(table.c.user == self.ledger.user).order_by(order)))

    def follow(self, renames: Renames = RENAMED) -> list[tuple[str, str, int]]:
        found = follow_renames(self.ledger, renames, NOW)
        assert are_followed(self.ledger, renames)
        return [(item.before, item.now, item.open_positions) for item in found]


def test_all_rows_of_a_held_share_follow_its_rename(ledger: Ledger) -> None:
    account = Account(ledger)
    position = account.position("ZOMATO", BEFORE)
    account.order("ZOMATO", BEFORE, side="SELL", position=position, leg=f"P{position}", purpose="target")
    account.order("OTHER", DAY)
    account.fill("ZOMATO", "SELL", BEFORE)
    signal = {"rank": 1, "close": 1, "limit_price": 1, "rsi": 1, "ema9": 1, "level": 30, "strength": 1, "backtest": 1}
    more = {"combined": 1, "trades": 1, "bars": 300, "average_turnover": 1, "data_state": "final", "data_date": BEFORE}
    account.add(
        schema.signals, instrument_id="ZOMATO", symbol="ZOMATO", analysed=BEFORE, for_session=DAY, verdict="BUY",
        status="active", created_at=NOW, **signal, **more,
    )  # fmt: skip
    ledger.decisions.record("buy", BEFORE, "", [Decision("ZOMATO", "ZOMATO", "placed", "entry", "why")], NOW)
    line = {"instrument_id": "ZOMATO", "symbol": "ZOMATO", "purpose": "entry", "quantity": 1, "price": 1}
    account.add(
        schema.buy_approvals, session_date=BEFORE, for_session=DAY, list_hash="abc", lines=[line], asked_at=NOW, until=NOW
    )
    assert account.follow() == [("ZOMATO", "ETERNAL", 1)]
    found = {name for table in IDS for name in account.ids(table)}
    assert found == {"ETERNAL", "OTHER"}
    with ledger.database.read() as connection:
        assert connection.scalar(select(schema.buy_approvals.c.lines))[0] == line | {"instrument_id": "ETERNAL"}
        assert set(connection.scalars(select(schema.fills.c.symbol))) == {"ZOMATO"}  # what was traded keeps its name
    assert [row.action for row in ledger.logs.list()] == ["renamed"]


def test_the_journal_is_whole_after_a_rename(ledger: Ledger) -> None:
    account = Account(ledger)
    account.position("ZOMATO", BEFORE)
    before = audit.verify(ledger.database).entries
    account.follow()
    after = audit.verify(ledger.database)
    assert (after.findings, after.entries > before) == ((), True)


def test_a_second_call_writes_nothing(ledger: Ledger) -> None:
    account = Account(ledger)
    account.position("ZOMATO", BEFORE)
    account.follow()
    entries = audit.verify(ledger.database).entries
    assert account.follow() == []
    assert audit.verify(ledger.database).entries == entries


def test_a_buy_decided_before_the_rename_follows_it(ledger: Ledger) -> None:
    account = Account(ledger)
    account.order("ZOMATO", DAY)
    account.follow()
    assert account.ids(schema.orders) == ["ETERNAL"]


def test_a_chain_learned_in_steps_ends_at_its_last_name(ledger: Ledger) -> None:
    account = Account(ledger)
    first, second = Rename("A", "B", date(2025, 3, 3)), Rename("B", "C", DAY)
    account.position("A", date(2025, 2, 3))
    assert account.follow(Renames([first])) == [("A", "B", 1)]
    assert account.follow(Renames([first, second])) == [("B", "C", 1)]
    assert {*account.ids(), *account.ids(schema.fills), *account.ids(schema.orders)} == {"C"}


def test_a_chain_learned_at_once_ends_at_its_last_name(ledger: Ledger) -> None:
    account = Account(ledger)
    account.position("A", date(2025, 2, 3))
    account.follow(Renames([Rename("A", "B", date(2025, 3, 3)), Rename("B", "C", DAY)]))
    assert {*account.ids(), *account.ids(schema.fills), *account.ids(schema.orders)} == {"C"}


def test_a_symbol_used_again_stays_with_its_new_company(ledger: Ledger) -> None:
    """Both positions have the id A until the list comes: the one of the company that left the name, and of one listed later."""
    account, listed = Account(ledger), DAY + timedelta(days=60)
    account.position("A", BEFORE, sold=DAY - timedelta(days=1))
    account.position("A", listed)
    account.follow(Renames([Rename("A", "B", DAY)]))
    assert account.ids() == ["B", "A"]
    assert account.ids(schema.fills) == ["B", "B", "A"]


def test_a_name_taken_by_another_company_is_told_apart(ledger: Ledger) -> None:
    account, taken = Account(ledger), DAY + timedelta(days=60)
    came = Rename("OLD", "X", date(2025, 1, 6))
    account.position("X", BEFORE)
    account.follow(Renames([came]))
    assert account.ids() == ["X"]
    account.follow(Renames([came, Rename("OTHER", "X", taken)]))
    assert account.ids() == [f"X~{taken}"]


def test_an_older_list_takes_no_id_back(ledger: Ledger) -> None:
    account = Account(ledger)
    account.position("ZOMATO", BEFORE)
    account.follow()
    assert account.follow(Renames([])) == []
    assert account.ids() == ["ETERNAL"]


def test_a_row_of_a_process_with_the_old_list_is_mended(ledger: Ledger) -> None:
    """It read the market data before the import, and wrote its buy after another process had followed the rename."""
    account = Account(ledger)
    account.follow()
    account.order("ZOMATO", DAY)
    assert not are_followed(ledger, RENAMED)
    assert account.follow() == [("ZOMATO", "ETERNAL", 0)]


def test_a_sell_of_such_a_process_goes_to_its_position(ledger: Ledger) -> None:
    """Else the position would look uncovered, and get a second sell."""
    account = Account(ledger)
    position = account.position("ZOMATO", BEFORE)
    account.follow()
    account.order("ZOMATO", DAY, side="SELL", position=position, leg=f"P{position}", purpose="target")
    assert not are_followed(ledger, RENAMED)
    account.follow()
    assert set(account.ids(schema.orders)) == {"ETERNAL"}


def test_a_conflict_of_keys_stops_no_command(ledger: Ledger) -> None:
    account = Account(ledger)
    account.position("ZOMATO", BEFORE)
    for symbol in ("ZOMATO", "ETERNAL"):
        account.order(symbol, DAY, status="CANCELLED")
    assert account.follow() == [("ZOMATO", "ETERNAL", 1)]
    assert sorted(account.ids(schema.orders)) == ["ETERNAL", "ETERNAL", "ZOMATO"]


def test_each_user_follows_with_the_list_of_its_own_home(ledger: Ledger) -> None:
    ledger.users.add("ravi", capital=500_000_00, created_at=NOW, role="user")
    mine, other = Account(ledger), Account(ledger.for_user("ravi"))
    mine.position("ZOMATO", BEFORE)
    other.position("ZOMATO", BEFORE)
    mine.follow()
    assert (mine.ids(), other.ids()) == (["ETERNAL"], ["ZOMATO"])
    other.follow()
    assert (mine.ids(), other.ids()) == (["ETERNAL"], ["ETERNAL"])
    assert audit.verify(ledger.database).findings == ()


def test_two_positions_of_one_company_become_one(ledger: Ledger) -> None:
    """The list came weeks late: the new symbol was bought as if it were another share."""
    account, late = Account(ledger), DAY + timedelta(days=40)
    first, second = account.position("ZOMATO", BEFORE), account.position("ETERNAL", late)
    dividend = {"kind": "dividend", "ex_date": late + timedelta(days=1), "quantity_before": 10, "quantity_after": 10}
    for position in (first, second):
        account.add(schema.adjustments, position_id=position, cash=50, at=at(late), **dividend)
    split = {"kind": "split", "ex_date": late + timedelta(days=2), "quantity_before": 10, "quantity_after": 20, "ratio": "2"}
    account.add(schema.adjustments, position_id=second, at=at(late + timedelta(days=2)), **split)
    cash = ledger.book.cash()
    account.follow()
    [position] = ledger.book.positions()
    assert (position.id, position.instrument_id, position.quantity, position.cost) == (first, "ETERNAL", 40, 2_000_00)
    assert (position.dividends, position.buys, ledger.book.cash()) == (100, 2, cash)
    assert audit.verify(ledger.database).findings == ()


def test_a_row_that_exists_under_the_new_id_stays(ledger: Ledger) -> None:
    """One analysis decided about both symbols, because the list came late."""
    account = Account(ledger)
    both = [Decision(name, name, "AVOID", "history", "why") for name in ("ZOMATO", "ETERNAL")]
    ledger.decisions.record("analyze", DAY, "", both, NOW)
    account.follow()
    assert account.ids(schema.decisions) == ["ZOMATO", "ETERNAL"]
