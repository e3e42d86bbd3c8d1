"""Send what a run has to say: the messages of the outbox, and the pings of the dead-man's switch."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tradectl.errors import DatabaseError
from tradectl.model.moment import ist_date

if TYPE_CHECKING:
    from tradectl.runtime.outcomes import Report
    from tradectl.world import World

RETRY_DELIVERY = timedelta(minutes=5)
"""How long a loop does not try to send messages after no service accepted one."""


class Delivery:
    """Sends the messages and pings of one runner."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._failed_at: datetime | None = None
        self._started = False

    def send(self) -> None:
        """Send the waiting messages. An error of the ledger changes no report: the messages stay in the outbox."""
        outbox = self._world.ledger.outbox
        with suppress(DatabaseError):
            outbox.deliver(self._world.notifier, self._world.clock)
            self._failed_at = self._world.clock.now() if outbox.failed else None

    def between_steps(self) -> None:
        """Send the waiting messages, unless no service accepted one in the last minutes: each try delays the next step."""
        if self._failed_at is None or abs(self._world.clock.now() - self._failed_at) >= RETRY_DELIVERY:
            self.send()

    def ping_start(self, task: str) -> None:
        """Report the start of a run to the dead-man's switch."""
        if self._world.pings is not None:
            self._world.pings.start(task)
            self._started = True

    def ping_end(self, report: Report) -> None:
        """Report the end of a run to the dead-man's switch, also that a day without a session needs no run."""
        started, self._started = self._started, False
        if self._world.pings is None or not (started or report.outcome == "not_a_session"):
            return
        text = f"{report.task} {report.slot}".strip() + f": {report.outcome}, exit code {report.exit_code}"
        self._world.pings.end(report.task, report.exit_code, text)

    def finish_pings(self) -> None:
        """Wait some seconds for the replies of the dead-man's switch: no task waits for them.

        A ping that did not arrive is logged once for each day and cause, and changes nothing else."""
        trouble = self._world.pings.finish() if self._world.pings is not None else ""
        if trouble:
            now, key = self._world.clock.now(), f"ping_failed.{self._world.user}"[:64]
            with suppress(DatabaseError):
                if self._world.ledger.info.get(key) != (seen := f"{ist_date(now)} {trouble}"):
                    self._world.ledger.info.set(key, seen)
                    line = f"{trouble}: the dead-man's switch may report a task as missing; the tasks are not affected"
                    self._world.ledger.logs.append(now, "warning", "ping_failed", line)
