"""Check the OpenAlgo server and store a session.

A person logs OpenAlgo in at its broker each day; tradectl has only an API key. So a login here checks that the server accepts the
key, trades for real and gets a reply from its broker. The session is valid until OpenAlgo's own session ends. Thus a server that
is not logged in today raises LoginNeeded before the first order.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from tradectl.brokers.adapter import BrokerAccount, LoginSession
from tradectl.brokers.openalgo.api import OpenAlgoApi, understood
from tradectl.brokers.openalgo.rows import about_paise
from tradectl.errors import LoginNeeded
from tradectl.model.moment import at_ist, ist_date

ENDS = time(3)
"""The time (IST) at which our session ends: our choice, equal to OpenAlgo's default for its own session."""


def login(account: BrokerAccount) -> LoginSession:
    """Check the server and store the session.

    Raises:
        LoginNeeded: The server does not know the key, or is not logged in at its broker.
        ConfigurationError: There is no key, or the server is in analyzer mode.
        BrokerUnavailable: The server cannot be reached.
    """
    api = OpenAlgoApi(account)
    api.ask("ping", lambda content: content["data"]["message"])
    api.check_live()
    cash = api.ask("funds", lambda content: content["data"].get("availablecash"))
    if cash is None:  # some of OpenAlgo's adapters send no funds if the broker rejects their token
        raise LoginNeeded("the broker behind OpenAlgo reports no funds: log OpenAlgo in at its broker, then run `tradectl login`")
    understood("funds", lambda: about_paise(cash, "availablecash"))
    now = account.clock.now()
    session = LoginSession({}, now, expiry(now))
    account.vault.keep_session(session)
    return session


def expiry(now: datetime) -> datetime:
    """Return the end (UTC) of a session that begins at `now`."""
    today = at_ist(ist_date(now), ENDS).astimezone(UTC)
    return today if now < today else today + timedelta(days=1)
