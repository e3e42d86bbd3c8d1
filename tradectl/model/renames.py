"""Find the instrument of a symbol on a date, by dated chains of renames.

A rename old -> new dated d means that bars under `old` before d belong to the company that is named `new` from d on. From d on,
another company may use `old`. The instrument id is the last name of the chain. If another company takes that name on a date t,
the id of the earlier company is `NAME~t`.

A new rename therefore changes the id of an instrument. Records outside the market data keep the symbol of their day. Their id is
derived again from it (`owner`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from msgspec import Struct

LATE = timedelta(days=10)
"""How long after a rename a record under the old symbol still means the renamed company: a broker or our list may be late."""


class Rename(Struct, frozen=True):
    """Represent a change of a symbol. `dated`: the first day of the new symbol."""

    old: str
    new: str
    dated: date


class Renames:
    """Resolve symbols to instrument ids and back. A symbol without a rename is its own instrument id."""

    def __init__(self, renames: Iterable[Rename]) -> None:
        self._leaving: dict[str, list[Rename]] = {}
        self._arriving: dict[str, list[Rename]] = {}
        for rename in sorted(renames, key=lambda rename: (rename.dated, rename.old)):
            self._leaving.setdefault(rename.old, []).append(rename)
            self._arriving.setdefault(rename.new, []).append(rename)

    def __iter__(self) -> Iterator[Rename]:
        """Yield the renames, by old symbol."""
        return (rename for leaving in self._leaving.values() for rename in leaving)

    def touches(self, symbol: str) -> bool:
        """Return whether any rename has this name on either side."""
        return symbol in self._leaving or symbol in self._arriving

    def is_last_name(self, symbol: str) -> bool:
        """Return whether a symbol ends a chain: there is a rename to this symbol, and no later one away from it."""
        arrivals = self._arriving.get(symbol, [])
        return bool(arrivals) and self.leave_after(symbol, arrivals[-1].dated) is None

    def may_be_former(self, instrument_id: str) -> bool:
        """Return whether an id that was stored under an earlier list may be another one now.

        That is so after a rename away from it, and after two companies came to it. An id `NAME~t` stays."""
        return instrument_id in self._leaving or len(self._arriving.get(instrument_id, ())) > 1

    def owner(self, symbol: str, day: date) -> str:
        """Return the instrument id of the company that a record of a day means by a symbol.

        Up to `LATE` after a rename, a record under the old symbol means the renamed company, unless another one came to it."""
        past = [rename.dated for rename in self._leaving.get(symbol, ()) if rename.dated <= day]
        if not past or day - past[-1] >= LATE:
            return self.resolve(symbol, day)
        taken = any(past[-1] <= rename.dated <= day for rename in self._arriving.get(symbol, ()))
        return self.resolve(symbol, day if taken else past[-1] - timedelta(days=1))

    def owner_of(self, instrument_id: str, symbol: str, day: date) -> str:
        """Return the present id of a record with the stored `instrument_id`, which names `symbol` on a day."""
        return self.owner(symbol, day) if self.may_be_former(instrument_id) else instrument_id

    def resolve(self, symbol: str, session: date) -> str:
        """Return the instrument id of the company that had a symbol on a session."""
        name, since, moved = symbol, session, False
        while (rename := self.leave_after(name, since)) is not None:
            name, since, moved = rename.new, rename.dated, True
        arrivals = [rename.dated for rename in self._arriving.get(name, ())]
        held = moved or bool(arrivals and arrivals[0] <= since)
        later = arrivals[bisect_right(arrivals, since) :]
        return f"{name}~{later[0]}" if held and later else name

    def name_on(self, instrument_id: str, session: date) -> str:
        """Return the symbol of an instrument on a session."""
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
        """Return all symbols that an instrument has had, the newest first."""
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
        """Return the last rename away from a symbol, for messages about the present symbol; None without one."""
        leaving = self._leaving.get(symbol)
        return leaving[-1] if leaving else None

    def leave_after(self, symbol: str, day: date) -> Rename | None:
        """Return the first rename away from `symbol` that is dated later than `day`; None without one."""
        leaving = self._leaving.get(symbol, [])
        index = bisect_right(leaving, day, key=lambda rename: rename.dated)
        return leaving[index] if index < len(leaving) else None
