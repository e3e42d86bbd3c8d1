"""The dead-man's pings against a server on the loopback that speaks the convention of healthchecks.io, also a bad one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from uuid import UUID

import pytest

from tests.integration.notify.checks import SECRET, Checks, checks_server
from tradectl.clock import stopwatch
from tradectl.errors import UsageError
from tradectl.notify import healthchecks
from tradectl.notify.healthchecks import HealthchecksPings, address_of, check_address


@pytest.fixture
def checks() -> Iterator[Checks]:
    with checks_server() as found:
        yield found


def test_a_run_reports_start_and_exit_code_with_one_run_id(checks: Checks) -> None:
    pings = HealthchecksPings(lambda: checks.url)
    for code in (0, 11):
        pings.start("buy")
        pings.end("buy", code, f"buy: completed, exit code {code}")
        assert pings.finish() == ""
    assert checks.pings == ["/start", "/0", "/start", "/11"]
    runs = [str(UUID(run)) for _, run, _ in checks.received]
    assert (runs[0] == runs[1], runs[2] == runs[3], runs[0] == runs[2]) == (True, True, False)
    assert [body for _, _, body in checks.received] == ["", "buy: completed, exit code 0", "", "buy: completed, exit code 11"]


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://hc-ping.com/KEY/{task}", "https://hc-ping.com/KEY/amo-adjust/start?rid=1"),
        ("https://hc-ping.com/KEY/{task}?create=1", "https://hc-ping.com/KEY/amo-adjust/start?create=1&rid=1"),
        (f"http://me:word@checks.example:8000/ping/{SECRET}/", f"http://me:word@checks.example:8000/ping/{SECRET}/start?rid=1"),
    ],
)
def test_the_address_may_name_the_task(url: str, found: str) -> None:
    check_address(url)
    assert address_of(url, "amo-adjust", "start", "1") == found


@pytest.mark.parametrize("url", ["hc-ping.com/KEY", "ftp://x/KEY", "https://", "https://x/a b", "https://x/{name}", ""])
def test_an_address_that_cannot_work_is_refused_unshown(url: str) -> None:
    with pytest.raises(UsageError) as raised:
        check_address(url)
    assert "KEY/{task}" in str(raised.value) or "braces" in str(raised.value)


@pytest.mark.parametrize(
    ("answer", "said"),
    [((503, "busy"), "replied 503"), ((404, "not found"), "replied 404"), ((200, "OK (not found)"), "not found")],
)
def test_a_refused_ping_is_named_without_the_secret(checks: Checks, answer: tuple[int, str], said: str) -> None:
    checks.answer = answer
    pings = HealthchecksPings(lambda: checks.url)
    pings.start("buy")
    pings.end("buy", 0, "")
    trouble = pings.finish()
    assert said in trouble
    assert SECRET not in trouble


def test_a_server_that_is_down_raises_nothing() -> None:
    pings = HealthchecksPings(lambda: f"http://127.0.0.1:9/{SECRET}")
    pings.start("buy")
    pings.end("buy", 0, "")
    trouble = pings.finish()
    assert "cannot be reached" in trouble
    assert SECRET not in trouble


def test_a_server_that_hangs_delays_no_task(checks: Checks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(healthchecks, "END_SECONDS", 0.2)
    checks.hangs = threading.Event()
    pings = HealthchecksPings(lambda: checks.url)
    began = stopwatch()
    pings.start("buy")
    pings.end("buy", 0, "")
    pings.start("eod")
    assert stopwatch() - began < healthchecks.SECONDS
    assert "did not reply within" in pings.finish()
    checks.hangs.set()
    checks.hangs, checks.received = None, []
    pings.start("buy")
    monkeypatch.setattr(healthchecks, "END_SECONDS", 30)
    pings.end("buy", 0, "")
    assert pings.finish() == ""
    assert {"/start", "/0"} <= set(checks.pings)  # the server may still record the pings that hung
