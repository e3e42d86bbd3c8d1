"""Store what stands for a session: OpenAlgo itself is logged in at its broker by a person each day, and this program has an API
key.

A login checks whether the key is known, whether the server trades for real and whether its broker replies. It is valid until
OpenAlgo's own session ends. A server that is not logged in today is then LoginNeeded before the first order. Where it later
replies that it does not know the key, or is no longer logged in, the next login checks again.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from tradectl.brokers.adapter import BrokerAccount, LoginSession
from tradectl.brokers.openalgo.api import OpenAlgoApi, understood
from tradectl.brokers.openalgo.rows import about_paise
from tradectl.errors import LoginNeeded
from tradectl.model.moment import at_ist, ist_date

ENDS = time(3)
"""When a session of ours ends, in India: our choice, at OpenAlgo's default for its own (03:00)."""


def login(account: BrokerAccount) -> LoginSession:
    """Check the server and store the session.

    Raises:
        LoginNeeded: The key is not known, or the server is not logged in at its broker.
        ConfigurationError: There is no key, or the server is in analyzer mode.
        BrokerUnavailable: The server cannot be reached.
    """
    api = OpenAlgoApi(account)
    api.ask("ping", lambda content: content["data"]["message"])
    api.check_live()
    cash = api.ask("funds", lambda content: content["data"].get("availablecash"))
    if cash is None:  # some of its adapters send no funds where the broker does not know their token
        raise LoginNeeded("the broker behind OpenAlgo reports no funds: log in to it there")
    understood("funds", lambda: about_paise(cash, "availablecash"))
    now = account.clock.now()
    session = LoginSession({}, now, expiry(now))
    account.vault.keep_session(session)
    return session


def expiry(now: datetime) -> datetime:
    """Return the next end of sessions after a moment."""
    today = at_ist(ist_date(now), ENDS).astimezone(UTC)
    return today if now < today else today + timedelta(days=1)
