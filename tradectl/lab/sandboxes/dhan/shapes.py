"""List false replies of Dhan to a new order: undocumented ones, and documented refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tradectl.lab.sandboxes.ambiguous_replies import BACKEND_ERRORS, replied, shapes
from tradectl.lab.sandboxes.response import Response, Shape

_NUMBER = "112111182198"


def dhan(status: int, code: str, message: str, **more: object) -> Callable[[Response], bytes]:
    """Return a function that replaces any true reply by this error of Dhan."""
    return replied(status, {"errorType": "any", "errorCode": code, "errorMessage": message, **more})


def _at_dhan() -> Iterator[Shape]:
    words = "Incorrect request for order and cannot be processed"
    for status, code in (
        (400, "DH-906"), (404, "DH-906"), (500, "DH-906"), (400, "DH-907"), (500, "DH-908"), (503, "DH-909"), (400, "DH-910"),
        (200, "DH-905"), (500, "DH-905"), (429, "DH-904"), (400, "DH-901"), (500, "DH-901"), (401, "DH-902"), (403, "DH-903"),
        (401, "DH-905"), (400, "DH-1111"), (400, "806"), (400, ""), (400, "DH-999"),
    ):  # fmt: skip
        yield Shape(f"{status} {code}", dhan(status, code, words))
    yield Shape("an order that the risk checks block", dhan(400, "DH-906", "transactions blocked by RMS"))
    yield Shape("an order in transit", dhan(400, "DH-906", "Order is in Transit state"))
    for reason in BACKEND_ERRORS:
        yield Shape(f"DH-905: {reason}", dhan(400, "DH-905", reason))
        yield Shape(f"DH-903 with a longer message: {reason}", dhan(400, "DH-903", f"Segment is not active. {reason}"))
    yield Shape("DH-905 beside an order", dhan(400, "DH-905", "bad values", orderId=_NUMBER))
    yield Shape("DH-905 with an order id in its message", dhan(400, "DH-905", f"orderId: {_NUMBER} has bad values"))
    yield Shape("DH-905 without a message", dhan(400, "DH-905", ""))
    yield Shape("failed data", replied(400, {"status": "failed", "data": {"814": "Invalid request"}}))
    yield Shape("an error in a list", replied(200, [{"message": "Invalid IP", "status": "ERROR"}]))
    yield Shape("an order id with an error code", replied(200, {"orderId": _NUMBER, "errorCode": "DH-908"}))


SHAPES = shapes(_at_dhan())
DOCUMENTED = (
    Shape("an unlisted address", dhan(400, "DH-905", "Invalid IP")),
    Shape("a bad value", dhan(400, "DH-905", "Missing required fields, bad values for parameters etc.")),
    Shape("an ended session", dhan(401, "DH-901", "Client ID or user generated access token is invalid or expired.")),
    Shape("an invalid token", dhan(401, "DH-906", "Invalid Token")),
    Shape("no access", dhan(403, "DH-902", "User has not subscribed to the Trading APIs.")),
    Shape("an inactive segment", dhan(400, "DH-903", "The required segment is not active for this account.")),
)
