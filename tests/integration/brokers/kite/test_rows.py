"""Kite's rows in our words: exact money, aware times, and nothing guessed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.integration.brokers.kite.samples import HOLDING, ORDER, POSITION, TRADE, body
from tradectl.brokers.kite import rows
from tradectl.brokers.kite.balances import funds, holdings
from tradectl.errors import BrokerUnavailable
from tradectl.model.market import Quote
from tradectl.model.order import Funds, Holding, OrderReport, OrderStatus, Side, Variety

S = OrderStatus


def order(**changes: Any) -> OrderReport:
    return rows.parsed(body([{**ORDER, **changes}]), rows.orders)[0]


def test_an_order_keeps_its_paise_and_its_moments() -> None:
    placed, updated = (datetime(2023, 7, 17, 3, 50, second, tzinfo=UTC) for second in (5, 6))
    assert order() == OrderReport(
        "230717000000001", "ABCDEFGHIJKLMN2", "ACME", Side.BUY, 10, 10135, 0, S.ONGOING, "", Variety.REGULAR, placed, updated
    )
    assert order(price=1234567.05).price == 123456705
    assert order(tradingsymbol="ACME-BE", variety="amo").symbol == "ACME"
    assert order(tradingsymbol="BAJAJ-AUTO").symbol == "BAJAJ-AUTO"


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("AMO REQ RECEIVED", S.PENDING), ("PUT ORDER REQ RECEIVED", S.PENDING), ("OPEN", S.ONGOING), ("UPDATE", S.ONGOING),
        ("CANCEL PENDING", S.ONGOING), ("MODIFY PENDING", S.ONGOING), ("COMPLETE", S.EXECUTED), ("CANCELLED", S.CANCELLED),
        ("CANCELLED AMO", S.CANCELLED), ("REJECTED", S.REJECTED), ("REJECTED BY RMS", S.REJECTED),
    ],
)  # fmt: skip
def test_a_status_has_one_meaning(word: str, status: OrderStatus) -> None:
    assert order(status=word).status is status


def test_an_unknown_status_stays_unknown_and_says_its_word() -> None:
    found = order(status="SOMETHING NEW", status_message="why")
    assert (found.status, found.reason) == (S.UNKNOWN, "Kite's status 'SOMETHING NEW' is not known: why")


def test_what_is_filled_is_not_read_from_what_is_pending() -> None:
    found = order(status="CANCELLED", filled_quantity=4, pending_quantity=6, cancelled_quantity=6)
    assert (found.status, found.filled_quantity) == (S.CANCELLED, 4)


def test_our_tag_is_found_beside_kites_own() -> None:
    assert order(tag=None, tags=["mktp", "ABCDEFGHIJKLMN2"]).tag == "ABCDEFGHIJKLMN2"
    assert order(tag="mktp:2.00", tags=["mktp:2.00", "ABCDEFGHIJKLMN2"]).tag == "ABCDEFGHIJKLMN2"
    assert order(tag="byhand", tags=["byhand"]).tag == "byhand"
    bare = {key: value for key, value in ORDER.items() if key != "tags"} | {"tag": None}
    assert rows.parsed(body([bare]), rows.orders)[0].tag is None


def test_a_rejected_row_has_no_time_of_the_exchange() -> None:
    found = order(
        status="REJECTED", exchange_order_id=None, exchange_timestamp=None, exchange_update_timestamp=None,
        status_message="Order rejected.", status_message_raw="RMS:Margin Exceeds",
    )  # fmt: skip
    assert (found.reason, found.placed_at) == ("Order rejected.", found.updated_at)


def test_only_a_rejection_for_want_of_funds_may_pass() -> None:
    told = "RMS:Margin Exceeds"
    assert order(status="REJECTED", status_message="Order rejected.", status_message_raw=told).passing
    assert not order(status="REJECTED", status_message="circuit limit", status_message_raw=None).passing
    assert not order(status="CANCELLED", status_message=told).passing


def test_the_first_time_of_a_row_is_when_it_was_placed() -> None:
    """A later request, such as a cancel, moves `order_timestamp`."""
    found = order(order_timestamp="2023-07-17 09:30:00", exchange_update_timestamp="2023-07-17 09:30:01")
    assert found.placed_at == datetime(2023, 7, 17, 3, 50, 6, tzinfo=UTC)
    assert found.updated_at == datetime(2023, 7, 17, 4, 0, 1, tzinfo=UTC)


def test_only_delivery_of_shares_concerns_us() -> None:
    others = [{**ORDER, "product": "MIS"}, {**ORDER, "exchange": "NFO", "product": "NRML", "price": 0.0125}]
    assert rows.parsed(body(others), rows.orders) == ()


@pytest.mark.parametrize(
    "broken", [{"price": 1.001}, {"quantity": "many"}, {"transaction_type": "SHORT"}, {"order_timestamp": "2023-07-17T09:00:00Z"}]
)
def test_a_row_that_cannot_be_understood_is_an_odd_row(broken: dict[str, Any]) -> None:
    found = rows.parsed(body([{**ORDER, **broken}, ORDER | {"order_id": "2"}]), rows.orders)
    ((field, _),) = broken.items()
    assert [item.broker_order_id for item in found] == ["2"]
    assert [(row.symbol, row.field, row.broker_order_id) for row in found.odd] == [("ACME", field, ORDER["order_id"])]


def test_an_answer_that_cannot_be_understood_is_a_failed_read() -> None:
    for content, make in ((b'{"status": "success"}', rows.orders), (body([]), rows.refused), (b"\xff", rows.orders)):
        with pytest.raises(BrokerUnavailable):
            rows.parsed(content, make)


def quote(**changes: Any) -> Quote:
    day = {"open": 100.0, "high": 101.5, "low": 99.95, "close": 98.0}
    row = {"timestamp": "2023-07-17 10:00:00", "last_trade_time": "2023-07-17 09:59:58", "last_price": 101.35, "volume": 5,
           "ohlc": day, "lower_circuit_limit": 88.2, "upper_circuit_limit": 107.8} | changes  # fmt: skip
    return rows.parsed(body({"NSE:M&M": row}), lambda data: rows.quotes(data, {"NSE:M&M": "M&M"}))["M&M"]


def test_a_quote_has_its_own_time_and_the_days_band() -> None:
    at = datetime(2023, 7, 17, 4, 30, tzinfo=UTC)
    traded = at - timedelta(seconds=2)
    assert quote() == Quote(
        "M&M",
        10135,
        at,
        "kite",
        last_trade_at=traded,
        open=10000,
        high=10150,
        low=9995,
        volume=5,
        lower_band=8820,
        upper_band=10780,
    )
    silent = quote(ohlc={"open": 0, "high": 0, "low": 0, "close": 98}, volume=0, last_trade_time=None, lower_circuit_limit=0)
    assert (silent.open, silent.high, silent.volume, silent.last_trade_at, silent.lower_band) == (None,) * 5


def test_a_quote_without_a_time_proves_nothing() -> None:
    with pytest.raises(KeyError):
        quote(timestamp=None)


def test_a_trade_joins_its_order() -> None:
    (trade,) = rows.parsed(body([TRADE]), rows.trades)
    assert (trade.broker_order_id, trade.price, trade.quantity) == ("230717000000001", 10130, 4)
    assert trade.at == datetime(2023, 7, 17, 3, 51, tzinfo=UTC)


def test_equal_trade_numbers_of_two_days_or_exchanges_are_two() -> None:
    """The ledger keeps ids for ever, and an exchange's numbers begin anew each day. The day is India's: 04:00 is the day before
    in UTC."""
    others = {"fill_timestamp": "2023-07-18 09:21:00"}, {"exchange": "BSE"}, {"fill_timestamp": "2023-07-19 04:00:00"}
    found = rows.parsed(body([TRADE, *({**TRADE, **changes} for changes in others)]), rows.trades)
    assert [trade.trade_id for trade in found] == [
        "20230717-NSE-10000001", "20230718-NSE-10000001", "20230717-BSE-10000001", "20230719-NSE-10000001",
    ]  # fmt: skip


def shares(held: dict[str, Any] | None = None, traded: dict[str, Any] | None = None) -> tuple[Holding, ...]:
    positions = {"net": [], "day": [{**POSITION, **traded}] if traded is not None else []}
    return holdings([{**HOLDING, **held}] if held is not None else [], positions)


@pytest.mark.parametrize(
    ("held", "traded", "quantity", "fresh", "sellable"),
    [
        ({}, None, 10, 0, 10),
        # as the mocks have it: t1 beside quantity, the opening quantity is both
        ({"quantity": 11, "t1_quantity": 7, "opening_quantity": 18}, None, 11, 7, 18),
        # as the documentation has it: t1 within quantity
        ({"quantity": 11, "t1_quantity": 7, "opening_quantity": 11}, None, 4, 7, 11),
        ({}, {"day_buy_quantity": 5}, 10, 5, 15),
        ({"used_quantity": 4}, {"day_sell_quantity": 4}, 6, 0, 6),
        ({"used_quantity": 4}, None, 6, 0, 6),
        ({}, {"day_sell_quantity": 4}, 6, 0, 6),
        ({"quantity": 4, "t1_quantity": 6, "opening_quantity": 10}, {"day_sell_quantity": 5}, 0, 5, 5),
        ({}, {"day_buy_quantity": 5, "day_sell_quantity": 3}, 10, 2, 12),
        (None, {"day_buy_quantity": 5}, 0, 5, 5),
        (None, {"day_buy_quantity": 5, "tradingsymbol": "ACME-BE"}, 0, 5, 0),
        ({"tradingsymbol": "ACME-BE"}, {"day_buy_quantity": 5, "tradingsymbol": "ACME-BE"}, 10, 5, 10),
    ],
)
def test_never_more_is_sellable_than_could_surely_be_sold(
    held: dict[str, Any] | None, traded: dict[str, Any] | None, quantity: int, fresh: int, sellable: int
) -> None:
    (found,) = shares(held, traded)
    assert found == Holding("ACME", quantity, fresh, sellable, isin=found.isin)


def test_what_was_sold_out_is_no_holding() -> None:
    assert shares({"used_quantity": 10}, {"day_sell_quantity": 10}) == ()
    assert shares({"product": "MTF"}, None) == ()


def test_cash_is_reckoned_from_the_morning_and_the_days_trades() -> None:
    """10 shares at 100.00 bought for delivery in July 2023: STT 1.00, transaction 0.03, stamp 0.15, GST 0.01; IPFT and SEBI's
    are below half a paisa."""
    margins = {
        "net": 99000.05000000002,
        "available": {"opening_balance": 100000, "intraday_payin": 500.5},
        "utilised": {"payout": 0.5, "delivery": 12.34},
    }
    bought = rows.parsed(body([{**TRADE, "quantity": 10, "average_price": 100}]), rows.trades)
    cash = 100500_00 - 1000_00 - 119
    assert funds(margins, bought, date(2023, 7, 17)) == Funds(99000_05, cash - 99000_05 - 12_34, cash)
    assert funds(margins, bought, date(2023, 7, 18)).cash == 100500_00
