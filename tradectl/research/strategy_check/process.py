"""Run a check in two processes: one makes all checks, the other only the trades, which must be the same.

A process gets its work on stdin and writes pickled frames to stdout: progress, then one result. It ends when stdin closes, so it
does not outlive the command. The second process has another seed of hashes and another time zone.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO

from msgspec.structs import replace

from tradectl.errors import TradectlError, UsageError
from tradectl.ports import Tell, silence
from tradectl.report.result_sentences import counted
from tradectl.research.strategy_check.runs import first_difference
from tradectl.research.strategy_check.work import CheckOutcome, CheckResult, CheckWork, Name, Status
from tradectl.runtime.interrupt import Stop

_CHILD = "import sys; sys.path[:] = {path!r}; from tradectl.research.strategy_check.process import serve; serve()"
STDIN = 0
FIRST: Mapping[str, str] = {"PYTHONHASHSEED": "1"}
SECOND: Mapping[str, str] = {"PYTHONHASHSEED": "2", "TZ": "Pacific/Auckland"}


def run_check(work: CheckWork, tell: Tell, stop: Stop) -> CheckOutcome:
    """Return the outcome of all checks. Raises Interrupted after a signal, and the errors of a wrong file, list or span."""
    with _started(work, FIRST) as first, _started(replace(work, trades_only=True), SECOND) as second:
        outcome = _outcome(first, tell, stop)
        if any(item.name is Name.DETERMINISTIC for item in outcome.checks):
            return outcome  # the rule did not run, so nothing is compared
        try:
            other = _outcome(second, silence, stop)
        except UsageError as error:
            other = CheckOutcome((CheckResult(Name.DETERMINISTIC, Status.FAILED, str(error)),))
    checks = {item.name: item for item in (*outcome.checks, _deterministic(outcome, other))}
    return replace(outcome, checks=tuple(checks[name] for name in Name))


def _deterministic(one: CheckOutcome, other: CheckOutcome) -> CheckResult:
    lines = first_difference(one.trades, other.trades, ("the first process", "the second process"))
    failed = next((item for item in other.checks if item.status is Status.FAILED), None)
    if failed is not None:
        lines = (f"the second process: {failed.sentence}",)
    if lines:
        return CheckResult(Name.DETERMINISTIC, Status.FAILED, "Two processes make different trades of the same bars:", lines)
    made = counted(len(one.trades), "trade")
    return CheckResult(Name.DETERMINISTIC, Status.PASSED, f"Two processes make the same {made}, to the paisa.")


@contextmanager
def _started(work: CheckWork, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process with its work. It is ended at the end of the block."""
    settings = [f"{name}={value}" for name, value in environment.items()]
    command = ["env", *settings, sys.executable, "-c", _CHILD.format(path=sys.path)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    try:
        with suppress(BrokenPipeError):
            _writing(child).write(pickle.dumps(work))
            _writing(child).flush()
        yield child
    finally:
        child.kill()
        with child:
            pass


def _outcome(child: subprocess.Popen[bytes], tell: Tell, stop: Stop) -> CheckOutcome:
    """Read the frames of a process up to its result. Raises Interrupted, or the error of the process."""
    assert child.stdout is not None
    while True:
        stop.raise_if_requested()
        try:
            found = pickle.load(child.stdout)
        except (EOFError, pickle.UnpicklingError):
            raise TradectlError(f"the process of the check died: {_cause(child.wait())}") from None
        if isinstance(found, CheckOutcome):
            return found
        if isinstance(found, TradectlError):
            raise found
        tell(*found)


def _writing(child: subprocess.Popen[bytes]) -> IO[bytes]:
    assert child.stdin is not None
    return child.stdin


def _cause(code: int) -> str:
    """Return the name of the signal that ended a process, or its exit code."""
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def serve() -> None:
    """Make the checks of one work from stdin, and write progress and the outcome to stdout. This runs in a child process."""
    from tradectl.research.strategy_check.guard import install
    from tradectl.research.strategy_check.steps import check

    frames, sys.stdout = sys.stdout.buffer, sys.stderr
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    work: CheckWork = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_follow_parent, daemon=True).start()

    def send(found: object) -> None:
        frames.write(pickle.dumps(found))
        frames.flush()

    try:
        found: object = check(work, lambda name, done, total: send((str(name), done, total)), install())
    except TradectlError as error:
        found = error
    send(found)


def _follow_parent() -> None:
    """End this process when the parent closes stdin or dies. A read without a buffer holds no lock when the process ends."""
    while os.read(STDIN, 1):
        pass
    os._exit(1)
