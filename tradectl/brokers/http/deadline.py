"""Run a check before the first byte of a request, and set a deadline for its whole reply.

The name look-up and the connection may take long. So the check that may stop a request runs on the open connection.

The time-out of `requests` applies to one part of a reply. A slow reply in many parts never reaches it and would block a step
without end. So replies are read through a file object with a deadline.
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
"""A whole reply may take this many times the time-out of one part."""
_CHECK: ContextVar[Callable[[], None] | None] = ContextVar("check", default=None)
"""The check to call before each request inside `checked_first`, in the same context. None for no check."""


@contextmanager
def checked_first(check: Callable[[], None] | None) -> Iterator[None]:
    """Call `check` before the first byte of each request inside the `with` block. If it raises, nothing is sent."""
    before = _CHECK.set(check)
    try:
        yield
    finally:
        _CHECK.reset(before)


class DeadlineAdapter(HTTPAdapter):
    """Open connections that repeat no request and have a deadline for every reply.

    After the deadline `requests` raises the same error as after the time-out of one part.
    """

    def __init__(self, source: tuple[str, int] | None = None) -> None:
        """Create the adapter. `source` is the local address of its connections (`address_family`), None for any."""
        self._source = source
        super().__init__(max_retries=0)

    def init_poolmanager(self, *words: Any, **names: Any) -> None:
        super().init_poolmanager(*words, **names, source_address=self._source)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SafePool}


def without_target(answer: Response, *_: Any, **__: Any) -> Response:
    """Remove the target of a redirection. It is never followed, but an invalid address there would raise another error."""
    answer.headers.pop("Location", None)
    return answer


class _TimedFile(RawIOBase):
    """Read the bytes of a socket until a deadline. The socket's time-out applies to one part."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._piece = connection, connection.gettimeout()
        self._until = monotonic() + WHOLE * self._piece if self._piece is not None else None
        self._file = connection.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        """Read one part. Raises TimeoutError after the deadline."""
        if self._until is not None and self._piece is not None:
            left = self._until - monotonic()
            if left <= 0:
                raise TimeoutError("the whole reply took too long")
            self._connection.settimeout(min(self._piece, left))
        return self._file.readinto(buffer)

    def close(self) -> None:
        """Close the file and restore the time-out of the connection."""
        if not self.closed:
            with suppress(OSError):  # the socket is closed already
                self._connection.settimeout(self._piece)
            self._file.close()
        super().close()


class _TimedResponse(HTTPResponse):
    """Read headers and body of a response through `_TimedFile`."""

    def __init__(self, sock: socket.socket, *words: Any, **names: Any) -> None:
        super().__init__(sock, *words, **names)
        self.fp.close()
        self.fp = BufferedReader(_TimedFile(sock))

    def begin(self) -> None:
        """Read the headers. Raises HTTPException for two different lengths: a later error would leave the connection open."""
        super().begin()
        lengths = {part.strip() for text in self.headers.get_all("Content-Length", ()) for part in text.split(",")}
        if len(lengths) > 1:
            raise HTTPException("the reply has more than one length")


class _CheckedConnection(HTTPConnection):
    def request(self, *words: Any, **names: Any) -> None:
        """Connect, run the check, then send."""
        check = _CHECK.get()
        if check is not None:
            if self.sock is None:
                self.connect()
            check()
        super().request(*words, **names)


class _Connection(_CheckedConnection):
    response_class = _TimedResponse


class _SafeConnection(_CheckedConnection, HTTPSConnection):
    response_class = _TimedResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SafePool(HTTPSConnectionPool):
    ConnectionCls = _SafeConnection
