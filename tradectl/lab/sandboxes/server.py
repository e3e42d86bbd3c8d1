"""Run a small HTTP server on loopback, in its own thread, which fails on purpose when a test requests it.

Only that thread opens and uses the exchange, one request at a time. So a virtual clock that the tested program shares with the
server stands still while a request is served. The faults of a FaultyBroker appear in the replies: after a command of unknown
outcome the connection breaks, and a failed read gets status 503.
"""

from __future__ import annotations

import json
import socket
import threading
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from email.utils import formatdate
from enum import StrEnum
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct

from tradectl.brokers.http.loopback_server import LOOPBACK, Loopback
from tradectl.clock import SystemClock
from tradectl.errors import Ambiguous, BrokerUnavailable
from tradectl.lab.faults import Fault, FaultyBroker, ServerError
from tradectl.lab.sandboxes.ambiguous_replies import DOCUMENTED, SHAPES
from tradectl.lab.sandboxes.response import Response, Shape
from tradectl.ports import Broker, Closable

__all__ = ["LOOPBACK", "Request", "Response", "Sandbox", "Shape", "Trouble"]
POLL_SECONDS = 0.5
"""Seconds that `Sandbox.serve` waits for a request before it checks whether to end."""


class Trouble(StrEnum):
    """A failure of one request."""

    LOST = "lost"  # the connection breaks, nothing was carried out
    CUT = "cut"  # carried out, then the connection breaks
    HALF = "half"  # carried out, then half of the reply is sent
    MALFORMED = "malformed"  # carried out, then an HTML page is sent
    SLOW = "slow"  # carried out, and the reply comes after `Sandbox.slow` seconds
    TOO_MANY = "too_many"  # 429, not carried out
    UNAVAILABLE = "unavailable"  # 503, not carried out
    BAD_GATEWAY = "bad_gateway"  # carried out, then a 502 without a message from the broker


class Request(Struct, frozen=True):
    """A received request. Names of `headers` are in lower case; `query` and `form` have the last value of each name."""

    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    queries: Mapping[str, list[str]] = {}
    address: str = LOOPBACK
    """The address of the client."""

    @property
    def form(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(self.body.decode(), keep_blank_values=True).items()}

    def json(self) -> Any:
        """Return the body as JSON. Raises ValueError if it is not JSON."""
        return json.loads(self.body)


