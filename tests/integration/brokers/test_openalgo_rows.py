"""OpenAlgo's rows: read once, exactly, and never for more than they say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tradectl.brokers.openalgo import prices, rows, times
from tradectl.brokers.openalgo.balances import holdings
from tradectl.brokers.openalgo.login import expiry
from tradectl.errors import BrokerUnavailable
from tradectl.exchange.sessions import SessionTable
from tradectl.lab.sandboxes.fixture import FRIDAY, MONDAY, THURSDAY, ist
from tradectl.model.market import Quote
from tradectl.model.order import Holding, OrderReport, OrderStatus, Side, TradeReport, Variety

SESSIONS = SessionTable.load()
NOW = ist(FRIDAY, "14:30")
SAMPLE = """
{"action": "BUY", "symbol": "YESBANK", "exchange": "NSE", "orderid": "250408001002736", "product": "CNC", "quantity": "10",
 "price": 16.55, "pricetype": "LIMIT", "order_status": "open", "trigger_price": 0.0, "timestamp": "14-Jul-2023 14:13:45"}
"""
TRADE = """
{"action": "BUY", "symbol": "YESBANK", "exchange": "NSE", "orderid": "250408001002736", "product": "CNC", "quantity": 4.0,
 "average_price": 16.5, "timestamp": "14:13:48", "trade_value": 66.0}
"""


def row(text: str = SAMPLE, **changes: Any) -> dict[str, Any]:
    return json.loads(text, parse_float=Decimal) | changes


def moment(text: str) -> datetime:
    return times.moment(text, SESSIONS, NOW)


def orders(*book: Mapping[str, Any], trades: tuple[TradeReport, ...] = (), now: datetime = NOW) -> tuple[OrderReport, ...]:
    return rows.orders(book, trades, moment, now)


def trades(*book: Mapping[str, Any]) -> tuple[TradeReport, ...]:
    return rows.trades(book, moment)


def test_a_row_of_the_documentation_is_read() -> None:
    at = ist(FRIDAY, "14:13:45")
    assert orders(row()) == (
        OrderReport(
            "250408001002736", None, "YESBANK", Side.BUY, 10, 1655, 0, OrderStatus.ONGOING, "", Variety.REGULAR, at, at
        ),
    )  # fmt: skip
    (trade,) = trades(row(TRADE))
    assert (trade.symbol, trade.quantity, trade.price, trade.at) == ("YESBANK", 4, 1650, ist(FRIDAY, "14:13:48"))
    assert orders(row(), trades=(trade,))[0].filled_quantity == 4


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("open", OrderStatus.ONGOING),
        ("trigger pending", OrderStatus.ONGOING),
        ("rejected", OrderStatus.REJECTED),
        ("cancelled", OrderStatus.CANCELLED),
        ("Cancel Pending", OrderStatus.ONGOING),
        ("put order req received", OrderStatus.PENDING),
        ("after market order req received", OrderStatus.PENDING),
        ("", OrderStatus.UNKNOWN),
    ],
)
def test_a_word_has_one_meaning_or_none(word: str, status: OrderStatus) -> None:
    (found,) = orders(row(order_status=word))
    assert found.status is status
    assert status is not OrderStatus.UNKNOWN or repr(word) in found.reason
    assert status is not OrderStatus.REJECTED or found.reason


def test_executed_is_believed_with_its_trades_alone() -> None:
    first, second = trades(row(TRADE), row(TRADE, quantity="6"))
    assert [item.status for item in orders(row(order_status="complete"), trades=(first,))] == [OrderStatus.ONGOING]
    (found,) = orders(row(order_status="complete"), trades=(first, second))
    assert (found.status, found.filled_quantity) == (OrderStatus.EXECUTED, 10)


def test_more_trades_than_shares_are_nothing_to_go_by() -> None:
    found = rows.orders([row()], trades(row(TRADE, quantity=12)), moment, NOW)
    assert (len(found), [item.value for item in found.odd]) == (0, ["'10, of which 12 are traded'"])


@pytest.mark.parametrize("word", ["cancelled", "rejected"])
def test_an_end_that_cannot_be_in_flight_is_believed(word: str) -> None:
    """OpenAlgo's Zerodha adapter shows an order that is just being changed with the status of the row above it."""
    above = row(orderid="1", order_status=word)
    young = orders(above, row(order_status=word), now=ist(FRIDAY, "14:14:30"))
    assert [item.status for item in young] == [OrderStatus(word.upper()), OrderStatus.UNKNOWN]
    assert f"{word!r} may belong to the previous row" in young[1].reason
    old = orders(above, row(order_status=word), now=ist(FRIDAY, "14:15:45"))
    assert [item.status for item in old] == [OrderStatus(word.upper())] * 2
    other = orders(row(orderid="1", product="MIS", order_status="open"), row(order_status=word), now=ist(FRIDAY, "14:14:30"))
    assert [item.status for item in other] == [OrderStatus(word.upper())]


