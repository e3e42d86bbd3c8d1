"""Which path is answered by what. Source: pykiteconnect 5.2.0 (routes), kiteconnect-mocks (bodies)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any
from urllib.parse import unquote

from tradectl.errors import TradectlError
from tradectl.exchange.charges import Lines, day_charges
from tradectl.exchange.sessions import SessionTable
from tradectl.model.market import Quote
from tradectl.model.moment import ist_date
from tradectl.model.order import ALIVE, Fill, OrderReport, Side, TradeReport
from tradectl.ports import Broker, Clock, MarketData
from tradectl.sandbox.kite import account, history, orders, rows
from tradectl.sandbox.kite.errors import KiteError, invalid, translated
from tradectl.sandbox.kite.listing import Listing
from tradectl.sandbox.kite.tokens import Tokens
from tradectl.sandbox.server import Request, Response, Sandbox

QUOTES = 500
COMMANDS = {"POST", "PUT", "DELETE"}


class KiteSandbox(Sandbox):
    """Kite Connect on loopback. `market` and `exchange` are made in the server's thread; `clock` may be shared with the day.

    `allowed`: the addresses from which commands about orders are taken, None for all. `flush`: when in India the tokens of a day
    end, and the books of the day before are emptied. `t1_inside`: see `account.holdings`. `universe`: what is listed.
    """

    def __init__(
        self,
        exchange: Callable[[], Broker],
        market: Callable[[], MarketData],
        clock: Clock,
        sessions: SessionTable,
        *,
        api_key: str = "sandboxkey",
        api_secret: str = "sandboxsecret",
        user_id: str = "AB1234",
        user_name: str = "Asha Rao",
        allowed: Collection[str] | None = None,
        flush: time = time(6),
        t1_inside: bool = False,
        universe: str = "all",
        port: int = 0,
    ) -> None:
        super().__init__(exchange, port=port)
        self._clock, self._sessions, self._allowed = clock, sessions, allowed
        self._key, self._user_id, self._user_name = api_key, user_id, user_name
        self._t1_inside, self._universe = t1_inside, universe
        self._make_market = market
        self._made: tuple[MarketData, Listing] | None = None
        self._opening = (date.min, 0)
        self.tokens = Tokens(api_key, api_secret, clock, flush)

    def answer(self, request: Request) -> Response:
        parts = tuple(unquote(part) for part in request.path.strip("/").split("/"))
        try:
            return self._answer(request, parts)
        except KiteError as error:
            return error.response()
        except TradectlError as error:
            return translated(error).response()

    def _answer(self, request: Request, parts: tuple[str, ...]) -> Response:
        if parts == ("connect", "login"):
            return Response(200, f"{self.url}/?status=success&request_token={self.tokens.request()}".encode(), "text/plain")
        if (request.method, parts) == ("POST", ("session", "token")):
            return _success(self._session(request.form))
        self.tokens.check(request.headers.get("authorization", ""))
        self._open_day()
        if request.method == "GET" and parts[0] == "instruments" and len(parts) <= 2:
            return Response(200, self._listing().csv(), "text/csv")
        if parts[0] == "orders" and request.method in COMMANDS:
            return _success(self._command(request, parts))
        return _success(self._data(request, parts))

    def _data(self, request: Request, parts: tuple[str, ...]) -> Any:
        asked = request.queries.get("i", [])
        match request.method, parts:
            case "DELETE", ("session", "token"):
                self.tokens.end(request.query.get("access_token", ""))
                return True
            case "GET", ("user", "profile"):
                return self._profile()
            case "GET", ("user", "margins"):
                return {"equity": self._equity(), "commodity": {"enabled": False}}
            case "GET", ("user", "margins", "equity"):
                return self._equity()
            case "GET", ("orders",):
                return [self._row(report) for report in self._orders()]
            case "GET", ("orders", order_id):
                return self._history(order_id)
            case "GET", ("orders", order_id, "trades"):
                return [rows.trade(item, self._listing()) for item in self._trades() if item.broker_order_id == order_id]
            case "GET", ("trades",):
                return [rows.trade(item, self._listing()) for item in self._trades()]
            case "GET", ("portfolio", "holdings"):
                held = self.exchange.holdings()
                return account.holdings(held, self._today(), self._listing(), t1_inside=self._t1_inside)
            case "GET", ("portfolio", "positions"):
                return account.positions(self._today(), self._listing())
            case "GET", ("quote",):
                return self._quotes(asked)
            case "GET", ("quote", "ohlc" | "ltp" as kind):
                names = ("instrument_token", "last_price", *(("ohlc",) if kind == "ohlc" else ()))
                return {key: {name: row[name] for name in names} for key, row in self._quotes(asked).items()}
            case "GET", ("instruments", "historical", token, interval):
                market, listing = self._market()
                instrument = listing.on(self._day).by_token(token).instrument.instrument_id
                between = request.query.get("from", ""), request.query.get("to", "")
                return {"candles": history.candles(market, self._sessions, instrument, interval, asked=between, now=self._now)}
            case "POST", ("charges", "orders"):
                return [self._note(row) for row in request.json()]
        raise KiteError(404, "GeneralException", "Route not found")

    # commands

    def _session(self, form: Mapping[str, str]) -> dict[str, Any]:
        names = ("api_key", "request_token", "checksum")
        access = self.tokens.exchange(*(form.get(name, "") for name in names))
        more = {"api_key": self._key, "access_token": access, "public_token": "", "enctoken": "", "refresh_token": ""}
        return {**self._profile(), **more, "login_time": rows.text(self._now)}

    def _command(self, request: Request, parts: tuple[str, ...]) -> dict[str, str]:
        if self._allowed is not None and request.address not in self._allowed:
            raise KiteError(403, "PermissionException", f"The IP {request.address} is not in the list of allowed IPs.")
        match request.method, parts[1:]:
            case "POST", (variety,):
                return {"order_id": orders.place(self.exchange, variety, request.form, self._listing())}
            case "PUT", (variety, order_id):
                return {"order_id": orders.modify(self.exchange, variety, order_id, request.form)}
            case "DELETE", (variety, order_id):
                return {"order_id": orders.cancel(self.exchange, variety, order_id)}
        raise KiteError(405, "GeneralException", "Request method not allowed")

    # the exchange

    @property
    def _now(self) -> datetime:
        return self._clock.now()

    @property
    def _day(self) -> date:
        return ist_date(self._now)

    def _market(self) -> tuple[MarketData, Listing]:
        if self._made is None:
            market = self._make_market()
            self._made = market, Listing(market, self._universe)
        return self._made

    def _listing(self) -> Listing:
        return self._market()[1].on(self._day)

    def _orders(self) -> list[OrderReport]:
        """What lives, and what was touched since the book was emptied."""
        since = self.tokens.flushed_at()
        return [item for item in self.exchange.orders() if item.status in ALIVE or item.updated_at >= since]

    def _trades(self) -> list[TradeReport]:
        since = self.tokens.flushed_at()
        return [item for item in self.exchange.trades() if item.at >= since]

    def _today(self) -> list[TradeReport]:
        return [item for item in self.exchange.trades() if ist_date(item.at) == self._day]

    def _row(self, report: OrderReport) -> dict[str, Any]:
        return rows.order(report, self.exchange.trades(), self._listing(), self._sessions, self._user_id)

    def _history(self, order_id: str) -> list[dict[str, Any]]:
        """From the first state to the present one; what lay between is not known to the exchange."""
        row = self._row(orders.find(self.exchange, order_id))
        first = "AMO REQ RECEIVED" if row["variety"] == "amo" else "PUT ORDER REQ RECEIVED"
        began = {"status": first, "status_message": None, "status_message_raw": None, "filled_quantity": 0, "average_price": 0}
        return [row | began, row] if row["status"] != first else [row]

    def _open_day(self) -> None:
        """Remember what the account had before the day's trades, at the first request of the day."""
        if self._opening[0] != self._day:
            self._opening = self._day, account.opening_balance(self.exchange.funds(), self._today(), self._day)

    def _equity(self) -> dict[str, Any]:
        return account.equity(self.exchange.funds(), self._opening[1])

    def _quotes(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """By the keys that were asked; what is unknown, or has no price, is absent."""
        if len(keys) > QUOTES:
            raise invalid(f"At most {QUOTES} instruments are quoted at once.")
        market, listing = self._market()[0], self._listing()
        known = {key: entry for key in keys if key.startswith("NSE:") and (entry := listing.find(key[4:])) is not None}
        found: Mapping[str, Quote] = self.exchange.quotes([entry.instrument.symbol for entry in known.values()])
        return {
            key: rows.quote(
                found[entry.instrument.symbol],
                entry.token,
                history.previous_close(market, entry.instrument.instrument_id, self._day),
            )
            for key, entry in known.items()
            if entry.instrument.symbol in found
        }

    def _profile(self) -> dict[str, Any]:
        return {
            "user_id": self._user_id,
            "user_name": self._user_name,
            "user_shortname": self._user_name.split()[0],
            "email": "",
            "user_type": "individual",
            "broker": "ZERODHA",
            "exchanges": ["NSE"],
            "products": ["CNC"],
            "order_types": ["MARKET", "LIMIT"],
            "avatar_url": None,
            "meta": {"demat_consent": "consent"},
        }

    def _note(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """An order's charges by itself, without the depository's."""
        side, value = Side(row["transaction_type"]), round(row["quantity"] * row["average_price"] * 100)
        charged = day_charges(self._day, [Fill("1", row["tradingsymbol"], side, 1, value, self._day, self._now, 1)])
        return {**row, "charges": _charges(charged.buy if side is Side.BUY else charged.sell)}


def _charges(lines: Lines) -> dict[str, Any]:
    gst = rows.rupees(lines.gst)
    return {
        "transaction_tax": rows.rupees(lines.stt),
        "transaction_tax_type": "stt",
        "exchange_turnover_charge": rows.rupees(lines.transaction + lines.ipft),
        "sebi_turnover_charge": rows.rupees(lines.sebi),
        "brokerage": rows.rupees(lines.brokerage),
        "stamp_duty": rows.rupees(lines.stamp),
        "gst": {"igst": gst, "cgst": 0, "sgst": 0, "total": gst},
        "total": rows.rupees(lines.total - lines.dp),
    }


def _success(data: Any) -> Response:
    return Response.of({"status": "success", "data": data})
