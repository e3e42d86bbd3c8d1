"""A service of messages on this machine: real HTTP, and it remembers what it was sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Loopback:
    """`answers`: the status codes of the next requests, 200 after them."""

    url: str
    received: list[tuple[str, Any]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)


@contextmanager
def loopback() -> Iterator[Loopback]:
    service = Loopback("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            service.received.append((self.path, json.loads(content)))
            status = service.answers.pop(0) if service.answers else 200
            body = b'{"ok": true, "result": {"message_id": 1}}' if status == 200 else b'{"ok": false, "description": "no"}'
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """The tests look at `received` instead."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_port}/bot"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
