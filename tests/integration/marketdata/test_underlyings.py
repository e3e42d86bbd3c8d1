"""Which shares have derivatives, and so a closing auction: every list that tells it, and what is not known without one."""

from __future__ import annotations

from datetime import date

import pytest

from tests.integration.marketdata.conftest import DAILY, RENAMES, Market, bars
from tradectl.errors import DataError

OTHERS = [f"S{number:03}" for number in range(180)]
"""Shares that make a list a whole one."""
LOTS = (
    "UNDERLYING                        ,SYMBOL    ,DEC-26     ,JAN-27     ,FEB-27     \n"
    "NIFTY 50                          ,NIFTY     ,75         ,75         ,75         \n"
    "Derivatives on Individual Securities,Symbol    ,DEC-26     ,JAN-27     ,FEB-27     \n"
    "ACME LIMITED                      ,ACME      ,350        ,350        ,350        \n"
    "NEWCO LIMITED                     ,NEWCO     ,           ,500        ,500        \n"
    "GONE LIMITED                      ,GONE      ,           ,           ,           \n"
) + "".join(f"OTHER LIMITED,{name},100,100,100\n" for name in OTHERS)
UDIFF = (
    "TradDt,BizDt,Sgmt,Src,FinInstrmTp,FinInstrmId,ISIN,TckrSymb,SctySrs,XpryDt,NewBrdLotQty,OpnPric,HghPric,LwPric,ClsPric,TtlTradgVol\n"
    "2026-11-30,2026-11-30,FO,NSE,IDF,1,,NIFTY,,2026-12-29,75,1,1,1,1,1\n"
    "2026-11-30,2026-11-30,FO,NSE,STF,2,,ACME,,2026-12-29,350,1,1,1,1,1\n"
    "2026-11-30,2026-11-30,FO,NSE,STO,3,,NEWCO,,2026-12-29,500,1,1,1,1,1\n"
) + "".join(f"2026-11-30,2026-11-30,FO,NSE,STF,4,,{name},,2026-12-29,100,1,1,1,1,1\n" for name in OTHERS)
OLD = (
    "INSTRUMENT,SYMBOL,EXPIRY_DT,STRIKE_PR,OPTION_TYP,OPEN,HIGH,LOW,CLOSE,SETTLE_PR,CONTRACTS,VAL_INLAKH,OPEN_INT,CHG_IN_OI,TIMESTAMP,\n"
    "FUTIDX,NIFTY,25-JUL-2024,0,XX,1,1,1,1,1,1,1,1,1,28-JUN-2024,\n"
    "FUTSTK,ACME,25-JUL-2024,0,XX,1,1,1,1,1,1,1,1,1,28-JUN-2024,\n"
) + "".join(f"FUTSTK,{name},25-JUL-2024,0,XX,1,1,1,1,1,1,1,1,1,28-JUN-2024,\n" for name in OTHERS)
KITE = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,instrument_type,segment,exchange\n"
    '1,1,ACME26DECFUT,"ACME",0,2026-12-29,0,0.05,350,FUT,NFO-FUT,NFO\n'
    '2,2,NEWCO26DEC100CE,"NEWCO",0,2026-12-29,100,0.05,500,CE,NFO-OPT,NFO\n'
) + "".join(f"3,3,{name}26DECFUT,{name},0,2026-12-29,0,0.05,100,FUT,NFO-FUT,NFO\n" for name in OTHERS)
UPSTOX = (
    "segment,name,exchange,isin,instrument_type,instrument_key,lot_size,exchange_token,tick_size,symbol,underlying_symbol,download_date\n"
    "NSE_FO,ACME,NSE,,FUT,NSE_FO|1,350.0,1,5.0,ACME FUT 29 DEC 26,ACME,2026-11-30\n"
    "NSE_FO,NEWCO,NSE,,CE,NSE_FO|2,500.0,2,5.0,NEWCO 100 CE,NEWCO,2026-11-30\n"
) + "".join(f"NSE_FO,{name},NSE,,FUT,NSE_FO|3,100.0,3,5.0,{name} FUT,{name},2026-11-30\n" for name in OTHERS)
KOTAK = (
    "pSymbol,pGroup,pExchSeg,pInstType,pSymbolName,pTrdSymbol,pOptionType,dTickSize,lLotSize,dStrikePrice;\n"
    "1,,nse_fo,FUTIDX,NIFTY,NIFTY26DECFUT,XX,10,75,0\n"
    "2,,nse_fo,FUTSTK,ACME,ACME26DECFUT,XX,5,350,0\n"
    "3,,nse_fo,OPTSTK,NEWCO,NEWCO26DEC100CE,CE,5,500,0\n"
) + "".join(f"4,,nse_fo,FUTSTK,{name},{name}26DECFUT,XX,5,100,0\n" for name in OTHERS)
SHARES = ("ACME", "NEWCO", "PLAIN")
ON = date(2026, 12, 4)


