"""How far our clock is from a broker's, by the date in an answer over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.utils import format_datetime

import pytest

from tests.support.http_server import Handler, serving
from tradectl.brokers.http.server_time import skew
from tradectl.clock import SystemClock
from tradectl.errors import BrokerUnavailable

pytestmark = pytest.mark.any_day


@contextmanager
def server(ahead: timedelta | None) -> Iterator[str]:
    """A web server whose clock is ahead of ours by so much; None: it writes no date."""

    class Answer(Handler):
        def respond(self) -> None:
            self.send_response_only(403)
            if ahead is not None:
                self.send_header("Date", format_datetime(SystemClock().machine_now() + ahead, usegmt=True))
            self.end_headers()

    with serving(Answer) as url:
        yield url


@pytest.mark.parametrize("minutes", [-5, 0, 3])
def test_the_difference_is_found_to_about_a_second(minutes: int) -> None:
    with server(timedelta(minutes=minutes)) as url:
        found = skew("house", url, SystemClock())
    assert abs(found - timedelta(minutes=minutes)) < timedelta(seconds=1.5)


def test_nobody_who_tells_the_time_is_an_error() -> None:
    with server(None) as url, pytest.raises(BrokerUnavailable, match="house sends no date"):
        skew("house", url, SystemClock())
    with pytest.raises(BrokerUnavailable):
        skew("house", url, SystemClock())
