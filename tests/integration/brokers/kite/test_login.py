"""From the browser to a session: the real exchange of tokens, with a sandbox on loopback."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import pytest
import typer
from msgspec.structs import replace
from typer.testing import CliRunner

from tests.support.brokers.exchange import ist, quiet
from tests.support.brokers.vault import MemoryVault
from tests.support.zerodha import KEY, SECRET, House, browse, house
from tradectl.brokers.adapter import Field
from tradectl.brokers.http.loopback_server import Loopback
from tradectl.brokers.http.loopback_server import page as page_of
from tradectl.brokers.kite import ADAPTER, redirect
from tradectl.brokers.kite.login import expiry
from tradectl.brokers.kite.redirect import waiting
from tradectl.errors import ConfigurationError, LoginNeeded

FRIDAY, MONDAY = date(2023, 7, 14), date(2023, 7, 17)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path, quiet("ACME", [FRIDAY, MONDAY]), at=ist(MONDAY, "08:00")) as made:
        yield made


def test_a_login_stores_a_session_until_the_next_flush(home: House) -> None:
    session = ADAPTER.login(home.account(), browse)
    assert home.vault.stored == session
    assert (session.tokens["user_id"], session.tokens["user_name"]) == ("AB1234", "Asha Rao")
    assert (session.logged_in_at, session.expires_at) == (ist(MONDAY, "08:00"), ist(date(2023, 7, 18), "07:30"))
    assert ADAPTER.open(home.account()).orders() == ()


@pytest.mark.parametrize(
    ("at", "day", "until"),
    [
        ("00:30", MONDAY, MONDAY), ("06:30", MONDAY, MONDAY), ("07:29:59", MONDAY, MONDAY),
        ("07:30", MONDAY, date(2023, 7, 18)), ("23:59", MONDAY, date(2023, 7, 18)),
    ],
)  # fmt: skip
def test_a_session_ends_at_half_past_seven(at: str, day: date, until: date) -> None:
    """Tokens are flushed between 07:00 and 07:30: one of before is not counted on after that."""
    assert expiry(ist(day, at)) == ist(until, "07:30")


def test_the_sandbox_flushes_when_the_adapter_expects_it(home: House) -> None:
    account = home.account()
    home.clock.move_to(ist(date(2023, 7, 18), "07:29"))
    early = ADAPTER.login(account, browse)
    assert early.expires_at == ist(date(2023, 7, 18), "07:30")
    assert ADAPTER.open(account).orders() == ()
    home.clock.sleep(60)
    home.vault.stored = replace(early, expires_at=early.expires_at + timedelta(days=1))
    with pytest.raises(LoginNeeded, match="rejected the session"):
        ADAPTER.open(account).orders()


def test_the_token_alone_may_be_pasted(home: House) -> None:
    ADAPTER.login(home.account(), lambda _: f"  {home.sandbox.tokens.request()}\n")
    assert len(home.vault.logins) == 1


def test_a_token_is_taken_once(home: House) -> None:
    token = home.sandbox.tokens.request()
    ADAPTER.login(home.account(), lambda _: token)
    with pytest.raises(LoginNeeded, match="works once, for some minutes"):
        ADAPTER.login(home.account(), lambda _: token)
    with pytest.raises(LoginNeeded, match="no request token was entered"):
        ADAPTER.login(home.account(), lambda _: "")
    assert len(home.vault.logins) == 1


@pytest.mark.parametrize(
    "told", [{"api_key": KEY, "api_secret": "wrong"}, {"api_key": "wrong", "api_secret": SECRET}, {"api_key": KEY}]
)
def test_a_wrong_key_or_secret_is_a_matter_of_configuration(home: House, told: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        ADAPTER.login(home.account(vault=MemoryVault(told)), lambda _: home.sandbox.tokens.request())


def test_a_page_on_this_machine_catches_the_token(home: House) -> None:
    home.vault.credentials["redirect_port"] = str(port := free_port())
    pages = []

    def enter(field: Field) -> str:
        """The browser is led to our page; a login that failed before that changes nothing."""
        led_to = urlsplit(browse(field)).query
        state = parse_qs(led_to)["state"][0]
        for query in (f"status=error&state={state}", led_to):
            with urlopen(f"http://127.0.0.1:{port}/?{query}") as page:
                pages.append(page.read().decode())
        return ""

    ADAPTER.login(home.account(), enter)
    assert len(home.vault.logins) == 1
    assert pages == ["tradectl: this login did not succeed.", "Login received: go back to the terminal."]


def test_enter_alone_is_taken_where_the_page_has_the_token(home: House) -> None:
    """At a real prompt, which asks again and again for what has no default. What is typed wins only where there is something."""
    home.vault.credentials["redirect_port"] = str(port := free_port())
    program = typer.Typer()

    @program.command()
    def log_in() -> None:
        def ask(field: Field) -> str:
            with urlopen(f"http://127.0.0.1:{port}/?{urlsplit(browse(field)).query}") as page:
                page.read()
            return str(typer.prompt(field.name, default=field.default, hide_input=field.secret, err=True)).strip()

        ADAPTER.login(home.account(), ask)

    assert CliRunner().invoke(program, [], input="\n").exit_code == 0
    assert len(home.vault.logins) == 1
    assert isinstance(CliRunner().invoke(program, [], input="wrong\n").exception, LoginNeeded)
    assert len(home.vault.logins) == 1


def test_an_idle_connection_neither_blocks_the_page_nor_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Browsers open connections in store; one of them says nothing at all, another half a request."""
    monkeypatch.setattr(redirect, "REQUEST_SECONDS", 60.0)  # so long would the page wait for an idle connection
    port, began = free_port(), monotonic()
    with ExitStack() as stack:
        with waiting(port) as caught:
            for said in (b"", b"GET /?status=suc"):
                idle = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                idle.sendall(said)
            address = f"http://127.0.0.1:{port}/?status=success&request_token=tok&state={caught.state}"
            with urlopen(address, timeout=30) as page:
                assert b"go back" in page.read()
            assert caught.token == "tok"
        assert monotonic() - began < 30
        with waiting(port) as again:  # and the port is free
            assert again.token is None


