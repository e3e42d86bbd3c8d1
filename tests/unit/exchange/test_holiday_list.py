"""NSE's list of holidays: read whole or refused with one line, and never the means to open a closed date."""

from __future__ import annotations

import json
from datetime import date, time
from pathlib import Path

import pytest

from tradectl.errors import DataError
from tradectl.exchange.holiday_list import fill, read_holiday_list
from tradectl.exchange.overrides import Override, OverrideKind, write_override
from tradectl.exchange.sessions import SessionTable

TODAY = date(2026, 12, 1)
HOLIDAYS = {
    "2027-01-26": "Republic Day", "2027-03-06": "Mahashivratri", "2027-03-22": "Holi", "2027-03-26": "Good Friday",
    "2027-04-14": "Dr. Baba Saheb Ambedkar Jayanti", "2027-08-15": "Independence Day", "2027-10-29": "Diwali Laxmi Pujan*",
    "2027-11-15": "Guru Nanak Jayanti",
}  # fmt: skip
"""An invented 2027: no list of it is known."""


def answer(days: dict[str, str] = HOLIDAYS, **others: object) -> bytes:
    rows = [
        {
            "tradingDate": f"{date.fromisoformat(text):%d-%b-%Y}",
            "weekDay": f"{date.fromisoformat(text):%A}",
            "description": name,
            "morning_session": None,
            "evening_session": None,
            "Sr_no": number,
        }
        for number, (text, name) in enumerate(days.items(), 1)
    ]
    return json.dumps({"CBM": [], "CM": rows, "FO": rows[:2], **others}).encode()


def test_a_list_fills_the_next_year(tmp_path: Path) -> None:
    calendar = tmp_path / "sessions.csv"
    filled = fill(calendar, SessionTable.load(calendar), read_holiday_list(answer(), "list"), "NSE's list", TODAY)
    assert (filled.year, filled.new_year, len(filled.added)) == (2027, True, 6)
    table = SessionTable.load(calendar)
    assert (table.listed_through, table.last) == (date(2027, 12, 31), date(2027, 12, 31))
    assert table.why_closed(date(2027, 1, 26)) == "Republic Day"
    assert table.session(date(2027, 1, 1)) is not None
    assert table.why_closed(date(2027, 8, 15)) == "Sunday"
    again = fill(calendar, table, read_holiday_list(answer(), "list"), "NSE's list", TODAY)
    assert (again.new_year, again.added, again.extra) == (False, {}, ())


def test_what_the_operator_says_stays(tmp_path: Path) -> None:
    calendar = tmp_path / "sessions.csv"
    write_override(calendar, Override(date(2027, 10, 29), OverrideKind.MUHURAT, time(18, 15), time(19, 15)))
    filled = fill(calendar, SessionTable.load(calendar), read_holiday_list(answer(), "list"), "NSE's list", TODAY)
    assert filled.kept == (date(2027, 10, 29),)
    session = SessionTable.load(calendar).session(date(2027, 10, 29))
    assert session is not None
    assert session.kind == "muhurat"


def test_a_new_list_of_a_known_year_closes_dates_and_opens_none(tmp_path: Path) -> None:
    calendar, shipped = tmp_path / "sessions.csv", SessionTable.load()
    closed = (day for day in map(date.fromordinal, range(date(2026, 1, 1).toordinal(), date(2027, 1, 1).toordinal())))
    known = {day.isoformat(): "x" for day in closed if day.weekday() < 5 and shipped.session(day) is None}
    del known["2026-12-25"]
    listed = read_holiday_list(answer(known | {"2026-12-08": "Election"}), "list")
    filled = fill(calendar, SessionTable.load(calendar), listed, "x", TODAY)
    assert (filled.new_year, filled.added, filled.extra) == (False, {date(2026, 12, 8): "Election"}, (date(2026, 12, 25),))
    table = SessionTable.load(calendar)
    assert table.why_closed(date(2026, 12, 8)) == "Election"
    assert table.session(date(2026, 12, 25)) is None
    assert table.listed_through == date(2026, 12, 31)


def test_the_past_stays_as_it_was_traded(tmp_path: Path) -> None:
    calendar = tmp_path / "sessions.csv"
    days = {f"2026-0{month}-0{6 + month % 3}": "x" for month in range(1, 7)}
    listed = read_holiday_list(answer(days | {"2026-12-08": "Election"}), "list")
    assert fill(calendar, SessionTable.load(calendar), listed, "x", TODAY).added == {date(2026, 12, 8): "Election"}
    over = {text.replace("2027", "2025"): name for text, name in HOLIDAYS.items()}
    with pytest.raises(DataError, match="2025, a past year"):
        fill(calendar, SessionTable.load(calendar), read_holiday_list(answer(over), "list"), "x", TODAY)


def test_a_year_is_not_skipped(tmp_path: Path) -> None:
    calendar = tmp_path / "sessions.csv"
    later = {text.replace("2027", "2028"): name for text, name in HOLIDAYS.items()}
    with pytest.raises(DataError, match="2027 is not known yet"):
        fill(calendar, SessionTable.load(calendar), read_holiday_list(answer(later), "list"), "x", TODAY)
    assert not calendar.exists()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"<html>Access Denied</html>", "web page"),
        (b"", "is not the JSON"),
        (b"Resource not found", "is not the JSON"),
        (answer()[:-40], "is not the JSON"),
        (b"[" * 50_000, "is not the JSON"),
        (b"\xff\xfe", "is not the JSON"),
        (b"[]", "has no list CM"),
        (b'{"FO": []}', "has no list CM"),
        (b'{"CM": {}}', "has no list CM"),
        (answer({}), "is empty"),
        (answer({"2027-01-26": "Republic Day", "2027-03-22": "Holi"}), "the list is not complete"),
        (answer(HOLIDAYS | {"2026-12-25": "Christmas"}), "more than one year"),
        (answer().replace(b"26-Jan-2027", b"26/01/2027"), "CM row 1: tradingDate"),
        (answer().replace(b"26-Jan-2027", b"27-Jan-2027"), "CM row 1: weekDay"),
        (b'{"CM": [7]}', "CM row 1: tradingDate"),
        (b'{"CM": [{"tradingDate": null}]}', "CM row 1: tradingDate"),
    ],
)
def test_what_is_no_list_is_refused_with_one_line(content: bytes, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint) as caught:
        read_holiday_list(content, "list")
    assert "\n" not in str(caught.value)


def test_names_carry_no_control_characters() -> None:
    named = read_holiday_list(answer(HOLIDAYS | {"2027-12-24": "Bad\x1b[31m\nname"}), "list")
    assert named.days[date(2027, 12, 24)] == "Bad[31m name"
