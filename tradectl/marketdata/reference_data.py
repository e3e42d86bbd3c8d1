"""Store reference data in one derived file: renames, corporate actions, decisions, lists and securities.

The file is small and is written completely for every generation. Actions are stored by instrument, not by symbol.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

from tradectl.model.market import ActionKind, CorporateAction
from tradectl.model.renames import Rename, Renames

if TYPE_CHECKING:
    from tradectl.marketdata.action_list import Decision


@dataclass(frozen=True)
class ReferenceData:
    """Hold the reference data of one generation in the types of JSON, so that two states can be compared.

    Attributes:
        names: Old name, new name and ISO date of each rename.
        subjects: ISO ex-date and subject of the announcements, by instrument, oldest first.
        lists: Symbols by the name of the list.
        securities: Company name and ISIN by symbol.
        decisions: ISO ex-date, verdict, ratio, note and time, by instrument.
        undecided: ISO ex-dates of the unknown actions that the operator has not decided, by instrument.
    """

    names: list[list[str]]
    subjects: dict[str, list[list[str]]]
    lists: dict[str, list[str]]
    securities: dict[str, list[str]]
    decisions: dict[str, list[list[str]]]
    undecided: dict[str, list[str]]

    @classmethod
    def of(cls, archive: sqlite3.Connection) -> ReferenceData:
        """Return the current reference data of an archive. Raises sqlite3.Error."""
        names = [list(row) for row in archive.execute("SELECT old, new, dated FROM renames ORDER BY dated, old")]
        chains = _chains(names)
        subjects: dict[str, list[list[str]]] = {}
        for symbol, ex_date, subject in archive.execute("SELECT symbol, ex_date, subject FROM actions ORDER BY ex_date, symbol"):
            subjects.setdefault(_owner(chains, symbol, ex_date), []).append([ex_date, subject])
        decisions: dict[str, list[list[str]]] = {}
        for symbol, *decided in archive.execute(
            "SELECT symbol, ex_date, verdict, ratio, note, decided_at FROM action_decisions ORDER BY ex_date, symbol"
        ):
            decisions.setdefault(_owner(chains, symbol, decided[0]), []).append(decided)
        lists: dict[str, list[str]] = {}
        securities: dict[str, list[str]] = {}
        for name, symbol, company, isin in archive.execute("SELECT list, symbol, name, isin FROM lists ORDER BY list, symbol"):
            lists.setdefault(name, []).append(symbol)
            securities[symbol] = [company, isin]
        for symbol, company, isin in archive.execute("SELECT symbol, name, isin FROM securities"):
            securities[symbol] = [company, isin]
        known = cls(names, subjects, lists, securities, decisions, {})
        known.undecided.update((owner, days) for owner in subjects if (days := known._undecided(owner)))
        return known

    @classmethod
    def from_json(cls, content: bytes) -> ReferenceData:
        """Return the reference data that `to_json` wrote."""
        return cls(**json.loads(content))

    def to_json(self) -> bytes:
        """Return the reference data as UTF-8 JSON."""
        content = {field.name: getattr(self, field.name) for field in fields(self)}  # `asdict` would copy every row
        return json.dumps(content, separators=(",", ":")).encode()

    @cached_property
    def renames(self) -> Renames:
        """Return the chains of renames."""
        return _chains(self.names)

    def actions(self, instrument_id: str, after: date = date.min, through: date = date.max) -> tuple[CorporateAction, ...]:
        """Return the actions of an instrument with after < ex-date <= through, oldest first."""
        first, last = after.isoformat(), through.isoformat()
        found = self._read(instrument_id, self.subjects.get(instrument_id, ()))
        return tuple(action for action in found if first < action.ex_date.isoformat() <= last)

    def ex_dates(self) -> Iterator[tuple[str, str]]:
        """Yield the ISO ex-date and the instrument of every announcement and decision."""
        for rows in (self.subjects, self.decisions):
            yield from ((row[0], owner) for owner, of_owner in rows.items() for row in of_owner)

    def _read(self, instrument_id: str, rows: Iterable[Sequence[str]]) -> tuple[CorporateAction, ...]:
        announced = [(date.fromisoformat(ex_date), subject) for ex_date, subject in rows]
        decided = self.decisions.get(instrument_id, ())
        if not announced and not decided:
            return ()
        from tradectl.marketdata.action_list import read_actions

        return read_actions(instrument_id, announced, [_decision(row) for row in decided])

    def _undecided(self, instrument_id: str) -> list[str]:
        """Return the ISO ex-dates of an instrument's unknown actions. Texts about dividends and meetings are skipped."""
        from tradectl.marketdata.purpose import speaks_of_shares

        rows = [row for row in self.subjects[instrument_id] if speaks_of_shares(row[1])]
        found = self._read(instrument_id, rows) if rows else ()
        return sorted({action.ex_date.isoformat() for action in found if action.kind is ActionKind.UNKNOWN})


def _owner(chains: Renames, symbol: str, ex_date: str) -> str:
    """Return the instrument id of a symbol in NSE's list of actions.

    NSE uses today's symbols for old ex-dates. A symbol that is not the last of its chain is resolved on the ex-date.
    A list from before a rename has the former symbol, also for ex-dates after it."""
    own = not chains.touches(symbol) or chains.is_last_name(symbol)
    return symbol if own else chains.owner(symbol, date.fromisoformat(ex_date))


def _decision(row: Sequence[str]) -> Decision:
    from tradectl.marketdata.action_list import Decision

    ex_date, verdict, ratio, note, decided_at = row
    known = Fraction(ratio) if ratio and ratio != DEMERGER else None
    return Decision(date.fromisoformat(ex_date), verdict == "set", known, note, decided_at)


DEMERGER = "demerger"
"""Stored ratio of a decision that the event of an ex-date is a demerger."""


def _chains(names: list[list[str]]) -> Renames:
    return Renames(Rename(old, new, date.fromisoformat(dated)) for old, new, dated in names)
