"""A task in a process of its own: `python -m tests.integration.runtime.child DATABASE SHIFT TASK [SLOT]`.

SHIFT is in seconds from the machine's time, so that every process of a test lives in the same day. `hourly` always fails.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path

from tests.integration.runtime.stage import ShiftedClock, Stage, stage
from tradectl.clock import SystemClock
from tradectl.context import Context
from tradectl.errors import BrokerUnavailable
from tradectl.exchange.sessions import SessionTable
from tradectl.task import Outcome


class SharedClock(ShiftedClock):
    """A clock by its shift from the machine's time, in seconds."""

    def __init__(self, shift: float) -> None:
        self._shift = timedelta(seconds=shift)


def shift_to(moment: datetime) -> float:
    return (moment - SystemClock().machine_now()).total_seconds()


def stage_of(path: Path, shift: float, lease: timedelta | None = None) -> Stage:
    return stage(path, SessionTable.load(), SharedClock(shift), lease=lease)


def broken(context: Context) -> Outcome:
    raise BrokerUnavailable("the network is down")


def main() -> int:
    path, shift, name, *slot = sys.argv[1:]
    made = stage_of(Path(path), float(shift))
    made.calls.script["hourly"] = broken
    return made.run(name, slot=slot[0] if slot else None).exit_code


if __name__ == "__main__":
    sys.exit(main())
