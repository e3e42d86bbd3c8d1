"""Make Kite's error replies: a status, an error_type and a message.

Sources: pykiteconnect 5.2.0, documentation of kite.trade.
"""

from __future__ import annotations

from tradectl.errors import LoginNeeded, OrderRefused, TradectlError
from tradectl.lab.sandboxes.server import Response

_ACCOUNT = {"funds": "MarginException", "holdings": "HoldingException", "trade_for_trade": "HoldingException"}
_PROCESSED = frozenset({"finished", "unknown_order"})


class KiteError(Exception):
    """An error reply: HTTP status, Kite's error_type (`word`) and message."""

    def __init__(self, status: int, word: str, message: str) -> None:
        super().__init__(message)
        self.status, self.word, self.message = status, word, message

    def response(self) -> Response:
        return Response.of({"status": "error", "message": self.message, "error_type": self.word, "data": None}, self.status)


def invalid(message: str) -> KiteError:
    """Return the error of an invalid request."""
    return KiteError(400, "InputException", message)


def no_token(message: str = "Incorrect `api_key` or `access_token`.") -> KiteError:
    """Return the error of a missing or ended session."""
    return KiteError(403, "TokenException", message)


def translated(error: TradectlError) -> KiteError:
    """Return Kite's error for an error of the simulated exchange; an unknown outcome becomes a GeneralException.

    A change of an ended order is refused with Kite's general message (forum 7489).
    """
    if isinstance(error, OrderRefused):
        if error.code in _PROCESSED:
            return invalid(f"Order cannot be modified as it is being processed. Try later. ({error.reason})")
        return KiteError(400, _ACCOUNT.get(error.code, "InputException"), error.reason)
    if isinstance(error, LoginNeeded):
        return no_token(str(error))
    return KiteError(500, "GeneralException", str(error))
