"""Return the same object again for an equal result, so that a reader can tell that nothing has changed."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Deduplicated(Generic[T]):
    """The last result of one kind. Results are compared by value."""

    def __init__(self) -> None:
        self.last: T | None = None

    def of(self, found: T) -> T:
        """Return `found`, or the last result where that is equal."""
        if self.last is None or found != self.last:
            self.last = found
        return self.last
