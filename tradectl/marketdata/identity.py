"""Find the company of a symbol on a date, by dated chains of renames.

A rename old -> new dated d means: bars under `old` before d belong to the company that is `new` from d on. From d on, `old` is
free and another company may use it. The instrument id is the last name of the chain. If another chain takes that name over on
a date t, the id of the earlier holder is `NAME~t`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Rename:
    old: str
    new: str
    dated: date


class Renames:
    """Both ways along the chains. Names without a rename are themselves."""

    def __init__(self, renames: Iterable[Rename]) -> None:
        self._leaving: dict[str, list[Rename]] = {}
        self._arriving: dict[str, list[Rename]] = {}
        for rename in sorted(renames, key=lambda rename: (rename.dated, rename.old)):
            self._leaving.setdefault(rename.old, []).append(rename)
            self._arriving.setdefault(rename.new, []).append(rename)

    def touches(self, symbol: str) -> bool:
        """Return whether any rename has this name on either side."""
        return symbol in self._leaving or symbol in self._arriving

    def is_last_name(self, symbol: str) -> bool:
        """Return the end of a chain: renamed to, and never away afterwards."""
        arrivals = self._arriving.get(symbol, [])
        return bool(arrivals) and self._leave_after(symbol, arrivals[-1].dated) is None

    def resolve(self, symbol: str, session: date) -> str:
        """Return the instrument id behind `symbol` as named on `session`."""
        name, since, moved = symbol, session, False
        while (rename := self._leave_after(name, since)) is not None:
            name, since, moved = rename.new, rename.dated, True
        arrivals = [rename.dated for rename in self._arriving.get(name, ())]
        held = moved or bool(arrivals and arrivals[0] <= since)
        later = arrivals[bisect_right(arrivals, since) :]
        return f"{name}~{later[0]}" if held and later else name

    def name_on(self, instrument_id: str, session: date) -> str:
        """Return what an instrument was called on a session."""
        name, _, taken = instrument_id.partition("~")
        before = date.fromisoformat(taken) if taken else date.max
        while True:
            arrivals = self._arriving.get(name)
            if not arrivals:
                return name
            index = bisect_left(arrivals, before, key=lambda rename: rename.dated) - 1
            if index < 0 or arrivals[index].dated <= session:
                return name
            name, before = arrivals[index].old, arrivals[index].dated

    def names_of(self, instrument_id: str) -> tuple[str, ...]:
        """Return every name that an instrument has had, the newest first."""
        name, _, taken = instrument_id.partition("~")
        before, names = date.fromisoformat(taken) if taken else date.max, [name]
        while arrivals := self._arriving.get(name):
            index = bisect_left(arrivals, before, key=lambda rename: rename.dated) - 1
            if index < 0:
                break
            name, before = arrivals[index].old, arrivals[index].dated
            names.append(name)
        return tuple(dict.fromkeys(names))

    def renamed_to(self, symbol: str) -> Rename | None:
        """Return the last rename away from a name, for messages about its present name."""
        leaving = self._leaving.get(symbol)
        return leaving[-1] if leaving else None

    def _leave_after(self, symbol: str, day: date) -> Rename | None:
        """Return the first rename away from `symbol` dated later than `day`."""
        leaving = self._leaving.get(symbol, [])
        index = bisect_right(leaving, day, key=lambda rename: rename.dated)
        return leaving[index] if index < len(leaving) else None