def test_only_delivery_of_shares_concerns_us() -> None:
    others = (row(product="MIS"), row(exchange="NFO"), row(product="NRML"), dict.fromkeys(row(), ""))
    assert orders(*others) == ()
    assert trades(*(row(TRADE, product="MIS"), row(TRADE, exchange="MCX"))) == ()


def test_a_trade_has_the_same_id_whenever_it_is_read() -> None:
    book = [row(TRADE), row(TRADE, timestamp="14:13:49"), row(TRADE)]
    ids = {item.trade_id for item in trades(*book)}
    assert len(ids) == 3
    assert {item.trade_id for item in trades(*reversed(book))} == ids
    tomorrow = {item.trade_id for item in rows.trades(book, lambda text: times.moment(text, SESSIONS, ist(MONDAY, "16:00")))}
    assert tomorrow == ids
    dated = {item.trade_id for item in trades(*({**item, "timestamp": f"2023-07-14 {item['timestamp']}"} for item in book))}
    assert dated == ids
    assert [item.trade_id for item in trades(row(TRADE, tradeid=77))] == ["250408001002736/77"]


@pytest.mark.parametrize(
    "changes", [{"quantity": 0.0}, {"quantity": "x"}, {"quantity": 1.5}, {"average_price": 0}, {"timestamp": ""}]
)
def test_a_trade_that_does_not_say_what_was_traded_is_no_trade(changes: dict[str, Any]) -> None:
    found = rows.trades([row(TRADE, **changes)], moment)
    assert (len(found), [item.field for item in found.odd]) == (0, list(changes))


@pytest.mark.parametrize(
    ("text", "at", "found"),
    [
        ("09:20:00", ist(FRIDAY, "10:00"), ist(FRIDAY, "09:20")),
        ("15:20:00", ist(FRIDAY, "08:00"), ist(THURSDAY, "15:20")),
        ("09:20:00", ist(MONDAY, "08:00"), ist(FRIDAY, "09:20")),
        ("09:20:00", ist(date(2023, 7, 15), "10:00"), ist(FRIDAY, "09:20")),
        ("09:20:30", ist(FRIDAY, "09:20"), ist(FRIDAY, "09:20:30")),
        ("2023-07-13 09:20:00", ist(FRIDAY, "10:00"), ist(THURSDAY, "09:20")),
        ("2023-07-13T03:50:00+00:00", ist(FRIDAY, "10:00"), ist(THURSDAY, "09:20")),
        ("13-Jul-2023 09:20:00", ist(FRIDAY, "10:00"), ist(THURSDAY, "09:20")),
        ("09:20:00 13-07-2023", ist(FRIDAY, "10:00"), ist(THURSDAY, "09:20")),
    ],
)
def test_a_time_without_a_date_is_of_the_newest_session(text: str, at: datetime, found: datetime) -> None:
    assert times.moment(text, SESSIONS, at) == found
    assert times.moment(text, SESSIONS, at).tzinfo is UTC


