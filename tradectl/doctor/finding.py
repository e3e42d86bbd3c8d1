"""Run checks: a failed check is a finding, and the next one still runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

from msgspec import Struct

from tradectl.errors import TradectlError


class State(StrEnum):
    """The state that a check found."""

    FINE = "fine"
    LOOK = "look"
    """A person should check it; the day can be traded."""
    WRONG = "wrong"
    """The day cannot be traded, or not correctly."""


class Finding(Struct, frozen=True):
    """The result of one check. `exit_code`: that of the error with which a task would end if the state is WRONG, else 0."""

    check: str
    state: State
    text: str
    exit_code: int = 0


class NeedsAttention(Exception):
    """Raised by a check: nothing is wrong, but a person should check it."""


Check = Callable[[], str]
"""Returns the text of a passed check; raises NeedsAttention, or the error that a task would raise."""


def run(checks: Iterable[tuple[str, Check]]) -> Iterator[Finding]:
    """Yield a finding of each check, in their order."""
    for name, check in checks:
        try:
            yield Finding(name, State.FINE, check())
        except NeedsAttention as attention:
            yield Finding(name, State.LOOK, str(attention))
        except TradectlError as error:
            yield Finding(name, State.WRONG, " ".join(str(error).split()), error.exit_code)
