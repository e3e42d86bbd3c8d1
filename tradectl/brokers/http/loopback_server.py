"""Serve HTTP requests on loopback in one thread that no client can block.

Every connection is read as its bytes arrive. Complete requests are handled one at a time. Each request has a deadline and
limits of size, and the number of connections is bounded. Only the names of this machine are served: a page of another site
whose name points to this machine (DNS rebinding) gets status 421.
"""

from __future__ import annotations

import selectors
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus

from tradectl.clock import stopwatch

LOOPBACK = "127.0.0.1"
HEADERS, BODY = 64 << 10, 1 << 20
"""The most bytes of a request's headers and of its body."""
CONNECTIONS = 64
"""The most open connections. A further one closes the oldest, which has had the longest time to send its request."""
SECONDS = 5.0
"""Seconds to receive a whole request, and again to send the whole reply."""
LINGER = 1.0
"""Seconds for which the rest of a rejected request is read and dropped, so that its client can read the reason."""
_CHUNK = 1 << 16


def names(port: int) -> frozenset[str]:
    """Return the `Host` headers that are accepted at a port of this machine."""
    return frozenset(f"{name}:{port}" for name in (LOOPBACK, "localhost", "[::1]"))


class Refused(Exception):
    """Reject a request with an HTTP status."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


@dataclass(eq=False)
class _Connection:
    """Hold the state of one client's connection.

    Attributes:
        until: The stopwatch time at which the connection is closed.
        wanted: Bytes of the whole request, 0 until its headers are complete.
        served: Whether the request was served; `out` is the rest of the reply.
        reset: Whether the connection ends with a reset instead of an orderly close.
        refused: Whether the request was rejected; the rest of its bytes is dropped.
    """

    socket: socket.socket
    address: str
    until: float
    data: bytearray = field(default_factory=bytearray)
    wanted: int = 0
    served: bool = False
    reset: bool = False
    refused: bool = False
    out: memoryview = field(default_factory=lambda: memoryview(b""))


class Loopback:
    """Listen on a port of loopback; port 0 is any free port.

    Args:
        answer: Takes a request's bytes and the client's address and returns the bytes of the reply. Empty bytes close the
            connection. An exception becomes status 400, so that one request does not end the listener.
        seconds: Seconds for a whole request, `SECONDS` by default.

    `timeout` is the number of seconds after which `handle_request` returns without a request, None for no limit.
    """

    timeout: float | None = None

    def __init__(self, port: int, answer: Callable[[bytes, str], bytes], *, seconds: float | None = None) -> None:
        """Start to listen. Raises OSError if the port is in use."""
        self._answer = answer
        self._seconds = SECONDS if seconds is None else seconds
        self._listener = socket.create_server((LOOPBACK, port), backlog=CONNECTIONS)
        self._listener.setblocking(False)
        self.server_port = int(self._listener.getsockname()[1])
        self._names = names(self.server_port)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._open: dict[_Connection, None] = {}
        self._done = False
        self.reset_next = False
        """Whether the connection of the current request ends with a reset after its reply. `answer` sets it."""

    def handle_request(self) -> None:
        """Serve until one request was served, a connection ended without a request, or `timeout` has passed."""
        self._done = False
        end = None if self.timeout is None else stopwatch() + self.timeout
        while not self._done and (end is None or stopwatch() < end):
            for key, _ in self._selector.select(self._patience(end)):
                if key.data is None:
                    self._accept()
                else:
                    self._go_on(key.data)
            now = stopwatch()
            for connection in [item for item in self._open if item.until <= now]:
                self._too_slow(connection)

    def server_close(self) -> None:
        """Close the port and every connection."""
        for connection in list(self._open):
            self._close(connection)
        self._selector.close()
        self._listener.close()

    def _patience(self, end: float | None) -> float | None:
        """Return the seconds until the next deadline, None without a deadline."""
        moments = [item.until for item in self._open] + ([end] if end is not None else [])
        return max(0.0, min(moments) - stopwatch()) if moments else None

    def _accept(self) -> None:
        try:
            made, address = self._listener.accept()
        except OSError:  # the client has disconnected already
            return
        made.setblocking(False)
        if len(self._open) >= CONNECTIONS:
            self._close(next(iter(self._open)))
        connection = _Connection(made, address[0], stopwatch() + self._seconds)
        self._open[connection] = None
        self._selector.register(made, selectors.EVENT_READ, connection)
        self._go_on(connection)

    def _go_on(self, connection: _Connection) -> None:
        """Read or write the bytes that are possible now."""
        if connection not in self._open:
            return
        try:
            if connection.out:
                self._write(connection)
            else:
                self._read(connection)
        except BlockingIOError:
            return
        except OSError:  # the client has disconnected
            self._close(connection)

    def _read(self, connection: _Connection) -> None:
        part = connection.socket.recv(_CHUNK)
        if not part:
            self._close(connection)
        elif not connection.refused:
            connection.data += part
            try:
                self._take(connection)
            except Refused as refused:
                connection.refused = True
                connection.until = stopwatch() + LINGER
                self._send(connection, page(refused.status))

    def _take(self, connection: _Connection) -> None:
        """Serve the request if it is complete. Raises Refused."""
        if not connection.wanted:
            connection.wanted = self._size(connection.data)
        if connection.wanted and len(connection.data) >= connection.wanted:
            try:
                answer = self._answer(bytes(connection.data[: connection.wanted]), connection.address)
            except Exception as error:
                raise Refused(HTTPStatus.BAD_REQUEST) from error
            connection.served = True
            connection.reset, self.reset_next = self.reset_next, False
            connection.until = stopwatch() + self._seconds
            self._done = True
            self._send(connection, answer)

    def _size(self, data: bytearray) -> int:
        """Return the bytes of the whole request, 0 while its headers are not complete. Raises Refused."""
        end = data.find(b"\r\n\r\n", 0, HEADERS)
        if end < 0:
            if len(data) >= HEADERS:
                raise Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return 0
        lines = data[:end].decode("latin-1").split("\r\n")[1:]
        fields = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        hosts = [value.lower() for name, value in fields if name == "host"]
        if len(hosts) != 1 or hosts[0] not in self._names:
            raise Refused(HTTPStatus.MISDIRECTED_REQUEST if hosts else HTTPStatus.BAD_REQUEST)
        if any(name == "transfer-encoding" for name, _ in fields):
            raise Refused(HTTPStatus.LENGTH_REQUIRED)
        lengths = {value for name, value in fields if name == "content-length"} or {"0"}
        length = lengths.pop()
        if lengths or not (length.isascii() and length.isdigit()):
            raise Refused(HTTPStatus.BAD_REQUEST)
        if len(length) > 10 or int(length) > BODY:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return end + 4 + int(length)

    def _send(self, connection: _Connection, answer: bytes) -> None:
        connection.out = memoryview(answer)
        if not answer:
            self._close(connection)
            return
        with suppress(BlockingIOError):
            self._write(connection)
        if connection in self._open and connection.out:
            self._selector.modify(connection.socket, selectors.EVENT_WRITE, connection)

    def _write(self, connection: _Connection) -> None:
        connection.out = connection.out[connection.socket.send(connection.out) :]
        if connection.out:
            return
        if connection.refused:  # the client may still be sending; if closed now, it could not read the reason
            connection.socket.shutdown(socket.SHUT_WR)
            self._selector.modify(connection.socket, selectors.EVENT_READ, connection)
        else:
            self._close(connection)

    def _too_slow(self, connection: _Connection) -> None:
        if not (connection.served or connection.refused):
            with suppress(OSError):
                connection.socket.send(page(HTTPStatus.REQUEST_TIMEOUT))
        self._close(connection)

    def _close(self, connection: _Connection) -> None:
        del self._open[connection]
        self._selector.unregister(connection.socket)
        with suppress(OSError):
            if connection.reset:
                connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                connection.socket.shutdown(socket.SHUT_WR)
        connection.socket.close()
        self._done = True


def page(status: HTTPStatus, text: str = "") -> bytes:
    """Return a reply of plain text. Without `text` it contains the status."""
    body = (text or f"{status.value} {status.phrase}\n").encode()
    kind = "Content-Type: text/plain; charset=utf-8"
    head = f"HTTP/1.0 {status.value} {status.phrase}\r\n{kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
