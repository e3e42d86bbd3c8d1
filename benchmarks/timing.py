"""Stopwatches: two pieces of work in turns, and whole processes with what they used of the machine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

from benchmarks.form import Pair

__all__ = ["Usage", "in_turns", "perf_counter", "process_time", "run_process", "seconds"]

LAUNCHER = Path(__file__).with_name("launch.py")


def seconds(work: Callable[[], object], clock: Callable[[], float] = process_time) -> float:
    """How long one piece of work takes. Of computing the processor's seconds, which other work on the machine changes little;
    of waiting for a disk `perf_counter`."""
    begun = clock()
    work()
    return clock() - begun


def in_turns(
    ours: Callable[[], object], theirs: Callable[[], object], repeats: int, clock: Callable[[], float] = process_time
) -> list[Pair]:
    """Both, `repeats` times in turns; what is compiled, read or loaded only once is done before."""
    ours()
    theirs()
    return [(seconds(ours, clock), seconds(theirs, clock)) for _ in range(repeats)]


@dataclass(frozen=True)
class Usage:
    """What a process took from its start to its end: seconds, those of the processor, its peak memory in MB, and its output."""

    elapsed: float
    cpu: float
    peak: float
    output: str


def run_process(command: Sequence[str], environment: Mapping[str, str], folder: Path | None = None) -> Usage:
    """Run a command to its end. RuntimeError with its own words where it fails.

    A small launcher of its own starts it: the peak memory of a process begins with what its parent held when it was made.
    """
    words = [sys.executable, "-I", "-S", str(LAUNCHER), *command]
    done = subprocess.run(words, env=dict(environment), cwd=folder, capture_output=True, text=True, check=False)
    told, _, output = done.stdout.partition("\n")
    figures = json.loads(told) if told else {"code": done.returncode}
    if figures["code"]:
        raise RuntimeError(f"{' '.join(command)} ended with {figures['code']}: {done.stderr.strip() or output.strip()}")
    return Usage(figures["elapsed"], figures["cpu"], figures["peak"], output)
