"""Make the standard streams safe: a closed, full or hung-up stream loses text but does not stop the work.

If a program starts with a closed stream, the next opened file gets its number. That may be the ledger, and a line for a person
would be written into the database. So `secure` occupies the three numbers before any other file is opened.

If the reader of a pipe, socket or terminal stops reading, a write would block for ever. So such a stream is written in small
pieces without blocking. Text that the reader does not take in time is dropped.
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
"""Errors that mean that a stream has no reader any more. Its text is then dropped without a report."""
PATIENCE = 2.0
"""Seconds to wait for the reader of a full stream. After text was dropped, writes do not wait until one succeeds."""
_PIECE = select.PIPE_BUF
"""Number of bytes that a writable pipe accepts as a whole."""
_AGAIN = 0.01
"""Seconds between two tries if a stream reports that it is writable but accepts nothing, as a terminal may."""
_secured: dict[str, SafeFile] = {}


def secure() -> None:
    """Open /dev/null in place of every closed standard stream, and make stdin, stdout and stderr safe.

    A failed write raises nothing and does not change the exit code. A missing reader is not reported. Any other failure, such as
    a full disk, is reported once, in one line on stderr.
    """
    for number in (0, 1, 2):
        _occupy(number)
    sys.stdin = _readable(sys.stdin)
    sys.stdout = _safe(1, "stdout", sys.stdout)
    sys.stderr = _safe(2, "stderr", sys.stderr)


def wait_for_reader() -> None:
    """Let writes to stdout wait for the reader without a limit, for commands that only print, for example into a pager."""
    if "stdout" in _secured:
        _secured["stdout"].patience = None


class SafeInput(io.FileIO):
    """Read standard input; a read error counts as its end (a terminal that hung up, or a stream opened only for writing)."""

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
    """Write to a file descriptor without raising. Text that cannot be written is dropped.

    `patience`: the longest wait for a reader, in seconds; None: no limit.
    """

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
        """Write as much as the stream accepts, and return the number of bytes. Raises BlockingIOError after `patience`."""
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
            sys.stderr.write(f"tradectl: {self._title} cannot be written: {error.strerror}; output is lost\n")
            sys.stderr.flush()

    def _is_gone(self, error: OSError) -> bool:
        """Return whether the error means that the reader is gone. For a terminal EIO means that it hung up."""
        hung_up = error.errno == errno.EIO and stat.S_ISCHR(os.fstat(self.fileno()).st_mode)
        return hung_up or error.errno in CLOSED


def _without_blocking(number: int) -> int:
    """Open a pipe or a terminal again, for writes that do not block; return `number` itself if that fails.

    The non-blocking flag is not set on `number`, because it would apply to every process that shares the stream.
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
    """Return the stream that replaces `before`, with its encoding. Characters outside the encoding are written as escapes."""
    encoding = "utf-8" if before is None else before.encoding
    file = _secured[title] = SafeFile(number, title)
    buffer = io.BufferedWriter(file)
    interactive = number == 2 or buffer.isatty()
    unbuffered = before is not None and before.write_through
    return io.TextIOWrapper(buffer, encoding, "backslashreplace", line_buffering=interactive, write_through=unbuffered)
