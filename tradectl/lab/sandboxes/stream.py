"""Run the websocket server of a sandbox: its connections, their subscriptions, and the frames that it sends.

Each connection runs in its own thread and never uses the exchange. The HTTP server's thread passes the frames to the connections
at each call of `tick`, and regularly while `serve` runs.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.request import Request as HttpRequest
from urllib.request import urlopen

from tradectl.brokers.http.loopback_server import CONNECTIONS, LOOPBACK, SECONDS, names
from tradectl.errors import TradectlError, UsageError
from tradectl.lab.sandboxes.server import Request, Response, Sandbox

if TYPE_CHECKING:
    from websockets.sync.server import ServerConnection

TICK = "/sandbox/tick"
Token = TypeVar("Token", int, str)


class SandboxStream(ABC, Generic[Token]):
    """A websocket server on loopback. `how`: options of `websockets.sync.server.serve`."""

    def __init__(self, *, port: int = 0, **how: Any) -> None:
        from websockets.sync.server import serve

        self._modes: dict[ServerConnection, dict[Token, str]] = {}
        self._lock = threading.Lock()
        self.silent = False
        """True: send nothing more."""
        self._next = how.pop("process_request", None)
        self._server = serve(
            self._live, LOOPBACK, port, compression=None, process_request=self._checked, open_timeout=SECONDS, **how
        )
        self._names = names(self._server.socket.getsockname()[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="stream", daemon=True)

    @property
    def url(self) -> str:
        return f"ws://{LOOPBACK}:{self._server.socket.getsockname()[1]}"

    def _checked(self, connection: ServerConnection, request: Any) -> Any:
        """Refuse a client with another Host header, a client above the limit, and a client that the subclass refuses."""
        hosts = [host.lower() for host in request.headers.get_all("Host")]
        if len(hosts) != 1 or hosts[0] not in self._names:
            return connection.respond(HTTPStatus.MISDIRECTED_REQUEST, "421 Misdirected Request\n")
        with self._lock:
            many = len(self._modes) >= CONNECTIONS
        if many:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "503 Service Unavailable\n")
        return self._next(connection, request) if self._next is not None else None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.drop()
        self._server.shutdown()
        self._thread.join()

    def drop(self) -> None:
        """Break every connection."""
        with self._lock:
            connections = list(self._modes)
        for connection in connections:
            connection.close(1001)

    def tokens(self, mode: str = "") -> frozenset[Token]:
        """Return the tokens that any connection has subscribed to. `mode` empty: in any mode."""
        with self._lock:
            return frozenset(token for modes in self._modes.values() for token in modes if mode in {"", modes[token]})

    @property
    def listening(self) -> bool:
        """Return whether there is a connection."""
        with self._lock:
            return bool(self._modes)

    def send(self, frames: Callable[[ServerConnection, Mapping[Token, str]], Iterable[str | bytes]]) -> None:
        """Send each connection the frames that `frames` returns for it and its tokens with their modes."""
        with self._lock:
            wanted = {connection: dict(modes) for connection, modes in self._modes.items()}
        for connection, modes in wanted.items():
            with broken():
                for frame in () if self.silent else frames(connection, modes):
                    connection.send(frame)

    @abstractmethod
    def _greet(self, connection: ServerConnection) -> bool:
        """Exchange the first messages, before any subscription; return whether the client is accepted."""

    def _welcome(self, connection: ServerConnection) -> None:
        """Send the first frames to an accepted client."""

    @abstractmethod
    def _listen(self, connection: ServerConnection) -> None:
        """Receive one message of a client, and change its subscriptions by `_change`."""

    def _change(self, connection: ServerConnection, change: Callable[[dict[Token, str]], object]) -> None:
        with self._lock:
            change(self._modes[connection])

    def _live(self, connection: ServerConnection) -> None:
        with broken():
            if not self._greet(connection):
                return
            with self._lock:
                self._modes[connection] = {}
            try:
                self._welcome(connection)
                while True:
                    self._listen(connection)
            finally:
                with self._lock:
                    del self._modes[connection]


def broken() -> AbstractContextManager[None]:
    """Return a context manager that ignores the error of a closed connection."""
    from websockets.exceptions import ConnectionClosed

    return suppress(ConnectionClosed)


class StreamingSandbox(Sandbox):
    """A sandbox with an optional stream. A subclass pushes new prices and orders (`push`)."""

    stream: SandboxStream[Any] | None = None

    @property
    def stream_url(self) -> str:
        """Return the stream's address. Raises UsageError without a stream."""
        if self.stream is None:
            raise UsageError("this sandbox has no stream")
        return self.stream.url

    def tick(self) -> None:
        """Make the server's thread push new prices and orders."""
        with urlopen(HttpRequest(self.url + TICK, method="POST")) as answer:
            answer.read()

    @abstractmethod
    def push(self) -> None:
        """Pass new prices and orders to the stream. Only the server's thread calls this."""

    def respond(self, request: Request) -> Response | None:
        if request.path == TICK:
            self.idle()
            return Response.of({})
        return super().respond(request)

    def start(self) -> None:
        if self.stream is not None:
            self.stream.start()
        super().start()

    def stop(self) -> None:
        super().stop()
        if self.stream is not None:
            self.stream.stop()

    def serve(self, until: Callable[[], bool]) -> int:
        if self.stream is not None:
            self.stream.start()
        try:
            return super().serve(until)
        finally:
            if self.stream is not None:
                self.stream.stop()

    def idle(self) -> None:
        """Push new prices and orders; push nothing if the market cannot be read."""
        with suppress(TradectlError):
            self.push()
