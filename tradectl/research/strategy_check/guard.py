"""Refuse clocks, random numbers, files, processes and the network while the code of a rule runs.

A hook on Python's audit events refuses files, sockets and processes. Clocks and random numbers have no such event, so their
functions are replaced. All of it has an effect only inside `with guard`, because the rest of the program reads its market data
in the same process. The guard finds mistakes. It is no protection against a file that wants to do harm.
"""

from __future__ import annotations

import _thread
import ast
import datetime
import os
import random
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import numpy as np

import tradectl
from tradectl.errors import TradectlError

REFUSED_EVENTS = (
    "socket.", "subprocess.", "ctypes.", "sqlite3.", "urllib.", "http.", "ftplib.", "smtplib.", "shutil.", "tempfile.", "mmap.",
    "glob.", "pty.", "webbrowser.", "builtins.input", "os.system", "os.exec", "os.posix_spawn",
    "os.spawn", "os.fork", "os.startfile", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.chmod", "os.chown", "os.link",
    "os.symlink", "os.truncate", "os.utime", "os.putenv", "os.unsetenv", "os.kill", "signal.",
)  # fmt: skip
"""The beginnings of audit events that a rule may not cause."""
LISTED = ("os.listdir", "os.scandir")
"""Events of reading a folder; an import causes them in the folders of modules."""
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CLOCKS = (
    "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time", "process_time_ns",
    "thread_time", "thread_time_ns", "clock_gettime", "clock_gettime_ns", "localtime", "gmtime", "ctime", "strftime", "sleep",
)  # fmt: skip
"""The functions of `time` that are refused."""
NOW = frozenset({"now", "utcnow", "today"})
"""Methods that return the present, also of classes whose functions cannot be replaced, such as those of pandas."""


class ForbiddenCall(TradectlError):
    """The code of a rule did what a rule must not do."""


class Guard:
    """Refuse forbidden calls while it is entered, and keep what was refused. Make one with `install`, once a process."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        self._depth = 0

    def __enter__(self) -> Guard:
        self._depth += 1
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._depth -= 1

    def refuse(self, what: str) -> None:
        """Raise ForbiddenCall if the guard is entered, and keep the text, because a rule may catch the error."""
        if self._depth:
            text = f"{what}{_line()}"
            self.refused.append(text)
            raise ForbiddenCall(text)

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Refuse an audit event of the interpreter. It is called for each event of the process, so it returns early."""
        if not self._depth:
            return
        if event == "open":
            path, _, flags = arguments
            if not _of_library(path) or (isinstance(flags, int) and flags & WRITES):
                self.refuse(f"it opens the file {path}")
        elif event in LISTED:
            if not (_of_library(arguments[0]) or arguments[0] in sys.path):
                self.refuse(f"it lists the folder {arguments[0]}")
        elif event.startswith(REFUSED_EVENTS):
            self.refuse(f"it causes {event}")

    def wrapped(self, what: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that is refused while the guard is entered."""

        def call(*arguments: Any, **named: Any) -> Any:
            self.refuse(what)
            return function(*arguments, **named)

        return call


def install() -> Guard:
    """Return a guard for this process. Its replaced functions and its hook stay until the process ends."""
    import pandas  # noqa: F401 - its extensions must find the real classes of `datetime`, else they crash at their import

    guard = Guard()
    sys.dont_write_bytecode = True
    for name in CLOCKS:
        if hasattr(time, name):
            setattr(time, name, guard.wrapped(f"it reads the clock (time.{name})", getattr(time, name)))
    for kind in (datetime.datetime, datetime.date):
        setattr(datetime, kind.__name__, _without_now(guard, kind))
    _replace_random(guard)
    for name in ("stat", "lstat", "access", "getcwd"):
        setattr(os, name, guard.wrapped(f"it looks for a file (os.{name})", getattr(os, name)))
    for module, name in ((_thread, "start_new_thread"), (threading, "_start_new_thread")):
        setattr(module, name, guard.wrapped("it starts a thread", getattr(module, name)))
    sys.addaudithook(guard.audit)
    return guard


def calls_of_now(text: str) -> list[str]:
    """Return where the code of a strategy calls a method such as `now`, one line each. Code that is no Python has none."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return []
    called = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    return [
        f"it reads the clock ({node.func.attr}), line {node.lineno}"
        for node in called
        if isinstance(node.func, ast.Attribute) and node.func.attr in NOW
    ]


def _replace_random(guard: Guard) -> None:
    """Replace the sources of random numbers: `random`, `numpy.random` and that of the operating system."""
    for module, title in ((random, "random"), (np.random, "numpy.random")):
        for name in dir(module):
            function = getattr(module, name)
            if not name.startswith("_") and callable(function) and not isinstance(function, type):
                setattr(module, name, guard.wrapped(f"it draws a random number ({title}.{name})", function))

    class Random(random.Random):
        def __new__(cls, *seed: Any) -> Random:
            guard.refuse("it draws random numbers (random.Random)")
            return super().__new__(cls, *seed)

    random.Random = Random  # type: ignore[assignment,misc]
    for where, name in ((os, "urandom"), (random, "_urandom")):
        setattr(where, name, guard.wrapped("it draws random bytes (os.urandom)", getattr(where, name)))


def _without_now(guard: Guard, real: Any) -> Any:
    """Return a class like `datetime.datetime` that makes objects of the real one, and refuses to read the clock."""

    class Kind(type):
        def __call__(cls, *arguments: Any, **named: Any) -> Any:
            return real(*arguments, **named)

        def __instancecheck__(cls, item: Any) -> bool:
            return isinstance(item, real)

        def __subclasscheck__(cls, kind: type) -> bool:
            return issubclass(kind, real)

    present = {
        name: staticmethod(guard.wrapped(f"it reads the clock (datetime.{real.__name__}.{name})", getattr(real, name)))
        for name in sorted(NOW)
        if hasattr(real, name)
    }
    return Kind(real.__name__, (real,), present)


def _line() -> str:
    """Return the line of the strategy's file that is running, as `, line 12`; empty if it is not known."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if not _of_library(frame.f_code.co_filename) and not frame.f_code.co_filename.startswith("<frozen"):
            return f", line {frame.f_lineno}"
        frame = frame.f_back
    return ""


def _library() -> tuple[str, ...]:
    """Return the folders of Python, of installed packages and of this package, each as a path ending with a separator."""
    paths = {sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    paths |= {str(Path(path).resolve()) for path in paths} | {str(Path(tradectl.__file__).parent)}
    return tuple(f"{path}{os.sep}" for path in sorted(paths))


_FOLDERS = _library()


def _of_library(path: object) -> bool:
    """Return whether a path is a file, or a folder, of Python, of an installed package or of this package."""
    text = os.fsdecode(path) if isinstance(path, str | bytes) else ""
    return ".." not in text and f"{text}{os.sep}".startswith(_FOLDERS)
