"""The beat of a claim while its work goes on: a thread in real time, a look at the machine's clock in simulated time."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING

from tradectl.errors import DatabaseError
from tradectl.ledger.executions import Claim, Executions, Fenced

if TYPE_CHECKING:
    from tradectl.ports import Clock


class Heartbeat:
    """Keeps a claim alive inside a `with` block, three beats to a lease. `check()` raises Fenced once it is lost."""

    def __init__(self, executions: Executions, claim: Claim, clock: Clock) -> None:
        self.executions = executions
        self.claim = claim
        self.clock = clock
        self.interval = executions.lease / 3
        self._lost: Fenced | None = None
        self._last = clock.machine_now()
        self._ended = threading.Event()
        self._thread = None if clock.virtual else threading.Thread(target=self._beat_until_ended, daemon=True)

    def __enter__(self) -> Heartbeat:
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def check(self) -> None:
        """Between steps: beat if it is time and no thread does it."""
        if self._lost is not None:
            raise self._lost
        if self._thread is None:
            now = self.clock.machine_now()
            if now - self._last >= self.interval:
                self._last = now
                self.executions.beat(self.claim, now)

    def _beat_until_ended(self) -> None:
        while not self._ended.wait(self.interval.total_seconds()):
            try:
                self.executions.beat(self.claim, self.clock.machine_now())
            except Fenced as fenced:
                self._lost = fenced
                break
            except DatabaseError:
                continue  # the work will meet the same trouble and tell it; if it passes, the claim still holds
        self.executions.database.leave_thread()
