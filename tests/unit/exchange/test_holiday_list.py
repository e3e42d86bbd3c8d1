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
from tradectl.model.moment import at_ist

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
    assert (filled.year, filled.new_year, len(filled.added)) == (2027, True, 5)
    table = SessionTable.load(calendar)
    assert (table.listed_through, table.last) == (date(2027, 12, 31), date(2027, 12, 31))
    assert table.why_closed(date(2027, 1, 26)) == "Republic Day"
    assert table.session(date(2027, 1, 1)) is not None
    assert table.why_closed(date(2027, 8, 15)) == "Sunday"
    again = fill(calendar, table, read_holiday_list(answer(), "list"), "NSE's list", TODAY)
    assert (again.new_year, again.added, again.extra) == (False, {}, ())


def table(head: str, *rows: str) -> bytes:
    return "\n".join([head, *rows, ""]).encode()


@pytest.mark.parametrize(
    "content",
    [
        table(
            "Sr. No,Date,Day,Description",
            *(f"{n},{d:%d-%b-%Y},{d:%A},{n}" for n, d in enumerate(map(date.fromisoformat, HOLIDAYS))),
        ),
        table("date,name", *(f"{text},x" for text in HOLIDAYS)),
        table('"Holiday","Date"', *(f'"x, y","{date.fromisoformat(text):%B %d, %Y}"' for text in HOLIDAYS)),
    ],
)
def test_a_saved_table_holds_the_same_dates(content: bytes) -> None:
    assert list(read_holiday_list(content, "holidays.csv").days) == list(read_holiday_list(answer(), "list").days)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (table("date,name", "2027-01-26,x", "tomorrow,x"), "holidays.csv line 3: tradingDate 'tomorrow' is not a date"),
        (table("date,day,name", "2027-01-26,Monday,x"), "line 2: weekDay 'Monday', but 2027-01-26 is a Tuesday"),
        (table("date,name", "2027-01-26"), "line 2: has 1 columns"),
        (table("date,name"), "the list is empty"),
        (table("when,what", "2027-01-26,x"), "is neither the JSON"),
    ],
)
def test_a_bad_table_is_refused_with_its_line(content: bytes, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        read_holiday_list(content, "holidays.csv")


def test_muhurat_has_a_date_before_it_has_hours(tmp_path: Path) -> None:
    calendar, day = tmp_path / "sessions.csv", date(2027, 10, 29)
    filled = fill(calendar, SessionTable.load(calendar), read_holiday_list(answer(), "list"), "NSE's list", TODAY)
    assert filled.muhurat == {day: "Diwali Laxmi Pujan*"}
    table = SessionTable.load(calendar)
    session = table.session(day)
    assert session is not None
    assert (session.kind, session.runs, session.settles, session.hours_known) == ("muhurat", False, False, False)
    moments = [at_ist(day, time(hour, minute)) for hour in range(24) for minute in (0, 15, 30, 45)]
    assert not any(session.has_phase_at(moment) or session.takes_changes(moment, (False, True)) for moment in moments)
    assert table.next_run_session(date(2027, 10, 28)).date == date(2027, 11, 1)
    again = fill(calendar, table, read_holiday_list(answer(), "list"), "NSE's list", TODAY)
    assert (again.muhurat, again.added, again.kept) == ({}, {}, ())
    write_override(calendar, Override(day, OverrideKind.MUHURAT, time(18, 15), time(19, 15)))
    announced = SessionTable.load(calendar).session(day)
    assert announced is not None
    assert announced.hours_known
    assert announced.has_phase_at(at_ist(day, time(18, 30)))


def test_what_the_operator_says_stays(tmp_path: Path) -> None:
    calendar = tmp_path / "sessions.csv"
    write_override(calendar, Override(date(2027, 10, 29), OverrideKind.MUHURAT, time(18, 15), time(19, 15)))
    write_override(calendar, Override(date(2027, 11, 15), OverrideKind.NORMAL, runs=True))
    filled = fill(calendar, SessionTable.load(calendar), read_holiday_list(answer(), "list"), "NSE's list", TODAY)
    assert (filled.kept, filled.muhurat) == ((date(2027, 11, 15),), {})
    session = SessionTable.load(calendar).session(date(2027, 10, 29))
    assert session is not None
    assert (session.kind, session.hours_known) == ("muhurat", True)


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
    filled = fill(calendar, SessionTable.load(calendar), listed, "x", TODAY)
    assert (filled.added, filled.past[:2]) == ({date(2026, 12, 8): "Election"}, (date(2026, 1, 7), date(2026, 3, 6)))
    filled = fill(calendar, SessionTable.load(calendar), listed, "x", TODAY, without_bars={date(2026, 1, 7), date(2026, 1, 8)})
    assert (list(filled.added), filled.past[0]) == ([date(2026, 1, 7)], date(2026, 3, 6))
    assert SessionTable.load(calendar).why_closed(date(2026, 1, 7)) == "x"
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
        (b"", "is neither the JSON"),
        (b"Resource not found", "is neither the JSON"),
        (answer()[:-40], "is neither the JSON"),
        (b"[" * 50_000, "is neither the JSON"),
        (b"\xff\xfe", "is neither the JSON"),
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
