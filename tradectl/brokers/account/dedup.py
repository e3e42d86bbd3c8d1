"""Return the same object for an equal result, so that a caller can see by identity that nothing has changed."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Deduplicated(Generic[T]):
    """Hold the last result of one kind, None before the first. Results are compared by value."""

    def __init__(self) -> None:
        self.last: T | None = None

    def of(self, found: T) -> T:
        """Return the last result if `found` equals it; otherwise store and return `found`."""
        if self.last is None or found != self.last:
            self.last = found
        return self.last
