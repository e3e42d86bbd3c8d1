"""Kotak's rows and answers: what each becomes, and that nothing is guessed."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.brokers.exchange import ist
from tradectl.brokers.http.transport import Reply
from tradectl.brokers.kotak_neo import error_mapping, rows
from tradectl.brokers.kotak_neo.instruments import Scrips, parse, path_of
from tradectl.errors import (
    Ambiguous,
    BrokerUnavailable,
    DataError,
    LoginNeeded,
    NotWhitelisted,
    OrderRefused,
    TradectlError,
    UsageError,
)
from tradectl.model.market import Instrument
from tradectl.model.order import Funds, Holding, OrderStatus, Side, Variety

DAY = date(2026, 11, 19)
ROW: dict[str, Any] = {
    "nOrdNo": "261119000000123", "ordSt": "open", "rejRsn": "--", "trdSym": "BAJAJ-AUTO-EQ", "exSeg": "nse_cm", "trnsTp": "S",
    "prod": "CNC",
    "prc": "8123.4500", "qty": 7, "fldQty": "2", "ordDtTm": "19-Nov-2026 09:15:02", "ordEntTm": "19-Nov-2026 09:15:02",
    "exCfmTm": "--", "hsUpTm": "2026/11/19 10:20:30", "boeSec": 1795059902, "GuiOrdId": "ABCDEFGHIJKLMNO",
}  # fmt: skip


def test_a_row_of_the_book_is_read_exactly() -> None:
    report = rows.order_report(ROW)
    assert (report.broker_order_id, report.tag, report.symbol, report.side) == (
        "261119000000123", "ABCDEFGHIJKLMNO", "BAJAJ-AUTO", Side.SELL,
    )  # fmt: skip
    assert (report.quantity, report.price, report.filled_quantity, report.reason) == (7, 812345, 2, "")
    assert (report.placed_at, report.updated_at) == (ist(DAY, "09:15:02"), ist(DAY, "10:20:30"))


@pytest.mark.parametrize(
    ("word", "status", "variety"),
    [
        ("put order req received", OrderStatus.PENDING, Variety.REGULAR),
        ("validation pending", OrderStatus.PENDING, Variety.REGULAR),
        ("open pending", OrderStatus.PENDING, Variety.REGULAR),
        ("after market order req received", OrderStatus.PENDING, Variety.AMO),
        ("modify after market order req received", OrderStatus.PENDING, Variety.AMO),
        ("Open", OrderStatus.ONGOING, Variety.REGULAR),
        ("trigger pending", OrderStatus.ONGOING, Variety.REGULAR),
        ("modify validation pending", OrderStatus.ONGOING, Variety.REGULAR),
        ("modify pending", OrderStatus.ONGOING, Variety.REGULAR),
        ("modified", OrderStatus.ONGOING, Variety.REGULAR),
        ("cancel pending", OrderStatus.ONGOING, Variety.REGULAR),
        ("COMPLETE", OrderStatus.EXECUTED, Variety.REGULAR),
        ("traded", OrderStatus.EXECUTED, Variety.REGULAR),
        ("rejected", OrderStatus.REJECTED, Variety.REGULAR),
        ("cancelled", OrderStatus.CANCELLED, Variety.REGULAR),
        ("cancelled after market order", OrderStatus.CANCELLED, Variety.AMO),
    ],
)
def test_every_status_of_kotak_has_one_of_ours(word: str, status: OrderStatus, variety: Variety) -> None:
    report = rows.order_report({**ROW, "ordSt": word})
    assert (report.status, report.variety) == (status, variety)


def test_the_table_of_statuses_is_the_tested_one() -> None:
    (tested,) = [mark for mark in test_every_status_of_kotak_has_one_of_ours.pytestmark if mark.name == "parametrize"]  # type: ignore[attr-defined]
    assert {word.lower() for word, _, _ in tested.args[1]} == set(rows.STATUSES)


def test_an_unknown_status_is_unknown_and_said() -> None:
    report = rows.order_report({**ROW, "ordSt": "frozen by the exchange"})
    assert (report.status, report.reason) == (OrderStatus.UNKNOWN, "Kotak's status 'frozen by the exchange' is not known")


def test_only_a_rejection_for_want_of_funds_may_pass() -> None:
    told = [("rejected", "RMS:Margin Exceeds"), ("rejected", "circuit limit"), ("cancelled", "RMS:Margin Exceeds")]
    assert [rows.order_report({**ROW, "ordSt": word, "rejRsn": reason}).passing for word, reason in told] == [True, False, False]


@pytest.mark.parametrize(
    ("written", "tag"),
    [
        ("Nezuko", "Nezuko"),
        ("Nezuko-1764835123", "Nezuko"),
        ("with-dash", "with-dash"),
        ("with-dash-1764835123", "with-dash"),
        ("1764835124-266187-ASHA1-ADMINAPI", None),
        ("1764835124-266187-ASHA1-ADMINAPI-1764835199", None),
        ("", None),
        ("NA", None),
        ("--", None),
    ],
)
def test_a_tag_is_recovered_where_it_can_be(written: str, tag: str | None) -> None:
    assert rows.order_report({**ROW, "GuiOrdId": written}).tag == tag


@pytest.mark.parametrize(
    "text", ["22-Jan-2025 14:28:01", "2025/01/22 14:28:01", "22-Jan-2025 14: 28: 01", "22-JAN-2025 14:28:01"]
)
def test_times_come_in_several_ways_and_are_indian(text: str) -> None:
    assert rows.moment(text) == datetime(2025, 1, 22, 8, 58, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "--", "22-Foo-2025 14:28:01", "22-Jan-2025", "yesterday at noon"])
def test_what_is_no_time_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        rows.moment(text)


@pytest.mark.parametrize(
    "broken", [{"prc": "12.345"}, {"prc": "many"}, {"qty": "some"}, {"trnsTp": "X"}, {"hsUpTm": "soon"}, {"ordSt": None}]
)
def test_a_row_that_cannot_be_read_is_not_half_read(broken: dict[str, Any]) -> None:
    if broken == {"ordSt": None}:
        assert rows.order_report({**ROW, **broken}).status is OrderStatus.UNKNOWN
        return
    with pytest.raises((ValueError, KeyError)):
        rows.order_report({**ROW, **broken})


def test_fills_of_two_days_with_one_number_are_two_fills() -> None:
    row = {
        "nOrdNo": "1", "flId": "77", "avgPrc": "9.39", "fldQty": 3, "flDt": "19-Nov-2026", "flTm": "09:12:00",
        "trdSym": "IDEA-EQ", "trnsTp": "B",
    }  # fmt: skip
    one, two = rows.trade_report(row), rows.trade_report({**row, "flDt": "20-Nov-2026"})
    assert (one.trade_id, two.trade_id) == ("20261119-77", "20261120-77")
    assert (one.price, one.quantity, one.at) == (939, 3, ist(DAY, "09:12"))


def test_limits_are_rounded_to_the_paisa() -> None:
    assert rows.funds({"Net": "19.409999999999997", "MarginUsed": "18.78"}) == Funds(1941, 1878, 3819)
    with pytest.raises(ValueError, match="Net ''"):
        rows.funds({"Net": "", "MarginUsed": "0"})


def test_rows_of_other_segments_and_products_are_not_ours() -> None:
    future = {**ROW, "exSeg": "nse_fo", "trdSym": "TCS26NOVFUT"}
    others = [{**ROW, "prod": product} for product in ("MIS", "NRML", "MTF")]
    assert [rows.is_ours(row) for row in (future, ROW, *others)] == [False, True, False, False, False]
    with pytest.raises(KeyError):
        rows.is_ours({"exSeg": "nse_cm"})
    assert rows.orders([{"nOrdNo": "1", "exSeg": "nse_cm"}]).odd[0].field == "prod"
    position = {
        "trdSym": "IDEA-EQ", "exSeg": "nse_cm", "prod": "MIS", "series": "EQ",
        "cfBuyQty": "0", "cfSellQty": "0", "flBuyQty": "9", "flSellQty": "0",
    }  # fmt: skip
    assert rows.holdings([], [position]) == ()
    assert rows.holdings([], [{**position, "prod": "CNC"}]) == (Holding("IDEA", 0, 9, 9),)
    assert rows.holdings([], [{**position, "prod": "CNC", "series": "BE"}]) == (Holding("IDEA", 0, 9, 0),)
    held = {"exchangeSegment": "nse_cm", "symbol": "IDEA", "quantity": 35, "sellableQuantity": 30}
    carried = {**position, "prod": "CNC", "cfBuyQty": "35", "flBuyQty": "9", "flSellQty": "2"}
    assert rows.holdings([held], [carried]) == (Holding("IDEA", 35, 7, 37),)


@pytest.mark.parametrize("step", [1, -1])
def test_two_securities_under_one_symbol_are_two_holdings(step: int) -> None:
    def held(token: str, quantity: int) -> dict[str, Any]:
        row = {"exchangeSegment": "nse_cm", "symbol": "IDEA", "exchangeIdentifier": token}
        return {**row, "quantity": quantity, "sellableQuantity": quantity}

    isins = {"14366": "INE669E01016", "14367": "INE669E04010"}
    found = rows.holdings([held("14366", 100), held("14367", 7)][::step], [], isins.__getitem__)
    assert sorted((item.isin, item.sellable) for item in found) == [("INE669E01016", 100), ("INE669E04010", 7)]


# answers


def reply(status: int, body: Any) -> Reply:
    return Reply(status, body if isinstance(body, bytes) else json.dumps(body).encode())


def said(code: int, message: str, stat: str = "Not_Ok") -> dict[str, Any]:
    return {"stCode": code, "errMsg": message, "stat": stat}


@pytest.mark.parametrize(
    ("status", "body", "error", "code"),
    [
        (200, {"stat": "Ok", "nOrdNo": "1", "stCode": 200}, None, ""),
        (200, said(32, "error from core", "Put Order Response : Client OrderID already exists"), OrderRefused, "repeated_tag"),
        (200, said(5204, "Put Order Response : Client OrderID already exists"), OrderRefused, "repeated_tag"),
        (200, said(5204, "Put Order Response : Bad Input"), OrderRefused, "refused"),
        (400, said(1009, "please provide valid quantity"), OrderRefused, "refused"),
        (400, said(1007, "body invalid", "bad request"), OrderRefused, "refused"),
        (200, said(5202, "Error: Invalid Request"), OrderRefused, "refused"),
        (200, said(5204, "RMS:Margin Exceeds,Cash Available:100.00"), OrderRefused, "funds"),
        (401, said(100008, "unauthorized"), NotWhitelisted, ""),
        (200, said(1037, "session IP does not match"), NotWhitelisted, ""),
        (200, said(100022, "invalid session token"), error_mapping.SessionUnknown, ""),
        (403, said(0, "forbidden"), Ambiguous, ""),
        (200, said(5204, "Invalid session, please re-login to continue"), Ambiguous, ""),
        (400, {"error": [{"code": "400", "message": "Missing field"}]}, Ambiguous, ""),
        (400, said(1021, "order is completed", "please provide valid order number"), Ambiguous, ""),
        (408, {"error": "Request Timeout"}, Ambiguous, ""),
        (408, said(1009, "please provide valid quantity"), Ambiguous, ""),
        (200, {"errMsg": "upstream request timeout"}, Ambiguous, ""),
        (200, said(0, "Request timed out"), Ambiguous, ""),
        (200, said(5204, "Request timed out"), Ambiguous, ""),
        (200, said(32, "error from core"), Ambiguous, ""),
        (400, said(1009, "order placed, but please call us"), Ambiguous, ""),
        (400, said(1234, "please provide valid quantity"), Ambiguous, ""),
        (404, said(1007, "body invalid"), Ambiguous, ""),
        (429, said(0, "Too many requests"), Ambiguous, ""),
        (400, {"stCode": True, "errMsg": ["body invalid"], "stat": "Not_Ok"}, Ambiguous, ""),
        (200, {"data": said(100022, "invalid session token", "error in neo-login-check-api")}, error_mapping.SessionUnknown, ""),
        (500, said(500, "unexpected"), Ambiguous, ""),
        (502, said(502, "cannot reach the order system"), Ambiguous, ""),
        (503, b"<html>", Ambiguous, ""),
        (504, b"", Ambiguous, ""),
        (200, b"<html>", Ambiguous, ""),
        (200, b"[]", Ambiguous, ""),
        (200, {"status": "maintenance"}, Ambiguous, ""),
        (200, {}, Ambiguous, ""),
        (400, b"<html>", Ambiguous, ""),
        (403, b"<html>", Ambiguous, ""),
        (302, b"", Ambiguous, ""),
        (200, said(502, "cannot reach the order system"), Ambiguous, ""),
        (200, said(500, "Invalid session, please re-login"), Ambiguous, ""),
        (200, {"error": [{"code": "503", "message": "service unavailable"}]}, Ambiguous, ""),
        (400, {"stCode": 5204, "error": [{"code": "504", "message": "gateway timeout"}]}, Ambiguous, ""),
        (200, {"data": said(599, "margin service is away")}, Ambiguous, ""),
        (200, {"stat": "Ok", "nOrdNo": "1", "stCode": 502}, Ambiguous, ""),
    ],
)
def test_what_an_answer_to_a_command_means(status: int, body: Any, error: type[TradectlError] | None, code: str) -> None:
    """Only Kotak's own words are a refusal; whatever cannot be read leaves the order's outcome open."""
    found = error_mapping.command(reply(status, body))
    assert type(found) is (error or type(None))
    if isinstance(found, OrderRefused):
        assert (found.code, found.passing) == (code, code == "funds")


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, said(1021, "order is completed", "please provide valid order number"), "finished"),
        (200, said(5204, "Cancel Order Response : Bad Input"), "refused"),
        (
            400,
            {"data": {"error": [{"code": "91400", "message": "Not allowed: order was placed via the app"}]}},
            "refused",
        ),
    ],
)
def test_a_refused_change_is_told_in_kotaks_own_words(status: int, body: Any, code: str) -> None:
    found = error_mapping.change(reply(status, body))
    assert isinstance(found, OrderRefused)
    assert found.code == code
    assert type(error_mapping.change(reply(200, said(5204, "Client OrderID already exists")))) is Ambiguous


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, {"stat": "ok", "data": [], "stCode": 200}, None),
        (200, {"data": [{"symbol": "IDEA"}]}, None),
        (200, [{"exchange_token": "1333"}], None),
        (200, b"<html>", BrokerUnavailable),
        (200, said(5203, "No Data"), None),
        (400, said(5203, "No Data"), None),
        (200, said(5203, ""), BrokerUnavailable),
        (200, said(1007, "no data"), BrokerUnavailable),
        (200, said(5204, "Bad Input"), BrokerUnavailable),
        (500, said(5203, "No Data"), BrokerUnavailable),
        (503, b"<html>", BrokerUnavailable),
        (403, b"<html>", LoginNeeded),
        (200, said(502, "cannot reach the order system"), BrokerUnavailable),
        (200, said(500, "no data"), BrokerUnavailable),
        (200, said(500, "Invalid session, please re-login"), BrokerUnavailable),
        (200, {"stCode": 503, "data": []}, BrokerUnavailable),
        (200, {"error": [{"code": "503", "message": "service unavailable"}], "data": []}, BrokerUnavailable),
        (200, said(1037, "session IP does not match"), NotWhitelisted),
    ],
)
def test_what_an_answer_to_a_read_means(status: int, body: Any, error: type[TradectlError] | None) -> None:
    assert type(error_mapping.read(reply(status, body))) is (error or type(None))


# the list of instruments

HEADER = "pSymbol,pGroup,pExchSeg,pSymbolName,pTrdSymbol,pISIN,dTickSize,lLotSize,dStrikePrice;"
LIST = "\n".join(
    (
        HEADER,
        "11,BL,nse_cm,ACME,ACME-BL,INE1,5,1,-1",
        "10,EQ,nse_cm,ACME,ACME-EQ,INE1,5.0,1,-1",
        "20,BE,nse_cm,M&M,M&M-BE,INE2,1,1,-1",
        "30,EQ,nse_fo,OTHER,OTHER,INE3,5,1,-1",
    )
)


def test_a_scrip_is_found_by_its_isin_whatever_its_name_is() -> None:
    scrips = Scrips(parse(LIST))
    renamed = Instrument("ACME", "OLDNAME", "EQ", "INE1", 5)
    found = scrips.find(renamed, Side.BUY)
    assert (found.token, found.trading_symbol, found.tick_size, found.lot_size) == ("10", "ACME-EQ", 5, 1)
    assert scrips.find(Instrument("ACME", "ACME", "EQ", None, 5), Side.BUY) is found


@pytest.mark.parametrize(
    ("instrument", "error", "words"),
    [
        (Instrument("M&M", "M&M", "EQ", "INE2", 5), DataError, "series BE at Kotak, not EQ"),
        (Instrument("M&M", "M&M", "EQ", None, 5), DataError, "series BE at Kotak, not EQ"),
        (Instrument("ACME", "ACME", "EQ", "INE9", 5), DataError, "INE1 at Kotak, not INE9"),
    ],
)
def test_what_is_listed_otherwise_is_sold_and_not_bought(instrument: Instrument, error: type[TradectlError], words: str) -> None:
    scrips = Scrips(parse(LIST))
    with pytest.raises(error, match=words):
        scrips.find(instrument, Side.BUY)
    assert scrips.find(instrument, Side.SELL).symbol == instrument.symbol


def test_what_is_not_listed_is_unknown() -> None:
    for symbol in ("NOBODY", "OTHER"):
        with pytest.raises(UsageError, match="does not list"):
            Scrips(parse(LIST)).find(Instrument(symbol, symbol, "EQ", None, 5))


def test_the_file_of_the_cash_segment_is_chosen_by_its_name() -> None:
    base = "https://files.example/prod/2026-11-19"
    paths = [f"{base}/transformed/nse_com.csv", f"{base}/transformed/nse_fo.csv", f"{base}/transformed-v1/nse_cm-v1.csv"]
    assert path_of({"data": {"filesPaths": paths}}) == paths[2]
    with pytest.raises(ValueError, match="no file"):
        path_of({"data": {"filesPaths": paths[:2]}})


# Kotak's own published samples, where they are at hand


@pytest.fixture
def samples(shared_data: Path) -> Path:
    folder = shared_data / "payloads" / "kotak_neo"
    if not folder.is_dir():
        pytest.skip(f"no samples in {folder}")
    return folder


def test_kotaks_own_samples_are_read(samples: Path) -> None:
    def sample(name: str) -> Any:
        return json.loads((samples / f"{name}.json").read_text(encoding="utf-8"))

    assert not any(map(rows.is_ours, [*sample("orders")["data"], *sample("trades")["data"]]))  # all of them are NRML
    (order,) = [rows.order_report(row) for row in sample("orders")["data"]]
    assert (order.symbol, order.price, order.status, order.tag) == ("IDEA", 939, OrderStatus.ONGOING, None)
    fills = [rows.trade_report(row) for row in sample("trades")["data"]]
    assert [(fill.quantity, fill.price) for fill in fills] == [(1, 939), (1, 939)]
    assert len({fill.trade_id for fill in fills}) == 2
    assert rows.holdings(sample("holdings")["data"], []) == (Holding("IDEA", 35, 0, 35),)
    assert rows.funds(sample("limits")) == Funds(1941, 1878, 3819)
    (row,) = sample("quotes")
    quote = rows.quote(row, "HDFCBANK")
    assert quote is not None
    assert (quote.last, quote.open, quote.high, quote.low) == (80160, 79850, 80445, 79600)
    assert (quote.lower_band, quote.upper_band, quote.volume) == (71390, 87250, 30043533)
    history = sample("order_history")["data"]["data"]
    assert [rows.STATUSES[row["ordSt"]] for row in history][:2] == [OrderStatus.EXECUTED, OrderStatus.ONGOING]
    for name in ("modify", "place"):
        assert error_mapping.command(reply(200, sample(name))) is None
    assert isinstance(error_mapping.login(reply(400, sample("login_2"))), LoginNeeded)
    assert isinstance(error_mapping.login(reply(200, sample("validate_2"))), LoginNeeded)
    assert error_mapping.login(reply(200, sample("validate"))) is None
