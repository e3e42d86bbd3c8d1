"""Log in to Kotak in two steps.

The one-time password gives a token that can only read. The MPIN gives a token that can trade, and the base address for requests.
Neither step is repeated automatically, because a third wrong password locks the account. The one-time password is made from the
stored secret.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from tradectl.brokers.adapter import Ask, BrokerAccount, Field, LoginSession, Remark
from tradectl.brokers.http.address_family import source_of
from tradectl.brokers.http.strict_json import UNREADABLE
from tradectl.brokers.http.transport import ReadTransport, Transport
from tradectl.brokers.http.value_ranges import brief
from tradectl.brokers.kotak_neo import error_mapping
from tradectl.brokers.kotak_neo.declaration import ADDRESSES
from tradectl.brokers.kotak_neo.paths import CLIENT_IP, FIN_KEY, LOGIN, VALIDATE
from tradectl.errors import Ambiguous, BrokerUnavailable, ConfigurationError, LoginNeeded, TradectlError
from tradectl.model.moment import at_ist, to_ist

if TYPE_CHECKING:
    from pyotp import TOTP

ENDS_AT = time(6)
"""The time (IST) at which a session ends. A guess: Kotak documents none, and brokers end sessions overnight."""
_FEEDS = {"data_center": "dataCenter", "feed_url": "feedUrl", "rt_url": "rtUrl"}
"""Fields of the login's reply that `addresses` needs: the program's name and Kotak's name."""
_VISIBLE = re.compile(r"[!-~]{1,8192}")
"""Text that may go into a header or an address: visible ASCII."""
TOTP_NOW = Field("totp", "The TOTP that is shown now")


def login(account: BrokerAccount, ask: Ask) -> LoginSession:
    """Log in and store the session. Without a stored TOTP secret, `ask` requests the one-time password from the user.

    Raises:
        LoginNeeded: Kotak rejects the password or the MPIN.
        ConfigurationError: The TOTP secret is invalid, or a credential is missing.
        BrokerUnavailable: Kotak cannot be reached.
    """
    vault, now = account.vault, account.clock.now()
    first = _first(account)
    credentials = {"mobileNumber": vault.require("mobile_number"), "ucc": vault.require("ucc"), "totp": _totp(account, ask, now)}
    mpin = vault.require("mpin")
    source = source_of(vault)
    transport = Transport("Kotak", error_mapping.login, clock=account.clock, limiter=account.limiter, source=source)
    try:
        viewing = _step(transport, account, LOGIN, first, credentials)
        second = {**first, "sid": _word(viewing, "sid"), "Auth": _word(viewing, "token")}
        trading = _step(transport, account, VALIDATE, second, {"mpin": mpin})
        tokens = {"token": _word(trading, "token"), "sid": _word(trading, "sid"), "base_url": _base_url(trading)}
        feeds = {name: trading.get(key) for name, key in _FEEDS.items()}
        tokens |= {name: word for name, word in feeds.items() if isinstance(word, str) and _VISIBLE.fullmatch(word)}
        session = LoginSession(tokens, now, ends_at(now), _seen_ip(transport, account, tokens))
    finally:
        transport.close()
    vault.keep_session(session)
    return session


def remarks(account: BrokerAccount) -> Sequence[Remark]:
    """Return the IP address from which Kotak sees this machine, and whether it changed since the login.

    A session is valid only from the address that made it, and orders are accepted only from a registered address.

    Raises:
        LoginNeeded: There is no session. Kotak reports the address only to a logged-in client.
    """
    known, source = current(account), source_of(account.vault)
    transport = ReadTransport("Kotak", error_mapping.login, clock=account.clock, limiter=account.limiter, source=source)
    try:
        seen = _seen_ip(transport, account, known.tokens)
    finally:
        transport.close()
    before = known.seen_ip
    if seen is None:
        return (Remark("Kotak does not report this machine's IP address", fine=False),)
    if before is not None and seen != before:
        moved = f"Kotak sees this machine at {seen}, but the session was made from {before}: run `tradectl login --again`"
        return (Remark(moved, fine=False),)
    return (
        Remark(f"Kotak sees this machine at {seen}"),
        Remark("Kotak does not report whether sells from demat need your TPIN"),
    )


