"""Stream live prices from Kotak's price feed and order updates from its order feed. Each has a connection and a thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from tradectl.brokers.adapter import BrokerAccount
from tradectl.brokers.http.address_family import Source, source_of
from tradectl.brokers.http.stream import PAUSE, Frame, PriceStream, Stream
from tradectl.brokers.kotak_neo import feed
from tradectl.brokers.kotak_neo.addresses import FeedAddresses
from tradectl.brokers.kotak_neo.login import current
from tradectl.brokers.kotak_neo.packets import NSE, KotakTick
from tradectl.brokers.kotak_neo.rows import SOURCE
from tradectl.brokers.kotak_neo.times import Times
from tradectl.errors import BrokerUnavailable, LoginNeeded
from tradectl.model.market import Quote
from tradectl.model.order import OrderReport

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

MOST = 3000
"""Maximum number of instruments on one connection (source: Kotak's own client)."""
SILENCE = timedelta(minutes=1)
"""A connection without a frame for this time is opened again. The feed has no heartbeat, so this also happens if no subscribed
stock trades."""
OnOrder = Callable[[OrderReport], None]


class KotakTicker(PriceStream[str]):
    """Stream Kotak's live prices; see `Stream`. The time of a quote is that of its last trade, if `times` can read it.

    `on_order` is called with each order, in the thread of a `KotakOrderFeed` that runs as long as this stream. If it is None,
    no order feed is opened.
    """

    def __init__(
        self,
        account: BrokerAccount,
        token: Callable[[str], str],
        on_order: OnOrder | None = None,
        *,
        pause: float = PAUSE,
        silence: timedelta = SILENCE,
    ) -> None:
        super().__init__("Kotak", account.clock, MOST, pause=pause, silence=silence)
        self._account, self._token_of = account, token
        self._orders = KotakOrderFeed(account, on_order, pause=pause) if on_order is not None else None
        self._addresses = FeedAddresses(account)
        self._credentials = feed.FeedCredentials()
        self._dividers: Mapping[int, int] = {}
        self._times = Times()

    def __enter__(self) -> Self:
        if self._orders is not None:
            self._orders.__enter__()
        return super().__enter__()

    def __exit__(self, *raised: object) -> None:
        super().__exit__(*raised)
        if self._orders is not None:
            self._orders.__exit__(*raised)

    def _token(self, symbol: str) -> str:
        return self._token_of(symbol)

    def _next_credentials(self) -> tuple[str, str]:
        return self._credentials.of(current(self._account), self._account.vault.require("ucc"))

    def _address(self) -> tuple[str, Mapping[str, str]]:
        self._next_credentials()  # raises LoginNeeded before a connection is opened with a session that the feed refused
        return self._addresses.prices(current(self._account)), {}

    def _source(self) -> Source:
        return source_of(self._account.vault)()

    def _handshake(self, socket: ClientConnection, frames: Iterator[Frame]) -> None:
        socket.send(feed.price_login(*self._next_credentials(), self._clock.now()))
        reply = next((frame for frame in frames if isinstance(frame, str)), None)
        if reply is None:
            self._credentials.note_silence()
            raise BrokerUnavailable("Kotak's price feed does not reply")
        try:
            self._dividers = feed.dividers(reply)
        except LoginNeeded:
            self._credentials.note_refused()
            raise
        self._credentials.note_accepted()
        self._times = Times()
        self._subscribe_all(socket)

    def _send_subscription(self, socket: ClientConnection, tokens: Sequence[str]) -> None:
        socket.send(feed.subscription(tokens))

    def _read_frame(self, frame: Frame) -> None:
        if isinstance(frame, bytes):
            for tick in feed.ticks(frame, self._dividers):
                if tick.exchange == NSE and tick.token in self._wanted:
                    symbol = self._wanted[tick.token]
                    self._store_quote(symbol, self._quote(symbol, tick))

    def _quote(self, symbol: str, tick: KotakTick) -> Quote | None:
        """Return the quote of a packet; None if it has no time or price, is of an auction, or is a lite packet.

        The program does not subscribe to lite packets. They lack the day's prices, and a quote without these means that the share
        has not traded today.
        """
        at = self._times.moment(tick.last_trade_at, self._clock.now())
        if at is None or tick.last <= 0 or tick.open is None or tick.auction:
            return None
        return Quote(
            symbol,
            tick.last,
            at,
            SOURCE,
            last_trade_at=at,
            open=tick.open,
            high=tick.high,
            low=tick.low,
            volume=tick.volume,
        )


class KotakOrderFeed(Stream):
    """Stream order updates. After each connection the feed sends every order again.

    A silent connection may be alive without updates, so silence never closes it.
    """

    def __init__(self, account: BrokerAccount, on_order: OnOrder, *, pause: float = PAUSE) -> None:
        super().__init__("Kotak", account.clock, pause=pause, silence=timedelta.max)
        self._account, self._on_order, self._addresses = account, on_order, FeedAddresses(account)

    def _address(self) -> tuple[str, Mapping[str, str]]:
        return self._addresses.orders(current(self._account)), {}

    def _source(self) -> Source:
        return source_of(self._account.vault)()

    def _handshake(self, socket: ClientConnection, frames: Iterator[Frame]) -> None:  # noqa: ARG002 - the reply has no order
        socket.send(feed.order_login(current(self._account)))

    def _read_frame(self, frame: Frame) -> None:
        report = feed.order_of(frame)
        if report is not None:
            self._on_order(report)
