"""Dhan's own client (dhanhq 2.3.0) trades in the sandbox, and reads there the same book as our adapter; both send the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from dhanhq import DhanContext, dhanhq

from tests.support.benches import DhanBench
from tradectl.brokers.dhan.instruments import DhanInstrument, parse
from tradectl.errors import Blocked, BrokerUnavailable, ConfigurationError, LoginNeeded, OrderRefused
from tradectl.lab.sandboxes.dhan import DhanSandbox
from tradectl.lab.sandboxes.dhan.listing import DhanList
from tradectl.lab.sandboxes.fixture import CASH, FRIDAY, MONDAY, OPEN, Fixture, ist
from tradectl.lab.sandboxes.server import Request, Response, Trouble
from tradectl.model.order import OrderRequest, OrderStatus, OrderType, Side, Variety
from tradectl.ports import Broker

ACME = "1000"
"""The security id of the sandbox's first instrument."""
DIFFERENT = {
    "place": {"disclosedQuantity": "it sends 0", "boProfitValue": "it sends null", "boStopLossValue": "it sends null",
              "triggerPrice": "it sends 0.0", "amoTime": "it knows OPEN, OPEN_30, OPEN_60, and not PRE_OPEN"},
    "modify": {"legName": "it always sends one", "disclosedQuantity": "it sends 0", "triggerPrice": "it sends 0"},
    "cancel": {},
}  # fmt: skip
"""Fields in which our requests may differ from the official client's, and why: a field that does not apply is left out here."""


class Recorded(DhanSandbox):
    """A sandbox that keeps the commands it was asked."""

    def answer(self, request: Request) -> Response:
        if request.method != "GET" and request.path.startswith("/v2/orders"):
            body = json.loads(request.body) if request.body else {}
            self.heard.append((request.method, request.path, body, request.headers))
        return super().answer(request)

    heard: list[tuple[str, str, dict[str, Any], Mapping[str, str]]]


class RecordedBench(DhanBench):
    def make(self) -> DhanSandbox:
        fixture = self.fixture
        self.dhan = Recorded(fixture.exchange, lambda: fixture.market, fixture.clock, client=self.CLIENT)
        self.dhan.heard = []
        return self.dhan

    @property
    def heard(self) -> list[tuple[str, str, dict[str, Any], Mapping[str, str]]]:
        assert isinstance(self.dhan, Recorded)
        return self.dhan.heard


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[RecordedBench]:
    made = RecordedBench(Fixture(tmp_path, ist(FRIDAY, "10:00")))
    yield made
    made.close()


@pytest.fixture
def official(bench: RecordedBench) -> dhanhq:
    """The official client with the token of our adapter."""
    session = bench.account.vault.session()
    assert session is not None
    context = DhanContext(bench.CLIENT, session.tokens["access_token"])
    context.get_dhan_http().base_url = f"{bench.sandbox.url}/v2"
    return dhanhq(context)


def told(reply: Mapping[str, Any]) -> Any:
    assert reply["status"] == "success", reply
    return reply["data"]


def refused(reply: Mapping[str, Any]) -> tuple[str, str]:
    assert reply["status"] == "failure", reply
    return reply["remarks"]["error_code"], reply["remarks"]["error_message"]


def limit(client: dhanhq, side: str, quantity: int, price: float, **more: Any) -> Any:
    return client.place_order(ACME, "NSE_EQ", side, quantity, "LIMIT", "CNC", price, **more)


def test_the_official_client_trades_a_day(bench: RecordedBench, official: dhanhq) -> None:
    number = told(limit(official, "BUY", 10, 95, tag="WITNESS0001"))["orderId"]
    row = told(official.get_order_by_id(number))
    assert (row["orderStatus"], row["correlationId"], row["filledQty"]) == ("PENDING", "WITNESS0001", 0)
    assert told(official.get_order_by_correlationID("WITNESS0001")) == row
    assert told(official.modify_order(number, "LIMIT", "ENTRY_LEG", 12, 100, 0, 0, "DAY"))["orderId"] == number
    bench.fixture.clock.move_to(ist(FRIDAY, "10:05"))
    (row,) = told(official.get_order_list())
    assert (row["orderStatus"], row["filledQty"], row["averageTradedPrice"]) == ("TRADED", 12, 100.0)
    (report,) = bench.broker.orders()
    assert (report.status, report.tag, report.filled_quantity) == (OrderStatus.EXECUTED, "WITNESS0001", 12)
    trades = told(official.get_trade_book())
    assert trades == told(official.get_trade_book(number))
    assert sum(item["tradedQuantity"] for item in trades) == 12 == sum(item.quantity for item in bench.broker.trades())
    (position,) = told(official.get_positions())
    assert (position["positionType"], position["dayBuyQty"], position["netQty"]) == ("LONG", 12, 12)
    funds, ours = told(official.get_fund_limits()), bench.broker.funds()
    assert (funds["availabelBalance"] * 100, funds["sodLimit"] * 100) == (ours.available, CASH)
    resting = told(limit(official, "BUY", 1, 95))["orderId"]
    own = told(official.get_order_by_id(resting))["correlationId"]
    assert own.startswith(f"{bench.CLIENT}-")  # Dhan makes a tag where none was sent
    assert bench.order(resting).tag is None
    assert told(official.cancel_order(resting)) == {"orderId": resting, "orderStatus": "CANCELLED"}
    assert refused(official.cancel_order(resting))[0] == "DH-906"
    assert refused(official.get_holdings()) == ("DH-1111", "No holdings available")  # a buy of today is in the positions only
    bench.to(MONDAY, "10:00")
    assert [(item.symbol, item.quantity + item.t1_quantity) for item in bench.broker.holdings()] == [("ACME", 12)]


