"""Lots and taxes from the command line: imports, by hand, fills of the ledger, the 112A file and the workbook."""

from __future__ import annotations

import csv
import re
import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert
from typer.testing import CliRunner

from tests.integration.cli.conftest import Tradectl
from tradectl.cli.app import app
from tradectl.errors import DataError
from tradectl.ledger import schema
from tradectl.ledger.opening import open_database
from tradectl.papers.lists import read_tax_actions
from tradectl.papers.tradebook import read_tradebook

AT = ("--at", "2026-04-02 10:00")
HEADER = "symbol,isin,trade_date,exchange,segment,series,trade_type,auction,quantity,price,trade_id,order_id,order_execution_time"
ROWS = (
    "RELIANCE,INE002A01018,2016-05-02,NSE,EQ,EQ,buy,false,10.000000,1000.000000,1001,2001,2016-05-02T09:15:33",
    "RELIANCE,INE002A01018,2025-06-02,NSE,EQ,EQ,sell,false,4.000000,1410.000000,1002,2002,2025-06-02T10:15:33",
    "INFY,INE009A01021,2025-04-07,NSE,EQ,EQ,buy,false,10,1500,1003,2003,2025-04-07T10:15:33",
    "INFY,INE009A01021,2025-09-05,NSE,EQ,EQ,sell,false,10,1600,1004,2004,2025-09-05T10:15:33",
    "NIFTYFUT,,2025-06-03,NFO,FO,,sell,false,75,25000,1005,2005,2025-06-03T12:15:33",
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home without a trade."""
    folder = tmp_path_factory.mktemp("empty") / "home"
    words = ["init", "--mode", "paper", "--home", str(folder), *AT]
    assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
    return folder


@pytest.fixture
def made(tradectl: Tradectl, empty: Path, home: Path) -> Tradectl:
    shutil.copytree(empty, home)
    return tradectl


def tradebook(folder: Path, rows: tuple[str, ...] = ROWS, *, header: str = HEADER, end: str = "\n", start: str = "") -> str:
    path = folder / "tradebook.csv"
    path.write_bytes((start + end.join([header, *rows]) + end).encode("utf-8"))
    return str(path)


def year(tradectl: Tradectl, *words: str, text: str = "2025-26") -> dict[str, Any]:
    said = tradectl("tax", "year", text, *words, "--json", *AT)
    assert said.code == 0, said.out
    return dict(said.object["result"])


def test_a_tradebook_gives_lots_and_a_year(made: Tradectl, tmp_path: Path) -> None:
    imported = made("import", "tradebook", tradebook(tmp_path), "--json", *AT).object["result"]
    assert (imported["new"], imported["files"][0]["skipped"]) == (4, 1)
    lots = made("tax", "lots", "--json", *AT).object["result"]["lots"]
    assert [(lot["symbol"], lot["quantity"], lot["cost"], lot["long_from"]) for lot in lots] == [
        ("RELIANCE", 6, "6000.00", "2017-05-03")
    ]
    found = year(made)
    assert [(item["term"], item["rate_percent"], item["proceeds"]) for item in found["buckets"]] == [
        ("short", 20.0, "16000.00"),
        ("long", 12.5, "5640.00"),
    ]
    sold = found["disposals"][0]
    assert (sold["purchase"], sold["sale"]) == ("NSE 2016-05-02 1001", "NSE 2025-06-02 1002")
    assert (sold["purchase_source"], sold["sale_source"]) == ("tradebook.csv row 2", "tradebook.csv row 3")
    assert {item["doubt"] for item in found["doubts"]} >= {"fair_value_missing", "charges_computed", "charges_unknown"}
    assert "not tax advice" in found["advice"]


SAME_DAY = (
    "SUZLON,INE040H01021,2025-05-02,NSE,EQ,EQ,buy,false,50,50,1101,2101,2025-05-02T09:15:33",
    "SUZLON,INE040H01021,2025-06-02,NSE,EQ,,buy,false,30,60,1102,2102,2025-06-02T09:15:33",
    "SUZLON,INE040H01021,2025-06-02,NSE,EQ,,sell,false,20,62,1103,2103,2025-06-02T10:15:33",
)


@pytest.mark.parametrize(
    ("file_series", "bar_series", "speculative", "marked"),
    [
        ("BE", "", False, False),
        ("", "BE", False, False),
        ("BZ", "EQ", False, False),  # the file says it of the trade itself
        ("", "EQ", True, False),
        ("EQ", "", True, False),
        ("", "", True, True),
    ],
)
def test_trade_for_trade_days_are_not_netted(
    made: Tradectl, tmp_path: Path, file_series: str, bar_series: str, speculative: bool, marked: bool
) -> None:
    """The series of the day comes from the file, else from the stored bar; if neither has it, the gain is marked."""
    rows = tuple(row.replace(",EQ,,", f",EQ,{file_series},") for row in SAME_DAY)
    if bar_series:
        bars = tmp_path / "bars.csv"
        bars.write_text(
            "date,symbol,series,open,high,low,close,volume\n"
            f"2025-05-02,SUZLON,EQ,50,51,49,50,100000\n2025-06-02,SUZLON,{bar_series},60,62,59,61,100000\n"
        )
        assert made("data", "import", str(bars), *AT).code == 0
    assert made("import", "tradebook", tradebook(tmp_path, rows), *AT).code == 0
    found = year(made)
    assert {item["term"] for item in found["buckets"]} == ({"speculative"} if speculative else {"short"})
    assert ("series_unknown" in {item["doubt"] for item in found["doubts"]}) is marked
    lots = made("tax", "lots", "--json", *AT).object["result"]["lots"]
    assert [(lot["acquired"], lot["quantity"]) for lot in lots] == (
        [("2025-05-02", 50), ("2025-06-02", 10)] if speculative else [("2025-05-02", 30), ("2025-06-02", 30)]
    )


def test_the_same_tradebook_twice_adds_nothing(made: Tradectl, tmp_path: Path) -> None:
    path = tradebook(tmp_path)
    for new in (4, 0):
        assert made("import", "tradebook", path, "--json", *AT).object["result"]["new"] == new


@pytest.mark.parametrize("spelling", ["bom", "crlf", "order", "names", "grouped", "semicolon"])
def test_the_spelling_of_a_file_does_not_matter(made: Tradectl, tmp_path: Path, spelling: str) -> None:
    header, rows, more = HEADER, list(ROWS), {}
    cells = [row.split(",") for row in (HEADER, *ROWS)]
    if spelling == "bom":
        more = {"start": "\ufeff"}
    elif spelling == "crlf":
        more = {"end": "\r\n"}
    elif spelling == "order":
        header, *rows = [",".join(reversed(row)) for row in cells]
    elif spelling == "names":
        header = header.replace("_", " ").title()
    elif spelling == "semicolon":
        header, *rows = [";".join(row) for row in cells]
    else:
        rows = [row.replace("1410.000000", '"1,410.00"').replace("T", " ") for row in ROWS]
    path = tradebook(tmp_path, tuple(rows), header=header, **more)
    assert made("import", "tradebook", path, "--json", *AT).object["result"]["new"] == 4
    assert [item["proceeds"] for item in year(made)["disposals"]] == ["5640.00", "16000.00"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("4.000000", "4.5", "row 3: quantity '4.5' is not a whole number above 0"),
        ("1410.000000", "1410.005", "row 3: price '1410.005' has more than two decimals"),
        ("1410.000000", "abc", "row 3: price 'abc' is not a number"),
        ("sell,false,4", "hold,false,4", "row 3: trade_type 'hold' is not buy, sell or buyback"),
        ("2025-06-02T10", "2025-06-03T10", "row 3: order_execution_time '2025-06-03T10:15:33' is not on the trade_date"),
        ("2025-06-02,NSE", "02/06/25,NSE", "row 3: trade_date '02/06/25' is not a date"),
        ("1002,2002", "1001,2002", ""),
        ("2025-06-02T10:15:33", "soon", "row 3: order_execution_time 'soon' is not a time"),
        ("INE002A01018,2025", "INE00,2025", "row 3: isin 'INE00' is no ISIN"),
        ("RELIANCE", "=CMD(1)", "row 3: symbol '=CMD(1)' is no symbol of NSE"),
    ],
)
def test_a_bad_cell_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = Path(tradebook(tmp_path, (ROWS[0], ROWS[1].replace(old, new), *ROWS[2:])))
    if not said:  # the same trade id on another day is another trade
        assert len(read_tradebook(path).trades) == 4
        return
    with pytest.raises(DataError, match=re.escape(f"tradebook.csv {said}")):
        read_tradebook(path)


def test_nothing_of_a_bad_file_is_stored(made: Tradectl, tmp_path: Path) -> None:
    rows = (*ROWS[:4], ROWS[0].replace("1000.0", "-1").replace("1001", "9"))
    assert made("import", "tradebook", tradebook(tmp_path, rows), *AT).code == 8
    assert made("tax", "lots", "--json", *AT).object["result"]["lots"] == []


def test_another_content_needs_replace(made: Tradectl, tmp_path: Path) -> None:
    made("import", "tradebook", tradebook(tmp_path), *AT)
    path = tradebook(tmp_path, (ROWS[0].replace(",10.000000,", ",12,"),))
    refused = made("import", "tradebook", path, *AT)
    assert refused.code == 8
    assert "row 2: trade 1001 of 2016-05-02 is stored from tradebook.csv row 2 with other content" in refused.err
    assert made("import", "tradebook", path, "--replace", "--json", *AT).object["result"]["replaced"] == 1
    assert made("tax", "lots", "--json", *AT).object["result"]["lots"][0]["quantity"] == 8


def test_a_trade_id_twice_in_a_file_is_refused(made: Tradectl, tmp_path: Path) -> None:
    found = made("import", "tradebook", tradebook(tmp_path, (ROWS[0], ROWS[0])), *AT)
    assert (found.code, "row 3: trade_id 1001 of 2016-05-02 occurs twice" in found.err) == (8, True)


def test_a_sale_without_its_purchase_exits_8(made: Tradectl, tmp_path: Path) -> None:
    made("import", "tradebook", tradebook(tmp_path, ROWS[1:2]), *AT)
    target = tmp_path / "112a.csv"
    found = made("tax", "year", "2025-26", "--112a", str(target), *AT)
    assert found.code == 8
    assert "4 sold shares of RELIANCE have no recorded purchase" in found.err
    assert not target.exists()


def test_the_fair_values_of_2018_count(made: Tradectl, tmp_path: Path) -> None:
    made("import", "tradebook", tradebook(tmp_path), *AT)
    prices = tmp_path / "fmv.csv"
    prices.write_text('ISIN,High\nINE002A01018,"1,200.50"\n', encoding="utf-8")
    stored = made("import", "fair-values", str(prices), "--json", *AT).object["result"]
    assert stored["rows"] == 1
    sold = year(made)["disposals"][0]
    assert (sold["fair_value"], sold["cost"], sold["actual_cost"]) == ("4802.00", "4802.00", "4000.00")


def test_the_users_corporate_actions_count(made: Tradectl, tmp_path: Path) -> None:
    made("import", "tradebook", tradebook(tmp_path), *AT)
    actions = tmp_path / "actions.csv"
    actions.write_text(
        "symbol,ex_date,kind,new,old,to,cost_moved_percent,source\n"
        "RELIANCE,2017-09-07,bonus,2,1,,,notice\nRELIANCE,2023-07-20,demerger,1,1,JIOFIN,4.68,notice\n",
        encoding="utf-8",
    )
    assert made("import", "tax-actions", str(actions), *AT).code == 0
    lots = made("tax", "lots", "--json", *AT).object["result"]["lots"]
    assert [(lot["symbol"], lot["quantity"], lot["cost"], lot["origin"]) for lot in lots] == [
        ("JIOFIN", 10, "468.00", "demerger"),
        ("JIOFIN", 10, "0.00", "demerger"),
        ("RELIANCE", 6, "5719.20", "bought"),
        ("RELIANCE", 10, "0.00", "bonus"),
    ]


@pytest.mark.parametrize(("announced", "shares"), [("2024-09-23", 20), ("2024-09-24", 40), ("2024-09-13", 20)])
def test_an_action_near_an_announced_one_counts_once(made: Tradectl, tmp_path: Path, announced: str, shares: int) -> None:
    """The user's bonus of 2024-09-13 doubles ten shares; one announced eleven days later is another."""
    made("import", "trade", "INFY", "buy", "10", "1500", "2024-05-02", *AT)
    own, bars, actions = (tmp_path / name for name in ("own.csv", "bars.csv", "actions.csv"))
    own.write_text("symbol,ex_date,kind,new,old,allotted\nINFY,2024-09-13,bonus,2,1,2024-09-16\n", encoding="utf-8")
    days = ("2024-05-02", announced)
    rows = "".join(f"{day},INFY,EQ,1500.00,1510.00,1490.00,1500.00,1000\n" for day in days)
    bars.write_text(f"date,symbol,series,open,high,low,close,volume\n{rows}", encoding="utf-8")
    actions.write_text(f"symbol,series,ex_date,subject\nINFY,EQ,{announced},Bonus 1:1\n", encoding="utf-8")
    assert made("import", "tax-actions", str(own), *AT).code == 0
    assert made("data", "import", str(bars), str(actions), *AT).code == 0
    lots = made("tax", "lots", "--json", *AT).object["result"]["lots"]
    near = announced == "2024-09-23"
    assert sum(lot["quantity"] for lot in lots) == shares
    assert all(("action_date_unsure" in lot["doubts"]) is near for lot in lots)
    again = made("import", "tax-actions", str(own), *AT)
    assert again.code == (8 if near else 0)
    assert ("INFY: the bonus of 2024-09-13 is announced for 2024-09-23; give that date" in again.err) is near


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("RELIANCE,2023-07-20,split,1,1,,", "row 2: new '1' and old must differ in a split"),
        ("RELIANCE,2023-07-20,demerger,1,1,,4.68", "row 2: to '' must name the other symbol of a demerger"),
        ("RELIANCE,2023-07-20,demerger,1,1,JIO,104", "row 2: cost_moved_percent '104' is not between 0 and 100"),
        ("RELIANCE,2023-07-20,gift,1,1,,", "row 2: kind 'gift' is not one of"),
    ],
)
def test_a_bad_corporate_action_is_named(tmp_path: Path, row: str, said: str) -> None:
    actions = tmp_path / "actions.csv"
    actions.write_text(f"symbol,ex_date,kind,new,old,to,cost_moved_percent\n{row}\n", encoding="utf-8")
    with pytest.raises(DataError, match=re.escape(f"actions.csv {said}")):
        read_tax_actions(actions)


