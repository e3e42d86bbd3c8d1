"""Dhan's rows, as its documentation and public repositories show them, in our words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.brokers.exchange import ist
from tradectl.brokers.dhan import balances, rows
from tradectl.brokers.dhan.api import understood
from tradectl.brokers.dhan.error_mapping import judge_holdings, judge_read, rejection
from tradectl.brokers.dhan.instruments import DhanInstrument
from tradectl.brokers.http.transport import Reply
from tradectl.errors import BrokerUnavailable, ConfigurationError, LoginNeeded
from tradectl.model.order import Holding, OrderReport, OrderStatus, Variety

DAY = date(2021, 11, 24)
ORDER: Mapping[str, Any] = {
    "dhanClientId": "1000000003", "orderId": "112111182198", "correlationId": "A" * 15, "orderStatus": "PENDING",
    "transactionType": "BUY", "exchangeSegment": "NSE_EQ", "productType": "CNC", "orderType": "LIMIT", "validity": "DAY",
    "tradingSymbol": "", "securityId": "11536", "quantity": 5, "disclosedQuantity": 0, "price": 3345.8, "triggerPrice": 0.0,
    "afterMarketOrder": False, "boProfitValue": 0.0, "boStopLossValue": 0.0, "legName": None,
    "createTime": "2021-11-24 13:33:03", "updateTime": "2021-11-24 13:34:00", "exchangeTime": "0001-01-01 00:00:00",
    "drvExpiryDate": "0001-01-01", "drvOptionType": "NA", "drvStrikePrice": 0.0, "omsErrorCode": None,
    "omsErrorDescription": "CONFIRMED", "algoId": None, "remainingQuantity": 5, "averageTradedPrice": 0, "filledQty": 0,
}  # fmt: skip
TRADE: Mapping[str, Any] = {
    "orderId": "112111182045", "exchangeOrderId": "15112111182045", "exchangeTradeId": "15112111182045", "productType": "CNC",
    "transactionType": "BUY", "exchangeSegment": "NSE_EQ", "orderType": "LIMIT", "tradingSymbol": "TCS", "securityId": "11536",
    "tradedQuantity": 40, "tradedPrice": 3345.8, "createTime": "2021-11-25 11:20:06", "updateTime": "2021-11-25 17:35:12",
    "exchangeTime": "2021-11-25 11:20:07",
}  # fmt: skip


LISTED = DhanInstrument("11536", "TCS", "EQ", "INE467B01029", 5)


def known(row: Mapping[str, Any]) -> DhanInstrument | None:
    return LISTED if str(row["securityId"]) == "11536" else None


def order(waits: bool = False, **changes: Any) -> OrderReport:
    (found,) = rows.orders([{**ORDER, **changes}], known, lambda _: waits)
    return found


def test_an_order_is_named_by_its_security_id() -> None:
    found = order()
    assert (found.symbol, found.quantity, found.price, found.filled_quantity) == ("TCS", 5, 334580, 0)
    assert (found.status, found.reason, found.tag, found.variety) == (OrderStatus.ONGOING, "", "A" * 15, Variety.REGULAR)
    assert (found.placed_at, found.updated_at) == (ist(DAY, "13:33:03"), ist(DAY, "13:34:00"))


@pytest.mark.parametrize(
    ("changes", "waits", "status", "reason"),
    [
        ({"orderStatus": "TRANSIT"}, False, OrderStatus.PENDING, ""),
        ({"afterMarketOrder": True}, True, OrderStatus.PENDING, ""),
        ({"afterMarketOrder": True}, False, OrderStatus.ONGOING, ""),
        ({"orderStatus": "PART_TRADED", "filledQty": 2}, False, OrderStatus.ONGOING, ""),
        ({"orderStatus": "TRADED", "filledQty": 5}, False, OrderStatus.EXECUTED, ""),
        ({"orderStatus": "CANCELLED", "omsErrorDescription": None}, False, OrderStatus.CANCELLED, ""),
        ({"orderStatus": "EXPIRED", "omsErrorDescription": None}, False, OrderStatus.CANCELLED, "expired"),
        ({"orderStatus": "REJECTED", "omsErrorDescription": "RMS:1:Fund Limit Insufficient"}, False, OrderStatus.REJECTED,
         "RMS:1:Fund Limit Insufficient"),
        ({"orderStatus": "CLOSED"}, False, OrderStatus.UNKNOWN, "Dhan's status 'CLOSED' is not known"),
    ],
)  # fmt: skip
def test_its_words_are_ours(changes: dict[str, Any], waits: bool, status: OrderStatus, reason: str) -> None:
    found = order(waits, **changes)
    assert (found.status, found.reason, found.passing) == (status, reason, "Fund Limit" in reason)


@pytest.mark.parametrize(("tag", "ours"), [("1000000003-1788847935148", None), ("", None), (None, None), ("by hand", "by hand")])
def test_a_tag_of_dhans_own_is_none(tag: str | None, ours: str | None) -> None:
    assert order(correlationId=tag).tag == ours


@pytest.mark.parametrize("changes", [{"productType": "INTRADAY"}, {"exchangeSegment": "NSE_FNO"}, {"productType": "MTF"}])
def test_rows_of_other_products_are_left_out_unread(changes: dict[str, Any]) -> None:
    odd = {**ORDER, **changes, "quantity": "many", "securityId": None, "createTime": None}
    found = rows.orders([odd], known, lambda _: False)
    assert (tuple(found), found.odd) == ((), ())


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"quantity": 0.5}, "quantity"), ({"quantity": 0}, "quantity"),
        ({"quantity": -5}, "quantity"), ({"quantity": "x"}, "quantity"),
        ({"price": -(10**17)}, "price"), ({"price": 102.345}, "price"), ({"price": 0}, "price"), ({"price": "dear"}, "price"),
        ({"createTime": None}, "createTime"), ({"createTime": "0001-01-01 00:00:00"}, "createTime"),
        ({"createTime": "2021-11-24T13:33:03+05:30"}, "createTime"), ({"transactionType": "HOLD"}, "transactionType"),
        ({"filledQty": 2**31}, "filledQty"), ({"filledQty": 6}, "filled_quantity"), ({"filledQty": None}, "filledQty"),
        ({"orderId": "0"}, "orderId"), ({"securityId": None, "tradingSymbol": "TCS"}, "securityId"),
        ({"securityId": "9" * 40, "tradingSymbol": "TCS"}, "securityId"), ({"afterMarketOrder": "yes"}, "afterMarketOrder"),
        ({"correlationId": 7}, "correlationId"), ({"exchangeSegment": "MOON"}, "exchangeSegment"),
        ({"productType": None}, "productType"),
    ],
)  # fmt: skip
def test_an_odd_row_stops_its_symbol_alone(changes: dict[str, Any], field: str) -> None:
    found = rows.orders([{**ORDER, **changes}, {**ORDER, "orderId": "7"}], known, lambda _: False)
    assert [report.broker_order_id for report in found] == ["7"]
    ((symbol, named),) = [(row.symbol, row.field) for row in found.odd]
    assert (symbol, named) == ("TCS", field)


def test_a_bse_order_by_hand_without_a_symbol_shows_its_tag() -> None:
    """The list of NSE does not have BSE's security ids."""
    own = "1000000003-1788847935148"
    row = {**ORDER, "exchangeSegment": "BSE_EQ", "securityId": "532540", "correlationId": own}
    (odd,) = rows.orders([row], known, lambda _: False).odd
    assert (odd.symbol, odd.field, odd.tag) == ("", "tradingSymbol", own)


