"""Define the reply of a sandbox, and the false reply that may replace it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from msgspec import Struct


class Response(Struct, frozen=True):
    """The true reply of a sandbox: HTTP status, body and content type."""

    status: int
    body: bytes
    kind: str = "application/json"

    @classmethod
    def of(cls, content: Any, status: int = 200) -> Response:
        """Return a JSON reply."""
        return cls(status, json.dumps(content).encode())


class Shape(Struct, frozen=True):
    """A false reply that a server sends after it has carried out a command (`ambiguous_replies` lists them).

    Attributes:
        name: A description that is unique in the list.
        make: Makes all bytes of the false reply from the true reply.
        has_order_id: Whether the false reply still contains the order id.
        reset: Whether the connection is reset after the bytes.
    """

    name: str
    make: Callable[[Response], bytes]
    has_order_id: bool = False
    reset: bool = False
