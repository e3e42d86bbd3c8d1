"""Make Dhan's error replies: a status, a type, a code and a message (annexure of its documentation)."""

from __future__ import annotations

from tradectl.lab.sandboxes.server import Response

TYPES = {
    "DH-901": (401, "Invalid_Authentication"),
    "DH-905": (400, "Input_Exception"),
    "DH-906": (400, "Order_Error"),
    "DH-908": (500, "Internal_Server_Error"),
    "DH-1111": (500, "HOLDING_ERROR"),
}
BAD_VALUE = "Missing required fields, bad values for parameters etc."
NO_ORDER = "Incorrect request for order and cannot be processed"
NO_TOKEN = "Client ID or user generated access token is invalid or expired."


class DhanError(Exception):
    """An error reply. `status` replaces the usual HTTP status of the code."""

    def __init__(self, code: str, message: str, status: int | None = None) -> None:
        super().__init__(message)
        usual, self.word = TYPES[code]
        self.code, self.message, self.status = code, message, status or usual

    def response(self) -> Response:
        return Response.of({"errorType": self.word, "errorCode": self.code, "errorMessage": self.message}, self.status)


def bad_value(message: str = BAD_VALUE) -> DhanError:
    """Return the error of a missing or invalid field."""
    return DhanError("DH-905", message)
