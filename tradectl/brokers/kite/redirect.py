"""The page on this machine to which the browser comes back after a login, with the request token in its address."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tradectl.errors import ConfigurationError

LOOPBACK = "127.0.0.1"


PATIENCE = 5.0
"""Seconds for a connection to ask something."""


class Redirect:
    """What came so far: the last request token, if any."""

    token: str | None = None


class _Server(ThreadingHTTPServer):
    """A browser opens connections in store and says nothing on them: each has a thread that nobody waits for."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """A browser that goes away in the middle is nothing to tell anybody."""


@contextmanager
def waiting(port: int) -> Iterator[Redirect]:
    """Listen on loopback meanwhile. ConfigurationError where the port is taken."""
    caught = Redirect()
    try:
        server = _Server((LOOPBACK, port), _handler(caught))
    except OSError as error:
        raise ConfigurationError(f"nobody can listen on port {port} of this machine: {error.strerror}") from error
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield caught
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def token_of(answer: str) -> str:
    """The request token in what a person pasted: the token itself, or the whole address that the browser shows."""
    text = answer.strip()
    found = parse_qs(urlsplit(text).query).get("request_token")
    return found[-1] if found else text


def _handler(caught: Redirect) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = PATIENCE

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            tokens = query.get("request_token")
            if tokens and query.get("status", ["success"])[-1] == "success":
                caught.token = tokens[-1]
            page = b"tradectl has what it needs: go back to it." if caught.token else b"tradectl: this login did not succeed."
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            """An address with a token in it is never logged."""

    return Handler
