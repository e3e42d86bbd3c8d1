"""An NSE on the loopback that serves every file of `prices`, for sessions around a date; and the traps, by name.

`serve` puts whole files of our own making. A trap replaces one address by what NSE has been seen to answer there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from tests.integration.marketdata.sources.bhavcopies import UDIFF, usual, zipped
from tests.integration.marketdata.test_surveillance import indicators
from tests.integration.marketdata.test_underlyings import LOTS as FO_LOTS
from tests.support.loopback import NOTHING, Reply, Site
from tests.unit.exchange.test_holiday_list import answer
from tradectl.exchange.sessions import SessionTable

SHARES = tuple(f"SH{number:02}" for number in range(60))
ACTIONS = "/api/corporates-corporateActions"
RENAMES = "/content/equities/symbolchange.csv"
SECURITIES = "/content/equities/EQUITY_L.csv"
MEMBERS = "/content/indices/ind_nifty50list.csv"
LOTS = "/content/fo/fo_mktlots.csv"
HOLIDAYS = "/api/holiday-master"


def indicator_file(day: date) -> str:
    """Return the path of the surveillance lists of a session."""
    return f"/content/cm/REG1_IND{day:%d%m%y}.csv"


def bhavcopy(day: date, shares: Iterable[str] = SHARES) -> bytes:
    rows = "".join(f"{day},{day},CM,NSE,{name},EQ,100.00,110.00,95.00,105.50,1000,\n" for name in shares)
    return zipped((UDIFF + rows).encode())


def action(symbol: str, ex_date: date, subject: str) -> dict[str, Any]:
    """Return an entry as NSE's list has it."""
    on = f"{ex_date:%d-%b-%Y}"
    return {
        "symbol": symbol, "series": "EQ", "ind": "-", "faceVal": "10", "subject": subject, "exDate": on, "recDate": on,
        "bcStartDate": "-", "bcEndDate": "-", "ndStartDate": "-", "ndEndDate": "-", "comp": f"{symbol} Limited",
        "isin": f"INE{symbol}01010"[:12], "caBroadcastDate": None,
    }  # fmt: skip


def actions(day: date, *more: Mapping[str, Any]) -> bytes:
    """Return a list with two dividends around a date, and further entries."""
    usual_ones = [
        action(SHARES[0], day - timedelta(days=2), "Dividend - Rs 2 Per Share"),
        action(SHARES[1], day + timedelta(days=9), "Interim Dividend - Re 1 Per Share"),
    ]
    return json.dumps([*usual_ones, *more]).encode()


def securities(shares: Iterable[str] = SHARES) -> bytes:
    head = "SYMBOL,NAME OF COMPANY, SERIES, DATE OF LISTING, PAID UP VALUE, MARKET LOT, ISIN NUMBER, FACE VALUE\n"
    return (head + "".join(f"{name},{name} Limited,EQ,01-JAN-2010,10,1,INE{name}00010,10\n" for name in shares)).encode()


def members(shares: Iterable[str] = SHARES[:50]) -> bytes:
    rows = "".join(f"{name} Ltd.,Oil,{name},EQ,INE{name}00010\n" for name in shares)
    return ("Company Name,Industry,Symbol,Series,ISIN Code\n" + rows).encode()


def watched() -> bytes:
    return indicators(**{SHARES[58]: (0, 100, 100, 100), SHARES[59]: (100, 2, 100, 1)}).encode()


def serve(site: Site, today: date, sessions: Iterable[date]) -> None:
    """Put every file of these sessions as it stands on the evening of `today`; cookies are needed."""
    site.locked = True
    for day in sessions:
        site.put(usual(day), Reply(body=bhavcopy(day)))
        site.put(indicator_file(day), Reply(body=watched()))
    site.put(ACTIONS, Reply(body=actions(today)))
    site.put(RENAMES, Reply(body=b"Old Company,OLDNAME,SH02,03-JAN-2020\nOther Company,OTHER,SH04,03-JAN-2021\n"))
    site.put(SECURITIES, Reply(body=securities()))
    site.put(MEMBERS, Reply(body=members()))
    site.put(LOTS, Reply(body=FO_LOTS.encode()))
    site.put(HOLIDAYS, Reply(body=holidays(today.year)))


def holidays(year: int, **more: str) -> bytes:
    """Return the list of a year as the session table knows it, with further days."""
    table, day = SessionTable.load(), date(year, 1, 1)
    closed: dict[str, str] = {}
    while day.year == year:
        if day.weekday() < 5 and table.session(day) is None:
            closed[day.isoformat()] = table.why_closed(day)
        day += timedelta(days=1)
    return answer(closed | more)


HTML = Reply(body=b"<!DOCTYPE html><html><body>Resource not found</body></html>")
TRAPS: Mapping[str, Reply] = {
    "forbidden": Reply(403, b"<html>Access Denied</html>"),
    "web page": HTML,
    "missing": NOTHING,
    "down": Reply(503, b""),
}
"""What NSE may answer at any address."""
EMPTY: Mapping[str, bytes] = {
    ACTIONS: b"[]",
    RENAMES: b"\n",
    SECURITIES: securities(()),
    MEMBERS: members(()),
    LOTS: b"UNDERLYING,SYMBOL,DEC-26\n",
    HOLIDAYS: answer({}),
}
"""By address: a list without a row."""
CHANGED: Mapping[str, bytes] = {
    ACTIONS: actions(date(2026, 11, 25)).replace(b'"exDate"', b'"exdt"'),
    RENAMES: b"Old Company;OLDNAME;SH02\nOther Company;OTHER;SH04\n",
    SECURITIES: securities().replace(b"ISIN NUMBER", b"ISIN CODE NUMBER"),
    MEMBERS: members().replace(b"ISIN Code", b"ISIN Number"),
    LOTS: FO_LOTS.replace("SYMBOL ", "TICKER ", 1).encode(),
    HOLIDAYS: answer().replace(b"tradingDate", b"tradeDate"),
}
"""By address: a file whose columns NSE has renamed."""


def half(content: bytes) -> Reply:
    """Return a reply that breaks off in the middle, with the length of the whole."""
    return Reply(body=content, sent=len(content) // 2)


def reports(day: date) -> dict[str, bytes]:
    """Return the surveillance reports of the site, by name."""
    on = f"{day:%d-%b-%Y}"
    asm = [{"symbol": SHARES[59], "isin": "INE000A01010", "survCode": "LTASM - II (14)", "asmTime": on}]
    found = {
        "GSM": [{"symbol": SHARES[58], "isin": "INE000C01010", "gsmStage": "LXII", "survCode": "GSM 0 (62)", "gsmTime": on}],
        "ESM": [{"symbol": SHARES[59], "esmSurvIndicator": "Stage I", "survCode": "ESM - I (34)", "esmTime": on}],
        "ASM": {"longterm": {"data": asm}, "shortterm": {"data": asm}},
    }
    return {name: json.dumps(content).encode() for name, content in found.items()}
