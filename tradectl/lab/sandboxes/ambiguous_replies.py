"""List false replies, which a server sends after it has carried out a command.

`SHAPES` are replies that no broker documents as a refusal. After each, the adapter must return the right order id or report an
unknown outcome. `DOCUMENTED` are replies that a broker documents as refusals. Here they are false, and only the order book shows
the order. The tests and the drill use both.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from itertools import count

from tradectl.lab.sandboxes.response import Response, Shape

DEPTH = 50_000
DIGITS = 5_000
_IDS = ("order_id", "nOrdNo", "orderid", "orderId")
_STATUSES = (
    400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 415, 418, 421, 422, 423, 424, 425, 426, 428, 429, 431, 451,
    499, 500, 501, 502, 503, 504, 505, 507, 508, 511, 520, 521, 522, 524, 529, 599,
)  # fmt: skip
_PAGE = b"<html><body>Please try again later</body></html>"


def raw(status: int, body: bytes, kind: str = "application/json", *more: str, length: int | None = None) -> bytes:
    """Return all bytes of a reply. `length`: a wrong Content-Length; None for the right one."""
    head = [f"HTTP/1.1 {status} {_phrase(status)}", f"Content-Length: {len(body) if length is None else length}", *more]
    if kind:
        head.append(f"Content-Type: {kind}")
    return "\r\n".join([*head, "Connection: close", "", ""]).encode() + body


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Other"


def _constant(content: bytes) -> Callable[[Response], bytes]:
    return lambda _: content


def replied(status: int, content: object) -> Callable[[Response], bytes]:
    """Return a function that replaces any true reply by this JSON reply."""
    return _constant(raw(status, json.dumps(content).encode()))


def _with_id(value: str) -> Callable[[Response], bytes]:
    """Return a function that replaces the order id in the true reply by the JSON text `value`; empty: removes it."""

    def make(true: Response) -> bytes:
        content = json.loads(true.body)
        inner = content.get("data") if isinstance(content.get("data"), dict) else content
        for name in _IDS:
            if name in inner:
                inner[name] = "<id>"
                if not value:
                    del inner[name]
        return raw(true.status, json.dumps(content).replace('"<id>"', value).encode())

    return make


def _deep_inside(true: Response) -> bytes:
    return raw(true.status, true.body[:-1] + b', "more": ' + b"[" * DEPTH + b"]" * DEPTH + b"}")


def _pages() -> Iterator[Shape]:
    for status in _STATUSES:
        yield Shape(f"{status} with a page", _constant(raw(status, _PAGE, "text/html")))
        yield Shape(f"{status} with an error", replied(status, {"error": _phrase(status)}))
        yield Shape(f"{status} with a message", replied(status, {"status": "error", "message": _phrase(status)}))
    for status in (200, 204, 301, 304, 400, 403, 408, 429, 500, 503):
        yield Shape(f"{status} without a body", _constant(raw(status, b"", "")))
    yield Shape("302 to a good address", _constant(raw(302, b"", "", "Location: https://example.invalid/login")))
    yield Shape("302 to an unreadable address", _constant(raw(302, b"", "", "Location: http://[::1")))
    yield Shape("307 to the same path", _constant(raw(307, b"", "", "Location: /")))
    yield Shape("429 that names a time", _constant(raw(429, b"", "", "Retry-After: 1")))


def _without_order() -> Iterator[Shape]:
    """Yield replies with status 200 that contain no order."""
    for text in ("null", "true", "[]", "{}", '"ok"', "1", "9" * DIGITS, "NaN", "1e999999999", "OK", "\x00"):
        yield Shape(f"200 {text[:12]!r}", _constant(raw(200, text.encode())))
    yield Shape("200 with a page", _constant(raw(200, _PAGE, "text/html")))
    for number, content in zip(
        count(1),
        (
            {"error": "upstream request timeout"},
            {"error": {"message": "upstream request timeout"}},
            {"errMsg": "upstream request timeout"},
            {"message": "upstream connect error or disconnect/reset before headers"},
            {"status": "error", "message": "Request timed out"},
            {"status": "error"},
            {"status": "success"},
            {"status": "success", "data": None},
            {"status": "success", "data": []},
            {"stat": "Ok"},
            {"stat": "Ok", "stCode": 200},
            {"stat": "Not_Ok", "errMsg": "Request timed out"},
            {"stat": "Not_Ok", "errMsg": "Request timed out", "stCode": 5204},
            {"stat": "Not_Ok"},
        ),
        strict=False,
    ):
        yield Shape(f"200 without an order ({number})", replied(200, content))
    yield Shape("nested deep", _constant(raw(200, b"[" * DEPTH + b"]" * DEPTH)))
    yield Shape("objects nested deep", _constant(raw(200, b'{"data":' * DEPTH + b"1" + b"}" * DEPTH)))
    yield Shape("nested deep without an end", _constant(raw(200, b"[" * DEPTH)))
    yield Shape("400 nested deep", _constant(raw(400, b"[" * DEPTH + b"]" * DEPTH)))
    yield Shape("nested deep beside the order id", _deep_inside)
    yield Shape("no UTF-8", _constant(raw(200, b'{"status": "\xff\xfe"}')))


def _invalid_ids() -> Iterator[Shape]:
    """Yield the true reply with invalid order ids."""
    values = {
        "null": "null", "absent": "", "empty": '""', "blank": '"  "', "the word null": '"null"', "the word None": '"None"',
        "false": "false", "true": "true", "zero": "0", "the text 0": '"0"', "negative": "-1", "a fraction": "1.5",
        f"{DIGITS} digits": "7" * DIGITS, f"{DIGITS} digits as text": f'"{"7" * DIGITS}"', "not finite": "NaN",
        "a large exponent": "1e999999", "a list": "[1]", "an object": '{"id": 1}', "a sentence": '"order 1 was not placed"',
        "a line break": '"1\\n2"', "another script": '"\\u0661\\u0662"',
    }  # fmt: skip
    for name, value in values.items():
        yield Shape(f"order id: {name}", _with_id(value))


def _broken_connections() -> Iterator[Shape]:
    """Yield replies that are cut off, badly framed, or lost with the connection."""
    yield Shape("closed without a byte", _constant(b""))
    yield Shape("reset without a byte", _constant(b""), reset=True)
    yield Shape("reset within the reply", lambda true: raw(true.status, true.body)[:-5], reset=True)
    yield Shape("half the first line", _constant(b"HTTP/1.1 20"))
    yield Shape("half the headers", _constant(b"HTTP/1.1 200 OK\r\nContent-Type: appl"))
    yield Shape("half the JSON", lambda true: raw(true.status, true.body[: len(true.body) // 2]))
    yield Shape("half the body", lambda true: raw(true.status, true.body[: len(true.body) // 2], length=len(true.body)))
    yield Shape("a negative length", lambda true: raw(true.status, true.body, "text/html", length=-1)[:-9])
    yield Shape("no HTTP", _constant(b"SSH-2.0-OpenSSH_9.6\r\n"))
    yield Shape("a status that is no number", _constant(b"HTTP/1.1 OK fine\r\n\r\n"))
    yield Shape("a header without an end", _constant(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000))
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    yield Shape("a chunk cut short", _constant(chunked + b'40\r\n{"status": "succ'))
    yield Shape("a chunk of no size", _constant(chunked + b"many\r\n{}\r\n0\r\n\r\n"))
    yield Shape("no last chunk", _constant(chunked + b"2\r\n{}\r\n"))
    yield Shape(
        "gzip header without gzip", lambda true: raw(true.status, true.body, "application/json", "Content-Encoding: gzip")
    )
    yield Shape("two lengths", lambda true: raw(true.status, true.body, "application/json", "Content-Length: 3"))
    yield Shape("100 without a final reply", _constant(b"HTTP/1.1 100 Continue\r\n\r\n"))
    yield Shape("the true reply as text/html", lambda true: raw(true.status, true.body, "text/html"), has_order_id=True)
    yield Shape("the true reply without a content type", lambda true: raw(true.status, true.body, ""), has_order_id=True)
    yield Shape(
        "the true reply with a byte order mark", lambda true: raw(true.status, b"\xef\xbb\xbf" + true.body), has_order_id=True
    )
    yield Shape("the true reply with 202", lambda true: raw(202, true.body))


BACKEND_ERRORS = (
    "The request to the OMS timed out", "Request time-out", "Deadline exceeded", "context canceled", "request was cancelled",
    "Unable to get confirmation from exchange", "Gateway error", "upstream connect error", "Couldn't connect to OMS",
    "Can't reach the exchange", "The OMS did not respond", "no response from OMS", "connection reset by peer", "unexpected EOF",
    "service temporarily unavailable", "Order request could not be processed at this time", "Check the orderbook",
    "Please check the order book", "Something went wrong",
)  # fmt: skip
"""Error messages about a system behind the server. With any error code, the outcome is unknown."""


def _kite(status: int, kind: str | None, message: str, data: object = None, **more: str) -> Callable[[Response], bytes]:
    return replied(status, {"status": "error", "message": message, "error_type": kind, "data": data, **more})


def _at_kite() -> Iterator[Shape]:
    for kind in ("OrderException", "NetworkException", "DataException", "GeneralException", "NewException", "", None):
        for status in (400, 403, 429, 500, 503):
            yield Shape(f"{status} {kind}", _kite(status, kind, "Something went wrong"))
    for status, kind in (
        (401, "TokenException"), (400, "TokenException"), (500, "TokenException"), (400, "PermissionException"),
        (403, "InputException"), (403, "MarginException"), (404, "InputException"), (409, "InputException"),
        (428, "TPINAuthException"), (429, "InputException"), (500, "InputException"), (200, "InputException"),
        (200, "MarginException"), (202, "HoldingException"),
    ):  # fmt: skip
        yield Shape(f"{status} {kind}", _kite(status, kind, "Something went wrong"))
    for words in BACKEND_ERRORS:
        yield Shape(f"400: {words}", _kite(400, "InputException", words))
        yield Shape(f"400 with a longer message: {words}", _kite(400, "MarginException", f"Insufficient funds. {words}"))
    yield Shape("400 under an order id", _kite(400, "InputException", "Invalid price", order_id="151220000000000"))
    yield Shape("400 with an order id in its message", _kite(400, "InputException", "Order ID: 151220000000000 is invalid"))
    yield Shape("400 beside an order", _kite(400, "InputException", "Invalid price", {"order_id": "151220000000000"}))
    yield Shape("400 without a message", _kite(400, "InputException", ""))


def _kotak(status: int, code: object, message: object, stat: object = "Not_Ok", **more: object) -> Callable[[Response], bytes]:
    return replied(status, {"stCode": code, "errMsg": message, "stat": stat, **more})


def _at_kotak() -> Iterator[Shape]:
    for number, (status, code, message) in enumerate(
        (
            (200, 5204, "Request timed out"),
            (200, 32, "error from core"),
            (200, 0, "order could not be processed"),
            (200, 502, "cannot reach the order system"),
            (200, 1006, "Market is closed"),
            (200, 1021, "order is completed"),
            (200, 1234, "please provide valid quantity"),
            (200, 1009, "order is taken"),
            (400, 5203, "No Data"),
            (401, 5204, "Invalid session, please re-login"),
            (403, 0, "forbidden"),
            (404, 1007, "body invalid"),
            (408, 1009, "please provide valid quantity"),
            (429, 100022, "invalid session token"),
            (500, 1009, "please provide valid quantity"),
            (502, 100008, "unauthorized"),
        ),
        1,
    ):
        yield Shape(f"Kotak error ({number})", _kotak(status, code, message))
    for words in BACKEND_ERRORS:
        yield Shape(f"Kotak's invalid request: {words}", _kotak(200, 5202, f"Invalid request: {words}"))
        yield Shape(f"Kotak's bad input: {words}", _kotak(200, 5204, f"Put Order Response : Bad Input {words}"))
        yield Shape(f"Kotak error 1007: {words}", _kotak(400, 1007, f"please provide valid response from OMS: {words}"))
    named: tuple[dict[str, object], ...] = ({"nOrdNo": "220621000000097"}, {"data": {"nOrdNo": 220621000000097}})
    for number, more in enumerate(named, 1):
        yield Shape(f"Kotak error with an order number ({number})", _kotak(200, 1009, "please provide valid quantity", **more))
    yield Shape(
        "Kotak error with an order number in its message", _kotak(200, 5204, "RMS:Margin Exceeds, nOrdNo: 220621000000097")
    )
    yield Shape("Kotak error with other types", _kotak(400, ["1009"], {"text": "please provide valid quantity"}))
    yield Shape("Kotak OK without an order number", replied(200, {"stat": "Ok", "nOrdNo": "", "stCode": 200}))
    yield Shape("Kotak OK with code 502", replied(200, {"stat": "Ok", "nOrdNo": "220621000000097", "stCode": 502}))
    yield Shape("Kotak's gateway refuses", replied(401, {"code": "900901", "message": "Invalid Credentials"}))
    yield Shape("Kotak's errors in a list", replied(400, {"error": [{"code": "504", "message": "gateway timeout"}]}))


def _openalgo(status: int, message: str, **more: str) -> Callable[[Response], bytes]:
    return replied(status, {"status": "error", "message": message, **more})


def _at_openalgo() -> Iterator[Shape]:
    for number, (status, message) in enumerate(
        (
            (500, "Failed to place order due to internal error"),
            (500, "An unexpected error occurred in the API endpoint"),
            (400, "Failed to place order"),
            (400, "Request timed out"),
            (400, "Something went wrong. Insufficient funds. Required margin is 1"),
            (404, "Order 1 not found"),
            (401, "Invalid openalgo apikey"),
            (403, "You may not"),
            (422, "Insufficient stock holdings"),
            (429, "Rate limit exceeded"),
            (502, "Insufficient funds. Required margin is 1 but available margin is 0"),
            (200, "Insufficient funds. Required margin is 1 but available margin is 0"),
            (400, "order is completed"),
        ),
        1,
    ):
        yield Shape(f"OpenAlgo error ({number})", _openalgo(status, message))
    for words in BACKEND_ERRORS:
        yield Shape(f"OpenAlgo passes on JSON: {words}", _openalgo(400, json.dumps({"errors": [{"message": words}]})))
        yield Shape(f"OpenAlgo's field: {words}", _openalgo(400, f"{{'quantity': ['{words}']}}"))
        yield Shape(f"OpenAlgo's closed market: {words}", _openalgo(400, f"Markets are closed right now. {words}"))
    for number, message in enumerate(
        (
            '{"errors":[{"errorCode":"UDAPI100500","message":"no"}]}',
            '{"error": {"message": "no"}}',
            "{'s': [], 'message': 'no'}",
            "{'quantity': ['wrong'], 'message': ['no']}",
            "{'quantity': {'0': ['wrong']}}",
            "{'orderid': ['250408000989443']}",
        ),
        1,
    ):
        yield Shape(f"OpenAlgo passes on another error ({number})", _openalgo(400, message))
    yield Shape("OpenAlgo error with an order id", _openalgo(400, "Insufficient stock holdings", orderid="250408000989443"))
    yield Shape("OpenAlgo error in analyzer mode", _openalgo(500, "wrong", mode="analyze"))


def shapes(special: Iterator[Shape]) -> tuple[Shape, ...]:
    """Return the shapes that every broker's replies may have, and the `special` ones of one broker."""
    return (*_pages(), *_without_order(), *_invalid_ids(), *_broken_connections(), *special)


