"""How far the machine's clock is from a broker's, by the date that every web server writes into its answers."""

from __future__ import annotations

from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from tradectl.brokers.http.transport import CONNECT, READ
from tradectl.errors import BrokerUnavailable

if TYPE_CHECKING:
    from tradectl.ports import Clock


def skew(name: str, url: str, clock: Clock) -> timedelta:
    """The broker's time less ours, to about a second: an HTTP date has no parts of one. Any answer will do, also a refusal.

    BrokerUnavailable where there is none, or it has no date.
    """
    import requests

    asked = clock.machine_now()
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.head(url, timeout=(CONNECT, READ), allow_redirects=False)
        theirs = parsedate_to_datetime(answer.headers.get("Date", ""))
    except (requests.RequestException, ValueError, LookupError, ArithmeticError) as error:
        raise BrokerUnavailable(f"{name} does not tell the time: {type(error).__name__}") from error
    ours = asked + (clock.machine_now() - asked) / 2
    return theirs + timedelta(seconds=0.5) - ours
