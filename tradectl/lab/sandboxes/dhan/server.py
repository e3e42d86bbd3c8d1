"""Route the requests to Dhan's paths. Source: dhanhq.co/docs/v2, dhanhq 2.3.0 (routes)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tradectl.errors import BrokerUnavailable, LoginNeeded, OrderRefused, TradectlError
from tradectl.exchange.rates import shipped
from tradectl.lab.sandboxes.dhan import orders, rows
from tradectl.lab.sandboxes.dhan.auth import DhanTokens
from tradectl.lab.sandboxes.dhan.errors import NO_ORDER, NO_TOKEN, DhanError, bad_value
from tradectl.lab.sandboxes.dhan.listing import SEGMENT, DhanList
from tradectl.lab.sandboxes.dhan.shapes import DOCUMENTED, SHAPES
from tradectl.lab.sandboxes.repeated_tags import place, tag_of
from tradectl.lab.sandboxes.server import Request, Response, Sandbox
from tradectl.lab.sandboxes.server_state import ServerState
from tradectl.lab.sandboxes.start_of_day import mornings, opening_balance
from tradectl.model.moment import ist_date, to_ist
from tradectl.model.order import ALIVE, OrderReport, TradeReport
from tradectl.ports import Broker, Clock, MarketData

ROOT, WEB = "/v2", "/web"
COMMANDS = frozenset({"POST", "PUT", "DELETE"})
INPUT = frozenset({"unknown_symbol", "quantity", "tick"})
"""Refusal codes of the exchange for errors that Dhan itself finds before it accepts an order."""


class DhanSandbox(Sandbox):
    """DhanHQ on loopback, below `/v2`. A GET of `/web` generates a token, as a person does on Dhan's web page.

    Args:
        exchange: Opens the exchange; called in the server's thread.
        market: Opens the market data.
        clock: May be the clock of the tested program.
        allowed: The client addresses from which orders are accepted; None for all.
        sold_inside: See `rows.holding`.
        memory: See `ServerState`.
    """

    own_shapes = (SHAPES, DOCUMENTED)

    def __init__(
        self,
        exchange: Callable[[], Broker],
        market: Callable[[], MarketData],
        clock: Clock,
        *,
        client: str = "1000000001",
        allowed: Collection[str] | None = None,
        sold_inside: bool = False,
        memory: Path | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(exchange, port=port)
        self.allowed, self.sold_inside = allowed, sold_inside
        self.tokens = DhanTokens(client, clock)
        self._make_market, self._clock, self._client, self._memory = market, clock, client, ServerState(memory)

    def answer(self, request: Request) -> Response:
        try:
            return self._answer(request)
        except DhanError as error:
            return error.response()
        except BrokerUnavailable:
            raise  # a connection failure: `respond` breaks the connection or returns 503
        except LoginNeeded:
            return DhanError("DH-901", NO_TOKEN).response()
        except TradectlError as error:
            self.broken.append(f"{type(error).__name__}: {error}")
            return DhanError("DH-908", str(error)).response()

    def _answer(self, request: Request) -> Response:
        if (request.method, request.path) == ("GET", WEB):
            return Response(200, self.tokens.generate().encode(), "text/plain")
        if not request.path.startswith(f"{ROOT}/"):
            return Response.of({"status": 404, "error": "Not Found", "path": request.path}, 404)
        parts = tuple(unquote(part) for part in request.path.removeprefix(ROOT).strip("/").split("/"))
        ends = self.tokens.check(request.headers.get("access-token", ""))
        if request.method in COMMANDS and parts[0] == "orders":
            return self._command(request, parts[1:])
        match request.method, parts:
            case "GET", ("profile",):
                return Response.of(self._profile(f"{to_ist(ends):%d/%m/%Y %H:%M}"))
            case "GET", ("instrument", segment):
                return Response(200, self._listing.csv(segment), "text/csv")
            case "POST", ("marketfeed", "ltp" | "ohlc" | "quote" as kind):
                return Response.of({"data": self._quotes(_body(request), kind), "status": "success"})
            case "GET", _:
                return Response.of(self._data(parts))
        raise bad_value()

    def _data(self, parts: tuple[str, ...]) -> Any:
        match parts:
            case ("orders",):
                return [self._row(item) for item in self._orders(self.exchange)]
            case ("orders", "external", tag):
                found = [item for item in self._orders(self.exchange) if tag_of(item) == tag]
                if not found:
                    raise DhanError("DH-906", NO_ORDER, 404)
                return self._row(found[-1])
            case ("orders", number):
                return next((self._row(item) for item in self._orders(self.exchange) if item.broker_order_id == number), [])
            case ("trades",):
                return [self._trade(item) for item in self._today(self.exchange)]
            case ("trades", number):
                return [self._trade(item) for item in self._today(self.exchange) if item.broker_order_id == number]
            case ("holdings",):
                return self._holdings()
            case ("positions",):
                trades = self._today(self.books)
                symbols = dict.fromkeys(trade.symbol for trade in trades)
                return [rows.position(trades, symbol, self._listing, self._client) for symbol in symbols]
            case ("fundlimit",):
                funds = self.exchange.funds()
                opening = opening_balance(funds, self._today(self.books), ist_date(self._clock.now()), shipped("dhan"))
                return rows.funds(funds, opening, self._client)
        raise bad_value()

    # commands

    def _command(self, request: Request, parts: tuple[str, ...]) -> Response:
        if self.allowed is not None and request.address not in self.allowed:
            raise bad_value("Invalid IP")
        match request.method, parts:
            case "POST", ():
                return Response.of({"orderId": self._place(_body(request)), "orderStatus": "TRANSIT"})
            case "PUT", (number,):
                orders.modify(self.exchange, self._known(number), _body(request))
                return Response.of({"orderId": number, "orderStatus": "TRANSIT"})
            case "DELETE", (number,):
                orders.cancel(self.exchange, self._known(number))
                return Response.of({"orderId": number, "orderStatus": "CANCELLED"}, 202)
        raise bad_value()

    def _place(self, body: orders.Body) -> str:
        """Place an order and return its id. An order that the risk checks refuse also gets an id, and a rejected row."""
        wanted = orders.requested(body, self._listing)
        try:
            return place(self.exchange, wanted)
        except OrderRefused as refusal:
            if refusal.code in INPUT:
                raise bad_value(refusal.reason) from refusal
            return self._memory.refuse(wanted, refusal.reason, self._clock.now())

    def _known(self, number: str) -> OrderReport:
        for report in self._orders(self.books):
            if report.broker_order_id == number:
                return report
        raise DhanError("DH-906", NO_ORDER)

    # reads

    @property
    def _listing(self) -> DhanList:
        return self._all.on(ist_date(self._clock.now()))

    @cached_property
    def _all(self) -> DhanList:
        return DhanList(self._make_market())

    def _orders(self, of: Broker) -> list[OrderReport]:
        """Return the live orders, and those that were placed or changed today."""
        today = ist_date(self._clock.now())
        known = [*of.orders(), *self._memory.kept.refused]
        return [item for item in known if item.status in ALIVE or today in {ist_date(item.placed_at), ist_date(item.updated_at)}]

    def _today(self, of: Broker) -> list[TradeReport]:
        today = ist_date(self._clock.now())
        return [item for item in of.trades() if ist_date(item.at) == today]

    def _row(self, report: OrderReport) -> rows.Row:
        return rows.order(report, self.books.trades(), self._listing, self._client)

    def _trade(self, report: TradeReport) -> rows.Row:
        return rows.trade(report, self._listing, self._client)

    def _holdings(self) -> list[rows.Row]:
        held = mornings(self.exchange.holdings(), self._today(self.books), self._listing.series)
        found = [rows.holding(item, self._listing, sold_inside=self.sold_inside) for item in held]
        if not found:
            raise DhanError("DH-1111", "No holdings available")
        return found

    def _quotes(self, body: orders.Body, kind: str) -> dict[str, dict[str, rows.Row]]:
        wanted = {str(number): self._listing.find(str(number)) for number in body.get(SEGMENT, [])}
        symbols = {number: found.symbol for number, found in wanted.items() if found is not None}
        quotes = self.exchange.quotes(list(symbols.values()))
        full = {number: rows.quote(quotes[symbol]) for number, symbol in symbols.items() if symbol in quotes}
        names = {"ltp": ("last_price",), "ohlc": ("last_price", "ohlc")}.get(kind)
        return {SEGMENT: {number: {name: row[name] for name in names or row} for number, row in full.items()}}

    def _profile(self, ends: str) -> rows.Row:
        return {
            "dhanClientId": self._client,
            "tokenValidity": ends,
            "activeSegment": "E, D, C, M, ",
            "ddpi": "Active",
            "mtf": "Active",
            "dataPlan": "Active",
            "dataValidity": "2099-12-31 00:00:00.0",
        }


def _body(request: Request) -> orders.Body:
    try:
        found = request.json()
    except ValueError:
        raise bad_value() from None
    if not isinstance(found, dict):
        raise bad_value()
    return found
