"""Amo-adjust: what it writes down is what it changed."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from tests.support.trading import SESSIONS, D, Trading, stock
from tradectl.brokers.paper import PaperBroker
from tradectl.errors import OrderRefused
from tradectl.ledger.schema import decisions
from tradectl.model.order import OrderReport, OrderStatus, Side


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


class Unchanging(PaperBroker):
    """An exchange behind a broker that passes after-market orders on at 09:15, and changes none before."""

    capabilities = replace(PaperBroker.capabilities, amo_changes=False)
    asked = 0

    def orders(self) -> tuple[OrderReport, ...]:
        return tuple(replace(item, status=OrderStatus.PENDING) for item in super().orders())

    def modify(self, broker_order_id: str, *, quantity: int, price: int) -> None:
        self.asked += 1
        raise OrderRefused("no after-market order is changed", code="phase")


def test_a_waiting_order_that_cannot_be_changed_is_left(tmp_path: Path) -> None:
    """It is not asked for, not cancelled and placed anew, and not counted as a failure."""

    class Market(Trading):
        def _broker(self) -> PaperBroker:
            return Unchanging(self.folder / "paper.db", "asha", self.clock, self.market, SESSIONS, durable=False)

    changes = {"amo_adjust_reprice": "on", "capital_per_trade": "19050", "average_window": "5"}
    market = Market(tmp_path, stock(on={D: (9500, 9600, 9300, 9400)}), **changes)
    market.buy(100, 9600)
    market.to(D, "09:05")
    report = market.run("amo-adjust")
    assert (report.exit_code, report.result["unchanged"], report.result["modification_failed"]) == (0, 1, 0)
    (order,) = market.orders(Side.BUY)
    assert (order.quantity, order.price) == (100, 9600)
    assert (len(market.broker.orders()), market.broker.asked) == (1, 0)  # type: ignore[attr-defined]
    market.broker.close()
