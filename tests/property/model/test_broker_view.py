"""What the broker's lists showed: a revision rises only where they differ."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec.structs import replace

from tradectl.model.broker_view import HOLDINGS, ORDERS, BrokerView
from tradectl.model.odd_rows import OddRow, RowKind, Rows
from tradectl.model.order import OrderReport, OrderStatus, Side, TradeReport, Variety

NOW = datetime(2026, 1, 7, 4, tzinfo=UTC)
REPORT = OrderReport("1", None, "ACME", Side.SELL, 10, 100_00, 0, OrderStatus.ONGOING, "", Variety.REGULAR, NOW, NOW)
TRADE = TradeReport("T1", "1", "ACME", Side.SELL, 10, 100_00, NOW)
ODD = OddRow(RowKind.ORDER, "BETA", "price", "x")


def test_an_equal_read_is_the_same_view() -> None:
    first = BrokerView().read_again([REPORT], [TRADE])
    assert (first.revision, first.trades_revision) == (1, 1)
    assert first.read_again([replace(REPORT)], [replace(TRADE)]) is first


def test_a_new_price_raises_the_revision_of_the_orders_alone() -> None:
    first = replace(BrokerView().read_again([REPORT], [TRADE]), applied=7, trades_applied=1)
    second = first.read_again([replace(REPORT, price=99_00)], [TRADE])
    assert (second.revision, second.trades_revision) == (2, 1)
    assert (second.applied, second.trades_applied) == (None, 1)


def test_a_list_that_can_be_read_again_has_no_odd_rows() -> None:
    odd = BrokerView().read_again(Rows([REPORT], [ODD]), [])
    assert odd.odd == {ORDERS: (ODD,)}
    mended = odd.read_again(Rows([REPORT]), [])
    assert (mended.odd, mended.revision) == ({}, 2)
    assert ORDERS in mended.lists


def test_odd_rows_of_another_list_change_no_revision() -> None:
    first = BrokerView().read_again([REPORT], [])
    second = first.with_odd(HOLDINGS, (ODD,))
    assert (second.odd, second.revision) == ({HOLDINGS: (ODD,)}, 1)
    assert second.with_odd(HOLDINGS, (ODD,)) is second
    assert HOLDINGS not in first.lists
