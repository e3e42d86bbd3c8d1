"""A server on this machine that speaks the convention of healthchecks.io: real HTTP, and it remembers the pings."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from tests.support.http_server import Handler, serving

SECRET = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"


@dataclass
class Checks:
    """What the server received: path, run id and body of each ping. `answer`: status and text of the next replies."""

    url: str = ""
    received: list[tuple[str, str, str]] = field(default_factory=list)
    answer: tuple[int, str] = (200, "OK")
    hangs: threading.Event | None = None

    @property
    def pings(self) -> list[str]:
        return [path.removeprefix(f"/{SECRET}") for path, _, _ in self.received]


@contextmanager
def checks_server() -> Iterator[Checks]:
    checks = Checks()

    class Ping(Handler):
        def respond(self) -> None:
            body = self.content().decode()
            parts = urlsplit(self.path)
            checks.received.append((parts.path, parse_qs(parts.query).get("rid", [""])[0], body))
            if checks.hangs is not None:
                checks.hangs.wait(30)
                return
            status, text = checks.answer
            self.answer(status, text.encode())

    with serving(Ping) as address:
        checks.url = f"{address}/{SECRET}"
        try:
            yield checks
        finally:
            if checks.hangs is not None:
                checks.hangs.set()
