"""What a benchmark answers: rows of two figures, their ratio of each repeat, and the target that the median has to meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

Pair = tuple[float, float]
"""Ours and theirs of one repeat, measured one right after the other."""


class Disagreement(Exception):
    """The two sides do not give the same answer, so their times say nothing."""


@dataclass(frozen=True)
class Target:
    """A bound of the median ratio."""

    bound: float
    least: bool

    def met(self, ratio: float) -> bool:
        return ratio >= self.bound if self.least else ratio <= self.bound

    def __str__(self) -> str:
        return f"{'>=' if self.least else '<='} {self.bound:g}"


def at_least(bound: float) -> Target:
    return Target(bound, least=True)


def at_most(bound: float) -> Target:
    return Target(bound, least=False)


@dataclass(frozen=True)
class Row:
    """One comparison. `ratios` say how many times faster ours is, what share of theirs ours takes (`kind`), or, where there is
    no other side, the figure itself. `ours` and `theirs` are in `unit`, a value a repeat, empty where there is none."""

    name: str
    kind: str
    ratios: tuple[float, ...]
    ours: tuple[float, ...] = ()
    theirs: tuple[float, ...] = ()
    unit: str = "s"
    target: Target | None = None

    @classmethod
    def faster(cls, name: str, pairs: Sequence[Pair], target: Target | None = None) -> Row:
        """How many times faster ours is than theirs."""
        return cls(name, "times faster", tuple(theirs / ours for ours, theirs in pairs), *_sides(pairs), target=target)

    @classmethod
    def share(cls, name: str, pairs: Sequence[Pair], target: Target | None = None, unit: str = "s") -> Row:
        """How much of theirs ours takes."""
        return cls(name, "of theirs", tuple(ours / theirs for ours, theirs in pairs), *_sides(pairs), unit=unit, target=target)

    @classmethod
    def figure(cls, name: str, values: Sequence[float], kind: str, target: Target | None = None) -> Row:
        """A figure that stands alone."""
        return cls(name, kind, tuple(values), unit="", target=target)

    @property
    def ratio(self) -> float:
        return median(self.ratios)

    @property
    def met(self) -> bool | None:
        """Whether the median ratio meets the target; None without one."""
        return None if self.target is None else self.target.met(self.ratio)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "kind": self.kind,
            "ratio": {"min": min(self.ratios), "median": self.ratio, "max": max(self.ratios)},
            "ours": median(self.ours) if self.ours else None,
            "theirs": median(self.theirs) if self.theirs else None,
            "unit": self.unit,
            "repeats": len(self.ratios),
            "target": None if self.target is None else str(self.target),
            "met": self.met,
        }


@dataclass(frozen=True)
class Result:
    """`setting` says on what was measured; `skipped` has a line for each row that could not be."""

    setting: str
    rows: tuple[Row, ...]
    skipped: tuple[str, ...] = ()

    def unjudged(self) -> Result:
        """The same without targets: they are meant for the whole size."""
        return replace(self, rows=tuple(replace(row, target=None) for row in self.rows))

    def as_json(self) -> dict[str, Any]:
        return {"setting": self.setting, "rows": [row.as_json() for row in self.rows], "skipped": list(self.skipped)}


def _sides(pairs: Sequence[Pair]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(ours for ours, _ in pairs), tuple(theirs for _, theirs in pairs)
