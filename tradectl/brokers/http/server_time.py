"""Read the times in a server's HTTP headers: the wait it requests (`Retry-After`) and its own clock (`Date`).

Source: RFC 9110, 10.2.3 (`Retry-After`: a number of seconds, or a date) and 6.6.1 (`Date`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from tradectl.brokers.http.address_family import CONNECT, READ
from tradectl.errors import BrokerUnavailable

if TYPE_CHECKING:
    from tradectl.ports import Clock


def requested_wait(headers: Mapping[str, str], now: datetime) -> float:
    """Return the seconds that a reply's `Retry-After` requests, 0 without a readable one.

    A date is compared with the server's own `Date`, so that a wrong clock of this machine does no harm. Without a `Date` it is
    compared with `now`.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    until = _moment(text)
    if until is None:
        return 0.0
    return max(0.0, (until - (_moment(headers.get("Date", "")) or now)).total_seconds())


def _moment(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, LookupError, ArithmeticError):  # no date, or a zone or year that Python cannot represent
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def skew(name: str, url: str, clock: Clock) -> timedelta:
    """Return the broker's time less this machine's, exact to about a second, because an HTTP date has whole seconds.

    Any reply to the request is enough, also an error.

    Raises:
        BrokerUnavailable: The broker sends no reply, or a reply without a date.
    """
    import requests

    asked = clock.machine_now()
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.head(url, timeout=(CONNECT, READ), allow_redirects=False)
        theirs = parsedate_to_datetime(answer.headers.get("Date", ""))
    except (requests.RequestException, ValueError, LookupError, ArithmeticError) as error:
        raise BrokerUnavailable(f"{name} sends no date: {type(error).__name__}") from error
    ours = asked + (clock.machine_now() - asked) / 2
    return theirs + timedelta(seconds=0.5) - ours
