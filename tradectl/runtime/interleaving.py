"""Do several pieces of work side by side, each up to its next moment, so that the earliest moment always comes first.

Each piece has a thread, and only one thread runs at a time. So the order depends on the moments alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

Wait = Callable[[datetime], None]
"""Waits until all other work before a moment is done."""
Work = Callable[[Wait], None]


@dataclass(slots=True)
class _Piece:
    """A piece of work, its next moment, and the place in which it was added, which decides between equal moments."""

    moment: datetime
    place: int
    work: Work
    go_on: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    thread: threading.Thread | None = None
    ended: bool = False
    error: BaseException | None = None


class _Abandoned(BaseException):
    """Another piece of work failed, so this one ends."""


class Interleaving:
    """Do the added pieces of work in the order of their moments.

    `leave`: called in each thread before it ends.
    """

    def __init__(self, leave: Callable[[], None] = lambda: None) -> None:
        self._leave = leave
        self._pieces: list[_Piece] = []
        self._yielded = threading.Semaphore(0)
        self._abandoned = False

    def add(self, moment: datetime, work: Work) -> None:
        """Add work that begins at a moment."""
        self._pieces.append(_Piece(moment, len(self._pieces), work))

    def run(self) -> None:
        """Do all work. An error of a piece ends the other pieces and is raised."""
        while waiting := [piece for piece in self._pieces if not piece.ended]:
            piece = min(waiting, key=lambda item: (item.moment, item.place))
            self._resume(piece)
            if piece.error is not None:
                self._abandon()
                raise piece.error

    def _resume(self, piece: _Piece) -> None:
        """Let a piece do its work up to its next moment."""
        if piece.thread is None:
            piece.thread = threading.Thread(target=self._do, args=(piece,), daemon=True)
            piece.thread.start()
        else:
            piece.go_on.release()
        self._yielded.acquire()
        if piece.ended:
            piece.thread.join()

    def _do(self, piece: _Piece) -> None:
        def wait(moment: datetime) -> None:
            piece.moment = moment
            self._yielded.release()
            piece.go_on.acquire()
            if self._abandoned:
                raise _Abandoned

        try:
            piece.work(wait)
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread of `run`
            piece.error = error
        finally:
            self._leave()
            piece.ended = True
            self._yielded.release()

    def _abandon(self) -> None:
        self._abandoned = True
        for piece in self._pieces:
            if piece.thread is not None and not piece.ended:
                self._resume(piece)
