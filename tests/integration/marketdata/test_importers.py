"""Bad input is refused with one line that names the file, and the row where there is one; nothing is written."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest

from tests.integration.marketdata.conftest import DAILY, Market
from tradectl.errors import DataError

GOOD = "2024-01-15,ACME,EQ,100.00,110.00,95.00,105.50,1000\n"
UDIFF = "TradDt,Sgmt,TckrSymb,SctySrs,OpnPric,HghPric,LwPric,ClsPric,TtlTradgVol"
CM = "SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY,TOTTRDVAL,TIMESTAMP,TOTALTRADES,"
FULL = "SYMBOL, SERIES, DATE1, OPEN_PRICE, HIGH_PRICE, LOW_PRICE, CLOSE_PRICE, TTL_TRD_QNTY, DELIV_QTY"


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, DAILY + GOOD)
    return buffer.getvalue()


BAD = {
    "empty file": ("x.csv", "", "x.csv: is empty"),
    "header alone": ("x.csv", DAILY, "x.csv: has one line but no rows"),
    "blank rows": ("x.csv", DAILY + ",,,,,,,\n", "x.csv: has a header but no rows"),
    "damaged gzip": ("x.csv.gz", gzip.compress((DAILY + GOOD * 50).encode())[:-20], "x.csv.gz: damaged gzip (Compressed file"),
    "not gzip at all": ("x.csv.gz", b"\x1f\x8bnonsense", "x.csv.gz: damaged gzip ("),
    "damaged zip": ("x.zip", b"PK\x03\x04 nonsense", "x.zip: damaged zip (File is not a zip file)"),
    "zip of two": ("x.zip", zipped("a.csv", "b.csv"), "x.zip: is a zip of 2 files; unpack it first"),
    "workbook": (
        "x.csv",
        zipped("[Content_Types].xml", "xl/workbook.xml"),
        "x.csv: is an Excel workbook, not CSV; save it as CSV",
    ),
    "old workbook": ("x.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest", "x.csv: is an old Excel workbook, not CSV"),
    "web page": ("x.csv", "<!DOCTYPE html>\n<html>Access Denied</html>", "x.csv: is a web page (HTML or XML), not CSV"),
    "json": ("x.csv", '{"error":\n "no"}', "x.csv: is JSON, but none of"),
    "other encoding": ("x.csv", (DAILY + GOOD.replace("ACME", "ACMÉ")).encode("latin-1"), "x.csv: is not UTF-8 text (byte 60)"),
    "binary": ("x.csv", b"a\x00b\nc\n", "x.csv: is not text"),
    "unknown format": (
        "x.csv",
        "a,b\n1,2\n",
        "x.csv: is not in a known format (it begins with 'a,b'); known formats: renames, securities",
    ),
    "missing column": (
        "x.csv",
        "date,symbol,series,open,high,close,volume\n2024-01-15,A,EQ,1,1,1,1\n",
        "x.csv: has no column 'low'",
    ),
    "too many fields": (
        "x.csv",
        DAILY + GOOD + GOOD.strip() + ",7,8\n",
        "x.csv row 3: has more fields than the header, which has 8",
    ),
    "cut short": ("x.csv", DAILY + GOOD + "2024-01-16,ACME,EQ,10", "x.csv row 3: has 4 fields, but the header has 8"),
    "no number": ("x.csv", DAILY + GOOD.replace("105.50", "n/a"), "x.csv row 2: close 'n/a' is not a number"),
    "infinite": ("x.csv", DAILY + GOOD.replace("110.00", "inf"), "x.csv row 2: high 'inf' is not a number"),
    "zero price": ("x.csv", DAILY + GOOD.replace("95.00", "0"), "x.csv row 2: low '0' is not a price: it is zero or negative"),
    "negative price": (
        "x.csv",
        DAILY + GOOD.replace("95.00", "-95"),
        "x.csv row 2: low '-95' is not a price: it is zero or negative",
    ),
    "half a paisa": (
        "x.csv",
        DAILY + GOOD.replace("105.50", "105.505"),
        "x.csv row 2: close '105.505' has more than two decimals",
    ),
    "high under low": (
        "x.csv",
        DAILY + GOOD.replace("110.00", "90.00"),
        "x.csv row 2: open or close is not between low and high (open 100.00",
    ),
    "close above high": (
        "x.csv",
        DAILY + GOOD.replace("105.50", "110.05"),
        "x.csv row 2: open or close is not between low and high",
    ),
    "negative volume": ("x.csv", DAILY + GOOD.replace("1000", "-1"), "x.csv row 2: volume '-1' is negative"),
    "part of a share": ("x.csv", DAILY + GOOD.replace("1000", "10.5"), "x.csv row 2: volume '10.5' is not a whole number"),
    "repeated row": ("x.csv", DAILY + GOOD + GOOD, "x.csv row 3: repeats ACME 2024-01-15 EQ"),
    "no symbol": ("x.csv", DAILY + GOOD.replace("ACME", ""), "x.csv row 2: symbol '' is empty"),
    "no date": ("x.csv", DAILY + GOOD.replace("2024-01-15", "15/01/24"), "x.csv row 2: date '15/01/24' is not a date"),
    "holiday": (
        "x.csv",
        DAILY + GOOD + GOOD.replace("01-15", "01-26"),
        "x.csv row 3: 2024-01-26 is not a session of the exchange (Republic Day)",
    ),
    "sunday": (
        "x.csv",
        DAILY + GOOD.replace("01-15", "01-14"),
        "x.csv row 2: 2024-01-14 is not a session of the exchange (Sunday)",
    ),
    "uncovered year": ("x.csv", DAILY + GOOD.replace("2024", "2031"), "x.csv: 2031-01-15 is not known: the session table covers"),
    "no share": ("x.csv", DAILY + GOOD.replace("EQ", "GS"), "x.csv: has no row of series EQ, BE, BZ"),
    "two dates in a bhavcopy": (
        "b.csv",
        f"{UDIFF}\n2024-01-15,CM,ACME,EQ,10,10,10,10,1\n2024-01-16,CM,ACME,EQ,10,10,10,10,1\n",
        "b.csv: a bhavcopy has one date, but this file has 2 (2024-01-15 to 2024-01-16)",
    ),
    "another segment": (
        "b.csv",
        f"{UDIFF}\n2024-01-15,FO,ACME,EQ,10,10,10,10,1\n",
        "b.csv: has rows of another segment than CM",
    ),
    "false name, udiff": (
        "BhavCopy_NSE_CM_0_0_0_20240126_F_0000.csv",
        f"{UDIFF}\n2024-01-25,CM,ACME,EQ,10,10,10,10,1\n",
        "BhavCopy_NSE_CM_0_0_0_20240126_F_0000.csv: has the date 2024-01-25, not 2024-01-26 as in its name",
    ),
    "false name, cm": (
        "cm26JAN2024bhav.csv",
        f"{CM}\nACME,EQ,10,10,10,10,10,10,1,10,25-JAN-2024,1,\n",
        "cm26JAN2024bhav.csv: has the date 2024-01-25, not 2024-01-26 as in its name",
    ),
    "false name, sec_full": (
        "sec_bhavdata_full_26012024.csv",
        f"{FULL}\nACME, EQ, 25-Jan-2024, 10, 10, 10, 10, 1, -\n",
        "sec_bhavdata_full_26012024.csv: has the date 2024-01-25, not 2024-01-26 as in its name",
    ),
    "minute of no time": (
        "ACME.csv",
        "datetime,open,high,low,close,volume\nsoon,1,1,1,1,1\n",
        "ACME.csv row 2: datetime 'soon' is not",
    ),
    "only 1970": (
        "ACME.csv",
        "datetime,open,high,low,close,volume\n1970-01-01 05:30:00,1,1,1,1,1\n",
        "ACME.csv: every minute is dated",
    ),
    "minute of a sunday": (
        "ACME.csv",
        "datetime,open,high,low,close,volume\n2024-01-14 09:15:00,1,1,1,1,1\n2024-01-14 09:16:00,1,1,1,1,1\n",
        "ACME.csv row 2: 2024-01-14 is not a session of the exchange (Sunday)",
    ),
    "a list called all": (
        "ind_all.csv",
        "Company Name,Industry,Symbol,Series,ISIN Code\nA,B,C,EQ,X\n",
        "ind_all: the file name contains no name of a list",
    ),
    "undated dump": (
        "kite.csv",
        "instrument_token,exchange_token,tradingsymbol,name,tick_size,lot_size,segment,exchange\n257,1,ACME,A,0.05,1,NSE,NSE\n",
        "kite.csv: a dump needs a date, inside it or in its name",
    ),
    "two renames on a day": (
        "r.csv",
        "company,old,new,date\nA,X,Y,2024-01-15\nA,X,Z,2024-01-15\n",
        "r.csv row 3: repeats X 2024-01-15",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_writes_nothing(market: Market, case: str) -> None:
    name, content, line = BAD[case]
    with pytest.raises(DataError) as refusal:
        market.take(name, content)
    message = str(refusal.value)
    assert message.startswith(line)
    assert "\n" not in message
    assert refusal.value.exit_code == 8
    assert market.archive.generation() == 0
    assert market.rows("SELECT count(*) FROM files") == [(0,)]


def test_a_missing_file_is_one_line(market: Market) -> None:
    with pytest.raises(DataError, match=r"^nowhere\.csv: cannot be read \(No such file or directory\)$"):
        market.take_files(market.files / "nowhere.csv")


def test_a_price_is_exact_to_the_paisa(market: Market) -> None:
    """Texts that floats cannot hold (0.29, 1.15, 99999.95) arrive as the paise they say."""
    market.take("x.csv", DAILY + "2024-01-15,ACME,EQ,0.29,99999.95,0.29,1.150,0\n")
    assert market.rows("SELECT open, high, low, close, volume FROM bars") == [(29, 9999995, 29, 115, 0)]


def test_an_ordinary_zip_of_one_file_is_unpacked(market: Market) -> None:
    report = market.take("x.csv.zip", zipped("daily.csv"))
    assert report.files[0].kind == "daily"
    assert market.rows("SELECT symbol FROM bars") == [("ACME",)]


def test_both_udiff_headers_are_the_same(market: Market) -> None:
    """Before 2024-06-21 the header ended `Rsvd01,…,Rsvd04,` and every line with a comma more."""
    new = UDIFF + ",Rsvd1,Rsvd2\n2024-07-08,CM,ACME,EQ,10,12,9,11,5,,\n2024-07-08,CM,BOND,GS,10.1234,11,9,10,5,,\n"
    old = UDIFF + ",Rsvd01,Rsvd02,\n2024-06-20,CM,ACME,BE,10,12,9,11,5,,,\n"
    ragged = UDIFF + ",Rsvd01,Rsvd02\n2024-06-19,CM,ACME,BE,10,12,9,11,5,,,\n"
    reports = [market.take(name, text).files[0] for name, text in (("n.csv", new), ("o.csv", old), ("r.csv", ragged))]
    assert [(report.kind, report.merged.new) for report in reports] == [("bhavcopy-udiff", 1)] * 3
    assert dict(reports[0].skipped) == {"other series": 1}
    assert market.rows("SELECT session, series, high FROM bars ORDER BY 1") == [
        ("2024-06-19", "BE", 1200), ("2024-06-20", "BE", 1200), ("2024-07-08", "EQ", 1200),
    ]  # fmt: skip


def test_the_old_format_has_outer_commas_and_maybe_no_isin(market: Market) -> None:
    report = market.take("cm15JAN2024bhav.csv.gz", f"{CM}\nACME,EQ,10,12,9,11,11,10,5,55,15-JAN-2024,1,\n")
    assert report.files[0].kind == "bhavcopy-cm"
    assert market.rows("SELECT open, high, low, close, volume FROM bars") == [(1000, 1200, 900, 1100, 5)]


def test_sec_full_has_spaces_everywhere_and_dashes_for_delivery(market: Market) -> None:
    report = market.take("sec_bhavdata_full_15012024.csv", f"{FULL}\nACME, BE, 15-Jan-2024, 10.00, 12.00, 9.00, 11.00, 5, -\n")
    assert report.files[0].kind == "bhavcopy-sec-full"
    assert market.rows("SELECT symbol, series, session, close FROM bars") == [("ACME", "BE", "2024-01-15", 1100)]


def test_a_false_name_can_be_accepted_by_content(market: Market) -> None:
    market.take("sec_bhavdata_full_26012024.csv", f"{FULL}\nACME, EQ, 25-Jan-2024, 10, 12, 9, 11, 5, -\n", accept_content=True)
    assert market.rows("SELECT session FROM bars") == [("2024-01-25",)]


def test_a_symbol_with_two_series_on_a_day_keeps_eq(market: Market) -> None:
    report = market.take("x.csv", DAILY + GOOD.replace("EQ", "BE").replace("1000", "7") + GOOD)
    assert dict(report.files[0].skipped) == {"second series of a symbol": 1}
    assert market.rows("SELECT series, volume FROM bars") == [("EQ", 1000)]


def test_minutes_take_their_symbol_from_the_name(market: Market) -> None:
    rows = (
        "1970-01-01 05:30:00,1,1,1,1,1,1",
        "2024-01-15 09:07:00,1,1,1,1,1,1",
        "2024-01-15 09:15:00,10.05,10.10,10,10,7,3",
        "2024-01-15 09:15:00,10.05,10.10,10,10,7,3",
        "2024-01-15 09:16:00,10,10,10,10,9,3",
        "2024-01-15 15:29:00,11,11,11,11,0,1",
    )
    report = market.take("m&m.csv.gz", "datetime,open,high,low,close,volume,ticks\n" + "\n".join(rows))
    assert dict(report.files[0].skipped) == {"dated 1970": 1, "before the open": 1, "repeated minute": 1}
    assert market.rows("SELECT symbol, session, minute, open, volume FROM minutes ORDER BY minute") == [
        ("M&M", "2024-01-15", 0, 1005, 7),
        ("M&M", "2024-01-15", 1, 1000, 9),
        ("M&M", "2024-01-15", 374, 1100, 0),
    ]


def test_a_kite_dump_gives_series_ticks_and_derivatives(market: Market) -> None:
    head = "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,"
    head += "instrument_type,segment,exchange\n"
    rows = (
        "257,1,ACME,ACME LTD,0,,0,0.05,1,EQ,NSE,NSE",
        "513,2,BETA-BE,BETA LTD,0,,0,0.01,1,EQ,NSE,NSE",
        "769,3,BAJAJ-AUTO,BAJAJ AUTO,0,,0,0.1,1,EQ,NSE,NSE",
        "1025,4,GOLD-GB,GOLD,0,,0,0.01,1,EQ,NSE,NSE",
        "9,9,NIFTY 50,NIFTY 50,0,,0,0,0,EQ,INDICES,NSE",
        "1,7,ACME24JANFUT,ACME,0,2024-01-25,0,0.05,400,FUT,NFO-FUT,NFO",
    )
    report = market.take("instruments_2024-01-16.csv", head + "\n".join(rows) + "\n")
    assert (report.files[0].kind, dict(report.files[0].skipped)) == ("kite-instruments", {"no share": 3})
    assert market.rows("SELECT symbol, series, tick_size, derivatives, dumped_on FROM instruments ORDER BY symbol") == [
        ("ACME", "EQ", 5, 1, "2024-01-16"), ("BAJAJ-AUTO", "EQ", 10, -1, "2024-01-16"), ("BETA", "BE", 1, -1, "2024-01-16"),
    ]  # fmt: skip


def test_an_upstox_dump_has_its_ticks_in_paise_and_its_own_date(market: Market) -> None:
    head = "segment,name,isin,instrument_type,instrument_key,lot_size,exchange_token,tick_size,symbol,"
    head += "underlying_symbol,download_date\n"
    rows = "NSE_EQ,ACME LTD,INE000A01011,EQ,k,1.0,1,10.0,ACME,,2026-04-17\nNSE_EQ,X,Y,SG,k,1.0,2,1.0,BOND,,2026-04-17\n"
    market.take("u.csv", head + rows)
    assert market.rows("SELECT symbol, tick_size, isin, derivatives, dumped_on FROM instruments") == [
        ("ACME", 10, "INE000A01011", -1, "2026-04-17")
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ours.csv", "company,old,new,date\n Acme , OLD,NEW ,2024-01-15\n"),
        ("nse.csv", "SYMB_COMPANY_NAME, SM_KEY_SYMBOL, SM_NEW_SYMBOL, SM_APPLICABLE_FROM\nAcme,OLD,NEW,15-JAN-2024\n"),
        ("bare.csv", "Acme,OLD,NEW,15-JAN-2024\nBeta,B,C,16-JAN-2024\n"),
    ],
)
def test_renames_come_in_three_shapes(market: Market, name: str, content: str) -> None:
    market.take(name, content)
    assert market.rows("SELECT company, old, new, dated FROM renames WHERE old = 'OLD'") == [("Acme", "OLD", "NEW", "2024-01-15")]


@pytest.mark.parametrize(
    "content",
    [
        "symbol,series,ex_date,kind,factor,dividend,subject\n"
        "ACME,EQ,2024-01-15,split,0.2,0,Bonus 4:1\nACME,N1,2024-01-15,x,1,0,Interest\n",
        "SYMBOL,COMPANY NAME,SERIES,PURPOSE,FACE VALUE,EX-DATE,RECORD DATE\n"
        "ACME,Acme,EQ,Bonus 4:1,10,15-Jan-2024,-\nACME,A,N1,Interest,1,-,-\n",
    ],
)
def test_corporate_actions_come_in_two_shapes(market: Market, content: str) -> None:
    market.take("ca.csv", content)
    assert market.rows("SELECT symbol, ex_date, subject FROM actions") == [("ACME", "2024-01-15", "Bonus 4:1")]


def test_securities_may_have_spaces_before_their_headers(market: Market) -> None:
    market.take(
        "EQUITY_L.csv", "SYMBOL, NAME OF COMPANY, SERIES, DATE OF LISTING, ISIN NUMBER\nACME, Acme Ltd, EQ, 06-OCT-2008, INE1\n"
    )
    assert market.rows("SELECT symbol, name, isin, listed_on FROM securities") == [("ACME", "Acme Ltd", "INE1", "2008-10-06")]


def test_a_list_of_trading_days_is_only_compared(market: Market) -> None:
    assert not market.take("trading_days.csv", "date\n2024-01-15\n2024-01-16\n").changed
    with pytest.raises(DataError, match="2024-01-26 is not a session"):
        market.take("trading_days.csv", "date\n2024-01-15\n2024-01-26\n")
