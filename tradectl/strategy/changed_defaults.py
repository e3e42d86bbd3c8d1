"""Write other default values into the text of a strategy, so that a simulation runs the changed rule everywhere."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping

from tradectl.errors import UsageError
from tradectl.strategy.strategy import EXPRESSIONS, Strategy
from tradectl.strategy.strategy_forms import strategy_of

_DEFAULT = r"default\s*=\s*(?P<value>[-+0-9._eE]+)"


def with_defaults(strategy: Strategy, changes: Mapping[str, str]) -> Strategy:
    """Return a strategy whose text has other defaults. Raises UsageError for an unknown parameter, or a value out of bounds."""
    wanted, text = strategy.values(changes), strategy.text
    find: Callable[[str, str], tuple[int, int] | None] = _in_toml if strategy.form == EXPRESSIONS else _in_python
    whole = {item.name for item in strategy.parameters if item.whole}
    for name in changes:
        place = find(text, name)
        if place is None:
            raise _not_found(strategy, name)
        text = text[: place[0]] + (str(int(wanted[name])) if name in whole else repr(wanted[name])) + text[place[1] :]
    found = strategy_of(strategy.name, strategy.form, text, strategy.file)
    if found.values() != wanted:
        raise _not_found(strategy, next(iter(changes)))
    return found


def _not_found(strategy: Strategy, name: str) -> UsageError:
    return UsageError(f"{strategy.file}: the default of {name} is not a plain number there; change it in a copy of the file")


def _in_toml(text: str, name: str) -> tuple[int, int] | None:
    """Return where the default of a parameter stands: in its table, or in a table on one line."""
    table = re.search(
        rf"^[ \t]*\[[ \t]*parameters[ \t]*\.[ \t]*{name}[ \t]*\][^\n]*\n(?P<body>(?:(?![ \t]*\[).*\n?)*)", text, re.M
    )
    if table is not None:
        found = re.compile(rf"^[ \t]*{_DEFAULT}", re.M).search(text, table.start("body"), table.end("body"))
        return found.span("value") if found is not None else None
    line = re.search(rf"^[ \t]*(?:parameters[ \t]*\.[ \t]*)?{name}[ \t]*=[ \t]*\{{[^\n}}]*?\b{_DEFAULT}", text, re.M)
    return line.span("value") if line is not None else None


def _in_python(text: str, name: str) -> tuple[int, int] | None:
    """Return where the default of a parameter stands: in the attribute `parameters` of the class."""
    begins = [0]
    for line in text.splitlines(keepends=True):
        begins.append(begins[-1] + len(line.encode()))
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Dict):
            continue
        if [target.id for target in node.targets if isinstance(target, ast.Name)] != ["parameters"]:
            continue
        value = _value(_value(node.value, name), "default")
        if value is not None and value.end_lineno is not None and value.end_col_offset is not None:
            span = begins[value.lineno - 1] + value.col_offset, begins[value.end_lineno - 1] + value.end_col_offset
            first, last = (len(text.encode()[:place].decode()) for place in span)
            return first, last
    return None


def _value(node: ast.expr | None, key: str) -> ast.expr | None:
    """Return the value of a key that stands in a dictionary; None without it."""
    if not isinstance(node, ast.Dict):
        return None
    pairs = zip(node.keys, node.values, strict=True)
    return next((value for name, value in pairs if isinstance(name, ast.Constant) and name.value == key), None)
