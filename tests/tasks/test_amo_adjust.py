"""Amo-adjust: what it writes down is what it changed."""

import pytest
from sqlalchemy import select

from tests.execution.trading import D, stock
from tradectl.ledger.schema import decisions
from tradectl.model.order import Side


@pytest.mark.parametrize(
    ("capital", "became", "reason"),
    [
        ("9550", (100, 9500), "limit 96.00 becomes 95.00 at pre-open 95.00"),
        ("19050", (200, 9500), "100 becomes 200 at pre-open 95.00"),
    ],
    ids=["only the limit", "the quantity too"],
)
def test_the_reason_names_what_has_changed(trading, capital: str, became: tuple[int, int], reason: str) -> None:
    changes = {"amo_adjust_reprice": "on", "capital_per_trade": capital, "average_window": "5"}
    market = trading(stock(on={D: (9500, 9600, 9300, 9400)}), **changes)
    market.buy(100, 9600)
    market.to(D, "09:05")
    assert market.run("amo-adjust").result["adjusted"] == 1
    (order,) = market.orders(Side.BUY)
    assert (order.quantity, order.price) == became
    with market.ledger.database.read() as connection:
        assert set(connection.scalars(select(decisions.c.reason).where(decisions.c.verdict == "adjusted"))) == {reason}
