"""A function in a process of its own, which may die or hang without harm.

It gets its arguments as pickles and answers with one, so it shares nothing with whoever asked: no memory, no open file, no
lock. It is given so long and no longer.
"""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import TypeVar

from tradectl.errors import TradectlError

T = TypeVar("T")
_CHILD = "import sys; sys.path[:] = {path!r}; from tradectl.apart import answer; answer()"


def apart(what: str, function: Callable[..., T], *arguments: object, limit: float) -> T:
    """What the function answers, or the error that it raises on purpose. `what` is its name for people, `limit` in seconds of the
    machine.

    Raises TradectlError with one line where the process died, took too long, or met a bug, whose traceback goes to stderr.
    """
    command = [sys.executable, "-c", _CHILD.format(path=sys.path)]
    try:
        done = subprocess.run(
            command, input=pickle.dumps((function, arguments)), stdout=subprocess.PIPE, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        raise TradectlError(f"{what} took longer than {limit:g} s in its own process, which was ended") from None
    if done.returncode:
        raise TradectlError(f"{what} died in its own process: {_cause(done.returncode)}")
    found = pickle.loads(done.stdout)
    if isinstance(found, TradectlError):
        raise found
    return found  # type: ignore[no-any-return]


def _cause(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def answer() -> None:
    """The child's side: one call from stdin, one answer to stdout."""
    stdout, sys.stdout = sys.stdout.buffer, sys.stderr
    function, arguments = pickle.load(sys.stdin.buffer)
    try:
        found = function(*arguments)
    except TradectlError as error:
        found = error
    stdout.write(pickle.dumps(found))