def held(symbol: str, quantity: int, **more: Any) -> dict[str, Any]:
    return {"symbol": symbol, "exchange": "NSE", "product": "CNC", "quantity": quantity, "pnl": 0.0, "pnlpercent": 0.0, **more}


def position(symbol: str, quantity: str, product: str = "CNC") -> dict[str, Any]:
    return {"symbol": symbol, "exchange": "NSE", "product": product, "quantity": quantity, "average_price": "0.00"}


@pytest.mark.parametrize(
    ("morning", "today", "found"),
    [
        ([held("ACME", 10)], [], [Holding("ACME", 10, 0, 10)]),
        ([], [position("ACME", "10")], [Holding("ACME", 0, 10, 0)]),
        ([held("ACME", 10)], [position("ACME", "5")], [Holding("ACME", 10, 5, 10)]),
        ([held("ACME", 10)], [position("ACME", "-4")], [Holding("ACME", 6, 0, 6)]),
        ([held("ACME", 10)], [position("ACME", "-10")], []),
        ([held("ACME", 6, t1_quantity=4)], [], [Holding("ACME", 6, 4, 6)]),
        ([held("ACME", 6, t1_quantity=4)], [position("ACME", "-8")], [Holding("ACME", 0, 2, 0)]),
        ([held("ACME", 10)], [position("ACME", "-10", "MIS")], [Holding("ACME", 10, 0, 10)]),
        ([held("ACME-EQ", 10, product="Equity", exchange="nse_cm")], [], [Holding("ACME", 10, 0, 10)]),
        ([held("ACME", 0)], [position("ACME", "0")], []),
    ],
)
def test_never_more_is_offered_than_can_surely_be_sold(morning: list[Any], today: list[Any], found: list[Holding]) -> None:
    assert list(holdings(morning, today)) == found


def quoted(now: datetime, **data: Any) -> Quote:
    (found,) = prices.quotes([{"symbol": "ACME", "data": {"ltp": 100.5, "prev_close": 99, **data}}], SESSIONS, now).values()
    return found


@pytest.mark.parametrize(
    ("now", "volume", "at", "traded"),
    [
        (ist(FRIDAY, "10:00"), 500, ist(FRIDAY, "10:00"), True),
        (ist(FRIDAY, "10:00"), 0, ist(THURSDAY, "15:30"), False),
        (ist(FRIDAY, "09:05"), 500, ist(THURSDAY, "15:30"), False),
        (ist(FRIDAY, "20:00"), 500, ist(FRIDAY, "15:30"), True),
        (ist(date(2023, 7, 15), "10:00"), 500, ist(FRIDAY, "15:30"), False),
    ],
)
def test_a_price_is_no_younger_than_the_exchange_allows(now: datetime, volume: int, at: datetime, traded: bool) -> None:
    found = quoted(now, open=100, high=101, low=99.95, volume=volume)
    assert (found.last, found.at, found.source) == (10050, at, "openalgo")
    assert (found.open, found.low) == ((10000, 9995) if traded else (None, None))
    assert (found.lower_band, found.upper_band) == (None, None)


def test_an_unknown_symbol_is_absent_and_a_failure_is_not() -> None:
    unknown = {"symbol": "NOSUCH", "error": "Symbol NOSUCH not found for exchange NSE"}
    failed = {"symbol": "ACME", "error": "Client error '502 Bad Gateway'"}
    assert prices.quotes([unknown], SESSIONS, NOW) == {}
    with pytest.raises(BrokerUnavailable, match="502"):
        prices.quotes([unknown, failed], SESSIONS, NOW)


def test_a_session_ends_at_three_at_night() -> None:
    assert expiry(ist(FRIDAY, "08:00")) == ist(FRIDAY, "03:00") + timedelta(days=1)
    assert expiry(ist(FRIDAY, "02:59")) == ist(FRIDAY, "03:00")
