"""Whose turn it is to write: a short queue of processes before SQLite's write lock, which has none.

Who finds SQLite's lock taken sleeps up to a tenth of a second and tries again, while a newcomer tries at once: under steady
writing the same one may lose for seconds. So writers lock a file first. Two files, as in a shop: one to be *next*, one for
the *turn* itself. The next one looks often and is alone, and who has just written cannot step in before it.

It is politeness only; that nothing is written twice or lost is SQLite's own lock. So where the files cannot be made or locked,
and on systems without `flock`, nobody queues. The files are never the database's own (closing that would drop SQLite's locks
on it), stay where they are, and may be deleted at any time. The operating system takes a lock back from a process that died.
"""

from __future__ import annotations

import os
from contextlib import suppress

from tradectl.clock import SystemClock, stopwatch
from tradectl.ledger.lock_holder import LOOK_EVERY, Patience

try:
    import fcntl
except ImportError:  # on Windows
    CAN_LOCK = False
else:
    CAN_LOCK = True

_LOOK_TO_BE_NEXT = 0.001
_LOOK_FOR_THE_TURN = 0.0001
_POLITE = 1.0
"""Seconds to wait for the place of the next one: who has it may have been stopped there, and it guards nothing."""
_MODE = 0o600

_files: set[int] = set()
"""Every file that is open here now: a forked child must not keep its parent's turn when the parent has died."""


class Turn:
    """One thread's place among the writers of the database file `path`. `take` and `leave` it; leaving twice is harmless.

    Its files stay open between two turns, because opening them costs more than all the rest.
    """

    __slots__ = ("_has_turn", "_in_queue", "_next", "_process", "_turn", "path", "seconds")

    def __init__(self, path: str, seconds: float) -> None:
        self.path = path
        self.seconds = seconds
        self._process = os.getpid()
        self._next = self._turn = -1
        self._in_queue = self._has_turn = False

    def take(self) -> None:
        """Wait until it is ours. Raises TimeoutError when `seconds` have passed, the last look being after them, and when the
        process that has it stays stopped."""
        if not CAN_LOCK:
            return
        began = stopwatch()
        try:
            self._open()
            self._in_queue = self._has_turn = True
            alone = _wait(self._next, began + min(_POLITE, self.seconds), _LOOK_TO_BE_NEXT)
            ours = self._wait_for_turn(began + self.seconds, _LOOK_FOR_THE_TURN if alone else _LOOK_TO_BE_NEXT)
            self._leave_queue()
        except OSError:  # no folder, no right, no room, or a file system without locks: SQLite will say what it thinks of it
            self.leave()
            return
        if not ours:
            self.leave()
            raise TimeoutError

    def leave(self) -> None:
        """Give the turn, or the place in the queue, back."""
        self._leave_queue()
        if self._has_turn:
            self._has_turn = False
            _unlock(self._turn)

    def close(self) -> None:
        """Leave, and give the files back."""
        self.leave()
        self._next, self._turn = _closed(self._next), _closed(self._turn)

    def __del__(self) -> None:
        if self._process == os.getpid():  # a forked child has closed what was its parent's
            self.close()

    def _wait_for_turn(self, until: float, look: float) -> bool:
        patience = Patience(self.path)
        while not _wait(self._turn, min(until, stopwatch() + LOOK_EVERY), look):
            if stopwatch() >= until or patience.is_over():
                return False
        return True

    def _open(self) -> None:
        if self._turn < 0:
            self._next = _opened(self._next, f"{self.path}.next")
            self._turn = _opened(self._turn, f"{self.path}.lock")

    def _leave_queue(self) -> None:
        if self._in_queue:
            self._in_queue = False
            _unlock(self._next)


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
    """Said aloud rather than by closing: a child that is being started shares the file until it becomes another program."""
    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_UN)


def _wait(file: int, until: float, look: float) -> bool:
    """Whether a file could be locked by `until`, on the stopwatch."""
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


def _forget() -> None:
    """In a forked child: let go of what is the parent's."""
    for file in _files:
        os.close(file)
    _files.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