def current(account: BrokerAccount) -> LoginSession:
    """Return the stored session. Raises LoginNeeded if there is none, or if it is past its assumed end."""
    session = account.vault.session()
    if session is None:
        raise LoginNeeded("there is no session at Kotak: run `tradectl login`")
    if account.clock.now() >= session.expires_at:
        raise LoginNeeded(f"the session at Kotak ended at {to_ist(session.expires_at):%Y-%m-%d %H:%M}: run `tradectl login`")
    return session


def ends_at(now: datetime) -> datetime:
    """Return the assumed end of a session that begins now."""
    day = to_ist(now).date()
    ends = at_ist(day, ENDS_AT)
    return ends if ends > now else at_ist(day + timedelta(days=1), ENDS_AT)


def _first(account: BrokerAccount) -> Mapping[str, str]:
    """Return the headers of a request without a session."""
    return {"Authorization": account.vault.require("consumer_key"), "neo-fin-key": FIN_KEY}


def _totp(account: BrokerAccount, ask: Ask, now: datetime) -> str:
    secret = account.vault.get("totp_secret")
    if secret is None:
        return ask(TOTP_NOW).strip()
    return one_time_password(secret, now)


def _step(
    transport: Transport, account: BrokerAccount, path: str, headers: Mapping[str, str], body: Mapping[str, str]
) -> Mapping[str, Any]:
    """Send one login step once, and return the `data` of the reply. Raises BrokerUnavailable if it has none."""
    url = account.addresses.get("login", ADDRESSES["login"]) + path
    try:
        answer = transport.command("POST", url, bucket="reads", side=None, headers=headers, json=body).object()
    except Ambiguous as error:  # unlike an order, a login can safely be sent again
        raise BrokerUnavailable(str(error)) from error
    data = answer.get("data")
    if not isinstance(data, dict):
        raise BrokerUnavailable("Kotak's reply to the login has no data")
    return data


def _word(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not _VISIBLE.fullmatch(value):
        raise BrokerUnavailable(f"Kotak's reply to the login has no {name}")
    return value


def _base_url(data: Mapping[str, Any]) -> str:
    url = _word(data, "baseUrl").rstrip("/")
    if not url.startswith(("https://", "http://127.0.0.1:")):
        raise BrokerUnavailable(f"Kotak's reply to the login has the unsafe address {brief(url)}")
    return url


def _seen_ip(transport: ReadTransport, account: BrokerAccount, tokens: Mapping[str, str]) -> str | None:
    """Return the IP address from which Kotak sees this machine; None if Kotak does not report it.

    Source: `kotakneoapi` 3.0.9, `services/client_ip.py`.
    """
    headers = {"Authorization": account.vault.require("consumer_key"), "Sid": tokens["sid"], "Auth": tokens["token"],
               "accept": "application/json"}  # fmt: skip
    url = account.addresses.get("login", ADDRESSES["login"]) + CLIENT_IP
    try:
        data = transport.read(url, bucket="reads", tries=1, headers=headers).json()["data"]
        return str(ip_address(str(data[0]["ip"])))
    except (TradectlError, *UNREADABLE):
        return None


def one_time_password(secret: str, now: datetime) -> str:
    """Return the one-time password (TOTP) of this moment. Raises ConfigurationError for an invalid secret."""
    return _generator(secret).at(now)


def is_one_time_password(secret: str, given: str, now: datetime) -> bool:
    """Return whether `given` is the one-time password of this moment. Raises ConfigurationError for an invalid secret."""
    return _generator(secret).verify(given, for_time=now)


def _generator(secret: str) -> TOTP:
    import pyotp

    class Totp(pyotp.TOTP):
        min_secret_length_bits = 8  # newer versions of pyotp reject secrets of 80 bits, which are common

    try:
        return Totp(secret.replace(" ", ""))
    except (binascii.Error, ValueError) as error:
        raise ConfigurationError("Kotak's TOTP secret is invalid: it may have only letters and the digits 2 to 7") from error
