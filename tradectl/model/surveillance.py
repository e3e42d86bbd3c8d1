"""Define NSE's surveillance measures, and find the lists that are in force on a date.

GSM (graded), ESM (enhanced) and the two ASM (additional) measures have one list each. A list has every security under its
measure, and is in force from its date until the next list of the same measure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from enum import StrEnum

from msgspec import Struct

GOOD_FOR = timedelta(days=7)
"""How long a list counts as recent. NSE publishes each list on every trading day, and reviews GSM and ASM every few days."""


class Measure(StrEnum):
    """A surveillance measure. The archive stores these values."""

    GSM = "gsm"
    ESM = "esm"
    LONG_ASM = "asm_long"
    SHORT_ASM = "asm_short"


TITLES = {
    Measure.GSM: "GSM",
    Measure.ESM: "ESM",
    Measure.LONG_ASM: "long-term ASM",
    Measure.SHORT_ASM: "short-term ASM",
}
"""The names of the measures in messages."""
EXCLUDING = (Measure.GSM, Measure.ESM, Measure.LONG_ASM)
"""Measures of which any stage excludes a share from the universe. Short-term ASM is only shown."""


class MeasureList(Struct, frozen=True):
    """The list of one measure.

    `dated`: the date from which it is in force. `stages`: the stage (such as `0` or `II`) of each security by instrument id.
    """

    measure: Measure
    dated: date
    stages: Mapping[str, str]

    def label(self, instrument_id: str) -> str:
        """Return the measure, the stage and the list's date, such as `GSM 0 by the list of 2026-11-27`."""
        return f"{self.stage(instrument_id)} by the list of {self.dated}"

    def stage(self, instrument_id: str) -> str:
        """Return the measure and the stage, such as `GSM 0`."""
        return f"{TITLES[self.measure]} {self.stages[instrument_id]}".strip()


class Surveillance(Struct, frozen=True):
    """The lists in force on a session, by measure. A measure without an imported list is absent."""

    session: date
    lists: Mapping[Measure, MeasureList] = {}

    def excluding(self, instrument_id: str) -> str:
        """Return the measures that exclude an instrument from the universe, with stages and dates; empty if there are none."""
        return "; ".join(item.label(instrument_id) for item in self._of(instrument_id, EXCLUDING))

    def stages(self, instrument_id: str) -> str:
        """Return all measures of an instrument with their stages, with short-term ASM; empty if it is on no list."""
        return ", ".join(item.stage(instrument_id) for item in self._of(instrument_id, tuple(Measure)))

    def excluded(self) -> frozenset[str]:
        """Return the instruments that are on an excluding list."""
        return frozenset(name for measure in EXCLUDING if measure in self.lists for name in self.lists[measure].stages)

    def named(self) -> frozenset[str]:
        """Return the instruments that are on any list."""
        return frozenset(name for item in self.lists.values() for name in item.stages)

    def doubt(self) -> str:
        """Return one line with the excluding lists that are missing or old; empty if all are recent."""
        missing = [TITLES[measure] for measure in EXCLUDING if measure not in self.lists]
        old = [
            f"{TITLES[measure]} of {self.lists[measure].dated}"
            for measure in EXCLUDING
            if measure in self.lists and self.session - self.lists[measure].dated > GOOD_FOR
        ]
        parts = [f"no list of {', '.join(missing)} is stored"] if missing else []
        parts += [f"the newest list is old: {', '.join(old)}"] if old else []
        return "; ".join(parts)

    def _of(self, instrument_id: str, measures: tuple[Measure, ...]) -> list[MeasureList]:
        found = (self.lists[measure] for measure in measures if measure in self.lists)
        return [item for item in found if instrument_id in item.stages]


class Spell(Struct, frozen=True):
    """A span of dates on which an instrument is excluded: `first` <= date < `end`, as ordinals."""

    first: int
    end: int


Spells = tuple[Spell, ...]


def is_excluded(spells: Spells, day: date) -> bool:
    """Return whether a date lies in one of the spells."""
    ordinal = day.toordinal()
    return any(spell.first <= ordinal < spell.end for spell in spells)
