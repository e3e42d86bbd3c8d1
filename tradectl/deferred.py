"""Things that are made when they are first asked for anything: a command that never asks does not pay for them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

T = TypeVar("T")


def deferred(make: Callable[[], T]) -> T:
    """What stands for the thing that `make` makes, once; what is read of it is read of that. Only then `make` may fail."""
    return cast("T", _Deferred(make))


def made(thing: object) -> bool:
    """Whether what stands for a thing has been asked for anything; the thing itself always was."""
    return not isinstance(thing, _Deferred) or thing.is_made


class _Deferred:
    def __init__(self, make: Callable[[], Any]) -> None:
        self._thing = cache(make)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._thing(), name)

    @property
    def is_made(self) -> bool:
        return self._thing.cache_info().currsize > 0

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process gets the thing itself."""
        return _itself, (self._thing(),)


def _itself(thing: Any) -> Any:
    return thing
