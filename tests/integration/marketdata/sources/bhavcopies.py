"""Small bhavcopies of our own in NSE's three forms, at the addresses of their dates."""

from __future__ import annotations

import io
import zipfile
from datetime import date

from tradectl.marketdata.sources.nse import addresses

UDIFF = "TradDt,BizDt,Sgmt,Src,TckrSymb,SctySrs,OpnPric,HghPric,LwPric,ClsPric,TtlTradgVol,Rsvd1\n"
OLD = "SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY,TOTTRDVAL,TIMESTAMP,TOTALTRADES,ISIN,\n"
FULL = "SYMBOL, SERIES, DATE1, PREV_CLOSE, OPEN_PRICE, HIGH_PRICE, LOW_PRICE, CLOSE_PRICE, TTL_TRD_QNTY\n"


def udiff(day: date, close: str = "105.50") -> bytes:
    return (UDIFF + f"{day},{day},CM,NSE,ACME,EQ,100.00,110.00,95.00,{close},1000,\n").encode()


def old(day: date) -> bytes:
    return (OLD + f"ACME,EQ,100,110,95,105.5,105,101,1000,1,{day:%d-%b-%Y}".upper() + ",7,INE000000001,\n").encode()


def full(day: date) -> bytes:
    return (FULL + f"ACME, EQ, {day:%d-%b-%Y}, 101.00, 100.00, 110.00, 95.00, 105.50, 1000\n").encode()


def zipped(content: bytes, name: str = "file.csv") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return packed.getvalue()


def with_wrong_sum(packed: bytes) -> bytes:
    """A zip whose directory promises another CRC than its content has."""
    at = packed.index(b"PK\x01\x02") + 16
    return packed[:at] + bytes([packed[at] ^ 1]) + packed[at + 1 :]


def usual(day: date) -> str:
    """The path of the zip."""
    return addresses(day)[0]


def second_best(day: date) -> str:
    """The path of sec_bhavdata_full."""
    return addresses(day)[1]
