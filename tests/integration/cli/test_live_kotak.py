"""A live home at Kotak: what it asks, and a login through the command line at the sandbox, on the machine's clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.cli.conftest import Tradectl
from tests.support.brokers.kotak import CLIENT, credentials
from tradectl.clock import SystemClock
from tradectl.lab.sandboxes.kotak_neo import KotakNeoSandbox
from tradectl.lab.sandboxes.market import MemoryMarket
from tradectl.ports import Broker

pytestmark = pytest.mark.any_day


def nobody() -> Broker:
    raise AssertionError("a login asks nothing of the exchange")


@pytest.fixture
def sandbox() -> Iterator[KotakNeoSandbox]:
    with KotakNeoSandbox(nobody, clock=SystemClock(), market=MemoryMarket, client=CLIENT) as server:
        yield server


@pytest.fixture
def live(tradectl: Tradectl, sandbox: KotakNeoSandbox) -> Tradectl:
    assert tradectl("init", "--mode", "live", "--broker", "kotak_neo").code == 0
    told = "".join(f"{name}={value}\n" for name, value in credentials().items())
    assert tradectl("broker", "set", "kotak_neo", "--address", f"login={sandbox.url}", stdin=told).code == 0
    return tradectl


def test_a_home_at_kotak_logs_in_by_itself(live: Tradectl) -> None:
    """The password is made from the secret: nobody is asked, and nothing secret is said."""
    said = live("login", stdin="")
    assert said.code == 0, said.err
    assert said.out.startswith("logged in at kotak_neo, which reports this machine's address as 127.0.0.1, until ")
    found = live("broker", "status", "--json").object["result"]
    assert (found["logged_in"], found["seen_ip"], found["missing"]) == (True, "127.0.0.1", [])
    shown = said.out + live("broker", "status").out + live("status").out
    for name in ("consumer_key", "totp_secret", "mpin"):
        assert credentials()[name] not in shown


def test_a_wrong_mpin_is_a_login_that_is_needed(live: Tradectl) -> None:
    live("broker", "set", "kotak_neo", stdin="mpin=999999\n")
    said = live("login", stdin="")
    assert (said.code, said.err) == (5, "tradectl: Kotak refused the login: Invalid MPIN\n")


def test_a_home_that_has_not_been_told_is_asked_to(tradectl: Tradectl) -> None:
    assert tradectl("init", "--mode", "live", "--broker", "kotak_neo").code == 0
    found = tradectl("broker", "status", "--json").object["result"]
    assert found["missing"] == ["consumer_key", "mobile_number", "ucc", "totp_secret", "mpin"]
    assert tradectl("login", stdin="").code == 4


def test_the_doctor_names_a_setting_that_lets_nothing_be_asked(live: Tradectl) -> None:
    live("broker", "set", "kotak_neo", stdin="amo_from=4pm\n")
    assert live("login", stdin="").code == 0
    found = {item["check"]: item for item in live("doctor", "--json").object["result"]}
    assert (found["book"]["state"], found["book"]["exit_code"], "4pm" in found["book"]["text"]) == ("wrong", 4, True)
