"""Keep a websocket open in a thread, and store the prices that arrive on it.

When the connection breaks or is silent, a new one is opened after a pause. The pause doubles after each connection
without a frame. The new connection subscribes all symbols again. A subclass for each broker gives the address, logs in and
reads the frames. Each quote has the exchange's time, which shows its age.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from tradectl.brokers.http import value_ranges
from tradectl.brokers.http.address_family import Source
from tradectl.brokers.http.strict_json import UNREADABLE
from tradectl.errors import TradectlError, UsageError
from tradectl.model.market import Quote
from tradectl.model.odd_rows import OddRow, Quotes, RowKind
from tradectl.ports import Clock

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

Frame = str | bytes
Token = TypeVar("Token", int, str)
PAUSE, LONGEST = 1.0, 60.0
"""Seconds before a reconnect: after a connection that had frames, and at most (source: pykiteconnect 5.2.0)."""
NOT_YET = "not connected yet"
"""The `trouble` of a stream before its first connection."""
_CHECK_EVERY = 0.2
"""Seconds between two checks whether to stop."""


class Stream(ABC):
    """Run one connection in a thread. Use it as a context manager. The thread calls the abstract methods.

    Attributes:
        trouble: Why there is no connection, empty while there is one.
        connections: The number of connections so far.

    Args:
        pause: Seconds before a reconnect. Each connection without a frame doubles it, up to `LONGEST`.
        silence: A connection without a frame for this long is closed.
    """

    def __init__(self, broker: str, clock: Clock, *, pause: float, silence: timedelta) -> None:
        self._broker, self._clock = broker, clock
        self._pause, self._silence = pause, silence
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{broker}-{type(self).__name__}", daemon=True)
        self.trouble = NOT_YET
        self.connections = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    @abstractmethod
    def _address(self) -> tuple[str, Mapping[str, str]]:
        """Return the address and the headers of the next connection. Raises LoginNeeded without a session."""

    @abstractmethod
    def _handshake(self, socket: ClientConnection, frames: Iterator[Frame]) -> None:
        """Exchange the first messages. Raises LoginNeeded or BrokerUnavailable if the broker refuses."""

    @abstractmethod
    def _read_frame(self, frame: Frame) -> None:
        """Read a frame. `UNREADABLE` errors skip it, a TradectlError ends the connection, any other error ends the stream."""

    def _source(self) -> Source:
        """Return the local address of the connection. None lets the machine choose (`address_family`)."""
        return None

    def _run(self) -> None:
        pause = self._pause
        try:
            while not self._stopped.is_set():
                heard = self._connected()
                pause = self._pause if heard else min(pause * 2, LONGEST)
                self._stopped.wait(pause)
        finally:
            if not self._stopped.is_set():
                self.trouble = "the stream's thread has ended"

    def _connected(self) -> bool:
        """Run one connection to its end. Return whether a frame arrived after the first messages.

        The address may contain secrets, so `trouble` does not contain the text of connection errors.
        """
        from websockets.exceptions import InvalidStatus, WebSocketException
        from websockets.sync.client import connect

        heard = False
        try:
            url, headers = self._address()
            with connect(
                url,
                additional_headers=headers,
                user_agent_header="tradectl",
                compression=None,
                proxy=None,
                source_address=self._source(),
            ) as socket:
                frames = self._frames(socket)
                self._handshake(socket, frames)
                self.trouble, self.connections = "", self.connections + 1
                for frame in frames:
                    heard = True
                    with suppress(*UNREADABLE):
                        self._read_frame(frame)
            self.trouble = "the connection ended, or was silent"
        except InvalidStatus as error:
            self.trouble = f"{self._broker} refuses the connection ({error.response.status_code})"
        except (OSError, WebSocketException) as error:
            self.trouble = f"the connection broke ({type(error).__name__})"
        except TradectlError as error:
            self.trouble = str(error)
        return heard

    def _frames(self, socket: ClientConnection) -> Iterator[Frame]:
        """Yield frames until the connection ends or is silent for too long, or the stream is closed."""
        from websockets.exceptions import ConnectionClosed

        last = self._clock.machine_now()
        while not self._stopped.is_set():
            try:
                frame = socket.recv(timeout=_CHECK_EVERY)
            except TimeoutError:
                if self._clock.machine_now() - last > self._silence:
                    return
                continue
            except ConnectionClosed:
                return
            last = self._clock.machine_now()
            yield frame


class PriceStream(Stream, Generic[Token]):
    """Implement `Ticker`: a stream of at most `most` instruments, which the broker identifies by tokens."""

    def __init__(self, broker: str, clock: Clock, most: int, *, pause: float, silence: timedelta) -> None:
        super().__init__(broker, clock, pause=pause, silence=silence)
        self._most = most
        self._wanted: dict[Token, str] = {}
        self._quotes: dict[str, Quote] = {}
        self._odd: dict[str, OddRow] = {}
        self._greeted: ClientConnection | None = None
        self._lock = threading.Lock()

    def subscribe(self, symbols: Sequence[str]) -> None:
        """Subscribe more symbols.

        Raises:
            UsageError: The broker does not list a symbol, or the connection would have more than `most` instruments.
        """
        new = {self._token(symbol): symbol for symbol in symbols}
        with self._lock:
            if len(self._wanted | new) > self._most:
                raise UsageError(
                    f"{self._broker}'s stream accepts at most {self._most} instruments, not {len(self._wanted | new)}"
                )
            self._wanted |= new
            socket = self._greeted
        if socket is not None:
            self._subscribe(socket, list(new))

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Return the last quote of each symbol that has one, with the exchange's time and without bands."""
        with self._lock:
            found = {symbol: self._quotes[symbol] for symbol in symbols if symbol in self._quotes}
            return Quotes(found, [self._odd[symbol] for symbol in symbols if symbol in self._odd])

    @abstractmethod
    def _token(self, symbol: str) -> Token:
        """Return the broker's token of a symbol. `subscribe` calls it. Raises UsageError for an unlisted symbol."""

    @abstractmethod
    def _send_subscription(self, socket: ClientConnection, tokens: Sequence[Token]) -> None:
        """Send the subscription of one or more tokens."""

    def _subscribe_all(self, socket: ClientConnection) -> None:
        """Subscribe all symbols on a new connection. Call it after the broker has accepted the connection."""
        with self._lock:
            self._greeted, wanted = socket, list(self._wanted)
        self._subscribe(socket, wanted)

    def _store_quote(self, symbol: str, quote: Quote | None) -> None:
        """Store the newest quote of a symbol. None removes the stored quote, because newer data has no quote.

        A quote with a value outside its range also removes the stored quote; the caller then requests the price.
        """
        odd: OddRow | None = None
        if quote is not None:
            try:
                value_ranges.quote(quote, self._clock.now())
            except value_ranges.OddValue as error:
                quote, odd = None, OddRow(RowKind.TICK, symbol, error.field, error.value)
        with self._lock:
            if odd is not None:
                self._odd[symbol] = odd
            else:
                self._odd.pop(symbol, None)
            if quote is None:
                self._quotes.pop(symbol, None)
            else:
                self._quotes[symbol] = quote

    def _subscribe(self, socket: ClientConnection, tokens: Sequence[Token]) -> None:
        """Send a subscription. If the connection has just ended, the next one subscribes all symbols."""
        from websockets.exceptions import ConnectionClosed

        if tokens:
            with suppress(ConnectionClosed):
                self._send_subscription(socket, tokens)
