"""Read the exchange's book and the market as Kite's rows. All calls run in the server's thread, and so does the exchange."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import Any

from tradectl.errors import OrderRefused
from tradectl.exchange.rates import ZERODHA
from tradectl.exchange.sessions import SessionTable
from tradectl.lab.sandboxes.kite import account, history, orders, rows
from tradectl.lab.sandboxes.kite.errors import invalid
from tradectl.lab.sandboxes.kite.listing import KiteList
from tradectl.lab.sandboxes.kite.stream import KiteStream
from tradectl.lab.sandboxes.repeated_tags import place
from tradectl.lab.sandboxes.server_state import ServerState
from tradectl.lab.sandboxes.start_of_day import number_of, opening_balance
from tradectl.model.market import Quote
from tradectl.model.moment import ist_date
from tradectl.model.order import ALIVE, OrderReport, TradeReport
from tradectl.ports import Broker, Clock, MarketData

QUOTES = 500
WAITING = "AMO REQ RECEIVED"
RISK = frozenset({"funds", "holdings", "trade_for_trade", "band"})
"""Refusal codes of the broker's risk checks."""


class KiteBackend:
    """The account and the market as Kite reports them.

    `exchange`, `books` (the exchange without its faults) and `market` are opened at their first use. `flushed_at` returns when
    the order book was last emptied. `memory` has the orders that Kite itself has refused. For `late`, see `KiteSandbox`.
    """

    def __init__(
        self,
        exchange: Callable[[], Broker],
        books: Callable[[], Broker],
        memory: ServerState,
        market: Callable[[], MarketData],
        *,
        clock: Clock,
        sessions: SessionTable,
        flushed_at: Callable[[], datetime],
        user_id: str,
        t1_inside: bool,
        late: bool,
        universe: str,
    ) -> None:
        self._books, self._memory = books, memory
        self._exchange, self._make_market, self._clock, self._sessions = exchange, market, clock, sessions
        self._flushed_at, self._user_id, self._t1_inside, self._universe = flushed_at, user_id, t1_inside, universe
        self._late = late
        self._opening = (date.min, 0)
        self._pushed: dict[str, dict[str, Any]] = {}

    @property
    def exchange(self) -> Broker:
        return self._exchange()

    @property
    def books(self) -> Broker:
        return self._books()

    @property
    def _refused(self) -> list[OrderReport]:
        return self._memory.kept.refused

    @property
    def now(self) -> datetime:
        return self._clock.now()

    @property
    def day(self) -> date:
        return ist_date(self.now)

    @cached_property
    def _market(self) -> MarketData:
        return self._make_market()

    @cached_property
    def _listing(self) -> KiteList:
        return KiteList(self._market, self._universe)

    @property
    def listing(self) -> KiteList:
        """Return today's list of instruments."""
        return self._listing.on(self.day)

    def place(self, variety: str, form: Mapping[str, str]) -> str:
        """Place an order and return its id. With `late` risk checks, a refused order also gets an id, and a rejected row."""
        request = orders.requested(variety, form, self.listing)
        try:
            return place(self.exchange, request)
        except OrderRefused as refusal:
            if not self._late or refusal.code not in RISK:
                raise
            return self._memory.refuse(request, refusal.reason, self.now)

    def open_day(self) -> None:
        """Store the account's cash before today's trades. Called at each request; only the first of a day has an effect."""
        if self._opening[0] != self.day:
            self._opening = self.day, opening_balance(self.books.funds(), self._today(), self.day, ZERODHA)

    def orders(self) -> list[dict[str, Any]]:
        """Return the live orders, and those that changed since the order book was last emptied."""
        since = self._flushed_at()
        known = [*self.exchange.orders(), *self._refused]
        return [self._row(item) for item in known if item.status in ALIVE or item.updated_at >= since]

    def history(self, order_id: str) -> list[dict[str, Any]]:
        """Return the first and the current state of an order. The exchange does not store the states in between."""
        refused = next((item for item in self._refused if item.broker_order_id == order_id), None)
        row = self._row(refused or orders.find(self.exchange, order_id))
        first = WAITING if row["variety"] == "amo" else "PUT ORDER REQ RECEIVED"
        began = {"status": first, "status_message": None, "status_message_raw": None, "filled_quantity": 0, "average_price": 0}
        return [row | began, row] if row["status"] != first else [row]

    def trades(self, order_id: str | None = None) -> list[dict[str, Any]]:
        """Return the trades since the book was last emptied, of one order or of all (None)."""
        since = self._flushed_at()
        found = [item for item in self.exchange.trades() if item.at >= since and order_id in {None, item.broker_order_id}]
        return [rows.trade(item, number_of(item), self.listing) for item in found]

    def holdings(self) -> list[dict[str, Any]]:
        return account.holdings(self.exchange.holdings(), self._today(), self.listing, t1_inside=self._t1_inside)

    def positions(self) -> dict[str, Any]:
        return account.positions(self._today(), self.listing)

    def equity(self) -> dict[str, Any]:
        return account.equity(self.exchange.funds(), self._opening[1])

    def quotes(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return quotes by the keys of the request, without symbols that are unknown or have no price."""
        if len(keys) > QUOTES:
            raise invalid(f"At most {QUOTES} instruments are quoted at once.")
        listing = self.listing
        known = {key: entry for key in keys if key.startswith("NSE:") and (entry := listing.find(key[4:])) is not None}
        found: Mapping[str, Quote] = self.exchange.quotes([entry.instrument.symbol for entry in known.values()])
        return {
            key: rows.quote(found[entry.instrument.symbol], entry.token, self._close(entry.instrument.instrument_id))
            for key, entry in known.items()
            if entry.instrument.symbol in found
        }

    def candles(self, token: str, interval: str, span: tuple[str, str]) -> list[list[Any]]:
        """Return candles of an instrument between the two IST times of `span`."""
        instrument_id = self.listing.by_token(token).instrument.instrument_id
        return history.candles(self._market, self._sessions, instrument_id, interval, span=span, now=self.now)

    def push(self, stream: KiteStream) -> None:
        """Push changed order rows and the prices. An after-market order is not pushed when it is placed."""
        known = {row["order_id"]: row for row in self.orders()}
        changed = [row for order_id, row in known.items() if row != self._pushed.get(order_id) and row["status"] != WAITING]
        self._pushed = known
        entries = self.listing.of_tokens(stream.tokens())
        found = self.exchange.quotes([entry.instrument.symbol for entry in entries])
        ticks = {
            entry.token: (found[entry.instrument.symbol], self._close(entry.instrument.instrument_id) or 0)
            for entry in entries
            if entry.instrument.symbol in found
        }
        stream.publish(ticks, changed)

    def _row(self, report: OrderReport) -> dict[str, Any]:
        return rows.order(report, self.books.trades(), self.listing, self._sessions, self._user_id)

    def _today(self) -> list[TradeReport]:
        return [item for item in self.books.trades() if ist_date(item.at) == self.day]

    def _close(self, instrument_id: str) -> int | None:
        return history.previous_close(self._market, instrument_id, self.day)
