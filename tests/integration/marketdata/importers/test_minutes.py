"""Minutes: the zone is honoured, the length and the hours are checked, and prices are those that were traded."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.marketdata.conftest import DAILY, Market
from tradectl.errors import DataError

HEAD = "datetime,open,high,low,close,volume\n"


def stamps(form: Callable[[int, int], str], minutes: list[int]) -> str:
    """Bars at these minutes after midnight, each stamped by its hour and minute."""
    return HEAD + "".join(f"{form(*divmod(at, 60))},100.00,100.50,99.50,100.00,{at}\n" for at in minutes)


OPENING = list(range(555, 565))


@pytest.mark.parametrize(
    ("form", "shift"),
    [
        (lambda hour, minute: f"2024-01-08 {hour:02d}:{minute:02d}:00", 0),
        (lambda hour, minute: f"2024-01-08T{hour:02d}:{minute:02d}", 0),
        (lambda hour, minute: f"2024-01-08 {hour:02d}:{minute:02d}:00+05:30", 0),
        (lambda hour, minute: f"08-JAN-2024 {hour:02d}:{minute:02d} IST", 0),
        (lambda hour, minute: f"2024-01-08T{hour:02d}:{minute:02d}:00.000Z", -330),
        (lambda hour, minute: f"2024-01-08 {hour:02d}:{minute:02d}:00+0000", -330),
        (lambda hour, minute: f"2024-01-08 {hour:02d}:{minute:02d}:00-01:30", -420),
        (lambda hour, minute: f"2024-01-08 {hour:02d}:{minute:02d}:00+08:00", 150),
        (lambda hour, minute: f"2024-01-08 {(hour - 1) % 12 + 1}:{minute:02d} {'AM' if hour < 12 else 'PM'}", 0),
        (lambda hour, minute: f"08-Jan-24 {(hour - 1) % 12 + 1:02d}:{minute:02d}:00 {'am' if hour < 12 else 'pm'}", 0),
    ],
)
def test_a_stamp_has_the_zone_that_it_names(market: Market, form: Callable[[int, int], str], shift: int) -> None:
    """The first ten minutes and one after noon, written in the zone's own time."""
    market.take("ACME.csv", stamps(form, [at + shift for at in (*OPENING, 13 * 60 + 5)]))
    assert market.rows("SELECT session, minute, volume FROM minutes ORDER BY minute") == [
        ("2024-01-08", at - 555, at + shift) for at in (*OPENING, 13 * 60 + 5)
    ]


def plain(hour: int, minute: int) -> str:
    return f"2024-01-08 {hour:02d}:{minute:02d}:00"


