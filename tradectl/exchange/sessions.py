"""Give the sessions of NSE by date, with their kind and phases.

The table covers whole years. A date outside it raises `UncoveredDate`, because a guess could trade on a closed day. Weekdays
are sessions unless holidays.csv has them. special_sessions.csv opens some of those and some weekends.
settlement_holidays.csv has the sessions on which nothing settles. The operator's file (`overrides`) overrides all of them,
may add years, and may change the phases of ordinary sessions (`timetables`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache, cached_property
from pathlib import Path

from tradectl.errors import UncoveredDate
from tradectl.exchange.overrides import (
    Override,
    OverrideKind,
    Overrides,
    cover_year,
    read_overrides,
    remove_override,
    write_override,
)
from tradectl.exchange.phases import CLOSING_ENTRY, Entry, Phase, PhaseKind, Timetable
from tradectl.exchange.provisional import keep_provisional, read_provisional
from tradectl.exchange.tables import FIRST, rows
from tradectl.exchange.timetables import Timetables, shipped
from tradectl.model.moment import at_ist

__all__ = [
    "Override", "OverrideKind", "Overrides", "Phase", "PhaseKind", "Session", "SessionKind", "SessionTable",
    "cover_year", "read_overrides", "remove_override", "write_override",
]  # fmt: skip

FILL_YEAR = "`tradectl data sessions fetch` fills a new year, or `tradectl data sessions import FILE` with NSE's saved list"
"""The commands that add a missing year."""
UNKNOWN_HOURS: Timetable = (Entry(PhaseKind.CONTINUOUS, time(21, 0), time(21, 0)),)
"""The hours of a Muhurat session before the exchange announces them: an empty phase at 21:00, so no moment lies in it. Every
known Muhurat session ended by 19:35, so the bars of the day are complete after 21:00."""
_DAY = timedelta(days=1)
_WEEKEND = {5: "Saturday", 6: "Sunday"}


class SessionKind(StrEnum):
    """Name the kinds of sessions."""

    NORMAL = "normal"
    MUHURAT = "muhurat"
    """An hour of trading on Diwali."""
    DRILL = "drill"
    """Trading in two parts, in which the exchange tests its disaster recovery site."""


@dataclass(frozen=True)
class Session:
    """Hold one trading date. All moments that its methods return are aware, in UTC.

    Args:
        runs: Whether the tasks run on it.
        settles: Whether it counts as a day for T+1 settlement.
        hours: Its timetable (IST); empty for that of an ordinary day.
        tables: The timetables without and with a closing auction, where the operator's file changes the shipped ones.
    """

    date: date
    kind: SessionKind
    runs: bool
    settles: bool
    name: str
    source: str
    hours: Timetable = ()
    tables: tuple[Timetable, Timetable] | None = None
    provisional: bool = False
    """Whether no holiday list covers the date, and quotes or a bhavcopy showed an open market. Nothing is bought on it."""

    @property
    def hours_known(self) -> bool:
        """Return whether the exchange has announced the hours. Nothing trades in a session without hours."""
        return self.hours != UNKNOWN_HOURS

    def phases(self, closing_auction: bool) -> tuple[Phase, ...]:
        """Return the phases in order, for stocks with or without a closing auction. There may be gaps between them."""
        return self._auction_phases if closing_auction else self._ordinary_phases

    def phase_at(self, moment: datetime, closing_auction: bool) -> Phase | None:
        """Return the phase that contains an aware moment; None between phases and outside the session."""
        for phase in self.phases(closing_auction):
            if phase.start <= moment < phase.end:
                return phase
        return None

    def begins_at(self) -> datetime:
        """Return the start of the first phase of all stocks (09:00 on an ordinary day): the exchange accepts orders from then."""
        return min(self._ordinary_phases[0].start, self._auction_phases[0].start)

    def ends_at(self) -> datetime:
        """Return the end of the last phase of all stocks."""
        return max(self._ordinary_phases[-1].end, self._auction_phases[-1].end)

    def has_phase_at(self, moment: datetime) -> bool:
        """Return whether a phase of any stock contains an aware moment."""
        return any(self.phase_at(moment, closing_auction) is not None for closing_auction in (False, True))

    def open_at(self) -> datetime:
        """Return the start of continuous trading."""
        return self._opens

    def continuous_end(self, closing_auction: bool) -> datetime:
        """Return the end of continuous trading, of its last part if it has two."""
        return (self._auction_continuous if closing_auction else self._ordinary_continuous)[-1].end

    def takes_changes(self, moment: datetime, closing_auctions: Iterable[bool]) -> bool:
        """Return whether the moment is in continuous trading for each given kind of stock. Pass both for an unknown kind."""
        for closing_auction in closing_auctions:
            phase = self.phase_at(moment, closing_auction)
            if phase is None or phase.kind is not PhaseKind.CONTINUOUS:
                return False
        return True

    def reference_end(self, closing_auction: bool) -> datetime | None:
        """Return when the closing auction's reference price is known; None without a closing auction.

        At that moment the exchange ends resting orders whose limit is outside the auction's price band."""
        found = (phase.end for phase in self.phases(closing_auction) if phase.kind is PhaseKind.CLOSING_REFERENCE)
        return next(found, None)

    def official_close_from(self, closing_auction: bool) -> datetime | None:
        """Return the earliest moment at which the closing auction may match; None without a closing auction.

        No trade happens between the end of continuous trading and the match.
        """
        entry = [phase for phase in self.phases(closing_auction) if phase.kind in CLOSING_ENTRY]
        if entry:
            return entry[-1].may_end_from or entry[-1].end
        return next((phase.start for phase in self.phases(closing_auction) if phase.kind is PhaseKind.CLOSING_MATCHING), None)

    def last_fill_at(self) -> datetime:
        """Return the moment after which a resting order can have no new fill.

        It is the end of continuous trading, or one minute after the end of the closing auction's matching if that is later.
        """
        return self._last_fill_at

    def minutes(self, closing_auction: bool) -> int:
        """Return the minutes of continuous trading, all parts together."""
        return self._auction_minutes if closing_auction else self._ordinary_minutes

    def _dated(self, closing_auction: bool) -> tuple[Phase, ...]:
        def utc(at: time) -> datetime:
            return at_ist(self.date, at).astimezone(UTC)

        return tuple(
            Phase(kind, utc(start), utc(end), utc(may_end_from) if may_end_from else None)
            for kind, start, end, may_end_from in self._timetable(closing_auction)
        )

    def _timetable(self, closing_auction: bool) -> Timetable:
        """Return the phases in IST, for stocks with or without a closing auction."""
        return self.hours or (self.tables or shipped().of(self.date))[closing_auction]

    @cached_property
    def _ordinary_phases(self) -> tuple[Phase, ...]:
        return self._dated(closing_auction=False)

    @cached_property
    def _auction_phases(self) -> tuple[Phase, ...]:
        return self._dated(closing_auction=True)

    @cached_property
    def _ordinary_continuous(self) -> tuple[Phase, ...]:
        return tuple(phase for phase in self._ordinary_phases if phase.kind is PhaseKind.CONTINUOUS)

    @cached_property
    def _auction_continuous(self) -> tuple[Phase, ...]:
        return tuple(phase for phase in self._auction_phases if phase.kind is PhaseKind.CONTINUOUS)

    @cached_property
    def _opens(self) -> datetime:
        start = next(entry.start for entry in self._timetable(closing_auction=False) if entry.kind is PhaseKind.CONTINUOUS)
        return at_ist(self.date, start).astimezone(UTC)

    @cached_property
    def _ordinary_minutes(self) -> int:
        return _minutes(self._timetable(closing_auction=False))

    @cached_property
    def _auction_minutes(self) -> int:
        return _minutes(self._timetable(closing_auction=True))

    @cached_property
    def _last_fill_at(self) -> datetime:
        phases = (*self._ordinary_phases, *self._auction_phases)
        matching = [phase.end + timedelta(minutes=1) for phase in phases if phase.kind is PhaseKind.CLOSING_MATCHING]
        return max(self._ordinary_continuous[-1].end, self._auction_continuous[-1].end, *matching)


