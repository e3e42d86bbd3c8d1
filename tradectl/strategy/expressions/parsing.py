"""Parse an expression: read its text with Python's `ast`, accept only the nodes of the language, and check types and scales.

Nothing is executed. An error is one line with the character at which it is, from 1.
"""

from __future__ import annotations

import ast
import math
import string
import warnings
from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType

from tradectl.errors import UsageError
from tradectl.strategy.expressions.tree import Expression
from tradectl.strategy.expressions.vocabulary import COLUMNS, FACTS, FORMS, FUNCTIONS, LIMITLESS, WORDS, Function, Setting

LONGEST, DEEPEST = 500, 50
"""The longest text in characters, and the deepest tree."""
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_ARITHMETIC: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip
_SCALES = {0: "a number without a unit", 1: "a price", -1: "a number of shares"}
LARGEST_SCALE = 8
Constants = Mapping[str, float]
NONE: Constants = MappingProxyType({})


def parse_condition(text: str, label: str, *, position: bool = False, constants: Constants = NONE) -> Expression:
    """Return an expression that is true or false. Raises UsageError in one line.

    `label`: the name of the option for the error. `position`: whether facts of the position are allowed. `constants`: numbers by
    the names that the text may use for them.
    """
    found = _Parser(text, label, position, constants).parse()
    if not found.condition:
        raise UsageError(f"{label}: {text!r} is a number, not a condition; compare it, such as `rsi(2) < 10`")
    return found


def parse_ratio(text: str, label: str, *, constants: Constants = NONE) -> Expression:
    """Return an expression that is a number without a unit, such as a score. Raises UsageError in one line."""
    found = _Parser(text, label, False, constants).parse()
    if found.condition:
        raise UsageError(f"{label}: {text!r} is a condition, not a number; write a number, such as `100 - rsi(2)`")
    if found.scale != 0:
        raise UsageError(
            f"{label}: {text!r} is {_unit(found)}, not a number without a unit; divide it, such as `close / sma(200)`"
        )
    return found


def parse_price(text: str, label: str, *, position: bool = True, constants: Constants = NONE) -> Expression:
    """Return an expression that is a price. Raises UsageError in one line. The arguments are those of `parse_condition`."""
    found = _Parser(text, label, position, constants).parse()
    if found.condition:
        raise UsageError(f"{label}: {text!r} is a condition, not a price; write a price, such as `entry * 1.05`")
    if found.scale != 1:
        raise UsageError(
            f"{label}: {text!r} is {_unit(found)}, not a price; write a price, such as `ema(9)` or `entry - 3 * atr(14)`"
        )
    return found


def _unit(value: Expression) -> str:
    return _SCALES.get(value.scale, "a product of prices")


