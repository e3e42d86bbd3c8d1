"""From the browser to a session: the real exchange of tokens, with a sandbox on loopback."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import pytest

from tests.brokers.floor import ist, quiet
from tests.brokers.vault import MemoryVault
from tests.sandbox.zerodha import KEY, SECRET, House, browse, house
from tradectl.brokers.adapter import Field
from tradectl.brokers.kite import ADAPTER
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
    assert (session.logged_in_at, session.expires_at) == (ist(MONDAY, "08:00"), ist(date(2023, 7, 18), "06:00"))
    assert ADAPTER.open(home.account()).orders() == ()


def test_the_token_alone_may_be_pasted(home: House) -> None:
    ADAPTER.login(home.account(), lambda _: f"  {home.sandbox.tokens.request()}\n")
    assert len(home.vault.logins) == 1


def test_a_token_is_taken_once(home: House) -> None:
    token = home.sandbox.tokens.request()
    ADAPTER.login(home.account(), lambda _: token)
    with pytest.raises(LoginNeeded, match="good for some minutes, and once"):
        ADAPTER.login(home.account(), lambda _: token)
    with pytest.raises(LoginNeeded, match="without a request token"):
        ADAPTER.login(home.account(), lambda _: "")
    assert len(home.vault.logins) == 1


@pytest.mark.parametrize(
    "told", [{"api_key": KEY, "api_secret": "wrong"}, {"api_key": "wrong", "api_secret": SECRET}, {"api_key": KEY}]
)
def test_a_wrong_key_or_secret_is_a_matter_of_configuration(home: House, told: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        ADAPTER.login(home.account(vault=MemoryVault(told)), lambda _: home.sandbox.tokens.request())


def test_a_page_on_this_machine_catches_the_token(home: House) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home.vault.told["redirect_port"] = str(port)
    pages = []

    def enter(field: Field) -> str:
        """The browser is led to our page; a login that failed before that changes nothing."""
        token = parse_qs(urlsplit(browse(field)).query)["request_token"][0]
        for query in ("status=error", f"status=success&request_token={token}"):
            with urlopen(f"http://127.0.0.1:{port}/?{query}") as page:
                pages.append(page.read().decode())
        return ""

    ADAPTER.login(home.account(), enter)
    assert len(home.vault.logins) == 1
    assert pages == ["tradectl: this login did not succeed.", "tradectl has what it needs: go back to it."]


def test_a_taken_port_is_named(home: House) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        home.vault.told["redirect_port"] = str(taken.getsockname()[1])
        with pytest.raises(ConfigurationError, match="nobody can listen on port"):
            ADAPTER.login(home.account(), browse)