def test_a_trade_by_hand_is_stored_once_and_removed(made: Tradectl) -> None:
    words = ("import", "trade", "INFY", "buy", "10", "1500.50", "2024-05-02")
    assert made(*words, *AT).code == 0
    assert made(*words, *AT).code == 2
    assert made(*words, "--again", *AT).code == 0
    lots = made("tax", "lots", "--symbol", "infy", "--json", *AT).object["result"]["lots"]
    assert [(lot["quantity"], lot["cost"], lot["source"]) for lot in lots] == [(10, "15005.00", "by hand")] * 2
    assert made(*words, "--remove", *AT).code == 0
    assert made(*words, "--remove", *AT).code == 0
    assert made(*words, "--remove", *AT).code == 2
    assert made("tax", "lots", "--json", *AT).object["result"]["lots"] == []


def test_a_buyback_is_entered_by_hand(made: Tradectl) -> None:
    made("import", "trade", "INFY", "buy", "10", "1500", "2024-05-02", *AT)
    made("import", "trade", "INFY", "buyback", "4", "1800", "2025-11-20", *AT)
    found = year(made)
    assert (found["deemed_dividends"], found["disposals"][0]["buyback"]) == ("7200.00", True)
    assert found["disposals"][0]["gain"] == f"-{found['disposals'][0]['actual_cost']}"


