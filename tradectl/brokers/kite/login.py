"""Turn a login in the browser into a session for the day.

Kite sends the browser back with a request token, which works once and for a few minutes. Together with the app's secret it is
exchanged for an access token. The stock exchange requires that a person logs in each day, so tradectl does not automate the login
(source: kite.trade forum 5512).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from tradectl.brokers.adapter import Ask, BrokerAccount, Field, LoginSession
from tradectl.brokers.http import strict_json
from tradectl.brokers.http.address_family import source_of
from tradectl.brokers.http.transport import Transport
from tradectl.brokers.kite.api import NAME, VERSION
from tradectl.brokers.kite.error_mapping import judge
from tradectl.brokers.kite.redirect import Redirect, token_of, waiting
from tradectl.brokers.kite.rows import parsed
from tradectl.errors import Ambiguous, BrokerUnavailable, ConfigurationError, LoginNeeded, OrderRefused
from tradectl.model.moment import at_ist, ist_date

FLUSH = time(7, 30)
"""The latest time (IST) at which a token ends. Kite ends tokens between 07:00 and 07:30 (source: kite.trade forum).

A login before 07:30 ends at 07:30 of the same day, a later one at 07:30 of the next day. If Kite ends a token earlier, it
replies with status 403.
"""


def login(account: BrokerAccount, ask: Ask) -> LoginSession:
    """Get a request token, exchange it, read the user's name, and store the session.

    Raises:
        LoginNeeded: Kite rejects the request token, or there is none.
        ConfigurationError: The key or the secret is wrong.
        BrokerUnavailable: Kite cannot be reached.
    """
    key, secret = account.vault.require("api_key"), account.vault.require("api_secret")
    request_token = _request_token(account, ask, key)
    source = source_of(account.vault)
    transport = Transport(NAME, judge, clock=account.clock, limiter=account.limiter, timeout=account.timeout, source=source)
    root = account.addresses["api"].rstrip("/")
    checksum = sha256((key + request_token + secret).encode()).hexdigest()
    form = {"api_key": key, "request_token": request_token, "checksum": checksum}
    try:
        reply = transport.command("POST", f"{root}/session/token", bucket="other", side=None, data=form, headers=VERSION)
    except OrderRefused as refusal:
        raise ConfigurationError(f"Kite rejected the API key and secret. It replied: {refusal.reason}") from refusal
    except Ambiguous as error:  # a login may be repeated, so an unknown result counts as a failure
        raise BrokerUnavailable(str(error)) from error
    except LoginNeeded as refusal:
        raise LoginNeeded(f"{refusal}; a request token works once, for some minutes: run `tradectl login` again") from refusal
    access = parsed(reply.content, _access_token)
    headers = {**VERSION, "Authorization": f"token {key}:{access}"}
    profile = transport.read(f"{root}/user/profile", bucket="other", headers=headers)
    now = account.clock.now()
    session = LoginSession({"access_token": access, **parsed(profile.content, _names)}, now, expiry(now))
    account.vault.keep_session(session)
    return session


def login_url(account: BrokerAccount, key: str, state: str) -> str:
    """Return the address of Kite's login page. Kite adds `redirect_params` to the redirect address (source: kite.trade forum
    21101)."""
    query = {"api_key": key, "v": 3, "redirect_params": urlencode({"state": state})}
    return f"{account.addresses['login']}?{urlencode(query)}"


def expiry(now: datetime) -> datetime:
    """Return the end of a session that begins at `now`: the next 07:30 IST."""
    today = at_ist(ist_date(now), FLUSH).astimezone(UTC)
    return today if now < today else today + timedelta(days=1)


def _request_token(account: BrokerAccount, ask: Ask, key: str) -> str:
    """Return the request token: pasted by the user, or caught by the local page if a redirect port is set.

    Raises:
        LoginNeeded: There is no token, or the pasted address belongs to another login.
    """
    port = _port(account)
    if not port:
        state = Redirect().state
        url = login_url(account, key, state)
        token = token_of(ask(Field("request_token", f"log in at {url} and paste the address that the browser then shows")), state)
    else:
        with waiting(port) as caught:
            url = login_url(account, key, caught.state)
            question = f"log in at {url} then press Enter (or paste the address that the browser then shows)"
            token = token_of(ask(Field("request_token", question, default="")), caught.state) or caught.token or ""
    if not token:
        raise LoginNeeded("no request token was entered, so there is no session at Kite: run `tradectl login` again")
    return token


def _port(account: BrokerAccount) -> int:
    text = account.vault.get("redirect_port") or "0"
    if not text.isdigit():
        raise ConfigurationError(f"redirect_port must be a number, not {text!r}")
    return int(text)


def _access_token(data: Any) -> str:
    """Return the access token, which must be visible ASCII, because it is sent in a header. Raises ValueError for others."""
    token = data["access_token"]
    if not isinstance(token, str) or not re.fullmatch(r"[!-~]{1,512}", token):
        raise ValueError("the access token is not valid")
    return token


def _names(data: Any) -> dict[str, str]:
    names = {name: strict_json.brief(strict_json.text_of(data[name])) for name in ("user_id", "user_name")}
    if not all(names.values()):
        raise BrokerUnavailable("Kite's reply names no user")
    return names
