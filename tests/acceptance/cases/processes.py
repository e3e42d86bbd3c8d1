"""The program in a process of its own: its streams, its environment and the machine's clock are what a test says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from tests.support.pinned_clock import pin

Done = subprocess.CompletedProcess[str]
PROGRAM = f"{sys.executable} -m tradectl"


def environment(home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The machine's, with this home and nothing else of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRADECTL_")}
    return {**kept, "TRADECTL_HOME": str(home), **(more or {})}


def shell(line: str, home: Path, more: Mapping[str, str] | None = None) -> Done:
    """Run a line of bash; `tradectl` in it is this program. The exit code is that of the first command that failed."""
    script = f'set -o pipefail; tradectl() {{ {PROGRAM} "$@"; }}; {line}'
    return subprocess.run(
        ["bash", "-c", script], env=environment(home, more), capture_output=True, text=True, check=False, timeout=120
    )


def clock_at(moment: datetime) -> dict[str, str]:
    """The environment of processes whose clock is at this moment when it is made."""
    return {pin.CLOCK: str(pin.seconds_to(moment))}


def cron_words(folder: Path, command: str) -> list[str]:
    """Return how cron runs a command: `/bin/sh -c` with an environment of its own, in which the tests' clock alone is added."""
    clock = [f"{name}={os.environ[name]}" for name in ("PYTHONPATH", pin.CLOCK)]
    own = [f"HOME={folder}", "PATH=/usr/bin:/bin", "SHELL=/bin/sh", "LOGNAME=anna"]
    return ["env", "-i", *own, *clock, "/bin/sh", "-c", command]
