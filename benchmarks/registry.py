"""Which benchmarks there are, and how one is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from benchmarks.form import Result

NAMES = ("indicators", "panel_store", "analyze", "sweep", "backtest_rate", "simulate", "growth")


@dataclass(frozen=True)
class Benchmark:
    """`measure` takes whether to be quick: smaller panels and fewer repeats, to see that it runs."""

    name: str
    summary: str
    measure: Callable[[bool], Result]


def find(name: str) -> Benchmark:
    """A benchmark by its name. KeyError for one that is not there."""
    if name not in NAMES:
        raise KeyError(name)
    module = import_module(f"benchmarks.{name}")
    return Benchmark(name, (module.__doc__ or "").splitlines()[0], module.measure)
