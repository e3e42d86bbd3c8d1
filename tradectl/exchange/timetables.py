"""Build the timetables of ordinary sessions from dated phase rows: the shipped phases.csv and the operator's calendar file.

Each shipped date has a whole timetable, in force until the next date. A row of the operator replaces one phase of the
timetable that is in force on its date, for the stocks that it names. A row without times removes that phase. The resulting
timetable is checked as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, time
from enum import StrEnum
from functools import cache
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from tradectl.errors import ConfigurationError
from tradectl.exchange.phases import Entry, PhaseKind, Timetable
from tradectl.exchange.tables import in_force, rows


class Stocks(StrEnum):
    """Name the stocks to which a phase row applies."""

    ALL = "all"
    CLOSING_AUCTION = "closing_auction"
    """Stocks with derivatives: they have a closing auction."""
    OTHERS = "others"


GROUPS = (Stocks.OTHERS, Stocks.CLOSING_AUCTION)
"""The two kinds of stock. The index is the truth value of `closing_auction`."""
NOT_SEEN = "circular not seen"
"""The mark in `source` of a circular that was read only in quotations."""
_ORDER = {kind: index for index, kind in enumerate(PhaseKind)}
_CLOSING = {PhaseKind.CLOSING_REFERENCE, PhaseKind.CLOSING_AUCTION, PhaseKind.CLOSING_AUCTION_LIMIT, PhaseKind.CLOSING_MATCHING}


class PhaseRow(Struct, frozen=True):
    """Hold one phase from a date on, in IST.

    `start` and `end` are both None where the row removes the phase. `where` names the row of the operator's file; it is
    empty for a shipped row.
    """

    since: date
    stocks: Stocks
    kind: PhaseKind
    start: time | None
    end: time | None
    may_end_from: time | None = None
    source: str = ""
    where: str = ""

    @property
    def groups(self) -> tuple[Stocks, ...]:
        """Return the groups of `GROUPS` to which the row applies."""
        return GROUPS if self.stocks is Stocks.ALL else (self.stocks,)

    def conflicts_with(self, other: PhaseRow) -> bool:
        """Return whether both rows set the same phase from the same date for the same stocks."""
        return self.since == other.since and self.kind is other.kind and bool({*self.groups} & {*other.groups})

    @property
    def seen(self) -> bool:
        """Return whether the source itself was read, not only a quotation."""
        return NOT_SEEN not in self.source

    def check(self) -> None:
        """Check this row alone. Raises ConfigurationError with the row and the field."""
        if (self.start is None) != (self.end is None):
            raise ConfigurationError(f"{self.where}: close: open and close are given together or not at all")
        if self.start is None or self.end is None:
            if self.may_end_from is not None:
                raise ConfigurationError(f"{self.where}: may_end_from: a phase that is removed has no times")
            return
        if self.start >= self.end:
            raise ConfigurationError(f"{self.where}: close: {self.kind} must open before it closes, {_span(self)}")
        if self.may_end_from is not None and not self.start < self.may_end_from < self.end:
            raise ConfigurationError(f"{self.where}: may_end_from: must lie inside the phase, {_span(self)}")


class _Dated(Struct, frozen=True):
    """Hold the rows in force from one date, in order of time, for each group of `GROUPS`."""

    since: date
    rows: tuple[tuple[PhaseRow, ...], tuple[PhaseRow, ...]]
    tables: tuple[Timetable, Timetable]


class Timetables:
    """Hold the timetables of ordinary sessions by date."""

    def __init__(self, own: Sequence[PhaseRow] = ()) -> None:
        """Build the timetables from the shipped rows and the operator's rows (`own`).

        Raises:
            ConfigurationError: The result is not a valid timetable; with file, row and field.
        """
        shipped, added = _by_start(_shipped_rows()), _by_start(own)
        current: tuple[dict[PhaseKind, PhaseRow], ...] = ({}, {})
        self._dated: list[_Dated] = []
        for since in sorted({*shipped, *added}):
            if since in shipped:
                current = _with_rows(({}, {}), shipped[since])
            if since in added:
                current = _with_rows(current, added[since])
            ordered = tuple(tuple(sorted(found.values(), key=_start)) for found in current)
            for group, found in zip(GROUPS, ordered, strict=True):
                if since in added:
                    _check(found, added[since], group)
            self._dated.append(_Dated(since, (ordered[0], ordered[1]), (_table(ordered[0]), _table(ordered[1]))))
        self._starts = [dated.since for dated in self._dated]
        self.own = tuple(own)

    def of(self, day: date) -> tuple[Timetable, Timetable]:
        """Return an ordinary session's timetables: without and with a closing auction. Raises UncoveredDate before the first."""
        return self._in_force(day).tables

    def has_auctions(self, day: date) -> bool:
        """Return whether stocks with derivatives have another timetable than the others on that date."""
        others, auction = self.of(day)
        return others != auction

    def rows(self, day: date) -> tuple[date, tuple[PhaseRow, ...]]:
        """Return the date since which a day's timetable is in force, and its rows in order of time, each once."""
        dated = self._in_force(day)
        others, auction = dated.rows
        only = [replace(row, stocks=Stocks.OTHERS) for row in others if row not in auction]
        only += [replace(row, stocks=Stocks.CLOSING_AUCTION) for row in auction if row not in others]
        return dated.since, tuple(sorted([*(row for row in others if row in auction), *only], key=_start))

    @property
    def starts(self) -> tuple[date, ...]:
        """Return the dates on which a timetable begins, oldest first."""
        return tuple(self._starts)

    def _in_force(self, day: date) -> _Dated:
        return self._dated[in_force(self._starts, day, "timetable")]


