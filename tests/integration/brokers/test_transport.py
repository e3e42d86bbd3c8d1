"""What a broken or endless answer proves: over real sockets, and TLS where that is what breaks."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tradectl.brokers.adapter import Unlimited
from tradectl.brokers.http.deadline import WHOLE
from tradectl.brokers.http.server_time import requested_wait
from tradectl.brokers.http.transport import ReadTransport, Reply, Transport
from tradectl.clock import VirtualClock
from tradectl.errors import Ambiguous, Blocked, BrokerUnavailable, RateLimited, TradectlError
from tradectl.model.order import Side

NOW = datetime(2026, 11, 25, 4, tzinfo=UTC)
READ = 0.5
DROPS = 300
"""Of an answer that trickles: without a deadline it would take fifty seconds."""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def judge(reply: Reply) -> TradectlError | None:
    return None if reply.status == 200 else Ambiguous("it cannot be read")


def transport(limiter: object | None = None, trusted: Path | None = None) -> Transport:
    made = Transport(
        "the broker", judge, clock=VirtualClock(NOW), limiter=limiter or Unlimited(), timeout=(1.0, READ)
    )  # fmt: skip
    if trusted is not None:
        made._line.session.verify = str(trusted)
    return made


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Hands each connection to `answer` until the test has ended; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection, suppress(OSError):
                        answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)


# trust


@pytest.fixture
def identity(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate that nobody has signed, and a server's side of it."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2000, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, secret)
    return certificate, context


@pytest.mark.parametrize("begun", [b"", HEAD + b"Content-Length: 100\r\n\r\n{"])
def test_a_tls_error_after_the_order_was_sent_is_ambiguous(identity: tuple[Path, ssl.SSLContext], begun: bytes) -> None:
    """One damaged record where the answer should be, or in its middle: the broker has the order by then."""
    certificate, context = identity
    received = []

    def answer(raw: socket.socket) -> None:
        with raw.dup() as beneath, context.wrap_socket(raw, server_side=True) as safe:
            data = b""
            while b"tag=X" not in data:
                data += safe.recv(65536)
            received.append(data)
            if begun:
                safe.sendall(begun)
            beneath.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
            beneath.recv(1)

    made = transport(trusted=certificate)
    with server(answer) as port, pytest.raises(BrokerUnavailable) as failure:
        made.command("POST", f"https://127.0.0.1:{port}/orders", bucket="orders", side=None, data={"tag": "X"})
    made.close()
    assert len(received) == 1
    assert type(failure.value) is Ambiguous


def test_nothing_was_sent_to_a_server_that_is_not_trusted(identity: tuple[Path, ssl.SSLContext]) -> None:
    _, context = identity
    received = []

    def answer(raw: socket.socket) -> None:
        with context.wrap_socket(raw, server_side=True) as safe:
            received.append(safe.recv(65536))

    with server(answer) as port, pytest.raises(BrokerUnavailable) as failure:
        transport().command("POST", f"https://127.0.0.1:{port}/orders", bucket="orders", side=None, data={"tag": "X"})
    assert received == []
    assert type(failure.value) is BrokerUnavailable


# time


def trickle(begun: bytes, drop: bytes) -> Callable[[socket.socket], None]:
    """An answer that begins well and then comes in drops, none of them late."""

    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(begun)
        for _ in range(DROPS):
            sleep(READ / 3)
            connection.sendall(drop)

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        trickle(HEAD + b"Content-Length: 9999\r\n\r\n", b" "),
        trickle(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        trickle(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
        trickle(HEAD + b"Connection: close\r\n\r\n", b" "),
        trickle(HEAD, b"X: y\r\n"),
        trickle(b"", b"H"),
    ],
    ids=["body", "chunks", "size-of-a-chunk", "body-without-length", "headers", "first-line"],
)
def test_an_answer_that_trickles_ends_at_its_deadline(answer: Callable[[socket.socket], None]) -> None:
    with server(answer) as port:
        made, began = transport(), monotonic()
        with pytest.raises(Ambiguous):
            made.command("POST", f"http://127.0.0.1:{port}/orders", bucket="orders", side=None)
        assert WHOLE * READ - 0.1 < monotonic() - began < DROPS * READ / 6
        made.close()


def test_a_read_that_trickles_is_a_read_that_failed() -> None:
    with server(trickle(HEAD + b"Content-Length: 9999\r\n\r\n", b" ")) as port:
        made = transport()
        with pytest.raises(BrokerUnavailable) as failure:
            made.read(f"http://127.0.0.1:{port}/orders", bucket="other")
        made.close()
    assert type(failure.value) is BrokerUnavailable


def test_a_slow_answer_in_time_is_whole_and_keeps_the_connection() -> None:
    """The second answer on the same connection has a deadline of its own."""
    connections = []

    def answer(connection: socket.socket) -> None:
        connections.append(connection)
        while connection.recv(65536):
            connection.sendall(HEAD + b"Content-Length: 5\r\n\r\n")
            for letter in b"[100]":
                sleep(READ * 0.45)
                connection.sendall(bytes([letter]))

    with server(answer) as port:
        made = transport()
        for _ in range(2):
            assert made.command("GET", f"http://127.0.0.1:{port}/orders", bucket="other", side=None).json() == [100]
        made.close()
    assert len(connections) == 1


def test_time_dependent_checks_run_after_the_limiter() -> None:
    done = []

    class Queue:
        def take(self, bucket: str) -> None:
            done.append(f"waited for {bucket}")

    def look() -> None:
        done.append("looked")
        raise Blocked("too late")

    def answer(connection: socket.socket) -> None:
        done.extend(map(str, connection.recv(1)))

    with server(answer) as port, pytest.raises(Blocked):
        transport(Queue()).command("POST", f"http://127.0.0.1:{port}/", bucket="orders", side=None, before_sending=look)
    assert done == ["waited for orders", "looked"]


def test_the_last_look_is_on_an_open_connection() -> None:
    """A name or a connection may take long; a kept connection is looked at too, and a cancel leaves all the same."""
    heard: list[bytes] = []
    accepted = threading.Event()

    def answer(connection: socket.socket) -> None:
        accepted.set()
        while received := connection.recv(65536):
            heard.append(received.split(b" ", 1)[0])
            connection.sendall(HEAD + b"Content-Length: 2\r\n\r\n[]")

    def refuse(side: Side) -> None:
        assert accepted.wait(5)
        raise Blocked(f"no {side.value}")

    made = Transport("the broker", judge, clock=VirtualClock(NOW), limiter=Unlimited(), timeout=(1.0, 5.0), check_send=refuse)
    with server(answer) as port:
        url = f"http://127.0.0.1:{port}/orders"
        with pytest.raises(Blocked, match="no BUY"):
            made.command("POST", url, bucket="orders", side=Side.BUY)
        assert made.command("DELETE", url, bucket="orders", side=None).json() == []
        with pytest.raises(Blocked, match="no SELL"):
            made.command("PUT", url, bucket="orders", side=Side.SELL)
        assert made.read(url, bucket="other").json() == []
        made.close()
    assert heard == [b"DELETE", b"GET"]


# reads


OK = HEAD + b"Content-Length: 2\r\nConnection: close\r\n\r\n[]"


def too_many(*headers: str) -> bytes:
    said = "".join(f"{header}\r\n" for header in headers)
    return f"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nConnection: close\r\n{said}\r\n".encode()


def telling(answers: list[bytes], heard: list[bytes]) -> Callable[[socket.socket], None]:
    """Gives one answer to each connection, and keeps what was asked."""

    def answer(connection: socket.socket) -> None:
        heard.append(connection.recv(65536))
        connection.sendall(answers.pop(0))

    return answer


@pytest.mark.parametrize(
    "path", ["/orders/regular", "/orderbook/placeorder", "/placeorder?x=/orderbook", "/placeorder/orderbook/"]
)
def test_who_only_reads_posts_nowhere_but_where_reads_are_posts(path: str) -> None:
    heard: list[bytes] = []
    made = ReadTransport("the broker", judge, clock=VirtualClock(NOW), limiter=Unlimited(), posts=["/orderbook"])
    with server(telling([OK, OK], heard)) as port:
        made.read(f"http://127.0.0.1:{port}{path}", bucket="other", json={"quantity": 10})
        made.read(f"http://127.0.0.1:{port}/orderbook", bucket="other", json={})
    made.close()
    assert [request.partition(b" ")[0] for request in heard] == [b"GET", b"POST"]


@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        ([], [0.5, 1.0]),
        (["Retry-After: 5"], [5.0, 5.0]),
        (["Retry-After: 0"], [0.5, 1.0]),
        (["Retry-After: soon"], [0.5, 1.0]),
        (["Date: Wed, 25 Nov 2026 10:00:00 GMT", "Retry-After: Wed, 25 Nov 2026 10:00:04 GMT"], [4.0, 4.0]),
        (["Date: Wed, 25 Nov 2026 10:00:00 GMT", "Retry-After: Wed, 25 Nov 2026 09:00:00 GMT"], [0.5, 1.0]),
    ],
)
def test_a_read_waits_as_long_as_the_broker_asks(headers: list[str], waits: list[float]) -> None:
    slept: list[float] = []

    class Noting(VirtualClock):
        def sleep(self, seconds: float) -> None:
            slept.append(seconds)

    made = ReadTransport("the broker", judge, clock=Noting(NOW), limiter=Unlimited())
    with server(telling([too_many(*headers), too_many(*headers), OK], [])) as port:
        assert made.read(f"http://127.0.0.1:{port}/orders", bucket="other").json() == []
    made.close()
    assert slept == waits


def test_a_broker_that_wants_a_long_wait_is_left_alone() -> None:
    heard: list[bytes] = []
    made = transport()
    with server(telling([too_many("Retry-After: 6")], heard)) as port, pytest.raises(RateLimited, match="again in 6 s"):
        made.read(f"http://127.0.0.1:{port}/orders", bucket="other")
    made.close()
    assert len(heard) == 1


def test_a_command_is_not_repeated_and_says_how_long_to_wait() -> None:
    heard: list[bytes] = []
    made = transport()
    with (
        server(telling([too_many("Retry-After: 7")], heard)) as port,
        pytest.raises(Ambiguous, match=r"\(429\): it accepts requests again in 7 s"),
    ):
        made.command("POST", f"http://127.0.0.1:{port}/orders", bucket="orders", side=None)
    made.close()
    assert len(heard) == 1


@pytest.mark.parametrize(("headers", "waits"), [([], [1.0]), (["Retry-After: 3"], [3.0]), (["Retry-After: 900"], [5.0])])
def test_the_command_after_a_429_waits_as_long_as_asked(headers: list[str], waits: list[float]) -> None:
    slept: list[float] = []

    class Noting(VirtualClock):
        def sleep(self, seconds: float) -> None:
            slept.append(seconds)

    made = Transport("the broker", judge, clock=Noting(NOW), limiter=Unlimited())
    with server(telling([too_many(*headers), OK, OK], [])) as port:
        url = f"http://127.0.0.1:{port}/orders"
        with pytest.raises(Ambiguous):
            made.command("POST", url, bucket="orders", side=None)
        for _ in range(2):
            assert made.command("POST", url, bucket="orders", side=None).json() == []
    made.close()
    assert slept == waits


@pytest.mark.parametrize("zone", ["GMT", "-0000"])
def test_a_retry_date_without_the_servers_time_counts_from_ours(zone: str) -> None:
    assert requested_wait({"Retry-After": f"Wed, 25 Nov 2026 04:00:09 {zone}"}, NOW) == 9.0


@pytest.mark.parametrize(
    "text",
    [
        "Wed, 25 Nov 2026 04:00:09 +99999999999999", "Wed, 25 Nov 99999999999999999999 04:00:09 GMT", "soon", "", "-1", "1.5",
        "Mon, 01 Jan 0001 00:00:00 +2359", ",", "Wed,",
    ],
)  # fmt: skip
def test_a_wait_that_cannot_be_read_is_none(text: str) -> None:
    assert requested_wait({"Retry-After": text}, NOW) == requested_wait({"Retry-After": text, "Date": text}, NOW) == 0.0


def test_an_address_that_is_none_could_not_be_read() -> None:
    """A broker names some of its addresses itself."""
    for address in ("http://[nowhere/orders", "http://127.0.0.1:port/orders", "nowhere"):
        with pytest.raises(BrokerUnavailable):
            transport().read(address, bucket="other")
