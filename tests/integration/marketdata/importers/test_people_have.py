"""The files that people really have are read, or refused with one line that says how to get the right file."""

from __future__ import annotations

import pytest

from tests.integration.marketdata.conftest import DAILY, Market
from tradectl.errors import DataError

GOOD = "2024-01-15,ACME,EQ,100.00,110.00,95.00,105.50,1000\n"
QUOTE_PAGE = (
    '\ufeff"Date ","series ","OPEN ","HIGH ","LOW ","PREV. CLOSE ","ltp ","close ","vwap ","52W H","52W L","VOLUME ","VALUE ",'
    '"No of trades "\n"16-Jan-2024","EQ","1,110.00","1,112.50","1,099.00","1,105.50","1,101.00","1,100.00","1,104.2","1,500.00",'
    '"900.00","12,34,567","1,36,05,00,000.10","57,642"\n'
)
NEW_QUOTE_PAGE = QUOTE_PAGE.replace('"16-Jan-2024","EQ"', "16-Jan-2024,EQ")
JUGAAD = "DATE,SERIES,OPEN,HIGH,LOW,PREV. CLOSE,LTP,CLOSE,VWAP,52W H,52W L,VOLUME,VALUE,NO OF TRADES,SYMBOL\n"
JUGAAD += "2024-01-16,EQ,1110.0,1112.5,1099.0,1105.5,1101.0,1100.0,1104.2,1500.0,900.0,1234567,1360500000.1,57642,ACME\n"
NSELIB = "Symbol,Series,Date,PrevClose,OpenPrice,HighPrice,LowPrice,LastPrice,ClosePrice,AveragePrice,TotalTradedQuantity,"
NSELIB += "TurnoverInRs,No.ofTrades,DeliverableQty,%DlyQttoTradedQty\n"
NSELIB += 'ACME,EQ,16-Jan-2024,"1,105.50","1,110.00","1,112.50","1,099.00","1,101.00","1,100.00","1,104.20","12,34,567",'
NSELIB += '"1,36,05,00,000.10","57,642","6,00,000",48.60\n'
NSEPYTHON = "_id,CH_SYMBOL,CH_SERIES,CH_TRADE_HIGH_PRICE,CH_TRADE_LOW_PRICE,CH_OPENING_PRICE,CH_CLOSING_PRICE,"
NSEPYTHON += "CH_PREVIOUS_CLS_PRICE,CH_TOT_TRADED_QTY,CH_TIMESTAMP,TIMESTAMP\n"
NSEPYTHON += "65a,ACME,EQ,1112.5,1099,1110,1100,1105.5,1234567,2024-01-16,2024-01-15T18:30:00.000Z\n"
NSEPY = "Date,Symbol,Series,Prev Close,Open,High,Low,Last,Close,VWAP,Volume,Turnover,Trades,Deliverable Volume,%Deliverble\n"
NSEPY += "2024-01-16,ACME,EQ,1105.5,1110.0,1112.5,1099.0,1101.0,1100.0,1104.2,1234567,1.3605e+14,57642,600000,0.486\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("Quote-Equity-ACME-EQ-15-01-2024-to-17-01-2024.csv", QUOTE_PAGE),
        ("Quote-Equity-ACME-EQ-15-01-2024-17-01-2024 (1).csv", NEW_QUOTE_PAGE),
        ("acme-16.csv", JUGAAD),
        ("nselib.csv", NSELIB),
        ("nselib with a mark.csv", NSELIB.replace("Symbol", '"ï»¿""Symbol"""', 1)),
        ("nsepython.csv", NSEPYTHON),
        ("nsepy.csv", NSEPY),
        ("excel.csv", "sep=;\n" + DAILY.replace(",", ";") + "16-Jan-24;acme;EQ;1110.00;1112.50;1099.00;1100.00;1234567\n"),
        ("tabs.txt", (DAILY + "2024-01-16,ACME,EQ,1110,1112.5,1099,1100,1234567\n").replace(",", "\t").encode("utf-16")),
        ("pandas.csv", DAILY + "2024-01-16 00:00:00+05:30,ACME.NS,EQ,1110,1112.5,1099,1100,1234567\n"),
        ("utc.csv", DAILY + "2024-01-15T18:30:00Z,NSE:ACME-EQ,EQ,1110,1112.5,1099,1100,1234567\n"),
    ],
)
def test_a_days_bar_is_the_same_from_every_source(market: Market, name: str, content: str | bytes) -> None:
    market.take(name, content)
    assert market.rows("SELECT symbol, session, series, open, high, low, close, volume FROM bars") == [
        ("ACME", "2024-01-16", "EQ", 111000, 111250, 109900, 110000, 1234567)
    ]