REFUSED = {
    "another zone without its name": (
        stamps(plain, list(range(225, 600))),
        "ACME.csv row 2: ACME 2024-01-08 03:45 IST is outside the session, 09:15 to 15:30. A time without a time zone is",
    ),
    "IST called UTC": (
        stamps(lambda hour, minute: f"2024-01-08T{hour:02d}:{minute:02d}:00Z", list(range(555, 930))),
        "ACME.csv row 78: ACME 2024-01-08 16:01 IST is outside the session",
    ),
    "five minutes": (stamps(plain, list(range(555, 930, 5))), "ACME.csv: the bars of ACME on 2024-01-08 are 5 minutes apart"),
    "an hour": (stamps(plain, list(range(555, 930, 60))), "ACME.csv: the bars of ACME on 2024-01-08 are 60 minutes apart"),
    "a bar a day": (stamps(plain, [555]), "ACME.csv: no two of its bars are one minute apart"),
    "stamps of the end": (
        stamps(plain, list(range(556, 931))),
        "ACME.csv: its bars go from 09:16 to 15:30 (2024-01-08), and none is at",
    ),
    "the end by its second": (
        stamps(lambda hour, minute: f"2024-01-08 {hour:02d}:{minute:02d}:59", OPENING),
        "ACME.csv row 2: datetime '2024-01-08 09:15:59' has seconds: the file gives the end of each minute",
    ),
    "ticks": (
        stamps(plain, OPENING) + "2024-01-08 09:30:07,1,1,1,1,1\n",
        "ACME.csv row 12: datetime '2024-01-08 09:30:07' has seconds: the file has ticks",
    ),
    "zones in some rows": (
        stamps(plain, OPENING) + "2024-01-08 09:30:00Z,1,1,1,1,1\n",
        "ACME.csv row 2: datetime '2024-01-08 09:15:00' has no time zone, but other rows have one",
    ),
    "an unknown zone": (
        stamps(lambda hour, minute: f"2024-01-08 {hour:02d}:{minute:02d} EST", OPENING),
        "ACME.csv row 2: datetime '2024-01-08 09:15 EST' is not a time like",
    ),
    "thirteen o'clock PM": (
        HEAD + "2024-01-08 13:15 PM,1,1,1,1,1\n",
        "ACME.csv row 2: datetime '2024-01-08 13:15 PM' is not a time",
    ),
    "two bars of a minute": (
        stamps(plain, OPENING) + "2024-01-08 09:20:00,1,1,1,1,1\n",
        "ACME.csv row 12: ACME 2024-01-08 09:20 has another bar in an earlier row",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_anything_but_minutes_of_the_session_is_refused(market: Market, case: str) -> None:
    content, line = REFUSED[case]
    with pytest.raises(DataError) as refusal:
        market.take("ACME.csv", content)
    assert str(refusal.value).startswith(line)
    assert market.rows("SELECT count(*) FROM minutes") == [(0,)]


def test_pre_open_and_post_close_are_counted(market: Market) -> None:
    report = market.take("ACME.csv", stamps(plain, [547, *OPENING, 945]))
    assert dict(report.files[0].skipped) == {"before the open": 1, "after the close": 1}


def test_a_special_session_has_its_own_hours(market: Market) -> None:
    """Muhurat of 2023: an hour from 18:15."""
    evening = [f"2023-11-12 18:{minute:02d}:00" for minute in range(15, 20)]
    market.take("ACME.csv", HEAD + "".join(f"{at},1,1,1,1,1\n" for at in evening))
    with pytest.raises(DataError, match=r"09:15 IST is outside the session, 18:15 to 19:15"):
        market.take("ACME.csv", HEAD + "2023-11-12 09:15:00,1,1,1,1,1\n2023-11-12 09:16:00,1,1,1,1,1\n")


def test_minutes_that_were_divided_by_a_split_are_refused(market: Market) -> None:
    """The day's bar says what was traded; whichever file comes first on the command line, the bar is read first."""
    bar = market.write("bars.csv", DAILY + "2024-01-08,ACME,EQ,1000.00,1005.00,995.00,1000.00,5000\n")
    minutes = market.write("ACME.csv", stamps(plain, OPENING))
    with pytest.raises(
        DataError,
        match=r"^ACME\.csv: the minute bars of ACME on 2024-01-08 go from Rs 99\.50 to 100\.50, but the daily bar goes from",
    ):
        market.take_files(minutes, bar)
    assert market.rows("SELECT count(*) FROM bars") == [(0,)]


def test_a_column_names_the_symbol_of_each_row(market: Market) -> None:
    rows = "".join(f"{name},20240108,09:{minute}:00,1,1,1,1,1\n" for name in ("acme", "NSE:BETA-EQ") for minute in (15, 16))
    market.take("GDFL.csv", "Ticker,Date,Time,Open,High,Low,Close,Volume\n" + rows)
    assert market.rows("SELECT symbol, minute FROM minutes ORDER BY 1, 2") == [("ACME", 0), ("ACME", 1), ("BETA", 0), ("BETA", 1)]


def test_a_name_that_is_no_symbol_is_refused(market: Market) -> None:
    with pytest.raises(
        DataError, match=r"^my_export\.csv: has no column with the symbol, and its name 'my_export' is not a symbol"
    ):
        market.take("my_export.csv", stamps(plain, OPENING))