def test_a_connection_that_asks_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redirect, "REQUEST_SECONDS", 0.2)
    with waiting(port := free_port()), socket.create_connection(("127.0.0.1", port), timeout=3) as idle:
        assert idle.recv(65536).startswith(b"HTTP/1.0 408 ")


def fetched(port: int, query: str, *, host: str = "", method: str = "GET") -> int:
    """The status with which the page answers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, f"/?{query}", headers={"Host": host} if host else {})
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_redirect_without_the_state_of_this_login_is_refused() -> None:
    """Another page leads the browser here, with a token of another account."""
    with waiting(port := free_port()) as caught:
        token = "status=success&request_token=theirs"
        for query in (token, f"{token}&state=", f"{token}&state=guessed", f"{token}&state={caught.state}&state={caught.state}"):
            assert fetched(port, query) == 403
        assert fetched(port, f"{token}&state={caught.state}", host="evil.example") == 421
        assert fetched(port, f"{token}&state={caught.state}", method="POST") == 405
        assert fetched(port, f"status=success&request_token=a%0Ab&state={caught.state}") == 200
        assert fetched(port, f"{token}&request_token=b&state={caught.state}") == 200
        assert caught.token is None
        with waiting(free_port()) as other:
            assert other.state != caught.state
            assert len(other.state) >= 32
        assert fetched(port, f"status=success&request_token=ours&state={caught.state}") == 200
        assert caught.token == "ours"


def test_what_a_page_is_sent_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    with waiting(port := free_port()) as caught, socket.create_connection(("127.0.0.1", port), timeout=30) as rude:
        rude.sendall(f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {1 << 30}\r\n\r\n".encode())
        assert rude.recv(65536).startswith(b"HTTP/1.0 413 ")
        assert caught.token is None


def test_a_pasted_address_of_another_login_is_refused(home: House) -> None:
    def paste(field: Field) -> str:
        return browse(field).replace("state=", "state=x")

    with pytest.raises(LoginNeeded, match="belongs to another login"):
        ADAPTER.login(home.account(), paste)
    assert home.vault.logins == []


def test_a_request_that_cannot_be_read_does_not_end_the_page() -> None:
    with waiting(port := free_port()) as caught:
        for target in ("//[x", "http://[x/?state=a", "/?request_token=%", "//[x]:y/?state=" + "%ff" * 9, "*", ""):
            with socket.create_connection(("127.0.0.1", port), timeout=30) as rude:
                rude.sendall(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
                assert rude.recv(65536)[:10] == b"HTTP/1.0 4", target
        assert fetched(port, f"status=success&request_token=ours&state={caught.state}") == 200
        assert caught.token == "ours"


def test_an_exception_of_the_answer_is_a_bad_request() -> None:
    def answer(request: bytes, _address: str) -> bytes:
        if b"boom" in request:
            raise KeyError("boom")
        return page_of(HTTPStatus.OK)

    server, ended = Loopback(0, answer), Event()
    server.timeout = 0.05

    def serve() -> None:
        while not ended.is_set():
            server.handle_request()

    thread = Thread(target=serve)
    thread.start()
    try:
        assert [fetched(server.server_port, query) for query in ("boom", "fine", "boom", "fine")] == [400, 200, 400, 200]
    finally:
        ended.set()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("pasted", ["https://[half", "http://127.0.0.1]/?state=x", "https://x/?state=\udc80&request_token=a"])
def test_a_pasted_address_that_cannot_be_read_is_refused(home: House, pasted: str) -> None:
    with pytest.raises(LoginNeeded, match="the pasted address cannot be read"):
        ADAPTER.login(home.account(), lambda _field: pasted)
    assert home.vault.logins == []


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_a_taken_port_is_named(home: House) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        home.vault.credentials["redirect_port"] = str(taken.getsockname()[1])
        with pytest.raises(ConfigurationError, match="the program cannot listen on port"):
            ADAPTER.login(home.account(), browse)
