"""Unusual days in every format: no trade, a halt, one trade, an order of unknown outcome, a delisted symbol."""

from __future__ import annotations

import csv
import io
import json

import pytest
from msgspec.structs import replace
from openpyxl import load_workbook

from tests.support.report_content import EVENT, HALTED, SKIPPED, START, UNKNOWN, content, held
from tradectl.cli.report import content_in, summary
from tradectl.model.order import OrderStatus
from tradectl.report_page.content import Content, OrderCount, Source
from tradectl.report_page.figures import figures_of
from tradectl.report_page.plain import result_of

DELISTED = held("GONE", START)
EVIL = "=HYPERLINK(1)"
DAYS: dict[str, Content] = {
    "a day without statistics": replace(content(1, 0), days=(), charge_lines={}, orders=()),
    "a day without a trade": content(1, 0),
    "a halted day": content(1, 0, alerts=(HALTED,), skipped=(SKIPPED, replace(SKIPPED, reason=EVIL)), skipped_total=2),
    "one trade": content(1, 1, events=(EVENT,)),
    "an order of unknown outcome": content(1, 1, alerts=(UNKNOWN,), orders=(OrderCount(OrderStatus.UNKNOWN, 1),)),
    "a delisted symbol": content(1, 0, held=(DELISTED, replace(DELISTED, symbol=EVIL))),
    "symbols without an account": replace(content(1, 3), source=Source.BACKTEST, days=(), before=0),
}


@pytest.mark.parametrize("report", DAYS.values(), ids=DAYS)
def test_every_format_has_the_same_day(report: Content) -> None:
    figures = figures_of(report)
    page, text, rows, values, book = (content_in(report, figures, form) for form in ("html", "md", "csv", "json", "xlsx"))
    lines = len(report.trades) + len(report.held)
    assert len(list(csv.DictReader(io.StringIO(rows.decode())))) == lines
    found = json.loads(values)
    assert (len(found["trades"]), len(found["held"])) == (len(report.trades), len(report.held))
    sheets = load_workbook(io.BytesIO(book))
    assert {name: len(list(sheets[name].iter_rows())) - 1 for name in ("trades", "days", "charges", "skipped")} == {
        "trades": lines,
        "days": len(report.days),
        "charges": len(report.charge_lines),
        "skipped": len(report.skipped),
    }
    cells = [cell for sheet in sheets for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n", "d", "b"}
    assert not any(str(cell.value).startswith("=") for cell in cells)
    said = summary({"file": None, "bytes": None, **result_of(report, figures)})
    for alert in report.alerts:
        assert said.startswith(f"{alert.title}: {alert.text}")
        assert alert.title in page.decode()
        assert alert.title.split(":")[0] in text.decode()


def test_a_workbook_of_many_trades_is_small() -> None:
    report = content(250, 500)
    assert len(content_in(report, figures_of(report), "xlsx")) < 200_000
