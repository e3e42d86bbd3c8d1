"""Kotak: how a session is made, kept, and how it ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.brokers.exchange import ist, quiet
from tests.support.brokers.kotak import MakeNeo, Neo, nobody
from tradectl.brokers.kotak_neo import ADAPTER
from tradectl.brokers.kotak_neo.broker import KotakNeoBroker
from tradectl.errors import BrokerUnavailable, ConfigurationError, LoginNeeded, NotWhitelisted, TradectlError
from tradectl.lab.sandboxes.server import Request, Response, Trouble

THURSDAY, FRIDAY = date(2023, 7, 13), date(2023, 7, 14)


def test_the_declaration_alone_loads_nothing_for_requests() -> None:
    code = "import sys; from tradectl.brokers.adapter import adapter; adapter('kotak_neo'); print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "'tradectl.brokers.kotak_neo'" in loaded
    for name in ("requests", "websockets", "pyotp", "tradectl.brokers.http.transport"):
        assert f"'{name}'" not in loaded


def test_a_login_keeps_the_session_with_its_address_and_end(neo: MakeNeo) -> None:
    kotak = neo(quiet("ACME", [THURSDAY, FRIDAY]), at=ist(THURSDAY, "08:00"))
    session = kotak.vault.session()
    assert session is not None
    assert session.tokens["base_url"] == kotak.sandbox.url
    assert session.tokens["token"].startswith("trade-")
    assert (session.logged_in_at, session.expires_at) == (ist(THURSDAY, "08:00"), ist(FRIDAY, "06:00"))
    assert session.seen_ip == "127.0.0.1"
    assert [path for _, path in kotak.sandbox.requests] == [
        "/login/1.0/tradeApiLogin",
        "/login/1.0/tradeApiValidate",
        "/login/1.0/get-client-ip",
    ]


def test_a_login_before_six_ends_on_the_same_morning(neo: MakeNeo) -> None:
    kotak = neo(quiet("ACME", [THURSDAY]), at=ist(THURSDAY, "05:30"))
    session = kotak.vault.session()
    assert session is not None
    assert session.expires_at == ist(THURSDAY, "06:00")


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"totp_secret": "KRSXG5CTMVRXEZLU"}, LoginNeeded, "Invalid TOTP"),
        ({"mpin": "111111"}, LoginNeeded, "Invalid MPIN"),
        ({"ucc": "OTHER"}, LoginNeeded, "UCC"),
        ({"consumer_key": "key-2"}, LoginNeeded, "consumer key"),
        ({"totp_secret": "not a secret!"}, ConfigurationError, "TOTP"),
    ],
)
def test_what_is_wrong_is_refused_and_no_session_is_kept(
    neo: MakeNeo, wrong: dict[str, str], error: type[TradectlError], words: str
) -> None:
    kotak = neo(quiet("ACME", [THURSDAY]), at=ist(THURSDAY, "08:00"))
    other = kotak.with_other(**wrong)
    with pytest.raises(error, match=words):
        ADAPTER.login(other, nobody)
    assert other.vault.session() is None


def test_without_a_secret_the_password_is_asked_for(neo: MakeNeo) -> None:
    kotak = neo(quiet("ACME", [THURSDAY]), at=ist(THURSDAY, "08:00"))
    del kotak.vault.credentials["totp_secret"]
    with pytest.raises(LoginNeeded, match="no person is there"):
        kotak.login()
    with pytest.raises(LoginNeeded, match="Invalid TOTP"):
        ADAPTER.login(kotak.account, lambda _: "000000")


@pytest.mark.parametrize("trouble", [Trouble.UNAVAILABLE, Trouble.MALFORMED, Trouble.LOST, Trouble.BAD_GATEWAY])
def test_a_login_that_failed_on_the_way_is_not_repeated(neo: MakeNeo, trouble: Trouble) -> None:
    kotak = neo(quiet("ACME", [THURSDAY]), at=ist(THURSDAY, "08:00"))
    kotak.sandbox.requests.clear()
    kotak.sandbox.trouble(trouble, path="/login/1.0/tradeApiLogin")
    with pytest.raises(BrokerUnavailable):
        kotak.login()
    assert len(kotak.sandbox.requests) == 1


def test_an_address_that_is_not_safe_is_not_used(neo: MakeNeo) -> None:
    """Tokens go to whatever the login names."""
    kotak = neo(quiet("ACME", [THURSDAY]), at=ist(THURSDAY, "08:00"))
    before = kotak.vault.session()
    data = {"token": "t", "sid": "s", "baseUrl": "http://kotak.example"}
    kotak.sandbox.instead["/login/1.0/tradeApiValidate"] = Response.of({"data": data})
    with pytest.raises(BrokerUnavailable, match="unsafe address"):
        kotak.login()
    assert kotak.vault.session() is before


def test_without_a_session_nothing_is_asked(neo: MakeNeo) -> None:
    kotak = neo(quiet("ACME", [THURSDAY, FRIDAY]), at=ist(THURSDAY, "10:00"))
    session = kotak.vault.stored
    assert session is not None
    for kept in (None, replace(session, expires_at=ist(THURSDAY, "09:59"))):
        kotak.vault.stored = kept
        kotak.sandbox.requests.clear()
        for ask in (kotak.broker.orders, kotak.broker.funds, lambda: kotak.buy(1, 10000), lambda: kotak.broker.cancel("1")):
            with pytest.raises(LoginNeeded, match="`tradectl login`"):
                ask()
        assert kotak.sandbox.requests == []


def test_a_session_that_kotak_has_ended_places_nothing(neo: MakeNeo) -> None:
    kotak = neo(quiet("ACME", [THURSDAY]), at=ist(THURSDAY, "10:00"))
    kotak.broker.quotes(["ACME"])
    kotak.sandbox.auth.end_sessions()
    with pytest.raises(LoginNeeded, match="invalid session token"):
        kotak.buy(1, 10000)
    with pytest.raises(LoginNeeded, match="ended at 2023-07-13 10:00"):
        kotak.broker.orders()
    assert kotak.floor.broker.orders() == ()
    kotak.login()
    assert kotak.order(kotak.buy(1, 9000)).quantity == 1


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/quick/order/rule/ms/place", Response.of({"stCode": 100022, "errMsg": "invalid session token", "stat": "Not_Ok"}, 403)),
        ("/quick/user/orders", Response.of({"stCode": 200032, "errMsg": "wrong base url", "stat": "Not_Ok"})),
        ("/quick/user/orders", Response.of({"stCode": 5204, "errMsg": "Session expired, please re-login", "stat": "Not_Ok"})),
    ],
)
def test_a_session_that_kotak_does_not_know_is_over(neo: MakeNeo, path: str, said: Response) -> None:
    """Else the next `tradectl login` would find it stored, and not log in."""
    kotak = neo(quiet("ACME", [THURSDAY]), at=ist(THURSDAY, "10:00"))
    kotak.sandbox.instead[path] = said
    with pytest.raises(LoginNeeded, match="rejected the session"):
        kotak.buy(1, 10000), kotak.broker.orders(), kotak.broker.funds()
    assert kotak.vault.stored is not None
    assert kotak.vault.stored.expires_at <= kotak.floor.clock.now()
    kotak.sandbox.requests.clear()
    with pytest.raises(LoginNeeded, match="`tradectl login`"):
        kotak.broker.orders()
    assert kotak.sandbox.requests == []


@pytest.mark.parametrize(
    ("path", "ask"),
    [
        ("/quick/user/limits", lambda kotak: kotak.broker.funds()),
        ("/script-details/1.0/masterscrip/file-paths", lambda kotak: kotak.broker.quotes(["ACME"])),
    ],
    ids=["of the account", "of everybody"],
)
def test_a_page_that_stands_before_kotak_ends_no_session(neo: MakeNeo, path: str, ask: Callable[[Neo], Any]) -> None:
    kotak = neo(quiet("ACME", [THURSDAY]), at=ist(THURSDAY, "10:00"))
    kotak.sandbox.instead[path] = Response(403, b"<html>Access Denied</html>", "text/html")
    with pytest.raises(LoginNeeded, match="rejected the session: 403; run `tradectl login --again`"):
        ask(kotak)
    kotak.sandbox.instead.clear()
    ask(kotak)


@pytest.mark.parametrize("ask", [lambda kotak: kotak.broker.orders(), lambda kotak: kotak.buy(1, 9000)], ids=["read", "command"])
def test_a_session_made_meanwhile_by_another_process_is_used(neo: MakeNeo, ask: Callable[[Neo], Any]) -> None:
    kotak = neo(quiet("ACME", [THURSDAY]), at=ist(THURSDAY, "10:00"))
    kotak.broker.quotes(["ACME"])
    old, answer = kotak.vault.stored, kotak.sandbox.answer
    new, tokens = kotak.login(), []
    kotak.vault.stored = old

    def meanwhile(request: Request) -> Response:
        """The other process logs in while this one's request is under way."""
        tokens.append(request.headers["auth"])
        kotak.vault.stored = new
        return answer(request)

    kotak.sandbox.answer = meanwhile
    ask(kotak)
    assert old is not None
    assert tokens[:2] == [old.tokens["token"], new.tokens["token"]]
    assert kotak.vault.stored == new


