"""Map Kite's replies to errors. After a failed command, the error states whether the order may exist.

`PROOFS` lists the replies that Kite documents as refusals before acceptance. Every other reply is Ambiguous: another status,
OrderException, NetworkException, DataException, GeneralException, an unlisted type, or content in another form.

Sources: pykiteconnect 5.2.0 (types and their usual status), kite.trade documentation and forum (staff: after any reply but a
400 read the order book first).
"""

from __future__ import annotations

import re

from tradectl.brokers.http.replies import CommandKind, Meaning, Proof, proof_of, refused
from tradectl.brokers.http.strict_json import brief, text_of
from tradectl.brokers.http.transport import Reply
from tradectl.errors import Ambiguous, ConfigurationError, LoginNeeded, NotWhitelisted, OrderRefused, TradectlError

_FORUM = "kite.trade forum 41029: after any status but 400 the order book decides"
_TYPES = "kite.trade documentation, exceptions"
PROOFS = (
    Proof(Meaning.AUTHORISATION, frozenset({400}), "kite.trade forum 8716",
          text=r"quantity needs authori[sz]ation at (the )?depository"),
    Proof(Meaning.REFUSED, frozenset({400}), f"{_TYPES}; {_FORUM}", code="InputException"),
    Proof(Meaning.FUNDS, frozenset({400}), f"{_TYPES}; kiteconnect-mocks autoslice_response.json", code="MarginException"),
    Proof(Meaning.HOLDINGS, frozenset({400}), f"{_TYPES}; {_FORUM}", code="HoldingException"),
    Proof(Meaning.REFUSED, frozenset({400}), f"{_TYPES}; {_FORUM}", code="UserException"),
    Proof(Meaning.SESSION, frozenset({403}), f"{_TYPES}; pykiteconnect (403)", code="TokenException"),
    Proof(Meaning.PERMISSION, frozenset({403}), "pykiteconnect (403); public repositories, 2026", code="PermissionException"),
)  # fmt: skip
"""The replies that prove that nothing was done.

A refused change is an InputException too (forum 7489). OrderException is not listed: Kite also sends it for "a corrupt fetch"
after it accepted an order.
"""

_IP = re.compile(r"\bIPs?\b")
_UNLISTED = re.compile(r"\bIPs?\b.*(allow|list|permit|regist)|(allow|list|permit|regist|static).*\bIPs?\b", re.IGNORECASE)
"""No source has the type and the message of the refusal of an unlisted address. So these count as such a refusal: a
PermissionException that names an IP, and any other error in `PROOFS` whose message is about an IP that is not listed, allowed,
permitted or registered."""
_LIST_IT = (
    "No order is sent until you list the IP above at developers.kite.trade. If it is an IPv6 and the "
    "listed IP is an IPv4, `tradectl broker set kite` with connect_by=ipv4 uses it"
)
_CODES = (
    (re.compile(r"insufficient funds|margin exceeds", re.IGNORECASE), "funds"),
    (re.compile(r"insufficient (stock )?holdings?|holding quantity", re.IGNORECASE), "holdings"),
    (re.compile(r"markets? (is|are) closed|after market order|\bAMO\b", re.IGNORECASE), "phase"),
    (re.compile(r"maximum allowed order modifications", re.IGNORECASE), "modifications"),
    (re.compile(r"cannot be (modified|cancelled) as it is being processed", re.IGNORECASE), "finished"),
    (re.compile(r"authori[sz]ation at (the )?depository", re.IGNORECASE), "authorisation"),
    (re.compile(r"circuit limit", re.IGNORECASE), "band"),
    (re.compile(r"tick size", re.IGNORECASE), "tick"),
)
"""The reason code of a refusal, by a pattern in its message. The first match counts."""


def judge(reply: Reply, command: CommandKind = CommandKind.PLACE) -> TradectlError | None:
    """Return the error of a reply: None for a success, Ambiguous for every failure without a row in `PROOFS`."""
    content = reply.object()
    if reply.status < 300 and content.get("status") == "success" and "data" in content:
        return None
    word, message = text_of(content.get("error_type")), text_of(content.get("message"))
    found = None
    if content.get("status") == "error" and message and not content.get("data"):
        found = proof_of(PROOFS, reply.status, {word}, message, command, content=content)
    word, message = brief(word), brief(message)
    if found is None:
        return Ambiguous(f"Kite replied {reply.status} {word} {message}".rstrip())
    if _UNLISTED.search(message) or (found.meaning is Meaning.PERMISSION and _IP.search(message)):
        return NotWhitelisted(f"Kite accepts orders from listed addresses only: {message}. {_LIST_IT}")
    if found.meaning is Meaning.SESSION:
        return LoginNeeded(f"Kite rejected the session: {message}; run `tradectl login`")
    if found.meaning is Meaning.PERMISSION:
        return ConfigurationError(f"Kite does not permit this: {message}")
    return refusal(message) if found.meaning is Meaning.REFUSED else refused(found.meaning, message)


def judge_change(reply: Reply) -> TradectlError | None:
    """Return the error of the reply to a modification or a cancellation, None for a success."""
    return judge(reply, CommandKind.CHANGE)


def judge_list(reply: Reply) -> TradectlError | None:
    """Return the error of the reply to a request for a list of instruments, None for CSV."""
    if reply.status == 200 and reply.content.startswith(b"instrument_token,"):
        return None
    return judge(reply) or Ambiguous("Kite's list of instruments cannot be read")


def refusal(message: str, raw_message: str = "") -> OrderRefused:
    """Return a refusal with Kite's message. `raw_message` is more text of Kite in which the reason code is searched."""
    words = f"{message} {raw_message}"
    code = next((code for pattern, code in _CODES if pattern.search(words)), "refused")
    return OrderRefused(message, code=code, passing=code == "funds")
