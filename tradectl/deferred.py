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


def itself(thing: T) -> T:
    """The thing that something stands for, made now if it was not: for who will ask it so often that standing in costs."""
    return cast("T", thing.thing()) if isinstance(thing, _Deferred) else thing


class _Deferred:
    def __init__(self, make: Callable[[], Any]) -> None:
        self.thing = cache(make)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.thing(), name)

    @property
    def is_made(self) -> bool:
        return self.thing.cache_info().currsize > 0

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process gets the thing itself."""
        return itself, (self.thing(),)
