"""OpenAlgo's REST API over any exchange of ours: one user, one API key, its broker behind it.

It answers as OpenAlgo does: orders under `/api/v1/placeorder` and so on, all of them POST with the key in the body; an order book
without tags and without what is filled, a trade book without dates, holdings of this morning and net positions of today.

Source: marketcalls/openalgo v2.0.2.1, its documentation and services.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from tradectl.errors import OrderRefused, TradectlError
from tradectl.model.market import Quote
from tradectl.model.moment import ist_date, to_ist
from tradectl.model.money import to_paise
from tradectl.model.order import ALIVE, Holding, OrderReport, OrderRequest, OrderStatus, OrderType, Side, TradeReport
from tradectl.ports import Broker, Clock
from tradectl.sandbox.server import Request, Response, Sandbox

ROOT = "/api/v1/"
COMMANDS = tuple(ROOT + name for name in ("placeorder", "modifyorder", "cancelorder"))
READS = tuple(ROOT + name for name in ("orderbook", "tradebook", "holdings", "positionbook", "funds", "multiquotes"))
WORDS = {
    OrderStatus.EXECUTED: "complete",
    OrderStatus.REJECTED: "rejected",
    OrderStatus.CANCELLED: "cancelled",
}
"""In-flight states and waiting orders are all `open`."""
_ORDER = frozenset({"strategy", "symbol", "exchange", "action", "quantity"})
_TERMS = frozenset({"pricetype", "product", "price", "trigger_price", "disclosed_quantity"})
REQUIRED = {
    "placeorder": _ORDER,
    "modifyorder": _ORDER | _TERMS | {"orderid"},
    "cancelorder": frozenset({"strategy", "orderid"}),
    "multiquotes": frozenset({"symbols"}),
}
OPTIONAL = {"placeorder": _TERMS}
NO_KEY = "Invalid openalgo apikey"

Body = Mapping[str, Any]


class OpenAlgoError(Exception):
    """An error as it goes over the wire."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class OpenAlgoSandbox(Sandbox):
    """`exchange` makes the account behind it, in the server's thread; `clock` is the exchange's.

    Switches: `analyze` (its analyzer mode), `semi_auto` (a person approves each order), `logged_in` (at its broker), `listed`
    (the broker knows its address). `tells_t1`, `tells_trade_ids`: what newer versions tell. `cancel_status`: with which status a
    refused cancel is answered (500 with its Zerodha adapter).
    """

    def __init__(self, exchange: Callable[[], Broker], clock: Clock, *, api_key: str, port: int = 0) -> None:
        super().__init__(exchange, port=port)
        self._clock, self._key = clock, api_key
        self.analyze = self.semi_auto = self.tells_t1 = self.tells_trade_ids = False
        self.logged_in = self.listed = True
        self.cancel_status = 400
        self._virtual = count(1)

    def answer(self, request: Request) -> Response:
        name = request.path.removeprefix(ROOT).rstrip("/")
        handler = self._handlers().get(name)
        if request.method != "POST" or handler is None or not request.path.startswith(ROOT):
            return Response(404 if handler is None else 405, b"<html>Not Found</html>", "text/html")
        try:
            body = _checked(name, request)
            if body["apikey"] != self._key or not self.logged_in:
                raise OpenAlgoError(403, NO_KEY)
            return Response.of(handler(body))
        except OpenAlgoError as error:
            mode = {"mode": "analyze"} if self.analyze else {}
            return Response.of({"status": "error", "message": str(error), **mode}, error.status)
        except OrderRefused as refusal:
            status = self.cancel_status if name == "cancelorder" else 400
            return Response.of({"status": "error", "message": refusal.reason}, status)
        except TradectlError as error:
            return Response.of({"status": "error", "message": f"An unexpected error occurred: {error}"}, 500)

    def _handlers(self) -> Mapping[str, Callable[[Body], dict[str, Any]]]:
        return {
            "ping": lambda _: _success({"message": "pong", "broker": "paper"}),
            "analyzer": lambda _: _success(
                {"mode": "analyze" if self.analyze else "live", "analyze_mode": self.analyze, "total_logs": 0}
            ),
            "placeorder": self._place,
            "modifyorder": self._modify,
            "cancelorder": self._cancel,
            "orderbook": lambda _: self._data({"orders": [_order(item) for item in self._orders()], "statistics": {}}),
            "tradebook": lambda _: self._data([self._trade(item) for item in self._trades()]),
            "holdings": lambda _: self._data({"holdings": self._holdings(), "statistics": {}}),
            "positionbook": lambda _: self._data([_position(symbol, net) for symbol, net in self._nets().items()]),
            "funds": lambda _: self._data(self._funds()),
            "multiquotes": self._quotes,
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
            raise OpenAlgoError(403, "Unauthorized: this IP is not in the list of allowed IPs")

    # reads

    def _data(self, data: Any) -> dict[str, Any]:
        """In analyzer mode the books are the sandbox's, and empty."""
        if not self.analyze:
            return _success(data)
        empty = [] if isinstance(data, list) else {"orders": [], "holdings": [], "availablecash": "10000000.00"}
        return {**_success(empty), "mode": "analyze"}

    def _orders(self) -> list[OrderReport]:
        """What lives, and what was touched today."""
        today = ist_date(self._clock.now())
        return [item for item in self.exchange.orders() if item.status in ALIVE or ist_date(item.updated_at) == today]

    def _trades(self) -> list[TradeReport]:
        today = ist_date(self._clock.now())
        return [item for item in self.exchange.trades() if ist_date(item.at) == today]

    def _nets(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for trade in self._trades():
            sign = 1 if trade.side is Side.BUY else -1
            found[trade.symbol] = found.get(trade.symbol, 0) + sign * trade.quantity
        return found

    def _holdings(self) -> list[dict[str, Any]]:
        """As they were this morning: what was traded today is in the positions alone."""
        now, nets = {item.symbol: item for item in self.exchange.holdings()}, self._nets()
        rows = [self._holding(now.get(symbol, Holding(symbol, 0, 0, 0)), nets.get(symbol, 0)) for symbol in {**now, **nets}]
        return [row for row in rows if row["quantity"] or row.get("t1_quantity")]

    def _holding(self, now: Holding, net: int) -> dict[str, Any]:
        whole, delivered = now.quantity + now.t1_quantity - net, now.quantity + max(0, -net)
        row = {"symbol": now.symbol, "exchange": "NSE", "product": "CNC", "quantity": whole, "pnl": 0.0, "pnlpercent": 0.0}
        return row | {"quantity": delivered, "t1_quantity": whole - delivered} if self.tells_t1 else row

    def _trade(self, trade: TradeReport) -> dict[str, Any]:
        row = {
            "action": trade.side.value,
            "symbol": trade.symbol,
            "exchange": "NSE",
            "orderid": trade.broker_order_id,
            "product": "CNC",
            "quantity": float(trade.quantity),
            "average_price": trade.price / 100,
            "timestamp": f"{to_ist(trade.at):%H:%M:%S}",
            "trade_value": trade.quantity * trade.price / 100,
        }
        return row | {"tradeid": trade.trade_id} if self.tells_trade_ids else row

    def _funds(self) -> dict[str, str]:
        funds = self.exchange.funds()
        rupees = {"availablecash": funds.available, "utiliseddebits": funds.blocked}
        none = dict.fromkeys(("collateral", "m2mrealized", "m2munrealized"), "0.00")
        return none | {name: f"{paise / 100:.2f}" for name, paise in rupees.items()}

    def _quotes(self, body: Body) -> dict[str, Any]:
        symbols = [item["symbol"] for item in body["symbols"]]
        found = self.exchange.quotes(symbols)
        results = [{"symbol": name, "exchange": "NSE", **_quoted(name, found.get(name))} for name in symbols]
        return {"status": "success", "results": results}


def _checked(name: str, request: Request) -> dict[str, Any]:
    """The body, by the schema of its path. OpenAlgoError 400."""
    try:
        body = request.json()
    except ValueError:
        raise OpenAlgoError(400, "the body is no JSON") from None
    required = REQUIRED.get(name, frozenset()) | {"apikey"}
    if missing := sorted(required - body.keys()):
        raise OpenAlgoError(400, str({word: ["Missing data for required field."] for word in missing}))
    if unknown := sorted(body.keys() - required - OPTIONAL.get(name, frozenset())):
        raise OpenAlgoError(400, str({word: ["Unknown field."] for word in unknown}))
    checked: dict[str, Any] = body
    return checked


def _success(data: Any) -> dict[str, Any]:
    return {"status": "success", "data": data}


def _order(report: OrderReport) -> dict[str, Any]:
    return {
        "action": report.side.value,
        "symbol": report.symbol,
        "exchange": "NSE",
        "orderid": report.broker_order_id,
        "product": "CNC",
        "quantity": str(report.quantity),
        "price": report.price / 100,
        "pricetype": "LIMIT",
        "order_status": WORDS.get(report.status, "open"),
        "trigger_price": 0.0,
        "timestamp": f"{to_ist(report.placed_at):%d-%b-%Y %H:%M:%S}",
    }


def _position(symbol: str, net: int) -> dict[str, Any]:
    zero = dict.fromkeys(("average_price", "ltp", "pnl"), "0.00")
    return {"symbol": symbol, "exchange": "NSE", "product": "CNC", "quantity": str(net), **zero}


def _quoted(symbol: str, quote: Quote | None) -> dict[str, Any]:
    if quote is None:
        return {"error": f"Symbol {symbol} not found for exchange NSE"}
    day = {name: (getattr(quote, name) or 0) / 100 for name in ("open", "high", "low")}
    return {"data": {**day, "ltp": quote.last / 100, "prev_close": 0, "ask": 0, "bid": 0, "oi": 0, "volume": quote.volume or 0}}