def test_the_official_client_reads_prices(bench: RecordedBench, official: dhanhq) -> None:
    asked = {"NSE_EQ": [1000, 1001, 4711]}
    for reply in (official.ticker_data(asked), official.ohlc_data(asked), official.quote_data(asked)):
        rows = told(reply)["data"]["NSE_EQ"]
        assert {number: row["last_price"] * 100 for number, row in rows.items()} == {
            number: bench.broker.quotes([symbol])[symbol].last for number, symbol in ((ACME, "ACME"), ("1001", "RISE"))
        }


def test_the_official_clients_amo_is_not_changed(bench: RecordedBench, official: dhanhq) -> None:
    bench.fixture.clock.move_to(ist(FRIDAY, "16:05"))
    number = told(limit(official, "BUY", 10, 100, after_market_order=True, amo_time="OPEN", tag="WITNESS0002"))["orderId"]
    assert told(official.get_order_by_id(number))["afterMarketOrder"] is True
    assert refused(official.modify_order(number, "LIMIT", "ENTRY_LEG", 9, 100, 0, 0, "DAY"))[0] == "DH-906"
    before = len(bench.heard)
    with pytest.raises(OrderRefused, match="the order is unchanged"):
        bench.broker.modify(number, quantity=9, price=OPEN)
    assert len(bench.heard) == before  # ours does not even ask, and places nothing in its place
    assert (bench.order(number).status, bench.order(number).quantity) == (OrderStatus.PENDING, 10)
    assert told(official.cancel_order(number))["orderStatus"] == "CANCELLED"


def test_what_the_risk_checks_refuse_is_a_rejected_row(bench: RecordedBench, official: dhanhq) -> None:
    number = told(limit(official, "BUY", 1_000_000, 100))["orderId"]
    assert told(official.get_order_by_id(number))["orderStatus"] == "REJECTED"
    with pytest.raises(OrderRefused) as refusal:
        bench.buy(1_000_000, OPEN)
    assert refusal.value.passing
    assert {item.passing for item in bench.broker.orders()} == {True}


@pytest.mark.parametrize(
    ("wrong", "code"), [({"tag": "x" * 26}, "DH-905"), ({"amo_time": "OPEN_60", "after_market_order": True}, "DH-905")]
)
def test_what_dhan_refuses_the_official_client_is_told(official: dhanhq, wrong: dict[str, Any], code: str) -> None:
    assert refused(limit(official, "BUY", 1, 95, **wrong))[0] == code


@pytest.mark.parametrize(
    ("command", "amo"), [("place", False), ("place", True), ("modify", False), ("cancel", False), ("cancel", True)]
)
def test_our_requests_are_the_official_clients(bench: RecordedBench, official: dhanhq, command: str, amo: bool) -> None:
    """Field by field, but for those of `DIFFERENT`."""
    if amo:
        bench.fixture.clock.move_to(ist(FRIDAY, "16:05"))
    variety = Variety.AMO if amo else Variety.REGULAR
    asked = OrderRequest("SAME00000000001", "ACME", Side.BUY, 10, OPEN - 495, OrderType.LIMIT, variety)
    ours, theirs = bench.broker.place(asked), ""
    extra = {"after_market_order": True, "amo_time": "OPEN"} if amo else {}
    theirs = told(limit(official, "BUY", 10, 95.05, tag=asked.tag, **extra))["orderId"]
    if command == "modify":
        bench.broker.modify(ours, quantity=12, price=OPEN - 490)
        told(official.modify_order(theirs, "LIMIT", "ENTRY_LEG", 12, 95.1, 0, 0, "DAY"))
    elif command == "cancel":
        bench.broker.cancel(ours)
        told(official.cancel_order(theirs))
    mine, other = bench.heard[-2:]
    one, two = ({key: value for key, value in body.items() if key not in DIFFERENT[command]} for _, _, body, _ in (mine, other))
    for body, number in ((one, ours), (two, theirs)):
        assert body.pop("orderId", number) == number
    assert one == two
    assert set(mine[2]) <= set(other[2])  # nothing of ours is beyond the official client's
    assert (mine[0], mine[1].replace(ours, "")) == (other[0], other[1].replace(theirs, ""))
    for name in ("access-token", "client-id", "accept"):
        assert mine[3][name] == other[3][name]


