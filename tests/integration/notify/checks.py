"""A server on this machine that speaks the convention of healthchecks.io: real HTTP, and it remembers the pings."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

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
def serving() -> Iterator[Checks]:
    checks = Checks()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            parts = urlsplit(self.path)
            checks.received.append((parts.path, parse_qs(parts.query).get("rid", [""])[0], body))
            if checks.hangs is not None:
                checks.hangs.wait(30)
                return
            status, text = checks.answer
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """The tests look at `received` instead."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    checks.url = f"http://127.0.0.1:{server.server_port}/{SECRET}"
    try:
        yield checks
    finally:
        if checks.hangs is not None:
            checks.hangs.set()
        server.shutdown()
        server.server_close()
        thread.join()
