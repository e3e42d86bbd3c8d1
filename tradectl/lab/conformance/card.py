"""Cards, and the errors of a promise that is broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tradectl.errors import TradectlError
from tradectl.lab.conformance.bench import Bench

Play = Callable[[Bench], None]


@dataclass(frozen=True, slots=True)
class Card:
    """`wired`: it needs a wire that can go wrong."""

    play: Play
    wired: bool = False

    @property
    def name(self) -> str:
        return self.play.__name__.replace("_", " ")

    @property
    def promise(self) -> str:
        return " ".join((self.play.__doc__ or "").split())


def card(*, wired: bool = False) -> Callable[[Play], Card]:
    """Make a card of a play; its docstring is the promise."""
    return lambda play: Card(play, wired)


class Broken(AssertionError):
    """A promise that an adapter does not keep."""


def keep(what: str, kept: bool) -> None:
    """Raise Broken unless a promise is kept."""
    if not kept:
        raise Broken(what)


def raises(error: type[TradectlError], act: Callable[[], object], *, but: type[TradectlError] | None = None) -> TradectlError:
    """Return the error of that kind which an act raises. Another error, or none, is a broken promise."""
    try:
        act()
    except error as raised:
        keep(f"{type(raised).__name__} is not {but.__name__ if but else ''}", but is None or not isinstance(raised, but))
        return raised
    except TradectlError as raised:
        raise Broken(f"{error.__name__} was promised, {type(raised).__name__} came: {raised}") from raised
    raise Broken(f"{error.__name__} was promised, and nothing went wrong")