def _minutes(table: Timetable) -> int:
    """Return the minutes of continuous trading, all parts together. No part crosses midnight."""
    return sum(_second(entry.end) - _second(entry.start) for entry in table if entry.kind is PhaseKind.CONTINUOUS) // 60


def _second(at: time) -> int:
    return (at.hour * 60 + at.minute) * 60 + at.second


class SessionTable:
    """Hold all sessions from `first` to `last`, both included. Other dates raise UncoveredDate, except in `candidate`."""

    def __init__(
        self,
        special: Mapping[date, Session],
        closed: Mapping[date, str],
        first: date,
        last: date,
        timetables: Timetables | None = None,
        *,
        calendar: Path | None = None,
        provisional: Mapping[date, str] | None = None,
    ) -> None:
        """Create the table. It creates each ordinary session at its first use, because a command uses few of thousands.

        Args:
            special: Sessions that differ from an ordinary weekday, by date.
            closed: Names of holidays and other closures, by date.
            calendar: The operator's calendar file, beside which provisional sessions are stored. None stores none.
            provisional: Weekdays beyond the list on which the market was open, with the proof of each.
        """
        self.first, self.last = first, last
        self.listed_through = last
        """The end of the last year whose holiday list is known. Provisional sessions can make `last` later."""
        self.timetables = timetables or shipped()
        self.provisional: Mapping[date, str] = {}
        self._calendar = calendar
        self._closed = dict(closed)
        dates = map(date.fromordinal, range(first.toordinal(), last.toordinal() + 1))
        self._days = [day for day in dates if day in special or (day.weekday() not in _WEEKEND and day not in closed)]
        self._run_days = [day for day in self._days if day not in special or special[day].runs]
        self._open = frozenset(self._days)
        self._made = {day: session for day, session in special.items() if day in self._open}
        for day, proof in (provisional or {}).items():
            self._add_provisional(day, proof)

    @classmethod
    def load(cls, overrides: Path | None = None) -> SessionTable:
        """Return the shipped tables, changed by the operator's file if it exists, with its provisional sessions.

        Raises:
            ConfigurationError: The file is not valid.
        """
        if overrides is None:
            return _shipped()
        found, provisional = read_overrides(overrides), read_provisional(overrides)
        if found == Overrides() and not provisional:
            table = copy(_shipped())
            table._calendar = overrides
            return table
        return _build(found, overrides, provisional)

    def candidate(self, day: date) -> Session | None:
        """Return a provisional session with ordinary hours for a weekday beyond the list.

        Return None for any other date, and for a date that the operator's file has closed.
        """
        if day <= self.listed_through or day.weekday() in _WEEKEND or day in self._closed:
            return None
        name = f"no list of {day.year}'s holidays is known"
        session = Session(day, SessionKind.NORMAL, True, True, name, "quotes of the broker", provisional=True)
        return _with_tables(session, self.timetables)

    def admit(self, day: date, proof: str) -> bool:
        """Add a weekday beyond the list as a session and store it for later processes. Return False if the write fails.

        `proof` names the market data that showed an open market.
        """
        self._add_provisional(day, proof)
        return self._calendar is None or keep_provisional(self._calendar, day, proof)

    def undecided(self, before: date) -> list[date]:
        """Return the weekdays beyond the list and before a date for which no market data shows whether the exchange was open.

        They have no session: `session` returns None up to `last` and raises UncoveredDate after it.
        """
        span = range(self.listed_through.toordinal() + 1, before.toordinal())
        return [day for day in map(date.fromordinal, span) if day not in self.provisional and self.candidate(day) is not None]

    def _add_provisional(self, day: date, proof: str) -> None:
        """Add a provisional session. Copied tables share the collections, so this replaces them and changes none in place."""
        session = self.candidate(day)
        if session is None or day in self.provisional:
            return
        self.last = max(self.last, day)
        self.provisional = {**self.provisional, day: proof}
        self._days = sorted([*self._days, day])
        self._run_days = sorted([*self._run_days, day])
        self._open = self._open | {day}
        self._made = {**self._made, day: session}

    def session(self, day: date) -> Session | None:
        """Return the session of a date, None if the exchange is closed. Raises UncoveredDate outside the table."""
        found = self._made.get(day)
        if found is None:
            if day in self._open:
                return self._of(day)
            if not self.first <= day <= self.last:
                raise self._uncovered(day)
        return found

    def why_closed(self, day: date) -> str:
        """Return why a date has no session, such as `Sunday` or a holiday's name. Return an empty text for a session."""
        if self.session(day):
            return ""
        unknown = f"nothing shows that it was a session: no list of {day.year}'s holidays is known"
        unknown = unknown if day > self.listed_through else "closed"
        return self._closed.get(day) or _WEEKEND.get(day.weekday(), unknown)

    def next_session(self, after: date) -> Session:
        """Return the first session later than `after`."""
        return self._next(self._days, after)

    def previous_session(self, before: date) -> Session:
        """Return the last session earlier than `before`."""
        return self._previous(self._days, before)

    def next_run_session(self, after: date) -> Session:
        """Return the first session later than `after` on which the tasks run."""
        return self._next(self._run_days, after)

    def previous_run_session(self, before: date) -> Session:
        """Return the last session earlier than `before` on which the tasks run."""
        return self._previous(self._run_days, before)

    def between(self, first: date, last: date) -> list[Session]:
        """Return all sessions from `first` to `last`, both included, oldest first."""
        return self._slice(self._days, first, last)

    def run_between(self, first: date, last: date) -> list[Session]:
        """Return the sessions of `between` on which the tasks run."""
        return self._slice(self._run_days, first, last)

    def _of(self, day: date) -> Session:
        """Return the session of a date of the table."""
        found = self._made.get(day)
        if found is None:
            ordinary = Session(day, SessionKind.NORMAL, True, True, "", "a weekday that is not in holidays.csv")
            found = self._made[day] = _with_tables(ordinary, self.timetables)
        return found

    def _next(self, days: list[date], after: date) -> Session:
        index = bisect_right(days, after)
        if after < self.first - _DAY or index == len(days):
            raise self._uncovered(after, "the session after ")
        return self._of(days[index])

    def _previous(self, days: list[date], before: date) -> Session:
        index = bisect_left(days, before) - 1
        if before > self.last + _DAY or index < 0:
            raise self._uncovered(before, "the session before ")
        return self._of(days[index])

    def _slice(self, days: list[date], first: date, last: date) -> list[Session]:
        for day in (first, last):
            if not self.first <= day <= self.last:
                raise self._uncovered(day)
        return [self._of(day) for day in days[bisect_left(days, first) : bisect_right(days, last)]]

    def _uncovered(self, day: date, what: str = "") -> UncoveredDate:
        hint = f". {FILL_YEAR}" if day >= self.listed_through else ""
        return UncoveredDate(f"{what}{day} is not known: the session table covers {self.first} to {self.listed_through}{hint}")


