"""A proxy on loopback that passes every request on to a sandbox and keeps what went through, byte for byte.

It stands between a client and the server, over real sockets, so neither knows of it. A websocket is passed on frame by frame.
The server's own address in a reply becomes the proxy's, so that a client that is led on (Kotak's `baseUrl`) stays on record.

mitmproxy would do as much and brings thirty packages, with pins of their own, into the tests' environment; so this is our own.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side

_LOOPBACK = "127.0.0.1"
_CHUNK = 1 << 16
_HOP = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})


@dataclass
class Exchange:
    """A request with its reply, or a websocket with its frames. Names of `headers` are in lower case.

    `sent` and `heard` are the payloads of a websocket's frames: text, or bytes.
    """

    action: str
    method: str
    path: str
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes
    status: int = 0
    kind: str = ""
    reply: bytes = b""
    sent: list[str | bytes] = field(default_factory=list)
    heard: list[str | bytes] = field(default_factory=list)


class Recorder:
    """Proxy before the server at `upstream`; a context manager. It listens at `url`, for websockets at `stream_url`."""

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream).netloc
        self.others: list[Recorder] = []
        """Recorders before other servers, whose addresses in a reply become those of their proxies too."""
        self.exchanges: list[Exchange] = []
        self.action = ""
        recorder = self

        class Handler(_Handler):
            def handle_request(self) -> None:
                recorder._pass_on(self)

            do_GET = do_POST = do_PUT = do_DELETE = handle_request  # noqa: N815 - the library's names

        self._server = ThreadingHTTPServer((_LOOPBACK, 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def address(self) -> str:
        return f"{_LOOPBACK}:{self._server.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def stream_url(self) -> str:
        return f"ws://{self.address}"

    @contextmanager
    def during(self, action: str) -> Iterator[None]:
        """Name what is asked in this block."""
        before, self.action = self.action, action
        try:
            yield
        finally:
            self.action = before

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _pass_on(self, handler: BaseHTTPRequestHandler) -> None:
        split = urlsplit(handler.path)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        body = handler.rfile.read(int(headers.get("content-length", 0)))
        query = parse_qsl(split.query, keep_blank_values=True)
        exchange = Exchange(self.action, handler.command, split.path, query, headers, body)
        self.exchanges.append(exchange)
        onward = [(name, self.upstream if name.lower() == "host" else value) for name, value in handler.headers.items()]
        if headers.get("upgrade", "").lower() == "websocket":
            self._relay(handler, exchange, onward)
        else:
            self._forward(handler, exchange, onward)

    def _forward(self, handler: BaseHTTPRequestHandler, exchange: Exchange, onward: list[tuple[str, str]]) -> None:
        connection = HTTPConnection(self.upstream, timeout=10)
        connection.putrequest(exchange.method, handler.path, skip_host=True, skip_accept_encoding=True)
        for name, value in onward:
            connection.putheader(name, value)
        try:
            connection.endheaders(exchange.body)
            reply = connection.getresponse()
            content = reply.read()
        except (HTTPException, OSError):
            return  # the connection broke, and breaks for the client too
        finally:
            connection.close()
        exchange.status, exchange.kind = reply.status, reply.headers.get("Content-Type", "")
        for recorder in (self, *self.others):
            content = content.replace(recorder.upstream.encode(), recorder.address.encode())
        exchange.reply = content
        handler.send_response_only(reply.status)
        for name, value in reply.headers.items():
            if name.lower() not in _HOP:
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(exchange.reply)))
        handler.end_headers()
        handler.wfile.write(exchange.reply)

    def _relay(self, handler: BaseHTTPRequestHandler, exchange: Exchange, onward: list[tuple[str, str]]) -> None:
        """Pass both ways on until one side ends."""
        host, port = self.upstream.split(":")
        with socket.create_connection((host, int(port)), timeout=10) as server:
            server.settimeout(None)
            lines = [f"GET {handler.path} HTTP/1.1", *(f"{name}: {value}" for name, value in onward), "", ""]
            server.sendall("\r\n".join(lines).encode())
            client = handler.connection
            back = threading.Thread(
                target=_copy, args=(server, client, _Frames(Side.CLIENT, exchange.heard, skip=True)), daemon=True
            )
            back.start()
            _copy(client, server, _Frames(Side.SERVER, exchange.sent))
            back.join(timeout=5)


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing: `Recorder.exchanges` has all of it."""


class _Frames:
    """Payloads of the frames in a stream of bytes, appended to `found` as they come. `skip`: a reply with headers comes first."""

    def __init__(self, side: Side, found: list[str | bytes], *, skip: bool = False) -> None:
        self._protocol, self._found, self._skip, self._head = Protocol(side), found, skip, b""

    def feed(self, data: bytes) -> None:
        if self._skip:
            self._head += data
            _, end, data = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            self._skip = False
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame) and event.opcode in {Opcode.TEXT, Opcode.BINARY}:
                content = bytes(event.data)
                self._found.append(content.decode() if event.opcode is Opcode.TEXT else content)


def _copy(source: socket.socket, target: socket.socket, frames: _Frames) -> None:
    """Copy until the source ends, then end the target."""
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            frames.feed(data)
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
