"""A last look before the first byte of a request, and a deadline for its whole answer.

Names and connections may take long. So what may keep a request back is called on the open connection.

The timeout of `requests` is for one piece of an answer: an answer that trickles never runs into it, and would hold a step of the
day for ever. So answers are read here through a file that knows when they must have ended.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from http.client import HTTPException, HTTPResponse
from io import BufferedReader, RawIOBase
from time import monotonic
from typing import Any

from requests import Response
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

WHOLE = 4
"""A whole answer may take so many times as long as one may wait for a piece of it."""
_LOOK: ContextVar[Callable[[], None] | None] = ContextVar("look", default=None)
"""What is called before the next request of this thread."""


@contextmanager
def looking_first(look: Callable[[], None] | None) -> Iterator[None]:
    """Call `look` before the first byte of each request inside the block. What it raises is passed on, and nothing is sent."""
    before = _LOOK.set(look)
    try:
        yield
    finally:
        _LOOK.reset(before)


class Timely(HTTPAdapter):
    """Connections on which nothing is repeated and every answer has a deadline: past it, what `requests` raises where a piece of
    an answer does not come in time."""

    def __init__(self, source: tuple[str, int] | None = None) -> None:
        """`source`: the local address from which connections leave (`network`)."""
        self._source = source
        super().__init__(max_retries=0)

    def init_poolmanager(self, *words: Any, **names: Any) -> None:
        super().init_poolmanager(*words, **names, source_address=self._source)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SafePool}


def without_target(answer: Response, *_: Any, **__: Any) -> Response:
    """Take off where a redirection leads, which is never followed: an unreadable address there would be an error of its own."""
    answer.headers.pop("Location", None)
    return answer


class _File(RawIOBase):
    """What comes in on a socket, until its deadline. The socket's timeout is that for a piece."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._piece = connection, connection.gettimeout()
        self._until = monotonic() + WHOLE * self._piece if self._piece is not None else None
        self._file = connection.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        """TimeoutError past the deadline."""
        if self._until is not None and self._piece is not None:
            left = self._until - monotonic()
            if left <= 0:
                raise TimeoutError("the whole answer took too long")
            self._connection.settimeout(min(self._piece, left))
        return self._file.readinto(buffer)

    def close(self) -> None:
        """The connection may be used again, with the timeout that it had."""
        if not self.closed:
            with suppress(OSError):  # it is closed already
                self._connection.settimeout(self._piece)
            self._file.close()
        super().close()


class _Answer(HTTPResponse):
    """`http.client` reads everything, its headers too, from `fp`."""

    def __init__(self, sock: socket.socket, *words: Any, **names: Any) -> None:
        super().__init__(sock, *words, **names)
        self.fp.close()
        self.fp = BufferedReader(_File(sock))

    def begin(self) -> None:
        """HTTPException for an answer that names two lengths: found later, it would leave the connection open."""
        super().begin()
        lengths = {part.strip() for text in self.headers.get_all("Content-Length", ()) for part in text.split(",")}
        if len(lengths) > 1:
            raise HTTPException("the answer names more than one length")


class _LooksFirst(HTTPConnection):
    def request(self, *words: Any, **names: Any) -> None:
        """Connect, look, and only then send."""
        look = _LOOK.get()
        if look is not None:
            if self.sock is None:
                self.connect()
            look()
        super().request(*words, **names)


class _Connection(_LooksFirst):
    response_class = _Answer


class _SafeConnection(_LooksFirst, HTTPSConnection):
    response_class = _Answer


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SafePool(HTTPSConnectionPool):
    ConnectionCls = _SafeConnection
