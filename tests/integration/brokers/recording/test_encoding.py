"""Each reply of a broker is read again as it was, and an unchanged reply costs nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from tradectl.brokers.recording.encoding import (
    ReplyReader,
    ReplyWriter,
    capabilities_as_json,
    capabilities_from_json,
    error_as_json,
    error_from_json,
    request_as_json,
    request_from_json,
)
from tradectl.errors import (
    Ambiguous,
    Blocked,
    BrokerUnavailable,
    LoginNeeded,
    OrderRefused,
    RateLimited,
    TradectlError,
    UsageError,
)
from tradectl.model.market import Quote
from tradectl.model.odd_rows import OddRow, Quotes, RowKind, Rows, odd_of
from tradectl.model.order import Funds, Holding, OrderReport, OrderRequest, OrderStatus, Side, TradeReport, Variety
from tradectl.ports import Capabilities, OrderRules

AT = datetime(2025, 11, 3, 4, 15, 0, 123456, tzinfo=UTC)
ORDER = OrderReport(
    "251103000000001", "ABCDEFGHIJKLMNO", "ACME", Side.SELL, 25, 10_050, 0, OrderStatus.ONGOING, "", Variety.REGULAR, AT, AT
)
OTHER = replace(ORDER, broker_order_id="251103000000002", tag=None, symbol="M&M", passing=True, reason="funds")
TRADE = TradeReport("T1", ORDER.broker_order_id, "ACME", Side.SELL, 5, 10_050, AT)
QUOTE = Quote("ACME", 10_000, AT, "kite", timedelta(seconds=1), AT, open=9_990, volume=12)
ODD = OddRow(RowKind.ORDER, "ZULU", "price", "102.345", tag="ABC")

SEQUENCES: dict[str, list[Any]] = {
    "orders": [
        Rows([ORDER]),
        Rows([ORDER]),
        Rows([ORDER, OTHER]),
        Rows([replace(ORDER, filled_quantity=5, price=10_000), OTHER], [ODD]),
        Rows([OTHER, replace(ORDER, filled_quantity=25, status=OrderStatus.EXECUTED)]),
        Rows(),
    ],
    "trades": [Rows(), Rows([TRADE]), Rows([TRADE, TRADE]), Rows([TRADE, replace(TRADE, trade_id="T2", quantity=20)])],
    "holdings": [(Holding("ACME", 25, 0, 25, isin="INE1"),), (Holding("ACME", 0, 0, 0),), (Holding("ACME", 25, 1, 25, 3),)],
    "quotes": [
        Quotes({"ACME": QUOTE}),
        Quotes({"ACME": QUOTE, "M&M": replace(QUOTE, symbol="M&M", last_trade_at=None, open=None)}),
        {"M&M": replace(QUOTE, symbol="M&M", open=1)},
        Quotes({"ACME": replace(QUOTE, open=None, last=9_995)}, [ODD]),
        {},
    ],
    "funds": [Funds(1, 2, 3), Funds(1, 2, 3), Funds(0, 0, 0)],
    "preopen_prices": [{"ACME": 100}, {}],
    "stream_news": [None, "", "closed", None],
    "place": ["251103000000001"],
}


@pytest.mark.parametrize("kind", SEQUENCES)
def test_replies_are_read_as_they_were(kind: str) -> None:
    writer, reader = ReplyWriter(), ReplyReader()
    for value in SEQUENCES[kind]:
        change = json.loads(json.dumps(writer.change(kind, {}, value)))
        found = reader.reply(kind, {}, change)
        assert (found, odd_of(found)) == (value if isinstance(value, dict | Rows) else found, odd_of(value))
        assert list(found or ()) == list(value or ()) if kind != "funds" else found == value


def test_an_unchanged_reply_is_empty() -> None:
    writer = ReplyWriter()
    for kind, values in SEQUENCES.items():
        assert writer.change(kind, {}, values[0]) is not None
        same = Rows(values[0], odd_of(values[0])) if isinstance(values[0], tuple) else values[0]
        assert writer.change(kind, {}, same) is None


def test_the_rules_of_each_symbol_are_kept_apart() -> None:
    writer, reader = ReplyWriter(), ReplyReader()
    rules = {"ACME": OrderRules(5, AT.date()), "M&M": OrderRules(50, AT.date(), 10_000)}
    for symbol in ("ACME", "M&M", "ACME", "M&M"):
        change = writer.change("order_rules", {"symbol": symbol}, rules[symbol])
        assert reader.reply("order_rules", {"symbol": symbol}, change) == rules[symbol]
    assert change is None


@pytest.mark.parametrize(
    "error",
    [
        OrderRefused("no funds", code="funds", passing=True),
        RateLimited("slow down", wait=3.0),
        Ambiguous("connection lost"),
        LoginNeeded("expired"),
        Blocked("not armed"),
        UsageError("unknown"),
    ],
)
def test_an_error_is_raised_again_as_it_was(error: TradectlError) -> None:
    found = error_from_json(json.loads(json.dumps(error_as_json(error))))
    assert (type(found), str(found), vars(found)) == (type(error), str(error), vars(error))


def test_an_error_of_an_adapter_is_that_of_its_class() -> None:
    class OfAnAdapter(BrokerUnavailable):
        """An adapter's own class."""

    assert type(error_from_json(error_as_json(OfAnAdapter("down")))) is BrokerUnavailable
    with pytest.raises(ValueError, match="not an error"):
        error_from_json(["SystemExit", "0"])


def test_a_request_and_a_declaration_are_read_as_they_were() -> None:
    request = OrderRequest("TAG", "ACME", Side.BUY, 10, 100, variety=Variety.AMO)
    assert request_from_json(json.loads(json.dumps(request_as_json(request)))) == request
    for declared in (Capabilities(None, False, True), Capabilities(timedelta(seconds=5), True, False, timedelta(minutes=1), 5)):
        assert capabilities_from_json(json.loads(json.dumps(capabilities_as_json(declared)))) == declared