def fill(home: Path, **values: Any) -> None:
    """Write a fill of the ledger, of a trade that another program made at the broker."""
    usual = {
        "user": "me", "instrument_id": "INFY", "symbol": "INFY", "booked": 0, "charges": 0, "external": True,
        "session_date": date(2025, 4, 7), "at": datetime(2025, 4, 7, 4, 45, 33, tzinfo=UTC), "side": "BUY", "quantity": 10,
        "price": 1500_00, "trade_id": "20250407-NSE-1003",
    }  # fmt: skip
    database = open_database(home / "ledger.db")
    with database.write() as connection:
        connection.execute(insert(schema.fills).values(usual | values))
    database.close()


def test_a_trade_that_the_ledger_has_counts_once(made: Tradectl, home: Path, tmp_path: Path) -> None:
    fill(home)
    made("import", "tradebook", tradebook(tmp_path), *AT)
    sold = [item for item in year(made)["disposals"] if item["symbol"] == "INFY"]
    assert [(item["quantity"], item["purchase"], item["purchase_source"]) for item in sold] == [
        (10, "20250407-NSE-1003", "ledger")
    ]
    assert made("tax", "lots", "--symbol", "INFY", "--json", *AT).object["result"]["lots"] == []


def test_stored_charges_that_differ_are_noted(made: Tradectl, home: Path) -> None:
    """The table gives 17.83 for the fill; the ledger was written with 20.00."""
    fill(home, charges=20_00)
    (note, *_) = made("tax", "lots", "--json", *AT).object["result"]["notes"][::-1]
    assert note == (
        "2025-04-07: no table gives the charges that the ledger has stored. They count; the 2.17 in all that they differ by from "
        "the table Zerodha are not deducted"
    )
    fill(home, trade_id="2", charges=0, side="SELL", quantity=10, session_date=date(2025, 4, 8))
    found = year(made)
    assert (len(found["disposals"]), "charges_differ" in found["disposals"][0]["doubts"]) == (1, True)