def test_a_waiting_request_keeps_the_session_it_began_with(neo: MakeNeo) -> None:
    """Never to the address of one session with the token of another, which would be refused at the cost of the newer."""
    kotak = neo(quiet("ACME", [THURSDAY]), at=ist(THURSDAY, "10:00"))
    session = kotak.vault.stored
    assert session is not None
    newer = replace(session, tokens={"sid": "newer", "token": "newer", "base_url": "http://127.0.0.1:1"})

    class Turn:
        def take(self, bucket: str) -> None:
            kotak.vault.stored = newer

    broker = KotakNeoBroker(replace(kotak.account, limiter=Turn()))
    assert broker.orders() == ()
    assert kotak.vault.stored == newer
    broker.close()


def test_orders_come_from_listed_addresses_and_reads_from_any(neo: MakeNeo) -> None:
    kotak = neo(quiet("ACME", [THURSDAY]), at=ist(THURSDAY, "10:00"), allowed=("203.0.113.9",))
    with pytest.raises(NotWhitelisted, match="not whitelisted"):
        kotak.buy(1, 10000)
    assert kotak.broker.orders() == ()
    kotak.sandbox.auth.address = "203.0.113.9"
    with pytest.raises(NotWhitelisted, match="does not match"):
        kotak.buy(1, 10000)
    assert kotak.login().seen_ip == "203.0.113.9"
    kotak.buy(1, 9000)
