"""Run the tests that read a real clock at unusual moments, on a machine of another year, and beside two busy loops.

`make anyday`, or `python -m tests.any_day [busy]` for the busy part alone. Exit code 1 if a test failed anywhere.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.conftest import UNUSUAL
from tradectl.clock import stopwatch

CLOCKS = (
    "tests/integration/cli",
    "tests/integration/host",
    "tests/integration/runtime",
    "tests/integration/telegram",
    "tests/lab/sandboxes/test_read_only_account.py",
    "tests/lab/sandboxes/test_server.py",
    "tests/integration/brokers/test_clock_skew.py",
)
TIMERS = (
    "tests/acceptance/test_kill.py",
    "tests/integration/brokers/kite/test_login.py",
    "tests/integration/brokers/test_transport.py",
    "tests/integration/ledger/test_limits.py",
    "tests/integration/ledger/test_races.py",
    "tests/integration/runtime",
    "tests/lab/sandboxes/test_kite_ticker.py",
    "tests/lab/sandboxes/test_kotak_ticker.py",
)
ANOTHER_YEAR = UNUSUAL["no_calendar"]
HOURS = {"before the first order": "2026-11-25 07:45", "while prices are fetched": "2026-11-25 19:30"}
"""Hours of an ordinary session at which other tasks are due than in trading hours. Every test runs at them."""


def main() -> int:
    parts = [] if sys.argv[1:] == ["busy"] else [*at_moments(), another_machine()]
    with busy_loops(2):
        parts.append(run("two busy loops", TIMERS))
    return int(not all(parts))


def at_moments() -> Iterator[bool]:
    """The tests marked `any_day` are left out at the unusual moments: every run has them at each of these."""
    for name, moment in UNUSUAL.items():
        yield run(f"{name}, {moment}", CLOCKS, "--date", moment, marks="not slow and not any_day")
    for name, moment in HOURS.items():
        yield run(f"{name}, {moment}", CLOCKS, "--date", moment)


def another_machine() -> bool:
    return run(f"a machine of {ANOTHER_YEAR}", CLOCKS, "--machine-date", ANOTHER_YEAR)


def run(name: str, files: Sequence[str], *options: str, marks: str = "not slow") -> bool:
    began = stopwatch()
    line = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "worksteal", "-p", "no:cacheprovider", "-m", marks]
    done = subprocess.run([*line, *options, *files], capture_output=True, text=True, check=False)
    said = done.stdout if done.returncode else done.stdout.splitlines()[-1]
    sys.stdout.write(f"{name}: {'failed' if done.returncode else 'passed'} in {stopwatch() - began:.0f} s: {said}\n")
    sys.stdout.flush()
    return done.returncode == 0


@contextmanager
def busy_loops(number: int) -> Iterator[None]:
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


if __name__ == "__main__":
    sys.exit(main())
