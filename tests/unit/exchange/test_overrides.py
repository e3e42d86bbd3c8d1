"""The operator's calendar file: read whole or refused with one line, and written so that it is never half there."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path

import pytest

from tradectl.errors import ConfigurationError
from tradectl.exchange.overrides import (
    Override,
    OverrideKind,
    Overrides,
    cover_year,
    read_overrides,
    remove_override,
    write_override,
)
from tradectl.exchange.sessions import SessionTable

HEADER = "date,kind,open,close,runs,name\n"
ELECTION = Override(date(2026, 11, 25), OverrideKind.CLOSED, name="Election, Mumbai")
MUHURAT = Override(date(2026, 11, 8), OverrideKind.MUHURAT, time(18, 15), time(19, 15), False, "Diwali")


def test_no_file_is_no_override(tmp_path):
    assert read_overrides(tmp_path / "none.csv") == Overrides()


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "home" / "calendar.csv"
    write_override(path, ELECTION)
    write_override(path, MUHURAT)
    holidays = [Override(date(2027, 3, day), OverrideKind.CLOSED, name="holiday") for day in range(1, 6)]
    for holiday in holidays:
        write_override(path, holiday)
    cover_year(path, 2027, "circular of 2026-12-10")
    days = {item.date: item for item in (ELECTION, MUHURAT, *holidays)}
    assert read_overrides(path) == Overrides(days, {2027: "circular of 2026-12-10"})
    assert path.read_text() == (
        HEADER
        + "2027,covered,,,,circular of 2026-12-10\n"
        + "2026-11-08,muhurat,18:15,19:15,no,Diwali\n"
        + '2026-11-25,closed,,,,"Election, Mumbai"\n'
        + "".join(f"{holiday.date},closed,,,,holiday\n" for holiday in holidays)
    )
    assert [file.name for file in path.parent.iterdir()] == ["calendar.csv"]


def test_writing_a_date_replaces_it_and_removing_deletes_it(tmp_path):
    path = tmp_path / "calendar.csv"
    write_override(path, ELECTION)
    write_override(path, Override(ELECTION.date, OverrideKind.NORMAL, runs=True))
    assert read_overrides(path).days[ELECTION.date].kind is OverrideKind.NORMAL
    assert remove_override(path, ELECTION.date) is True
    assert remove_override(path, ELECTION.date) is False
    assert read_overrides(path).days == {}


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("2026-13-01,closed,,,,x", "line 2.*month"),
        ("tomorrow,closed,,,,x", "line 2"),
        ("2026-11-25,holiday,,,,x", "line 2.*holiday"),
        ("2026-11-25,drill,,,,x", "needs open and close"),
        ("2026-11-25,muhurat,,,yes,x", "runs only where open and close are known"),
        ("2026-11-25,normal,09:15,,,x", "together"),
        ("2026-11-25,normal,15:30,09:15,,x", "before close"),
        ("2026-11-25,normal,9:15,15:30,,x", "HH:MM"),
        ("2026-11-25,closed,,,yes,x", "does not run"),
        ("2026-11-25,normal,,,maybe,x", "yes or no"),
        ("2026-11-25,closed,,,", "columns"),
        ("2026-11-25,closed,,,,Election, Mumbai", "columns"),
        ("2027,closed,,,,x", "YYYY,covered"),
        ("2026-11-25,closed,,,,x\n2026-11-25,normal,,,,x", "twice"),
        ("2027,covered,,,,x\n2027,covered,,,,x", "twice"),
        ('2026-11-25,closed,,,,"x', "cannot be read"),
    ],
)
def test_a_bad_row_is_refused_with_one_line(tmp_path, row, complaint):
    path = tmp_path / "calendar.csv"
    path.write_text(HEADER + row + "\n")
    with pytest.raises(ConfigurationError, match=complaint) as caught:
        read_overrides(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"day,kind\n", b"\xff\xfe\x00", b""])
def test_a_file_that_is_no_calendar_is_refused(tmp_path, content):
    path = tmp_path / "calendar.csv"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError):
        read_overrides(path)


def test_a_refused_change_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "calendar.csv"
    write_override(path, ELECTION)
    before = path.read_text()
    with pytest.raises(ConfigurationError):
        write_override(path, Override(date(2026, 11, 8), OverrideKind.DRILL))
    with pytest.raises(ConfigurationError):
        cover_year(path, 2027, " ")
    assert path.read_text() == before


def test_a_damaged_file_is_not_overwritten(tmp_path):
    path = tmp_path / "calendar.csv"
    path.write_text("not a calendar\n")
    with pytest.raises(ConfigurationError):
        write_override(path, ELECTION)
    assert path.read_text() == "not a calendar\n"


def test_a_failed_write_is_one_line_and_leaves_nothing(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write_override(Path(blocked / "calendar.csv"), ELECTION)
    target = tmp_path / "calendar.csv"
    target.mkdir()
    with pytest.raises(ConfigurationError):
        write_override(target, ELECTION)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["calendar.csv", "file"]


def test_the_example_of_the_reference_page_is_understood(tmp_path):
    page = (Path(__file__).parents[3] / "docs" / "reference" / "exchange.md").read_text()
    path = tmp_path / "calendar.csv"
    path.write_text(page.split("```csv\n")[1].split("```")[0])
    table = SessionTable.load(path)
    assert table.why_closed(date(2026, 12, 8)) == "Election in Mumbai"
    assert table.next_session(date(2026, 12, 11)).date == date(2026, 12, 12)
    assert table.last == date(2027, 12, 31)
