"""A service of messages on this machine: real HTTP, and it remembers what it was sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.http_server import Handler, serving


@dataclass
class Loopback:
    """`answers`: the status codes of the next requests, 200 after them. `received`: JSON, or the bytes of a form with a photo."""

    url: str
    received: list[tuple[str, Any]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)


@contextmanager
def loopback() -> Iterator[Loopback]:
    service = Loopback("")

    class Message(Handler):
        def respond(self) -> None:
            form = self.headers.get("Content-Type", "").startswith("multipart/form-data")
            service.received.append((self.path, self.content() if form else json.loads(self.content())))
            status = service.answers.pop(0) if service.answers else 200
            body = b'{"ok": true, "result": {"message_id": 1}}' if status == 200 else b'{"ok": false, "description": "no"}'
            self.answer(status, body, {"Content-Type": "application/json"})

    with serving(Message) as address:
        service.url = f"{address}/bot"
        yield service
