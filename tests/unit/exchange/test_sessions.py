"""The calendar: checked against real trading days and against a second calendar, with every known difference by name."""

from __future__ import annotations

import csv
import os
import warnings
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path

import exchange_calendars
import pytest

from tradectl.errors import ConfigurationError, UncoveredDate
from tradectl.exchange.sessions import PhaseKind, Session, SessionKind, SessionTable
from tradectl.exchange.tables import rows
from tradectl.model.moment import at_ist, to_ist

SHARED = Path(os.environ.get("TRADECTL_SHARED", Path(__file__).parents[4] / "shared"))
TRADING_DAYS = SHARED / "data" / "lists" / "trading_days.csv"

MUHURAT = {
    date(2018, 11, 7), date(2019, 10, 27), date(2020, 11, 14), date(2021, 11, 4), date(2022, 10, 24), date(2023, 11, 12),
    date(2024, 11, 1), date(2025, 10, 21), date(2026, 11, 8),
}  # fmt: skip
DRILLS = {date(2024, 3, 2), date(2024, 5, 18)}
FULL_WEEKEND = {date(2020, 2, 1), date(2024, 1, 20), date(2025, 2, 1), date(2026, 2, 1)}
BANKS_CLOSED = {
    date(2025, 2, 19), date(2025, 4, 1), date(2025, 5, 12), date(2025, 9, 8),
    date(2026, 2, 19), date(2026, 3, 19), date(2026, 4, 1), date(2026, 8, 26),
}  # fmt: skip
MISSING_IN_DATA = {date(2022, 8, 8), date(2021, 11, 4)}


TABLES = ["holidays.csv", "special_sessions.csv", "settlement_holidays.csv", "phases.csv", "ticks.csv", "charges.csv"]


@pytest.fixture(scope="module")
def table() -> SessionTable:
    return SessionTable.load()


def at(day: date, clock: str) -> datetime:
    return at_ist(day, time.fromisoformat(clock)).astimezone(UTC)


def the(table: SessionTable, day: date) -> Session:
    session = table.session(day)
    assert session is not None
    return session


def spans(session: Session, closing_auction: bool) -> list[tuple[str, str, str]]:
    return [(p.kind.value, f"{to_ist(p.start):%H:%M}", f"{to_ist(p.end):%H:%M}") for p in session.phases(closing_auction)]


def test_sessions_are_the_trading_days_of_the_data(table):
    if not TRADING_DAYS.exists():
        pytest.skip(f"real trading days are not here: {TRADING_DAYS}")
    with TRADING_DAYS.open() as file:
        real = {date.fromisoformat(row["date"]) for row in csv.DictReader(file)}
    ours = {session.date for session in table.between(min(real), max(real))}
    assert real - ours == set()
    assert ours - real == MISSING_IN_DATA


def test_sessions_are_those_of_exchange_calendars(table):
    with warnings.catch_warnings(category=DeprecationWarning, action="ignore"):  # inside that library, about pandas
        calendar = exchange_calendars.get_calendar("XBOM", start="2018-01-01", end="2026-12-31")
    theirs = {stamp.date() for stamp in calendar.sessions}
    ours = {session.date for session in table.between(table.first, table.last)}
    assert theirs - ours == set()
    assert ours - theirs == MUHURAT | DRILLS | FULL_WEEKEND


def test_special_sessions_have_a_kind_and_run_as_the_rules_say(table):
    sessions = table.between(table.first, table.last)
    assert {s.date for s in sessions if s.kind is SessionKind.MUHURAT} == MUHURAT
    assert {s.date for s in sessions if s.kind is SessionKind.DRILL} == DRILLS
    assert {s.date for s in sessions if not s.runs} == MUHURAT | DRILLS
    assert {s.date for s in sessions if not s.settles} == MUHURAT | DRILLS | FULL_WEEKEND | BANKS_CLOSED
    assert {s.date for s in sessions if s.date.weekday() >= 5 and s.runs} == FULL_WEEKEND


@pytest.mark.parametrize("name", TABLES)
def test_every_row_of_every_table_names_its_source(name):
    table = rows(name)
    assert table
    assert [row for row in table if not row["source"].strip() or None in row] == []


def test_holidays_are_weekdays_in_order_without_repetition():
    days = [date.fromisoformat(row["date"]) for row in rows("holidays.csv")]
    assert days == sorted(set(days))
    assert all(day.weekday() < 5 for day in days)