def test_an_order_book_that_is_no_list_is_a_read_that_failed() -> None:
    with pytest.raises(BrokerUnavailable, match=r"^Dhan's reply to /orders cannot be read: "):
        understood("/orders", b'{"data": []}', lambda data: rows.orders(data, known, lambda _: False))


def test_a_price_that_was_a_float_is_the_price_that_was_meant() -> None:
    assert order(price=101.3499984741211).price == 10135


def test_a_trades_id_has_its_day_and_exchange() -> None:
    (found,) = rows.trades([TRADE], known)
    assert (found.trade_id, found.quantity, found.price) == ("20211125-NSE-15112111182045", 40, 334580)
    assert found.at == datetime(2021, 11, 25, 5, 50, 7, tzinfo=UTC)


def test_holdings_and_positions_are_one_count() -> None:
    held = {"securityId": "11536", "totalQty": 100, "dpQty": 90, "t1Qty": 10, "availableQty": 100, "collateralQty": 20}
    position = {"exchangeSegment": "NSE_EQ", "productType": "CNC", "securityId": "11536", "dayBuyQty": 5, "daySellQty": 15}
    other = {"exchangeSegment": "NSE_FNO", "productType": "MARGIN", "securityId": None}
    (found,) = balances.holdings([held], [position, other], known)
    assert found == Holding("TCS", 60, 10, 70, 20, LISTED.isin)
    late = [{**position, "daySellQty": 0}]
    (restricted,) = balances.holdings([held], late, lambda _: replace(LISTED, series="BE"))
    assert (restricted.quantity, restricted.t1_quantity, restricted.sellable) == (70, 15, 80)
    traded = [{**TRADE, "tradedQuantity": 5}, {**TRADE, "transactionType": "SELL", "tradedQuantity": 15}]
    today = balances.positions_of([*traded, {**TRADE, "exchangeTime": "2021-11-24 11:20:07"}], date(2021, 11, 25), known)
    assert tuple(balances.holdings([held], today, known)) == (found,)


