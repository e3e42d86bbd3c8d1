"""A trading day by hand: the commands in their order, as a person would type them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Step:
    """One command of a day: its task and options, and when it is typed. `repeats`: there is an earlier one for its slot."""

    session: str
    time: str
    words: tuple[str, ...]
    slot: str = ""
    repeats: bool = False

    @property
    def at(self) -> str:
        return f"{self.session} {self.time}"

    @property
    def task(self) -> str:
        return self.words[0]

    @property
    def again(self) -> tuple[str, ...]:
        """The words that mean this run at any later time."""
        return (self.task, "--session", self.session, *(("--slot", self.slot) if self.slot else ()))


HOURS = ("09:30", "10:30", "11:30", "12:30", "13:30", "14:30", "15:30")
BEFORE = {hour: f"{hour[:3]}29" for hour in HOURS}
"""The last minute before each."""


def morning(session: str) -> list[Step]:
    return [
        Step(session, "08:00", ("premarket-retry",), "08:00"),
        Step(session, "08:40", ("premarket-retry",), "08:40"),
        Step(session, "09:05", ("amo-adjust",)),
    ]


def evening(session: str) -> list[Step]:
    return [
        Step(session, "16:00", ("analyze",)),
        Step(session, "16:05", ("buy",)),
        Step(session, "18:00", ("eod",)),
    ]


def trading_hours(session: str) -> list[Step]:
    """The sell monitor from hour to hour, and the position monitor between; the last hour of it goes to the close."""
    steps = [Step(session, "09:15", ("sell-monitor", "--until", BEFORE[HOURS[0]]))]
    for hour, following in pairwise(HOURS):
        steps.append(Step(session, hour, ("position-monitor",), hour))
        until = () if following == HOURS[-1] else ("--until", BEFORE[following])
        steps.append(Step(session, hour, ("sell-monitor", *until), repeats=True))
    return [*steps, Step(session, HOURS[-1], ("position-monitor",), HOURS[-1])]


def day(session: str) -> list[Step]:
    """A whole day."""
    return morning(session) + trading_hours(session) + evening(session)
