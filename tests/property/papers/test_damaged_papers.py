"""A damaged paper is read or refused with DataError; nothing else comes out of the parsers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.papers.disturbed import rows_of, written
from tests.unit.papers.test_charge_lines import kite
from tests.unit.papers.test_tax_statement import ROWS, SAME_DAY, workbook
from tests.unit.papers.test_tradebook_check import FILLS
from tradectl.errors import DataError
from tradectl.marketdata.importers.source import read_source
from tradectl.papers.charge_lines import parse_charge_lines, parse_kite_json
from tradectl.papers.lists import read_fair_values, read_tax_actions
from tradectl.papers.tax_statement import read_statement
from tradectl.papers.tradebook import read_tradebook

NOTE = b"date,symbol,side,line,amount\n2025-06-02,INFY,BUY,STT,5.00\n2025-06-02,,,GST,1\n"
ACTIONS = (
    b"symbol,ex_date,kind,new,old,to,cost_moved_percent,allotted\nA,2023-07-20,demerger,1,1,J,4.68,\nA,2023-07-21,bonus,2,1,,,\n"
)
FAIR = b'isin,symbol,price\nINE1,A,5\nINE2,B,"1,000.5"\n'
TOKENS = (
    b",", b'"', b"\n", b"-", b"9" * 30, b"1e5", b"", b"NaN", b"inf", b"\xff", b"\x00", b"2025-13-01", b"T99:99", b"=", b".",
    b"0/0", b"null", b"[]", b"{}", "٣".encode(),
)  # fmt: skip
Change = tuple[float, int, bytes]
changes = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 6), st.sampled_from(TOKENS)), min_size=1, max_size=3)
GENTLE = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def changed(content: bytes, made: list[Change]) -> bytes:
    found = bytearray(content)
    for place, width, token in made:
        at = int(place * len(found))
        found[at : at + width] = token
    return bytes(found)


@pytest.mark.parametrize(
    ("content", "read"),
    [
        (None, read_tradebook),
        (NOTE, lambda path: parse_charge_lines(read_source(path))),
        (ACTIONS, read_tax_actions),
        (FAIR, read_fair_values),
    ],
    ids=["tradebook", "note", "actions", "fair-values"],
)
@GENTLE
@given(made=changes)
def test_a_damaged_csv_is_read_or_refused(
    tmp_path: Path, content: bytes | None, read: Callable[[Path], object], made: list[Change]
) -> None:
    path = tmp_path / "paper.csv"
    raw = content if content is not None else written(tmp_path / "whole.csv", rows_of(FILLS[:4])).read_bytes()
    path.write_bytes(changed(raw, made))
    with suppress(DataError):
        read(path)


@GENTLE
@given(made=changes)
def test_a_damaged_json_is_read_or_refused(made: list[Change]) -> None:
    text = changed(kite().encode(), made).decode(errors="ignore")
    with suppress(DataError):
        parse_kite_json("charges.json", text, date(2025, 6, 2))


@GENTLE
@given(made=changes)
def test_a_damaged_workbook_is_read_or_refused(made: list[Change]) -> None:
    with suppress(DataError):
        read_statement("tax.xlsx", changed(WORKBOOK, made))


WORKBOOK = workbook([*ROWS, SAME_DAY], [("STT", 1.5)])
