"""Make objects only at their first use, so that a command does not spend time on objects that it does not use."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

T = TypeVar("T")


def lazy(make: Callable[[], T]) -> T:
    """Return a proxy that calls `make` at the first access of an attribute, and passes each access on to the result.

    An error of `make` is raised at that access; the next access calls `make` again.
    """
    return cast("T", _LazyProxy(make))


def is_made(thing: object) -> bool:
    """Return whether a proxy has made its object; True for any other object."""
    return not isinstance(thing, _LazyProxy) or thing.is_made


def resolved(thing: T) -> T:
    """Return the object of a proxy, and make it if needed; return any other object unchanged.

    Use the result in loops, because a proxy slows each access.
    """
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
