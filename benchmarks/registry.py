"""List the benchmarks and find one by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from benchmarks.form import Result

NAMES = ("indicators", "panel_store", "analyze", "sweep", "backtest_rate", "simulate", "recording", "growth")


@dataclass(frozen=True)
class Benchmark:
    """A benchmark. `measure(quick)` runs it; quick means smaller panels and fewer repeats, only to check that it runs."""

    name: str
    summary: str
    measure: Callable[[bool], Result]


def find(name: str) -> Benchmark:
    """Return a benchmark by its name. Raises KeyError for an unknown name."""
    if name not in NAMES:
        raise KeyError(name)
    module = import_module(f"benchmarks.{name}")
    return Benchmark(name, (module.__doc__ or "").splitlines()[0], module.measure)