class _Parser:
    """Turn one text into an expression."""

    def __init__(self, text: str, label: str, position: bool, constants: Constants) -> None:
        self.text, self.label, self.position, self.constants = text, label, position, constants
        self.lines: list[str] = []

    def parse(self) -> Expression:
        if not self.text.strip():
            raise UsageError(f"{self.label}: the expression is empty")
        if len(self.text) > LONGEST:
            raise UsageError(f"{self.label}: the expression has {len(self.text)} characters; at most {LONGEST} are allowed")
        strange = next((i for i, letter in enumerate(self.text) if not (letter.isprintable() and letter.isascii())), None)
        if strange is not None:
            raise self._wrong(strange, "only letters without accents, digits and signs are allowed")
        source = self.text.translate(_LOWER)
        shift = len(source) - len(source.lstrip())
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(source[shift:], mode="eval")
        except SyntaxError as error:
            raise self._unreadable(source, shift, error) from None
        except (RecursionError, MemoryError, ValueError):
            raise UsageError(f"{self.label}: the expression is nested too deeply") from None
        self.shift = shift
        return self._read(tree.body, 1)

    def _wrong(self, at: int, message: str) -> UsageError:
        at = min(at, len(self.text))
        rest = self.text[at:]
        place = f", {rest[:24]!r}{'...' if len(rest) > 24 else ''}" if rest else ", the end"
        return UsageError(f"{self.label}: character {at + 1}{place}: {message}")

    def _unreadable(self, source: str, shift: int, error: SyntaxError) -> UsageError:
        """Return the error of a text that is not an expression. Python reports an incomplete text at its start."""
        at = shift + max(0, (error.offset or 1) - 1)
        if not error.offset or at >= len(source.rstrip()):
            return self._wrong(len(source.rstrip()), "the expression ends too early")
        if source[at] == "=":
            return self._wrong(at, "write == to compare")
        if "never closed" in error.msg:
            return self._wrong(at, "this bracket is never closed")
        return self._wrong(at, "this does not continue the expression")

    def _at(self, node: ast.expr) -> int:
        return self.shift + node.col_offset

    # --- nodes

    def _read(self, node: ast.expr, depth: int) -> Expression:
        if depth > DEEPEST:
            raise self._wrong(self._at(node), f"the expression is nested more than {DEEPEST} deep")
        match node:
            case ast.Constant():
                return self._number(node)
            case ast.Name():
                return self._word(node)
            case ast.UnaryOp():
                return self._unary(node, depth)
            case ast.BinOp():
                return self._arithmetic(node, depth)
            case ast.BoolOp():
                parts = [self._condition(item, depth) for item in node.values]
                return self._joined("and" if isinstance(node.op, ast.And) else "or", parts, self._at(node))
            case ast.Compare():
                return self._comparison(node, depth)
            case ast.Call():
                return self._call(node, depth)
            case ast.Tuple():
                raise self._wrong(self._at(node), "a comma separates arguments only; write 10000000 without commas")
        raise self._wrong(self._at(node), "this is not part of the language; see `tradectl help expressions`")

    def _number(self, node: ast.Constant) -> Expression:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(self._at(node), "only numbers such as 10 or 2.5 are allowed")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self._wrong(self._at(node), "the number is too large")
        return Expression("number", numbers=(number,), plain=True, at=self._at(node))

    def _word(self, node: ast.Name) -> Expression:
        name, at = node.id, self._at(node)
        if name in self.constants:
            return Expression("number", numbers=(self.constants[name],), plain=True, at=at)
        if name in COLUMNS:
            return Expression(name, scale=COLUMNS[name].scale, at=at)
        if name in FACTS:
            if not self.position:
                raise self._wrong(at, f"{name!r} is known only while shares are held; it cannot be used here")
            return Expression(name, scale=FACTS[name].scale, plain=not FACTS[name].scale, of_position=True, at=at)
        if name in FUNCTIONS or name in FORMS:
            usage = FUNCTIONS[name].usage if name in FUNCTIONS else FORMS[name].usage
            raise self._wrong(at, f"{name!r} is a function: write {usage}")
        raise self._wrong(at, f"no word is called {name!r}{_meant(name, self.constants)}")

    def _unary(self, node: ast.UnaryOp, depth: int) -> Expression:
        if isinstance(node.op, ast.Not):
            return self._joined("not", [self._condition(node.operand, depth)], self._at(node))
        if not isinstance(node.op, ast.USub | ast.UAdd):
            raise self._wrong(self._at(node), "write `not` for the opposite of a condition")
        value = self._value(node.operand, depth)
        if isinstance(node.op, ast.UAdd):
            return value
        return self._operation("negative", [value], value.scale, self._at(node))

    def _arithmetic(self, node: ast.BinOp, depth: int) -> Expression:
        name, at = _ARITHMETIC.get(type(node.op)), self._at(node)
        if name is None:
            words = {ast.BitAnd: "write `and` between conditions", ast.BitOr: "write `or` between conditions"}
            raise self._wrong(at, words.get(type(node.op), "only + - * / are allowed"))
        left, right = self._value(node.left, depth), self._value(node.right, depth)
        if name in "+-":
            left, right = self._same_scale([left, right], at)
            return self._operation(name, [left, right], left.scale, at)
        scale = left.scale + right.scale if name == "*" else left.scale - right.scale
        if abs(scale) > LARGEST_SCALE:
            raise self._wrong(at, "too many prices are multiplied")
        return self._operation(name, [left, right], scale, at)

    def _comparison(self, node: ast.Compare, depth: int) -> Expression:
        at, parts = self._at(node), [self._value(item, depth) for item in (node.left, *node.comparators)]
        found = []
        for left, operator, right in zip(parts, node.ops, parts[1:], strict=False):
            name = _COMPARISONS.get(type(operator))
            if name is None:
                raise self._wrong(at, "only < <= > >= == != compare")
            found.append(self._joined(name, self._same_scale([left, right], at), at))
        return found[0] if len(found) == 1 else self._joined("and", found, at)

    def _call(self, node: ast.Call, depth: int) -> Expression:
        at = self._at(node)
        if not isinstance(node.func, ast.Name):
            raise self._wrong(at, "this is not part of the language; see `tradectl help expressions`")
        name = node.func.id
        if node.keywords:
            raise self._wrong(at, f"write the arguments of {name} by their order, without a name and `=`")
        if any(isinstance(item, ast.Starred) for item in node.args):
            raise self._wrong(at, "a star is not part of the language")
        if name in FORMS:
            return self._form(name, node, depth)
        if name in FUNCTIONS:
            return self._function(FUNCTIONS[name], node, depth)
        if name in COLUMNS or name in FACTS:
            raise self._wrong(at, f"{name!r} has no arguments; for an earlier value write prev({name}, 1)")
        raise self._wrong(at, f"no function is called {name!r}{_meant(name)}")

    def _form(self, name: str, node: ast.Call, depth: int) -> Expression:
        form, at = FORMS[name], self._at(node)
        if not form.least <= len(node.args) <= form.most:
            raise self._wrong(at, f"write {form.usage}, with {form.least if form.least == form.most else 'two to ten'} arguments")
        parts = [self._value(item, depth) for item in node.args]
        if name not in LIMITLESS:
            self._without_position(name, parts)
        if name == "rank":
            return Expression(name, (parts[0],), across=True, at=at)
        parts = self._same_scale(parts, at)
        return self._joined(name, parts, at) if name == "cross" else self._operation(name, parts, parts[0].scale, at)

    def _function(self, function: Function, node: ast.Call, depth: int) -> Expression:
        at, arguments = self._at(node), list(node.args)
        operands = [Expression(column, scale=COLUMNS[column].scale) for column in function.columns]
        if function.series:
            written = bool(arguments) and (not function.usual or not self._literal(arguments[0]))
            if written:
                operands = [self._value(arguments.pop(0), depth)]
                self._without_position(function.name, operands)
            elif function.usual:
                operands = [Expression(function.usual, scale=COLUMNS[function.usual].scale)]
            else:
                raise self._wrong(at, f"write {function.usage}")
        if len(arguments) > len(function.settings):
            raise self._wrong(self._at(arguments[len(function.settings)]), f"too many arguments: write {function.usage}")
        numbers = []
        for i, setting in enumerate(function.settings):
            if i < len(arguments):
                numbers.append(self._setting(function, setting, arguments[i]))
            elif setting.default is not None:
                numbers.append(float(setting.default))
            else:
                raise self._wrong(at, f"{setting.name} is missing: write {function.usage}")
        scale = function.scale if function.scale is not None else operands[0].scale
        across = any(item.across for item in operands)
        return Expression(function.name, tuple(operands), tuple(numbers), scale=scale, across=across, at=at)

    def _setting(self, function: Function, setting: Setting, node: ast.expr) -> float:
        value = node.value if isinstance(node, ast.Constant) else None
        if isinstance(node, ast.Name) and node.id in self.constants:
            number = self.constants[node.id]
            value = int(number) if number.is_integer() else number
        kind = "a whole number" if setting.whole else "a number"
        fits = isinstance(value, int if setting.whole else int | float) and not isinstance(value, bool)
        if not fits or not isinstance(value, int | float) or not setting.low <= value <= setting.high:
            raise self._wrong(
                self._at(node), f"{setting.name} of {function.usage} is {kind} from {setting.low:g} to {setting.high:g}"
            )
        return float(value)

    def _literal(self, node: ast.expr) -> bool:
        """Return whether an argument is a number, with or without a sign: a setting and not a series."""
        while isinstance(node, ast.UnaryOp):
            node = node.operand
        return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id in self.constants)

    # --- types and scales

    def _value(self, node: ast.expr, depth: int) -> Expression:
        found = self._read(node, depth + 1)
        if found.condition:
            raise self._wrong(self._at(node), "this is a condition, but a number is needed here")
        return found

    def _condition(self, node: ast.expr, depth: int) -> Expression:
        found = self._read(node, depth + 1)
        if not found.condition:
            raise self._wrong(self._at(node), "this is a number, but a condition is needed here; compare it with < or >")
        return found

    def _without_position(self, name: str, operands: list[Expression]) -> None:
        for item in operands:
            if item.of_position:
                raise self._wrong(
                    item.at, f"{name} looks at several bars or symbols, so facts of the position cannot be used in it"
                )

    def _same_scale(self, parts: list[Expression], at: int) -> list[Expression]:
        """Return the parts with one scale. A plain number next to a price means rupees as traded on the day of the bar."""
        scales = {item.scale for item in parts if not item.plain}
        if len(scales) > 1:
            units = " and ".join(_unit(item) for item in sorted(parts, key=lambda item: -item.scale) if not item.plain)
            raise self._wrong(at, f"{units} cannot be compared, added or subtracted")
        scale = scales.pop() if scales else 0
        return [
            Expression("at_scale", (item,), (float(scale),), scale=scale, of_position=item.of_position, at=item.at)
            if item.scale != scale
            else item
            for item in parts
        ]

    @staticmethod
    def _operation(name: str, parts: list[Expression], scale: int, at: int) -> Expression:
        return Expression(
            name,
            tuple(parts),
            scale=scale,
            plain=all(item.plain for item in parts),
            of_position=any(item.of_position for item in parts),
            across=any(item.across for item in parts),
            at=at,
        )

    @staticmethod
    def _joined(name: str, parts: list[Expression], at: int) -> Expression:
        """Return a condition."""
        return Expression(
            name,
            tuple(parts),
            condition=True,
            of_position=any(item.of_position for item in parts),
            across=any(item.across for item in parts),
            at=at,
        )


def _meant(name: str, constants: Constants = NONE) -> str:
    close = get_close_matches(name, (*constants, *WORDS), n=2)
    return f"; did you mean {' or '.join(close)}?" if close else "; see `tradectl help expressions`"