@pytest.mark.parametrize(
    ("of", "changes", "field"),
    [
        ("held", {"totalQty": -1}, "totalQty"), ("held", {"t1Qty": "x"}, "t1Qty"),
        ("held", {"availableQty": None}, "availableQty"),
        ("held", {"isin": 7}, "isin"), ("day", {"dayBuyQty": 0.5}, "dayBuyQty"), ("day", {"daySellQty": 10**12}, "daySellQty"),
    ],
)  # fmt: skip
def test_of_a_symbol_with_an_odd_row_nothing_is_held(of: str, changes: dict[str, Any], field: str) -> None:
    held = {"securityId": "11536", "tradingSymbol": "TCS", "totalQty": 100, "t1Qty": 0, "availableQty": 100}
    day = {"exchangeSegment": "NSE_EQ", "productType": "CNC", "securityId": "11536", "dayBuyQty": 5, "daySellQty": 0}
    other = {"securityId": "5", "tradingSymbol": "ACME", "totalQty": 3, "t1Qty": 0, "availableQty": 3}
    made = {"held": held, "day": day} | {of: {**{"held": held, "day": day}[of], **changes}}
    found = balances.holdings([made["held"], other], [made["day"]], known)
    assert [item.symbol for item in found] == ["ACME"]
    assert [(row.symbol, row.field) for row in found.odd] == [("TCS", field)]


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, b'{"errorType":"Invalid_Authentication","errorCode":"DH-901","errorMessage":"expired"}', LoginNeeded),
        (400, b'{"errorType":"Order_Error","errorCode":"DH-906","errorMessage":"Invalid Token"}', LoginNeeded),
        (401, b'{"status":"failed","data":{"807":"Access token is expired"}}', LoginNeeded),
        (401, b'{"status":"failed","data":{"806":"Data APIs not subscribed"}}', ConfigurationError),
        (403, b'{"errorType":"Invalid_Access","errorCode":"DH-902","errorMessage":"no"}', ConfigurationError),
        (500, b'{"errorType":"HOLDING_ERROR","errorCode":"DH-1111","errorMessage":"No holdings available"}', BrokerUnavailable),
        (400, b'{"errorType":"Order_Error","errorCode":"DH-906","errorMessage":"not computed yet"}', BrokerUnavailable),
        (200, b'{"errorCode":"DH-908"}', BrokerUnavailable),
        (200, b"<html>", BrokerUnavailable),
        (502, b"[]", BrokerUnavailable),
    ],
)
def test_what_a_failed_read_means(status: int, body: bytes, error: type[Exception]) -> None:
    assert type(judge_read(Reply(status, body))) is error


def test_only_holdings_may_say_that_there_are_none() -> None:
    none = Reply(500, b'{"errorType":"HOLDING_ERROR","errorCode":"DH-1111","errorMessage":"No holdings available"}')
    assert judge_holdings(none) is None
    assert isinstance(judge_holdings(Reply(500, b'{"errorCode":"DH-908","errorMessage":"x"}')), BrokerUnavailable)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("RMS:34126082515009:You are trying to sell more than the quantity you currently hold.", "holdings"),
        ("RMS:1:Order Price needs to be Circuit Limits of 2915.70 to 3563.50", "band"),
        ("RMS: margin shortfall", "funds"),
        ("RMS:12: CDSL TPIN authorisation is pending for this holding", "authorisation"),
        ("e-DIS not done", "authorisation"),
        ("transactions blocked by RMS", "refused"),
    ],
)
def test_a_rejection_has_our_code(words: str, code: str) -> None:
    assert (rejection(words).code, rejection(words).passing) == (code, code == "funds")
