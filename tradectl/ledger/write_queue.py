"""Let processes wait fairly for SQLite's write lock, by a queue of lock files.

A writer that finds SQLite's lock taken sleeps up to 0.1 seconds between two tries, but a new writer tries at once. Under steady
writing, one writer may therefore wait for seconds. So each writer locks two files first: `.next` for the first place in the
queue, and `.lock` for the right to write. The holder of `.next` is the only process that tries for `.lock`, and it tries often.
So a process that has just written cannot overtake it.

The queue only makes waiting fair. SQLite's own lock protects the data. If the files cannot be created or locked, and on systems
without `flock`, there is no queue. The database file itself is never locked here, because closing it would drop SQLite's locks.
The lock files may be deleted at any time. The operating system frees the lock of a process that died.
"""

from __future__ import annotations

import os
from contextlib import suppress

from tradectl.clock import SystemClock, stopwatch
from tradectl.ledger.lock_holder import CHECK_SECONDS, StoppedHolderTimer

try:
    import fcntl
except ImportError:  # on Windows
    CAN_LOCK = False
else:
    CAN_LOCK = True

_POLL_NEXT = 0.001
_POLL_LOCK = 0.0001
_NEXT_TIMEOUT = 1.0
"""Seconds to wait for the first place in the queue.

After that a writer tries for `.lock` without it: the process that holds it may be stopped, and it protects no data."""
_MODE = 0o600

_files: set[int] = set()
"""The files that are open in this process. A forked child closes them, so that it does not keep its parent's lock."""


class WriteQueue:
    """One thread's access to the write queue of the database file `path`. Releasing twice is harmless.

    The two files stay open between two writes, because opening them costs more than locking them.
    """

    __slots__ = ("_has_lock", "_in_queue", "_lock_file", "_next_file", "_process", "path", "seconds")

    def __init__(self, path: str, seconds: float) -> None:
        self.path = path
        self.seconds = seconds
        self._process = os.getpid()
        self._next_file = self._lock_file = -1
        self._in_queue = self._has_lock = False

    def acquire(self) -> None:
        """Wait for the right to write.

        Raises TimeoutError after `seconds`, or earlier if the process that has the lock stays stopped. One last try follows
        when `seconds` have passed.
        """
        if not CAN_LOCK:
            return
        began = stopwatch()
        try:
            self._open()
            self._in_queue = self._has_lock = True
            alone = _wait(self._next_file, began + min(_NEXT_TIMEOUT, self.seconds), _POLL_NEXT)
            ours = self._wait_for_lock(began + self.seconds, _POLL_LOCK if alone else _POLL_NEXT)
            self._leave_queue()
        except OSError:  # no folder, permission, space or file locks: SQLite reports what is wrong
            self.release()
            return
        if not ours:
            self.release()
            raise TimeoutError

    def release(self) -> None:
        """Release the lock and the place in the queue."""
        self._leave_queue()
        if self._has_lock:
            self._has_lock = False
            _unlock(self._lock_file)

    def close(self) -> None:
        """Release the lock and close the files."""
        self.release()
        self._next_file, self._lock_file = _closed(self._next_file), _closed(self._lock_file)

    def __del__(self) -> None:
        if self._process == os.getpid():  # a forked child has already closed its parent's files
            self.close()

    def _wait_for_lock(self, until: float, look: float) -> bool:
        timer = StoppedHolderTimer(self.path)
        while not _wait(self._lock_file, min(until, stopwatch() + CHECK_SECONDS), look):
            if stopwatch() >= until or timer.has_expired():
                return False
        return True

    def _open(self) -> None:
        if self._lock_file < 0:
            self._next_file = _opened(self._next_file, f"{self.path}.next")
            self._lock_file = _opened(self._lock_file, f"{self.path}.lock")

    def _leave_queue(self) -> None:
        if self._in_queue:
            self._in_queue = False
            _unlock(self._next_file)


def _opened(file: int, path: str) -> int:
    if file < 0:
        file = os.open(path, os.O_RDONLY | os.O_CREAT, _MODE)
        _files.add(file)
    return file


def _closed(file: int) -> int:
    if file in _files:
        _files.discard(file)
        os.close(file)
    return -1


def _unlock(file: int) -> None:
    """Unlock a file explicitly. A child process that is being started shares the file, so closing it would not unlock it."""
    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_UN)


def _wait(file: int, until: float, look: float) -> bool:
    """Lock a file; return False if that failed until `until`, a value of `stopwatch()`. `look`: seconds between two tries."""
    clock = SystemClock()
    last = False
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if last:
                return False
            clock.sleep(look)
            last = stopwatch() >= until
        else:
            return True


def _close_in_child() -> None:
    """Close the parent's files in a forked child."""
    for file in _files:
        os.close(file)
    _files.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