@cache
def _shipped() -> SessionTable:
    return _build(Overrides(), None, {})


def _build(overrides: Overrides, path: Path | None, provisional: Mapping[date, str]) -> SessionTable:
    last = date(overrides.last_year(path), 12, 31)
    timetables = Timetables(overrides.phases) if overrides.phases else shipped()
    closed = {date.fromisoformat(row["date"]): row["name"] for row in rows("holidays.csv")}
    unsettled = {session.date: session for session in map(_unsettled, rows("settlement_holidays.csv"))}
    special = unsettled | {session.date: session for session in map(_special, rows("special_sessions.csv"))}
    for day, override in overrides.days.items():
        special.pop(day, None)
        closed.pop(day, None)
        if override.kind is OverrideKind.CLOSED:
            closed[day] = override.name or "closed by the calendar file"
        else:
            special[day] = _overridden(override, path, settles=day not in unsettled)
    special = {day: _with_tables(session, timetables) for day, session in special.items()}
    return SessionTable(special, closed, FIRST, last, timetables, calendar=path, provisional=provisional)


def _with_tables(session: Session, timetables: Timetables) -> Session:
    """Return the session with the operator's timetables if they differ from the shipped ones on its date."""
    if not timetables.own or session.hours:
        return session
    own = timetables.of(session.date)
    return session if own == shipped().of(session.date) else replace(session, tables=own)


