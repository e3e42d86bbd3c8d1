"""Run checks: a failed check is a finding, and the next one still runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from tradectl.errors import TradectlError


class State(StrEnum):
    FINE = "fine"
    LOOK = "look"
    """A person should check it; the day can be traded."""
    WRONG = "wrong"
    """The day cannot be traded, or not correctly."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `exit_code`: 0 but for what is wrong; then that of the error which a task would end with."""

    check: str
    state: State
    text: str
    exit_code: int = 0


class Worth(Exception):
    """Raised by a check: nothing is wrong, but a person should check it."""


Check = Callable[[], str]
"""Returns the text of a passed check; raises Worth, or the error that a task would raise."""


def run(checks: Iterable[tuple[str, Check]]) -> Iterator[Finding]:
    """Yield a finding of each check, in their order."""
    for name, check in checks:
        try:
            yield Finding(name, State.FINE, check())
        except Worth as worth:
            yield Finding(name, State.LOOK, str(worth))
        except TradectlError as error:
            yield Finding(name, State.WRONG, " ".join(str(error).split()), error.exit_code)
