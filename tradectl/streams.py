"""Standard streams that cannot stop the work: a stream that is closed, full or gone loses text and nothing else.

A program started with a closed stream gives that number to the next file it opens, which may be the ledger. A line for a person
would then be written into the database. So `secure` occupies the three numbers before any other file is opened.

A pipe, socket or terminal whose reader does not read would block a write for ever. So these are written without blocking, in
small pieces, and text that finds no reader in time is dropped.
"""

from __future__ import annotations

import errno
import io
import os
import select
import stat
import sys
import time
from typing import Any

CLOSED = frozenset({errno.EPIPE, errno.EBADF, errno.ECONNRESET, errno.ENXIO})
"""Errors of a stream without a reader, which counts as /dev/null."""
PATIENCE = 2.0
"""Seconds to wait for the reader of a full stream. After text was dropped, there is no wait until a write succeeds."""
_PIECE = select.PIPE_BUF
"""Bytes that a writable pipe takes as a whole."""
_AGAIN = 0.01
"""Seconds between two tries where the stream is writable but takes nothing, as a terminal may."""
_secured: dict[str, SafeFile] = {}


def secure() -> None:
    """Open /dev/null in place of every closed standard stream, and make stdin, stdout and stderr safe.

    A write that fails raises nothing and changes no exit code. A missing reader is not reported; a full disk is
    reported in one line on stderr, once.
    """
    for number in (0, 1, 2):
        _occupy(number)
    sys.stdin = _readable(sys.stdin)
    sys.stdout = _safe(1, "stdout", sys.stdout)
    sys.stderr = _safe(2, "stderr", sys.stderr)


def wait_for_reader() -> None:
    """Let stdout wait for its reader without a limit: for commands whose output is all that they do, as before a pager."""
    if "stdout" in _secured:
        _secured["stdout"].patience = None


class SafeInput(io.FileIO):
    """Standard input that ends where it cannot be read: the terminal hung up, or it was opened for writing only."""

    def __init__(self) -> None:
        super().__init__(0, "r", closefd=False)

    def readinto(self, buffer: Any, /) -> int | None:
        try:
            return super().readinto(buffer)
        except OSError:
            return 0

    def readall(self) -> bytes:
        try:
            return super().readall() or b""
        except OSError:
            return b""


class SafeFile(io.FileIO):
    """A file whose writes never raise and, with `patience` in seconds, never wait longer: what cannot be written is dropped."""

    def __init__(self, number: int, title: str) -> None:
        super().__init__(number, "w", closefd=False)
        self.patience: float | None = PATIENCE
        self._title = title
        self._reported = False
        self._drops = False
        mode = os.fstat(number).st_mode
        self._may_wait = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(number)
        self._number = _without_blocking(number) if self._may_wait else number

    def write(self, data: Any, /) -> int:
        """Write all of `data`, or drop what cannot be written; return the length of `data`."""
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view):
            try:
                done += self._write_piece(view[done : done + _PIECE]) if self._may_wait else os.write(self._number, view[done:])
            except OSError as error:
                self._dropped(error)
                break
        return len(view)

    def _write_piece(self, piece: memoryview) -> int:
        """Write what the stream takes, at least a byte. Raises BlockingIOError where it takes nothing in time."""
        patience = 0.0 if self._drops else self.patience
        until = None if patience is None else time.monotonic() + patience
        while self._is_writable(until):
            try:
                written = os.write(self._number, piece)
            except BlockingIOError:
                if until is not None and time.monotonic() >= until:
                    break
                select.select([], [], [], _AGAIN)
            else:
                self._drops = False
                return written
        self._drops = self.patience is not None
        raise BlockingIOError(errno.EAGAIN, "its reader does not read")

    def _is_writable(self, until: float | None) -> bool:
        poll = select.poll()
        poll.register(self._number, select.POLLOUT)
        return bool(poll.poll(None if until is None else max(0.0, until - time.monotonic()) * 1000))

    def _dropped(self, error: OSError) -> None:
        if self._reported or self._is_gone(error):
            return
        self._reported = True
        if self._title != "stderr":
            sys.stderr.write(f"tradectl: {self._title} cannot be written: {error.strerror}; output is lost, the work goes on\n")
            sys.stderr.flush()

    def _is_gone(self, error: OSError) -> bool:
        """Return whether the reader is gone. A terminal that hung up returns EIO, as a broken disk does for a file."""
        hung_up = error.errno == errno.EIO and stat.S_ISCHR(os.fstat(self.fileno()).st_mode)
        return hung_up or error.errno in CLOSED


def _without_blocking(number: int) -> int:
    """Open a pipe or a terminal once more, for writes that do not block; return the number itself where that fails.

    The flag must not be set on the number: it would apply to every process that shares the stream.
    """
    try:
        return os.open(f"/proc/self/fd/{number}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return number


def _occupy(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        opened = os.open(os.devnull, os.O_RDWR)
        if opened == number:
            os.set_inheritable(number, True)
        else:
            os.dup2(opened, number)
            os.close(opened)


def _readable(before: Any) -> io.TextIOWrapper:
    """Return the stream that replaces standard input, with its encoding."""
    encoding, errors = ("utf-8", "replace") if before is None else (before.encoding, before.errors)
    return io.TextIOWrapper(io.BufferedReader(SafeInput()), encoding, errors)


def _safe(number: int, title: str, before: Any) -> io.TextIOWrapper:
    """Return the stream that replaces `before`, with its encoding; characters that it lacks are written as escapes."""
    encoding = "utf-8" if before is None else before.encoding
    file = _secured[title] = SafeFile(number, title)
    buffer = io.BufferedWriter(file)
    interactive = number == 2 or buffer.isatty()
    unbuffered = before is not None and before.write_through
    return io.TextIOWrapper(buffer, encoding, "backslashreplace", line_buffering=interactive, write_through=unbuffered)
