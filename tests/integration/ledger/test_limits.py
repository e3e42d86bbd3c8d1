"""The limits on requests: no period of a limit's length has more, for all processes together."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.ledger.conftest import NOW
from tradectl.errors import RateLimited
from tradectl.ledger.limits import RateLimits
from tradectl.ledger.store import Ledger

LIMITS = {"orders": ((10, 1.0), (40, 60.0)), "quote": ((1, 1.0),)}


class Hands:
    """A machine's clock that is set by hand."""

    virtual = False

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    def machine_now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([0.0, 0.01, 0.3, 1.0, 20.0]), min_size=30, max_size=90))
def test_no_stretch_of_time_has_more_requests_than_the_limit(file_ledger: Ledger, pauses: list[float]) -> None:
    clock, made = Hands(), []
    clock.at += timedelta(days=len(pauses))
    limits = RateLimits(file_ledger.database, "asha", str(hash(tuple(pauses))), LIMITS, clock)
    for pause in pauses:
        clock.sleep(pause)
        limits.take("orders")
        made.append(clock.at)
    for count, seconds in LIMITS["orders"]:
        spans = [(later - first).total_seconds() for first, later in zip(made, made[count:], strict=False)]
        assert all(span >= seconds - 1e-6 for span in spans)


def test_a_spaced_request_does_not_wait(ledger: Ledger) -> None:
    clock = Hands()
    limits = RateLimits(ledger.database, "asha", "kite", LIMITS, clock)
    for _ in range(5):
        before = clock.at
        limits.take("quote")
        assert clock.at == before
        clock.sleep(1.0)
    before = clock.at
    limits.take("quote")
    limits.take("quote")
    assert (clock.at - before).total_seconds() == pytest.approx(1.0)


def test_a_clock_that_goes_back_gives_nothing_away(ledger: Ledger) -> None:
    clock = Hands()
    limits = RateLimits(ledger.database, "asha", "kite", LIMITS, clock)
    limits.take("quote")
    clock.at -= timedelta(hours=1)
    begun = clock.at
    limits.take("quote")
    assert begun + timedelta(seconds=1) <= clock.at < begun + timedelta(seconds=2)


def test_what_is_too_long_to_wait_for_is_given_up(ledger: Ledger) -> None:
    clock = Hands()
    limits = RateLimits(ledger.database, "asha", "kite", {"orders": ((4, 86_400.0),)}, clock)
    limits.take("orders")
    limits.take("orders")
    with pytest.raises(RateLimited, match="the request limit for kite"):
        limits.take("orders")
    assert clock.at == NOW


PROGRAM = """
import sys
from tradectl.clock import SystemClock
from tradectl.ledger.opening import open_database
from tradectl.errors import RateLimited
from tradectl.ledger.limits import RateLimits
database, clock = open_database(sys.argv[1], durable=False), SystemClock()
limits = RateLimits(database, "asha", "kite", {"orders": ((20, 1.0),)}, clock)
for _ in range(10):
    limits.take("orders")
    print(clock.machine_now().timestamp(), flush=True)
"""


def test_two_processes_share_a_limit(file_ledger: Ledger, path: Path) -> None:
    words = [sys.executable, "-c", PROGRAM, f"sqlite:///{path}"]
    workers = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    times = sorted(float(line) for worker in workers for line in worker.communicate(timeout=60)[0].splitlines())
    assert [worker.returncode for worker in workers] == [0, 0]
    assert len(times) == 20
    assert datetime.fromtimestamp(times[0], UTC) < datetime.fromtimestamp(times[-1], UTC) - timedelta(seconds=0.8)
