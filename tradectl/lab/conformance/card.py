"""Define the class of a card, the error of a broken rule, and the checks that cards use."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from tradectl.errors import TradectlError
from tradectl.lab.conformance.bench import Bench

CardTest = Callable[[Bench], None]


class Card(Struct, frozen=True):
    """A conformance card. `wired`: it needs an adapter that connects over a network."""

    run: CardTest
    wired: bool = False

    @property
    def name(self) -> str:
        """Return the function's name as words."""
        return self.run.__name__.replace("_", " ")

    @property
    def promise(self) -> str:
        """Return the rule that the card checks."""
        return " ".join((self.run.__doc__ or "").split())


def card(*, wired: bool = False) -> Callable[[CardTest], Card]:
    """Return a decorator that makes a card of a function. The function's docstring is the rule that the card checks."""
    return lambda run: Card(run, wired)


class Broken(AssertionError):
    """An adapter breaks the rule of a card."""


def check(what: str, holds: bool) -> None:
    """Raise Broken with the text `what` unless `holds` is true."""
    if not holds:
        raise Broken(what)


def raises(error: type[TradectlError], act: Callable[[], object], *, but: type[TradectlError] | None = None) -> TradectlError:
    """Call `act` and return its error of type `error`, but not of type `but`. Raises Broken for another error or none."""
    try:
        act()
    except error as raised:
        check(
            f"expected {error.__name__} other than {but.__name__ if but else ''}, but {type(raised).__name__} was raised",
            but is None or not isinstance(raised, but),
        )
        return raised
    except TradectlError as raised:
        raise Broken(f"expected {error.__name__}, but {type(raised).__name__} was raised: {raised}") from raised
    raise Broken(f"expected {error.__name__}, but no error was raised")
