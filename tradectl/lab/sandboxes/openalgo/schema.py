"""Check the required and the optional fields of a request. OpenAlgo refuses every unknown field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradectl.lab.sandboxes.server import Request

ROOT = "/api/v1/"
COMMANDS = tuple(ROOT + name for name in ("placeorder", "modifyorder", "cancelorder"))
READS = tuple(ROOT + name for name in ("orderbook", "tradebook", "holdings", "positionbook", "funds", "multiquotes", "symbol"))
_ORDER = frozenset({"strategy", "symbol", "exchange", "action", "quantity"})
_TERMS = frozenset({"pricetype", "product", "price", "trigger_price", "disclosed_quantity"})
REQUIRED = {
    "placeorder": _ORDER,
    "modifyorder": _ORDER | _TERMS | {"orderid"},
    "cancelorder": frozenset({"strategy", "orderid"}),
    "multiquotes": frozenset({"symbols"}),
    "symbol": frozenset({"symbol", "exchange"}),
    "orderstatus": frozenset({"strategy", "orderid"}),
    "quotes": frozenset({"symbol", "exchange"}),
}
OPTIONAL = {"placeorder": _TERMS, "market/holidays": frozenset({"year"})}

Body = Mapping[str, Any]


class OpenAlgoError(Exception):
    """An error reply: HTTP status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def checked(name: str, request: Request) -> dict[str, Any]:
    """Return the body of a request after a check by the schema of its path. Raises OpenAlgoError 400."""
    try:
        body = request.json()
    except ValueError:
        raise OpenAlgoError(400, "the body is no JSON") from None
    required = REQUIRED.get(name, frozenset()) | {"apikey"}
    if missing := sorted(required - body.keys()):
        raise OpenAlgoError(400, str({word: ["Missing data for required field."] for word in missing}))
    if unknown := sorted(body.keys() - required - OPTIONAL.get(name, frozenset())):
        raise OpenAlgoError(400, str({word: ["Unknown field."] for word in unknown}))
    found: dict[str, Any] = body
    return found
