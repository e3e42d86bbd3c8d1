"""Serve Kotak's two feeds on one websocket server: orders at `/realtime`, prices (SFeed, `native_batch`) at any other path.

Neither feed has a heartbeat. No source shows the reply of the price feed to an unknown client; here it is a message without a
code.
Source: `kotakneoapi` 3.0.1 (`websocket/feed`, `websocket/orderfeed`).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from tradectl.brokers.kotak_neo.feed import REALTIME
from tradectl.brokers.kotak_neo.packets import NSE
from tradectl.brokers.kotak_neo.paths import SEGMENT
from tradectl.lab.sandboxes import stream
from tradectl.lab.sandboxes.kotak_neo.rows import Row
from tradectl.model.market import Quote

if TYPE_CHECKING:
    from websockets.sync.server import ServerConnection

GREETING_SECONDS = 10.0
"""Seconds within which a client must send its credentials."""
SCRIPS = "subscribeScrips"
_PICTURE, _TOUCH_LINE = 7208, 4
_DIVIDER = 100


def seconds(moment: datetime) -> int:
    """Return a time as the price feed probably writes it: in seconds since 1970."""
    return int(moment.timestamp())


class KotakStream(stream.SandboxStream[str]):
    """The connections of clients.

    `session` returns the client and its session; empty without one. `pair` names the two session fields that the price feed
    requires as `user` and `auth`. `written` converts a moment to the format of the feed's times. Kotak documents neither.
    """

    def __init__(self, session: Callable[[], Mapping[str, str]], *, port: int = 0) -> None:
        self._session = session
        self.pair = ("ucc", "sid")
        self.written: Callable[[datetime], int] = seconds
        self.greeted: list[tuple[str, str]] = []
        """The `user` and `auth` of each client of the price feed."""
        self._pushed: dict[str, Row] = {}
        super().__init__(port=port)

    def publish(self, quotes: Mapping[str, Quote], orders: Sequence[Row]) -> None:
        """Send the subscribed market pictures to clients of the price feed, and the changed rows to clients of the order feed."""
        changed = [row for row in orders if self._pushed.get(row["nOrdNo"]) != row]
        self._pushed = {row["nOrdNo"]: row for row in orders}

        def frames(connection: ServerConnection, modes: Mapping[str, str]) -> Iterator[str | bytes]:
            if _wants_orders(connection):
                yield from map(_order, changed)
            elif found := b"".join(picture(token, quotes[token], self.written) for token in modes if token in quotes):
                yield found

        self.send(frames)

    def _greet(self, connection: ServerConnection) -> bool:
        said, known = str(connection.recv(timeout=GREETING_SECONDS)), self._session()
        if _wants_orders(connection):
            return bool(known) and said == f"{{type:cn,Authorization:{known['token']},Sid:{known['sid']},src:WEB}}"
        hello = json.loads(said)
        self.greeted.append((hello["user"], hello["auth"]))
        if not known or self.greeted[-1] != tuple(known[name] for name in self.pair):
            connection.send(json.dumps({"message": "Invalid user or auth"}))
            return False
        exchanges = {SEGMENT: {"value": NSE, "divider": _DIVIDER}}
        connection.send(json.dumps({"message_code": 1119, "format": "native_batch", "exchanges": exchanges}))
        return True

    def _welcome(self, connection: ServerConnection) -> None:
        """Send the whole order book to a new client of the order feed."""
        if _wants_orders(connection):
            connection.send(json.dumps({"ak": "ok", "type": "cn"}))
            for row in list(self._pushed.values()):
                connection.send(_order(row))

    def _listen(self, connection: ServerConnection) -> None:
        said = json.loads(connection.recv())
        pairs = [pair.partition("|") for pair in said.get("inputtoken", "").split(",")]
        tokens = [token for segment, _, token in pairs if segment == SEGMENT]
        if said.get("event") == SCRIPS and not _wants_orders(connection):
            self._change(connection, lambda modes: modes.update(dict.fromkeys(tokens, SCRIPS)))
            connection.send(json.dumps({"message_code": 1109}))


def picture(token: str, quote: Quote, written: Callable[[datetime], int]) -> bytes:
    """Return a market picture with one row of depth on each side. Fields that the simulated exchange lacks are 0."""
    day = (quote.open or 0, 0, quote.high or 0, quote.low or 0, quote.last)
    times = tuple(written(moment) if moment else 0 for moment in (quote.last_trade_at, quote.at))
    body = struct.pack("<I5q5I", int(token), 0, 0, quote.volume or 0, *times, *day)
    body += struct.pack("<qIIIIhiIdi", 0, 0, 0, 1, 1, 0, 0, 0, 0.0, 0)
    body += struct.pack("<5IBI", quote.upper_band or 0, quote.lower_band or 0, 0, 0, 1, 2, 1) + bytes(2 * 16)
    return struct.pack("<HHbBBBB", 9 + len(body), _PICTURE, NSE, _TOUCH_LINE, 0, 0, 0) + body


def _wants_orders(connection: ServerConnection) -> bool:
    return connection.request is not None and connection.request.path == REALTIME


def _order(row: Row) -> str:
    return json.dumps({"type": "order", "data": row})
