"""Define the tree of a parsed expression."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Expression:
    """Represent an expression: a word, a number, or an operation on other expressions. Equal expressions are calculated once.

    Attributes:
        name: A column, a fact or a function of the vocabulary; an operator such as `+`, `<`, `and`; `number`; or `at_scale`.
        operands: The expressions that the operation uses.
        numbers: The number itself, or the numbers of a function, such as its period.
        condition: Whether the value is true or false, and not a number.
        scale: The power of the price scale M in the value: 1 for an adjusted price, -1 for a number of shares, 0 for a ratio.
        plain: Whether the value comes only from numbers and from facts without a scale.
        of_position: Whether a fact of the position occurs in it.
        across: Whether it compares the symbols of a list.
        at: The place in the text, from 0. It does not count for equality.
    """

    name: str
    operands: tuple[Expression, ...] = ()
    numbers: tuple[float, ...] = ()
    condition: bool = False
    scale: int = 0
    plain: bool = False
    of_position: bool = False
    across: bool = False
    at: int = field(default=0, compare=False)
