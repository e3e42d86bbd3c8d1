"""Kotak's sandbox, asked as anybody would ask it: what comes back on the wire."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pyotp
import pytest
import requests

from tests.support.brokers.exchange import CASH, Floor, ist, quiet
from tests.support.brokers.kotak import CLIENT
from tests.support.brokers.market import MemoryMarket
from tradectl.lab.sandboxes.kotak_neo import KotakNeoSandbox

WEDNESDAY, THURSDAY, FRIDAY = (date(2023, 7, day) for day in (12, 13, 14))
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


class Wire:
    """Plain requests with plain headers."""

    def __init__(self, sandbox: KotakNeoSandbox, floor: Floor) -> None:
        self.sandbox, self.floor = sandbox, floor
        self.headers = {"Authorization": CLIENT.consumer_key}

    def get(self, path: str, **headers: str) -> Any:
        return self._json(requests.get(self.sandbox.url + path, headers=self.headers | headers, timeout=5))

    def post(self, path: str, asked: dict[str, str], **headers: str) -> Any:
        data = {"jData": json.dumps(asked)}
        return self._json(requests.post(self.sandbox.url + path, data=data, headers=self.headers | headers, timeout=5))

    def _json(self, answer: requests.Response) -> Any:
        self.status = answer.status_code
        return answer.json() if answer.headers["Content-Type"] == "application/json" else answer.text

    def step(self, path: str, body: dict[str, str], **headers: str) -> Any:
        return self._json(requests.post(self.sandbox.url + path, json=body, headers=self.headers | headers, timeout=5))

    def login(self) -> None:
        secret = pyotp.TOTP(SECRET)
        who = {"mobileNumber": CLIENT.mobile_number, "ucc": CLIENT.ucc, "totp": secret.at(self.floor.clock.now())}
        first = self.step("/login/1.0/tradeApiLogin", who)["data"]
        second = self.step("/login/1.0/tradeApiValidate", {"mpin": CLIENT.mpin}, sid=first["sid"], Auth=first["token"])["data"]
        assert second["baseUrl"] == self.sandbox.url
        self.headers |= {"Sid": second["sid"], "Auth": second["token"]}

    def place(self, tag: str = "", **changed: str) -> Any:
        asked = {
            "am": "NO", "dq": "0", "es": "nse_cm", "mp": "0", "pc": "CNC", "pr": "90.00", "pt": "L", "qt": "10", "rt": "DAY",
            "tp": "0", "ts": "ACME-EQ", "tt": "B", "os": "NEOTRADEAPI",
        }  # fmt: skip
        return self.post("/quick/order/rule/ms/place", asked | ({"ig": tag} if tag else {}) | changed)

    def modify(self, number: str, am: str = "NO", **changed: str) -> Any:
        asked = {"no": number, "vd": "DAY", "pr": "91.00", "pt": "L", "qt": "11", "tp": "0", "dq": "0", "mp": "0", "am": am}
        return self.post("/quick/order/vr/modify", asked | changed)

    def cancel(self, number: str, am: str = "NO") -> Any:
        return self.post("/quick/order/cancel", {"on": number, "am": am})

    def row(self, number: str) -> dict[str, Any]:
        (row,) = self.get(f"/quick/user/orders/{number}")["data"]
        assert isinstance(row, dict)
        return row


@pytest.fixture
def open_wire(tmp_path: Path) -> Iterator[Callable[..., Wire]]:
    opened: list[Wire] = []

    def make(at: str = "10:00", cash: int = CASH, allowed: tuple[str, ...] = (), **options: Any) -> Wire:
        market = MemoryMarket(*(quiet(name, [WEDNESDAY, THURSDAY, FRIDAY]) for name in ("ACME", "M&M")))
        floor = Floor(tmp_path / "paper.sqlite", market, ist(THURSDAY, at), cash, **options)
        client = type(CLIENT)(CLIENT.consumer_key, CLIENT.mobile_number, CLIENT.ucc, SECRET, CLIENT.mpin)
        sandbox = KotakNeoSandbox(floor.another, clock=floor.clock, market=lambda: market, client=client, allowed=allowed)
        sandbox.start()
        opened.append(Wire(sandbox, floor))
        return opened[-1]

    yield make
    for wire in opened:
        wire.sandbox.stop()
        wire.floor.broker.close()


@pytest.fixture
def wire(open_wire: Callable[..., Wire]) -> Wire:
    """Logged in, on a Thursday at 10:00."""
    made = open_wire()
    made.login()
    return made


def test_a_password_is_right_for_its_half_minute_only(open_wire: Callable[..., Wire]) -> None:
    wire = open_wire()
    code = pyotp.TOTP(SECRET).at(wire.floor.clock.now())
    wire.floor.to(THURSDAY, "10:00:30")
    who = {"mobileNumber": CLIENT.mobile_number, "ucc": CLIENT.ucc, "totp": code}
    assert wire.step("/login/1.0/tradeApiLogin", who) == {"error": [{"code": "400", "message": "Invalid TOTP"}]}
    wire.login()


def test_a_missing_field_is_named_as_kotak_names_it(open_wire: Callable[..., Wire]) -> None:
    wire = open_wire()
    for body, name in (({}, "MobileNumber"), ({"mobileNumber": "1"}, "Ucc"), ({"mobileNumber": "1", "ucc": "2"}, "Totp")):
        answer = wire.step("/login/1.0/tradeApiLogin", body)
        assert answer == {"error": [{"code": "400", "message": f"Missing required field '{name}'"}]}
    assert wire.step("/login/1.0/tradeApiValidate", {}) == {
        "error": [{"code": "400", "message": "Missing required field 'Mpin'"}]
    }


def test_the_view_token_does_not_trade_and_ends_in_the_morning(open_wire: Callable[..., Wire]) -> None:
    wire = open_wire()
    code = pyotp.TOTP(SECRET).at(wire.floor.clock.now())
    who = {"mobileNumber": CLIENT.mobile_number, "ucc": CLIENT.ucc, "totp": code}
    view = wire.step("/login/1.0/tradeApiLogin", who)["data"]
    assert view["kType"] == "View"
    assert wire.get("/quick/user/orders", Sid=view["sid"], Auth=view["token"])["errMsg"] == "invalid session token"
    wire.login()
    wire.floor.to(FRIDAY, "05:59")
    assert wire.get("/quick/user/orders")["errMsg"] == "No Data"
    wire.floor.to(FRIDAY, "06:00")
    assert (wire.get("/quick/user/orders")["stCode"], wire.status) == (100022, 403)


def test_commands_need_the_consumer_key_and_a_listed_address(open_wire: Callable[..., Wire]) -> None:
    wire = open_wire(allowed=("203.0.113.9",))
    wire.login()
    assert wire.place()["stCode"] == 100008
    wire.sandbox.auth.address = "203.0.113.9"
    assert wire.place()["stCode"] == 1037
    assert wire.get("/login/1.0/get-client-ip")["data"][0]["ip"] == "203.0.113.9"
    wire.login()
    wire.headers["Authorization"] = "another"
    assert wire.place()["stCode"] == 100021
    assert wire.get("/script-details/1.0/masterscrip/file-paths")["stCode"] == 100021
    assert wire.get("/quick/user/orders")["errMsg"] == "No Data"


def test_an_empty_book_is_not_ok(wire: Wire) -> None:
    for path in ("/quick/user/orders", "/quick/user/trades", "/quick/user/positions"):
        assert wire.get(path) == {"stat": "Not_Ok", "errMsg": "No Data", "stCode": 5203}
    assert wire.get("/portfolio/v1/holdings") == {"data": []}


def test_an_order_is_a_row_with_kotaks_names_and_types(wire: Wire) -> None:
    answer = wire.place("TAG1")
    number = answer["nOrdNo"]
    assert answer == {"stat": "Ok", "nOrdNo": number, "stCode": 200}
    row = wire.row(number)
    shown = {name: row[name] for name in ("ordSt", "trdSym", "sym", "trnsTp", "prcTp", "prod", "prc", "qty", "fldQty", "unFldSz")}
    assert shown == {
        "ordSt": "open", "trdSym": "ACME-EQ", "sym": "ACME", "trnsTp": "B", "prcTp": "L", "prod": "CNC", "prc": "90.00",
        "qty": 10, "fldQty": 0, "unFldSz": 10,
    }  # fmt: skip
    assert (row["ordDtTm"], row["hsUpTm"], row["GuiOrdId"]) == ("13-Jul-2023 10:00:00", "2023/07/13 10:00:00", "TAG1")
    assert (row["rejRsn"], row["tckSz"], row["boeSec"]) == ("--", "0.0500", int(ist(THURSDAY, "10:00").timestamp()))
    assert wire.get("/quick/user/orders") == {"stat": "Ok", "data": [row], "stCode": 200}


def test_a_change_overwrites_the_tag_and_a_cancel_appends(wire: Wire) -> None:
    epoch = int(ist(THURSDAY, "10:00").timestamp())
    kept, lost = wire.place("KEPT")["nOrdNo"], wire.place("LOST")["nOrdNo"]
    assert wire.modify(lost) == {"stat": "Ok", "nOrdNo": lost, "stCode": 200}
    assert wire.row(lost)["GuiOrdId"] == f"{epoch}-1-ASHA1-ADMINAPI"
    assert (wire.row(lost)["qty"], wire.row(lost)["prc"]) == (11, "91.00")
    wire.modify(lost, pr="92.00")
    assert wire.row(lost)["GuiOrdId"] == f"{epoch}-2-ASHA1-ADMINAPI"
    wire.cancel(kept)
    assert (wire.row(kept)["ordSt"], wire.row(kept)["GuiOrdId"]) == ("cancelled", f"KEPT-{epoch}")


def test_a_tag_is_taken_for_the_day_whatever_became_of_its_order(wire: Wire) -> None:
    repeated = {"stCode": 32, "errMsg": "error from core", "stat": "Put Order Response : Client OrderID already exists"}
    lost, dead, refused = wire.place("LOST")["nOrdNo"], wire.place("DEAD")["nOrdNo"], wire.place("POOR", qt="9999999")["nOrdNo"]
    wire.modify(lost), wire.cancel(dead)
    assert wire.row(refused)["ordSt"] == "rejected"
    for tag in ("LOST", "DEAD", "POOR"):
        assert wire.place(tag) == repeated
    assert wire.place()["stat"] == wire.place()["stat"] == "Ok"
    wire.floor.to(FRIDAY, "10:00")
    wire.login()
    assert wire.place("DEAD")["stat"] == "Ok"


def test_what_the_exchange_refuses_is_a_rejected_row(wire: Wire) -> None:
    for changed, words in (
        ({"qt": "9999999"}, "RMS:Margin Exceeds"),
        ({"pr": "500.00"}, "RMS:Rule: Check circuit limit"),
        ({"tt": "S"}, "insufficient holdings"),
        ({"pr": "90.01"}, "tick size"),
    ):
        answer = wire.place(**changed)
        row = wire.row(answer["nOrdNo"])
        assert (answer["stat"], row["ordSt"], row["exOrdId"]) == ("Ok", "rejected", "NA")
        assert words in row["rejRsn"]
    wire.floor.to(THURSDAY, "17:00")
    assert wire.row(wire.place()["nOrdNo"])["rejRsn"] == "Markets are closed right now"


def test_bad_input_is_refused_before_there_is_an_order(wire: Wire) -> None:
    for changed in ({"ts": "ACME"}, {"es": "bse_cm"}, {"pt": "SL-M"}, {"pr": "cheap"}, {"tt": "X"}, {"rt": "GTC"}, {"qt": "0"}):
        answer = wire.place(**changed)
        assert (wire.status, answer["stCode"] in {1007, 1009}) == (400, True), changed
    data = {"jData": json.dumps({"am": "NO", "qt": 10})}
    answer = requests.post(wire.sandbox.url + "/quick/order/rule/ms/place", data=data, headers=wire.headers, timeout=5)
    assert answer.json() == {"stCode": 1007, "errMsg": "body invalid", "stat": "bad request"}
    assert wire.get("/quick/user/orders")["errMsg"] == "No Data"


def test_a_finished_or_unknown_order_is_not_changed(wire: Wire) -> None:
    number = wire.place(pr="100.00")["nOrdNo"]
    finished = {"stCode": 1021, "errMsg": "order is completed", "stat": "please provide valid order number"}
    assert wire.row(number)["ordSt"] == "complete"
    assert wire.modify(number) == wire.cancel(number) == finished
    assert wire.cancel("1")["errMsg"] == "Cancel Order Response : Bad Input"
    assert wire.modify("1")["errMsg"] == "Modify Order Response : Bad Input"


def test_a_waiting_amo_is_changed_and_a_released_one_is_not(open_wire: Callable[..., Wire]) -> None:
    wire = open_wire("17:00")
    wire.login()
    number, other = wire.place(am="YES")["nOrdNo"], wire.place(am="YES")["nOrdNo"]
    assert wire.row(number)["ordSt"] == "after market order req received"
    assert wire.modify(number)["errMsg"] == "Modify Order Response : Bad Input"
    assert wire.cancel(number)["errMsg"] == "Cancel Order Response : Bad Input"
    assert wire.modify(number, am="YES")["stat"] == "Ok"
    assert wire.row(number)["ordSt"] == "modify after market order req received"
    wire.cancel(other, am="YES")
    assert wire.row(other)["ordSt"] == "cancelled after market order"
    wire.floor.to(FRIDAY, "09:01")
    wire.login()
    assert [row["nOrdNo"] for row in wire.get("/quick/user/orders")["data"]] == [number]
    assert wire.row(number)["ordSt"] == "open"
    assert wire.modify(number, am="YES")["errMsg"] == "Modify Order Response : Bad Input"
    assert wire.modify(number)["stat"] == "Ok"


def test_an_order_has_a_history_the_newest_first(open_wire: Callable[..., Wire]) -> None:
    wire = open_wire("17:00")
    wire.login()
    number = wire.place("TAG", am="YES")["nOrdNo"]
    wire.modify(number, am="YES", pr="101.00")
    wire.floor.to(FRIDAY, "09:15")
    wire.login()
    answer = wire.post("/quick/order/history", {"nOrdNo": number})["data"]
    assert answer["stat"] == "Ok"
    assert [(row["ordSt"], row["prc"]) for row in answer["data"]] == [
        ("complete", "101.00"),
        ("modify after market order req received", "101.00"),
        ("after market order req received", "90.00"),
    ]
    assert answer["data"][0]["exchTmstp"] == "14-Jul-2023 09: 12: 00"
    assert wire.post("/quick/order/history", {"nOrdNo": "1"})["data"]["errMsg"] == "No Data"


def test_trades_positions_and_holdings_show_the_day_and_before(wire: Wire) -> None:
    number = wire.place("TAG", pr="100.00")["nOrdNo"]
    (trade,) = wire.get("/quick/user/trades")["data"]
    assert (trade["nOrdNo"], trade["fldQty"], trade["avgPrc"], trade["tok"]) == (number, 10, "100.00", "")
    assert (trade["flDt"], trade["flTm"], trade["GuiOrdId"], trade["rptTp"]) == ("13-Jul-2023", "10:00:00", "TAG", "fill")
    (position,) = wire.get("/quick/user/positions")["data"]
    assert (position["flBuyQty"], position["flSellQty"], position["buyAmt"]) == ("10", "0", "1000.00")
    assert wire.get("/portfolio/v1/holdings") == {"data": []}
    wire.floor.to(FRIDAY, "10:00")
    wire.login()
    assert wire.get("/quick/user/trades")["errMsg"] == wire.get("/quick/user/positions")["errMsg"] == "No Data"
    (holding,) = wire.get("/portfolio/v1/holdings")["data"]
    assert (holding["symbol"], holding["quantity"], holding["sellableQuantity"], holding["closingPrice"]) == (
        "ACME",
        10,
        10,
        100.0,
    )


def test_limits_and_margins_are_the_accounts(open_wire: Callable[..., Wire]) -> None:
    wire = open_wire(cash=1_000_00)
    wire.login()
    wire.place(qt="5")
    limits = wire.post("/quick/user/limits", {"seg": "ALL", "exch": "ALL", "prod": "ALL"})
    funds = wire.floor.broker.funds()
    assert (limits["stat"], limits["CollateralValue"]) == ("Ok", "1000.00")
    assert limits["Net"] == f"{funds.available / 100:.2f}"
    assert limits["MarginUsed"] == f"{funds.blocked / 100:.2f}"
    asked = {
        "exSeg": "nse_cm",
        "prc": "90.00",
        "prcTp": "L",
        "prod": "CNC",
        "qty": "10",
        "tok": "1001",
        "trnsTp": "B",
        "trgPrc": "0",
    }
    margin = wire.post("/quick/user/check-margin", asked)["data"]
    assert (margin["rmsVldtd"], margin["ordMrgn"]) == ("NOT_OK", "900.000000")
    assert wire.post("/quick/user/check-margin", asked | {"qty": "1"})["data"]["rmsVldtd"] == "OK"


def test_the_list_of_instruments_has_every_series_of_an_isin(wire: Wire) -> None:
    files = wire.get("/script-details/1.0/masterscrip/file-paths")["data"]["filesPaths"]
    (path,) = [item for item in files if item.endswith("nse_cm-v1.csv")]
    rows = list(csv.DictReader(StringIO(requests.get(path, timeout=5).text)))
    assert [(row["pSymbol"], row["pTrdSymbol"], row["pGroup"], row["pISIN"], row["dTickSize"]) for row in rows] == [
        ("1001", "ACME-EQ", "EQ", "INEACME", "5"),
        ("51001", "ACME-BL", "BL", "INEACME", "5"),
        ("1002", "M&M-EQ", "EQ", "INEM&M", "5"),
        ("51002", "M&M-BL", "BL", "INEM&M", "5"),
    ]


def test_of_a_quote_comes_what_was_asked_for(wire: Wire) -> None:
    path = "/script-details/1.0/quotes/neosymbol/nse_cm|1001,nse_cm|1002,nse_cm|9,bse_cm|1001"
    every = wire.get(f"{path}/all")
    assert [row["display_symbol"] for row in every] == ["ACME-EQ", "M&M-EQ"]
    assert (every[0]["ltp"], every[0]["lstup_time"]) == ("100.0000", str(int(ist(THURSDAY, "10:00").timestamp())))
    assert every[0]["ohlc"] == {"open": "100.0000", "high": "100.0000", "low": "100.0000"}
    assert set(wire.get(f"{path}/ohlc")[0]) == {"exchange_token", "display_symbol", "exchange", "lstup_time", "ohlc"}
    assert {"low_price_range", "high_price_range"} < set(wire.get(f"{path}/circuit_limits")[0])
    assert wire.get(f"{path}/oi")["stCode"] == 1007


def test_a_call_that_is_none_is_not_found(wire: Wire) -> None:
    assert (wire.get("/quick/user/everything")["stCode"], wire.status) == (404, 404)
