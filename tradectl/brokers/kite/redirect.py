"""Serve the local page to which the browser returns after a login, with the request token in its address.

The login address contains a random `state`, and Kite returns it (`redirect_params`). A redirect without it is rejected:
another web page could send the browser here with the token of another account, and orders would go to that account.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from tradectl.brokers.http.loopback_server import Loopback, page
from tradectl.errors import ConfigurationError, LoginNeeded

REQUEST_SECONDS = 5.0
"""Seconds in which a connection must send its request."""
CHECK_EVERY = 0.05
"""Seconds between two checks whether the login has ended."""
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,128}")
_DONE = "Login received: go back to the terminal."
_FAILED = "tradectl: this login did not succeed."
_STRANGE = "tradectl: this address belongs to another login and was ignored. Open the address that `tradectl login` shows."


class Redirect:
    """Receive the redirect of one login. `token` is the last request token, None before one came.

    `state` is the random text that every redirect of this login contains.
    """

    def __init__(self) -> None:
        self.state = secrets.token_urlsafe(24)
        self.token: str | None = None

    def answer(self, request: bytes, _address: str) -> bytes:
        """Store the token if the request is a redirect of this login. Return the page for the browser."""
        method, _, rest = request.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")
        if method != "GET":
            return page(HTTPStatus.METHOD_NOT_ALLOWED)
        try:
            query = parse_qs(urlsplit(rest.partition(" ")[0]).query)
        except ValueError:  # such as `//[x`
            return page(HTTPStatus.BAD_REQUEST)
        if not is_of(self.state, query.get("state", [])):
            return page(HTTPStatus.FORBIDDEN, _STRANGE)
        tokens = query.get("request_token", [])
        if len(tokens) == 1 and query.get("status", ["success"]) == ["success"] and _TOKEN.fullmatch(tokens[0]):
            self.token = tokens[0]
        return page(HTTPStatus.OK, _DONE if self.token else _FAILED)


@contextmanager
def waiting(port: int) -> Iterator[Redirect]:
    """Serve the page on loopback inside the `with` block. Raises ConfigurationError if the port is in use."""
    caught, ended = Redirect(), threading.Event()
    try:
        server = Loopback(port, caught.answer, seconds=REQUEST_SECONDS)
    except OSError as error:
        raise ConfigurationError(f"the program cannot listen on port {port} of this machine: {error.strerror}") from error
    server.timeout = CHECK_EVERY

    def serve() -> None:
        while not ended.is_set():
            server.handle_request()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield caught
    finally:
        ended.set()
        thread.join()
        server.server_close()


def token_of(answer: str, state: str = "") -> str:
    """Return the request token from pasted text: the token itself, or the whole address of the browser.

    Raises:
        LoginNeeded: The address cannot be read, or its `state` is not that of this login.
    """
    text = answer.strip()
    try:
        query = parse_qs(urlsplit(text).query)
        strange = bool(state) and "state" in query and not is_of(state, query["state"])
    except ValueError as error:
        raise LoginNeeded(
            "the pasted address cannot be read: nothing was sent to Kite. Paste the whole address, or the request token alone"
        ) from error
    if strange:
        raise LoginNeeded(
            "the pasted address belongs to another login, and nothing was sent to Kite: open the address above, and paste the "
            "address that the browser then shows"
        )
    found = query.get("request_token")
    return found[-1] if found else text


def is_of(state: str, found: list[str]) -> bool:
    """Return whether an address has this state exactly once."""
    return len(found) == 1 and secrets.compare_digest(found[0].encode(), state.encode())
