"""The same object again for an answer that says nothing new: whoever gets it knows that nothing happened."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """The last of a kind of answers, which are compared by value."""

    def __init__(self) -> None:
        self.last: T | None = None

    def of(self, found: T) -> T:
        """`found`, or what was found before where that is equal."""
        if self.last is None or found != self.last:
            self.last = found
        return self.last