@cache
def shipped() -> Timetables:
    """Return the timetables of the package, without the operator's rows."""
    return Timetables()


@cache
def _shipped_rows() -> tuple[PhaseRow, ...]:
    return tuple(
        PhaseRow(
            date.fromisoformat(row["since"]),
            Stocks(row["stocks"]),
            PhaseKind(row["phase"]),
            time.fromisoformat(row["start"]),
            time.fromisoformat(row["end"]),
            time.fromisoformat(row["may_end_from"]) if row["may_end_from"] else None,
            row["source"],
        )
        for row in rows("phases.csv")
    )


def read_phase(text: str, since: date, stocks: Stocks, source: str) -> PhaseRow:
    """Return a phase from a text such as `closing_matching=15:40-15:45`. Raises ConfigurationError for another form."""
    found = re.fullmatch(r"(\w+)=(?:(\d\d:\d\d)-(\d\d:\d\d)(?:~(\d\d:\d\d))?)?", text)
    if not found:
        raise ConfigurationError(f"{text!r} is not a phase with times, such as closing_matching=15:40-15:45")
    kind, *times = found.groups()
    if kind not in set(PhaseKind):
        raise ConfigurationError(f"{text}: a phase is one of {', '.join(PhaseKind)}")
    try:
        start, end, early = (time.fromisoformat(at) if at else None for at in times)
    except ValueError as error:
        raise ConfigurationError(f"{text}: {error}") from error
    row = PhaseRow(since, stocks, PhaseKind(kind), start, end, early, source, where=text)
    row.check()
    return row


def _by_start(found: Iterable[PhaseRow]) -> dict[date, list[PhaseRow]]:
    by_start: dict[date, list[PhaseRow]] = {}
    for row in found:
        by_start.setdefault(row.since, []).append(row)
    return by_start


def _with_rows(current: Sequence[dict[PhaseKind, PhaseRow]], added: Iterable[PhaseRow]) -> tuple[dict[PhaseKind, PhaseRow], ...]:
    """Return the phases of both groups after the rows of one date were applied."""
    result = tuple(dict(found) for found in current)
    for row in added:
        for group in row.groups:
            found = result[GROUPS.index(group)]
            if row.start is None:
                found.pop(row.kind, None)
            else:
                found[row.kind] = row
    return result


def _table(found: Sequence[PhaseRow]) -> Timetable:
    return tuple(
        Entry(row.kind, row.start, row.end, row.may_end_from) for row in found if row.start is not None and row.end is not None
    )


def _check(found: Sequence[PhaseRow], added: Sequence[PhaseRow], group: Stocks) -> None:
    """Check that the phases of one kind of stock make a valid day. Raises ConfigurationError with a row of the operator."""

    def where(*near: PhaseRow) -> str:
        return next((row.where for row in reversed(near) if row.where), added[-1].where)

    for before, after in pairwise(found):
        both = f"{before.kind} {_span(before)} and {after.kind} {_span(after)} of {group} stocks"
        field = "close" if before.where and not after.where else "open"
        if _ORDER[before.kind] > _ORDER[after.kind]:
            raise ConfigurationError(f"{where(before, after)}: {field}: {both} are in the wrong order")
        if _end(before) > _start(after):
            raise ConfigurationError(f"{where(before, after)}: {field}: {both} overlap")
        if _end(before) < _start(after) and after.kind is not PhaseKind.POST_CLOSE:
            raise ConfigurationError(f"{where(before, after)}: {field}: there is a gap between {both}")
    kinds = {row.kind for row in found}
    if PhaseKind.CONTINUOUS not in kinds:
        raise ConfigurationError(f"{where()}: kind: {group} stocks have no {PhaseKind.CONTINUOUS} phase left")
    if kinds & _CLOSING and PhaseKind.CLOSING_MATCHING not in kinds:
        raise ConfigurationError(f"{where()}: kind: the closing auction of {group} stocks has no {PhaseKind.CLOSING_MATCHING}")


def _start(row: PhaseRow) -> time:
    return row.start or time.max


def _end(row: PhaseRow) -> time:
    return row.end or time.max


def _span(row: PhaseRow) -> str:
    return f"{_start(row):%H:%M}-{_end(row):%H:%M}"
