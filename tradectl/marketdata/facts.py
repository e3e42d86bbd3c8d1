"""What is small beside the bars: renames, corporate actions, lists and securities, derived from the archive as one file.

They change with every generation and are written anew each time; the actions are already those of instruments, not of names.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, fields
from datetime import date
from functools import cached_property

from tradectl.marketdata.identity import Rename, Renames
from tradectl.marketdata.purpose import read_actions
from tradectl.model.market import CorporateAction


@dataclass(frozen=True)
class Facts:
    """`names`: old, new, ISO date of each rename; `subjects`: ISO ex-date and subject by instrument, oldest first; `lists`:
    symbols by the list's name; `securities`: name and ISIN by symbol. All as JSON has it, so that it compares."""

    names: list[list[str]]
    subjects: dict[str, list[list[str]]]
    lists: dict[str, list[str]]
    securities: dict[str, list[str]]

    @classmethod
    def of(cls, archive: sqlite3.Connection) -> Facts:
        """What an archive says now. Raises sqlite3.Error."""
        names = [list(row) for row in archive.execute("SELECT old, new, dated FROM renames ORDER BY dated, old")]
        chains = _chains(names)
        subjects: dict[str, list[list[str]]] = {}
        for symbol, ex_date, subject in archive.execute("SELECT symbol, ex_date, subject FROM actions ORDER BY ex_date, symbol"):
            # NSE's list uses today's names for old dates; any other name is the one of its ex-date.
            own = not chains.touches(symbol) or chains.is_last_name(symbol)
            owner = symbol if own else chains.resolve(symbol, date.fromisoformat(ex_date))
            subjects.setdefault(owner, []).append([ex_date, subject])
        lists: dict[str, list[str]] = {}
        securities: dict[str, list[str]] = {}
        for name, symbol, company, isin in archive.execute("SELECT list, symbol, name, isin FROM lists ORDER BY list, symbol"):
            lists.setdefault(name, []).append(symbol)
            securities[symbol] = [company, isin]
        for symbol, company, isin in archive.execute("SELECT symbol, name, isin FROM securities"):
            securities[symbol] = [company, isin]
        return cls(names, subjects, lists, securities)

    @classmethod
    def from_json(cls, content: bytes) -> Facts:
        """What `to_json` wrote."""
        return cls(**json.loads(content))

    def to_json(self) -> bytes:
        content = {field.name: getattr(self, field.name) for field in fields(self)}  # `asdict` would copy every row
        return json.dumps(content, separators=(",", ":")).encode()

    @cached_property
    def renames(self) -> Renames:
        return _chains(self.names)

    def actions(self, instrument_id: str, after: date = date.min, through: date = date.max) -> tuple[CorporateAction, ...]:
        """The actions of an instrument with after < ex-date <= through, oldest first."""
        first, last = after.isoformat(), through.isoformat()
        rows = [row for row in self.subjects.get(instrument_id, ()) if first < row[0] <= last]
        return read_actions(instrument_id, [(date.fromisoformat(ex_date), subject) for ex_date, subject in rows])


def _chains(names: list[list[str]]) -> Renames:
    return Renames(Rename(old, new, date.fromisoformat(dated)) for old, new, dated in names)
