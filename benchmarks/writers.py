"""Measure how long one of several writers waits for the ledger: with the queue of `ledger/write_queue.py`, and with SQLite alone.

Eight processes write to one file as the program does: a claim's heartbeat and a log line in a durable commit. One run has no
pause, which is more load than a trading day. The other run has some milliseconds between two writes. Each figure of the queue is
also shown as a ratio to the same run without the queue, because seconds depend on the disk.

    python benchmarks/writers.py
"""

# ruff: noqa: T201, PLR0917

from __future__ import annotations

import argparse
import multiprocessing
import multiprocessing.synchronize
import random
import sys
import tempfile
from dataclasses import dataclass
from datetime import date
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from time import perf_counter

from tradectl.clock import SystemClock
from tradectl.ledger.executions import Claim
from tradectl.ledger.migrations import create_or_upgrade
from tradectl.ledger.opening import open_database
from tradectl.ledger.process_identity import current_identity
from tradectl.ledger.store import Ledger
from tradectl.streams import secure, wait_for_reader

CLOCK = SystemClock()
DAY = date(2026, 1, 7)
PAUSES = (0.0, 0.005)
"""The mean pauses between two writes of a process, in seconds."""


@dataclass(frozen=True)
class Measured:
    """The result of all writers: the seconds that each write waited, the fewest writes of one process, and its length."""

    waits: list[float]
    fewest: int
    seconds: float

    @property
    def rate(self) -> float:
        """Return the writes a second of all processes."""
        return len(self.waits) / self.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(f"{arguments.processes} writers for {arguments.seconds:g} s, the median of {arguments.rounds} rounds")
    for pause in PAUSES:
        print(f"\npause {pause * 1000:g} ms       longest wait   one in 1000     median   writes a second   fewest of a process")
        rounds = [
            (measure(arguments, pause, queue=False), measure(arguments, pause, queue=True)) for _ in range(arguments.rounds)
        ]
        alone, queued = ([figures(pair[index]) for pair in rounds] for index in (0, 1))
        show("SQLite alone", alone)
        show("with the queue", queued)
        ratios = [median(two[n] / one[n] for one, two in zip(alone, queued, strict=True)) for n in (0, 3)]
        print(f"ratio            {ratios[0]:9.3f}                                   {ratios[1]:9.2f}")


def figures(measured: Measured) -> tuple[float, float, float, float, float]:
    """Return longest wait, wait exceeded by 1 in 1000, median wait (seconds), writes a second, and fewest writes."""
    waits = sorted(measured.waits)
    return waits[-1], waits[int(len(waits) * 0.999)], waits[len(waits) // 2], measured.rate, measured.fewest


def show(name: str, rounds: list[tuple[float, float, float, float, float]]) -> None:
    """Print one line with the medians of the rounds."""
    longest, rare, middle, rate, fewest = (median(column) for column in zip(*rounds, strict=True))
    print(f"{name:15s}  {longest * 1000:9.1f} ms  {rare * 1000:9.1f} ms  {middle * 1000:6.2f} ms  {rate:12.0f}  {fewest:16.0f}")
    sys.stdout.flush()


def measure(arguments: argparse.Namespace, pause: float, *, queue: bool) -> Measured:
    """Let all processes write for some seconds, starting at the same moment."""
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        database = open_database(path)
        create_or_upgrade(database)
        Ledger(database, "asha").users.add("asha", capital=1, created_at=CLOCK.now(), role="admin")
        database.close()
        barrier = spawn.Barrier(arguments.processes)
        pipes, children = [], []
        for number in range(arguments.processes):
            ours, theirs = spawn.Pipe(duplex=False)
            work = (str(path), number, arguments.seconds, pause, queue, barrier, theirs)
            children.append(spawn.Process(target=write, args=work))
            pipes.append(ours)
            children[-1].start()
        found = [pipe.recv() for pipe in pipes]
        for child in children:
            child.join()
    return Measured([wait for waits in found for wait in waits], min(len(waits) for waits in found), arguments.seconds)


def write(
    path: str,
    number: int,
    seconds: float,
    pause: float,
    queue: bool,
    barrier: multiprocessing.synchronize.Barrier,
    pipe: Connection,
) -> None:
    """Write in one process until the time is over; send the seconds that each write waited before it began."""
    database = open_database(path)
    if not queue:
        database.queue_path = None
    ledger = Ledger(database, "asha")
    now, waits = CLOCK.now(), []
    held = ledger.executions.claim("work", DAY, str(number), owner=current_identity(), trigger="manual", machine_now=now, now=now)
    assert isinstance(held, Claim)
    database.close()
    barrier.wait()
    end = perf_counter() + seconds
    while (began := perf_counter()) < end:
        with database.write():
            waits.append(perf_counter() - began)
            ledger.executions.beat(held, now)
            ledger.logs.append(now, "info", "written", "a line of the log")
        if pause:
            CLOCK.sleep(random.uniform(0, 2 * pause))
    database.close()
    pipe.send(waits)


if __name__ == "__main__":
    secure()
    wait_for_reader()
    main()
