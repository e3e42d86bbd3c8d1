"""What a check finds, and how checks are run: one that fails is a finding, and the next one runs all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from tradectl.errors import TradectlError


class State(StrEnum):
    FINE = "fine"
    LOOK = "look"
    """A person should look at it; as far as is known the day can be traded."""
    WRONG = "wrong"
    """The day cannot be traded, or not as it should be."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `exit_code`: 0 but for what is wrong; then that of the error which a task would end with."""

    check: str
    state: State
    text: str
    exit_code: int = 0


class Worth(Exception):
    """Raised by a check: nothing is wrong, and a person should look all the same."""


Check = Callable[[], str]
"""Returns the text of a passed check; raises Worth, or the error that a task would raise."""


def run(checks: Iterable[tuple[str, Check]]) -> Iterator[Finding]:
    """A finding of each check, in their order."""
    for name, check in checks:
        try:
            yield Finding(name, State.FINE, check())
        except Worth as worth:
            yield Finding(name, State.LOOK, str(worth))
        except TradectlError as error:
            yield Finding(name, State.WRONG, " ".join(str(error).split()), error.exit_code)
