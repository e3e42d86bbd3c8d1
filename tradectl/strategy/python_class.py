"""Read a class from the text of a Python file: run the text as a module, take its one class, and check the names in it.

The text is code that the user trusts: it is run when it is read. It needs no file, so a text of the ledger works alike.
"""

from __future__ import annotations

import ast
import inspect
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from hashlib import sha256
from traceback import walk_tb
from types import ModuleType
from typing import Any

from msgspec import Struct

from tradectl.errors import UsageError
from tradectl.model.rule_names import MOST_REENTRIES

OF_BARS, OF_POSITION = ("entry", "score", "size"), ("exit", "target", "stop", "reentry")
"""The methods, which take `bars`, or `bars` and `held`."""
METHODS = ("entry", "exit", "target", "stop", "reentry", "score", "size")
ATTRIBUTES = ("description", "source", "universe", "securities", "max_days", "parameters", "reentries")
LONGEST, LONGEST_MESSAGE = 100_000, 200
KEPT = 64


class PythonMethod(Struct, frozen=True):
    """Describe a method of a rule: its first line in the file, and what it returns, or its place."""

    line: int
    text: str


@dataclass(frozen=True, eq=False)
class PythonClass:
    """Hold the class of a file. It is pickled as its text.

    Attributes:
        made: The class itself.
        line: Its first line in the file.
        methods: Its methods that are parts of a rule.
        lines: The line of each attribute in the body of the class.
    """

    name: str
    text: str
    file: str
    made: type
    line: int
    methods: Mapping[str, PythonMethod]
    lines: Mapping[str, int]

    def __reduce__(self) -> tuple[Callable[..., PythonClass], tuple[str, str, str]]:
        return read_class, (self.name, self.text, self.file)

    @property
    def texts(self) -> tuple[tuple[str, str], ...]:
        """Return the methods, each with what it returns, or with its place. That of re-entries has their numbers."""
        again = f"reentry 1 to {self.reentries}" if self.reentries > 1 else "reentry 1"
        return tuple((again if name == "reentry" else name, method.text) for name, method in self.methods.items())

    @property
    def reentries(self) -> int:
        """Return how often a position may be bought again. Raises UsageError."""
        if "reentry" not in self.methods:
            return 0
        found = getattr(self.made, "reentries", 1)
        if not isinstance(found, int) or isinstance(found, bool) or not 1 <= found <= MOST_REENTRIES:
            raise UsageError(f"{self.at('reentries')}: reentries is a whole number from 1 to {MOST_REENTRIES}, not {found!r}")
        return found

    def at(self, attribute: str) -> str:
        """Return the file and the line of an attribute, for an error."""
        return f"{self.file}: line {self.lines.get(attribute, self.line)}"

    def instance(self, values: Mapping[str, float]) -> Any:
        """Return an object of the class with the values of its parameters as attributes. Raises UsageError."""

        def make() -> Any:
            found = self.made()
            for name, value in values.items():
                setattr(found, name, value)
            return found

        return guarded(self.file, self.line, f"class {self.made.__name__}", make)

    def check_methods(self, values: Mapping[str, float]) -> None:
        """Raise UsageError if a parameter hides a name of the class, or a method takes other arguments."""
        hidden = next((name for name in values if hasattr(self.made, name)), None)
        if hidden is not None:
            raise UsageError(f"{self.at('parameters')}: the class has another {hidden}; choose another name for the parameter")
        found = self.instance(values)
        for name, method in self.methods.items():
            arguments = ("bars",) if name in OF_BARS else ("bars", "held")
            try:
                inspect.signature(getattr(found, name)).bind(*arguments)
            except (TypeError, ValueError):
                usage = f"def {name}(self, {', '.join(arguments)})"
                raise UsageError(f"{self.file}: line {method.line}: {name} takes other arguments; write {usage}") from None


@lru_cache(maxsize=KEPT)
def read_class(name: str, text: str, file: str) -> PythonClass:
    """Return the class of a text. Raises UsageError in one line. The texts of the last calls are kept."""
    node = _class_of(file, _parsed(file, text))
    module = _run(name, text, file)
    made = vars(module).get(node.name)
    if not isinstance(made, type):
        raise UsageError(f"{file}: line {node.lineno}: {node.name} is no class after the file was run")
    lines = {item: line for part in node.body for item, line in _named(part)}
    found = PythonClass(name, text, file, made, node.lineno, _methods(file, made, node), lines)
    _check_names(found)
    return found


def guarded(file: str, line: int, name: str, call: Callable[..., Any], *arguments: Any) -> Any:
    """Return what code of the user returns. Raises UsageError in one line for what it raises.

    `line`: named if no line of the file is in the traceback. `name`: of the method; empty for the file itself.
    """
    try:
        return call(*arguments)
    except UsageError as error:
        raise UsageError(_place(file, line, name, error) + str(error)) from error
    except (Exception, SystemExit) as error:
        lines = str(error).strip().splitlines()
        message = f"{type(error).__name__}{f': {lines[0][:LONGEST_MESSAGE]}' if lines else ''}"
        raise UsageError(_place(file, line, name, error) + message) from error