@pytest.fixture
def traded(market: Market) -> Market:
    market.take("x.csv", DAILY + "".join(bars(symbol, {"2026-11-20": 100}) for symbol in SHARES))
    return market


def kinds(market: Market, day: date = ON) -> dict[str, bool | None]:
    """By symbol whether it has a closing auction, None where that is not known."""
    found = [market.store().instrument(symbol, day) for symbol in SHARES]
    return {item.symbol: item.closing_auction if item.derivatives_known else None for item in found}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("fo_mktlots_2026-11-30.csv", LOTS),
        ("fo_mktlots.csv", LOTS),
        ("BhavCopy_NSE_FO_0_0_0_20261130_F_0000.csv", UDIFF),
        ("NFO_2026-11-30.csv.gz", KITE),
        ("complete.csv", UPSTOX),
        ("nse_fo_2026-11-30.csv", KOTAK),
    ],
)
def test_every_list_tells_which_shares_have_an_auction(traded, name, content) -> None:
    assert kinds(traded) == dict.fromkeys(SHARES)
    (report,) = traded.take(name, content).files
    assert (report.table, kinds(traded)) == ("underlyings", {"ACME": True, "NEWCO": True, "PLAIN": False})


def test_the_order_of_the_rows_and_quotes_do_not_matter(traded) -> None:
    head, *rows = UDIFF.splitlines()
    quoted = [",".join(f'"{cell}"' for cell in row.split(",")) for row in reversed(rows)]
    traded.take("fo.csv", "\n".join([head, *quoted]) + "\n")
    assert kinds(traded)["ACME"] is True


def test_the_old_bhavcopy_tells_too(traded) -> None:
    traded.take("fo28JUN2024bhav.csv", OLD)
    assert traded.rows("SELECT dated FROM underlyings WHERE symbol = 'ACME'") == [("2024-06-28",)]


def test_the_newest_list_counts_and_an_old_one_proves_nothing(traded) -> None:
    traded.take("fo_mktlots_2026-11-30.csv", LOTS)
    traded.take(
        "fo_mktlots_2026-12-07.csv",
        LOTS.replace("NEWCO     ,           ,500        ,500", "PLAIN     ,           ,500        ,500"),
    )
    assert kinds(traded, date(2026, 11, 27)) == dict.fromkeys(SHARES)
    assert kinds(traded, date(2026, 12, 4)) == {"ACME": True, "NEWCO": True, "PLAIN": False}
    assert kinds(traded, date(2026, 12, 7)) == {"ACME": True, "NEWCO": False, "PLAIN": True}
    assert kinds(traded, date(2027, 3, 9)) == {"ACME": True, "NEWCO": False, "PLAIN": True}
    assert kinds(traded, date(2027, 3, 10)) == dict.fromkeys(SHARES)


def test_a_list_without_a_date_is_of_its_first_months_start(traded) -> None:
    traded.take("fo_mktlots.csv", LOTS)
    assert {row[0] for row in traded.rows("SELECT dated FROM underlyings")} == {"2026-11-25"}


def test_a_share_is_known_under_its_name_of_the_day(traded) -> None:
    traded.take("fo_mktlots_2026-11-20.csv", LOTS.replace("ACME      ", "ACMEOLD   "))
    traded.take("symbolchange.csv", RENAMES + "ACME LIMITED,ACMEOLD,ACME,2026-12-01\n")
    assert kinds(traded)["ACME"] is True


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("NFO.csv", KITE, "needs a date"),
        ("nse_fo.csv", KOTAK, "needs a date"),
        ("nse_cm_2026-11-30.csv", KOTAK.replace("nse_fo", "nse_cm"), "another segment"),
        ("fo.csv", UDIFF.replace("2026-11-30,2026-11-30,FO,NSE,STO", "2026-11-27,2026-11-27,FO,NSE,STO"), "one date"),
        ("fo.csv", "\n".join(UDIFF.splitlines()[:2]) + "\n", "no contract on a share"),
        ("lots.csv", LOTS.splitlines()[0] + "\nGONE LIMITED,GONE,,,\n", "no contract on a share"),
        ("lots.csv", "<html>Access Denied</html>\n", "web page"),
    ],
)
def test_a_file_that_is_no_such_list_is_refused(traded, name, content, complaint) -> None:
    with pytest.raises(DataError, match=complaint):
        traded.take(name, content)
    assert traded.rows("SELECT count(*) FROM underlyings") == [(0,)]


