"""The operator's own phases: laid over the shipped timetables by date, and refused with one line where they make no day."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path

import pytest

from tradectl.errors import ConfigurationError, UncoveredDate
from tradectl.exchange.overrides import read_overrides, remove_phases, write_override, write_phases
from tradectl.exchange.phases import PhaseKind
from tradectl.exchange.sessions import Override, OverrideKind, SessionTable
from tradectl.exchange.timetables import PhaseRow, Stocks, Timetables, read_phase, shipped
from tradectl.model.moment import to_ist

HEADER = "date,kind,open,close,runs,name,stocks,may_end_from\n"
POSTPONED = (
    "2026-12-07,continuous,09:15,15:15,,postponed,closing_auction,\n"
    "2026-12-07,closing_reference,15:15,15:20,,postponed,closing_auction,\n"
    "2026-12-07,closing_auction,15:20,15:25,,postponed,closing_auction,\n"
    "2026-12-07,closing_auction_limit,15:25,15:30,,postponed,closing_auction,15:28\n"
    "2026-12-07,closing_matching,15:30,15:35,,postponed,closing_auction,\n"
)


def calendar(tmp_path: Path, rows: str) -> Path:
    path = tmp_path / "sessions.csv"
    path.write_text(HEADER + rows)
    return path


def spans(table: SessionTable, day: date, *, closing_auction: bool = True) -> list[str]:
    session = table.session(day)
    assert session is not None
    return [f"{p.kind} {to_ist(p.start):%H:%M}-{to_ist(p.end):%H:%M}" for p in session.phases(closing_auction)]


def test_a_postponed_change_is_a_few_rows_of_the_calendar_file(tmp_path):
    table = SessionTable.load(calendar(tmp_path, POSTPONED))
    december, before = date(2026, 12, 7), date(2026, 12, 4)
    assert spans(table, december) == spans(SessionTable.load(), before)
    assert spans(table, december, closing_auction=False) == spans(SessionTable.load(), before, closing_auction=False)
    session = table.session(december)
    assert session is not None
    assert (f"{to_ist(session.last_fill_at()):%H:%M}", session.minutes(True), session.minutes(False)) == ("15:36", 360, 375)
    assert spans(table, before) == spans(SessionTable.load(), before)


def test_a_row_is_in_force_until_the_next_shipped_timetable(tmp_path):
    table = SessionTable.load(calendar(tmp_path, "2026-10-01,post_close,15:55,16:05,,notice,,\n"))
    assert spans(table, date(2026, 9, 30))[-1] == "post_close 15:50-16:00"
    assert spans(table, date(2026, 10, 1))[-1] == "post_close 15:55-16:05"
    assert spans(table, date(2026, 12, 4))[-1] == "post_close 15:55-16:05"
    assert spans(table, date(2026, 12, 7))[-1] == "post_close 15:50-16:00"


def test_two_dates_of_the_operator_build_on_each_other(tmp_path):
    rows = "2026-12-10,closing_matching,15:40,15:42,,a,closing_auction,\n2026-12-14,post_close,15:45,15:55,,b,,\n"
    table = SessionTable.load(calendar(tmp_path, rows))
    assert spans(table, date(2026, 12, 11))[-2:] == ["closing_matching 15:40-15:42", "post_close 15:50-16:00"]
    assert spans(table, date(2026, 12, 14))[-2:] == ["closing_matching 15:40-15:42", "post_close 15:45-15:55"]


def test_a_row_without_times_removes_the_phase(tmp_path):
    kinds = ("closing_reference", "closing_auction", "closing_auction_limit", "closing_matching")
    rows = "".join(f"2026-12-14,{kind},,,,auction suspended,closing_auction,\n" for kind in kinds)
    table = SessionTable.load(calendar(tmp_path, rows))
    assert spans(table, date(2026, 12, 14)) == spans(table, date(2026, 12, 14), closing_auction=False)
    assert not table.timetables.has_auctions(date(2026, 12, 14))
    assert table.timetables.has_auctions(date(2026, 12, 11))


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ("2026-12-07,closing_reference,15:30,15:32,,x,closing_auction,", "line 2: close: .* overlap"),
        ("2026-12-07,closing_auction,15:32,15:36,,x,closing_auction,", "line 2: open: there is a gap"),
        ("2026-12-07,closing_auction,15:30,15:36,,x,closing_auction,", "line 2: open: .* overlap"),
        ("2026-12-07,continuous,09:15,15:00,,x,others,", None),
        ("2026-12-07,post_close,09:00,09:05,,x,,", "line 2: open: .* (overlap|wrong order)"),
        ("2026-12-07,continuous,,,,x,others,", "line 2: kind: .* no continuous phase"),
        ("2026-12-07,closing_matching,,,,x,closing_auction,", "line 2: kind: .* no closing_matching"),
        ("2026-12-07,closing_matching,15:45,15:40,,x,closing_auction,", "line 2: close: .* before it closes"),
        ("2026-12-07,closing_matching,15:40,,,x,closing_auction,", "line 2: close: .* together"),
        ("2026-12-07,closing_matching,3:40,15:45,,x,closing_auction,", "line 2: open: .*HH:MM"),
        ("2026-12-07,closing_matching,15:40,25:00,,x,closing_auction,", "line 2: close:"),
        ("2026-12-32,closing_matching,15:40,15:45,,x,closing_auction,", "line 2: date:"),
        ("2026-12-07,closing_matching,15:40,15:45,,x,futures,", "line 2: stocks must be one of all, closing_auction, others"),
        ("2026-12-07,closing_matching,15:40,15:45,yes,x,closing_auction,", "line 2: runs:"),
        ("2026-12-07,closing_auction_limit,15:36,15:40,,x,closing_auction,15:40", "line 2: may_end_from:"),
        ("2026-12-07,post_close,15:50,16:00,,x,all,\n2026-12-07,post_close,15:50,16:10,,x,others,", "line 3: .* twice"),
        ("2026-12-25,normal,,,,x,others,", "line 2: stocks"),
        ("2017-01-02,post_close,15:40,16:00,,x,,", "line 2: kind: .* no continuous phase"),
    ],
)
def test_unsound_phases_are_refused_with_file_row_and_field(tmp_path, rows, complaint):
    path = calendar(tmp_path, rows + "\n")
    if complaint is None:
        SessionTable.load(path)
        return
    with pytest.raises(ConfigurationError, match=complaint) as caught:
        SessionTable.load(path)
    assert str(caught.value).startswith(f"{path} line ")
    assert "\n" not in str(caught.value)


def test_what_is_written_is_read_back_beside_dates_and_years(tmp_path):
    path = tmp_path / "sessions.csv"
    day = date(2026, 12, 7)
    write_override(path, Override(date(2026, 12, 8), OverrideKind.CLOSED, name="Election"))
    words = ["closing_auction_limit=15:36-15:41~15:38", "closing_matching=15:41-15:45"]
    write_phases(path, [read_phase(text, day, Stocks.CLOSING_AUCTION, "NSE/CMTR/1") for text in words])
    assert path.read_text() == (
        HEADER
        + "2026-12-08,closed,,,,Election,,\n"
        + "2026-12-07,closing_auction_limit,15:36,15:41,,NSE/CMTR/1,closing_auction,15:38\n"
        + "2026-12-07,closing_matching,15:41,15:45,,NSE/CMTR/1,closing_auction,\n"
    )
    assert [row.kind for row in read_overrides(path).phases] == [PhaseKind.CLOSING_AUCTION_LIMIT, PhaseKind.CLOSING_MATCHING]
    assert remove_phases(path, day)
    assert not remove_phases(path, day)
    assert path.read_text() == "date,kind,open,close,runs,name\n2026-12-08,closed,,,,Election\n"


def test_a_refused_phase_leaves_the_file_as_it_was(tmp_path):
    path = calendar(tmp_path, POSTPONED)
    before = path.read_text()
    with pytest.raises(ConfigurationError, match="overlap"):
        write_phases(path, [read_phase("closing_matching=15:25-15:35", date(2026, 12, 7), Stocks.CLOSING_AUCTION, "x")])
    assert path.read_text() == before


@pytest.mark.parametrize("text", ["closing_matching", "lunch=12:00-13:00", "continuous=9:15-15:30", "continuous=09:15-24:30"])
def test_words_that_are_no_phase_are_refused(text):
    with pytest.raises(ConfigurationError):
        read_phase(text, date(2026, 12, 7), Stocks.ALL, "x")


def test_a_source_that_was_only_quoted_is_marked():
    since, rows = shipped().rows(date(2026, 12, 25))
    assert since == date(2026, 12, 7)
    assert {row.kind.value for row in rows if row.seen} == {"pre_open", "pre_open_limit", "pre_open_matching", "buffer"}
    assert all(row.seen for row in shipped().rows(date(2026, 12, 4))[1])
    assert [(row.stocks.value, row.end) for row in shipped().rows(date(2026, 12, 4))[1] if row.kind is PhaseKind.CONTINUOUS] == [
        ("others", time(15, 30)),
        ("closing_auction", time(15, 15)),
    ]


def test_no_timetable_is_known_before_the_first():
    with pytest.raises(UncoveredDate):
        Timetables([PhaseRow(date(2020, 1, 1), Stocks.ALL, PhaseKind.POST_CLOSE, time(15, 40), time(16, 0))]).of(date(2017, 1, 2))