def _place(file: str, line: int, name: str, error: BaseException) -> str:
    lines = [number for frame, number in walk_tb(error.__traceback__) if frame.f_code.co_filename == file]
    return f"{file}: line {lines[-1] if lines else line}: {f'{name}: ' if name else ''}"


def _parsed(file: str, text: str) -> ast.Module:
    if len(text) > LONGEST:
        raise UsageError(f"{file}: the file has {len(text)} characters; at most {LONGEST} are allowed")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text.removeprefix("\ufeff"), file)
    except SyntaxError as error:
        raise UsageError(f"{file}: line {error.lineno or 1}: {error.msg}") from None
    except (RecursionError, MemoryError, ValueError) as error:
        raise UsageError(f"{file}: this is not Python: {error}") from None


def _class_of(file: str, tree: ast.Module) -> ast.ClassDef:
    """Return the one class of a file whose name does not begin with an underscore. Raises UsageError."""
    found = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    if not found:
        raise UsageError(f"{file}: line 1: there is no class; a rule is one class with the method entry(self, bars)")
    if len(found) > 1:
        names = f"{found[0].name} and {found[1].name} (line {found[1].lineno})"
        raise UsageError(f"{file}: line {found[0].lineno}: two classes, {names}; the name of all but one begins with _")
    return found[0]


def _run(name: str, text: str, file: str) -> ModuleType:
    """Return the module that the text makes. Its `print` writes to stderr, because stdout is the result of a command."""
    module = ModuleType(f"tradectl_strategy_{name.replace('-', '_')}_{sha256(text.encode()).hexdigest()[:12]}")
    vars(module)["print"] = _to_stderr
    sys.modules[module.__name__] = module
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            code = compile(text.removeprefix("\ufeff"), file, "exec", dont_inherit=True)
        guarded(file, 1, "", lambda: exec(code, vars(module)))
    except (SyntaxError, UsageError) as error:
        del sys.modules[module.__name__]
        if isinstance(error, SyntaxError):
            raise UsageError(f"{file}: line {error.lineno or 1}: {error.msg}") from None
        raise
    return module


def _to_stderr(*values: object, sep: str | None = " ", end: str | None = "\n", **_: object) -> None:
    """Print for the code of a user."""
    sys.stderr.write((" " if sep is None else sep).join(map(str, values)) + ("\n" if end is None else end))


def _methods(file: str, made: type, node: ast.ClassDef) -> dict[str, PythonMethod]:
    """Return the methods of a rule by name. Raises UsageError for a name that is no method."""
    written = {part.name: part for part in node.body if isinstance(part, ast.FunctionDef)}
    found = {}
    for name in METHODS:
        value = getattr(made, name, None)
        if value is None:
            continue
        if not inspect.isroutine(value):
            arguments = "self, bars" if name in OF_BARS else "self, bars, held"
            raise UsageError(f"{file}: line {_line_of(node, name)}: {name} is a method: write def {name}({arguments})")
        part = written.get(name)
        code = getattr(inspect.unwrap(value), "__code__", None)
        line = part.lineno if part is not None else code.co_firstlineno if code is not None else node.lineno
        found[name] = PythonMethod(line, _text(file, line, part))
    return found


def _text(file: str, line: int, part: ast.FunctionDef | None) -> str:
    """Return what a method of one statement returns, as text; else its place."""
    if part is None:
        return f"{file} line {line}"
    body = part.body[1:] if ast.get_docstring(part) is not None else part.body
    if len(body) == 1 and isinstance(body[0], ast.Return) and body[0].value is not None:
        return ast.unparse(body[0].value)
    return f"{file} lines {line} to {part.end_lineno}"


def _named(part: ast.stmt) -> list[tuple[str, int]]:
    """Return the names that a statement of a class defines, with their line."""
    match part:
        case ast.Assign():
            return [(item.id, part.lineno) for item in part.targets if isinstance(item, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [(name, part.lineno)]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [(name, part.lineno)]
    return []


def _line_of(node: ast.ClassDef, name: str) -> int:
    return next((line for part in node.body for item, line in _named(part) if item == name), node.lineno)


def _check_names(found: PythonClass) -> None:
    """Raise UsageError for a name of the class that is no part of a rule, and for a rule that never buys or never sells."""
    names = (*METHODS, *ATTRIBUTES)
    for name in vars(found.made):
        if not name.startswith("_") and name not in names:
            close = get_close_matches(name, names, n=1)
            hint = f"did you mean {close[0]}?" if close else "a name of your own begins with _"
            raise UsageError(f"{found.at(name)}: no part of a rule is called {name}; {hint}")
    if "entry" not in found.methods:
        raise UsageError(
            f"{found.file}: line {found.line}: entry is missing: a rule says when to buy; write def entry(self, bars)"
        )
    if not found.methods.keys() & {"exit", "target", "stop"} and getattr(found.made, "max_days", None) is None:
        raise UsageError(f"{found.file}: line {found.line}: exit, target or stop is missing: a rule says when to sell")
