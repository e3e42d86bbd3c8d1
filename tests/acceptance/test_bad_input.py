"""Whatever is put in: one clear line on stderr, no traceback, the right exit code, and nothing half written.

The files are written here, or are NSE's own answers among the shared data.
"""

from __future__ import annotations

import io
import zipfile
from contextlib import closing
from pathlib import Path
from sqlite3 import connect

import pytest

from tests.acceptance.program import Said, Tradectl

USAGE, DATA, DATABASE = 2, 8, 10
DAILY = "date,symbol,series,open,high,low,close,volume\n"
GOOD = "2024-01-15,ACME,EQ,100.00,110.00,95.00,105.50,1000\n"
FULL = "SYMBOL, SERIES, DATE1, PREV_CLOSE, OPEN_PRICE, HIGH_PRICE, LOW_PRICE, CLOSE_PRICE, TTL_TRD_QNTY\n"
FULL_ROW = "ACME, EQ, 15-Jan-2024, 100.00, 100.00, 110.00, 95.00, 105.50, 1000\n"
AT = "2023-08-16 08:00"


def refused(said: Said, code: int, *words: str) -> None:
    """One line, and it says what is wrong."""
    assert (said.code, said.out, said.err.count("\n")) == (code, "", 1), said
    assert said.err.startswith("tradectl: ")
    assert "Traceback" not in said.err
    for word in words:
        assert word in said.err


def workbook() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("[Content_Types].xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml"):
            archive.writestr(name, "<x/>")
    return buffer.getvalue()


