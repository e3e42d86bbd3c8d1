"""OpenAlgo's funds by the broker behind it, and its order book with an after-market order by hand as the first row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.benches import OpenAlgoBench
from tradectl.brokers.openalgo.balances import available
from tradectl.errors import BrokerUnavailable
from tradectl.lab.sandboxes.fixture import FRIDAY, MONDAY, OPEN, Fixture, ist
from tradectl.model.order import OrderRequest, Side, Variety

GROSS: dict[str, Any] = {"availablecash": "100000.00", "utiliseddebits": "39900.05", "collateral": "5000.00"}


@pytest.mark.parametrize(
    ("broker", "data", "paise"),
    [
        ("zerodha", GROSS, 60_099_95),
        ("angel", GROSS, 60_099_95),
        ("zerodha", GROSS | {"utiliseddebits": "-50.00"}, 100_050_00),
        ("shoonya", GROSS, 100_000_00),
        ("dhan", GROSS, 100_000_00),
        ("somebroker", GROSS, 60_099_95),
        ("somebroker", GROSS | {"utiliseddebits": "-50.00"}, 100_000_00),
        ("", {"availablecash": 7.5}, 7_50),
    ],
)
def test_funds_are_net_of_what_is_blocked_and_spent(broker: str, data: dict[str, Any], paise: int) -> None:
    assert available(data, broker) == paise


@pytest.mark.parametrize("data", [{}, {"availablecash": None}, {"availablecash": "none"}, {"availablecash": [1]}])
def test_money_that_is_not_told_is_no_zero(data: dict[str, Any]) -> None:
    with pytest.raises((KeyError, ValueError, ArithmeticError)):
        available(data, "zerodha")


def test_an_amo_by_hand_in_the_first_row_hides_the_book(tmp_path: Path) -> None:
    fixture = Fixture(tmp_path, ist(FRIDAY, "16:30"))
    bench = OpenAlgoBench(fixture)
    try:
        number = fixture.exchange().place(OrderRequest("byhand", "ACME", Side.BUY, 5, OPEN - 500, variety=Variety.AMO))
        with pytest.raises(BrokerUnavailable, match="its first row is a manual after-market order"):
            bench.broker.orders()
        bench.to(MONDAY, "08:30")
        with pytest.raises(BrokerUnavailable, match="Nothing is sent until NSE takes that order at 09:00"):
            bench.broker.orders()
        bench.to(MONDAY, "09:16")
        assert [item.broker_order_id for item in bench.broker.orders()] == [number]
    finally:
        bench.close()


def test_a_waiting_row_takes_the_word_of_the_row_before_it(tmp_path: Path) -> None:
    fixture = Fixture(tmp_path, ist(FRIDAY, "10:00"))
    bench = OpenAlgoBench(fixture)
    try:
        first = bench.buy(5, OPEN - 500)
        bench.broker.cancel(first)
        bench.to(FRIDAY, "16:30")
        second = fixture.exchange().place(OrderRequest("byhand", "ACME", Side.BUY, 5, OPEN - 500, variety=Variety.AMO))
        words = {item.broker_order_id: str(item.status) for item in bench.broker.orders()}
        assert words == {first: "CANCELLED", second: "UNKNOWN"}
    finally:
        bench.close()
