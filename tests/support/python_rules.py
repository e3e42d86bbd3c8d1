"""Write a rule of expressions as a class in Python, to compare both forms."""

from __future__ import annotations

from tradectl.strategy.expressions.line_rule import LineRule
from tradectl.strategy.expressions.tree import Expression
from tradectl.strategy.expressions.vocabulary import COLUMNS, FACTS, FUNCTIONS

OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
HEAD = """import numpy as np


def _known(x):
    return np.where(np.isfinite(x), x, np.nan)


class Written:
"""
INSIDE = "    "


class Untranslated(Exception):
    """A condition that numpy cannot say without a third value, such as `not cross(a, b)`."""


def class_of(rule: LineRule) -> str:
    """Return the text of a class that decides as a rule of expressions does. Raises Untranslated."""
    parts = {"entry": rule.entry, "exit": rule.exit, "target": rule.target, "stop": rule.stop}
    parts |= {"score": rule.score, "size": rule.size}
    lines = [HEAD]
    for name, part in parts.items():
        if part is not None:
            arguments = "self, bars, held" if name in {"exit", "target", "stop"} else "self, bars"
            value = condition(part) if part.condition else f"1.0 * {number(part)}"
            lines.append(f"    def {name}({arguments}):\n        return {value}\n")
    return "\n".join(lines)


def number(part: Expression) -> str:
    """Return a numeric expression as Python."""
    name = part.name
    if name == "number":
        return repr(part.numbers[0])
    if name == "at_scale":
        return f"_known({number(part.operands[0])} * bars.multiplier ** {part.numbers[0]!r})"
    if name in COLUMNS:
        return f"bars.{name}"
    if name in FACTS:
        return f"held.{name}"
    operands = [number(item) for item in part.operands]
    if name == "negative":
        return f"(-{operands[0]})"
    if name == "abs":
        return f"np.abs({operands[0]})"
    if name in {"min", "max"}:
        found = operands[0]
        for other in operands[1:]:
            found = f"np.{name}imum({found}, {other})"
        return found
    if name in FUNCTIONS:
        function = FUNCTIONS[name]
        numbers = [repr(int(value) if item.whole else value) for item, value in zip(function.settings, part.numbers, strict=True)]
        return f"bars.{name}({', '.join([*(operands if function.series else []), *numbers])})"
    if name == "/":
        return f"_known(np.divide({operands[0]}, {operands[1]}))"
    return f"_known({operands[0]} {name} {operands[1]})"


def condition(part: Expression, *, opposite: bool = False) -> str:
    """Return where a condition is true as Python; with `opposite`, where it is false. Raises Untranslated."""
    name = part.name
    if name == "not":
        return condition(part.operands[0], opposite=not opposite)
    if name in {"and", "or"}:
        sign = " & " if (name == "and") != opposite else " | "
        return f"({sign.join(condition(item, opposite=opposite) for item in part.operands)})"
    first, second = (number(item) for item in part.operands)
    if name == "cross":
        if opposite:
            raise Untranslated(name)
        return f"bars.cross({first}, {second})"
    if name in {"==", "!="}:
        equal = (name == "==") != opposite
        return f"np.equal({first}, {second})" if equal else f"(np.less({first}, {second}) | np.greater({first}, {second}))"
    return f"({first} {OPPOSITE[name] if opposite else name} {second})"
