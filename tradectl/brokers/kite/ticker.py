"""Live prices and order updates over Kite's websocket, in a thread of its own.

The connection is made again whenever it breaks or falls silent (a living one sends heartbeats), with longer and longer pauses,
and everything that was subscribed is subscribed again. Ticks are only kept: each has the exchange's own time, by which whoever
asks for a quote knows how old it is. Source: pykiteconnect 5.2.0 (`ticker.py`).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Self
from urllib.parse import urlencode

from tradectl.brokers.adapter import Account
from tradectl.brokers.kite.api import VERSION, Api
from tradectl.brokers.kite.instruments import Instruments
from tradectl.brokers.kite.packets import Tick, ticks
from tradectl.brokers.kite.rows import SOURCE, orders
from tradectl.errors import TradectlError, UsageError
from tradectl.model.market import Quote
from tradectl.model.order import OrderReport

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

MOST = 3000
"""Instruments of one connection (source: documentation of the websocket)."""
SILENCE = timedelta(seconds=15)
"""After so long without a frame, heartbeats included, a connection is taken for dead. How often they come is not documented."""
PAUSE, LONGEST = 1.0, 60.0
"""Seconds before the first new try, and at most (source: the official client's longest)."""
_LOOK = 0.5
"""Seconds between two looks whether to stop."""
MODE = "full"
"""The only mode whose packets have a time."""


def ignore(report: OrderReport) -> None:
    """For who is not interested in order updates."""


class Ticker:
    """One connection. Use it as a context manager.

    `on_order` hears of each change of an order of this user, whatever made it, in the ticker's thread; Kite sends none for an
    after-market order that is placed. `trouble` is why there is no connection, empty while there is one; `connections` counts.
    """

    def __init__(
        self,
        account: Account,
        api: Api,
        instruments: Instruments,
        on_order: Callable[[OrderReport], None] = ignore,
        *,
        pause: float = PAUSE,
        silence: timedelta = SILENCE,
    ) -> None:
        self._account, self._api, self._instruments, self._on_order = account, api, instruments, on_order
        self._pause, self._silence = pause, silence
        self._wanted: dict[int, str] = {}
        self._ticks: dict[str, Tick] = {}
        self._socket: ClientConnection | None = None
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kite-ticker", daemon=True)
        self.trouble = "not connected yet"
        self.connections = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def subscribe(self, symbols: Sequence[str]) -> None:
        """From now on these too. UsageError for a symbol that Kite does not list, and for more than one connection may have."""
        now = self._account.clock.now()
        new = {self._instruments.require(symbol, now).token: symbol for symbol in symbols}
        with self._lock:
            if len(self._wanted | new) > MOST:
                raise UsageError(f"Kite's ticker takes {MOST} instruments, not {len(self._wanted | new)}")
            self._wanted |= new
            socket = self._socket
        if socket is not None:
            self._ask(socket, list(new))

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """The last tick of each symbol, with the exchange's time; without one it is absent. The ticker tells no bands."""
        with self._lock:
            found = {symbol: self._ticks[symbol] for symbol in symbols if symbol in self._ticks}
        return {symbol: _quote(symbol, tick, tick.at) for symbol, tick in found.items() if tick.at is not None}

    # the thread

    def _run(self) -> None:
        pause = self._pause
        while not self._stopped.is_set():
            heard = self._connected()
            pause = self._pause if heard else min(pause * 2, LONGEST)
            self._stopped.wait(pause)

    def _connected(self) -> bool:
        """One connection from its beginning to its end; whether anything was heard on it. Its address has secrets in it, so no
        error is told in its own words."""
        from websockets.exceptions import InvalidStatus, WebSocketException
        from websockets.sync.client import connect

        heard = False
        try:
            key, token = self._api.credentials()
            url = f"{self._account.addresses['stream']}?{urlencode({'api_key': key, 'access_token': token})}"
            headers = {"X-Kite-Version": VERSION["X-Kite-Version"]}
            with connect(url, additional_headers=headers, user_agent_header="tradectl", compression=None, proxy=None) as socket:
                with self._lock:
                    self._socket, wanted = socket, list(self._wanted)
                self._ask(socket, wanted)
                self.trouble, self.connections = "", self.connections + 1
                heard = self._listen(socket)
            self.trouble = "the connection was silent"
        except InvalidStatus as error:
            self.trouble = f"Kite refuses the connection ({error.response.status_code})"
        except (OSError, WebSocketException) as error:
            self.trouble = f"the connection broke ({type(error).__name__})"
        except TradectlError as error:
            self.trouble = str(error)
        finally:
            with self._lock:
                self._socket = None
        return heard

    def _listen(self, socket: ClientConnection) -> bool:
        """Take frames until the connection ends, is silent for too long, or nobody wants it; whether there were any."""
        from websockets.exceptions import ConnectionClosed

        heard, last = False, self._account.clock.machine_now()
        while not self._stopped.is_set():
            try:
                frame = socket.recv(timeout=_LOOK)
            except TimeoutError:
                if self._account.clock.machine_now() - last > self._silence:
                    break
                continue
            except ConnectionClosed:
                break
            heard, last = True, self._account.clock.machine_now()
            self._take(frame)
        return heard

    def _take(self, frame: str | bytes) -> None:
        """What cannot be understood is no tick and no update; reading the book is always the last word."""
        with suppress(ValueError, KeyError, TypeError):
            if isinstance(frame, bytes):
                found = ticks(frame)
                with self._lock:
                    self._ticks |= {self._wanted[tick.token]: tick for tick in found if tick.token in self._wanted}
                return
            content = json.loads(frame, parse_float=Decimal)
            if content["type"] == "order":
                for report in orders([content["data"]]):
                    self._on_order(report)

    @staticmethod
    def _ask(socket: ClientConnection, tokens: list[int]) -> None:
        """Subscribe, then set the mode. On a connection that has just ended nothing is lost: the next one asks for all."""
        from websockets.exceptions import ConnectionClosed

        if tokens:
            with suppress(ConnectionClosed):
                socket.send(json.dumps({"a": "subscribe", "v": tokens}))
                socket.send(json.dumps({"a": "mode", "v": [MODE, tokens]}))


def _quote(symbol: str, tick: Tick, at: datetime) -> Quote:
    opened = tick.open or None
    return Quote(
        symbol,
        tick.last,
        at,
        SOURCE,
        last_trade_at=tick.last_trade_at,
        open=opened,
        high=tick.high if opened else None,
        low=tick.low if opened else None,
        volume=tick.volume if opened else None,
    )
