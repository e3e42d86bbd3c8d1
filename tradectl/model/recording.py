"""Define the recording of a session: the runs of tasks, their steps, and each reply of the broker with its moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from msgspec import Struct

from tradectl.errors import TradectlError


class RunHead(Struct, frozen=True):
    """How a run of a task began.

    Attributes:
        at: The moment at which the run was admitted.
        attempt: The number of the claim of this task and slot.
        once: It makes one step of a continuous task.
        every: Seconds between two steps of a continuous task; None for another task.
    """

    task: str
    slot: str
    session: date
    at: datetime
    attempt: int = 1
    trigger: str = ""
    force: bool = False
    once: bool = False
    every: int | None = None

    @property
    def name(self) -> str:
        """Return the task with its slot."""
        return f"{self.task} {self.slot}".strip()


class Call(Struct, frozen=True):
    """One call to the broker.

    Attributes:
        kind: The method, such as `orders` or `place`.
        at: The moment of the reply.
        arguments: The arguments as JSON values, by name.
        value: The reply; None if the call raised `error`.
    """

    kind: str
    at: datetime
    arguments: dict[str, Any] = {}
    value: Any = None
    error: TradectlError | None = None


@dataclass(slots=True)
class RecordedStep:
    """One step of a run, from `at` to `ended`, which is None if its end is not recorded."""

    number: int
    at: datetime
    calls: list[Call] = field(default_factory=list)
    ended: datetime | None = None


@dataclass(slots=True)
class RecordedRun:
    """One run of a task by one process.

    Attributes:
        number: What identifies it in its file.
        broker: The broker's name.
        capabilities: What the broker declared, as JSON values.
        before: The calls between the start of the process and the first step.
        ended: Its end; None if the recording does not have it.
    """

    number: str
    head: RunHead
    broker: str
    capabilities: dict[str, Any]
    before: list[Call] = field(default_factory=list)
    steps: list[RecordedStep] = field(default_factory=list)
    ended: datetime | None = None

    @property
    def until(self) -> datetime:
        """Return the last moment up to which the run is recorded."""
        ends = [step.ended for step in self.steps if step.ended is not None]
        return max([self.head.at, *ends, *([self.ended] if self.ended is not None else [])])


class Recording(Struct, frozen=True):
    """The recording of one session.

    Attributes:
        runs: In the order of their begin.
        gaps: What is missing: after which moment, and a line for people.
    """

    runs: Sequence[RecordedRun]
    gaps: tuple[tuple[datetime, str], ...] = ()


class Divergence(Struct, frozen=True):
    """A command that a replay sent otherwise than the recorded run, or not at all.

    Attributes:
        recorded, replayed: Quantity and price (paise) of the command; None if that side did not send it.
    """

    at: datetime
    task: str
    slot: str
    symbol: str
    command: str
    recorded: dict[str, Any] | None
    replayed: dict[str, Any] | None
