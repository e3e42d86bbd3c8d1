"""Measure the time of work, of two pieces of work alternately, and the resource use of whole processes."""

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
    """Return the seconds of one call of `work`.

    The default clock counts processor time, which other work on the machine hardly changes. Pass `perf_counter` for disk waits.
    """
    begun = clock()
    work()
    return clock() - begun


def in_turns(
    ours: Callable[[], object], theirs: Callable[[], object], repeats: int, clock: Callable[[], float] = process_time
) -> list[Pair]:
    """Measure both alternately, `repeats` times, after one unmeasured call of each that compiles, reads and loads."""
    ours()
    theirs()
    return [(seconds(ours, clock), seconds(theirs, clock)) for _ in range(repeats)]


@dataclass(frozen=True)
class Usage:
    """The resource use of a process from start to end: elapsed and processor seconds, peak memory in MB, and its output."""

    elapsed: float
    cpu: float
    peak: float
    output: str


def run_process(command: Sequence[str], environment: Mapping[str, str], folder: Path | None = None) -> Usage:
    """Run a command to its end and return its resource use. Raises RuntimeError with the command's error output.

    A separate small launcher starts the command, because the peak memory of a process includes its parent's memory at the fork.
    """
    words = [sys.executable, "-I", "-S", str(LAUNCHER), *command]
    done = subprocess.run(words, env=dict(environment), cwd=folder, capture_output=True, text=True, check=False)
    first_line, _, output = done.stdout.partition("\n")
    figures = json.loads(first_line) if first_line else {"code": done.returncode}
    if figures["code"]:
        raise RuntimeError(f"{' '.join(command)} ended with {figures['code']}: {done.stderr.strip() or output.strip()}")
    return Usage(figures["elapsed"], figures["cpu"], figures["peak"], output)