CUT = LOTS[: LOTS.index("OTHER LIMITED,S090")]
"""What is left of a list of which the end did not come."""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("fo_mktlots_2026-11-30.csv", CUT),
        ("fo.csv", UDIFF[: UDIFF.index("2026-11-30,2026-11-30,FO,NSE,STF,4,,S090")]),
        ("fo28JUN2024bhav.csv", OLD[: OLD.index("FUTSTK,S090")]),
        ("NFO_2026-11-30.csv", KITE[: KITE.index("3,3,S090")]),
        ("complete.csv", UPSTOX[: UPSTOX.index("NSE_FO,S090")]),
        ("nse_fo_2026-11-30.csv", KOTAK[: KOTAK.index("4,,nse_fo,FUTSTK,S090")]),
    ],
)
def test_a_list_that_was_cut_makes_no_share_known(traded, name, content) -> None:
    with pytest.raises(DataError, match=r"has 9\d shares with derivatives, but a complete list has 100 or more"):
        traded.take(name, content)
    assert kinds(traded) == dict.fromkeys(SHARES)


def without(*names: str) -> str:
    return "".join(line for line in LOTS.splitlines(keepends=True) if not any(f",{name}" in line for name in names))


def test_a_list_that_lost_many_shares_needs_a_confirmation(traded) -> None:
    traded.take("fo_mktlots_2026-11-20.csv", LOTS)
    few, many = without(*OTHERS[:36]), without(*OTHERS[:37])
    with pytest.raises(DataError, match=r"lacks 37 of the 183 shares of the list of 2026-11-20 .*--accept-content"):
        traded.take("fo_mktlots_2026-11-27.csv", many)
    assert traded.rows("SELECT DISTINCT dated FROM underlyings") == [("2026-11-20",)]
    traded.take("fo_mktlots_2026-11-26.csv", few)
    traded.take("fo_mktlots_2026-11-28.csv", many)
    assert kinds(traded) == {"ACME": True, "NEWCO": True, "PLAIN": False}


def test_files_of_one_import_are_compared_with_each_other(traded) -> None:
    files = [traded.write("fo_mktlots_2026-11-20.csv", LOTS), traded.write("fo_mktlots_2026-11-27.csv", without(*OTHERS[:37]))]
    with pytest.raises(DataError, match="lacks 37"):
        traded.take_files(*files)
    assert traded.rows("SELECT count(*) FROM underlyings") == [(0,)]
    assert traded.take_files(*files, accept_content=True).changed


CASH = "".join(f"1,1,{name},{name},0,,0,0.05,1,EQ,NSE,NSE\n" for name in SHARES)


def test_a_dump_with_few_contracts_proves_no_absence(traded) -> None:
    traded.take("dump_2026-11-27.csv", KITE + CASH)
    assert kinds(traded) == {"ACME": True, "NEWCO": True, "PLAIN": False}
    traded.take("dump_2026-11-30.csv", KITE[: KITE.index("2,2,")] + CASH)
    assert kinds(traded) == {"ACME": True, "NEWCO": True, "PLAIN": False}


def test_of_a_first_dump_with_few_contracts_only_those_are_known(traded) -> None:
    traded.take("dump_2026-11-30.csv", KITE[: KITE.index("2,2,")] + CASH)
    assert kinds(traded) == {"ACME": True, "NEWCO": None, "PLAIN": None}


def test_before_auctions_nothing_hangs_on_a_list(traded) -> None:
    instrument = traded.store().instrument("ACME", date(2026, 7, 31))
    assert (instrument.closing_auction, instrument.derivatives) == (False, False)


def test_an_archive_of_the_version_before_gets_the_table(traded) -> None:
    traded.rows("DROP TABLE underlyings")
    traded.rows("PRAGMA user_version = 2")
    traded.archive.db.conn.commit()
    assert kinds(traded) == dict.fromkeys(SHARES)
    traded.take("fo_mktlots_2026-11-30.csv", LOTS)
    assert kinds(traded)["ACME"] is True
