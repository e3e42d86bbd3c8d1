"""Check every command before real money moves.

Without arming, only cancels are sent. No command is sent in a phase in which the exchange accepts no orders, because brokers do
not document their replies for it. The adapter's transport checks arming and the halt marker again on the open connection
(`permission`), because a request may wait long before it is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date

from tradectl.brokers.account.permission import SendPermission, not_sent
from tradectl.brokers.account.prices import HasTicker, StreamedPrices
from tradectl.brokers.account.securities import N, of_known_securities, under_symbols_of
from tradectl.errors import OrderRefused, TradectlError
from tradectl.exchange.phases import TAKES_NOTHING
from tradectl.exchange.sessions import SessionTable
from tradectl.ledger.arming import Arming
from tradectl.model.market import Quote
from tradectl.model.moment import ist_date
from tradectl.model.order import Funds, Holding, OrderReport, OrderRequest, Side, TradeReport, Variety
from tradectl.ports import Broker, Capabilities, Clock, Closable, HaltMarker, ListsOrderRules, MarketData, OrderRules


class GuardedBroker:
    """Check the commands to a live broker and pass on its reads.

    After `stream`, quotes come from the broker's stream if it has one.

    Args:
        market_readable: Returns whether the market data can be read without a long wait. Else orders and trades keep the
            broker's symbols.

    Raises:
        Blocked: The account is not armed, for an order or a change (exit code 9). Cancels pass.
        OrderRefused: The phase of the symbol accepts no command (code `phase`).
    """

    def __init__(
        self,
        broker: Broker,
        arming: Arming,
        clock: Clock,
        sessions: SessionTable,
        market: MarketData,
        *,
        marker: HaltMarker,
        market_readable: Callable[[], bool] = lambda: True,
    ) -> None:
        self._market_readable = market_readable
        self._broker, self._clock, self._sessions, self._market = broker, clock, sessions, market
        self._check_send = SendPermission(broker.name, arming, marker)
        self._symbols: dict[str, str] = {}
        self._sides: dict[str, Side] = {}
        self._prices: StreamedPrices | None = None

    @property
    def name(self) -> str:
        return self._broker.name

    @property
    def capabilities(self) -> Capabilities:
        return self._broker.capabilities

    def stream(self) -> bool:
        """Connect the broker's stream until `close`. Return whether the broker has one."""
        if isinstance(self._broker, HasTicker) and self._prices is None:
            self._prices = StreamedPrices(self._broker, self._broker.ticker(), self._clock)
        return self._prices is not None

    @property
    def stream_trouble(self) -> str | None:
        """Return why the stream has no connection, None without a stream (`ReportsStream`)."""
        return self._prices.trouble if self._prices is not None else None

    def stream_news(self) -> str | None:
        """Return `stream_trouble` once after each change, None if it has not changed (`ReportsStream`)."""
        return self._prices.news() if self._prices is not None else None

    def close(self) -> None:
        """Close the stream and the connections."""
        if self._prices is not None:
            self._prices.close()
            self._prices = None
        if isinstance(self._broker, Closable):
            self._broker.close()

    # commands

    def place(self, request: OrderRequest) -> str:
        """Place an order and return the broker's order id, after the checks of the class."""
        self._check_send(request.side)
        if request.variety is Variety.REGULAR:
            self._check_phase(request.symbol)
        with not_sent(self.name):
            return self._broker.place(request)

    def modify(self, broker_order_id: str, *, quantity: int, price: int) -> None:
        """Change the quantity and the price (paise) of an order, after the checks of the class."""
        self._check_send(self._sides.get(broker_order_id, Side.BUY))  # a buy has the stricter check
        self._check_phase(self._symbols.get(broker_order_id))
        with not_sent(self.name):
            self._broker.modify(broker_order_id, quantity=quantity, price=price)

    def cancel(self, broker_order_id: str) -> None:
        """Cancel an order. Arming and the halt marker are not checked."""
        self._check_phase(self._symbols.get(broker_order_id))
        with not_sent(self.name):
            self._broker.cancel(broker_order_id)

    # reads

    def orders(self) -> Sequence[OrderReport]:
        """Return the broker's orders under today's symbols, and remember symbols and sides for later commands."""
        today = ist_date(self._clock.now())
        found = self._under_symbols(self._broker.orders(), lambda _: today)
        self._symbols |= {report.broker_order_id: report.symbol for report in found}
        self._sides |= {report.broker_order_id: report.side for report in found}
        return found

    def trades(self) -> Sequence[TradeReport]:
        """Return the broker's trades under the symbols of their days."""
        return self._under_symbols(self._broker.trades(), lambda trade: ist_date(trade.at))

    def holdings(self) -> Sequence[Holding]:
        """Return the holdings. Shares of another security with the same symbol do not count (`securities`)."""
        return of_known_securities(self._broker.holdings(), self._market, ist_date(self._clock.now()))

    def funds(self) -> Funds:
        return self._broker.funds()

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Return quotes. After `stream` they come from the broker's stream while they are fresh."""
        return (self._prices or self._broker).quotes(symbols)

    def preopen_prices(self, symbols: Sequence[str]) -> Mapping[str, int]:
        return self._broker.preopen_prices(symbols)

    def order_rules(self, symbol: str) -> OrderRules | None:
        """Return the broker's order rules of a symbol (`ListsOrderRules`), None from a broker that has no list."""
        return self._broker.order_rules(symbol) if isinstance(self._broker, ListsOrderRules) else None

    def _under_symbols(self, rows: Sequence[N], day_of: Callable[[N], date]) -> Sequence[N]:
        """Return the rows with the symbols of their days; with those of the broker if the market data are locked or damaged."""
        return under_symbols_of(rows, self._market, day_of) if rows and self._market_readable() else rows

    def _check_phase(self, symbol: str | None) -> None:
        """Raise OrderRefused in a phase that accepts no command.

        `symbol` is None for an order that was never read; it is not checked. A symbol that the market data does not have is
        checked without a closing auction. A stock of unknown kind is checked with and without one.
        """
        now = self._clock.now()
        session = self._sessions.session(ist_date(now))
        if symbol is None or session is None:
            return
        kinds: tuple[bool, ...] = (False,)
        with suppress(TradectlError):
            found = self._market.find(symbol, session.date)
            kinds = self._market.instrument(found, session.date).closing_auctions
        for closing_auction in kinds:
            phase = session.phase_at(now, closing_auction)
            if phase is not None and phase.kind in TAKES_NOTHING:
                raise OrderRefused(f"orders are not accepted now: {TAKES_NOTHING[phase.kind]}", code="phase")
