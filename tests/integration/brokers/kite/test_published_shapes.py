"""Zerodha's published samples of replies (`published`), each read by the adapter into the values that it shows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.integration.brokers.kite.published import instruments, postback, reply
from tradectl.brokers.kite import balances, contract_notes, prices, rows
from tradectl.brokers.kite.broker import _order_id
from tradectl.brokers.kite.instruments import listed
from tradectl.brokers.kite.login import _names
from tradectl.model.moment import to_ist
from tradectl.model.order import Funds, Holding, OrderReport, OrderStatus, Side, TradeReport, Variety

S = OrderStatus


def indian(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+05:30").astimezone(UTC)


def facts(report: OrderReport) -> tuple[Any, ...]:
    return (
        report.broker_order_id, report.symbol, report.side, report.quantity, report.price, report.filled_quantity, report.status,
        report.tag,
    )  # fmt: skip


def test_orders_for_delivery_are_read_and_others_left_out() -> None:
    found = rows.parsed(reply("orders"), rows.orders)
    assert [facts(item) for item in found] == [
        ("300000000000000", "IOC", Side.BUY, 1, 10940, 1, S.EXECUTED, None),
        ("500000000000000", "IOC", Side.SELL, 1, 0, 1, S.EXECUTED, None),
        ("220524001859672", "SBIN", Side.BUY, 200, 46300, 0, S.REJECTED, "icebergord"),
        ("98000000000000000", "BHEL", Side.SELL, 60, 8500, 0, S.CANCELLED, None),
        ("1953341975595868160", "TATASTEEL", Side.BUY, 1, 15982, 1, S.EXECUTED, None),
    ]
    assert {item.variety for item in found} == {Variety.REGULAR}
    refused = found[2]
    assert refused.reason.startswith("Insufficient funds. Required margin is 95417.84")
    assert (refused.passing, refused.placed_at, refused.updated_at) == (True, *[indian("2022-05-24 12:26:52")] * 2)
    assert found[0].placed_at == indian("2021-05-31 15:20:28")


def test_every_state_of_an_orders_history_is_read() -> None:
    data = rows.parsed(reply("order_info"), list)
    found = rows.orders(data)
    assert [item.status for item in found] == [S.PENDING] * 3 + [S.ONGOING] * 5
    assert ([item.price for item in found[-2:]], found[-1].updated_at) == ([30000, 30010], indian("2017-12-29 11:08:16"))
    assert rows.refused(data) is None
    assert not rows.is_of_another(data, "ANYTAG", "SBIN", Side.BUY)
    assert rows.is_of_another(data, "ANYTAG", "IOC", Side.BUY)


def test_a_trade_is_read() -> None:
    assert rows.parsed(reply("trades"), rows.trades) == (
        TradeReport(
            "20210531-NSE-10000000", "200000000000000", "SBIN", Side.BUY, 1, 42065, indian("2021-05-31 09:16:39")
        ),
    )  # fmt: skip


def test_holdings_and_positions_are_shares() -> None:
    positions = rows.parsed(reply("positions"), dict)
    found = rows.parsed(reply("holdings"), lambda data: balances.holdings(data, positions))
    assert found == (Holding("AARON", 1, 0, 1, isin="INE721Z01010"), Holding("SBIN", 16, 0, 16, isin="INE062A01020"))


def test_margins_are_funds() -> None:
    day = date(2023, 7, 17)
    for name, part in (("margins_equity", None), ("margins", "equity")):
        found = rows.parsed(reply(name), lambda data, part=part: balances.funds(data[part] if part else data, [], day))
        assert found == Funds(9972505, 24543160 - 9972505, 24543160)


def test_a_quote_has_its_day_its_band_and_its_times() -> None:
    found = rows.parsed(reply("quote"), lambda data: rows.quotes(data, {"NSE:INFY": "INFY"}))["INFY"]
    assert (found.last, found.open, found.high, found.low, found.volume) == (141295, 139600, 142175, 139555, 7360198)
    assert (found.lower_band, found.upper_band) == (125070, 152860)
    assert (found.at, found.last_trade_at) == (indian("2021-06-08 15:45:56"), indian("2021-06-08 15:45:52"))


def test_a_postback_is_an_order_update() -> None:
    (found,) = rows.orders([postback()])
    assert facts(found) == ("220303000308932", "SBIN", Side.BUY, 1, 0, 1, S.EXECUTED, None)


@pytest.mark.parametrize("name", ["order_response", "order_modify", "order_cancel"])
def test_a_command_names_its_order(name: str) -> None:
    assert _order_id(reply(name), "151220000000000") == "151220000000000"


def test_a_sliced_order_is_named_by_its_first_slice() -> None:
    assert _order_id(reply("autoslice_response")) == "1914227164488687616"


def test_the_list_of_instruments_has_the_series_that_are_traded() -> None:
    for name in ("instruments_nse", "instruments_all"):
        found = listed(instruments(name))
        assert (found["CENTRALBK"].tradingsymbol, found["CENTRALBK"].series, found["CENTRALBK"].token) == (
            "CENTRALBK-BE", "BE", 3813889,
        )  # fmt: skip
        assert (found["ADANIPORTS"].series, found["ADANIPORTS"].tick_size) == ("EQ", 5)
        assert not {"BANKNIFTY18JAN23500CE", "FFTF16BGR", "EMMBI"} & found.keys()


def test_candles_a_note_a_profile_and_a_session_are_read() -> None:
    first = rows.parsed(reply("historical_minute"), lambda data: [prices._candle(row) for row in data["candles"]])[0]
    assert first == (to_ist(indian("2017-12-15 09:15:00")), (170450, 170500, 169925, 170280), 2499)
    assert first[0].utcoffset() == timedelta(hours=5, minutes=30)
    lines = rows.parsed(reply("virtual_contract_note"), lambda data: contract_notes._lines(data[0]["charges"]))
    assert lines == {"stt": 56, "exchange": 2, "sebi": 0, "brokerage": 0, "stamp": 0, "gst": 0}
    told = rows.parsed(reply("profile"), balances.profile_remarks)
    assert [item.fine for item in told] == [True, True, False]
    assert rows.parsed(reply("generate_session"), _names) == {"user_id": "XX0000", "user_name": "Kite Connect"}
