"""The server of the sandboxes, and what a transport makes of each way in which it goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tradectl.brokers.adapter import Unlimited
from tradectl.brokers.http.transport import Reply, Transport
from tradectl.clock import VirtualClock
from tradectl.errors import Ambiguous, BrokerUnavailable, OrderRefused, TradectlError
from tradectl.lab.faults import ServerError
from tradectl.lab.sandboxes.server import Request, Response, Sandbox, Trouble
from tradectl.ports import Broker

FAILURES: dict[str, Exception] = {
    "/lost": Ambiguous("nobody knows"),
    "/trouble": ServerError("502"),
    "/down": BrokerUnavailable("down"),
    "/bug": ValueError("a bug"),
}
"""What the exchange behind raises, by path."""


class Counter(Sandbox):
    """Counts what was carried out; `/no` is refused."""

    slow = 1.5
    count = 0

    def answer(self, request: Request) -> Response:
        if (failure := FAILURES.get(request.path)) is not None:
            raise failure
        if request.path == "/no":
            return Response.of({"error": "no"}, 400)
        self.count += 1
        return Response.of({"count": self.count, "word": request.form.get("word") or request.query.get("word")})


def judge(reply: Reply) -> TradectlError | None:
    try:
        content = reply.json()
    except ValueError:
        return Ambiguous("it cannot be read")
    return OrderRefused(content["error"]) if reply.status == 400 else None


def nobody() -> Broker:
    raise AssertionError("nobody asks the exchange")


@pytest.fixture
def server() -> Iterator[Counter]:
    with Counter(nobody) as sandbox:
        yield sandbox


def transport_to(server: Sandbox) -> Transport:
    clock = VirtualClock(datetime(2026, 11, 25, 4, tzinfo=UTC))
    return Transport("the broker", judge, clock=clock, limiter=Unlimited(), timeout=(3.0, 1.0))


def test_a_request_is_answered(server: Counter) -> None:
    transport = transport_to(server)
    assert transport.command("POST", f"{server.url}/yes", bucket="orders", side=None, data={"word": "ok"}).json() == {
        "count": 1,
        "word": "ok",
    }
    assert transport.read(f"{server.url}/yes", bucket="other", params={"word": "no"}).json() == {"count": 2, "word": "no"}
    with pytest.raises(OrderRefused, match="no"):
        transport.command("POST", f"{server.url}/no", bucket="orders", side=None)
    assert server.requests == [("POST", "/yes"), ("GET", "/yes"), ("POST", "/no")]


@pytest.mark.parametrize(
    ("trouble", "error", "done"),
    [
        (Trouble.LOST, Ambiguous, 0),
        (Trouble.CUT, Ambiguous, 1),
        (Trouble.HALF, Ambiguous, 1),
        (Trouble.MALFORMED, Ambiguous, 1),
        (Trouble.SLOW, Ambiguous, 1),
        (Trouble.UNAVAILABLE, Ambiguous, 0),
        (Trouble.BAD_GATEWAY, Ambiguous, 1),
        (Trouble.TOO_MANY, Ambiguous, 0),
    ],
)
def test_a_command_is_sent_once_and_its_failure_is_named(
    server: Counter, trouble: Trouble, error: type[TradectlError], done: int
) -> None:
    server.trouble(trouble)
    with pytest.raises(error):
        transport_to(server).command("POST", f"{server.url}/yes", bucket="orders", side=None)
    assert (server.count, len(server.requests)) == (done, 1)


@pytest.mark.parametrize("trouble", sorted(set(Trouble) - {Trouble.SLOW}))
def test_a_read_is_tried_again(server: Counter, trouble: Trouble) -> None:
    server.trouble(trouble, times=2)
    assert transport_to(server).read(f"{server.url}/yes", bucket="other").json()["count"] >= 1
    assert len(server.requests) == 3
    server.trouble(trouble, times=3)
    with pytest.raises(BrokerUnavailable) as failure:
        transport_to(server).read(f"{server.url}/yes", bucket="other")
    assert not isinstance(failure.value, Ambiguous)


def test_a_transport_that_was_closed_opens_again(server: Counter) -> None:
    transport = transport_to(server)
    transport.close()
    for count in (1, 2):
        assert transport.read(f"{server.url}/yes", bucket="other").json()["count"] == count
        transport.close()


def test_where_nobody_listens_nothing_was_sent() -> None:
    with Counter(nobody) as server:
        url = server.url
    with pytest.raises(BrokerUnavailable) as failure:
        transport_to(server).command("POST", f"{url}/yes", bucket="orders", side=None)
    assert not isinstance(failure.value, Ambiguous)


@pytest.mark.parametrize(("path", "said"), [("/lost", "broke before a reply came"), ("/trouble", "read"), ("/down", "read")])
def test_faults_of_the_exchange_behind_show_on_the_wire(server: Counter, path: str, said: str) -> None:
    with pytest.raises(Ambiguous, match=said):
        transport_to(server).command("POST", server.url + path, bucket="orders", side=None)
    with pytest.raises(BrokerUnavailable):
        transport_to(server).read(server.url + path, bucket="other")
    assert server.broken == []


def test_a_bug_is_remembered_and_the_server_goes_on(server: Counter) -> None:
    with pytest.raises(Ambiguous):
        transport_to(server).command("POST", f"{server.url}/bug", bucket="orders", side=None)
    (found,) = server.broken
    assert "ValueError: a bug" in found
    assert transport_to(server).command("GET", f"{server.url}/yes", bucket="orders", side=None).json()["count"] == 1


def test_a_server_that_is_stopped_leaves_no_thread_and_no_socket() -> None:
    before = set(threading.enumerate())
    server = Counter(nobody)
    server.start()
    transport_to(server).command("GET", f"{server.url}/yes", bucket="orders", side=None)
    server.stop()
    assert set(threading.enumerate()) == before
    with pytest.raises(BrokerUnavailable, match="could not be reached"):
        transport_to(server).command("GET", f"{server.url}/yes", bucket="orders", side=None)