def test_a_closed_date_says_why(table):
    assert table.session(date(2026, 1, 26)) is None
    assert table.why_closed(date(2026, 1, 26)) == "Republic Day"
    assert table.why_closed(date(2026, 11, 22)) == "Sunday"
    assert table.why_closed(date(2026, 11, 21)) == "Saturday"
    assert table.why_closed(date(2024, 11, 1)) == ""
    assert table.why_closed(date(2026, 11, 23)) == ""


@pytest.mark.parametrize("day", [date(2017, 12, 29), date(2027, 1, 1)])
def test_a_date_outside_the_table_is_refused_never_guessed(table, day):
    for question in (table.session, table.why_closed, lambda d: table.between(d, d), lambda d: table.run_between(d, d)):
        with pytest.raises(UncoveredDate, match="covers 2018-01-01 to 2026-12-31") as caught:
            question(day)
        assert "\n" not in str(caught.value)


def test_neighbours_are_found_and_refused_at_the_ends(table):
    assert table.next_session(date(2024, 10, 31)).date == date(2024, 11, 1)
    assert table.next_run_session(date(2024, 10, 31)).date == date(2024, 11, 4)
    assert table.previous_session(date(2024, 3, 4)).date == date(2024, 3, 2)
    assert table.previous_run_session(date(2024, 3, 4)).date == date(2024, 3, 1)
    assert table.next_session(date(2017, 12, 31)).date == date(2018, 1, 1)
    assert table.previous_session(date(2027, 1, 1)).date == date(2026, 12, 31)
    for question, day in (
        (table.next_session, date(2026, 12, 31)),
        (table.next_run_session, date(2026, 12, 31)),
        (table.next_session, date(2017, 12, 30)),
        (table.previous_session, date(2018, 1, 1)),
        (table.previous_session, date(2027, 1, 2)),
        (table.previous_run_session, date(2028, 6, 1)),
    ):
        with pytest.raises(UncoveredDate):
            question(day)


def test_between_has_both_ends_and_run_between_only_runs(table):
    days = [s.date for s in table.between(date(2024, 10, 31), date(2024, 11, 4))]
    assert days == [date(2024, 10, 31), date(2024, 11, 1), date(2024, 11, 4)]
    assert [s.date for s in table.run_between(date(2024, 10, 31), date(2024, 11, 4))] == [days[0], days[2]]
    assert table.between(date(2024, 11, 4), date(2024, 10, 31)) == []


OLD = [
    ("pre_open", "09:00", "09:08"),
    ("pre_open_matching", "09:08", "09:12"),
    ("buffer", "09:12", "09:15"),
    ("continuous", "09:15", "15:30"),
    ("post_close", "15:40", "16:00"),
]
AUCTION = [
    ("continuous", "09:15", "15:15"),
    ("closing_reference", "15:15", "15:20"),
    ("closing_auction", "15:20", "15:25"),
    ("closing_auction_limit", "15:25", "15:30"),
    ("closing_matching", "15:30", "15:35"),
    ("post_close", "15:50", "16:00"),
]
LATER_AUCTION = [
    ("continuous", "09:15", "15:30"),
    ("closing_reference", "15:30", "15:31"),
    ("closing_auction", "15:31", "15:36"),
    ("closing_auction_limit", "15:36", "15:40"),
    ("closing_matching", "15:40", "15:45"),
    ("post_close", "15:50", "16:00"),
]
NEW_PRE_OPEN = [
    ("pre_open", "09:00", "09:05"),
    ("pre_open_limit", "09:05", "09:10"),
    ("pre_open_matching", "09:10", "09:12"),
    ("buffer", "09:12", "09:15"),
]


def test_phases_change_on_three_dates_of_2026(table):
    assert spans(the(table, date(2026, 12, 4)), True) == NEW_PRE_OPEN + AUCTION
    assert spans(the(table, date(2026, 12, 7)), True) == NEW_PRE_OPEN + LATER_AUCTION
    assert spans(the(table, date(2026, 12, 7)), False) == [*NEW_PRE_OPEN, OLD[3], AUCTION[-1]]
    last_old, first_auction = the(table, date(2026, 7, 31)), the(table, date(2026, 8, 3))
    assert spans(last_old, True) == spans(last_old, False) == OLD
    assert spans(first_auction, True) == OLD[:3] + AUCTION
    assert spans(first_auction, False) == [*OLD[:4], ("post_close", "15:50", "16:00")]
    assert spans(the(table, date(2026, 9, 4)), True) == OLD[:3] + AUCTION
    assert spans(the(table, date(2026, 9, 7)), True) == NEW_PRE_OPEN + AUCTION
    assert spans(the(table, date(2026, 9, 7)), False) == [*NEW_PRE_OPEN, OLD[3], AUCTION[-1]]


