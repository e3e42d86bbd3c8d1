"""Route the requests to Kite's paths. Source: pykiteconnect 5.2.0 (routes), kiteconnect-mocks (bodies)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tradectl.brokers.kite.login import FLUSH
from tradectl.errors import BrokerUnavailable, LoginNeeded, OrderRefused, TradectlError
from tradectl.exchange.sessions import SessionTable
from tradectl.lab.sandboxes.kite import account, orders, rows
from tradectl.lab.sandboxes.kite.account import note
from tradectl.lab.sandboxes.kite.auth import KiteTokens
from tradectl.lab.sandboxes.kite.backend import KiteBackend
from tradectl.lab.sandboxes.kite.errors import KiteError, translated
from tradectl.lab.sandboxes.kite.stream import KiteStream
from tradectl.lab.sandboxes.server import Request, Response
from tradectl.lab.sandboxes.server_state import ServerState
from tradectl.lab.sandboxes.stream import StreamingSandbox
from tradectl.ports import Broker, Clock, MarketData

COMMANDS = {"POST", "PUT", "DELETE"}


class KiteSandbox(StreamingSandbox):
    """Kite Connect on loopback.

    Args:
        exchange, market: Open the exchange and the market; called in the server's thread.
        clock: May be the clock of the tested program.
        allowed: The client addresses from which order commands are accepted; None for all.
        flush: The IST time at which a day's tokens end and the order book is emptied.
        t1_inside: See `account.holdings`.
        late: Report a refusal of the risk checks in the order's row and not in the reply, as at Kite.
        universe: The name of the listed universe.
        stream: Push ticks and order updates at `stream_url`, after each command and at each call of `tick`.
        memory: See `ServerState`.
    """

    shapes = "kite"
    stream: KiteStream | None

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
        flush: time = FLUSH,
        t1_inside: bool = False,
        late: bool = False,
        universe: str = "all",
        stream: bool = False,
        memory: Path | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(exchange, port=port)
        self.allowed, self._key = allowed, api_key
        self._user_id, self._user_name = user_id, user_name
        self._note = note
        self.tokens = KiteTokens(api_key, api_secret, clock, flush)
        self.stream = KiteStream(self.tokens.is_good) if stream else None
        self._backend = KiteBackend(
            lambda: self.exchange,
            lambda: self.books,
            ServerState(memory),
            market,
            clock=clock,
            sessions=sessions,
            flushed_at=self.tokens.flushed_at,
            user_id=user_id,
            t1_inside=t1_inside,
            late=late,
            universe=universe,
        )

    def answer(self, request: Request) -> Response:
        parts = tuple(unquote(part) for part in request.path.strip("/").split("/"))
        try:
            return self._answer(request, parts)
        except KiteError as error:
            return error.response()
        except BrokerUnavailable:
            raise  # a connection failure: `respond` breaks the connection or returns 503
        except (OrderRefused, LoginNeeded) as error:
            return translated(error).response()
        except TradectlError as error:
            self.broken.append(f"{type(error).__name__}: {error}")
            return translated(error).response()

    def _answer(self, request: Request, parts: tuple[str, ...]) -> Response:
        match request.method, parts:
            case "GET", ("connect", "login"):
                address = f"{self.url}/?action=login&status=success&request_token={self.tokens.request()}"
                more = request.query.get("redirect_params", "")
                return Response(200, (f"{address}&{more}" if more else address).encode(), "text/plain")
            case "POST", ("session", "token"):
                return _success(self._session(request.form))
        self.tokens.check(request.headers.get("authorization", ""))
        self._backend.open_day()
        if request.method == "GET" and parts[0] == "instruments" and len(parts) <= 2:
            return Response(200, self._backend.listing.csv(), "text/csv")
        if parts[0] == "orders" and request.method in COMMANDS:
            done = self._command(request, parts)
            self.push()
            return _success(done)
        return _success(self._data(request, parts))

    def _data(self, request: Request, parts: tuple[str, ...]) -> Any:
        backend, keys = self._backend, request.queries.get("i", [])
        match request.method, parts:
            case "DELETE", ("session", "token"):
                self.tokens.end(request.query.get("access_token", ""))
                return True
            case "GET", ("user", "profile"):
                return self._profile()
            case "GET", ("user", "margins"):
                return {"equity": backend.equity(), "commodity": account.commodity()}
            case "GET", ("user", "margins", "equity"):
                return backend.equity()
            case "GET", ("user", "margins", "commodity"):
                return account.commodity()
            case "GET", ("orders",):
                return backend.orders()
            case "GET", ("orders", order_id):
                return backend.history(order_id)
            case "GET", ("orders", order_id, "trades"):
                return backend.trades(order_id)
            case "GET", ("trades",):
                return backend.trades()
            case "GET", ("portfolio", "holdings"):
                return backend.holdings()
            case "GET", ("portfolio", "positions"):
                return backend.positions()
            case "GET", ("quote",):
                return backend.quotes(keys)
            case "GET", ("quote", "ohlc" | "ltp" as kind):
                names = ("instrument_token", "last_price", *(("ohlc",) if kind == "ohlc" else ()))
                return {key: {name: row[name] for name in names} for key, row in backend.quotes(keys).items()}
            case "GET", ("instruments", "historical", token, interval):
                between = request.query.get("from", ""), request.query.get("to", "")
                return {"candles": backend.candles(token, interval, between)}
            case "POST", ("charges", "orders"):
                return [self._note(row, backend.now) for row in request.json()]
        raise KiteError(404, "GeneralException", "Route not found")

    def _session(self, form: Mapping[str, str]) -> dict[str, Any]:
        names = ("api_key", "request_token", "checksum")
        access = self.tokens.exchange(*(form.get(name, "") for name in names))
        more = {"api_key": self._key, "access_token": access, "public_token": "", "enctoken": "", "refresh_token": "", "silo": ""}
        return {**self._profile(), **more, "login_time": rows.text(self._backend.now)}

    def _command(self, request: Request, parts: tuple[str, ...]) -> dict[str, str]:
        if self.allowed is not None and request.address not in self.allowed:
            raise KiteError(403, "PermissionException", f"IP ({request.address}) is not allowed to place orders for this app.")
        match request.method, parts[1:]:
            case "POST", (variety,):
                return {"order_id": self._backend.place(variety, request.form)}
            case "PUT", (variety, order_id):
                return {"order_id": orders.modify(self.exchange, self.books, variety, order_id, request.form)}
            case "DELETE", (variety, order_id):
                return {"order_id": orders.cancel(self.exchange, self.books, variety, order_id)}
        raise KiteError(405, "GeneralException", "Request method not allowed")

    def push(self) -> None:
        if self.stream is not None:
            self._backend.push(self.stream)

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


def _success(data: Any) -> Response:
    return Response.of({"status": "success", "data": data})
