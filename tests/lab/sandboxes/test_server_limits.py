"""A sandbox's server with clients that mean it harm, over real sockets."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from tradectl.brokers.http import loopback_server
from tradectl.brokers.http.loopback_server import BODY, CONNECTIONS, HEADERS
from tradectl.clock import stopwatch
from tradectl.errors import BrokerUnavailable
from tradectl.lab.sandboxes.server import Request, Response, Sandbox
from tradectl.lab.sandboxes.stream import SandboxStream
from tradectl.ports import Broker


class Echo(Sandbox):
    """Answers with the bytes of the body that it got, counted; `/big` with a megabyte; `/bug` not at all."""

    def answer(self, request: Request) -> Response:
        if request.path == "/bug":
            raise RuntimeError("a bug of ours")
        if request.path == "/big":
            return Response(200, b"x" * (8 << 20), "text/plain")
        return Response.of({"bytes": len(request.body), "path": request.path})


def no_exchange() -> Broker:
    raise BrokerUnavailable("an echo has none")


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo(no_exchange) as server:
        yield server


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second for each request."""
    monkeypatch.setattr(loopback_server, "SECONDS", 1.0)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten minutes for each request: a client that is served meanwhile did not wait for it."""
    monkeypatch.setattr(loopback_server, "SECONDS", 600.0)


def unanswered(connection: socket.socket) -> bool:
    """Return whether the connection is open, and nothing has come."""
    connection.setblocking(False)
    try:
        connection.recv(1)
    except BlockingIOError:
        return True
    return False


def port(echo: Echo) -> int:
    return int(echo.url.rsplit(":", 1)[1])


def connect(echo: Echo) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port(echo)), timeout=20)


def head(echo: Echo, *fields: str, host: str | None = None, method: str = "POST", path: str = "/x") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host or f'127.0.0.1:{port(echo)}'}", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def all_of(connection: socket.socket) -> bytes:
    found = b""
    with suppress(ConnectionError):
        while part := connection.recv(65536):
            found += part
    return found


def said(echo: Echo, data: bytes) -> tuple[int, bytes]:
    """Status and body of what is answered to these bytes; 0 where the connection breaks."""
    with connect(echo) as connection:
        with suppress(ConnectionError):
            connection.sendall(data)
        answer = all_of(connection)
    if not answer:
        return 0, b""
    top, _, body = answer.partition(b"\r\n\r\n")
    return int(top.split()[1]), body


def works(echo: Echo) -> None:
    """Another client is served."""
    status, body = said(echo, head(echo, "Content-Length: 3") + b"abc")
    assert (status, json.loads(body)) == (200, {"bytes": 3, "path": "/x"})


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_a_name_of_this_machine_is_served(echo: Echo, name: str) -> None:
    assert said(echo, head(echo, host=f"{name}:{port(echo)}"))[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "127.0.0.1:{port}.evil.example"]
)
def test_another_name_is_refused(echo: Echo, host: str) -> None:
    assert said(echo, head(echo, host=host.format(port=port(echo))))[0] == 421
    assert echo.requests == []
    works(echo)


def test_no_name_and_two_names_are_refused(echo: Echo) -> None:
    assert said(echo, b"GET / HTTP/1.1\r\n\r\n")[0] == 400
    assert said(echo, head(echo, "Host: evil.example"))[0] == 421
    assert echo.requests == []


@pytest.mark.parametrize(
    ("field", "status"),
    [
        (f"Content-Length: {1 << 30}", 413),
        (f"Content-Length: {BODY + 1}", 413),
        ("Content-Length: 99999999999999999999", 413),
        ("Content-Length: -1", 400),
        ("Content-Length: 1e3", 400),
        ("Content-Length: \N{SUPERSCRIPT TWO}", 400),
        ("Content-Length: 3\r\nContent-Length: 4", 400),
        ("Transfer-Encoding: chunked", 411),
    ],
)
def test_a_body_without_a_bounded_length_is_refused(echo: Echo, field: str, status: int) -> None:
    assert said(echo, head(echo, field))[0] == status
    assert echo.requests == []
    works(echo)


def test_a_gigabyte_that_is_really_sent_is_refused(echo: Echo) -> None:
    with connect(echo) as connection:
        connection.sendall(head(echo, f"Content-Length: {1 << 30}"))
        with suppress(ConnectionError):
            for _ in range(1 << 10):
                connection.sendall(b"x" * (1 << 20))
    works(echo)


def test_chunks_without_an_end_are_refused(echo: Echo) -> None:
    with connect(echo) as connection:
        connection.sendall(head(echo, "Transfer-Encoding: chunked"))
        began = stopwatch()
        with suppress(ConnectionError):
            while stopwatch() - began < 15:
                connection.sendall(b"5\r\nabcde\r\n" * 1000)
        assert stopwatch() - began < 15
    works(echo)


def test_headers_without_an_end_are_refused(echo: Echo) -> None:
    assert said(echo, head(echo)[:-2] + b"X: " + b"y" * HEADERS)[0] == 431
    assert said(echo, b"G" * (HEADERS + 1))[0] == 431
    works(echo)


def test_the_largest_body_is_taken(echo: Echo) -> None:
    status, body = said(echo, head(echo, f"Content-Length: {BODY}") + b"x" * BODY)
    assert (status, json.loads(body)["bytes"]) == (200, BODY)


def test_a_client_that_says_nothing_for_long_holds_nobody_up(patient: None, echo: Echo) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(connect(echo)) for _ in range(20)]
        slow[1].sendall(b"POST /x HT")
        slow[2].sendall(head(echo, "Content-Length: 10") + b"ab")
        works(echo)
        assert all(unanswered(connection) for connection in slow)


def test_a_client_that_says_nothing_for_long_is_told_so(impatient: None, echo: Echo) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(connect(echo)) for _ in range(20)]
        slow[1].sendall(b"POST /x HT")
        slow[2].sendall(head(echo, "Content-Length: 10") + b"ab")
        assert {all_of(connection).split(b"\r\n")[0] for connection in slow} == {b"HTTP/1.0 408 Request Timeout"}
    works(echo)


def test_a_byte_now_and_then_does_not_make_more_time(impatient: None, echo: Echo) -> None:
    ended = threading.Event()

    def trickle() -> None:
        with connect(echo) as connection, suppress(OSError):
            pause = threading.Event()
            for byte in head(echo, "X: " + "y" * 1000):
                connection.sendall(bytes([byte]))
                pause.wait(0.02)
        ended.set()

    began = stopwatch()
    thread = threading.Thread(target=trickle)
    thread.start()
    works(echo)
    assert ended.wait(20)
    thread.join()
    assert stopwatch() - began < 15, "a thousand bytes, fifty a second, would be twenty seconds"


def test_a_client_that_does_not_read_its_answer_holds_nobody_up(impatient: None, echo: Echo) -> None:
    with connect(echo) as connection:
        connection.sendall(head(echo, method="GET", path="/big"))
        works(echo)
        threading.Event().wait(2)
        works(echo)
        assert len(all_of(connection)) < 8 << 20


def test_more_connections_than_there_may_be_end_the_oldest(echo: Echo) -> None:
    with ExitStack() as stack:
        many = [stack.enter_context(connect(echo)) for _ in range(CONNECTIONS + 10)]
        works(echo)
        assert many[0].recv(1) == b""


def test_a_bug_of_ours_breaks_its_connection_and_no_other(echo: Echo) -> None:
    assert said(echo, head(echo, path="/bug")) == (0, b"")
    assert "a bug of ours" in echo.broken[0]
    works(echo)


def test_a_whole_answer_reaches_who_reads_slowly(echo: Echo) -> None:
    status, body = said(echo, head(echo, method="GET", path="/big"))
    assert (status, len(body)) == (200, 8 << 20)


class Quiet(SandboxStream[int]):
    """Greets everybody, and never says anything."""

    def _greet(self, connection: Any) -> bool:
        return True

    def _listen(self, connection: Any) -> None:
        connection.recv()


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1:{port}", 101), ("localhost:{port}", 101), ("evil.example", 421)])
def test_a_stream_is_for_names_of_this_machine(host: str, status: int) -> None:
    stream = Quiet()
    stream.start()
    number = int(stream.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", number), timeout=20) as connection:
        fields = [
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: " + "A" * 22 + "==",
        ]
        lines = ["GET / HTTP/1.1", f"Host: {host.format(port=number)}", *fields]
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        assert int(connection.recv(65536).split()[1]) == status
    stream.stop()