@pytest.mark.parametrize(
    ("day", "closing_auction", "end", "last_fill", "minutes"),
    [
        (date(2026, 7, 31), True, "15:30", "15:30", 375),
        (date(2026, 8, 3), True, "15:15", "15:36", 360),
        (date(2026, 8, 3), False, "15:30", "15:36", 375),
        (date(2026, 12, 4), True, "15:15", "15:36", 360),
        (date(2026, 12, 7), True, "15:30", "15:46", 375),
        (date(2026, 12, 7), False, "15:30", "15:46", 375),
        (date(2026, 2, 1), True, "15:30", "15:30", 375),
        (date(2021, 11, 4), False, "19:15", "19:15", 60),
        (date(2025, 10, 21), False, "14:45", "14:45", 60),
        (date(2024, 3, 2), False, "12:30", "12:30", 105),
        (date(2024, 5, 18), True, "12:30", "12:30", 105),
    ],
)
def test_the_length_and_ends_of_a_session(table, day, closing_auction, end, last_fill, minutes):
    session = the(table, day)
    assert session.continuous_end(closing_auction) == at(day, end)
    assert session.last_fill_at() == at(day, last_fill)
    assert session.minutes(closing_auction) == minutes


@pytest.mark.parametrize(
    ("day", "begins", "ends"),
    [
        (date(2023, 7, 21), "09:00", "16:00"),
        (date(2026, 12, 7), "09:00", "16:00"),
        (date(2021, 11, 4), "18:00", "19:35"),
        (date(2018, 11, 7), "17:15", "18:30"),
        (date(2024, 3, 2), "09:00", "12:50"),
    ],
)
def test_a_session_lasts_from_its_first_to_its_last_phase(table, day, begins, ends):
    session = the(table, day)
    assert (session.begins_at(), session.ends_at()) == (at(day, begins), at(day, ends))
    assert session.has_phase_at(session.begins_at())
    assert not session.has_phase_at(session.begins_at() - timedelta(seconds=1))
    assert not session.has_phase_at(session.ends_at())


def test_a_phase_of_one_kind_of_stock_is_a_phase_of_the_session(table):
    """The closing auction is matched until 15:45, when the other stocks no longer trade."""
    session = the(table, date(2026, 12, 7))
    assert session.phase_at(at(session.date, "15:44"), closing_auction=False) is None
    assert session.has_phase_at(at(session.date, "15:44"))
    assert not session.has_phase_at(at(session.date, "15:45"))


def test_phase_at_holds_the_start_and_not_the_end(table):
    day = date(2026, 11, 23)
    session = the(table, day)

    def kind(clock: str, closing_auction: bool = True) -> PhaseKind | None:
        phase = session.phase_at(at(day, clock), closing_auction)
        return phase.kind if phase else None

    assert kind("08:59:59") is None
    assert kind("09:00") is PhaseKind.PRE_OPEN
    assert kind("09:04:59") is PhaseKind.PRE_OPEN
    assert kind("09:05") is PhaseKind.PRE_OPEN_LIMIT
    assert kind("09:15") is PhaseKind.CONTINUOUS
    assert kind("15:15") is PhaseKind.CLOSING_REFERENCE
    assert kind("15:15", closing_auction=False) is PhaseKind.CONTINUOUS
    assert kind("15:40") is None
    assert kind("15:50") is PhaseKind.POST_CLOSE
    assert kind("16:00") is None
    assert session.phase_at(at(day + timedelta(days=1), "10:00"), True) is None
    assert session.open_at() == at(day, "09:15")


