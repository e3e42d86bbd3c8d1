"""Count the function calls from one file to another in a minute in which the sell monitor lowers one sell.

    python -m benchmarks.moves [SESSIONS]

A reader who follows such a minute must open another file at each of these calls. The script measures this checkout. To compare,
run it with another checkout's `tradectl` on PYTHONPATH. Only calls between two files of the package count.
"""

# ruff: noqa: T201

from __future__ import annotations

import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import tradectl
from benchmarks.market import calendar, home
from benchmarks.simulate import WARM_UP, copy_of
from tradectl.runtime.stepping import Stepping
from tradectl.streams import secure, wait_for_reader

PACKAGE = str(Path(tradectl.__file__).parent)
COMMAND = "OrderPath.modify"


class Minutes:
    """The calls between files in each step that lowered exactly one sell."""

    def __init__(self) -> None:
        self.counts: list[int] = []
        self.edges: Counter[tuple[str, str]] = Counter()

    def watched(self, step: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return `Stepping.step` with its calls counted."""

        def counted(stepping: Any) -> Any:
            edges: Counter[tuple[str, str]] = Counter()
            commands = 0

            def profile(frame: FrameType, event: str, _argument: object) -> None:
                nonlocal commands
                caller = frame.f_back
                if event != "call" or caller is None:
                    return
                callee, source = frame.f_code.co_filename, caller.f_code.co_filename
                if callee != source and callee.startswith(PACKAGE) and source.startswith(PACKAGE):
                    edges[_short(source), _short(callee)] += 1
                commands += frame.f_code.co_qualname == COMMAND

            sys.setprofile(profile)
            try:
                return step(stepping)
            finally:
                sys.setprofile(None)
                if commands == 1:
                    self.counts.append(sum(edges.values()))
                    self.edges += edges

        return counted


def _short(path: str) -> str:
    return path.removeprefix(PACKAGE).lstrip("/")


def main() -> int:
    """Simulate a few sessions; print the median number of calls and the most frequent pairs of files."""
    from tradectl.cli.app import main as run

    sessions = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    minutes = Minutes()
    Stepping.step = minutes.watched(Stepping.step)  # type: ignore[method-assign, assignment]
    days = [day.date for day in calendar().run_between(calendar().first, calendar().last)][WARM_UP:]
    with tempfile.TemporaryDirectory() as folder:
        market = copy_of(home(20, WARM_UP + sessions + 40), Path(folder) / "home")
        words = ["simulate", "--from", days[0].isoformat(), "--to", days[sessions - 1].isoformat(), "--universe", "all"]
        sys.argv = ["tradectl", "--home", str(market), "-q", *words]
        try:
            run()
        except SystemExit as ended:
            if ended.code:
                return int(ended.code)
    if not minutes.counts:
        print("no minute lowered exactly one sell, so there is no figure")
        return 1
    print(
        f"{len(minutes.counts)} minutes that lower one sell: {statistics.median(minutes.counts):g} calls between files (median)"
    )
    for (source, callee), count in minutes.edges.most_common(40):
        print(f"{count / len(minutes.counts):8.1f}  {source} -> {callee}")
    return 0


if __name__ == "__main__":
    secure()
    wait_for_reader()
    sys.exit(main())