class Sandbox(ABC):
    """A server in front of an exchange, which `exchange` opens in the server's thread.

    A subclass serves the requests (`answer`). Use it as a context manager; `url` is its address. `requests` lists method and
    path of each request. `broken` has the traceback of each bug; the connection of such a request breaks.
    """

    slow = 1.0
    shapes = ""
    """The broker whose false replies (`ambiguous_replies`) a faulty exchange makes the server send."""
    own_shapes: tuple[tuple[Shape, ...], tuple[Shape, ...]] = ((), ())
    """The false replies of a sandbox of another package: undocumented replies, and documented refusals."""
    _ending = False

    def __init__(self, exchange: Callable[[], Broker], *, port: int = 0) -> None:
        self._make = exchange
        self._exchange: Broker | None = None
        self._troubles: list[tuple[Trouble | Shape, str, str | tuple[str, ...]]] = []
        self._false_reply: Shape | None = None
        self.requests: list[tuple[str, str]] = []
        self.broken: list[str] = []
        self._server = Loopback(port, self._replied)
        self._handler = _handler(self)
        self._thread = threading.Thread(target=self._serve, name=type(self).__name__, daemon=True)

    @property
    def exchange(self) -> Broker:
        """Return the exchange, opened at the first call. Only the server's thread may use it."""
        if self._exchange is None:
            self._exchange = self._make()
            if isinstance(self._exchange, FaultyBroker) and (self.shapes or all(self.own_shapes)):
                self._exchange.misreport = self._misreport
        return self._exchange

    @property
    def books(self) -> Broker:
        """Return the exchange without faults, for the broker's internal lookups."""
        return self.exchange.exchange if isinstance(self.exchange, FaultyBroker) else self.exchange

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._server.server_port}"

    def trouble(self, kind: Trouble | Shape, *, method: str = "", path: str | tuple[str, ...] = "", times: int = 1) -> None:
        """Make the next `times` requests of this method fail whose path begins with `path` (or with one of several)."""
        self._troubles += [(kind, method, path)] * times

    @abstractmethod
    def answer(self, request: Request) -> Response:
        """Return the broker's reply. Only the server's thread calls it."""

    def respond(self, request: Request) -> Response | None:
        """Return the reply, or an error reply if the exchange fails; None: the connection breaks without a reply."""
        try:
            return self.answer(request)
        except ServerError:
            return _BAD_GATEWAY
        except Ambiguous:
            return None
        except BrokerUnavailable:
            return _UNAVAILABLE

    def _misreport(self, fault: Fault, number: int) -> None:
        """Replace the reply of a command that was carried out; `number` chooses the false reply."""
        shapes, documented = (SHAPES[self.shapes], DOCUMENTED[self.shapes]) if self.shapes else self.own_shapes
        table = documented if fault is Fault.DOCUMENTED_REFUSAL else shapes
        self._false_reply = table[number % len(table)]

    def _take_false_reply(self) -> Shape | None:
        reply, self._false_reply = self._false_reply, None
        return reply

    def start(self) -> None:
        """Start the server's thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the server's thread and close the exchange."""
        self._ending = True
        with suppress(OSError), socket.create_connection((LOOPBACK, self._server.server_port)):
            pass  # ends the server's wait for a request
        self._thread.join()
        self._server.server_close()

    def serve(self, until: Callable[[], bool]) -> int:
        """Serve in this thread until `until` returns True; return the number of requests. The exchange stays open."""
        self._server.timeout = POLL_SECONDS
        try:
            while not until():
                self._server.handle_request()
                self.idle()
        finally:
            self._server.server_close()
        return len(self.requests)

    def idle(self) -> None:  # noqa: B027 - only some subclasses push
        """Called regularly by `serve`, for servers that push."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _replied(self, request: bytes, address: str) -> bytes:
        """Return the bytes of the reply to a request; empty after a bug."""
        try:
            return bytes(self._handler(request, (address, 0), None).wfile.getvalue())  # type: ignore[arg-type, attr-defined]
        except Exception:  # noqa: BLE001 - the connection breaks, and `broken` has the traceback
            self.broken.append(traceback.format_exc())
            return b""

    def _serve(self) -> None:
        try:
            while not self._ending:
                self._server.handle_request()
        finally:
            exchange: object = self._exchange
            if isinstance(exchange, Closable):
                exchange.close()

    def _trouble_of(self, request: Request) -> Trouble | Shape | None:
        for item in self._troubles:
            kind, method, path = item
            if method in {"", request.method} and request.path.startswith(path):
                self._troubles.remove(item)
                return kind
        return None


_BAD_GATEWAY = Response(502, b"<html>Bad Gateway</html>", "text/html")
_UNAVAILABLE = Response(503, b"<html>Service Unavailable</html>", "text/html")
_TOO_MANY = Response.of({"status": "error", "message": "Too many requests"}, 429)
_INSTEAD = {Trouble.TOO_MANY: _TOO_MANY, Trouble.UNAVAILABLE: _UNAVAILABLE}
"""The replies that are sent without carrying out the request."""
_AFTERWARDS = {Trouble.BAD_GATEWAY: _BAD_GATEWAY, Trouble.MALFORMED: Response(200, b"<html>Maintenance</html>", "text/html")}
"""The replies that are sent after carrying out the request."""


def _handler(sandbox: Sandbox) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """HTTP/1.0: one connection for each request, so that an open connection of one client does not block others."""

        def setup(self) -> None:
            """Read from the bytes of the request, and collect the bytes of the reply."""
            self.rfile, self.wfile = BytesIO(self.request), BytesIO()

        def finish(self) -> None:
            """Leave the reply to the caller, which sends it."""

        def _handle(self) -> None:
            split = urlsplit(self.path)
            queries = parse_qs(split.query, keep_blank_values=True)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            query = {name: values[-1] for name, values in queries.items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, split.path, headers, query, body, queries, self.client_address[0])
            sandbox.requests.append((request.method, request.path))
            self._go_wrong(sandbox._trouble_of(request), request)

        do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815 - the library's names

        def _go_wrong(self, trouble: Trouble | Shape | None, request: Request) -> None:
            shape = trouble if isinstance(trouble, Shape) else None
            response = _INSTEAD.get(trouble) if isinstance(trouble, Trouble) else None
            if response is None and trouble is not Trouble.LOST:
                response = sandbox.respond(request)
                shape = sandbox._take_false_reply() or shape
            if shape is not None and response is not None:
                self._send_bytes(shape.make(response), reset=shape.reset)
                return
            if response is None or trouble is Trouble.CUT:
                return
            if trouble is Trouble.SLOW:
                SystemClock().sleep(sandbox.slow)
            sent = _AFTERWARDS.get(trouble, response) if isinstance(trouble, Trouble) else response
            self._send(sent, half=trouble is Trouble.HALF)

        def _send(self, response: Response, *, half: bool = False) -> None:
            body = response.body
            self.send_response(response.status)
            self.send_header("Content-Type", response.kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if half else body)

        def date_time_string(self, timestamp: float | None = None) -> str:
            """Return the `Date` header of a reply, in machine time."""
            return formatdate(SystemClock().machine_now().timestamp() if timestamp is None else timestamp, usegmt=True)

        def _send_bytes(self, content: bytes, *, reset: bool) -> None:
            self.wfile.write(content)
            sandbox._server.reset_next = reset

        def log_message(self, *_: object) -> None:
            """Log nothing, because `Sandbox.requests` lists the requests."""

    return Handler
