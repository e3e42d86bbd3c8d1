"""The same object again for an answer that says nothing new: whoever gets it knows that nothing happened."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """The last of a kind of answers, which are compared by value."""

    def __init__(self) -> None:
        self._last: T | None = None

    def of(self, found: T) -> T:
        """`found`, or what was found before where that is equal."""
        if self._last is None or found != self._last:
            self._last = found
        return self._last
