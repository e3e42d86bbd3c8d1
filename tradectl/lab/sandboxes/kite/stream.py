"""Send Kite's ticks and order updates over a websocket. An idle connection gets a heartbeat of one byte.

Source: pykiteconnect 5.2.0 (`ticker.py`).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tradectl.lab.sandboxes import stream
from tradectl.model.market import Quote

if TYPE_CHECKING:
    from websockets.http11 import Request, Response
    from websockets.sync.server import ServerConnection

HEARTBEAT = 0.5
"""Seconds without a message from the client, after which a heartbeat is sent."""
DEFAULT = "quote"
"""The mode after a subscription (source: kite.trade forum 1678)."""
_DEPTH = bytes(120)


class KiteStream(stream.SandboxStream[int]):
    """The connections of clients. `check` returns whether a header `token key:access` is valid."""

    def __init__(self, check: Callable[[str], bool], *, port: int = 0) -> None:
        self._check = check
        super().__init__(port=port, process_request=self._admit)

    def publish(self, quotes: Mapping[int, tuple[Quote, int]], orders: Sequence[Mapping[str, Any]]) -> None:
        """Send each connection the ticks of its subscriptions and all order rows.

        `quotes`: by token, the quote and the previous close in paise.
        """

        def frames(_: ServerConnection, modes: Mapping[int, str]) -> Iterator[str | bytes]:
            packets = [packet(token, mode, *quotes[token]) for token, mode in modes.items() if token in quotes]
            if packets:
                yield frame(packets)
            for row in orders:
                yield json.dumps({"type": "order", "data": row})

        self.send(frames)

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        query = parse_qs(urlsplit(request.path).query)
        key, access = (query.get(name, [""])[-1] for name in ("api_key", "access_token"))
        return None if self._check(f"token {key}:{access}") else connection.respond(403, "")

    def _greet(self, connection: ServerConnection) -> bool:  # noqa: ARG002 - `_admit` has checked the client
        return True

    def _listen(self, connection: ServerConnection) -> None:
        try:
            message = json.loads(connection.recv(timeout=HEARTBEAT))
        except TimeoutError:
            if not self.silent:
                connection.send(b"\0")
            return
        match message:
            case {"a": "subscribe", "v": [*tokens]}:
                self._change(connection, lambda modes: modes.update({token: modes.get(token, DEFAULT) for token in tokens}))
            case {"a": "unsubscribe", "v": [*tokens]}:
                self._change(connection, lambda modes: [modes.pop(token, None) for token in tokens])
            case {"a": "mode", "v": [str(mode), [*tokens]]}:
                self._change(connection, lambda modes: modes.update(dict.fromkeys(tokens, mode)))


def frame(packets: Sequence[bytes]) -> bytes:
    """Return a binary frame of several packets."""
    return struct.pack(">H", len(packets)) + b"".join(struct.pack(">H", len(item)) + item for item in packets)


def packet(token: int, mode: str, quote: Quote, close: int) -> bytes:
    """Return a packet of 8, 44 or 184 bytes. Fields that the simulated exchange lacks (depth, quantities) are 0."""
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