REFUSED = {
    "Yahoo": (
        "ACME.NS.csv",
        "Date,Open,High,Low,Close,Adj Close,Volume\n2024-01-15,10.5,11,10,10.7,9.9,100\n",
        "ACME.NS.csv: has Yahoo's columns: its prices are divided by later splits. `tradectl data fetch --source yahoo --symbols",
    ),
    "yfinance": (
        "a.csv",
        "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits\n2024-01-15 00:00:00+05:30,1,1,1,1,1,0.0,0.0\n",
        "a.csv: has Yahoo's columns",
    ),
    "yfinance with three headers": (
        "a.csv",
        "Price,Close,High,Low,Open,Volume\nTicker,ACME.NS,ACME.NS,ACME.NS,ACME.NS,ACME.NS\nDate,,,,,\n2024-01-15,1,1,1,1,1\n",
        "a.csv: has Yahoo's columns",
    ),
    "Yahoo with our columns added": (
        "a.csv",
        "date,symbol,series,open,high,low,close,adj close,volume\n2024-01-15,ACME,EQ,1,1,1,1,1,1\n",
        "a.csv: has Yahoo's columns",
    ),
    "Kite's days": (
        "ACME.csv",
        ",date,open,high,low,close,volume\n0,2024-01-15 00:00:00+05:30,100,101,99,100,5\n",
        "ACME.csv: has daily prices without symbol and series, like files of Kite, Yahoo and charts: they are divided by later "
        "splits. `tradectl data fetch --source kite --symbols ACME` restores",
    ),
    "BSE": (
        "EQ150124.CSV",
        "SC_CODE,SC_NAME,SC_GROUP,SC_TYPE,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,NO_TRADES,NO_OF_SHRS,NET_TURNOV,TDCLOINDI\n"
        "500002,ACME LTD.   ,A ,Q,10,10,10,10,10,10,1,1,10,\n",
        "EQ150124.CSV: is BSE's bhavcopy; only NSE's prices are imported",
    ),
    "BSE in UDiFF": (
        "BhavCopy_BSE_CM_0_0_0_20240115_F_0000.CSV",
        "TradDt,Sgmt,Src,TckrSymb,SctySrs,OpnPric,HghPric,LwPric,ClsPric,TtlTradgVol\n2024-01-15,CM,BSE,ACME,A,10,10,10,10,1\n",
        "BhavCopy_BSE_CM_0_0_0_20240115_F_0000.CSV: is a bhavcopy of another exchange",
    ),
    "indices": (
        "ind_close_all_15012024.csv",
        "Index Name,Index Date,Open Index Value,High Index Value,Low Index Value,Closing Index Value,Points Change\n"
        "Nifty 50,15-01-2024,1,1,1,1,1\n",
        "ind_close_all_15012024.csv: has values of indices, not of shares",
    ),
    "market watch": (
        "MW-NIFTY-50-15-Jan-2024.csv",
        '"SYMBOL \n","OPEN \n","HIGH \n","LOW \n","PREV. CLOSE \n","LTP \n","CHNG \n"\n"ACME","1","1","1","1","1","0"\n',
        "MW-NIFTY-50-15-Jan-2024.csv: has quotes without a date",
    ),
    "Investing.com": (
        "a.csv",
        '"Date","Price","Open","High","Low","Vol.","Change %"\n"01/15/2024","1","1","1","1","1M","1%"\n',
        "a.csv: has Investing.com's columns",
    ),
    "an Excel date": (
        "x.csv",
        DAILY + GOOD.replace("2024-01-15", "45306"),
        "x.csv row 2: date '45306' is the number by which a spreadsheet stores a date",
    ),
    "a date either way round": (
        "x.csv",
        DAILY + GOOD + GOOD.replace("2024-01-15", "16-01-24"),
        "x.csv row 3: date '16-01-24' is not a date, or the order of day and month is unclear; write it as 2024",
    ),
    "a date with a time": (
        "x.csv",
        DAILY + GOOD.replace("-15", "-15 09:15"),
        "x.csv row 2: date '2024-01-15 09:15' is not a date, because it has",
    ),
    "Excel's short number": (
        "x.csv",
        DAILY + GOOD.replace("1000", "1.23E+08"),
        "x.csv row 2: volume '1.23E+08' was shortened by",
    ),
    "decimal commas": (
        "x.csv",
        (DAILY + GOOD).replace(",", ";").replace("105.50", "105,500"),
        "x.csv row 2: close '105,500' may have a decimal comma",
    ),
    "odd groups": ("x.csv", DAILY + GOOD.replace("110.00", '"1,10.00"'), "x.csv row 2: high '1,10.00' is not a number"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_names_the_way_to_the_right_file(market: Market, case: str) -> None:
    name, content, line = REFUSED[case]
    with pytest.raises(DataError) as refusal:
        market.take(name, content)
    assert str(refusal.value).startswith(line)
    assert "\n" not in str(refusal.value)
    assert market.rows("SELECT count(*) FROM files") == [(0,)]
