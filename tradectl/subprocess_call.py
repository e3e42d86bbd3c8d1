"""Call a function in a subprocess, so that a crash or a hang does not harm this process.

Arguments and result are pickled. The subprocess shares no memory, open file or lock with this process.
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
_CHILD = "import sys; sys.path[:] = {path!r}; from tradectl.subprocess_call import serve_call; serve_call()"


def call_in_subprocess(what: str, function: Callable[..., T], *arguments: object, limit: float) -> T:
    """Call the function in a subprocess and return its result, or raise the TradectlError that it raised.

    Args:
        what: The subject of error messages: what the call does.
        limit: The time limit in seconds of machine time.

    Raises:
        TradectlError: The process died, exceeded the limit, or hit a bug. The traceback of a bug goes to stderr.
    """
    command = [sys.executable, "-c", _CHILD.format(path=sys.path)]
    try:
        done = subprocess.run(
            command, input=pickle.dumps((function, arguments)), stdout=subprocess.PIPE, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        raise TradectlError(f"{what} took longer than {limit:g} s, so its process was stopped") from None
    if done.returncode:
        raise TradectlError(f"the process of {what} died: {_cause(done.returncode)}")
    found = pickle.loads(done.stdout)
    if isinstance(found, TradectlError):
        raise found
    return found  # type: ignore[no-any-return]


def _cause(code: int) -> str:
    """Return the name of the signal that ended the process, or its exit code."""
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def serve_call() -> None:
    """Read one call from stdin, run it, and write its result to stdout. This function runs in the subprocess."""
    stdout, sys.stdout = sys.stdout.buffer, sys.stderr
    function, arguments = pickle.load(sys.stdin.buffer)
    try:
        found = function(*arguments)
    except TradectlError as error:
        found = error
    stdout.write(pickle.dumps(found))
