"""What a broker says is safe to keep and to show, whatever characters and numbers are in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from tradectl.brokers.http import strict_json, value_ranges
from tradectl.brokers.http.replies import order_id
from tradectl.brokers.http.transport import Reply
from tradectl.brokers.kite import error_mapping as kite
from tradectl.brokers.kite import rows as kite_rows
from tradectl.brokers.kotak_neo import error_mapping as kotak
from tradectl.brokers.kotak_neo import rows as kotak_rows
from tradectl.brokers.kotak_neo.api import parsed
from tradectl.brokers.openalgo import error_mapping as openalgo
from tradectl.errors import BrokerUnavailable
from tradectl.model.money import to_paise

LONG = "x" * 200_000
KOTAK: Mapping[str, Any] = {
    "nOrdNo": "220621000000097", "GuiOrdId": "A" * 15, "trdSym": "ACME-EQ", "trnsTp": "B", "qty": 10, "prc": "95.00", "fldQty": 0,
    "ordSt": "open", "rejRsn": "--", "ordDtTm": "17-Jul-2023 16:30:00", "hsUpTm": "2023/07/17 16:30:00", "exSeg": "nse_cm",
    "prod": "CNC", "boeSec": 1689591600,
}  # fmt: skip
KITE: Mapping[str, Any] = {
    "order_id": "151220000000000", "tag": None, "exchange": "NSE", "product": "CNC", "tradingsymbol": "ACME", "price": 95.0,
    "transaction_type": "BUY", "quantity": 10, "filled_quantity": 0, "status": "OPEN", "variety": "regular",
    "order_timestamp": "2023-07-17 16:30:00", "exchange_timestamp": None,
}  # fmt: skip


@pytest.mark.parametrize(
    "odd", [r"\ud800", r"\udfff", r"\u0000", r"\u001b", r"\b", r"\f", "\x7f", "\x9f"], ids=lambda it: it.encode().hex()
)
@pytest.mark.parametrize("exact", [True, False])
def test_odd_characters_are_replaced_in_names_and_in_texts(odd: str, exact: bool) -> None:
    found = strict_json.read(
        f'{{"a{odd}": ["b{odd}c", {{"d": ["{odd}"]}}], "e": "\\u20b9 \\ud83d\\ude00\\n"}}'.encode(), exact=exact
    )
    assert found == {"a\ufffd": ["b\ufffdc", {"d": ["\ufffd"]}], "e": "\u20b9 \U0001f600\n"}
    with create_engine("sqlite://").connect() as database:
        assert database.execute(text("SELECT :text"), {"text": json.dumps(found, ensure_ascii=False)}).scalar_one()


def test_half_a_character_in_the_bytes_themselves_is_replaced() -> None:
    assert strict_json.read(b'{"a": "\xed\xa0\x80"}') == {"a": "\ufffd"}
    assert strict_json.read(b'\xef\xbb\xbf"a"') == "a"


def test_odd_characters_deep_inside_are_replaced() -> None:
    assert strict_json.read("[" * 900 + r'"\u0000"' + "]" * 900) == json.loads("[" * 900 + '"\ufffd"' + "]" * 900)


@pytest.mark.parametrize("number", [str(2**63), str(-(2**63)), "9" * 25, "1e16", "-1e16", "12345678901234567.5", "1e25"])
def test_a_number_that_no_column_takes_is_none(number: str) -> None:
    for exact in (True, False):
        found = strict_json.read(f'{{"a": {number}, "b": 1}}', exact=exact)
        assert (type(found["a"]), found["b"]) == (strict_json.OddNumber, 1)
        for reader in (value_ranges.whole, value_ranges.rupees, value_ranges.about_rupees, value_ranges.identity):
            with pytest.raises(value_ranges.OddValue):
                reader(found["a"])


@pytest.mark.parametrize("deep", ["[" * 5000 + "1" + "]" * 5000, '{"a": ' * 5000 + "1" + "}" * 5000])
def test_what_is_nested_too_deep_costs_its_own_row(deep: str) -> None:
    found = strict_json.read(f'{{"data": [{{"a": {deep}, "b": "[{{"}}, {{"a": 2}}]}}')
    assert (found["data"][0]["b"], found["data"][1]) == ("[{", {"a": 2})


def test_bytes_and_characters_that_are_none_cost_themselves() -> None:
    assert strict_json.read(b'{"a": "\xff", "b": 1}') == {"a": "\ufffd", "b": 1}
    assert strict_json.read(b'{"a": "x\x01", "b": 1}') == {"a": "x\ufffd", "b": 1}


def test_the_largest_numbers_are_read() -> None:
    assert strict_json.read(f"[{2**63 - 1}, 9999999999999999.5]", exact=True)[0] == 2**63 - 1


@pytest.mark.parametrize("amount", ["1e25", str(2**63), "-92233720368547758.08"])
def test_an_amount_that_no_column_takes_is_none(amount: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        to_paise(amount)


@pytest.mark.parametrize(
    "odd",
    [
        {"qty": 10**25}, {"qty": str(2**31)}, {"fldQty": "9" * 30}, {"prc": "1e25"}, {"qty": LONG},
        {"boeSec": 10**18, "hsUpTm": "--", "ordDtTm": "--"}, {"ordDtTm": "31-Dec-9999 23:59:59"}, {"hsUpTm": LONG},
        {"ordDtTm": "01-Jan-0002 00:00:00"}, {"ordDtTm": "00-Jan-0000 00:00:00"},
    ],
    ids=",".join,
)  # fmt: skip
def test_a_row_of_kotak_that_cannot_be_kept_fails_in_one_line(odd: Mapping[str, object]) -> None:
    with pytest.raises(BrokerUnavailable) as failure:
        parsed(lambda: kotak_rows.order_report({**KOTAK, **odd}), "order")
    assert len(str(failure.value)) <= strict_json.BRIEF


@pytest.mark.parametrize("never", ["01-Jan-0001 00:00:00", "0001/01/01 00:00:00"])
def test_the_year_1_stands_for_no_time_at_kotak(never: str) -> None:
    usual = kotak_rows.order_report(KOTAK)
    assert kotak_rows.order_report({**KOTAK, "hsUpTm": never}) == kotak_rows.order_report({**KOTAK, "ordDtTm": never}) == usual


@pytest.mark.parametrize(
    "odd",
    [
        {"quantity": 10**25}, {"quantity": 2**31}, {"filled_quantity": "9" * 30}, {"order_timestamp": "0001-01-01 00:00:00"},
        {"order_timestamp": "9999-12-31 23:59:59"}, {"price": "1e25"}, {"order_timestamp": LONG},
    ],
    ids=",".join,
)  # fmt: skip
def test_a_kite_row_that_cannot_be_kept_is_an_odd_row(odd: Mapping[str, object]) -> None:
    found = kite_rows.parsed(json.dumps({"data": [{**KITE, **odd}]}).encode(), kite_rows.orders)
    ((row,), (field, _)) = (found.odd, *odd.items())
    named = {"order_timestamp": {"order_timestamp", "placed_at", "updated_at"}}.get(field, {field})
    assert (len(found), row.symbol, row.field in named, len(row.text) < strict_json.BRIEF) == (0, "ACME", True, True)


@pytest.mark.parametrize("status", [200, 400, 403, 500])
def test_a_long_message_is_cut(status: int) -> None:
    def said(**content: object) -> Reply:
        return Reply(status, json.dumps(content).encode())

    answers = (
        kite.judge(said(status="error", error_type="InputException", message=LONG)),
        kite.judge(said(status="error", error_type=LONG, message="IP not allowed")),
        kotak.command(said(stat="Not_Ok", stCode=1009, errMsg=f"please provide valid {LONG}")),
        kotak.read(said(stat="Not_Ok", stCode=1009, errMsg=f"invalid session {LONG}")),
        openalgo.judge(said(status="error", message=f"Insufficient holdings {LONG}")),
        openalgo.judge_read(said(status="error", message=f"forbidden {LONG}")),
    )
    assert [len(str(answer)) for answer in answers if len(str(answer)) > strict_json.BRIEF + 200] == []


def test_the_end_of_a_long_message_counts_before_it_is_cut() -> None:
    answer = {"status": "error", "error_type": "InputException", "message": f"{LONG} timed out", "data": None}
    assert type(kite.judge(Reply(400, json.dumps(answer).encode()))).__name__ == "Ambiguous"


def test_the_reason_of_an_order_is_cut() -> None:
    for word in ("REJECTED", "NEW WORD"):
        (found,) = kite_rows.orders([{**KITE, "status": word, "status_message": LONG}])
        assert len(found.reason) == strict_json.BRIEF
    for word in ("rejected", LONG):
        assert len(kotak_rows.order_report({**KOTAK, "ordSt": word, "rejRsn": LONG}).reason) == strict_json.BRIEF


@pytest.mark.parametrize("exact", [True, False])
def test_a_name_that_is_there_twice_has_both_values(exact: bool) -> None:
    assert strict_json.read('{"a": 1, "b": {"c": "x", "c": null}, "a": 2}', exact=exact) == {"a": [1, 2], "b": {"c": ["x", None]}}
    assert strict_json.read('[{"a": [1], "a": [1], "b": 2}]', exact=exact) == [{"a": [1], "b": 2}]


def test_a_row_with_two_values_of_a_field_is_an_odd_row() -> None:
    """The last of two values would be taken otherwise: here none of 10 shares filled, or all."""
    twice = json.dumps(KITE)[:-1] + ', "filled_quantity": 10}'
    other = json.dumps({**KITE, "order_id": "151220000000001", "tradingsymbol": "RISE"})
    found = kite_rows.parsed(f'{{"data": [{twice}, {other}]}}'.encode(), kite_rows.orders)
    assert [report.symbol for report in found] == ["RISE"]
    assert [(row.symbol, row.broker_order_id, row.field, row.value) for row in found.odd] == [
        ("ACME", KITE["order_id"], "filled_quantity", "[0, 10]")
    ]


def test_a_reply_with_two_order_ids_names_no_order() -> None:
    found = strict_json.read('{"data": {"order_id": "1", "order_id": "2"}}')
    assert order_id(found["data"]["order_id"]) is None
