"""Record what a run reads from the broker, step by step. An error of the recording never reaches the run."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tradectl.brokers.recording.encoding import Plain, ReplyWriter, capabilities_as_json, error_as_json, plain
from tradectl.brokers.recording.file import AppendingFile
from tradectl.errors import Interrupted, TradectlError
from tradectl.redaction import scrubbed

if TYPE_CHECKING:
    from tradectl.model.recording import RunHead
    from tradectl.ports import Broker, Clock

VERSION = 1
"""The version of the lines."""
_MILLISECOND = timedelta(milliseconds=1)
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class SessionRecorder:
    """Record the runs of one process (`ports.StepRecorder`).

    Args:
        open_file: Returns the file of a session.
        fingerprint: That of the program's source.
    """

    def __init__(self, clock: Clock, open_file: Callable[[date], AppendingFile], fingerprint: str) -> None:
        self._clock, self._open_file, self._fingerprint = clock, open_file, fingerprint
        self._broker: Broker | None = None
        self._file: AppendingFile | None = None
        self._session: date | None = None
        self._run = ""
        self._step = 0
        self._begun: datetime | None = None
        self._calls: list[tuple[str, datetime, Plain, Any, Exception | None]] = []
        self._replies, self._arguments = ReplyWriter(), dict[str, Plain]()
        self._failure = ""
        self._reported = False

    def watch(self, broker: Broker) -> None:
        """Set the broker whose name and capabilities a run's first line has."""
        self._broker = broker

    def note(self, kind: str, arguments: Plain, value: Any, error: Exception | None = None) -> None:
        """Note a call with its reply or its error."""
        if not self._failure:
            self._calls.append((kind, self._clock.now(), arguments, value, error))

    def begin_run(self, run: RunHead) -> None:
        """Begin to record a run. The calls before, such as the proof of a provisional session, belong to it."""
        with _Guard(self):
            if self._file is None or self._session != run.session:
                self._close_file()
                self._file, self._session = self._open_file(run.session), run.session
            self._run, self._step, self._begun = secrets.token_hex(6), 0, run.at
            self._replies, self._arguments = ReplyWriter(), {}
            assert self._broker is not None
            about = {"broker": self._broker.name, "can": capabilities_as_json(self._broker.capabilities)}
            self._write({"v": VERSION, "begin": plain(run), "code": self._fingerprint, **about} | self._taken())

    def begin_step(self) -> None:
        """Begin to record a step."""
        with _Guard(self):
            if self._run:
                self._write_rest()
                self._step, self._begun = self._step + 1, self._clock.now()
                self._write({"at": self._begun.isoformat()})

    def end_step(self) -> None:
        """Record the calls of the step."""
        with _Guard(self):
            if self._run:
                assert self._begun is not None
                self._write({"done": (self._clock.now() - self._begun) // _MILLISECOND + 1} | self._taken())

    def end_run(self) -> None:
        """Record the end of the run."""
        with _Guard(self):
            if self._run:
                self._write({"end": self._clock.now().isoformat()} | self._taken())
        self._run = ""
        self._calls.clear()

    def trouble(self) -> str:
        """Return, once, why nothing is recorded any more; empty while all is well."""
        found = self._failure or (self._file.trouble if self._file is not None else "")
        if not found or self._reported:
            return ""
        self._reported = True
        return found

    def close(self) -> None:
        """Wait a short time until the lines are on the disk."""
        self._close_file()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._failure = self._failure or self._file.trouble

    def _write_rest(self) -> None:
        if self._calls:
            self._write(self._taken())

    def _write(self, content: Plain) -> None:
        assert self._file is not None
        self._file.append(_encode({"run": self._run, "n": self._step} | content))

    def _taken(self) -> Plain:
        """Return the calls since the last line as JSON values, and forget them."""
        calls, self._calls = self._calls, []
        return {"calls": [self._as_json(*call) for call in calls]} if calls else {}

    def _as_json(self, kind: str, at: datetime, arguments: Plain, value: Any, error: Exception | None) -> Plain:
        assert self._begun is not None
        found: Plain = {"c": kind, "t": (at - self._begun) // _MILLISECOND}
        if arguments and self._arguments.get(kind) != arguments:
            found["a"] = arguments
            self._arguments[kind] = arguments
        if error is None:
            change = self._replies.change(kind, arguments, value)
            return found | ({"r": change} if change is not None else {})
        if isinstance(error, TradectlError):
            return found | {"e": error_as_json(error)}
        return found | {"e": ["TradectlError", scrubbed(f"{type(error).__name__}: {error}")]}

    def fail(self, text: str) -> None:
        """End the recording."""
        self._failure = self._failure or text
        self._calls.clear()


class _Guard:
    """Catch every error of the recording: a trade is more important than its record."""

    def __init__(self, recorder: SessionRecorder) -> None:
        self._recorder = recorder

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, Exception) and not isinstance(error, Interrupted):
            with suppress(Exception):
                self._recorder.fail(f"{type(error).__name__}: {error}")
            return True
        return False
