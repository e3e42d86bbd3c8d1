"""The websocket beside the sandbox: who is connected, what each has subscribed, and the frames that go out.

Connections live in threads of their own and never touch the exchange: the server's thread hands them what there is to say
(`publish`). An idle connection gets a heartbeat of one byte. Source: pykiteconnect 5.2.0 (`ticker.py`).
"""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tradectl.model.market import Quote
from tradectl.sandbox.server import LOOPBACK

if TYPE_CHECKING:
    from websockets.http11 import Request, Response
    from websockets.sync.server import ServerConnection

HEARTBEAT = 0.5
"""Seconds."""
DEFAULT = "quote"
"""The mode after a subscription (source: kite.trade forum 1678)."""
_DEPTH = bytes(120)


class Stream:
    """Listens on loopback. `check` says whether a header `token key:access` is good."""

    def __init__(self, check: Callable[[str], bool], *, port: int = 0) -> None:
        from websockets.sync.server import serve

        self._check = check
        self._modes: dict[ServerConnection, dict[int, str]] = {}
        self._lock = threading.Lock()
        self.silent = False
        """Says nothing any more, not even heartbeats."""
        self._server = serve(self._live, LOOPBACK, port, process_request=self._admit, compression=None)
        self._thread = threading.Thread(target=self._server.serve_forever, name="stream", daemon=True)

    @property
    def url(self) -> str:
        return f"ws://{LOOPBACK}:{self._server.socket.getsockname()[1]}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.drop()
        self._server.shutdown()
        self._thread.join()

    def drop(self) -> None:
        """Every connection breaks."""
        for connection in self._connections():
            connection.close(1001)

    def tokens(self, mode: str = "") -> frozenset[int]:
        """What anybody has subscribed, in a mode or in any."""
        with self._lock:
            return frozenset(token for modes in self._modes.values() for token in modes if mode in {"", modes[token]})

    def publish(self, quotes: Mapping[int, tuple[Quote, int]], orders: Sequence[Mapping[str, Any]]) -> None:
        """To each connection the ticks that it wants, by token with the previous close (paise), and to all the order rows."""
        with self._lock:
            wanted = {connection: dict(modes) for connection, modes in self._modes.items()}
        for connection, modes in wanted.items():
            packets = [packet(token, mode, *quotes[token]) for token, mode in modes.items() if token in quotes]
            if self.silent:
                continue
            with _broken():
                if packets:
                    connection.send(frame(packets))
                for row in orders:
                    connection.send(json.dumps({"type": "order", "data": row}))

    def _connections(self) -> list[ServerConnection]:
        with self._lock:
            return list(self._modes)

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        query = parse_qs(urlsplit(request.path).query)
        key, access = (query.get(name, [""])[-1] for name in ("api_key", "access_token"))
        return None if self._check(f"token {key}:{access}") else connection.respond(403, "")

    def _live(self, connection: ServerConnection) -> None:
        with self._lock:
            self._modes[connection] = {}
        try:
            with _broken():
                while True:
                    self._hear(connection)
        finally:
            with self._lock:
                del self._modes[connection]

    def _hear(self, connection: ServerConnection) -> None:
        """One message of a client, or a heartbeat to it."""
        try:
            message = json.loads(connection.recv(timeout=HEARTBEAT))
        except TimeoutError:
            if not self.silent:
                connection.send(b"\0")
            return
        with self._lock:
            modes = self._modes[connection]
            match message:
                case {"a": "subscribe", "v": [*tokens]}:
                    modes.update({token: modes.get(token, DEFAULT) for token in tokens})
                case {"a": "unsubscribe", "v": [*tokens]}:
                    for token in tokens:
                        modes.pop(token, None)
                case {"a": "mode", "v": [str(mode), [*tokens]]}:
                    modes.update(dict.fromkeys(tokens, mode))


def frame(packets: Sequence[bytes]) -> bytes:
    return struct.pack(">H", len(packets)) + b"".join(struct.pack(">H", len(item)) + item for item in packets)


def packet(token: int, mode: str, quote: Quote, close: int) -> bytes:
    """A packet of 8, 44 or 184 bytes. What the exchange behind does not know (depth, quantities) is 0."""
    head = struct.pack(">II", token, quote.last)
    if mode == "ltp":
        return head
    day = (quote.open or 0, quote.high or 0, quote.low or 0, close)
    body = head + struct.pack(">9I", 0, 0, quote.volume or 0, 0, 0, *day)
    if mode == DEFAULT:
        return body
    return body + struct.pack(">5I", _seconds(quote.last_trade_at), 0, 0, 0, _seconds(quote.at)) + _DEPTH


def _seconds(moment: datetime | None) -> int:
    return int(moment.timestamp()) if moment is not None else 0


def _broken() -> AbstractContextManager[None]:
    """Around what may find that the client has gone."""
    from websockets.exceptions import ConnectionClosed

    return suppress(ConnectionClosed)