def test_the_112a_file_has_the_portals_form(made: Tradectl, tmp_path: Path) -> None:
    made("import", "tradebook", tradebook(tmp_path), *AT)
    target = tmp_path / "112a.csv"
    assert year(made, "--112a", str(target))["files"] == [str(target)]
    raw = target.read_bytes()
    assert not raw.startswith(b"\xef\xbb\xbf")
    assert raw.endswith(b"\r\n")
    head, row = csv.reader(raw.decode().splitlines())
    assert (len(head), len(row), row[:6]) == (14, 14, ["BE", "INE002A01018", "RELIANCE", "4", "1410.00", "5640"])


def test_the_workbook_holds_text_as_text(made: Tradectl, tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    rows = (*ROWS, "A&B,,2025-04-07,NSE,EQ,EQ,buy,false,1,10,=HYPERLINK(1),,", "A&B,,2025-05-07,NSE,EQ,EQ,sell,false,1,12,9,,")
    made("import", "tradebook", tradebook(tmp_path, rows), *AT)
    target = tmp_path / "year.xlsx"
    year(made, "--xlsx", str(target))
    book = openpyxl.load_workbook(target)
    assert book.sheetnames == ["Summary", "Disposals", "Same day", "Lots held", "Doubts", "Rules"]
    cells = [cell for row in book["Disposals"].iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n", "b", "inlineStr"}
    gains = [row[14].value for row in book["Disposals"].iter_rows(min_row=2)]
    assert sum(gains) == pytest.approx(float(sum(float(item["gain"]) for item in year(made)["disposals"])))
    assert any("HYPERLINK" in str(cell.value) for cell in cells)


@pytest.mark.parametrize("words", [("2025",), ("2025-27",), ("2017-18", "--112a", "x.csv")])
def test_a_wrong_year_is_a_usage_error(made: Tradectl, words: tuple[str, ...]) -> None:
    assert made("tax", "year", *words, *AT).code == 2


def test_a_symbol_without_a_trade_is_a_usage_error(made: Tradectl, tmp_path: Path) -> None:
    made("import", "tradebook", tradebook(tmp_path), *AT)
    assert made("tax", "lots", "--symbol", "INFY", "--json", *AT).object["result"]["lots"] == []
    found = made("tax", "lots", "--symbol", "NOSUCH", *AT)
    assert (found.code, "no trade of NOSUCH" in found.err) == (2, True)


def test_the_texts_say_that_this_is_no_advice(made: Tradectl, tmp_path: Path) -> None:
    made("import", "tradebook", tradebook(tmp_path), *AT)
    for words in (("lots",), ("year", "2025-26", "--lots")):
        assert "not tax advice" in made("tax", *words, *AT).out
