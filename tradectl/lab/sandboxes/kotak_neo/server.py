"""Route the requests to Kotak's paths, and check the session that each path needs."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from datetime import timedelta
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tradectl.brokers.kotak_neo import paths
from tradectl.brokers.kotak_neo.addresses import REALTIME
from tradectl.errors import LoginNeeded
from tradectl.lab.sandboxes.kotak_neo import rows
from tradectl.lab.sandboxes.kotak_neo.auth import CENTRE, NO_SESSION, KotakAuth, RegisteredClient, refused
from tradectl.lab.sandboxes.kotak_neo.orders import KotakOrders
from tradectl.lab.sandboxes.kotak_neo.scrips import ScripList
from tradectl.lab.sandboxes.kotak_neo.stream import KotakStream
from tradectl.lab.sandboxes.server import Request, Response
from tradectl.lab.sandboxes.server_state import ServerState
from tradectl.lab.sandboxes.stream import StreamingSandbox
from tradectl.model.moment import ist_date
from tradectl.model.money import to_paise, to_rupees
from tradectl.model.order import OrderReport, OrderStatus, Side, TradeReport, Variety
from tradectl.ports import Broker, Clock, MarketData

CONFIG = "/5config/config"
"""The path of the service with the addresses of the feeds. At Kotak this service has its own host."""
SOURCE = "sh"
INTRADAY = "MIS"
FILES = "/wso2-scripmaster/v1/prod"
_KINDS = {
    "all": None,
    "ltp": {"ltp"},
    "ohlc": {"ohlc"},
    "circuit_limits": {"low_price_range", "high_price_range"},
}
"""The parts of a quote that can be requested. `oi`, `52w` and `market_depth` are not served, because no data exists here."""
_NAMES = {"exchange_token", "display_symbol", "exchange", "lstup_time"}


class KotakNeoSandbox(StreamingSandbox):
    """Kotak Neo on loopback.

    Args:
        exchange, market: Open the exchange and the market; called in the server's thread.
        clock: The clock of the exchange.
        client: The client that may log in.
        allowed: The client addresses from which orders are accepted; empty for all.
        lag: The order book shows an order this long after it was placed.
        memory: See `ServerState`.
        stream: Push prices and orders at `stream_url`, at each call of `tick`.
    """

    shapes = "kotak_neo"
    stream: KotakStream | None

    def __init__(
        self,
        exchange: Callable[[], Broker],
        *,
        clock: Clock,
        market: Callable[[], MarketData],
        client: RegisteredClient,
        allowed: Collection[str] = (),
        lag: timedelta = timedelta(0),
        memory: Path | None = None,
        stream: bool = False,
        port: int = 0,
    ) -> None:
        super().__init__(exchange, port=port)
        self._clock, self._client, self._lag, self._memory = clock, client, lag, ServerState(memory)
        self.auth, self.scrips = KotakAuth(client, clock, allowed), ScripList(market, clock)
        self.stream = KotakStream(self.auth.session) if stream else None
        self.intraday: list[TradeReport] = []
        """Intraday trades (MIS) that the client made outside tradectl. Kotak lists them together with the delivery trades."""

    @cached_property
    def order_calls(self) -> KotakOrders:
        return KotakOrders(
            self.exchange, self.books, self._memory, clock=self._clock, scrips=self.scrips, client=self._client.ucc, lag=self._lag
        )

    def answer(self, request: Request) -> Response:
        try:
            return self._answer(request)
        except LoginNeeded:
            return NO_SESSION

    def _answer(self, request: Request) -> Response:
        path = unquote(request.path)
        call = f"{request.method} {path}"
        if call in (steps := self._login()):
            return steps[call](request)
        if path.startswith(FILES):
            return Response(200, self.scrips.csv().encode(), "text/csv")
        if path == paths.SCRIP_FILES or path.startswith(paths.QUOTES):
            if not self.auth.is_known(request):
                return refused(100021, "invalid access type", status=403)
            return self._files() if path == paths.SCRIP_FILES else self._quotes(path)
        commands, reads = self._commands(), self._reads()
        failure = self.auth.refusal(request, command=call in commands)
        if failure is not None:
            return failure
        if call in commands:
            return commands[call](request)
        if call in reads:
            return reads[call](request)
        if request.method == "GET" and path.startswith(paths.ORDERS + "/"):
            return _listed(self.order_calls.rows(path.rpartition("/")[2]))
        return refused(404, "no such call", status=404)

    def push(self) -> None:
        if self.stream is not None and self.stream.listening:
            every = self.scrips.all()
            symbols = {token: every[token].symbol for token in self.stream.tokens() if token in every}
            found = self.exchange.quotes(list(symbols.values()))
            prices = {token: found[symbol] for token, symbol in symbols.items() if symbol in found}
            self.stream.publish(prices, self.order_calls.rows())

    def _login(self) -> dict[str, Callable[[Request], Response]]:
        return {
            f"POST {paths.LOGIN}": self.auth.login,
            f"POST {paths.VALIDATE}": lambda request: self.auth.validate(request, self.url),
            f"GET {paths.CLIENT_IP}": self.auth.client_ip,
            f"GET {CONFIG}": lambda _: self._config(),
        }

    def _commands(self) -> dict[str, Callable[[Request], Response]]:
        order_calls = self.order_calls
        return {
            f"POST {paths.PLACE}": order_calls.place,
            f"POST {paths.MODIFY}": order_calls.modify,
            f"POST {paths.CANCEL}": order_calls.cancel,
        }

    def _reads(self) -> dict[str, Callable[[Request], Response]]:
        return {
            f"GET {paths.ORDERS}": lambda _: _listed(self.order_calls.rows() + self._intraday_orders()),
            f"POST {paths.HISTORY}": self.order_calls.history,
            f"GET {paths.TRADES}": lambda _: _listed(self._trade_rows()),
            f"GET {paths.POSITIONS}": lambda _: Response.of({"data": self._position_rows()}),
            f"GET {paths.OLD_POSITIONS}": lambda _: _listed(self._position_rows()),
            f"GET {paths.HOLDINGS}": lambda _: Response.of({"data": self._holding_rows()}),
            f"POST {paths.LIMITS}": lambda _: Response.of(rows.limits_row(self.exchange.funds(), self._clock.now())),
            f"POST {paths.CHECK_MARGIN}": self._check_margin,
        }

    def _trades(self, of: Broker) -> list[TradeReport]:
        today = ist_date(self._clock.now())
        return [trade for trade in of.trades() if ist_date(trade.at) == today]

    def _intraday_orders(self) -> list[rows.Row]:
        """Return one executed order row for each intraday trade."""
        return [
            rows.order_row(
                OrderReport(
                    broker_order_id=item.broker_order_id,
                    tag=None,
                    symbol=item.symbol,
                    side=item.side,
                    quantity=item.quantity,
                    price=item.price,
                    filled_quantity=item.quantity,
                    status=OrderStatus.EXECUTED,
                    reason="",
                    variety=Variety.REGULAR,
                    placed_at=item.at,
                    updated_at=item.at,
                ),
                "complete",
                "",
                self.order_calls.listed(item.symbol),
                self._client.ucc,
                product=INTRADAY,
            )
            for item in self.intraday
        ]

    def _trade_rows(self) -> list[rows.Row]:
        order_calls, client = self.order_calls, self._client.ucc
        return [
            rows.trade_row(item, order_calls.written_of(item.broker_order_id), order_calls.listed(item.symbol), client)
            for item in self._trades(self.exchange)
        ] + [rows.trade_row(item, "", order_calls.listed(item.symbol), client, product=INTRADAY) for item in self.intraday]

    def _position_rows(self) -> list[rows.Row]:
        order_calls, client = self.order_calls, self._client.ucc
        return [
            rows.position_row(symbol, list(items), order_calls.listed(symbol), client, product=product)
            for product, trades in (("CNC", self._trades(self.books)), (INTRADAY, self.intraday))
            for symbol, items in groupby(sorted(trades, key=lambda item: item.symbol), key=lambda item: item.symbol)
        ]

    def _holding_rows(self) -> list[rows.Row]:
        held = self.exchange.holdings()
        quotes, trades = self.books.quotes([item.symbol for item in held]), self._trades(self.books)
        found = []
        for item in held:
            mine = [trade for trade in trades if trade.symbol == item.symbol]
            bought = sum(trade.quantity if trade.side is Side.BUY else -trade.quantity for trade in mine)
            row = rows.holding_row(item, max(0, bought), quotes.get(item.symbol), self.order_calls.listed(item.symbol))
            if row["quantity"]:
                found.append(row)
        return found

    def _check_margin(self, request: Request) -> Response:
        """Return whether the funds suffice for an order, without its charges.

        Kotak's own client sends null for an absent field.
        """
        fields: dict[str, Any]
        try:
            fields = {name: value for name, value in json.loads(request.form.get("jData", "")).items() if value is not None}
        except (ValueError, AttributeError):
            fields = {}
        all_given = fields.keys() >= {"exSeg", "prc", "prcTp", "prod", "qty", "tok", "trnsTp"}
        if not all_given or not all(isinstance(value, str) for value in fields.values()) or not fields["qty"].isdigit():
            return refused(1007, "body invalid", stat="bad request", status=400)
        available = self.exchange.funds().available
        needed = to_paise(fields["prc"]) * int(fields["qty"]) if fields["trnsTp"] == "B" else 0
        short = max(0, needed - available)
        amounts = {"avlCash": available, "ordMrgn": needed, "reqdMrgn": needed, "insufFund": short}
        shown = {name: f"{to_rupees(paise)}0000" for name, paise in amounts.items()}
        return Response.of({"data": {**shown, "rmsVldtd": "NOT_OK" if short else "OK", "stat": "Ok", "stCode": 200}})

    def _config(self) -> Response:
        """Return the addresses of the feeds of each data centre, without addresses if this server has no stream."""
        prices, name = self.stream_url if self.stream is not None else "", f"{CENTRE}_{SOURCE}"
        found = {f"{CENTRE}_broadcast_source": SOURCE}
        found |= {f"{name}_broadcast_endpoint": prices, f"{name}_interactive_endpoint": prices + REALTIME} if prices else {}
        return Response.of({"data": {"configs": found}})

    def _files(self) -> Response:
        day = ist_date(self._clock.now())
        files = [f"{day}/transformed/nse_fo.csv", f"{day}/transformed/nse_com.csv", f"{day}/transformed-v1/nse_cm-v1.csv"]
        base = self.url + FILES
        return Response.of({"data": {"baseFolder": base, "filesPaths": [f"{base}/{name}" for name in files]}})

    def _quotes(self, path: str) -> Response:
        wanted, _, kind = path.removeprefix(paths.QUOTES + "/").rpartition("/")
        if kind not in _KINDS:
            return refused(1007, "body invalid", stat="bad request", status=400)
        every = self.scrips.all()
        pairs = [pair.partition("|") for pair in wanted.split(",")]
        listed = [every[token] for segment, _, token in pairs if segment == paths.SEGMENT and token in every]
        quotes = self.exchange.quotes([item.symbol for item in listed])
        found = [rows.quote_row(quotes[item.symbol], item) for item in listed if item.symbol in quotes]
        names = _KINDS[kind]
        if names is None:
            return Response.of(found)
        return Response.of([{name: value for name, value in row.items() if name in names | _NAMES} for row in found])


def _listed(found: list[rows.Row]) -> Response:
    """Return the rows, or Kotak's reply for an empty list."""
    if not found:
        return refused(5203, "No Data")
    return Response.of({"stat": "Ok", "data": found, "stCode": 200})