@pytest.mark.parametrize(
    ("day", "clock", "kinds", "taken"),
    [
        (date(2026, 12, 4), "15:14:59", (True,), True),
        (date(2026, 12, 4), "15:15", (True,), False),
        (date(2026, 12, 4), "15:15", (False,), True),
        (date(2026, 12, 4), "15:15", (False, True), False),
        (date(2026, 12, 7), "15:29:59", (False, True), True),
        (date(2026, 12, 7), "15:29:59", (True,), True),
        (date(2026, 12, 7), "15:30", (False,), False),
        (date(2026, 12, 7), "15:31", (True,), False),
    ],
)
def test_changes_are_taken_while_every_possible_kind_trades(table, day, clock, kinds, taken):
    assert the(table, day).takes_changes(at(day, clock), kinds) is taken


@pytest.mark.parametrize(
    ("day", "closing_auction", "from_"),
    [
        (date(2026, 7, 31), True, None),
        (date(2026, 8, 3), True, "15:28"),
        (date(2026, 12, 7), True, "15:38"),
        (date(2026, 12, 7), False, None),
    ],
)
def test_the_auction_may_match_as_soon_as_order_entry_may_end(table, day, closing_auction, from_):
    assert the(table, day).official_close_from(closing_auction) == (at(day, from_) if from_ else None)


def test_a_drill_has_two_parts_with_nothing_between(table):
    day = date(2024, 3, 2)
    session = the(table, day)
    parts = [span[1:] for span in spans(session, False) if span[0] == "continuous"]
    assert parts == [("09:15", "10:00"), ("11:30", "12:30")]
    assert session.phase_at(at(day, "10:30"), False) is None
    assert session.open_at() == at(day, "09:15")


def test_phases_never_overlap_and_one_is_continuous(table):
    for session in table.between(table.first, table.last):
        for closing_auction in (True, False):
            phases = session.phases(closing_auction)
            assert all(p.start < p.end for p in phases)
            assert all(a.end <= b.start for a, b in pairwise(phases))
            assert PhaseKind.CONTINUOUS in {p.kind for p in phases}


def test_the_operators_file_adds_closes_and_changes_dates(tmp_path):
    path = tmp_path / "calendar.csv"
    path.write_text(
        "date,kind,open,close,runs,name\n"
        "2026-11-25,closed,,,,Election\n"
        "2026-11-28,normal,,,,Extra Saturday\n"
        "2026-11-08,muhurat,18:15,19:15,,Diwali\n"
        "2026-12-25,normal,10:00,12:00,no,Short\n"
        "2024-05-18,closed,,,,\n"
    )
    table = SessionTable.load(path)
    assert table.session(date(2026, 11, 25)) is None
    assert table.why_closed(date(2026, 11, 25)) == "Election"
    assert table.why_closed(date(2024, 5, 18)) == "closed by the calendar file"
    saturday = the(table, date(2026, 11, 28))
    assert (saturday.runs, saturday.settles, saturday.minutes(True), saturday.name) == (True, False, 360, "Extra Saturday")
    muhurat = the(table, date(2026, 11, 8))
    assert (muhurat.kind, muhurat.runs, muhurat.open_at()) == (SessionKind.MUHURAT, False, at(date(2026, 11, 8), "18:15"))
    short = the(table, date(2026, 12, 25))
    assert (short.kind, short.runs, short.settles, short.minutes(False)) == (SessionKind.NORMAL, False, True, 120)
    assert table.next_session(date(2026, 11, 23)).date == date(2026, 11, 26)
    assert SessionTable.load().session(date(2026, 11, 25)) is not None


def test_a_later_year_is_covered_only_when_the_operator_says_so(tmp_path):
    path = tmp_path / "calendar.csv"
    path.write_text("date,kind,open,close,runs,name\n2027-01-26,closed,,,,Republic Day\n")
    with pytest.raises(UncoveredDate):
        SessionTable.load(path).session(date(2027, 1, 26))
    path.write_text(path.read_text() + "2027,covered,,,,circular of December 2026\n")
    table = SessionTable.load(path)
    assert table.last == date(2027, 12, 31)
    assert table.why_closed(date(2027, 1, 26)) == "Republic Day"
    assert the(table, date(2027, 1, 27)).minutes(True) == 375
    with pytest.raises(UncoveredDate):
        table.session(date(2028, 1, 3))


def test_covered_years_leave_no_hole(tmp_path):
    path = tmp_path / "calendar.csv"
    path.write_text("date,kind,open,close,runs,name\n2028,covered,,,,circular\n")
    with pytest.raises(ConfigurationError, match="2028 is covered but 2027 is not"):
        SessionTable.load(path)
