"""Route the requests to OpenAlgo's paths, such as `/api/v1/placeorder`. All are POST with the API key in the body."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import date
from itertools import count
from typing import Any

from tradectl.errors import BrokerUnavailable, LoginNeeded, OrderRefused, TradectlError, UsageError
from tradectl.exchange.rates import ZERODHA
from tradectl.lab.sandboxes.openalgo import rows
from tradectl.lab.sandboxes.openalgo.schema import ROOT, Body, OpenAlgoError, checked
from tradectl.lab.sandboxes.server import Request, Response, Sandbox
from tradectl.lab.sandboxes.start_of_day import opening_balance
from tradectl.model.moment import ist_date
from tradectl.model.money import to_paise
from tradectl.model.order import ALIVE, Holding, OrderReport, OrderRequest, OrderType, Side, TradeReport
from tradectl.ports import Broker, Clock, MarketData

NO_KEY = "Invalid openalgo apikey"
_CANCEL_REFUSED = (
    "Failed to cancel order: Client error '400 Bad Request' for url 'https://api.kite.trade/orders/regular/{}'\n"
    "For more information check: https://developer.mozilla.org/en-US/docs/Web/HTTP/Status/400"
)
"""The message of OpenAlgo's Zerodha adapter for a refused cancel. It lacks the broker's reason."""


class OpenAlgoSandbox(Sandbox):
    """Imitate OpenAlgo's server on the loopback address, with orders at the paper exchange.

    Args:
        exchange: Opens the exchange; called in the server's thread.
        clock: The clock of the exchange.
        market: Opens the market data of the symbol table; None: the symbol table is empty.
        broker: The reported name of the broker; rows and funds are always as with Zerodha.

    Switches: `analyze` (analyzer mode), `semi_auto` (a person approves each order), `logged_in` (at the broker), `listed` (the
    broker accepts the server's address), `shows_t1` and `shows_trade_ids` (fields of newer versions), `cancel_status` (the HTTP
    status of a refused cancel; 500 with the Zerodha adapter). `holidays`: the rows of its
    holiday list by year.
    """

    shapes = "openalgo"

    def __init__(
        self,
        exchange: Callable[[], Broker],
        clock: Clock,
        *,
        api_key: str,
        market: Callable[[], MarketData] | None = None,
        broker: str = "zerodha",
        port: int = 0,
    ) -> None:
        super().__init__(exchange, port=port)
        self._clock, self._key, self._market, self._broker = clock, api_key, market, broker
        self._opening: tuple[date, int] = (date.min, 0)
        self.analyze = self.semi_auto = self.shows_t1 = self.shows_trade_ids = False
        self.logged_in = self.listed = True
        self.cancel_status = 400
        self.holidays: dict[int, list[dict[str, Any]]] = {}
        self._virtual = count(1)

    def answer(self, request: Request) -> Response:
        name = request.path.removeprefix(ROOT).rstrip("/")
        handler = self._handlers().get(name)
        if request.method != "POST" or handler is None or not request.path.startswith(ROOT):
            return Response(404 if handler is None else 405, b"<html>Not Found</html>", "text/html")
        try:
            body = checked(name, request)
            if body["apikey"] != self._key or not self.logged_in:
                raise OpenAlgoError(403, NO_KEY)
            return Response.of(handler(body))
        except BrokerUnavailable:
            raise  # a connection failure: `respond` breaks the connection or returns 503
        except LoginNeeded:
            return _error(403, NO_KEY)
        except OpenAlgoError as error:
            mode = {"mode": "analyze"} if self.analyze else {}
            return _error(error.status, str(error), **mode)
        except OrderRefused as refusal:
            if name == "cancelorder" and self.cancel_status == 500:
                return _error(500, _CANCEL_REFUSED.format(body["orderid"]))
            return _error(self.cancel_status if name == "cancelorder" else 400, _broker_message(refusal, name))
        except TradectlError as error:
            return _error(500, f"An unexpected error occurred: {error}")

    def _handlers(self) -> Mapping[str, Callable[[Body], dict[str, Any]]]:
        return {
            "ping": lambda _: _success({"message": "pong", "broker": self._broker}),
            "analyzer": lambda _: _success(
                {"mode": "analyze" if self.analyze else "live", "analyze_mode": self.analyze, "total_logs": 0}
            ),
            "placeorder": self._place,
            "modifyorder": self._modify,
            "cancelorder": self._cancel,
            "orderbook": lambda _: self._data({"orders": rows.orders(self._orders()), "statistics": {}}),
            "tradebook": lambda _: self._data([rows.trade(item, with_id=self.shows_trade_ids) for item in self._trades()]),
            "holdings": lambda _: self._data({"holdings": self._holdings(), "statistics": {}}),
            "positionbook": lambda _: self._data([rows.position(symbol, net) for symbol, net in self._nets().items()]),
            "funds": lambda _: self._data(rows.funds(self.exchange.funds(), self._morning())),
            "symbol": self._symbol,
            "multiquotes": self._quotes,
            "market/holidays": self._holidays,
            "orderstatus": self._status,
            "quotes": self._quote,
        }

    # commands

    def _place(self, body: Body) -> dict[str, Any]:
        if self.semi_auto:
            text = "Order queued for approval in Action Center"
            return {"status": "success", "message": text, "mode": "semi_auto", "pending_order_id": 1}
        if self.analyze:
            return {"status": "success", "orderid": f"SB-{next(self._virtual)}", "mode": "analyze"}
        self._check_address()
        kind = OrderType(body.get("pricetype", "MARKET"))
        price = to_paise(body.get("price", "0")) if kind is OrderType.LIMIT else 0
        side = Side(body["action"].upper())
        request = OrderRequest("", body["symbol"], side, int(body["quantity"]), price, kind)
        return {"status": "success", "orderid": self.exchange.place(request)}

    def _modify(self, body: Body) -> dict[str, Any]:
        self._check_change(body)
        self.exchange.modify(body["orderid"], quantity=int(body["quantity"]), price=to_paise(body["price"]))
        return {"status": "success", "orderid": body["orderid"]}

    def _cancel(self, body: Body) -> dict[str, Any]:
        self._check_change(body)
        self.exchange.cancel(body["orderid"])
        return {"status": "success", "orderid": body["orderid"]}

    def _check_change(self, body: Body) -> None:
        if self.semi_auto:
            raise OpenAlgoError(403, "Modify order operation is not allowed in Semi-Auto mode. Please switch to Auto mode.")
        if self.analyze:
            raise OpenAlgoError(404, f"Order {body['orderid']} not found")
        self._check_address()

    def _check_address(self) -> None:
        if not self.listed:
            raise OpenAlgoError(403, "IP (203.0.113.9) is not allowed to place orders for this app.")

    # reads

    def _data(self, data: Any) -> dict[str, Any]:
        """Return the reply to a read. In analyzer mode the lists are empty, as of an unused OpenAlgo sandbox account."""
        if not self.analyze:
            return _success(data)
        empty = [] if isinstance(data, list) else {"orders": [], "holdings": [], "availablecash": "10000000.00"}
        return {**_success(empty), "mode": "analyze"}

    def _orders(self) -> list[OrderReport]:
        """Return the live orders, and those that changed today."""
        today = ist_date(self._clock.now())
        return [item for item in self.exchange.orders() if item.status in ALIVE or ist_date(item.updated_at) == today]

    def _trades(self) -> list[TradeReport]:
        """Return today's trades. Without trade ids, a repeated row is sent once: a client would count it as two trades."""
        found = self._today(self.exchange.trades())
        return found if self.shows_trade_ids else list({item.trade_id: item for item in found}.values())

    def _today(self, trades: Iterable[TradeReport]) -> list[TradeReport]:
        today = ist_date(self._clock.now())
        return [item for item in trades if ist_date(item.at) == today]

    def _nets(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for trade in self._today(self.books.trades()):
            sign = 1 if trade.side is Side.BUY else -1
            found[trade.symbol] = found.get(trade.symbol, 0) + sign * trade.quantity
        return found

    def _holdings(self) -> list[rows.Row]:
        """Return the holdings as of this morning. Today's trades are only in the positions."""
        now, nets = {item.symbol: item for item in self.exchange.holdings()}, self._nets()
        held = ((now.get(symbol, Holding(symbol, 0, 0, 0)), nets.get(symbol, 0)) for symbol in {**now, **nets})
        found = [rows.holding(item, net, with_t1=self.shows_t1) for item, net in held]
        return [row for row in found if row["quantity"] or row.get("t1_quantity")]

    def _morning(self) -> int:
        """Return the cash in paise before today's trades."""
        today = ist_date(self._clock.now())
        if self._opening[0] != today:
            self._opening = today, opening_balance(self.books.funds(), self._today(self.books.trades()), today, ZERODHA)
        return self._opening[1]

    def _symbol(self, body: Body) -> dict[str, Any]:
        if self._market is not None:
            market, today = self._market(), ist_date(self._clock.now())
            with suppress(UsageError):
                return _success(rows.symbol(market.instrument(market.find(body["symbol"], today), today)))
        raise OpenAlgoError(404, f"Symbol {body['symbol']} not found in exchange {body['exchange']}")

    def _status(self, body: Body) -> dict[str, Any]:
        """Return one row of the order book, with the average price of its trades."""
        book = self._handlers()["orderbook"](body)["data"]["orders"]
        found = next((row for row in book if row["orderid"] == body["orderid"]), None)
        if found is None:
            raise OpenAlgoError(404, f"Order {body['orderid']} not found")
        trades = [item for item in self._trades() if item.broker_order_id == body["orderid"]]
        shares = sum(item.quantity for item in trades)
        average = sum(item.quantity * item.price for item in trades) / shares / 100 if shares else 0.0
        return _success({**found, "average_price": average})

    def _quote(self, body: Body) -> dict[str, Any]:
        symbol = body["symbol"]
        content = rows.quoted(symbol, self.exchange.quotes([symbol]).get(symbol))
        if "error" in content:
            raise OpenAlgoError(400, content["error"])
        return _success(content["data"])

    def _holidays(self, body: Body) -> dict[str, Any]:
        year = body["year"]
        return {"status": "success", "year": year, "timezone": "Asia/Kolkata", "data": self.holidays.get(year, [])}

    def _quotes(self, body: Body) -> dict[str, Any]:
        symbols = [item["symbol"] for item in body["symbols"]]
        found = self.exchange.quotes(symbols)
        results = [{"symbol": name, "exchange": "NSE", **rows.quoted(name, found.get(name))} for name in symbols]
        return {"status": "success", "results": results}


def _broker_message(refusal: OrderRefused, call: str) -> str:
    """Return the message of the broker, here Zerodha, which OpenAlgo passes on."""
    if refusal.code in {"finished", "unknown_order"}:
        return f"Order cannot be {'cancelled' if call == 'cancelorder' else 'modified'} as it is being processed. Try later."
    return f"Tick size for this script is other: {refusal.reason}" if refusal.code == "tick" else refusal.reason


def _success(data: Any) -> dict[str, Any]:
    return {"status": "success", "data": data}


def _error(status: int, message: str, **more: str) -> Response:
    return Response.of({"status": "error", "message": message, **more}, status)
