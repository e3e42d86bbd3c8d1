"""Every difference between an official client's requests and our adapter's that is meant, with its reason.

`test_requests.py` fails on a difference that is not listed, and on a row that no longer occurs.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from msgspec import Struct

from tests.lab.witnesses.comparison import NOT_SENT, SAME_NUMBER, SENT, Difference


class Allowed(Struct, frozen=True):
    """A row of the table. `call` may be a pattern, as `GET *`; the other texts are as the comparison writes them."""

    call: str
    field: str
    theirs: str
    ours: str
    why: str

    def covers(self, found: Difference) -> bool:
        same = (self.field, self.theirs, self.ours) == (found.field, found.theirs, found.ours)
        return same and fnmatchcase(found.call, self.call)


def unlisted(broker: str, found: set[Difference]) -> list[Difference]:
    """Return the differences that no row covers."""
    return sorted(item for item in found if not any(row.covers(item) for row in ALLOWED[broker]))


def unused(broker: str, found: set[Difference]) -> list[Allowed]:
    """Return the rows that cover no difference."""
    return [row for row in ALLOWED[broker] if not any(row.covers(item) for item in found)]


def _unasked(call: str, why: str) -> Allowed:
    return Allowed(call, "call", SENT, NOT_SENT, why)


_SDK_HEADER = "the client's own marks for its logs; no reply depends on them"
_DEFAULT = "a default of each client's HTTP library; the reply is JSON either way"
_KITE_PATH = "the path says it already; the client repeats it in the form"
_KITE_PRICE = "the client writes a float, the adapter exact rupees with two decimals"

ALLOWED: dict[str, tuple[Allowed, ...]] = {
    "kite": (
        Allowed("*", "header user-agent", "Kiteconnect-python/(version)", "tradectl", "each client names itself"),
        Allowed("GET /", "header cache-control", "no-cache", NOT_SENT, "a default of autobahn's websocket handshake"),
        Allowed("GET /", "header pragma", "no-cache", NOT_SENT, "a default of autobahn's websocket handshake"),
        Allowed(
            "GET /connect/login", "query redirect_params", NOT_SENT, "state=<state>",
            "proves that the browser comes back from this login (kite.trade forum 21101)",
        ),
        Allowed("POST /orders/*", "form price", "(a number)", SAME_NUMBER, _KITE_PRICE),
        Allowed("POST /orders/amo", "form variety", "amo", NOT_SENT, _KITE_PATH),
        Allowed("POST /orders/regular", "form variety", "regular", NOT_SENT, _KITE_PATH),
        Allowed("PUT /orders/*", "form price", "(a number)", SAME_NUMBER, _KITE_PRICE),
        Allowed("PUT /orders/amo/{number}", "form variety", "amo", NOT_SENT, _KITE_PATH),
        Allowed("PUT /orders/amo/{number}", "form order_id", "kit-20230713-0001", NOT_SENT, _KITE_PATH),
        Allowed("PUT /orders/regular/{number}", "form variety", "regular", NOT_SENT, _KITE_PATH),
        Allowed("PUT /orders/regular/{number}", "form order_id", "kit-20230714-0001", NOT_SENT, _KITE_PATH),
        Allowed("GET /instruments/historical/{number}/day", "query interval", "day", NOT_SENT,
                "the path says it already; the client repeats it in the query"),
        _unasked("GET /orders/{number}/trades", "the adapter reads all trades of the day and joins them by order"),
        _unasked("GET /quote/ltp", "the adapter reads full quotes, which have a time and the band"),
        _unasked("GET /quote/ohlc", "the adapter reads full quotes, which have a time and the band"),
        _unasked("GET /user/margins", "the adapter reads the equity segment alone"),
        _unasked("DELETE /session/token", "a logout would end the sessions of the account's other processes"),
    ),
    "kotak_neo": (
        Allowed("*", "header user-agent", "NeoSDK-Python/(version)", "python-requests/(version)", "each client names itself"),
        Allowed("GET /*", "header user-agent", "Python/(version) websockets/(version)", "tradectl", "each client names itself"),
        Allowed("*", "header x-client-id", "<consumer key>***", NOT_SENT, _SDK_HEADER),
        Allowed("*", "header x-request-id", "(uuid)", NOT_SENT, _SDK_HEADER),
        Allowed("GET *", "header content-type", "application/json", NOT_SENT, "a GET has no body"),
        Allowed("GET *", "header content-type", "application/x-www-form-urlencoded", NOT_SENT, "a GET has no body"),
        Allowed("*", "header accept", "application/json", "*/*", _DEFAULT),
        Allowed("GET /portfolio/v1/holdings", "header accept", "*/*", "application/json", _DEFAULT),
        Allowed("POST /quick/order/*", "header neo-fin-key", NOT_SENT, "neotradeapi",
                "older documents demand it, and OpenAlgo sends it in live trading"),
        Allowed(
            "GET /script-details/1.0/quotes/neosymbol/nse_cm|1001/all", "path as sent", NOT_SENT,
            "/script-details/1.0/quotes/neosymbol/nse_cm%7C1001/all",
            "`requests` encodes `|`; public clients that do the same trade live",
        ),
        Allowed("GET /wso2-scripmaster/v1/prod/{day}/transformed-v1/nse_cm-v1.csv", "call", NOT_SENT, SENT,
                "the client returns the address of the list, the adapter reads the list"),
        _unasked("POST /quick/order/history", "the adapter reads the order's row in the book"),
        _unasked("POST /quick/user/check-margin", "the adapter reads the limits and reckons the rest"),
    ),
    "openalgo": (
        Allowed("*", "header user-agent", "python-httpx/(version)", "python-requests/(version)", "each client names its library"),
        _unasked("POST /api/v1/orderstatus", "the adapter reads the order book, and what is filled from the trade book"),
        _unasked("POST /api/v1/quotes", "the adapter reads quotes of up to 50 symbols at once"),
        Allowed("POST /api/v1/ping", "call", NOT_SENT, SENT, "a login checks whether the key is known"),
    ),
}  # fmt: skip
