"""Sizes, lines, fields, kinds of file and symbols are bounded: one line, no hang, nothing written."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from pathlib import Path

import pytest

from tests.integration.marketdata.conftest import DAILY, Market
from tradectl.errors import DataError
from tradectl.marketdata.importers import packed

GOOD = "2024-01-15,ACME,EQ,100.00,110.00,95.00,105.50,1000\n"


def zipped(members: dict[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


WORKBOOK = zipped({"[Content_Types].xml": "<x/>", "xl/workbook.xml": "<x/>"})
REFUSED = {
    "a workbook in a gzip": ("x.csv.gz", gzip.compress(WORKBOOK), "x.csv.gz: is an Excel workbook, not CSV; save it as CSV firs"),
    "an OpenDocument workbook": ("x.csv", zipped({"mimetype": "x", "content.xml": "<x/>"}), "x.csv: is an OpenDocument workbook"),
    "packed four times": (
        "x.gz",
        gzip.compress(gzip.compress(gzip.compress(gzip.compress(DAILY.encode())))),
        "x.gz: is compressed more than 3 times",
    ),
    "a zip of litter alone": ("x.zip", zipped({"__MACOSX/._a.csv": b"\0", ".DS_Store": b"\0"}), "x.zip: is a zip of 0 files"),
    "a long line": ("x.csv", DAILY + "A" * 70_000 + "\n" + GOOD, "x.csv row 2: has 70000 bytes, but a line may have at most"),
    "many columns": ("x.csv", ",".join(f"c{at}" for at in range(300)) + "\n1\n", "x.csv: has 300 columns, more than 256"),
    "many fields": ("x.csv", DAILY + GOOD + GOOD.strip() + "," * 100 + "\n", "x.csv row 3: has 108 fields, but the header has 8"),
    "a column twice": ("x.csv", DAILY.replace("volume", "close,volume") + GOOD, "x.csv: has the column 'close' 2 times"),
    "a field over two lines": ("x.csv", DAILY + '2024-01-15,"AC\nME",EQ,1,1,1,1,1\n', "x.csv row 2: a quoted field"),
    "an open quote": ("x.csv", DAILY + '"' + GOOD + GOOD, "x.csv row 2: a quoted field contains a line"),
    "damaged UTF-16": ("x.csv", b"\xff\xfeabc", "x.csv: is damaged UTF-16 text"),
    "an escape character": ("x.csv", DAILY + GOOD.replace("ACME", "AC\x1b[31mME"), "x.csv row 2: has the control character '"),
    "a formula": ("x.csv", DAILY + GOOD.replace("ACME", "=cmd|'/c calc'!A1"), "x.csv row 2: symbol \"=cmd|'/c calc'!A1\" is no "),
    "a long symbol": ("x.csv", DAILY + GOOD.replace("ACME", "A" * 10_000), f"x.csv row 2: symbol '{'A' * 60}…' (10000 character"),
    "a symbol of another alphabet": ("x.csv", DAILY + GOOD.replace("ACME", "АСМЕ"), "x.csv row 2: symbol 'АСМЕ' is no symbol of"),
    "a dotless i": ("x.csv", DAILY + GOOD.replace("ACME", "ıtc"), "x.csv row 2: symbol 'ıtc' is no symbol of NSE"),
    "a symbol of BSE": ("x.csv", DAILY + GOOD.replace("ACME", "ACME.BO"), "x.csv row 2: symbol 'ACME.BO' is of another exchange"),
    "two series": ("x.csv", DAILY + GOOD.replace("ACME", "ACME-BE"), "x.csv row 2: symbol 'ACME-BE' is of series BE, but the ro"),
    "one share in two spellings": ("x.csv", DAILY + GOOD + GOOD.replace("ACME", "acme.ns"), "x.csv row 3: repeats ACME 2024-01-"),
    "a price beyond all": ("x.csv", DAILY + GOOD.replace("110.00", "1" + "0" * 17), "x.csv row 2: high '100000000000000000' is "),
    "a volume beyond all": ("x.csv", DAILY + GOOD.replace("1000", "1" + "0" * 17), "x.csv row 2: volume '100000000000000000' is"),
    "digits of another alphabet": ("x.csv", DAILY + GOOD.replace("1000", "१०००"), "x.csv row 2: volume '१०००' is not a number"),
    "a price in rupees with a word": ("x.csv", DAILY + GOOD.replace("95.00", "Rs 95"), "x.csv row 2: low 'Rs 95' is not a numbe"),
    "a session to come": ("x.csv", DAILY + GOOD.replace("2024-01-15", "2026-11-23"), "x.csv row 2: 2026-11-23 is in the future"),
    "an unknown symbol in a list": (
        "ind_nifty50list.csv",
        "Company Name,Industry,Symbol,Series,ISIN Code\nA,B,@SUM(A1),EQ,INE000A01011\n",
        "ind_nifty50list.csv row 2: symbol '@SUM(A1)' is no symbol of NSE",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_out_of_bounds_is_one_line(market: Market, case: str) -> None:
    name, content, line = REFUSED[case]
    with pytest.raises(DataError) as refusal:
        market.take(name, content)
    assert str(refusal.value).startswith(line)
    assert str(refusal.value).isprintable()
    assert market.rows("SELECT count(*) FROM files") == [(0,)]


def test_a_bomb_is_refused_before_it_fills_the_memory(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the limit lowered to 1 MB, so that the test costs nothing: 2 MB of rows pack into 8 kB."""
    monkeypatch.setattr(packed, "MOST_BYTES", 1024 * 1024)
    bomb = DAILY.encode() + b"\n" * 2 * 1024 * 1024
    for name, content in (("x.csv.gz", gzip.compress(bomb)), ("x.zip", zipped({"x.csv": bomb}))):
        with pytest.raises(DataError, match=r"unpacks to more than 1 MB; nothing was imported$"):
            market.take(name, content)
    with pytest.raises(DataError, match=r"^x\.csv: is larger than 1 MB; split it$"):
        market.take("x.csv", bomb)


def test_a_fifo_and_a_device_never_wait(market: Market, tmp_path: Path) -> None:
    fifo = tmp_path / "bars.csv"
    os.mkfifo(fifo)
    with pytest.raises(DataError, match=r"^bars\.csv: is a FIFO; save its content as a file first$"):
        market.take_files(fifo)
    with pytest.raises(DataError, match=r"^zero: is a device; save its content"):
        market.take_files(Path("/dev/zero"))


def test_the_order_of_fields_and_short_rows_do_not_matter(market: Market) -> None:
    """Delimiters behind the last field may stand in any row, the first or another."""
    later = GOOD.replace("01-15", "01-16").strip()
    for number, text in enumerate((GOOD.strip() + ",,\n" + later + "\n", later + "\n" + GOOD.strip() + ",,\n")):
        report = market.take(f"{number}.csv", DAILY + text)
        assert report.files[0].merged.new + report.files[0].merged.same == 2
