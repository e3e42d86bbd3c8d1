"""Orders as people look at them."""

from __future__ import annotations

import pytest

from tests.integration.report.conftest import NEXT, Rows
from tradectl.errors import UsageError
from tradectl.ledger.store import Ledger
from tradectl.report import orders


def test_orders_are_newest_first_and_ones_own(ledger: Ledger, rows: Rows):
    first, second = rows.order(), rows.order()
    Rows(ledger.for_user("ravi")).order(tag="OTHER")
    assert [item["id"] for item in orders.listing(ledger.database, "asha")] == [second, first]


def test_money_is_rupees_and_moments_are_indian(ledger: Ledger, rows: Rows):
    rows.order()
    [item] = orders.listing(ledger.database, "asha")
    assert item["price"] == "101.05"
    assert item["quantity"] == 10
    assert item["created_at"] == "2023-07-20T16:30:00+05:30"
    assert item["session_date"] == "2023-07-21"
    assert "user" not in item


def test_orders_are_chosen_by_status_symbol_session_and_life(ledger: Ledger, rows: Rows):
    unknown = rows.order(status="UNKNOWN", symbol="BETA")
    waiting = rows.order(status="RETRY_PENDING")
    rows.order(status="REJECTED", session_date=NEXT.replace(day=24))

    def ids(**chosen: object) -> list[int]:
        return [item["id"] for item in orders.listing(ledger.database, "asha", **chosen)]  # type: ignore[arg-type]

    assert ids(status="unknown") == [unknown]
    assert ids(symbol="beta") == [unknown]
    assert ids(session=NEXT) == [waiting, unknown]
    assert ids(open_only=True) == [waiting, unknown]
    assert len(ids(limit=1)) == 1


def test_a_status_that_does_not_exist_is_refused(ledger: Ledger):
    with pytest.raises(UsageError, match="no order status"):
        orders.listing(ledger.database, "asha", status="LOST")


def test_one_order_has_its_fills_under_each_of_its_names(ledger: Ledger, rows: Rows):
    order = rows.order(tag="ABCDEFGHIJKLMNO", broker_order_id="B-1", status="EXECUTED", filled_quantity=10)
    rows.fill(order_id=order)
    for name in (str(order), "ABCDEFGHIJKLMNO", "B-1"):
        found = orders.one(ledger.database, "asha", name)
        assert found["id"] == order
        assert [(fill["price"], fill["charges"], fill["quantity"]) for fill in found["fills"]] == [("100.00", "12.34", 10)]


def test_an_unknown_order_is_the_operators_mistake(ledger: Ledger):
    with pytest.raises(UsageError, match="has no order 77"):
        orders.one(ledger.database, "asha", "77")
