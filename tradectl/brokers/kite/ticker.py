"""Receive live prices and order updates over Kite's websocket. Source: pykiteconnect 5.2.0 (`ticker.py`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tradectl.brokers.adapter import BrokerAccount
from tradectl.brokers.http import strict_json
from tradectl.brokers.http.address_family import Source, source_of
from tradectl.brokers.http.stream import PAUSE, Frame, PriceStream
from tradectl.brokers.kite.api import VERSION, KiteApi
from tradectl.brokers.kite.instruments import KiteInstruments
from tradectl.brokers.kite.packets import KiteTick, ticks
from tradectl.brokers.kite.rows import SOURCE, orders
from tradectl.model.market import Quote
from tradectl.model.order import OrderReport

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

MOST = 3000
"""The most instruments of one connection (source: documentation of the websocket)."""
SILENCE = timedelta(seconds=15)
"""A connection without any frame for this long is closed and opened again. Heartbeats are frames too; Kite does not document
how often it sends them."""
MODE = "full"
"""The only mode whose packets have a time."""


def ignore(report: OrderReport) -> None:
    """Ignore order updates."""


class KiteTicker(PriceStream[int]):
    """Receive Kite's stream; see `Stream`.

    The ticker calls `on_order` in its own thread for each change of an order of this user, also of orders from elsewhere. Kite
    sends no update when an after-market order is placed.
    """

    def __init__(
        self,
        account: BrokerAccount,
        api: KiteApi,
        instruments: KiteInstruments,
        on_order: Callable[[OrderReport], None] = ignore,
        *,
        pause: float = PAUSE,
        silence: timedelta = SILENCE,
    ) -> None:
        super().__init__("Kite", account.clock, MOST, pause=pause, silence=silence)
        self._account, self._api, self._instruments, self._on_order = account, api, instruments, on_order

    def _token(self, symbol: str) -> int:
        return self._instruments.require(symbol, self._clock.now()).token

    def _address(self) -> tuple[str, Mapping[str, str]]:
        key, token = self._api.credentials()
        query = urlencode({"api_key": key, "access_token": token})
        return f"{self._account.addresses['stream']}?{query}", {"X-Kite-Version": VERSION["X-Kite-Version"]}

    def _source(self) -> Source:
        return source_of(self._account.vault)()

    def _handshake(self, socket: ClientConnection, frames: Iterator[Frame]) -> None:  # noqa: ARG002 - Kite sends no reply
        self._subscribe_all(socket)

    def _send_subscription(self, socket: ClientConnection, tokens: Sequence[int]) -> None:
        socket.send(json.dumps({"a": "subscribe", "v": tokens}))
        socket.send(json.dumps({"a": "mode", "v": [MODE, tokens]}))

    def _read_frame(self, frame: Frame) -> None:
        """Read a frame: store the quotes of its ticks, or call `on_order` for its order update."""
        if isinstance(frame, bytes):
            for tick in ticks(frame):
                if tick.token in self._wanted:
                    self._store_quote(self._wanted[tick.token], _quote(self._wanted[tick.token], tick))
            return
        content = strict_json.read(frame, exact=True)
        if content["type"] == "order":
            for report in orders([content["data"]]):
                self._on_order(report)


def _quote(symbol: str, tick: KiteTick) -> Quote | None:
    if tick.at is None:
        return None
    opened = tick.open or None
    return Quote(
        symbol,
        tick.last,
        tick.at,
        SOURCE,
        last_trade_at=tick.last_trade_at,
        open=opened,
        high=tick.high if opened else None,
        low=tick.low if opened else None,
        volume=tick.volume if opened else None,
    )
