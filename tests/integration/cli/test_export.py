"""`export`: files that spreadsheets, accounting programs and QuantStats read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from beancount.loader import load_file
from openpyxl import load_workbook

from tests.integration.cli.conftest import Tradectl
from tests.support.accounts import CAPITAL, Accounts
from tradectl.ledger.opening import open_database
from tradectl.ledger.statistics import DayStatistics
from tradectl.ledger.store import Ledger
from tradectl.model.money import to_rupees

APRIL, MAY = date(2026, 4, 2), date(2026, 5, 4)


@pytest.fixture
def accounts(tradectl: Tradectl, home: Path) -> Iterator[Accounts]:
    """A home with a loss in ACME, of which 40 shares are held, and three days of statistics."""
    assert tradectl("init", "--mode", "paper", "--capital", "1000000").code == 0
    database = open_database(home / "ledger.db", durable=False)
    user = Accounts(Ledger(database, tradectl("config", "list", "--json").object["user"]))
    user.buy(APRIL, 100, 1_000_00)
    user.sell(MAY, 60, 900_00)
    for place, equity in enumerate((CAPITAL, CAPITAL + 100_000_00, CAPITAL + 45_000_00)):
        day = MAY + timedelta(days=place)
        user.ledger.statistics.write(DayStatistics(day, equity, 0, equity, 0, 0, 0, 0, 0, 0, 1, 0, equity, 0.0))
    yield user
    database.close()


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_trades_on_the_screen_are_csv_with_sums_of_pnl(tradectl: Tradectl, accounts: Accounts) -> None:
    tradectl("note", "1-2", '=HYPERLINK("http://evil")', "--tag", "loss")
    [row] = rows(tradectl("export", "trades").out)
    total = tradectl("pnl", "--json").object["result"]["total"]
    assert (row["id"], row["gross"], row["charges"], row["net"]) == ("1-2", "-6000.00", total["charges"], total["net"])
    assert {name: row[name] for name in total["charge_lines"]} == total["charge_lines"]
    assert (row["notes"], row["tags"]) == ('\'=HYPERLINK("http://evil")', "loss")


@pytest.mark.parametrize("what", ["trades", "fills", "orders", "lots", "returns"])
def test_every_table_is_the_same_in_every_format(tradectl: Tradectl, accounts: Accounts, tmp_path: Path, what: str) -> None:
    files = {form: tmp_path / f"out.{form}" for form in ("csv", "jsonl", "xlsx")}
    counts = {form: tradectl("export", what, str(file), "--json").object["result"]["rows"] for form, file in files.items()}
    lines = [json.loads(line) for line in files["jsonl"].read_text(encoding="utf-8").splitlines()]
    texts = rows(files["csv"].read_text(encoding="utf-8"))
    head, *cells = load_workbook(files["xlsx"])[what].iter_rows(values_only=True)
    assert set(counts.values()) == {len(lines)}
    assert (len(texts), len(cells)) == (len(lines), len(lines))
    assert len(lines) == {"trades": 1, "fills": 2, "orders": 2, "lots": 1, "returns": 3}[what]
    for line, text, row in zip(lines, texts, cells, strict=True):
        assert list(line) == list(text) == list(head)
        for name, cell in zip(head, row, strict=True):
            same(line[name], text[name], cell)


def same(value: Any, text: str, cell: Any) -> None:
    """Compare a value of JSON Lines with its text in CSV and its cell in XLSX."""
    if value is None or value == "":
        assert (text, cell) == ("", None)
    elif isinstance(value, bool):
        assert (text, cell) == ("yes" if value else "no", value)
    elif isinstance(value, int | float):
        assert float(text) == pytest.approx(cell) == value
    elif isinstance(cell, int | float):
        assert text == value == to_rupees(round(cell * 100))
    elif isinstance(cell, date):  # a moment is one too
        assert text == value
        assert value.startswith(str(cell)[:10])
    else:
        assert text == cell == value


def test_a_span_and_a_symbol_choose_rows(tradectl: Tradectl, accounts: Accounts) -> None:
    accounts.buy(MAY, 10, 200_00, "BETA")
    assert [row["side"] for row in rows(tradectl("export", "fills", "--from", "2026-05-01").out)] == ["SELL", "BUY"]
    assert [row["symbol"] for row in rows(tradectl("export", "orders", "--symbol", "beta").out)] == ["BETA"]
    [lot] = rows(tradectl("export", "lots", "--to", "2026-04-30").out)
    assert (lot["quantity"], lot["cost"]) == ("100", "100000.00")


def test_returns_compound_to_the_equity_as_quantstats_reads(tradectl: Tradectl, accounts: Accounts, tmp_path: Path) -> None:
    file = tmp_path / "returns.csv"
    assert tradectl("export", "returns", str(file)).out == f"{file}: 3 rows\n"
    series = pd.read_csv(file, index_col="date", parse_dates=True)["return"]
    assert isinstance(series.index, pd.DatetimeIndex)
    assert list(series) == pytest.approx([0.0, 0.1, -0.05])
    assert (1 + series).prod() == pytest.approx(1.045)


def test_a_workbook_has_a_sheet_for_each_table(tradectl: Tradectl, accounts: Accounts, tmp_path: Path) -> None:
    assert tradectl("export", "all", str(tmp_path / "all.xlsx")).code == 0
    assert load_workbook(tmp_path / "all.xlsx").sheetnames == ["trades", "fills", "orders", "lots", "returns"]


def test_a_journal_is_one_for_beancount_or_ledger(tradectl: Tradectl, accounts: Accounts, tmp_path: Path) -> None:
    file = tmp_path / "mine.beancount"
    assert tradectl("export", "bookkeeping", str(file)).out == f"{file}: 3 transactions\n"
    entries, errors, _ = load_file(str(file))
    assert (errors, len(entries) > 10) == ([], True)
    assert (
        tradectl("export", "bookkeeping", "--format", "ledger", "--json").object["result"]["content"].startswith("; Written by")
    )


def test_a_file_of_before_is_replaced_as_a_whole(tradectl: Tradectl, accounts: Accounts, tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("x" * 100_000)
    assert tradectl("export", "trades", str(file)).code == 0
    assert file.read_text(encoding="utf-8") == tradectl("export", "trades").out


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (("profits",), 2, "no export is called 'profits'; there are trades, fills, orders, lots, returns, all, bookkeeping"),
        (("trades", "--format", "xlsx"), 2, "xlsx needs a FILE"),
        (("trades", "t.txt"), 2, "t.txt ends with .txt, so name the format with --format"),
        (("bookkeeping", "j.csv"), 2, "bookkeeping can be exported as beancount or ledger, not 'csv'"),
        (("bookkeeping", "--from", "2026-01-01"), 2, "the bookkeeping is always whole"),
        (("trades", "no/such/folder.csv"), 2, "no/such/folder.csv cannot be written"),
    ],
)
def test_a_mistake_is_one_line(tradectl: Tradectl, accounts: Accounts, words: tuple[str, ...], code: int, line: str) -> None:
    said = tradectl("export", *words)
    assert (said.code, said.out, said.err.count("\n")) == (code, "", 1)
    assert line in said.err
