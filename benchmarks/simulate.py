"""Sessions a second of `simulate` with one-minute steps, against an earlier commit.

The earlier program comes from the repository's history, with its own benchmarks. Both programs run alternately on the same
market. Without the history (a downloaded archive, a shallow clone) this row is skipped.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from benchmarks.form import Pair, Result, Row, at_least
from benchmarks.market import calendar, home

ROOT = Path(__file__).resolve().parents[1]
EARLIER_COMMIT = "77214e2"
"""The commit before a step read the book once (`docs/decisions/a-step-reads-the-book-once.md`)."""
WARM_UP = 260
"""Sessions before the first simulated session. Without them no instrument has enough bars."""


@dataclass(frozen=True)
class Program:
    """A version of tradectl in the folder `code`, with its own home."""

    code: Path
    home: Path

    def seconds_a_session(self, first: date, last: date) -> float:
        """Return the seconds that one simulated session takes, without the start of the process. Raises RuntimeError."""
        words = ["simulate", "--from", first.isoformat(), "--to", last.isoformat(), "--universe", "all", "--json"]
        command = [sys.executable, "-m", "tradectl", "--home", str(self.home), *words]
        done = subprocess.run(  # cwd is `code`, because `-m` searches it before PYTHONPATH
            command, env=environment(self.code), cwd=self.code, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}: {(done.stderr or done.stdout).strip()}")
        return 1 / float(json.loads(done.stdout)["result"]["sessions_per_second"])


def environment(code: Path) -> Mapping[str, str]:
    """Return this process's environment with tradectl from `code` and without TRADECTL_ variables.

    Python may store the compiled modules of both sides. Otherwise each start would compile tradectl's source again, while the
    installed libraries of the other side are compiled.
    """
    own = {name for name in os.environ if name.startswith("TRADECTL_")} | {"PYTHONDONTWRITEBYTECODE"}
    kept = {name: value for name, value in os.environ.items() if name not in own}
    return kept | {"PYTHONPATH": str(code), "OMP_NUM_THREADS": "1"}


def measure(quick: bool) -> Result:
    """Compare a simulated session with the same session at the earlier commit."""
    symbols, sessions, repeats = (6, 4, 1) if quick else (50, 40, 3)
    days = [day.date for day in calendar().run_between(calendar().first, calendar().last)][WARM_UP:]
    first, last = days[0], days[sessions - 1]
    setting = f"{symbols} symbols, {sessions} sessions from {first}, one-minute steps"
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        here = Program(ROOT, copy_of(home(symbols, WARM_UP + sessions + 40), base / "here"))
        then = _unpack_earlier(base / "code")
        here.seconds_a_session(first, days[1])  # derives the data that is derived only once
        if then is None:
            rate = [1 / here.seconds_a_session(first, last) for _ in range(repeats)]
            missing = f"commit {EARLIER_COMMIT} is not in the history of this checkout"
            return Result(setting, (Row.figure("simulated sessions", rate, "a second"),), (missing,))
        past = Program(then, base / "past")
        _make_home(past, symbols, WARM_UP + sessions + 40)
        past.seconds_a_session(first, days[1])
        pairs: list[Pair] = [(here.seconds_a_session(first, last), past.seconds_a_session(first, last)) for _ in range(repeats)]
    rate = [1 / ours for ours, _ in pairs]
    rows = Row.faster("a simulated session", pairs, at_least(1.5)), Row.figure("simulated sessions", rate, "a second")
    return Result(setting, rows)


def copy_of(source: Path, target: Path) -> Path:
    return Path(shutil.copytree(source, target))


def _make_home(program: Program, symbols: int, sessions: int) -> None:
    """Write the same market by the earlier program and its benchmarks, because it cannot read a later version's archive."""
    words = (
        f"from benchmarks.market import home; import shutil; shutil.copytree(home({symbols}, {sessions}), {str(program.home)!r})"
    )
    subprocess.run([sys.executable, "-c", words], env=environment(program.code), cwd=program.code, check=True)


def _unpack_earlier(folder: Path) -> Path | None:
    """Return the folder with the unpacked commit EARLIER_COMMIT; None if the history does not contain it."""
    try:
        found = subprocess.run(
            ["git", "archive", EARLIER_COMMIT, "tradectl", "benchmarks"], cwd=ROOT, capture_output=True, check=False
        )
    except FileNotFoundError:
        return None
    if found.returncode:
        return None
    with tarfile.open(fileobj=io.BytesIO(found.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder
