"""Define the result of a benchmark: rows with the figures of two sides, their ratio in each repeat, and a target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

Pair = tuple[float, float]
"""The figures of tradectl and of the other side in one repeat, measured directly one after the other."""


class Disagreement(Exception):
    """The two sides have different results, so their times cannot be compared."""


@dataclass(frozen=True)
class Target:
    """A bound of the median ratio: the least value if `least`, else the greatest."""

    bound: float
    least: bool

    def met(self, ratio: float) -> bool:
        """Return whether a ratio meets the bound."""
        return ratio >= self.bound if self.least else ratio <= self.bound

    def __str__(self) -> str:
        return f"{'>=' if self.least else '<='} {self.bound:g}"


def at_least(bound: float) -> Target:
    """Return a target with a least value."""
    return Target(bound, least=True)


def at_most(bound: float) -> Target:
    """Return a target with a greatest value."""
    return Target(bound, least=False)


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        kind: The meaning of `ratios`: how many times faster tradectl is, its share of the other side, or a figure by itself.
        ratios: One value for each repeat.
        ours, theirs: The figures of both sides in `unit`, one for each repeat; empty for a figure by itself.
        target: The bound that the median of `ratios` must meet; None without one.
    """

    name: str
    kind: str
    ratios: tuple[float, ...]
    ours: tuple[float, ...] = ()
    theirs: tuple[float, ...] = ()
    unit: str = "s"
    target: Target | None = None

    @classmethod
    def faster(cls, name: str, pairs: Sequence[Pair], target: Target | None = None) -> Row:
        """Return a row of how many times faster tradectl is."""
        return cls(name, "times faster", tuple(theirs / ours for ours, theirs in pairs), *_sides(pairs), target=target)

    @classmethod
    def share(cls, name: str, pairs: Sequence[Pair], target: Target | None = None, unit: str = "s") -> Row:
        """Return a row of tradectl's figure as a share of the other side's."""
        return cls(name, "of theirs", tuple(ours / theirs for ours, theirs in pairs), *_sides(pairs), unit=unit, target=target)

    @classmethod
    def figure(cls, name: str, values: Sequence[float], kind: str, target: Target | None = None) -> Row:
        """Return a row of a figure without another side."""
        return cls(name, kind, tuple(values), unit="", target=target)

    @property
    def ratio(self) -> float:
        """Return the median of the ratios."""
        return median(self.ratios)

    @property
    def met(self) -> bool | None:
        """Return whether the median ratio meets the target; None without a target."""
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
    """The result of a benchmark. `setting`: the measured sizes; `skipped`: a line for each row that could not be measured."""

    setting: str
    rows: tuple[Row, ...]
    skipped: tuple[str, ...] = ()

    def unjudged(self) -> Result:
        """Return the result without targets, which apply only to the full sizes."""
        return replace(self, rows=tuple(replace(row, target=None) for row in self.rows))

    def as_json(self) -> dict[str, Any]:
        return {"setting": self.setting, "rows": [row.as_json() for row in self.rows], "skipped": list(self.skipped)}


def _sides(pairs: Sequence[Pair]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(ours for ours, _ in pairs), tuple(theirs for _, theirs in pairs)
