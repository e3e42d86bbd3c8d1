"""A site on this machine: real sockets, real HTTP. What it answers to a path is a list; the last answer is given for ever."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.support.http_server import Handler, serving


@dataclass(frozen=True)
class Reply:
    """`sent`: how many bytes of the body are really sent; `pause`: seconds between two bytes of it."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    sent: int | None = None
    pause: float = 0.0


NOTHING = Reply(404, b"<html>Not Found</html>")


@dataclass
class Site:
    """`locked`: 403 for whoever does not look like a browser with the cookie of the home page."""

    url: str = ""
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    locked: bool = False
    otherwise: Reply = NOTHING
    now: Callable[[str], Reply | None] = field(default=lambda _: None)
    """What is answered at this moment, before anything that was put; None: nothing special."""

    def put(self, path: str, *replies: Reply) -> None:
        self.replies[path] = list(replies)

    def reply_to(self, path: str, headers: dict[str, str]) -> Reply:
        if path == "/":
            return Reply(200, b"<html>welcome</html>", (("Set-Cookie", "nsit=abc; Path=/"),))
        if self.locked and not ("nsit=abc" in headers.get("Cookie", "") and "Mozilla" in headers.get("User-Agent", "")):
            return Reply(403, b"<html>Access Denied</html>")
        special = self.now(path)
        if special is not None:
            return special
        waiting = self.replies.get(path)
        if not waiting:
            return self.otherwise
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]


@contextmanager
def site() -> Iterator[Site]:
    shown = Site()

    class Page(Handler):
        def respond(self) -> None:
            shown.asked.append(self.path)
            reply = shown.reply_to(self.path.partition("?")[0], dict(self.headers))
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self._send(reply)

        def _send(self, reply: Reply) -> None:
            body = reply.body if reply.sent is None else reply.body[: reply.sent]
            try:
                if not reply.pause:
                    self.wfile.write(body)
                for byte in body if reply.pause else b"":
                    self.wfile.write(bytes([byte]))
                    time.sleep(reply.pause)
            except OSError:
                return  # the other side has had enough
            if reply.sent is not None:
                self.close_connection = True

    with serving(Page) as shown.url:
        yield shown
