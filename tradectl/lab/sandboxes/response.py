"""What a sandbox sends: its own reply, or another one in its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes
    kind: str = "application/json"

    @classmethod
    def of(cls, content: Any, status: int = 200) -> Response:
        return cls(status, json.dumps(content).encode())


@dataclass(frozen=True, slots=True)
class Shape:
    """A reply that a server sends in place of its own after it has carried a command out (`ambiguous_replies` lists them).

    Attributes:
        name: A few words, unique in the list.
        make: Makes all bytes that go over the socket from the true reply.
        tells_id: Whether the reply still has the order's id.
        reset: Whether the connection is reset after the bytes.
    """

    name: str
    make: Callable[[Response], bytes]
    tells_id: bool = False
    reset: bool = False
