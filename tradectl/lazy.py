"""Objects that are made at their first use, so that a command that does not use one does not pay for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

T = TypeVar("T")


def lazy(make: Callable[[], T]) -> T:
    """Return a proxy that calls `make` at the first access of an attribute, and then passes each access on to the result.

    An error of `make` is raised at that access; the next one calls `make` again.
    """
    return cast("T", _LazyProxy(make))


def is_made(thing: object) -> bool:
    """Return whether a proxy has made its object; True for any other object."""
    return not isinstance(thing, _LazyProxy) or thing.is_made


def resolved(thing: T) -> T:
    """Return the object behind a proxy, made now if needed; any other object as it is. A proxy slows each access."""
    return cast("T", thing.value()) if isinstance(thing, _LazyProxy) else thing


class _LazyProxy:
    def __init__(self, make: Callable[[], Any]) -> None:
        self.value = cache(make)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.value(), name)

    @property
    def is_made(self) -> bool:
        return self.value.cache_info().currsize > 0

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the object itself, not the proxy."""
        return resolved, (self.value(),)