def test_a_token_ends_after_a_day_and_with_the_next(bench: RecordedBench) -> None:
    bench.dhan.tokens.generate()  # on the web, by a person
    with pytest.raises(LoginNeeded, match="invalid or expired"):
        bench.broker.orders()
    bench.log_in()
    bench.broker.orders()
    bench.fixture.clock.move_to(ist(FRIDAY, "10:00").replace(day=15))
    with pytest.raises(LoginNeeded, match="has ended"):
        bench.broker.orders()


def test_a_token_of_another_client_is_no_login(bench: RecordedBench) -> None:
    bench.account.vault.credentials["client_id"] = "1000000002"  # type: ignore[attr-defined]
    with pytest.raises(ConfigurationError, match="belongs to client 1000000001, but this home's client_id is 1000000002"):
        bench.log_in()


def test_available_shares_are_read_in_either_way(tmp_path: Path) -> None:
    """Whether `availableQty` is reduced by the day's sales is not documented: both ways give the same shares."""
    seen = []
    for inside in (False, True):
        (tmp_path / str(inside)).mkdir()
        made = DhanBench(Fixture(tmp_path / str(inside), ist(FRIDAY, "10:00")))
        made.dhan.sold_inside = inside
        made.buy(10, OPEN)
        made.to(MONDAY, "10:00")
        made.sell(4, OPEN)
        made.fixture.clock.move_to(ist(MONDAY, "10:05"))
        seen += made.broker.holdings()
        made.close()
    assert seen[0] == seen[1]
    assert (seen[0].quantity + seen[0].t1_quantity, seen[0].sellable) == (6, 6)


def test_only_limit_orders_are_sent_in_session_hours(bench: RecordedBench) -> None:
    with pytest.raises(Blocked, match="only limit orders"):
        bench.broker.place(OrderRequest("T", "ACME", Side.BUY, 1, 0, OrderType.MARKET))
    with pytest.raises(Blocked, match="while a session is on"):
        bench.buy(1, OPEN, amo=True)
    with pytest.raises(OrderRefused, match="is off the tick size at Dhan"):
        bench.buy(1, OPEN + 1)
    bench.fixture.clock.move_to(ist(FRIDAY, "20:00"))
    with pytest.raises(Blocked, match="NSE takes no orders at 20:00"):
        bench.buy(1, OPEN)
    assert bench.heard == []


def test_a_share_that_dhan_lists_under_a_new_name_is_placed(bench: RecordedBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found by its ISIN, and the order's row has the new name."""
    told = DhanList.csv
    monkeypatch.setattr(DhanList, "csv", lambda self, segment: told(self, segment).replace(b",ACME,", b",ACMENEW,"))
    number = bench.buy(10, OPEN - 500)
    assert [(item.broker_order_id, item.symbol) for item in bench.broker.orders()] == [(number, "ACMENEW")]


def test_a_damaged_list_of_instruments_is_fetched_again(bench: RecordedBench) -> None:
    bench.broker.quotes(["ACME"])
    (file,) = bench.account.folder.iterdir()
    file.write_bytes(file.read_bytes()[:40])
    fresh: Broker = bench.adapter.open(bench.account)
    assert set(fresh.quotes(["ACME", "RISE"])) == {"ACME", "RISE"}
    assert [path == file for path in bench.account.folder.iterdir()] == [True]


def test_a_day_without_instruments_does_not_blind_the_book(bench: RecordedBench) -> None:
    """Rows are named by the list of the day before; a new order waits for today's."""
    bench.buy(10, OPEN)
    bench.to(MONDAY, "10:00")
    bench.sandbox.trouble(Trouble.UNAVAILABLE, path="/v2/instrument", times=6)
    assert [item.symbol for item in bench.broker.holdings()] == ["ACME"]
    asked = bench.sandbox.requests.count(("GET", "/v2/instrument/NSE_EQ"))
    assert {trade.symbol for trade in bench.broker.trades()} == set()
    assert bench.broker.orders() == ()
    assert bench.sandbox.requests.count(("GET", "/v2/instrument/NSE_EQ")) == asked  # not again for each read
    with pytest.raises(BrokerUnavailable):
        bench.buy(1, OPEN - 500)
    bench.buy(1, OPEN - 500)
    assert len(bench.broker.orders()) == 1


@pytest.mark.parametrize(("told", "paise"), [("10.0000", 10), ("5.0000", 5), ("1.0000", 1), ("0.0500", 5), ("0.05", 5)])
def test_a_tick_is_told_in_paise_or_in_rupees(told: str, paise: int) -> None:
    head = "EXCH_ID,SEGMENT,SECURITY_ID,ISIN,INSTRUMENT,UNDERLYING_SYMBOL,SYMBOL_NAME,SERIES,TICK_SIZE"
    rows = [
        f"NSE,E,685,INE121A01024,EQUITY,CHOLAFIN,CHOLAMANDALAM IN & FIN CO,EQ,{told}",
        "NSE,E,19257,INE121A08PJ0,EQUITY,CHOLAFIN,CHOLAMANDALAM IN & FIN CO,D1,5.0000",  # a bond under the share's symbol
    ]
    assert parse("\n".join([head, *rows]).encode()) == [DhanInstrument("685", "CHOLAFIN", "EQ", "INE121A01024", paise)]
