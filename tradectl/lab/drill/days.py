"""Make the days of a drill: a synthetic market, and for each of its last sessions an account that has traded until then.

A day begins with the analysis of one session and ends with the reconciliation of the next session. So it contains every task,
and every order begins and ends within it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from itertools import pairwise
from pathlib import Path

from msgspec import Struct

from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.synthetic import make_market
from tradectl.model.moment import at_ist

LAST = date(2025, 10, 31)
"""The last session of the market. A holiday and a stock split are shortly before it."""
SESSIONS = 18
COMPANIES = 10
MONITOR_EVERY = 125
"""Minutes between two steps of the sell monitor, so that a drill takes a tenth of the time."""
SETTINGS = {
    "universe": "demo",
    "capital_per_trade": "40000",
    "max_positions": "6",
    "amo_adjust_reprice": "on",
    "preopen_orders": "on",  # has an effect only for a broker without after-market orders
}
SCHEDULE = {"premarket-retry": ["08:00"], "position-monitor": ["10:30"]}
"""Times that differ from the declared schedule: these tasks run once a day."""


class DrillStep(Struct, frozen=True):
    """A run of one task. `closes`: the latest start; `until`: the end of a monitor's loop (None: its scheduled end)."""

    task: str
    session: date
    at: datetime
    closes: datetime
    until: datetime | None = None

    @property
    def name(self) -> str:
        return f"{self.task} of {self.session}"


class DrillDay(Struct, frozen=True):
    """The time from the evening of the session `decided` to the evening of the session `traded`."""

    number: int
    decided: date
    traded: date

    @property
    def begins(self) -> datetime:
        """Return the moment before the first step: 15:50 IST of the session `decided`."""
        return at_ist(self.decided, time(15, 50))

    def evening(self) -> list[DrillStep]:
        """Return the steps of the evening of the session `decided`."""
        return [_step(self.decided, *words) for words in EVENING]

    def morning(self) -> list[DrillStep]:
        """Return the steps of the trading hours of the session `traded`."""
        return [_step(self.traded, *words) for words in MORNING]

    def steps(self) -> list[DrillStep]:
        """Return the steps of the whole day, earliest first."""
        return [*self.evening(), *self.morning(), _step(self.traded, "eod", "18:00", "23:59")]


EVENING = (("analyze", "16:00", "22:45"), ("buy", "16:05", "23:00"), ("eod", "18:00", "23:59"))
MORNING = (
    ("premarket-retry", "08:00", "08:55"),
    ("amo-adjust", "09:05", "09:07"),
    ("sell-monitor", "09:15", "10:29", "10:29"),
    ("position-monitor", "10:30", "15:30"),
    ("sell-monitor", "10:31", "15:30"),
)


def _step(session: date, task: str, at: str, closes: str, until: str = "") -> DrillStep:
    def moment(text: str) -> datetime:
        return at_ist(session, time.fromisoformat(text))

    return DrillStep(task, session, moment(at), moment(closes), moment(until) if until else None)


def days(sessions: SessionTable) -> list[DrillDay]:
    """Return the days of the drill, oldest first."""
    held = [session.date for session in sessions.run_between(date(LAST.year, 1, 1), LAST)][-SESSIONS - 1 :]
    return [DrillDay(number, decided, traded) for number, (decided, traded) in enumerate(pairwise(held))]


def make(market: Path, sessions: SessionTable) -> None:
    """Write the synthetic market to the folder, unless it is already there."""
    done = market / "made"
    if not done.exists():
        make_market(market, sessions, last=LAST, symbols=COMPANIES)
        done.touch()


Saved = Callable[[DrillDay], None]


def prepare(all_days: Sequence[DrillDay], run: Callable[[DrillStep], None], save: Saved) -> None:
    """Run the steps of all days by `run`, and call `save` before each day begins."""
    for day in all_days:
        save(day)
        for step in day.steps()[:-1]:
            run(step)