BAD_FILES: dict[str, tuple[str, bytes, str]] = {
    "cut short": ("cut.csv", (DAILY + GOOD + "2024-01-16,ACME,EQ,10").encode(), "cut.csv row 3"),
    "bytes of something else": ("noise.csv", bytes(range(1, 256)) * 9, "noise.csv"),
    "a damaged gzip": ("bars.csv.gz", b"\x1f\x8bnonsense", "damaged gzip"),
    "a workbook named .csv": ("prices.csv", workbook(), "Excel workbook"),
    "a web page named .csv": ("bhav.csv", b"<!DOCTYPE html>\n<html>Access Denied</html>", "web page"),
    "a bhavcopy of another date": (
        "sec_bhavdata_full_16012024.csv",
        (FULL + FULL_ROW).encode(),
        "has the date 2024-01-15, not 2024-01-16",
    ),
    "a bhavcopy of two dates": (
        "sec_bhavdata_full_15012024.csv",
        (FULL + FULL_ROW + FULL_ROW.replace("15-Jan", "16-Jan").replace("ACME", "BETA")).encode(),
        "has one date",
    ),
    "bars of a holiday": ("daily.csv", (DAILY + GOOD.replace("2024-01-15", "2024-01-26")).encode(), "is not a session"),
    "a negative price": ("daily.csv", (DAILY + GOOD.replace("95.00", "-95.00")).encode(), "row 2: low '-95.00'"),
    "a price of zero": ("daily.csv", (DAILY + GOOD.replace("105.50", "0")).encode(), "row 2: close '0'"),
    "a high below the low": (
        "daily.csv",
        (DAILY + GOOD.replace("110.00", "90.00")).encode(),
        "row 2: open or close is not between low and high",
    ),
    "a negative volume": ("daily.csv", (DAILY + GOOD.replace(",1000", ",-1")).encode(), "row 2: volume '-1'"),
    "a missing column": ("daily.csv", b"date,symbol,series,open,high,close,volume\n2024-01-15,A,EQ,1,1,1,1\n", "no column 'low'"),
    "one row twice": ("daily.csv", (DAILY + GOOD + GOOD).encode(), "row 3: repeats"),
    "nothing": ("daily.csv", b"", "is empty"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused_and_nothing_is_imported(tradectl: Tradectl, tmp_path: Path, name: str):
    file, content, line = BAD_FILES[name]
    (tmp_path / "good.csv").write_text(DAILY + GOOD.replace("ACME", "GOOD"), encoding="utf-8")
    (tmp_path / file).write_bytes(content)
    assert tradectl("data", "import", str(tmp_path / "good.csv")).code == 0
    before = held(tradectl)
    (tmp_path / "more.csv").write_text(DAILY + GOOD.replace("ACME", "MORE"), encoding="utf-8")
    refused(tradectl("data", "import", str(tmp_path / "more.csv"), str(tmp_path / file)), DATA, file, line)
    assert held(tradectl) == before
    said = tradectl("data", "import", "--json", str(tmp_path / file))
    assert (said.code, said.object["outcome"], said.object["exit_code"], said.err) == (DATA, "failed", DATA, "")


def held(tradectl: Tradectl) -> tuple[object, list[str]]:
    """What the program says it has, and then the names of its files: none of them temporary."""
    market = tradectl.home / "market"
    said = tradectl("data", "list", "--json").object["result"]
    return said, sorted(str(path.relative_to(market)) for path in market.rglob("*"))


def test_real_answers_that_are_no_bhavcopies_are_refused(tradectl: Tradectl, shared_data: Path):
    """A CSV for spreadsheets, a holiday's address that answers with the day before: as NSE served them."""
    traps = sorted(path for path in (shared_data / "bhavcopy" / "traps").iterdir() if path.is_file())
    assert traps
    for path in traps:
        refused(tradectl("data", "import", str(path)), DATA, path.name)
        assert tradectl("data", "list", "--json").object["result"]["bars"] == 0


UNKNOWN = {
    "backtest": ("backtest", "NOSUCH"),
    "simulate": ("simulate", "--from", "2024-01-15", "--to", "2024-01-16", "--universe", "NOSUCH"),
    "a position to hold": ("simulate", "--from", "2024-01-15", "--to", "2024-01-16", "--hold", "NOSUCH:1@2024-01-15"),
    "data check": ("data", "check", "--universe", "NOSUCH"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_symbol_is_a_mistake(tradectl: Tradectl, tmp_path: Path, name: str):
    imported(tradectl, tmp_path)
    refused(tradectl(*UNKNOWN[name]), USAGE, "NOSUCH")


def test_an_unknown_symbol_is_a_mistake_for_tasks_too(tradectl: Tradectl, tmp_path: Path):
    imported(tradectl, tmp_path)
    at = "2024-01-15 16:00"
    tradectl("init", at=at)
    refused(tradectl("config", "set", "universe", "NOSUCH", at=at), USAGE, "NOSUCH")
    refused(tradectl("why", "NOSUCH", at=at), USAGE, "NOSUCH")
    refused(tradectl("status", "--user", "nobody", at=at), USAGE, "nobody")


def imported(tradectl: Tradectl, tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text(DAILY + GOOD, encoding="utf-8")
    assert tradectl("data", "import", str(tmp_path / "good.csv")).code == 0


@pytest.mark.parametrize("file", ["ledger.db", "paper.db"])
def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tradectl: Tradectl, file: str):
    tradectl("premarket-retry", at=AT)
    noise = b"these are not the pages of a database " * 100
    for leftover in tradectl.home.glob(f"{file}*"):
        leftover.unlink()
    (tradectl.home / file).write_bytes(noise)
    refused(tradectl("premarket-retry", "-q", at="2023-08-16 08:40"), DATABASE, file)
    assert (tradectl.home / file).read_bytes() == noise


@pytest.mark.parametrize("file", ["ledger.db", "paper.db"])
def test_a_database_that_was_cut_short_is_refused(tradectl: Tradectl, file: str):
    tradectl("premarket-retry", at=AT)
    path = tradectl.home / file
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 100])
    refused(tradectl("premarket-retry", "-q", at="2023-08-16 08:40"), DATABASE, file)


@pytest.mark.parametrize(
    ("file", "statement"),
    [
        ("ledger.db", "UPDATE alembic_version SET version_num = '9999'"),
        ("paper.db", "PRAGMA user_version = 99"),
    ],
)
def test_a_database_of_a_newer_version_is_refused_unchanged(tradectl: Tradectl, file: str, statement: str):
    tradectl("premarket-retry", at=AT)
    with closing(connect(tradectl.home / file)) as connection, connection:
        connection.execute(statement)
    before = content(tradectl.home / file)
    refused(tradectl("premarket-retry", "-q", at="2023-08-16 08:40"), DATABASE, file, "newer")
    assert content(tradectl.home / file) == before


def test_market_data_of_a_newer_version_is_refused(tradectl: Tradectl, tmp_path: Path):
    imported(tradectl, tmp_path)
    archive = tradectl.home / "market" / "archive.db"
    with closing(connect(archive)) as connection, connection:
        connection.execute("PRAGMA user_version = 99")
    before = content(archive)
    refused(tradectl("data", "import", str(tmp_path / "good.csv")), DATABASE, "archive.db", "newer")
    assert content(archive) == before


def content(file: Path) -> list[str]:
    """All that a database says, whatever its pages look like."""
    with closing(connect(file)) as connection:
        return list(connection.iterdump())
