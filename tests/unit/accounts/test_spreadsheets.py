"""Tables as CSV, JSON Lines and XLSX: no text is run as a formula, and every number stays one."""

from __future__ import annotations

import csv
import io
import json
import sys
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from tradectl.errors import ConfigurationError
from tradectl.model.moment import to_ist
from tradectl.report.exports.spreadsheets import FORMULA, csv_bytes, harmless, json_lines, xlsx_bytes
from tradectl.report.exports.tables import Kind, Table

COLUMNS = {
    "note": Kind.TEXT, "net": Kind.MONEY, "shares": Kind.WHOLE, "day": Kind.DAY, "at": Kind.MOMENT, "return": Kind.RATIO,
    "external": Kind.YES_NO,
}  # fmt: skip
EVIL = ("=HYPERLINK(1)", "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "plain", 'it\'s, "quoted"')
SHOWN = ["'=HYPERLINK(1)", "'+1", "'-2+3", "'@SUM(A1)", "' =1", "' =1", "' =1", "plain", 'it\'s, "quoted"']
AT = datetime(2026, 5, 4, 4, 0, 30, tzinfo=UTC)


def table(*texts: str, net: int | None = -12_50) -> Table:
    row = {"net": net, "shares": -3, "day": date(2026, 5, 4), "at": AT, "return": -0.0125, "external": False}
    return Table("trades", COLUMNS, [{"note": text, **row} for text in texts])


def test_csv_texts_are_harmless_and_losses_stay_numbers() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_bytes(table(*EVIL)).decode(), newline="")))
    assert [row["note"] for row in rows] == SHOWN
    assert {key: rows[0][key] for key in list(COLUMNS)[1:]} == {
        "net": "-12.50", "shares": "-3", "day": "2026-05-04", "at": "2026-05-04T09:30:30+05:30", "return": "-0.0125",
        "external": "no",
    }  # fmt: skip


def test_xlsx_has_texts_numbers_and_dates_and_no_formula() -> None:
    book = load_workbook(io.BytesIO(xlsx_bytes([table(*EVIL), Table("lots", {"id": Kind.WHOLE}, [])])))
    assert book.sheetnames == ["trades", "lots"]
    head, *rows = book["trades"].iter_rows()
    assert [cell.value for cell in head] == list(COLUMNS)
    assert {cell.data_type for row in rows for cell in row} == {"s", "n", "d", "b"}
    assert [row[0].value for row in rows] == SHOWN
    at = to_ist(AT).replace(tzinfo=None)
    assert [cell.value for cell in rows[0][1:]] == [
        -12.5, -3, at.replace(hour=0, minute=0, second=0), at, -0.0125, False,
    ]  # fmt: skip


def test_json_lines_keep_the_text_and_exact_rupees() -> None:
    first, *_ = [json.loads(line) for line in json_lines(table(*EVIL)).splitlines()]
    assert (first["note"], first["net"], first["shares"], first["external"]) == ("=HYPERLINK(1)", "-12.50", -3, False)
    assert json.loads(json_lines(table("x", net=None)))["net"] is None


@given(text=st.text())
def test_no_text_begins_like_a_formula(text: str) -> None:
    made = harmless(text)
    assert not made.lstrip().startswith(FORMULA)
    assert made.removeprefix("'").split() == text.removeprefix("'").split() or not text.isprintable()


def test_without_the_extra_xlsx_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'tradectl\[xlsx\]'"):
        xlsx_bytes([table()])