def _unsettled(row: Mapping[str, str]) -> Session:
    """Return the session of a row of settlement_holidays.csv: an ordinary session on which banks and clearing are closed."""
    return Session(date.fromisoformat(row["date"]), SessionKind.NORMAL, True, False, row["name"], row["source"])


def _special(row: Mapping[str, str]) -> Session:
    """Return the session of a row of special_sessions.csv. A row without `HH:MM-HH:MM` has the hours of an ordinary day."""
    hours: list[Entry] = []
    for entry, trading in (("pre_open", "continuous"), ("pre_open_2", "continuous_2")):
        if row[trading]:
            opens, closes = _range(row[trading])
            if row[entry]:
                start, end = _range(row[entry])
                hours += [Entry(PhaseKind.PRE_OPEN, start, end), Entry(PhaseKind.PRE_OPEN_MATCHING, end, opens)]
            hours.append(Entry(PhaseKind.CONTINUOUS, opens, closes))
    if row["post_close"]:
        hours.append(Entry(PhaseKind.POST_CLOSE, *_range(row["post_close"])))
    runs, settles = row["runs"] == "yes", row["settles"] == "yes"
    day, kind = date.fromisoformat(row["date"]), SessionKind(row["kind"])
    return Session(day, kind, runs, settles, row["name"], row["source"], tuple(hours))


def _range(text: str) -> tuple[time, time]:
    start, end = text.split("-")
    return time.fromisoformat(start), time.fromisoformat(end)


def _overridden(override: Override, path: Path | None, *, settles: bool) -> Session:
    """Return a session that the operator added.

    Only a weekday of kind NORMAL settles. `settles` is False if the shipped table has the date as a settlement holiday.
    """
    plain = override.kind in {OverrideKind.NORMAL, OverrideKind.UNSETTLED}
    kind = SessionKind.NORMAL if plain else SessionKind(override.kind.value)
    hours: Timetable = ()
    if override.open and override.close:
        hours = (Entry(PhaseKind.CONTINUOUS, override.open, override.close),)
    elif override.kind is OverrideKind.MUHURAT:
        hours = UNKNOWN_HOURS
    settled = settles and override.kind is OverrideKind.NORMAL and override.date.weekday() not in _WEEKEND
    return Session(override.date, kind, override.runs, settled, override.name, str(path), hours)
