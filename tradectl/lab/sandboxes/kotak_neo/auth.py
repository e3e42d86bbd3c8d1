"""Log in one client by one-time password and MPIN from one address, and accept orders from listed addresses only."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from tradectl.brokers.http.loopback_server import LOOPBACK
from tradectl.brokers.kotak_neo import login
from tradectl.brokers.kotak_neo.login import ends_at
from tradectl.lab.sandboxes.server import Request, Response
from tradectl.model.moment import to_ist
from tradectl.ports import Clock

CENTRE = "E00"
"""The data centre of every client."""


class RegisteredClient(Struct, frozen=True):
    """The login data of the sandbox's only client."""

    consumer_key: str
    mobile_number: str
    ucc: str
    totp_secret: str
    mpin: str


class _Login(Struct, frozen=True):
    """A token with its session id, the client's address, and the moment at which it ends."""

    token: str
    sid: str
    address: str
    ends_at: datetime


class KotakAuth:
    """The login and the sessions of one client.

    `allowed`: addresses from which orders are accepted; empty: any. `address`: the address that all clients seem to have.
    """

    def __init__(self, client: RegisteredClient, clock: Clock, allowed: Collection[str]) -> None:
        self._client, self._clock, self._allowed = client, clock, frozenset(allowed)
        self.address = LOOPBACK
        self._view: _Login | None = None
        self._trade: _Login | None = None

    def end_sessions(self) -> None:
        """End every token, as happens overnight, or when the client logs out elsewhere."""
        self._view = self._trade = None

    def is_known(self, request: Request) -> bool:
        """Return whether the request has the right consumer key."""
        return request.headers.get("authorization") == self._client.consumer_key

    def session(self) -> Mapping[str, str]:
        """Return the client and its trading session (`ucc`, `sid`, `token`); empty without a valid session."""
        issued = self._trade
        if issued is None or self._clock.now() >= issued.ends_at:
            return {}
        return {"ucc": self._client.ucc, "sid": issued.sid, "token": issued.token}

    def login(self, request: Request) -> Response:
        """Serve the first step of a login: return a view token."""
        body = _body(request)
        for name, shown in (("mobileNumber", "MobileNumber"), ("ucc", "Ucc"), ("totp", "Totp")):
            if not body.get(name):
                return _failed("400", f"Missing required field '{shown}'", 400)
        if not self.is_known(request):
            return _failed("401", "Invalid consumer key", 401)
        if (body["mobileNumber"], body["ucc"]) != (self._client.mobile_number, self._client.ucc):
            return _failed("400", "Invalid mobile number or UCC", 400)
        if not login.is_one_time_password(self._client.totp_secret, str(body["totp"]), self._clock.now()):
            return _failed("400", "Invalid TOTP", 400)
        self._view = self._issue("view")
        return _passed(self._view, self._client.ucc, "View")

    def validate(self, request: Request, url: str) -> Response:
        """Serve the second step of a login: return a trading token, and the base URL for all other calls."""
        body = _body(request)
        if not body.get("mpin"):
            return _failed("400", "Missing required field 'Mpin'", 400)
        if not self.is_known(request) or not self._holds(self._view, request):
            return _failed("401", "Invalid session", 401)
        if str(body["mpin"]) != self._client.mpin:
            return _failed("400", "Invalid MPIN", 200)
        self._trade = self._issue("trade")
        return _passed(self._trade, self._client.ucc, "Trade", baseUrl=url)

    def client_ip(self, request: Request) -> Response:
        """Return the address of a logged-in client. Other clients are refused; Kotak does not document this case."""
        if not self.is_known(request) or not self._holds(self._trade, request):
            return NO_SESSION
        time = f"{to_ist(self._clock.now()):%Y-%m-%d %H:%M:%S}.000"
        return Response.of({"data": [{"ip": self.address, "time": time}], "stCode": 1000, "status": "success"})

    def refusal(self, request: Request, *, command: bool) -> Response | None:
        """Return the refusal of a request; None if it is allowed. Only commands are bound to addresses."""
        if not self._holds(self._trade, request):
            return NO_SESSION
        if command and not self.is_known(request):
            return refused(100021, "invalid access type", status=403)
        if command and self._trade is not None and self._trade.address != self.address:
            return refused(1037, "session IP does not match", status=403)
        if command and self._allowed and self.address not in self._allowed:
            return refused(100008, "unauthorized: IP not whitelisted", status=403)
        return None

    def _issue(self, kind: str) -> _Login:
        return _Login(f"{kind}-{secrets.token_hex(12)}", secrets.token_hex(8), self.address, ends_at(self._clock.now()))

    def _holds(self, issued: _Login | None, request: Request) -> bool:
        if issued is None or self._clock.now() >= issued.ends_at:
            return False
        return (request.headers.get("auth"), request.headers.get("sid")) == (issued.token, issued.sid)


def refused(code: int, message: str, *, stat: str = "Not_Ok", status: int = 200) -> Response:
    """Return a failure in the shape of the order calls."""
    return Response.of({"stCode": code, "errMsg": message, "stat": stat}, status)


NO_SESSION = refused(100022, "invalid session token", status=403)


def _body(request: Request) -> Mapping[str, Any]:
    try:
        body = request.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _failed(code: str, message: str, status: int) -> Response:
    return Response.of({"error": [{"code": code, "message": message}]}, status)


def _passed(issued: _Login, ucc: str, kind: str, **more: str) -> Response:
    data = {
        "token": issued.token, "sid": issued.sid, "rid": issued.sid, "ucc": ucc, "dataCenter": CENTRE, "kType": kind,
        "status": "success", **more,
    }  # fmt: skip
    return Response.of({"data": data})