SHAPES: Mapping[str, tuple[Shape, ...]] = {
    "kite": shapes(_at_kite()),
    "kotak_neo": shapes(_at_kotak()),
    "openalgo": shapes(_at_openalgo()),
}
"""By broker: replies that are not documented as a refusal of a new order."""
DOCUMENTED: Mapping[str, tuple[Shape, ...]] = {
    "kite": (
        Shape("a wrong input", _kite(400, "InputException", "Invalid `quantity`.")),
        Shape("no money", _kite(400, "MarginException", "Insufficient funds. Required margin is 2.00.")),
        Shape("no holdings", _kite(400, "HoldingException", "Insufficient stock holdings.")),
        Shape("no authorisation", _kite(400, "HoldingException", "10 quantity needs authorisation at depository.")),
        Shape("an account in trouble", _kite(400, "UserException", "The account is not active.")),
        Shape("an ended session", _kite(403, "TokenException", "Incorrect `api_key` or `access_token`.")),
        Shape("an unlisted address", _kite(403, "PermissionException", "IP (203.0.113.9) is not allowed to place orders.")),
    ),
    "kotak_neo": (
        Shape("a repeated tag", _kotak(200, 32, "error from core", "Put Order Response : Client OrderID already exists")),
        Shape("a repeated tag (v1)", _kotak(200, 5204, "Put Order Response : Client OrderID already exists")),
        Shape("a wrong body", _kotak(400, 1007, "body invalid", "bad request")),
        Shape("a wrong quantity", _kotak(400, 1009, "please provide valid quantity")),
        Shape("an algo order", _kotak(200, 1017, "algo order not allowed")),
        Shape("a wrong request", _kotak(200, 5202, "Error: Invalid Request")),
        Shape("a bad input", _kotak(200, 5204, "Put Order Response : Bad Input")),
        Shape("no money", _kotak(200, 5204, "RMS:Margin Exceeds,Cash Available:100.00")),
        Shape("an unlisted address", _kotak(403, 100008, "unauthorized")),
        Shape("another address", _kotak(403, 1037, "session IP does not match")),
        Shape("no access", _kotak(403, 100021, "invalid  access type")),
        Shape(
            "no authentication",
            replied(401, {"stat": "Not_Ok", "error": [{"code": "10020", "message": "Authentication Failed"}]}),
        ),
        Shape("an ended session", _kotak(403, 100022, "invalid session token")),
    ),
    "openalgo": (
        Shape("its analyzer", _openalgo(400, "wrong", mode="analyze")),
        Shape("its schema", _openalgo(400, "{'quantity': ['Quantity must be a positive number.']}")),
        Shape("its own check", _openalgo(400, "Missing mandatory field(s): symbol")),
        Shape("a wrong key", _openalgo(403, "Invalid openalgo apikey")),
        Shape("an ended session", _openalgo(403, "Incorrect `api_key` or `access_token`.")),
        Shape("no such broker", _openalgo(404, "Broker-specific module not found")),
        Shape("an unlisted address", _openalgo(403, "IP (203.0.113.9) is not allowed to place orders for this app.")),
        Shape("an unlisted address at Kotak", _openalgo(403, "unauthorized: IP not whitelisted")),
        Shape("no money", _openalgo(400, "Insufficient funds. Required margin is 2.00 but available margin is 1.00.")),
        Shape("no holdings", _openalgo(400, "Insufficient stock holdings")),
        Shape("no authorisation", _openalgo(400, "10 quantity needs authorisation at depository.")),
        Shape("a closed market", _openalgo(400, "Markets are closed right now.")),
        Shape("out of the band", _openalgo(400, "RMS:Rule: Check circuit limit including square off order exceeds")),
        Shape("off the tick", _openalgo(400, "Tick size for this script is 0.05")),
    ),
}
"""By broker: one reply for each documented refusal of a new order."""
