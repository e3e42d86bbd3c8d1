"""What stands for a session. OpenAlgo owns the login at its broker, which a person makes there each day; we have an API key.

So a login of ours asks whether the key is known, whether the server trades for real and whether its broker answers, and is valid
until OpenAlgo's own session ends. A server that nobody has logged in to today then shows as LoginNeeded before the first order.
Where it says later that it does not know the key, or is no longer logged in, what is stored is over: our next login looks again.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from tradectl.brokers.adapter import Account, Session
from tradectl.brokers.openalgo.api import Api, understood
from tradectl.brokers.openalgo.rows import about_paise
from tradectl.errors import LoginNeeded
from tradectl.model.moment import at_ist, ist_date

ENDS = time(3)
"""When a session of ours ends, in India: our choice, at OpenAlgo's default for its own (03:00)."""


def login(account: Account) -> Session:
    """Look at the server and store the session. LoginNeeded where the key is not known or the server is not logged in at its
    broker, ConfigurationError for a missing key and in analyzer mode, BrokerUnavailable."""
    api = Api(account)
    api.ask("ping", lambda content: content["data"]["message"])
    api.check_live()
    cash = api.ask("funds", lambda content: content["data"].get("availablecash"))
    if cash is None:  # some of its adapters answer no funds at all where the broker does not know their token
        raise LoginNeeded("the broker behind OpenAlgo tells no funds: log in to it there")
    understood("funds", lambda: about_paise(cash, "availablecash"))
    now = account.clock.now()
    session = Session({}, now, expiry(now))
    account.vault.keep_session(session)
    return session


def expiry(now: datetime) -> datetime:
    """The next end of sessions after a moment."""
    today = at_ist(ist_date(now), ENDS).astimezone(UTC)
    return today if now < today else today + timedelta(days=1)
