"""Make a session from an access token, which a person generates at web.dhan.co. A token ends after 24 hours, or when a new token
is generated.

Source: dhanhq.co/docs/v2/authentication (profile, token validity).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tradectl.brokers.adapter import Ask, BrokerAccount, Field, LoginSession, Remark
from tradectl.brokers.dhan.api import NAME, headers_of, understood
from tradectl.brokers.dhan.error_mapping import judge_read
from tradectl.brokers.http.address_family import source_of
from tradectl.brokers.http.transport import ReadTransport
from tradectl.errors import ConfigurationError, LoginNeeded
from tradectl.model.moment import IST


def login(account: BrokerAccount, ask: Ask) -> LoginSession:
    """Request a token from the user, read the profile with it, and store the session.

    Raises:
        LoginNeeded: Dhan rejects the token.
        ConfigurationError: The token belongs to another client.
        BrokerUnavailable: Dhan cannot be reached.
    """
    client = account.vault.require("client_id")
    web = account.addresses["web"]
    question = f"generate an access token at {web} (My Profile, Access DhanHQ APIs) and paste it"
    token = ask(Field("access_token", question)).strip()
    if not token.isascii() or not token.isprintable() or not token:
        raise LoginNeeded("the text is not an access token of Dhan: run `tradectl login` again")
    how: dict[str, Any] = {"clock": account.clock, "limiter": account.limiter, "source": source_of(account.vault)}
    transport = ReadTransport(NAME, judge_read, timeout=account.timeout, **how)
    try:
        root = account.addresses["api"].rstrip("/")
        reply = transport.read(f"{root}/profile", bucket="other", headers=headers_of(client, token))
    finally:
        transport.close()
    owner, ends = understood("/profile", reply.content, _validity)
    if owner != client:
        raise ConfigurationError(f"the access token belongs to client {owner}, but this home's client_id is {client}")
    session = LoginSession({"access_token": token}, account.clock.now(), ends)
    account.vault.keep_session(session)
    return session


def remarks(profile: Mapping[str, Any]) -> Sequence[Remark]:
    """Return what the profile reports about unattended trading: whether DDPI and the Data APIs are active."""
    ddpi, data = str(profile.get("ddpi")), str(profile.get("dataPlan"))
    return (
        Remark("sells from demat need no TPIN (DDPI is active)")
        if ddpi == "Active"
        else Remark(f"DDPI is {ddpi}: demat sells need your TPIN each day, until you sign a DDPI at Dhan", fine=False),
        Remark("the Data APIs are subscribed")
        if data == "Active"
        else Remark(
            f"the data plan is {data}: without Dhan's (paid) Data APIs tradectl gets no quotes and cannot sell", fine=False
        ),
    )


def _validity(profile: Mapping[str, Any]) -> tuple[str, datetime]:
    """Return the client id, and the end of the token in UTC. Dhan sends it as `30/03/2025 15:37` in IST."""
    day, _, clock = str(profile["tokenValidity"]).partition(" ")
    ends = datetime.fromisoformat(f"{'-'.join(reversed(day.split('/')))} {clock}").replace(tzinfo=IST)
    return str(profile["dhanClientId"]), ends.astimezone(UTC)
