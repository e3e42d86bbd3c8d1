"""Standard streams that cannot stop the work: closed, full or gone, they lose text and nothing else.

A program started with a closed stream gives that number to the next file it opens, which may be the ledger: a line for a person
would then be written into the database. So `secure` occupies the three numbers first, before anything else is opened.
"""

from __future__ import annotations

import errno
import io
import os
import select
import stat
import sys
from typing import Any

CLOSED = frozenset({errno.EPIPE, errno.EBADF, errno.ECONNRESET, errno.ENXIO})
"""Errors of a stream without a reader: it counts as /dev/null."""
PATIENCE = 2000
"""Milliseconds to wait for a reader of a non-blocking stream that is full."""


def secure() -> None:
    """Open /dev/null in the place of every closed standard stream, and make writes to the other two safe.

    A write that fails raises nothing and changes no exit code. Where the reader is gone nothing is reported; a full disk is
    reported in one line on stderr, once.
    """
    for number in (0, 1, 2):
        _occupy(number)
    sys.stdin = _readable(sys.stdin)
    sys.stdout = _safe(1, "stdout", sys.stdout)
    sys.stderr = _safe(2, "stderr", sys.stderr)


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
    """A file whose writes never raise: what cannot be written is dropped."""

    def __init__(self, number: int, title: str) -> None:
        super().__init__(number, "w", closefd=False)
        self._title = title
        self._reported = False

    def write(self, data: Any, /) -> int:
        """Write all of `data`, or drop what cannot be written; the length of `data`."""
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view):
            try:
                written = super().write(view[done:])
            except OSError as error:
                self._dropped(error)
                break
            if written is None and not self._ready():
                self._dropped(BlockingIOError(errno.EAGAIN, "its reader does not read"))
                break
            done += written or 0
        return len(view)

    def _ready(self) -> bool:
        poll = select.poll()
        poll.register(self.fileno(), select.POLLOUT)
        return bool(poll.poll(PATIENCE))

    def _dropped(self, error: OSError) -> None:
        if self._reported or self._is_gone(error):
            return
        self._reported = True
        if self._title != "stderr":
            sys.stderr.write(f"tradectl: {self._title} cannot be written: {error.strerror}; output is lost, the work goes on\n")
            sys.stderr.flush()

    def _is_gone(self, error: OSError) -> bool:
        """A terminal that hung up answers EIO, as a broken disk does for a file."""
        hung_up = error.errno == errno.EIO and stat.S_ISCHR(os.fstat(self.fileno()).st_mode)
        return hung_up or error.errno in CLOSED


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
    """The stream that replaces standard input, with its encoding."""
    encoding, errors = ("utf-8", "replace") if before is None else (before.encoding, before.errors)
    return io.TextIOWrapper(io.BufferedReader(SafeInput()), encoding, errors)


def _safe(number: int, title: str, before: Any) -> io.TextIOWrapper:
    """The stream that replaces `before`, with its encoding; characters that it lacks are written as escapes."""
    encoding = "utf-8" if before is None else before.encoding
    buffer = io.BufferedWriter(SafeFile(number, title))
    interactive = number == 2 or buffer.isatty()
    unbuffered = before is not None and before.write_through
    return io.TextIOWrapper(buffer, encoding, "backslashreplace", line_buffering=interactive, write_through=unbuffered)
